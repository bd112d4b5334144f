"""Where a number comes from: code, packages, machine, data, time and memory."""

from __future__ import annotations

import platform
import resource
import subprocess
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from helpers.places import ROOT
from helpers.studies.run_folder import code_version

PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "pandas",
    "scikit-learn",
    "scipy",
    "scikit-survival",
    "timm",
    "accelerate",
)


def provenance(study: str, fingerprint: str, threads: int, workers: int) -> dict[str, Any]:
    """What is known when a run starts, as plain values."""
    return {
        "study": study,
        "code": {"version": code_version(study), **_git()},
        "packages": {name: _version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "threads": threads,
        "workers": workers,
        "data_fingerprint": fingerprint,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


class Stopwatch:
    """Wall time (monotonic) and peak memory since it was made."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def read(self) -> dict[str, float]:
        """``wall_seconds`` so far, and ``peak_memory_mib``: the largest resident set of this process or a child."""
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        ended = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        unit = 2**20 if platform.system() == "Darwin" else 2**10  # ru_maxrss counts bytes there, KiB elsewhere
        return {
            "wall_seconds": round(time.monotonic() - self._started, 2),
            "peak_memory_mib": round(max(own / unit, ended / unit, *_living_children()), 1),
        }


def _living_children() -> list[float]:
    """Largest resident set in MiB of each child that is still there, such as a worker kept for the next grid."""
    import psutil

    peaks = [0.0]
    for child in psutil.Process().children(recursive=True):
        try:
            lines = Path(f"/proc/{child.pid}/status").read_text().splitlines()
            peaks += [int(line.split()[1]) / 2**10 for line in lines if line.startswith("VmHWM:")]
        except OSError:  # ended meanwhile, or a system without /proc
            continue
    return peaks


def _git() -> dict[str, Any]:
    def ask(*words: str) -> str | None:
        try:
            answer = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return answer.stdout.strip() if answer.returncode == 0 else None

    commit = ask("rev-parse", "HEAD")
    status = ask("status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": bool(status) if status is not None else None}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
