"""All studies in one small table for a notebook: what each claims, and how its last run ended."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from helpers.report.gallery_parts import effect_words, scale_words
from helpers.report.gallery_run import FinishedRun, GalleryStudy


@dataclass(frozen=True)
class StudiesTable:
    """Shows as a table in a notebook and as lines elsewhere; everything shown is escaped."""

    studies: tuple[GalleryStudy, ...]

    def _repr_html_(self) -> str:
        left = 'style="text-align:left;vertical-align:top"'
        rows = "".join(
            f"<tr><td {left}><code>{html.escape(study.name)}</code></td><td {left}>{html.escape(study.title)}</td>"
            f"<td {left}>{'<br>'.join(map(html.escape, claims_of(study)))}</td>"
            f"<td {left}>{'<br>'.join(map(html.escape, last_verdicts(study)))}</td>"
            f"<td {left}>{html.escape(study.cost)}</td></tr>"
            for study in self.studies
        )
        heads = "".join(f"<th {left}>{word}</th>" for word in ("study", "title", "claims", "last verdict", "quick"))
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"

    def __repr__(self) -> str:
        lines = []
        for study in self.studies:
            lines += [f"{study.name}: {study.title}", *(f"  {claim}" for claim in claims_of(study))]
            lines += [f"  -> {words}" for words in last_verdicts(study)]
        return "\n".join(lines)


def claims_of(study: GalleryStudy) -> Sequence[str]:
    """Statements of its claims."""
    return study.claims or [verdict["statement"] for run in study.runs[:1] for verdict in run.verdicts]


def last_run(study: GalleryStudy) -> FinishedRun | None:
    """The run that was started last."""
    return max(study.runs, key=lambda run: run.started, default=None)


def last_verdicts(study: GalleryStudy) -> list[str]:
    """A line a claim of the last run, such as ``"supported: +0.012 (+0.004 to +0.021)"``, and what it was run on."""
    run = last_run(study)
    if run is None:
        return ["not run yet"]
    kind = "simulated" if run.simulated else "real"
    lines = [f"{verdict['word']}: {effect_words(verdict)}" for verdict in run.verdicts]
    return [*lines, f"on {run.corpus} ({kind}), {scale_words(run)}"]
