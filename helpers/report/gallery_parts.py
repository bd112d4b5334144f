"""What the gallery's pages are put together from: the frame of a page, badges, and numbers in words."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any
from urllib.parse import quote

from helpers.report.gallery_run import FinishedRun, GalleryStudy
from helpers.report.gallery_style import STYLE

_SIGNS = {"supported": "+", "contradicted": "−", "inconclusive": "?"}
_FILES = (
    ("notebook.html", "executed notebook"),
    ("notebook.ipynb", "as .ipynb"),
    ("results.parquet", "results (Parquet)"),
    ("provenance.json", "provenance"),
    ("params.yaml", "parameters"),
)


def page(title: str, body: str, main: str) -> str:
    """A whole page.

    Args:
        title: in plain text.
        body: HTML.
        main: id of the element that "skip to" leads to.
    """
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{html.escape(title)}</title>'
        f'<link rel="icon" href="data:,"><style>{STYLE}</style></head><body>'
        f'<a class="skip" href="#{main}">Skip to the results</a>{body}</body></html>\n'
    )


def study_address(name: str) -> str:
    """Where a study's own page lies, from the first page."""
    return f"{quote(name, safe='')}/index.html"


def anchor(kind: str, name: str) -> str:
    """An id that any name may have, also one with spaces and brackets."""
    return f"{kind}-{quote(name, safe='')}"


def paper_line(study: GalleryStudy) -> str:
    """The citation, linked where there is a web address."""
    paper = html.escape(study.paper)
    if study.link.startswith(("https://", "http://")):
        paper = f'<a href="{html.escape(study.link)}" rel="noreferrer">{paper}</a>'
    return f'<p class="paper">{paper}</p>'


def pill(word: str) -> str:
    """A verdict's word."""
    return f'<span class="pill {html.escape(word)}"><b aria-hidden="true">{_SIGNS[word]}</b> {html.escape(word)}</span>'


def badge(simulated: bool) -> str:
    """Whether data are real or simulated."""
    word = "simulated" if simulated else "real"
    return f'<span class="badge {word}">{word}</span>'


def scroll_box(content: str, name: str) -> str:
    """A box in which what is too wide scrolls, by keyboard too."""
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{html.escape(name)}">{content}</div>'


def file_links(run: FinishedRun, start: str) -> str:
    """Links to the files of a run that are there.

    Args:
        run: whose.
        start: the run's folder as an address, from the page.
    """
    named = f"{run.study}, {run.corpus}, {run.scale}"
    return " ".join(
        f'<a href="{start}/{name}" aria-label="{html.escape(f"{words}: {named}")}">{words}</a>'
        for name, words in _FILES
        if (run.folder / name).is_file()
    )


def scale_words(run: FinishedRun, at_most: int = 2) -> str:
    """The scale, and what was run otherwise than its file has it; of many such parameters, the first few."""
    more = len(run.changed) - at_most
    rest = [f"and {more} other changes"] if more > 1 else list(run.changed[at_most:])
    return ", ".join([run.scale, *run.changed[:at_most], *rest])


def effect_words(verdict: dict[str, Any]) -> str:
    """Effect and interval, to the digits that the interval's width warrants; what is not nought does not read as it."""
    numbers = [verdict["effect"], *(verdict[end] for end in ("low", "high") if verdict["low"] is not None)]
    width = max(numbers) - min(numbers)
    digits = 3 if width >= 0.004 or width == 0 else 4
    while digits < 6 and any(number and not round(number, digits) for number in numbers):
        digits += 1
    effect, *ends = (f"{number:+.{digits}f}".replace("-", "−") for number in numbers)
    return f"{effect} ({' to '.join(ends)})" if ends else effect


def interval_words(verdict: dict[str, Any]) -> str:
    """Which interval it is, over how many pairs, and the margin."""
    margin = f"; margin {verdict['margin']:g}, stated beforehand" if verdict["margin"] else ""
    if verdict["low"] is None:
        return f"no interval ({verdict['interval'].removeprefix('none: ')}){margin}"
    return f"95 % CI ({verdict['interval']}, {count(verdict['pairs'], 'pair')}){margin}"


def paper_words(verdict: dict[str, Any]) -> str:
    """The paper's own number."""
    return f"Paper: {verdict['paper_figure']}." if verdict["paper_figure"] else "The paper gives no number."


def date(run: FinishedRun) -> str:
    """When a run started, and what is to be known of its code."""
    flags = [words for words, on in (("code not committed", run.dirty), ("earlier code", run.earlier_code)) if on]
    when = f'<time datetime="{run.started.isoformat()}">{run.started:%Y-%m-%d %H:%M}</time> UTC'
    return " · ".join([when, *flags])


def image(address: str, picture: Path, alt: str) -> str:
    """An ``<img>`` that has its place on the page before it is loaded.

    Args:
        address: of the picture.
        picture: the PNG file itself.
        alt: what it shows.
    """
    with picture.open("rb") as file:
        head = file.read(24)
    width, height = (int.from_bytes(head[at : at + 4], "big") for at in (16, 20))
    size = f' width="{width}" height="{height}"' if len(head) == 24 and head[12:16] == b"IHDR" else ""
    return f'<img src="{html.escape(address)}" alt="{html.escape(alt)}"{size} loading="lazy">'


def duration(seconds: float) -> str:
    """Such as ``"8.4 min"``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def memory(mebibytes: float) -> str:
    """Such as ``"812 MiB"``."""
    return f"{mebibytes:.0f} MiB" if mebibytes < 1024 else f"{mebibytes / 1024:.1f} GiB"


def count(n: int, noun: str) -> str:
    """Such as ``"2 runs"``."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def value_words(value: Any) -> str:
    """A parameter's value as a reader would write it."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return "not known" if value is None else str(value) or "–"
