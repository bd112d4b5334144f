"""What papermill and nbclient do that a run must not fall for, each pinned so that a new version is noticed."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
import papermill
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from helpers.places import ROOT
from helpers.runs.engine import CellError, prepare_environment, run_notebook
from helpers.runs.refresh import say_ranges_without_equals
from tests.stub_study.project import PARAMETERS_CELL, Project, make_project


@pytest.fixture(autouse=True)
def environment_restored() -> Iterator[None]:
    """What a test does to this process's environment ends with it."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose one study is the stub."""
    return make_project(tmp_path_factory.mktemp("project"))


def notebook(*cells: str) -> NotebookNode:
    made = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    made.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return made


def test_the_kernel_has_figures_no_widget_state_no_ports_and_runs_where_nbval_would(tmp_path: Path) -> None:
    os.environ |= {"MPLBACKEND": "agg", "JPY_SESSION_NAME": "somebody.ipynb"}
    here = os.getcwd()
    prepare_environment(threads=3)
    executed = run_notebook(
        notebook(
            "import json, os, pathlib, ipykernel\n"
            "from helpers.progress import front_end_attached\n"
            "transport = json.loads(ipykernel.get_connection_info())['transport']\n"
            "threads = os.environ['OMP_NUM_THREADS'], os.environ['OMP_WAIT_POLICY']\n"
            "transport, threads, os.getcwd(), front_end_attached()",
            "import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])",
            "import ipywidgets\nipywidgets.IntSlider()",
        ),
        tmp_path / "out {with braces}.ipynb",
        {},
        tmp_path / "cells.json",
    )
    facts, figure, _ = executed.cells
    expected = ("ipc", ("3", "PASSIVE"), str(ROOT / "notebooks"), False)
    assert facts.outputs[0].data["text/plain"] == str(expected)
    assert os.getcwd() == here
    assert "image/png" in figure.outputs[0].data  # under MPLBACKEND=agg there is none, and nothing says so
    assert "widgets" not in executed.metadata
    assert (tmp_path / "out {with braces}.ipynb").exists()  # papermill takes braces in paths for parameters
    assert json.loads((tmp_path / "cells.json").read_text()) == {"cell": 3, "cells": 3}


def test_a_killed_kernel_is_an_error_though_the_notebook_says_completed(tmp_path: Path) -> None:
    prepare_environment(threads=1)
    out = tmp_path / "out.ipynb"
    with pytest.raises(CellError) as caught:
        run_notebook(notebook("1 + 1", "import os; os.kill(os.getpid(), 9)", "3"), out, {})
    assert caught.value.line().startswith("kernel died: ")
    assert caught.value.line().endswith("(in cell 2 of 3)")
    left = nbformat.read(out, as_version=4)
    assert left.cells[1].metadata.papermill.status == "completed"  # the trap: success is never read from here
    assert left.metadata.papermill.exception is None


def test_an_exception_is_one_line_that_names_type_message_and_cell(tmp_path: Path) -> None:
    prepare_environment(threads=1)
    with pytest.raises(CellError) as caught:
        run_notebook(notebook("1", "raise ValueError('a label column\\nof strings')"), tmp_path / "out.ipynb", {})
    assert caught.value.line() == "ValueError: a label column of strings (in cell 2 of 2)"


def test_bare_papermill_refuses_an_unknown_parameter_in_one_line(
    project: Project, tmp_path: Path, outputs: Path
) -> None:
    os.environ["PYTHONPATH"] = str(project.root)
    with pytest.raises(papermill.PapermillExecutionError) as caught:
        papermill.execute_notebook(
            project.root / "notebooks" / "stub.ipynb", tmp_path / "out.ipynb", {"epohcs": 3}, progress_bar=False
        )
    assert caught.value.ename == "StudyError"
    assert caught.value.evalue.startswith("parameters of stub: epohcs: stub has no such parameter")
    assert len(caught.value.traceback) == 1  # the line itself, no stack
    assert list(outputs.glob("stub/*")) == []


def test_bare_papermill_reads_1e_3_as_a_number_and_makes_the_same_run(
    project: Project, tmp_path: Path, outputs: Path
) -> None:
    os.environ["PYTHONPATH"] = str(project.root)
    values = {"lr": "1e-3", "workers": 1, "throws": 100}  # YAML gives a string
    papermill.execute_notebook(
        project.root / "notebooks" / "stub.ipynb", tmp_path / "out.ipynb", values, progress_bar=False
    )
    (folder,) = outputs.glob("stub/*")
    project = Project(project.root, outputs)
    said = project.studies("run", "stub", "-p", "lr=0.001")
    assert f"already done: stub quick coins ({folder})" in said.stdout


def test_papermill_knows_the_type_and_meaning_of_a_parameter_only_from_its_annotated_line(project: Project) -> None:
    told = papermill.inspect_notebook(project.root / "notebooks" / "stub.ipynb")
    assert len(told) == len(PARAMETERS_CELL.splitlines())
    assert told["throws"] == {
        "name": "throws", "inferred_type_name": "int", "default": "100", "help": "throws a seed"
    }  # fmt: skip


def test_papermill_cannot_parse_a_line_with_a_second_equals_sign_so_refresh_writes_another(caplog) -> None:
    lines = 'epochs: int = 3  # passes, >= 0\nwhere: str = "a<=b"  # <= 3 letters'
    cell = new_code_cell(lines, metadata={"tags": ["parameters"]})
    mute = new_notebook(cells=[cell])
    assert papermill.inspection._infer_parameters(mute, name="python3", language="python") == []
    say_ranges_without_equals(mute)
    told = papermill.inspection._infer_parameters(mute, name="python3", language="python")
    assert [(one.name, one.help) for one in told] == [("epochs", "passes, ≥ 0")]
    assert '"a<=b"  # ≤ 3 letters' in cell.source
    assert len(caplog.records) == 3
