"""Sweeps: what a second worker gains, and what ``studies run`` costs over bare papermill.

``python -m tests.benchmarks.sweeps [RUNS]`` runs it alone, on an idle machine of two cores: about 10 minutes.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from helpers.places import ROOT
from tests.benchmarks.timing import Row, table
from tests.stub_study.project import make_project

RUNS = 24
PAIRS = 5  # of one run each way, for the overhead
GAIN = 1.7  # throughput of two workers over that of one, at least
OVERHEAD = 1.0  # seconds a run, at most
# A quick run of one core, about 12 s: imports, two networks on one fold of 300 patients, two baselines, the figures.
SMALL = {
    "rows": 300, "pretrain_epochs": 1, "epochs": 1, "variants": ["scratch", "both"],
    "baselines": ["Kaplan-Meier", "Cox"],
}  # fmt: skip


def run(runs: int = RUNS) -> list[Row]:
    """Throughput of a sweep of so many runs, and the overhead of a run."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        one, two = (sweep_seconds(Path(folder), runs, workers) for workers in (1, 2))
        over = overhead_seconds(Path(folder) / "project")
    return [
        Row(f"{runs} quick runs: two workers | one", "runs/min", 60 * runs / two, 60 * runs / one, GAIN),
        Row("studies run over papermill: allowed | measured", "s a run", OVERHEAD, max(over, 0.01), 1.0),
    ]


def sweep_seconds(folder: Path, runs: int, workers: int) -> float:
    """Wall time of a sweep of quick runs of one core each, from the command to its end."""
    file = folder / "sweep.yaml"
    grid = {"studies": "survformer", "corpora": "gbsg2", "seeds": f"0-{runs - 1}", "set": SMALL}
    file.write_text(yaml.safe_dump(grid))
    command = [sys.executable, "-m", "helpers.cli", "sweep", str(file), "--workers", str(workers)]
    outputs = {"STUDIES_OUTPUTS": str(folder / f"outputs{workers}")}
    return _seconds(command, ROOT, {**os.environ, **outputs, "OMP_NUM_THREADS": "1"})


def overhead_seconds(folder: Path) -> float:
    """Median, over pairs in turn, of what ``studies run`` takes longer than papermill on the same small notebook."""
    project = make_project(folder)
    notebook, parameters = "notebooks/stub.ipynb", "params/stub/quick.yaml"
    bare = [sys.executable, "-m", "papermill", notebook, "bare.ipynb", "-f", parameters, "--cwd", "notebooks"]
    ours = [sys.executable, "-m", "helpers.cli", "run", "stub", "--force"]
    differences = []
    for _ in range(PAIRS + 1):
        environment = project.environment()
        differences.append(_seconds(ours, folder, environment) - _seconds(bare, folder, environment))
    return statistics.median(differences[1:])  # the first pair fills the disk's cache and compiles the modules


def _seconds(command: list[str], where: Path, environment: dict[str, str]) -> float:
    started = time.monotonic()
    done = subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(
            f"{' '.join(command)} ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return time.monotonic() - started


if __name__ == "__main__":
    print(table(run(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS)))
