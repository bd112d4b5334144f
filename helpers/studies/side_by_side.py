"""Independent jobs of one run, side by side on the machine's cores, each done once."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from helpers.checkpoints import read_checkpoint, write_checkpoint
from helpers.errors import StudyError
from helpers.progress import PROGRESS_FILE, bar

Result = dict[str, Any]  # tensors, numbers, strings, and lists and dicts of them


def side_by_side(
    job: Callable[..., Result],
    arguments: Sequence[dict[str, Any]],
    *,
    workers: int,
    threads: int,
    checkpoints: Path,
    label: str,
) -> list[Result]:
    """``[job(**a) for a in arguments]``, on several processes, remembering what is done.

    Args:
        job: a module-level function; it seeds itself, so that its result does not depend on where it runs. Its result
            holds tensors (no NumPy arrays), numbers, strings, lists and dicts.
        arguments: plain values by name, one dict a job; they name the job's checkpoint.
        workers: processes; 1 runs in this one.
        threads: torch threads a process.
        checkpoints: folder in which finished jobs are kept, so that a run broken off goes on with the rest.
        label: shown beside the progress bar.

    Returns:
        Results in the order of ``arguments``.

    Raises:
        StudyError: as a job raised it, or that a worker process was killed. Jobs finished by then stay done.
        TypeError: a result that holds anything else.
    """
    files = [checkpoints / f"{job.__name__}-{_key(a)}.pt" for a in arguments]
    found = [read_checkpoint(file) for file in files]
    missing = [i for i, result in enumerate(found) if result is None]
    tasks = [(job, arguments[i], threads, files[i]) for i in missing]
    with bar(len(arguments), label, "job") as shown:
        shown.update(len(arguments) - len(missing))
        for i, result in zip(missing, _results(tasks, workers, threads), strict=True):
            found[i] = result
            shown.update()
    return [result for result in found if result is not None]


def _results(tasks: list[tuple[Any, ...]], workers: int, threads: int) -> Iterator[Result]:
    if workers == 1 or len(tasks) < 2:
        yield from (_run(*task) for task in tasks)
        return
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    with parallel_config("loky", n_jobs=min(workers, len(tasks)), inner_max_num_threads=threads):
        try:
            yield from Parallel(return_as="generator", batch_size=1, pre_dispatch="n_jobs")(
                delayed(_run_in_worker)(*task) for task in tasks
            )
        except TerminatedWorkerError:
            raise StudyError(
                f"one of {workers} worker processes was killed, most often for want of memory; set workers: 1"
            ) from None


def _run_in_worker(job: Callable[..., Result], arguments: dict[str, Any], threads: int, file: Path) -> Result:
    os.environ.pop(PROGRESS_FILE, None)  # the launcher is told of jobs, not of what goes on inside one
    return _run(job, arguments, threads, file)


def _run(job: Callable[..., Result], arguments: dict[str, Any], threads: int, file: Path) -> Result:
    """Do a job and keep its result at once, whatever becomes of the others."""
    import torch

    torch.set_num_threads(threads)
    result = job(**arguments)
    try:
        write_checkpoint(file, result)
    except TypeError as error:
        raise TypeError(f"{job.__name__} must return tensors, numbers, strings, lists and dicts only") from error
    return result


def _key(arguments: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(arguments, sort_keys=True, default=str).encode()).hexdigest()[:16]
