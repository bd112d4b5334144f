"""A study's own page in the gallery: its claims over all kinds of run, and every finished run, latest first."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from helpers.report.gallery_interval import interval_picture, shared_range
from helpers.report.gallery_parts import (
    anchor,
    badge,
    count,
    date,
    duration,
    effect_words,
    file_links,
    image,
    interval_words,
    memory,
    page,
    paper_line,
    paper_words,
    pill,
    scale_words,
    scroll_box,
    value_words,
)
from helpers.report.gallery_run import FinishedRun, GalleryStudy

RUNS_SHOWN = 24  # runs in full; of more, `studies results` tells


def study_page(
    study: GalleryStudy, every: Sequence[FinishedRun], compared: str, changes: Mapping[str, str], made: datetime
) -> str:
    """The page.

    Args:
        study: with the newest run of each kind, the leading one first.
        every: all its finished runs, latest first.
        compared: HTML, runs side by side.
        changes: name of a run's folder -> HTML, what changed since the run before.
        made: UTC.
    """
    judged = {verdict["claim"]: verdict for run in reversed(study.runs) for verdict in reversed(run.verdicts)}
    first = [verdict["claim"] for run in study.runs for verdict in run.verdicts]
    claims = "".join(_claim(judged[claim], study.runs) for claim in dict.fromkeys(first))
    runs = "".join(_run(run, changes.get(run.folder.name, "")) for run in every[:RUNS_SHOWN])
    if len(every) > RUNS_SHOWN:
        left = count(len(every) - RUNS_SHOWN, "earlier run")
        runs += f'<p class="quiet">{left} not shown; <code>studies results --study {html.escape(study.name)}</code></p>'
    side = f'<section id="compared"><h2>Runs side by side</h2>{compared}</section>' if compared else ""
    return page(
        f"{study.title}: Pretext Studies",
        f'<header><p class="back"><a href="../index.html">All studies</a></p><h1>{html.escape(study.title)}</h1>'
        f"{paper_line(study)}</header>"
        f'<main id="results"><section id="claims"><h2>Claims</h2>{_LEGEND}{claims}</section>{side}'
        f'<section id="runs"><h2>Every run, latest first</h2>{runs}</section></main>'
        f"<footer><p>Made {made:%Y-%m-%d %H:%M} UTC from {count(len(every), 'finished run')}.</p></footer>",
        "results",
    )


_LEGEND = (
    '<details class="legend"><summary>How to read a verdict</summary><p>The dot is the effect: the mean paired '
    "difference between method and baseline, signed so that right of the solid line speaks for the claim. The bar is "
    "its 95 % confidence interval. All runs of one claim are drawn to one scale. A dashed line is a margin that was "
    "stated beforehand: “no worse than” holds where the whole bar lies right of it. <b>Supported</b>: the bar lies "
    "right of the line; <b>contradicted</b>: left of it; <b>inconclusive</b>: it does not say, which is always so for "
    "a single seed or fold (open dot). A verdict on simulated data is about the mechanism, never about the paper’s "
    "corpus.</p></details>"
)


def _claim(lead: dict[str, Any], runs: Sequence[FinishedRun]) -> str:
    """A claim and what each kind of run says of it, drawn to one scale."""
    found = [(run, v) for run in runs for v in run.verdicts if v["claim"] == lead["claim"]]
    span = shared_range(v for _, v in found)
    how = interval_words(lead)
    here = f"{paper_words(lead)} Here: {lead['metric']}, {how}."
    rows = [_forest_row(run, v, span, interval_words(v) if interval_words(v) != how else "") for run, v in found]
    rest = ""
    if len(rows) > 6:
        more = "".join(rows[6:])
        rest = f"<details><summary>{len(rows) - 6} more</summary><ul class='forest'>{more}</ul></details>"
    return (
        f'<section class="claim"><h3>{html.escape(lead["statement"])}</h3>'
        f'<p class="quiet">{html.escape(here)}</p>'
        f'<ul class="forest">{"".join(rows[:6])}</ul>{rest}</section>'
    )


def _forest_row(run: FinishedRun, verdict: dict[str, Any], span: tuple[float, float], how: str) -> str:
    words = effect_words(verdict)
    how = f'<span class="quiet">{html.escape(how)}</span>' if how else ""
    where = f"#{anchor('run', run.folder.name)}"
    return (
        f'<li><span class="where"><a href="{where}">{html.escape(run.corpus)}</a> {badge(run.simulated)}'
        f'<span class="quiet">{html.escape(scale_words(run))}</span></span>'
        f"{interval_picture(verdict, span, f'{run.corpus}: {words}')}"
        f'<span class="said">{pill(verdict["word"])}<span class="numbers">{html.escape(words)}</span>{how}</span></li>'
    )


def _run(run: FinishedRun, changed: str) -> str:
    """One run: what it was, what it found, its key figure, and what it was made from."""
    seeds = count(run.seeds, "seed")
    verdicts = "".join(
        f"<li>{html.escape(v['statement'])}<br>{pill(v['word'])} <span class=numbers>{html.escape(effect_words(v))}"
        f'</span> <span class="quiet">{html.escape(interval_words(v))}</span></li>'
        for v in run.verdicts
    )
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in run.notes)
    notes = f'<ul class="notes">{notes}</ul>' if notes else ""
    what = f"{run.corpus}, {run.scale}, {run.started:%Y-%m-%d %H:%M}"
    details = [("What changed since the run before", changed)]
    details += [("Parameters", _facts(run.parameters, f"Parameters: {what}"))]
    details += [("Provenance", _facts(_flat(run.provenance), f"Provenance: {what}"))]
    folded = "".join(f"<details><summary>{words}</summary>{content}</details>" for words, content in details if content)
    start = quote(run.folder.name)
    return (
        f'<article id="{anchor("run", run.folder.name)}"><h3>{html.escape(run.corpus)} {badge(run.simulated)} '
        f"{html.escape(scale_words(run, at_most=99))}</h3>"
        f'<p class="quiet">{date(run)} · {seeds} · {duration(run.seconds)} · {memory(run.mebibytes)} at most · run '
        f"<code>{html.escape(run.folder.name)}</code></p>"
        f'<p class="files">{file_links(run, start)}</p>'
        f'<div class="result">{_picture(run, start)}<div>'
        f'<ul class="verdicts">{verdicts}</ul>{notes}</div></div>{folded}</article>'
    )


def _picture(run: FinishedRun, start: str) -> str:
    """The key figure from the run's own folder, beside which this page lies."""
    if run.picture is None:
        return ""
    where = f"{start}/{quote(run.picture.relative_to(run.folder.resolve()).as_posix())}"
    return f"<figure>{image(where, run.picture, run.alt)}</figure>"


def _facts(facts: Mapping[str, Any], name: str) -> str:
    """A table of names and values in a box of its own; empty where there are none."""
    rows = "".join(
        f'<tr><th scope="row">{html.escape(str(key))}</th><td>{html.escape(value_words(value))}</td></tr>'
        for key, value in facts.items()
    )
    return scroll_box(f'<table class="facts"><tbody>{rows}</tbody></table>', name) if rows else ""


def _flat(nested: Mapping[str, Any]) -> dict[str, Any]:
    """``{"code": {"commit": …}}`` as ``{"code: commit": …}``."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        inside = {f"{key}: {name}": one for name, one in value.items()} if isinstance(value, Mapping) else {key: value}
        flat |= inside
    return flat
