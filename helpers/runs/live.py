"""Where several runs stand, shown while they run: a table that moves on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from helpers.runs.attempt import Progress
from helpers.runs.planning import PlannedRun, shown

_QUIET_SECONDS = 20.0  # between two plain lines on the same run
_STYLE = {
    "done": "green",
    "already": "green",
    "failed": "red",
    "stopped": "yellow",
    "lost": "yellow",
    "waiting": "dim",
    "running": "",
}


class LiveView:
    """Shows runs while they run; use as a context manager and call :meth:`update`."""

    def __init__(self, runs: Sequence[PlannedRun], console: Console) -> None:
        self._runs, self._console = runs, console
        self._live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        self._said: dict[int, str] = {}
        self._when: dict[int, float] = {}

    def __enter__(self) -> LiveView:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, progress: Sequence[Progress]) -> None:
        """Show where each run stands."""
        for i, (run, now) in enumerate(zip(self._runs, progress, strict=True)):
            self._say(i, run, now)
        if self._live is not None:
            self._live.update(self._table(progress))

    def _say(self, i: int, run: PlannedRun, now: Progress) -> None:
        """A line when a run starts and ends; without a terminal, also as it moves on."""
        line = _line(run, now)
        state = now.state
        if state == "waiting" or (self._said.get(i) == state and (state != "running" or self._live is not None)):
            return
        if self._said.get(i) == state and time.monotonic() - self._when[i] < _QUIET_SECONDS:
            return
        if state == "running" and self._live is not None:
            return
        self._said[i], self._when[i] = state, time.monotonic()
        self._console.print(Text(line, style=_STYLE[state]), soft_wrap=True)

    def _table(self, progress: Sequence[Progress]) -> Table:
        table = Table.grid(padding=(0, 2))
        for run, now in zip(self._runs, progress, strict=True):
            if now.state == "running":
                share = share_done(now)
                clock = f"{int(now.seconds) // 60}:{int(now.seconds) % 60:02d}"
                table.add_row(Text(run.label), ProgressBar(100, 100 * share, width=24), clock, Text(step_words(now)))
        states = [now.state for now in progress]
        counts = {
            "done": states.count("done") + states.count("already"),
            "failed": states.count("failed"),
            "waiting": states.count("waiting"),
        }
        words = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
        if words and len(states) > 1:
            table.add_row(Text(words, style="dim"), "", "", "")
        return table


def share_done(now: Progress) -> float:
    """Share of the run that is done, as far as cells and steps tell, in [0, 1]."""
    if not now.cells:
        return 0.0
    within = min(now.done / now.total, 1.0) if now.total else 0.0
    return min((max(now.cell - 1, 0) + within) / now.cells, 1.0)


def step_words(now: Progress) -> str:
    """Which cell and which step a run is at, for a person."""
    cell = f"cell {now.cell} of {now.cells}" if now.cells else ""
    count = f"{now.label} {now.done}/{now.total}" if now.total else now.label
    return ", ".join(part for part in (cell, count) if part)


def _line(run: PlannedRun, now: Progress) -> str:
    if now.state == "already":
        return f"already done: {run.label} ({shown(run.folder)}); --force runs it again"
    if now.state == "running":
        return f"running: {run.label}, {int(now.seconds)} s, {step_words(now)}"
    if now.state == "done":
        return f"done: {run.label} in {now.seconds:.0f} s ({shown(run.folder)})"
    if now.state == "lost":
        return f"lost: {run.label}: {now.message}; trying again"
    left = f" ({shown(now.folder)})" if now.folder is not None else ""
    return f"{now.state}: {run.label}: {now.message}{left}"
