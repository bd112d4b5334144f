"""The GPUs of this machine, as slots that one run at a time holds."""

from __future__ import annotations

import os
import shutil
import subprocess

from helpers.runs.planning import PlannedRun

CUDA_VISIBLE = "CUDA_VISIBLE_DEVICES"  # environment variable: the GPUs that a process sees


def visible_gpus() -> list[str]:
    """Names of the GPUs that this process may use: those of ``CUDA_VISIBLE_DEVICES``, else what nvidia-smi lists."""
    told = os.environ.get(CUDA_VISIBLE)
    if told is not None:
        names = [name.strip() for name in told.split(",")]
        return [] if "-1" in names else [name for name in names if name]
    if shutil.which("nvidia-smi") is None:
        return []
    query = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return answer.stdout.split() if answer.returncode == 0 else []


def wants_gpu(run: PlannedRun, any_gpu: bool) -> bool:
    """Whether a run takes a GPU: where its device is cuda, or auto and there are any."""
    return run.parameters.device == "cuda" or (run.parameters.device == "auto" and any_gpu)
