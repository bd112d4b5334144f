"""Training in several processes: a notebook's pretraining step starts ``torchrun`` and reads the weights back."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from helpers.data.corpus import Corpus
from helpers.errors import StudyError
from helpers.methods.method import Method
from helpers.training import History, TrainingPlan, Validate, train


@dataclass(frozen=True)
class Job:
    """What :func:`helpers.training.train` needs, made alike in every process by a recipe."""

    method: Method
    corpus: Corpus
    rows: np.ndarray
    plan: TrainingPlan
    validate: Validate | None = None
    device: str = "cpu"


Recipe = Callable[..., Job]


def train_in_processes(
    recipe: str,
    arguments: dict[str, Any],
    *,
    processes: int,
    checkpoint: Path,
    rendezvous: str = "",
    nodes: int = 1,
    label: str = "pretraining",
) -> tuple[Method, History]:
    """Build a job from its recipe and train it, in this process or under ``torchrun``.

    With several processes the job is trained by ``torch.distributed.run`` into ``checkpoint``, and this process takes
    up the finished checkpoint. The batch size of the plan is that of all processes together.

    Args:
        recipe: ``"package.module:function"`` that returns a :class:`Job`.
        arguments: passed to the recipe by name; plain values that JSON can carry.
        processes: on this node, >= 1.
        checkpoint: file that training writes to, resumes from and is read back from.
        rendezvous: ``"host:port"`` that all nodes can reach, for more than one node. The other nodes run the command
            that :func:`command` gives, on the same (shared) checkpoint folder.
        nodes: that take part, >= 1.
        label: shown beside the progress bar.

    Returns:
        The trained method and its history.

    Raises:
        StudyError: what a process raised, or that one of them died.
    """
    if processes < 1 or nodes < 1 or (nodes > 1 and not rendezvous):
        raise StudyError("processes and nodes must be >= 1, and several nodes need a rendezvous 'host:port'")
    if processes * nodes > 1:
        _launch(recipe, arguments, processes, checkpoint, rendezvous, nodes)
    return _train(recipe, arguments, checkpoint, label)


def command(processes: int, job_file: Path, rendezvous: str = "", nodes: int = 1) -> list[str]:
    """The ``torchrun`` command line that trains a written job on one node."""
    where = ["--rdzv-backend=c10d", f"--rdzv-endpoint={rendezvous}"] if rendezvous else ["--standalone"]
    return [sys.executable, "-m", "torch.distributed.run", *where, f"--nnodes={nodes}",
            f"--nproc-per-node={processes}", "-m", "helpers.processes", str(job_file)]  # fmt: skip


def _launch(
    recipe: str, arguments: dict[str, Any], processes: int, checkpoint: Path, rendezvous: str, nodes: int
) -> None:
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    job_file, error_file = checkpoint.with_suffix(".job.json"), checkpoint.with_suffix(".error")
    error_file.unlink(missing_ok=True)
    job_file.write_text(json.dumps({"recipe": recipe, "arguments": arguments, "checkpoint": str(checkpoint)}))
    environment = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", **os.environ}
    started = subprocess.Popen(
        command(processes, job_file, rendezvous, nodes), env=environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        _, said = started.communicate()
    except BaseException:  # an interrupt must not leave processes behind
        started.terminate()
        started.wait()
        raise
    if started.returncode != 0:
        last = said.strip().splitlines()[-1:] or ["it said nothing"]
        line = error_file.read_text() if error_file.exists() else f"torchrun ended with {started.returncode}: {last[0]}"
        raise StudyError(line)


def _train(recipe: str, arguments: dict[str, Any], checkpoint: Path | None, label: str) -> tuple[Method, History]:
    module, _, function = recipe.partition(":")
    job: Job = getattr(importlib.import_module(module), function)(**arguments)
    history = train(job.method, job.corpus, job.rows, job.plan, validate=job.validate, checkpoint=checkpoint,
                    label=label, device=job.device)  # fmt: skip
    return job.method, history


def _worker(job_file: Path) -> None:
    """One process of a launch."""
    import torch.distributed as dist

    written = json.loads(job_file.read_text())
    checkpoint = Path(written["checkpoint"])
    try:
        _train(written["recipe"], written["arguments"], checkpoint, "pretraining")
    except StudyError as error:
        checkpoint.with_suffix(".error").write_text(str(error))
        raise SystemExit(1) from None
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


if __name__ == "__main__":
    _worker(Path(sys.argv[1]))
