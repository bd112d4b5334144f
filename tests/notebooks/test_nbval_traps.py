"""What nbval 0.11 does that the notebooks must be written for."""

import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook, new_output

from helpers.places import ROOT


def test_a_notebook_runs_in_its_own_folder_and_a_semicolon_hides_nothing(tmp_path: Path) -> None:
    where = new_code_cell(
        "import os\nos.path.basename(os.getcwd())",
        execution_count=1,
        outputs=[new_output("execute_result", data={"text/plain": f"'{tmp_path.name}'"}, execution_count=1)],
    )
    shown = [new_output("execute_result", data={"text/plain": "5"}, execution_count=2)]
    hidden = new_code_cell("_ = 5", execution_count=2)
    semicolon = new_code_cell("5;", execution_count=3, outputs=shown)
    made = new_notebook(cells=[where, hidden, semicolon])
    made.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(made, tmp_path / "small.ipynb")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--nbval",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "small.ipynb",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_tests_keep_a_notebooks_cells_in_one_process() -> None:
    command = (ROOT / "tests" / "__main__.py").read_text()
    assert '"--nbval"' in command
    assert '"--dist", "loadfile"' in command
