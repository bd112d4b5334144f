"""Independent jobs of one run, side by side on the machine's cores, each done once."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from helpers.progress import bar
from helpers.studies.run_folder import write_whole

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
    """
    files = [checkpoints / f"{job.__name__}-{_key(a)}.pt" for a in arguments]
    found = [_read(file) for file in files]
    missing = [i for i, result in enumerate(found) if result is None]
    with bar(len(arguments), label, "job") as shown:
        shown.update(len(arguments) - len(missing))
        for i, result in zip(missing, _results(job, [arguments[i] for i in missing], workers, threads), strict=True):
            write_whole(files[i], _bytes(result))
            found[i] = result
            shown.update()
    return [result for result in found if result is not None]


def _results(job: Callable[..., Result], arguments: list[dict[str, Any]], workers: int, threads: int) -> Any:
    if workers == 1 or len(arguments) < 2:
        return (_run(job, a, threads) for a in arguments)
    from joblib import Parallel, delayed, parallel_config

    with parallel_config("loky", n_jobs=min(workers, len(arguments)), inner_max_num_threads=threads):
        return Parallel(return_as="generator", batch_size=1, pre_dispatch="n_jobs")(
            delayed(_run)(job, a, threads) for a in arguments
        )


def _run(job: Callable[..., Result], arguments: dict[str, Any], threads: int) -> Result:
    import torch

    torch.set_num_threads(threads)
    return job(**arguments)


def _key(arguments: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(arguments, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _bytes(result: Result) -> bytes:
    import torch

    buffer = io.BytesIO()
    torch.save(result, buffer)
    return buffer.getvalue()


def _read(file: Path) -> Result | None:
    import torch

    if not file.exists():
        return None
    try:
        return torch.load(file, weights_only=True)
    except Exception:  # damaged: whatever is wrong with it, the job is done again
        return None
