"""All claims in one table, each effect on one axis that claims in different units can share."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from helpers.report.gallery_parts import (
    anchor,
    badge,
    effect_words,
    interval_words,
    paper_words,
    pill,
    scale_words,
    study_address,
)
from helpers.report.gallery_run import FinishedRun, GalleryStudy

LIMIT = 6.0  # half-widths; what lies further out is drawn as an arrow at the edge
_WIDTH, _HEIGHT, _EDGE = 260, 26, 10.0  # CSS pixels
Judged = tuple[FinishedRun, dict[str, Any]]


def overview(studies: Sequence[GalleryStudy]) -> str:
    """The table, claims judged on real data first.

    Args:
        studies: with their runs, the leading one first. A claim has a row for each corpus: of its leading run there.
    """
    parts = []
    for simulated, heading in ((False, "On real data"), (True, "On simulated data")):
        groups = [_study_rows(study, simulated) for study in studies]
        if any(groups):
            kind = "simulated" if simulated else "real"
            parts.append(
                f'<h3 id="claims-{kind}">{heading}</h3><table class="overview" role="table" '
                f'aria-labelledby="claims-{kind}">{_HEAD}{"".join(groups)}</table>'
            )
    return "".join(parts)


def strengths(verdict: dict[str, Any]) -> tuple[float, float, float] | None:
    """Lower end, effect and upper end, as distances from the line to clear.

    The line is nought, or minus the margin that was stated beforehand; the unit is half the width of the verdict's own
    95 % interval, so that every interval is two long, and one that keeps clear of the line begins at least one away.

    Returns:
        None where there is no interval, or one without width.
    """
    if verdict["low"] is None or verdict["high"] <= verdict["low"]:
        return None
    half = (verdict["high"] - verdict["low"]) / 2
    low, effect, high = ((verdict[key] + verdict["margin"]) / half for key in ("low", "effect", "high"))
    return low, effect, high


def strength_picture(verdict: dict[str, Any], words: str) -> str:
    """An inline SVG: the zone in which nothing is decided, the line, and the interval (see :func:`strengths`)."""
    middle = _HEIGHT / 2
    parts = [
        f'<rect class="zone" x="{_x(-1)}" y="0" width="{_x(1) - _x(-1)}" height="{_HEIGHT}"/>',
        f'<line class="nought" x1="{_x(0)}" x2="{_x(0)}" y1="0" y2="{_HEIGHT}"/>',
    ]
    found = strengths(verdict)
    if found is not None:
        low, effect, high = found
        parts.append(f'<line class="whisker" x1="{_x(low)}" x2="{_x(high)}" y1="{middle}" y2="{middle}"/>')
        parts += [_end(end, middle) for end in (low, high)]
        if abs(effect) <= LIMIT:
            parts.append(f'<circle class="dot" cx="{_x(effect)}" cy="{middle}" r="4.5"/>')
    return (
        f'<svg class="interval {html.escape(verdict["word"])}" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{html.escape(words)}">{"".join(parts)}</svg>'
    )


def _x(strength: float) -> float:
    share = (min(max(strength, -LIMIT), LIMIT) + LIMIT) / (2 * LIMIT)
    return round(_EDGE + share * (_WIDTH - 2 * _EDGE), 1)


def _end(strength: float, middle: float) -> str:
    """The end of a bar, or an arrow where it goes on beyond the edge."""
    at = _x(strength)
    if abs(strength) <= LIMIT:
        return f'<line class="whisker" x1="{at}" x2="{at}" y1="{middle - 4}" y2="{middle + 4}"/>'
    back = at - 7 if strength > 0 else at + 7
    return f'<path class="whisker" d="M{back} {middle - 5}L{at} {middle}L{back} {middle + 5}" fill="none"/>'


def _axis() -> str:
    ticks = "".join(
        f'<line x1="{_x(t)}" x2="{_x(t)}" y1="16" y2="20"/><text x="{_x(t)}" y="12">{_sign(t)}</text>'
        for t in (-6, -4, -2, 0, 2, 4, 6)
    )
    return (
        f'<svg class="axis" viewBox="0 0 {_WIDTH} 20" aria-hidden="true"><line x1="{_x(-6)}" x2="{_x(6)}" y1="20" '
        f'y2="20"/>{ticks}</svg>'
    )


def _sign(tick: int) -> str:
    return f"{tick:+d}".replace("-", "−") if tick else "0"


_HEAD = (
    '<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">claim, and data</th>'
    '<th role="columnheader" scope="col" class="plot"><span>against · in half-widths of its interval · for</span>'
    f'{_axis()}</th><th role="columnheader" scope="col">effect (95 % CI), in its own unit</th>'
    '<th role="columnheader" scope="col">verdict</th></tr></thead>'
)


def _study_rows(study: GalleryStudy, simulated: bool) -> str:
    """The rows of a study's claims on data of that kind; empty where there are none."""
    claims: dict[str, list[Judged]] = {}
    for run in study.runs:
        if run.simulated == simulated:
            for verdict in run.verdicts:
                judged = claims.setdefault(verdict["claim"], [])
                if run.corpus not in [other.corpus for other, _ in judged]:
                    judged.append((run, verdict))
    if not claims:
        return ""
    name = f'<a href="{study_address(study.name)}">{html.escape(study.title)}</a>'
    rows = "".join(_claim_rows(judged) for judged in claims.values())
    kind = "simulated" if simulated else "real"
    return (
        f'<tbody role="rowgroup" id="{anchor(f"claims-{kind}", study.name)}"><tr role="row" class="study">'
        f'<th role="rowheader" scope="rowgroup" colspan="4">{name}</th></tr>{rows}</tbody>'
    )


def _claim_rows(judged: Sequence[Judged]) -> str:
    """A claim's statement, and a row for each corpus."""
    first = judged[0][1]
    statement = (
        f'<tr role="row" class="statement"><th role="rowheader" scope="colgroup" colspan="4">'
        f'{html.escape(first["statement"])} <span class="quiet">{html.escape(first["metric"])}. '
        f"{html.escape(paper_words(first))}</span></th></tr>"
    )
    return statement + "".join(_row(run, verdict) for run, verdict in judged)


def _row(run: FinishedRun, verdict: dict[str, Any]) -> str:
    words = effect_words(verdict)
    if strengths(verdict) is None:
        drawn = f'<span class="quiet">{html.escape(interval_words(verdict))}</span>'
    else:
        drawn = strength_picture(verdict, f"{run.corpus}: {words}, {verdict['word']}")
    return (
        f'<tr role="row"><th role="rowheader" scope="row" class="where">{html.escape(run.corpus)} '
        f'{badge(run.simulated)}<span class="quiet">{html.escape(scale_words(run))}</span></th>'
        f'<td role="cell" class="plot">{drawn}</td><td role="cell" class="numbers">{html.escape(words)}</td>'
        f'<td role="cell">{pill(verdict["word"])}</td></tr>'
    )
