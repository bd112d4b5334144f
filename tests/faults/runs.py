"""A run of a few seconds in a folder of outputs of its own, started, watched, killed and asked for again."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from helpers.places import ROOT
from helpers.runs.attempt import execute_command, signs_of_life
from helpers.runs.planning import plan_layers
from helpers.runs.process_tree import kill_tree

STUDY = "survformer"
SMALL: dict[str, Any] = {
    "corpus": "gbsg2", "rows": 300, "pretrain_epochs": 3, "epochs": 2, "variants": ["scratch", "both"],
    "baselines": ["Kaplan-Meier", "Cox"], "workers": 1,
}  # fmt: skip
# Code cells of the notebook by what they do; writing is from the verdict to the renamed folder.
PHASES = {"pre-training": (5, 6), "evaluation": (10, 11), "writing": (15, 99)}


class Runs:
    """One run of the study, with values of its own in place of the small ones."""

    def __init__(self, folder: Path, **own: Any) -> None:
        self.folder, self.outputs = folder, folder / "outputs"
        self.outputs.mkdir(parents=True)
        self.parameters = folder / "parameters.yaml"
        self.run = plan_layers(STUDY, "quick", [("faults", {**SMALL, **own})])
        self.parameters.write_text(yaml.safe_dump(self.run.parameters.model_dump(mode="json"), sort_keys=False))
        self.attempts = 0

    @property
    def finished(self) -> Path:
        """Where the finished run lies, or will."""
        return self.outputs / STUDY / self.run.identity

    @property
    def partial(self) -> Path:
        """Where the run under way lies."""
        return self.outputs / STUDY / f".partial-{self.run.identity}"

    def start(self, *within: str, modules: Path | None = None) -> tuple[subprocess.Popen[bytes], Path]:
        """Start an attempt, as the last words of the command ``within``; its process and its folder for signs.

        ``modules`` is a folder whose modules come before all others.
        """
        self.attempts += 1
        signs = self.folder / f"signs{self.attempts}"
        signs.mkdir()
        command = [*within, *execute_command(self.run, self.parameters, signs)]
        path = os.pathsep.join(str(place) for place in (modules, ROOT) if place)
        own = {"STUDIES_OUTPUTS": str(self.outputs), "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **own}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        return process, signs

    def to_the_end(self, *within: str, modules: Path | None = None) -> int:
        """An attempt nobody disturbs; its exit code."""
        return self.start(*within, modules=modules)[0].wait()

    def break_off(self, cell: int, seconds: float = 0.0, kernel_alone: bool = False) -> int:
        """An attempt that is killed some seconds after it has reached a cell, all of it or its kernel alone.

        Returns:
            Where the kernel alone died, the exit code of the process that must notice it.
        """
        process, signs = self.start()
        while process.poll() is None and signs_of_life(signs, 0.0).cell < cell:
            time.sleep(0.02)
        time.sleep(seconds)
        if process.poll() is None:
            for pid in _children(process.pid) if kernel_alone else [process.pid]:
                kill_tree(pid)
        return process.wait()

    def said(self) -> str:
        """The one line that the last attempt ended with."""
        outcome = self.folder / f"signs{self.attempts}" / "outcome.json"
        return str(json.loads(outcome.read_text())["message"]) if outcome.exists() else ""

    def results(self) -> bytes | None:
        """The numbers of the finished run; None where none looks finished."""
        table = self.finished / "results.parquet"
        return table.read_bytes() if table.exists() else None


@dataclass(frozen=True)
class Undisturbed:
    """A run that nothing disturbed.

    Attributes:
        results: the bytes of its numbers.
        seconds: how long each of its :data:`PHASES` took.
    """

    results: bytes
    seconds: dict[str, float]


def undisturbed(folder: Path) -> Undisturbed:
    """Run and time it.

    Raises:
        SystemExit: it failed by itself.
    """
    runs = Runs(folder)
    process, signs = runs.start()
    seen: dict[int, float] = {}
    while process.poll() is None:
        cell = signs_of_life(signs, 0.0).cell
        if cell and cell not in seen:
            seen[cell] = time.monotonic()
        time.sleep(0.02)
    ended, results = time.monotonic(), runs.results()
    if process.returncode != 0 or results is None:
        raise SystemExit(f"the undisturbed run failed: {runs.said()}")

    def at(cell: int) -> float:
        return min((when for number, when in seen.items() if number >= cell), default=ended)

    return Undisturbed(results, {phase: at(last) - at(first) for phase, (first, last) in PHASES.items()})


def _children(pid: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.NoSuchProcess:
        return []
