"""Whole runs of the stub study through the ``studies`` command, interrupted in every way a run can be."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from helpers.report.notebook_html import outside_addresses
from tests.stub_study.project import Project, make_project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project that all tests here run in, each with outputs of its own but for the shared first run."""
    return make_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def first(project: Project) -> tuple[Project, Path, str]:
    """A run that nothing disturbed: its project, its folder, and what the command said."""
    said = project.studies("run", "stub", "--seeds", "0-1", "-p", "lr=1e-3", "-p", "pause=0.5")
    assert said.returncode == 0, said.stdout + said.stderr
    return project, project.finished()[0], said.stdout


def waited_for(seen, process, seconds=120.0):
    """Wait until ``seen()`` is true; False when the process ends or the time is up first."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if seen():
            return True
        time.sleep(0.05)
    return False


def left_running(root: Path) -> list[int]:
    """Processes that work in the project, by their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("PYTHONPATH", "").startswith(str(root)) and process.status() != "zombie":
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def test_a_run_leaves_one_whole_folder_and_says_where(first: tuple[Project, Path, str]) -> None:
    project, folder, said = first
    assert project.finished() == [folder]
    assert project.hidden("partial") == project.hidden("failed") == []
    held = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert held == {
        "notebook.ipynb", "notebook.html", "params.yaml", "results.parquet", "verdict.json", "provenance.json",
        "figures/heads.png",
    }  # fmt: skip
    assert json.loads((folder / "verdict.json").read_text())["run_id"] == folder.name
    assert "done: stub quick coins" in said
    assert str(folder.relative_to(project.root)) in said
    assert "gallery: outputs/index.html" in said


def test_a_number_written_1e_3_arrives_as_the_number(first: tuple[Project, Path, str]) -> None:
    _, folder, _ = first
    assert yaml.safe_load((folder / "params.yaml").read_text())["lr"] == 0.001


def test_the_exported_notebook_asks_nothing_of_other_addresses(first: tuple[Project, Path, str]) -> None:
    _, folder, _ = first
    page = (folder / "notebook.html").read_text()
    assert outside_addresses(page) == []
    assert 'src="data:image/png;base64,' in page
    assert "Share of heads &lt;early&gt; &amp; late" in page


def test_the_second_call_does_nothing_and_says_so(first: tuple[Project, Path, str]) -> None:
    project, folder, _ = first
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    again = project.studies("run", "stub", "--seeds", "0,1", "-p", "lr=0.001")
    assert again.returncode == 0
    assert f"already done: stub quick coins ({folder.relative_to(project.root)}); --force runs it again" in again.stdout
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_forced_results_are_the_same_bit_for_bit(first: tuple[Project, Path, str]) -> None:
    project, folder, _ = first
    before = (folder / "results.parquet").read_bytes()
    written = (folder / "results.parquet").stat().st_mtime_ns
    again = project.studies("run", "stub", "--seeds", "0-1", "-p", "lr=1e-3", "--force")
    assert again.returncode == 0
    assert project.finished() == [folder]
    assert (folder / "results.parquet").stat().st_mtime_ns > written
    assert (folder / "results.parquet").read_bytes() == before


def test_a_run_killed_half_way_goes_on_and_ends_like_an_uninterrupted_one(
    first: tuple[Project, Path, str], tmp_path: Path
) -> None:
    project, folder, _ = first
    project = Project(project.root, tmp_path / "outputs")
    mark = tmp_path / "worked_on"
    words = ("run", "stub", "--seeds", "0-1", "-p", "lr=1e-3")
    process = project.start(*words, "-p", "pause=3", STUB_MARK=str(mark))
    assert waited_for(lambda: mark.exists() and mark.read_text() == "0\n", process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    end = time.monotonic() + 30
    while left_running(project.root) and time.monotonic() < end:
        time.sleep(0.1)
    assert left_running(project.root) == []  # neither the run's process nor its kernel outlives the launcher
    assert project.finished() == []
    assert len(project.hidden("partial")) == 1
    again = project.studies(*words, STUB_MARK=str(mark))
    assert again.returncode == 0, again.stdout + again.stderr
    assert mark.read_text() == "0\n1\n"  # seed 0 was not done twice
    assert project.hidden("partial") == []
    assert (project.finished()[0] / "results.parquet").read_bytes() == (folder / "results.parquet").read_bytes()


def test_ctrl_c_ends_every_process_and_leaves_nothing_that_looks_finished(project: Project, tmp_path: Path) -> None:
    project = Project(project.root, tmp_path / "outputs")
    process = project.start("run", "stub", "-p", "pause=60")
    assert waited_for(lambda: project.hidden("partial"), process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.startswith("stopped: ")
    assert len(err.strip().splitlines()) == 1
    assert left_running(project.root) == []
    assert project.finished() == []


def test_a_failing_cell_is_named_and_its_notebook_kept(project: Project, tmp_path: Path) -> None:
    project = Project(project.root, tmp_path / "outputs")
    said = project.studies("run", "stub", "-p", "trouble=study_error")
    assert said.returncode == 1
    assert "failed: stub quick coins: fold 3 has no events; use fewer folds" in said.stdout
    assert project.finished() == []
    (partial,) = project.hidden("partial")
    assert [path.name for path in partial.iterdir()] == ["checkpoints"]  # for the next attempt
    (failed,) = project.hidden("failed")
    assert (failed / "error.txt").read_text() == "fold 3 has no events; use fewer folds\n"
    kept = json.loads((failed / "notebook.ipynb").read_text())
    ran = [cell for cell in kept["cells"] if cell["cell_type"] == "code" and cell["execution_count"]]
    assert "go_wrong(study)" in "".join(ran[-1]["source"])


def test_a_full_disk_is_one_clear_line_and_leaves_nothing_that_looks_finished(project: Project, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = f'mount -t tmpfs -o size=24k none "{small}" && exec "$0" -m helpers.cli run stub'
    own_mounts = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*own_mounts, "true"], capture_output=True).returncode == 0:
        command = [*own_mounts, "sh", "-c", mount, sys.executable]
    else:  # where no small disk can be mounted, the notebook says that it is full
        command = [sys.executable, "-m", "helpers.cli", "run", "stub", "-p", "trouble=disk_full"]
    environment = {**project.environment(), "STUDIES_OUTPUTS": str(small)}
    done = subprocess.run(command, cwd=project.root, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert re.search(r"^failed: stub quick coins: .*No space left on device", done.stdout, re.MULTILINE)
    assert Project(project.root, small).finished() == []


def test_of_two_processes_that_ask_for_one_run_at_once_one_does_it(project: Project, tmp_path: Path) -> None:
    project = Project(project.root, tmp_path / "outputs")
    mark = tmp_path / "worked_on"
    both = [project.start("run", "stub", "-p", "pause=4", STUB_MARK=str(mark)) for _ in range(2)]
    said = [process.communicate(timeout=240)[0] for process in both]
    assert sorted(process.returncode for process in both) == [0, 1]
    loser = said[[process.returncode for process in both].index(1)]
    assert re.search(r"this very run is under way in another process", loser)
    assert mark.read_text() == "0\n"
    assert len(project.finished()) == 1
    assert project.hidden("partial") == project.hidden("failed") == []


def test_a_damaged_run_is_done_again(first: tuple[Project, Path, str], tmp_path: Path) -> None:
    project, folder, _ = first
    original = (folder / "results.parquet").read_bytes()
    (folder / "results.parquet").write_bytes(original[:-100])
    report = project.studies("report")
    assert report.returncode == 0
    assert "1 folder skipped" in (project.outputs / "index.html").read_text()
    again = project.studies("run", "stub", "--seeds", "0-1", "-p", "lr=1e-3")
    assert again.returncode == 0
    assert "already done" not in again.stdout
    assert (folder / "results.parquet").read_bytes() == original


def test_refresh_runs_a_notebook_in_place_and_twice_is_like_once(project: Project) -> None:
    path = project.root / "notebooks" / "stub.ipynb"
    said = project.studies("refresh", "stub")
    assert said.returncode == 0, said.stderr
    notebook = json.loads(path.read_text())
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == [1, 2, 3, 4, 5, 6]
    assert [cell["metadata"] for cell in code] == [{"tags": ["parameters"]}, *[{}] * 5]
    assert str(project.root) not in path.read_text()
    assert os.access(path, os.R_OK)
