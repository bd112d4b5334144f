"""What it costs to begin: import of the package and ``studies --help`` beside torch's own import."""

from __future__ import annotations

import subprocess
import sys
import time

from helpers.places import ROOT
from tests.benchmarks.timing import Row, interleaved

HELP_OVER_TORCH = 1.0  # `studies --help` is to be shown before torch alone would be imported


def run(rounds: int = 5) -> list[Row]:
    """Starts a second of each command, in turn."""
    torch = [sys.executable, "-c", "import torch"]
    package = [sys.executable, "-c", "import helpers"]
    shown = [sys.executable, "-m", "helpers.cli", "--help"]
    return [
        Row("import helpers | import torch", "starts/s", *_starts(package, torch, rounds), target=10.0),
        Row("studies --help | import torch", "starts/s", *_starts(shown, torch, rounds), target=HELP_OVER_TORCH),
    ]


def _starts(ours: list[str], theirs: list[str], rounds: int) -> tuple[float, float]:
    return interleaved(lambda: 1 / _seconds(ours), lambda: 1 / _seconds(theirs), rounds)


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - started
