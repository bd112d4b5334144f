"""A copy of the package in a folder of its own, with the stub study as its only one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers.places import ROOT

PARAMETERS_CELL = """\
scale: str = "quick"  # quick, standard or paper
corpus: str = "coins"  # coins or folder
data_root: str = ""  # folder of the real corpus
seeds: list = [0]  # one repetition a seed
threads: int = 1  # CPU threads of each worker
workers: int = 1  # runs side by side
device: str = "cpu"  # cpu, cuda or auto
throws: int = 100  # throws a seed
lr: float = 0.1  # often written 1e-3
pause: float = 0.0  # seconds that each seed takes
trouble: str = ""  # what goes wrong"""

CELLS = (
    """\
import numpy as np
from helpers.evaluation.claims import Evidence
from matplotlib.figure import Figure
from helpers.studies.study import Study
from helpers.studies.stub.steps import go_wrong, throw

study = Study.from_notebook("stub", globals())
study""",
    "found = throw(study)\nlen(found)",
    """\
for one in found:
    for half in ("early", "late"):
        study.record(method=half, metric="share of heads", value=one[half], n=50, seed=one["seed"])
go_wrong(study)""",
    """\
figure = Figure(figsize=(3.0, 1.5))
figure.subplots().bar(["early", "late"], [np.mean([one[half] for one in found]) for half in ("early", "late")])
study.show(figure, "heads", alt="Share of heads <early> & late", key=True)""",
    """\
late, early = (np.array([one[half] for one in found]) for half in ("late", "early"))
study.verdict([Evidence(study.card.claim("memory"), late, early, design="independent")], notes=["coins & <b>"])""",
)

# All that a study without networks asks of torch; the real one takes 2 s and more to import.
LIGHT_TORCH = """\
class Tensor:
    pass


def set_num_threads(threads):
    pass


def manual_seed(seed):
    pass
"""

MANY_CALLS = """\
import contextlib, io, json, sys
from helpers.cli import main
said = []
for words in json.load(sys.stdin):
    sys.argv = ["studies", *words]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        try:
            main()
        except SystemExit as end:
            code = end.code
    said.append((code, out.getvalue(), err.getvalue()))
json.dump(said, sys.stdout)
"""


@dataclass(frozen=True)
class Project:
    """A project with the stub study.

    Attributes:
        root: its folder.
        outputs: where its runs go.
    """

    root: Path
    outputs: Path

    def environment(self, **more: str) -> dict[str, str]:
        """Environment in which its package is the one imported."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("STUDIES_")}
        own = {"PYTHONPATH": str(self.root), "STUDIES_OUTPUTS": str(self.outputs), "OMP_NUM_THREADS": "1"}
        return {**kept, **own, **more}

    def start(self, *words: str, cwd: Path | None = None, **more: str) -> subprocess.Popen[str]:
        """Start ``studies …``."""
        return subprocess.Popen(
            [sys.executable, "-m", "helpers.cli", *words],
            cwd=cwd or self.root,
            env=self.environment(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def studies(self, *words: str, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
        """``studies …``, to its end."""
        process = self.start(*words, cwd=cwd, **more)
        out, err = process.communicate(timeout=240)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def many(self, calls: Sequence[Sequence[str]], cwd: Path) -> list[tuple[int, str, str]]:
        """Exit code, output and errors of many short ``studies …``, one after the other in a single process."""
        done = subprocess.run(
            [sys.executable, "-c", MANY_CALLS],
            input=json.dumps([list(words) for words in calls]),
            cwd=cwd,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        return [tuple(said) for said in json.loads(done.stdout)]

    def finished(self) -> list[Path]:
        """Folders that look finished, to anyone who lists them."""
        return sorted(p for p in (self.outputs / "stub").glob("*/") if not p.name.startswith("."))

    def hidden(self, kind: str) -> list[Path]:
        """Folders of runs under way (``partial``) or gone wrong (``failed``)."""
        return sorted((self.outputs / "stub").glob(f".{kind}-*"))


def make_project(root: Path) -> Project:
    """Lay out the project."""
    nothing = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(ROOT / "helpers", root / "helpers", ignore=nothing)
    for about in (root / "helpers" / "studies").glob("*/about.py"):
        shutil.rmtree(about.parent)
    stub = Path(__file__).parent
    (root / "helpers" / "studies" / "stub").mkdir()
    for name in ("__init__.py", "about.py", "steps.py"):
        shutil.copyfile(stub / name, root / "helpers" / "studies" / "stub" / name)
    (root / "params" / "stub").mkdir(parents=True)
    for scale, throws in (("quick", 100), ("standard", 1000), ("paper", 10_000)):
        (root / "params" / "stub" / f"{scale}.yaml").write_text(
            f"# costs nothing\nscale: {scale}\nthrows: {throws}\nworkers: 1\n"
        )
    (root / "torch.py").write_text(LIGHT_TORCH)
    (root / "notebooks").mkdir()
    cells = [new_code_cell(PARAMETERS_CELL, metadata={"tags": ["parameters"]}), *map(new_code_cell, CELLS)]
    notebook = new_notebook(cells=[new_markdown_cell("# Stub\n\n$x^2$ and <b>bold</b>"), *cells])
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(notebook, root / "notebooks" / "stub.ipynb")
    return Project(root, root / "outputs")
