"""``studies sweep``: many runs from one file, on this machine or on a Dask cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from helpers.cli_console import duration, new_table, open_console, plain
from helpers.cli_runs import all_good, fitting_workers, run_and_show, show_end, show_gallery
from helpers.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from helpers.runs.launcher import Launcher
    from helpers.runs.planning import PlannedRun


def sweep(
    file: Annotated[Path, typer.Argument(metavar="FILE.yaml", help="what to run; see params/sweeps/")],
    launcher: Annotated[str, typer.Option(help="local (processes here) or dask")] = "local",
    scheduler: Annotated[
        str | None,
        typer.Option(help="address of a Dask scheduler, such as tcp://host:8786; else a cluster is made here"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="runs side by side; as many as the cores carry, if not given")
    ] = None,
    retries: Annotated[int, typer.Option(min=0, help="further attempts at a run that was killed")] = 2,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show the plan, run nothing")] = False,
    force: Annotated[bool, typer.Option("--force", help="run again what is done")] = False,
    timeout: Annotated[float | None, typer.Option(min=0.001, help="minutes after which a run is stopped")] = None,
) -> None:
    """Run a grid of studies, scales, corpora, seeds and parameters; asked again, only what is missing runs.

    A file holds studies (names, or all) and, as wanted, scales, corpora (names,
    or built_in), seeds (0-4: a run each), label_fractions (a run each), set
    (parameters of all runs), grid (parameter: values; a run a combination), runs
    (parameters that belong together; a run each) and minutes (time limit of a
    run); or a list of such blocks. Runs have one worker unless the file says so.

    A run whose process was killed is tried again. One that goes wrong is not: it
    stops no other and is named at the end, and the exit code is 1. A run with
    device cuda holds one GPU.

    On a cluster: start a Dask scheduler and workers with this project installed
    and the outputs folder on a disk that all share; by hand (dask scheduler; dask
    worker tcp://host:8786 --nthreads 1), with dask-jobqueue (SLURM) or with
    dask-kubernetes. Then give --launcher dask --scheduler ADDRESS. Where there
    are GPUs, start a worker for each: CUDA_VISIBLE_DEVICES=0 dask worker …
    --nthreads 1 --resources GPU=1.
    """
    from helpers.runs.sweep_file import planned_sweep

    if launcher not in ("local", "dask"):
        raise StudyError(f"--launcher: {launcher!r} is unknown; allowed: local, dask")
    if scheduler is not None and launcher != "dask":
        raise StudyError("--scheduler: goes with --launcher dask")
    runs = planned_sweep(file, timeout)
    side_by_side = workers or fitting_workers(runs)
    show_plan(runs, force, None if scheduler else side_by_side)
    if dry_run:
        return
    ended = run_and_show(runs, _launcher(launcher, scheduler, side_by_side, force, retries))
    show_end(runs, ended)
    gallery = show_gallery()
    if not (gallery and all_good(ended)):
        raise typer.Exit(1)


def _launcher(kind: str, scheduler: str | None, workers: int, force: bool, retries: int) -> Launcher:
    if kind == "dask":
        from helpers.runs.dask_launcher import DaskLauncher

        return DaskLauncher(scheduler, workers, force, retries, open_console().print)
    from helpers.runs.launcher import LocalLauncher

    return LocalLauncher(workers, force, retries=retries)


def show_plan(runs: Sequence[PlannedRun], force: bool, workers: int | None) -> None:
    """A line a run: what it is, whether it is done, and how long it is expected to take; and the sum.

    Args:
        runs: the plan.
        force: whether what is done is run again.
        workers: runs side by side; None where a cluster decides.
    """
    from helpers.runs.estimate import estimates, total_seconds

    done = [run.done and not force for run in runs]
    found = estimates(runs)
    table = new_table("", "study", "scale", "corpus", "varied", "state", "expected")
    for number, (run, is_done, one) in enumerate(zip(runs, done, found, strict=True), start=1):
        expected = "" if is_done else f"{duration(one.seconds)} ({one.source})"
        state = plain("done", "green") if is_done else plain("to do")
        corpus = plain(run.parameters.corpus)
        table.add_row(
            str(number), plain(run.study, "bold"), run.parameters.scale, corpus, plain(run.detail), state, expected
        )
    console = open_console()
    console.print(table)
    missing = [one for one, is_done in zip(found, done, strict=True) if not is_done]
    side = f", {workers} side by side" if workers else ""
    words = f"{len(runs)} runs: {sum(done)} done, {len(missing)} to do"
    if missing:
        words += f", about {duration(total_seconds(missing, workers or 1))}{side or ' on one worker'}"
    console.print(words)
