"""What the stub's notebook calls."""

from __future__ import annotations

import errno
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np

from helpers.errors import StudyError
from helpers.studies.study import Study


def throw(study: Study) -> list[dict[str, float]]:
    """One result a seed; a seed that is done is read from its checkpoint."""
    found = []
    for seed in study.parameters.seeds:
        file = study.checkpoints / f"{seed}.npy"
        if not file.exists():
            time.sleep(study.parameters.pause)
            study.checkpoints.mkdir(exist_ok=True)
            np.save(file, np.random.default_rng(seed).integers(0, 2, study.parameters.throws))
            _mark(seed)
        coins = np.load(file)
        half = len(coins) // 2
        found.append({"seed": seed, "early": float(coins[:half].mean()), "late": float(coins[half:].mean())})
    return found


def _mark(seed: int) -> None:
    """Leave word, where the environment asks for it, that a seed was worked on and not read."""
    mark = os.environ.get("STUB_MARK")
    if mark:
        with Path(mark).open("a") as lines:
            lines.write(f"{seed}\n")


def go_wrong(study: Study) -> None:
    """Go wrong in the way that the parameter says."""
    kind: Any = study.parameters.trouble
    if kind == "study_error":
        raise StudyError("fold 3 has no events; use fewer folds")
    if kind == "exception":
        raise ValueError("a label column\nof strings")
    if kind == "disk_full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if kind == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
