"""``studies sweep`` on this machine: killed runs are tried again, failing ones are named, and nothing is done twice."""

import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.runs.sweeping import light_project, pausing, waited_for
from tests.stub_study.project import Project


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of light runs."""
    return light_project(tmp_path_factory.mktemp("project")).root


@pytest.fixture
def project(root: Path, tmp_path: Path) -> Project:
    """The project with outputs of its own."""
    return Project(root, tmp_path / "outputs")


def test_of_24_runs_one_killed_and_one_failing_23_are_done_and_the_next_call_runs_the_failed_one(
    project: Project, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    process = project.start("sweep", "sweep.yaml", "--workers", "2", STUB_MARK=str(mark), COLUMNS="400")
    assert waited_for(lambda: pausing(project) > 0, process)
    os.kill(pausing(project), signal.SIGKILL)
    said, err = process.communicate(timeout=120)
    assert process.returncode == 1, said + err
    assert "24 runs: 0 done, 24 to do" in said
    assert "lost: stub quick coins: its process was killed by signal 9; trying again" in said
    assert said.count("failed: stub quick coins: fold 3 has no events\n") == 1
    assert "23 of 24 runs are done" in said
    assert ", attempt 2" in said
    assert len(project.finished()) == 23
    started = mark.read_text().split()
    assert (len(started), len(set(started))) == (25, 24)  # the killed one twice, every other once
    assert len(project.hidden("failed")) == 1

    again = project.studies("sweep", "sweep.yaml", "--workers", "2", STUB_MARK=str(mark))
    assert again.returncode == 1
    assert "24 runs: 23 done, 1 to do" in again.stdout
    assert again.stdout.count("already done: ") == 23
    assert len(mark.read_text().split()) == 26
    assert "gallery: " in again.stdout


def test_a_run_that_is_killed_every_time_is_given_up_after_its_retries(project: Project, tmp_path: Path) -> None:
    sweep = tmp_path / "one.yaml"
    sweep.write_text("studies: stub\nset: {pause: 120}\n")
    process = project.start("sweep", str(sweep), "--retries", "0", STUB_MARK=str(tmp_path / "mark"))
    assert waited_for(lambda: pausing(project) > 0, process)
    os.kill(pausing(project), signal.SIGKILL)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "failed: stub quick coins: its process was killed by signal 9" in said
    assert project.finished() == []


def test_ctrl_c_leaves_nothing_that_looks_finished_and_no_process(project: Project, tmp_path: Path) -> None:
    sweep = tmp_path / "slow.yaml"
    sweep.write_text("studies: stub\nseeds: 0-3\nset: {pause: 120}\n")
    process = project.start("sweep", str(sweep), "--workers", "2", STUB_MARK=str(tmp_path / "mark"))
    assert waited_for(lambda: pausing(project) > 0, process)
    below = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.startswith("stopped: ")
    _, alive = psutil.wait_procs(below, timeout=5)
    assert below
    assert alive == []
    assert project.finished() == []


def test_a_dry_run_shows_the_plan_and_starts_nothing(project: Project, tmp_path: Path) -> None:
    said = project.studies("sweep", "sweep.yaml", "--dry-run", "--workers", "2", STUB_MARK=str(tmp_path / "mark"))
    assert said.returncode == 0
    assert "24 runs: 0 done, 24 to do, about 36 s, 2 side by side" in said.stdout
    assert "3 s (the card)" in said.stdout
    assert "seed 21" in said.stdout
    assert not (tmp_path / "mark").exists()
    assert not project.outputs.exists()


def test_the_plan_expects_what_past_runs_took(project: Project, tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("studies: stub\nseeds: 0\n")
    two.write_text("studies: stub\nseeds: 0-1\n")
    assert project.studies("sweep", str(one), STUB_MARK=str(tmp_path / "mark")).returncode == 0
    (origin,) = project.outputs.glob("stub/*/provenance.json")
    told = json.loads(origin.read_text())
    origin.write_text(json.dumps(told | {"wall_seconds": 41.0, "threads": 1, "workers": 1}))
    said = project.studies("sweep", str(two), "--dry-run", "--workers", "1").stdout
    assert "2 runs: 1 done, 1 to do, about 41 s, 1 side by side" in said
    assert "41 s (1 past run)" in said
