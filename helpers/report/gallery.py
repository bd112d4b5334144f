"""The gallery's first page: every claim with its verdict, every study with its key figure, nothing from outside."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from datetime import datetime

from helpers.report.gallery_overview import overview
from helpers.report.gallery_parts import (
    anchor,
    badge,
    count,
    image,
    page,
    paper_line,
    pill,
    scale_words,
    study_address,
)
from helpers.report.gallery_run import FinishedRun, GalleryStudy


def gallery_page(studies: Sequence[GalleryStudy], damaged: int, made: datetime) -> str:
    """The page, studies that have run first.

    Args:
        studies: all studies of the catalogue.
        damaged: folders that look like runs but are not whole.
        made: UTC.
    """
    ran = [study for study in studies if study.runs]
    waiting = [study for study in studies if not study.runs]
    cards = "".join(map(_ran, ran)) + "".join(map(_waiting, waiting))
    runs = sum(len(study.runs) for study in studies)
    foot = f"<p>Made {made:%Y-%m-%d %H:%M} UTC from {count(runs, 'finished run')}, the newest of each kind.</p>"
    if damaged:
        foot += f"<p>{count(damaged, 'folder')} skipped: a file of the run is missing or damaged.</p>"
    claims = f'<section id="claims"><h2>Claims and verdicts</h2>{_LEGEND}{overview(ran)}</section>' if ran else ""
    return page(
        "Pretext Studies: results",
        "<header><h1>Pretext Studies</h1><p>Published self-supervised-learning studies, run again. Each ends in a "
        f"verdict on its paper’s claim.</p>{_tally(ran, len(studies))}</header>"
        f'<main id="results">{claims}<section id="studies"><h2>Studies</h2><div class="cards">{cards}</div></section>'
        f"</main><footer>{foot}</footer>",
        "results",
    )


_LEGEND = (
    '<details class="legend"><summary>How to read this</summary><p>Claims come in different units, so here each '
    "effect is drawn in half-widths of its own 95 % confidence interval, from the line that the claim has to clear: "
    "nought, or for “no worse than” minus the margin that was stated beforehand. Right of the line speaks for the "
    "claim. A dot inside the shaded zone has an interval that reaches the line. The picture thus shows how well an "
    "effect is told from the line, not how large it is: that is the number beside it, in the claim’s own unit. An "
    "arrow goes on beyond the edge. <b>Supported</b>: the interval lies right of the line, also after Holm’s "
    "correction for the study’s other claims; <b>contradicted</b>: left of it; <b>inconclusive</b>: neither, which "
    "is always so for a single seed or fold. A verdict on simulated data is about the mechanism, "
    "never about the paper’s corpus.</p></details>"
)


def _tally(ran: Sequence[GalleryStudy], studies: int) -> str:
    """How many studies have run, and how their leading runs ended."""
    if not ran:
        return ""
    words = [verdict["word"] for study in ran for verdict in study.runs[0].verdicts]
    said = " ".join(f"{pill(word)} {words.count(word)}" for word in dict.fromkeys(sorted(words, reverse=True)))
    return f'<p class="tally">{len(ran)} of {count(studies, "study").replace("studys", "studies")} run: {said}</p>'


def _ran(study: GalleryStudy) -> str:
    """A card with the leading run's key figure and verdicts."""
    lead = study.runs[0]
    where = study_address(study.name)
    verdicts = "".join(
        f"<li>{pill(verdict['word'])} {html.escape(verdict['statement'])}</li>" for verdict in lead.verdicts
    )
    return (
        f'<article id="{anchor("study", study.name)}"><h3><a href="{where}">{html.escape(study.title)}</a></h3>'
        f"{paper_line(study)}{_picture(lead)}"
        f'<p class="on">{html.escape(lead.corpus)} {badge(lead.simulated)} {html.escape(scale_words(lead))}</p>'
        f'<ul class="verdicts">{verdicts}</ul>'
        f'<p class="quiet">{count(len(study.runs), "kind")} of run: <a href="{where}" '
        f'aria-label="{html.escape(f"all runs of {study.title}")}">all runs, side by side</a></p></article>'
    )


def _waiting(study: GalleryStudy) -> str:
    claims = "".join(f"<li>{html.escape(claim)}</li>" for claim in study.claims)
    cost = f" ({html.escape(study.cost)})" if study.cost else ""
    return (
        f'<article class="waiting" id="{anchor("study", study.name)}"><h3>{html.escape(study.title)}</h3>'
        f'{paper_line(study)}<ul class="claims">{claims}</ul>'
        f'<p class="quiet">Not run yet: <code>studies run {html.escape(study.name)}</code>{cost}</p></article>'
    )


def _picture(run: FinishedRun) -> str:
    if run.picture is None:
        return ""
    data = base64.b64encode(run.picture.read_bytes()).decode()
    return image(f"data:image/png;base64,{data}", run.picture, run.alt)
