"""The gallery of results: one page, a row a study, that asks nothing of any other address."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from helpers.report.gallery_interval import interval_picture, shared_range
from helpers.report.gallery_style import STYLE

_SIGNS = {"supported": "+", "contradicted": "−", "inconclusive": "?"}
_FILES = (
    ("notebook.html", "executed notebook"),
    ("results.parquet", "results (Parquet)"),
    ("provenance.json", "provenance"),
    ("params.yaml", "parameters"),
)


@dataclass(frozen=True)
class FinishedRun:
    """One finished run.

    Attributes:
        folder: where it lies.
        study, title, paper: of the study.
        scale, corpus, simulated, seeds: as it was run.
        changed: parameters that differ from the file of the scale, such as ``("epochs=1",)``.
        verdicts: as :class:`helpers.evaluation.claims.Verdict` writes them.
        notes: sentences that a reader must know.
        picture, alt: PNG file of the key figure and its text; None where there is none.
        seconds: wall time. mebibytes: peak memory.
        started: UTC.
        dirty: whether code was changed and not committed. earlier_code: whether the code has changed since.
        seed_values: the seeds themselves. code: version of the code, as provenance names it.
    """

    folder: Path
    study: str
    title: str
    paper: str
    scale: str
    corpus: str
    simulated: bool
    seeds: int
    changed: tuple[str, ...]
    verdicts: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]
    picture: Path | None
    alt: str
    seconds: float
    mebibytes: float
    started: datetime
    dirty: bool
    earlier_code: bool
    seed_values: tuple[int, ...] = ()
    code: str = ""


@dataclass(frozen=True)
class GalleryStudy:
    """One study, with its finished runs.

    Attributes:
        name, title: of the study.
        paper, link: its citation, and a web address of the paper (anything else is not linked).
        claims: statements, shown where it has not run yet.
        cost: of a quick run, in words.
        runs: the leading one first.
    """

    name: str
    title: str
    paper: str
    link: str
    claims: tuple[str, ...]
    cost: str
    runs: tuple[FinishedRun, ...]


def gallery_page(studies: Sequence[GalleryStudy], damaged: int, made: datetime) -> str:
    """The page, studies that have run first.

    Args:
        studies: all studies of the catalogue.
        damaged: folders that look like runs but are not whole.
        made: UTC.
    """
    ran = [study for study in studies if study.runs]
    waiting = [study for study in studies if not study.runs]
    rows = "".join(map(_study, [*ran, *waiting]))
    runs = sum(len(study.runs) for study in studies)
    foot = f"<p>Made {made:%Y-%m-%d %H:%M} UTC from {_count(runs, 'finished run')}.</p>"
    if damaged:
        foot += f"<p>{_count(damaged, 'folder')} skipped: a file of the run is missing or damaged.</p>"
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><title>Pretext Studies: results</title>'
        f'<link rel="icon" href="data:,"><style>{STYLE}</style></head><body>'
        '<a class="skip" href="#studies">Skip to the studies</a>'
        "<header><h1>Pretext Studies</h1><p>Published self-supervised-learning studies, run again. Each ends in a "
        f"verdict on its paper’s claim.</p>{_overview(ran)}{_LEGEND if ran else ''}</header>"
        f'<main id="studies">{rows}</main><footer>{foot}</footer></body></html>\n'
    )


_LEGEND = (
    '<details class="legend"><summary>How to read a verdict</summary><p>The dot is the effect: the mean paired '
    "difference between method and baseline, signed so that right of the solid line speaks for the claim. The bar is "
    "its 95 % confidence interval. A dashed line is a margin that was stated beforehand: “no worse than” holds "
    "where the whole bar lies right of it. <b>Supported</b>: the bar lies right of the line; <b>contradicted</b>: "
    "left of it; <b>inconclusive</b>: it does not say, which is always so for a single seed or fold (open dot). A "
    "verdict on simulated data is about the mechanism, never about the paper’s corpus.</p></details>"
)


def _overview(ran: Sequence[GalleryStudy]) -> str:
    """One line a study that has run, with its leading verdicts, to jump to."""
    items = ""
    for study in ran:
        lead = study.runs[0]
        words = "".join(_pill(verdict["word"]) for verdict in lead.verdicts)
        on = f'<span class="quiet">{html.escape(lead.corpus)} {_badge(lead)} {html.escape(lead.scale)}</span>'
        items += f'<li><a href="#{_anchor(study.name)}">{html.escape(study.title)}</a>{on}{words}</li>'
    return f'<nav aria-label="Studies that have run"><ul>{items}</ul></nav>' if items else ""


def _study(study: GalleryStudy) -> str:
    paper = html.escape(study.paper)
    if study.link.startswith(("https://", "http://")):
        paper = f'<a href="{html.escape(study.link)}" rel="noreferrer">{paper}</a>'
    head = f'<h2 id="{_anchor(study.name)}">{html.escape(study.title)}</h2><p class="paper">{paper}</p>'
    if not study.runs:
        claims = "".join(f"<li>{html.escape(claim)}</li>" for claim in study.claims)
        cost = f" ({html.escape(study.cost)})" if study.cost else ""
        how = f'<p class="quiet">Not run yet: <code>studies run {html.escape(study.name)}</code>{cost}</p>'
        return f'<article class="waiting">{head}<ul class="claims">{claims}</ul>{how}</article>'
    lead = study.runs[0]
    judged = {verdict["claim"]: verdict for run in reversed(study.runs) for verdict in reversed(run.verdicts)}
    first = [verdict["claim"] for run in study.runs for verdict in run.verdicts]
    body = "".join(_claim(judged[claim], study.runs) for claim in dict.fromkeys(first))
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in lead.notes)
    notes = f'<ul class="notes">{notes}</ul>' if notes else ""
    result = f'<div class="result">{_picture(lead)}<div>{body}{notes}</div></div>'
    return f"<article>{head}{result}{_runs(study.runs)}</article>"


def _claim(lead: dict[str, Any], runs: Sequence[FinishedRun]) -> str:
    """A claim and what each run says of it, drawn to one scale."""
    found = [(run, v) for run in runs for v in run.verdicts if v["claim"] == lead["claim"]]
    span = shared_range(v for _, v in found)
    rows = [_forest_row(run, v, span, _how(v) if _how(v) != _how(lead) else "") for run, v in found]
    rest = ""
    if len(rows) > 6:
        more = "".join(rows[6:])
        rest = f"<details><summary>{len(rows) - 6} more</summary><ul class='forest'>{more}</ul></details>"
    paper = f"Paper: {lead['paper_figure']}. " if lead["paper_figure"] else "The paper gives no number. "
    here = f"Here: {lead['metric']}, {_how(lead)}."
    return (
        f'<section class="claim"><h3>{html.escape(lead["statement"])}</h3>'
        f'<p class="quiet">{html.escape(paper + here)}</p>'
        f'<ul class="forest">{"".join(rows[:6])}</ul>{rest}</section>'
    )


def _forest_row(run: FinishedRun, verdict: dict[str, Any], span: tuple[float, float], how: str) -> str:
    words = _effect_words(verdict)
    how = f'<span class="quiet">{html.escape(how)}</span>' if how else ""
    return (
        f'<li><span class="where">{html.escape(run.corpus)} {_badge(run)}'
        f'<span class="quiet">{html.escape(_scale_words(run))}</span></span>'
        f"{interval_picture(verdict, span, f'{run.corpus}: {words}')}"
        f'<span class="said">{_pill(verdict["word"])}<span class="numbers">{html.escape(words)}</span>{how}</span></li>'
    )


def _runs(runs: Sequence[FinishedRun]) -> str:
    """A row a run: what it cost, when it was, and where its files are."""
    rows = "".join(
        f'<tr><th scope="row" class="short">{html.escape(run.corpus)} {_badge(run)}</th>'
        f'<td data-is="scale">{html.escape(_scale_words(run, at_most=99))}</td>'
        f'<td class="short" data-is="seeds">{run.seeds}</td>'
        f'<td class="short" data-is="time">{_duration(run.seconds)}</td>'
        f'<td class="short" data-is="peak memory">{_memory(run.mebibytes)}</td><td data-is="date">{_date(run)}</td>'
        f'<td data-is="files">{_links(run)}</td></tr>'
        for run in runs
    )
    head = "".join(
        f'<th scope="col">{word}</th>'
        for word in ("corpus", "scale", "seeds", "time", "peak memory", "started (UTC)", "files")
    )
    return f'<table class="runs"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _picture(run: FinishedRun) -> str:
    if run.picture is None:
        return ""
    data = base64.b64encode(run.picture.read_bytes()).decode()
    caption = f"{html.escape(run.corpus)} {_badge(run)} {html.escape(_scale_words(run))}"
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{html.escape(run.alt)}" loading="lazy">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _links(run: FinishedRun) -> str:
    start = f"{quote(run.study)}/{quote(run.folder.name)}"
    return " ".join(
        f'<a href="{start}/{name}" aria-label="{html.escape(f"{words}: {run.study}, {run.corpus}, {run.scale}")}">'
        f"{words}</a>"
        for name, words in _FILES
        if (run.folder / name).is_file()
    )


def _anchor(name: str) -> str:
    return f"study-{quote(name, safe='')}"


def _pill(word: str) -> str:
    return f'<span class="pill {html.escape(word)}"><b aria-hidden="true">{_SIGNS[word]}</b> {html.escape(word)}</span>'


def _badge(run: FinishedRun) -> str:
    word = "simulated" if run.simulated else "real"
    return f'<span class="badge {word}">{word}</span>'


def _scale_words(run: FinishedRun, at_most: int = 2) -> str:
    """The scale, and what was run otherwise than its file has it; of many such parameters, the first few."""
    more = len(run.changed) - at_most
    rest = [f"and {more} other changes"] if more > 1 else list(run.changed[at_most:])
    return ", ".join([run.scale, *run.changed[:at_most], *rest])


def _effect_words(verdict: dict[str, Any]) -> str:
    """Effect and interval, to the digits that the interval's width warrants."""
    if verdict["low"] is None:
        return f"{verdict['effect']:+.3f}".replace("-", "−")
    width = verdict["high"] - verdict["low"]
    digits = 3 if width >= 0.004 or width == 0 else 4
    effect, low, high = (f"{verdict[key]:+.{digits}f}" for key in ("effect", "low", "high"))
    return f"{effect} ({low} to {high})".replace("-", "−")


def _how(verdict: dict[str, Any]) -> str:
    """Which interval it is, over how many pairs, and the margin."""
    margin = f"; margin {verdict['margin']:g}, stated beforehand" if verdict["margin"] else ""
    if verdict["low"] is None:
        return f"no interval ({verdict['interval'].removeprefix('none: ')}){margin}"
    return f"95 % CI ({verdict['interval']}, {_count(verdict['pairs'], 'pair')}){margin}"


def _date(run: FinishedRun) -> str:
    flags = [words for words, on in (("code not committed", run.dirty), ("earlier code", run.earlier_code)) if on]
    more = f'<span class="quiet">{", ".join(flags)}</span>' if flags else ""
    return f'<time datetime="{run.started.isoformat()}">{run.started:%Y-%m-%d %H:%M}</time> {more}'


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _memory(mebibytes: float) -> str:
    return f"{mebibytes:.0f} MiB" if mebibytes < 1024 else f"{mebibytes / 1024:.1f} GiB"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"
