"""Runs of one study beside one another, and what changed from one to the next, for its page in the gallery."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from helpers.report.gallery_parts import (
    anchor,
    badge,
    duration,
    effect_words,
    memory,
    pill,
    scroll_box,
    value_words,
)
from helpers.report.gallery_run import FinishedRun

if TYPE_CHECKING:
    from helpers.report.run_difference import Change, RunDifference

SIDES = 12  # runs beside one another
_NUMBERS = 12  # of those that differ, the most different
_KINDS = ("parameters", "data", "code", "packages", "machine", "cost")


def runs_side_by_side(runs: Sequence[FinishedRun]) -> str:
    """A table, a column a run: how it was run, the parameters that are not the same in all, and its verdicts.

    Args:
        runs: of one study, latest first; at most :data:`SIDES` of them are shown.

    Returns:
        HTML; empty where there are not two.
    """
    shown = list(runs[:SIDES])
    if len(shown) < 2:
        return ""
    named = "".join(
        f'<th scope="col"><a href="#{anchor("run", run.folder.name)}">{html.escape(run.folder.name)}</a></th>'
        for run in shown
    )
    rows = [
        _row("corpus", [f"{html.escape(run.corpus)} {badge(run.simulated)}" for run in shown]),
        _row("scale", [html.escape(run.scale) for run in shown]),
        _row("started (UTC)", [f"{run.started:%Y-%m-%d %H:%M}" for run in shown]),
        _row("time", [duration(run.seconds) for run in shown]),
        _row("peak memory", [memory(run.mebibytes) for run in shown]),
        _row("code", [html.escape(run.code) for run in shown]),
        *_parameter_rows(shown),
    ]
    claims = {verdict["claim"]: verdict["statement"] for run in reversed(shown) for verdict in run.verdicts}
    rows += [
        _row(statement, [_verdict_cell(run, claim) for run in shown], "claim") for claim, statement in claims.items()
    ]
    table = f'<table class="sides"><thead><tr><th></th>{named}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    more = f"The latest {SIDES} of {len(runs)}. " if len(runs) > SIDES else ""
    return (
        f"{scroll_box(table, 'Runs side by side')}"
        f'<p class="quiet">{more}Parameters are shown that are not the same in all of them. Any two in full: '
        f"<code>studies compare RUN RUN</code></p>"
    )


def _parameter_rows(runs: Sequence[FinishedRun]) -> Iterable[str]:
    for name in dict.fromkeys(name for run in runs for name in run.parameters):
        values = [value_words(run.parameters[name]) if name in run.parameters else "absent" for run in runs]
        if len(set(values)) > 1 and name not in ("corpus", "scale"):
            yield _row(name, [html.escape(value) for value in values])


def _verdict_cell(run: FinishedRun, claim: str) -> str:
    found = next((verdict for verdict in run.verdicts if verdict["claim"] == claim), None)
    return f"{html.escape(effect_words(found))}<br>{pill(found['word'])}" if found else "not judged"


def _row(name: str, cells: Sequence[str], kind: str = "") -> str:
    inside = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr class="{kind}"><th scope="row">{html.escape(name)}</th>{inside}</tr>'


def run_before(run: FinishedRun, runs: Sequence[FinishedRun]) -> FinishedRun | None:
    """The run that a reader compares it with: the last one before it, on the same corpus and at its scale where any is.

    Args:
        run: one of ``runs``.
        runs: of one study.
    """
    earlier = [other for other in runs if other.started < run.started]
    return max(
        earlier, key=lambda other: (other.corpus == run.corpus, other.scale == run.scale, other.started), default=None
    )


def difference_words(found: RunDifference) -> str:
    """What changed, as HTML: values that are not the same, what is, and the numbers that differ most."""
    before = found.before.folder.name
    rows = "".join(_change(kind, change) for kind in _KINDS for change in getattr(found, kind))
    same = [kind for kind in _KINDS[:-1] if not getattr(found, kind)]
    alike = f'<p class="quiet">The same: {", ".join(same)}.</p>' if same else ""
    return (
        f'<p class="quiet">Since run <a href="#{anchor("run", before)}">{html.escape(before)}</a>:</p>'
        f"{_table(('what', '', 'before', 'now'), rows, f'Changed since {before}')}{alike}{_numbers(found)}"
    )


def _numbers(found: RunDifference) -> str:
    if found.same_numbers:
        return '<p class="quiet">All recorded numbers are the same, bit for bit.</p>'
    differing = found.numbers[~(found.numbers["difference"].abs() == 0)]
    rows = "".join(_number(row) for row in differing.head(_NUMBERS).to_dict("records"))
    rest = len(differing) - _NUMBERS
    more = f"{rest} more differ; " if rest > 0 else ""
    same = len(found.numbers) - len(differing)
    heads = ("method", "condition", "labels", "metric", "before", "now", "difference")
    table = _table(heads, rows, f"Numbers that differ from {found.before.folder.name}")
    return f'{table}<p class="quiet">Means over seeds and folds; {more}{same} are the same.</p>'


def _number(row: dict[str, Any]) -> str:
    metric = row["metric"] if row["split"] in ("test", "") else f"{row['metric']} ({row['split']})"
    cells = [row["method"], row["condition"], _digits(row["label_fraction"]), metric]
    cells += [_digits(row["before"], "absent"), _digits(row["after"], "absent"), _digits(row["difference"], sign="+")]
    return f"<tr>{''.join(f'<td>{html.escape(str(cell))}</td>' for cell in cells)}</tr>"


def _digits(value: float, absent: str = "", sign: str = "") -> str:
    return absent if math.isnan(value) else f"{value:{sign}.4g}".replace("-", "−")


def _change(kind: str, change: Change) -> str:
    sides = ("absent" if value is None else value_words(value) for value in (change.before, change.after))
    cells = "".join(f"<td>{html.escape(words)}</td>" for words in (change.name, *sides))
    return f'<tr><th scope="row">{kind}</th>{cells}</tr>'


def _table(heads: Sequence[str], rows: str, name: str) -> str:
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{word}</th>' for word in heads)
    return scroll_box(f'<table class="changes"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>', name)
