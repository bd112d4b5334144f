"""What every command that starts runs shares: how many side by side, the live view, the end, the gallery."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from helpers.cli_console import coloured, duration, new_table, open_console, plain
from helpers.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from helpers.runs.attempt import Progress
    from helpers.runs.launcher import Launcher
    from helpers.runs.planning import PlannedRun

MEMORY = 2 * 2**30  # bytes that a run may need
_GOOD = ("done", "already")


def fitting_workers(runs: Sequence[PlannedRun]) -> int:
    """Runs side by side that the cores and the memory carry."""
    import psutil

    widest = max((run.cores for run in runs), default=1)
    fitting = min((os.cpu_count() or 1) // widest, psutil.virtual_memory().available // MEMORY)
    return max(1, fitting)


def crowded(runs: Sequence[PlannedRun]) -> bool:
    """Whether several runs ask for more cores than there are."""
    return len(runs) > 1 and sum(run.cores for run in runs) > (os.cpu_count() or 1)


def run_and_show(runs: Sequence[PlannedRun], launcher: Launcher) -> list[Progress]:
    """See runs through, showing where each stands."""
    from helpers.runs.live import LiveView

    with LiveView(runs, open_console()) as view:
        return launcher.run(runs, view.update)


def all_good(ended: Sequence[Progress]) -> bool:
    """Whether every run is done, now or before."""
    return all(now.state in _GOOD for now in ended)


def show_end(runs: Sequence[PlannedRun], ended: Sequence[Progress]) -> None:
    """A line a run: how it ended; then those that failed, each with the first line of why."""
    from helpers.runs.planning import shown
    from helpers.runs.summary import verdict_words

    varied = any(run.detail for run in runs)
    table = new_table("study", "scale", "corpus", *(["varied"] if varied else []), "verdict", "time", "folder")
    for run, now in zip(runs, ended, strict=True):
        words: list[str] = verdict_words(run.folder) if now.state in _GOOD else [now.state]
        time = "already done" if now.state == "already" else duration(now.seconds)
        table.add_row(
            plain(run.study, "bold"),
            run.parameters.scale,
            plain(run.parameters.corpus),
            *([plain(run.detail)] if varied else []),
            coloured(words),
            time + (f", attempt {now.attempt}" if now.attempt > 1 else ""),
            plain(shown(now.folder) if now.folder else ""),
        )
    console = open_console()
    console.print(table)
    bad = [(run, now) for run, now in zip(runs, ended, strict=True) if now.state not in _GOOD]
    for run, now in bad:
        console.print(plain(f"{now.state}: {run.label}: {now.message}", "red"), soft_wrap=True)
    if len(runs) > 1:
        console.print(f"{len(runs) - len(bad)} of {len(runs)} runs are done")


def show_gallery() -> bool:
    """Make the gallery of results anew and say where it is; False, with one line, where it cannot be written."""
    from helpers.runs.finished import write_gallery
    from helpers.runs.planning import shown

    try:
        open_console().print(plain(f"gallery: {shown(write_gallery())}"), soft_wrap=True)
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        return False
    return True
