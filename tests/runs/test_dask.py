"""``studies sweep --launcher dask``: with a scheduler and workers that are processes of their own."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
from distributed import Client

from tests.runs.sweeping import light_project, pausing, waited_for
from tests.stub_study.project import Project


@contextmanager
def dask(project: Project, *words: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    """``dask …``, ended at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *words],
        cwd=project.root,
        env=project.environment(**more),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def scheduler(project: Project, folder: Path) -> Iterator[str]:
    """A scheduler; its address."""
    file = folder / "scheduler.json"
    with dask(project, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file",
              str(file)) as process:  # fmt: skip
        assert waited_for(file.exists, process)

        yield json.loads(file.read_text())["address"]


def worker(project: Project, address: str, *words: str, **more: str):
    """A worker of one thread."""
    return dask(project, "worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard", *words, **more)


def known_workers(address: str) -> int:
    """How many workers the scheduler knows."""
    with Client(address, set_as_default=False) as client:
        return len(client.scheduler_info(n_workers=-1)["workers"])


@pytest.fixture(scope="module")
def address(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a scheduler."""
    with scheduler(Project(root, root / "outputs"), tmp_path_factory.mktemp("scheduler")) as address:
        yield address


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of light runs."""
    return light_project(tmp_path_factory.mktemp("project")).root


@pytest.fixture
def project(root: Path, tmp_path: Path) -> Project:
    """The project with outputs of its own."""
    return Project(root, tmp_path / "outputs")


def test_a_worker_killed_loses_its_own_run_alone_and_the_next_call_runs_only_the_failed_one(
    project: Project, address: str, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    words = ("sweep", "sweep.yaml", "--launcher", "dask", "--scheduler")
    with ExitStack() as stack:
        workers = [stack.enter_context(worker(project, address, STUB_MARK=str(mark))) for _ in range(2)]
        process = project.start(*words, address)
        assert waited_for(lambda: pausing(project) > 0, process)
        own = psutil.Process(pausing(project)).ppid()
        assert own in [one.pid for one in workers]
        os.kill(own, signal.SIGKILL)
        said, err = process.communicate(timeout=120)
        assert process.returncode == 1, said + err
        assert err == ""
        assert "lost: stub quick coins: its worker was killed; trying again" in said
        assert said.count("failed: stub quick coins: fold 3 has no events\n") == 1
        assert "23 of 24 runs are done" in said
        assert len(project.finished()) == 23
        started = mark.read_text().split()
        assert (len(started), len(set(started))) == (25, 24)
        again = project.studies(*words, address)
        assert again.returncode == 1
        assert "24 runs: 23 done, 1 to do" in again.stdout
        assert len(mark.read_text().split()) == 26
    assert list(project.outputs.glob(".launch-*")) == []


def refused(project: Project, address: str, *words: str, file: str = "sweep.yaml") -> str:
    """The one line with which a sweep is refused."""
    said = project.studies("sweep", file, "--launcher", "dask", "--scheduler", address, *words)
    assert said.returncode == 2, said.stdout + said.stderr
    assert len(said.stderr.strip().splitlines()) == 1, said.stderr
    assert project.finished() == []
    assert list(project.outputs.glob(".launch-*")) == []
    return said.stderr


def test_workers_with_other_code_or_without_the_package_or_a_gpu_are_refused_by_name(
    project: Project, address: str, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(project.root, other, ignore=shutil.ignore_patterns("outputs", "__pycache__"))
    with (other / "helpers/studies/stub/steps.py").open("a") as steps:
        steps.write("\n# changed\n")
    with worker(Project(other, project.outputs), address):
        line = refused(project, address)
        assert re.match(r"error: worker tcp://127.0.0.1:\d+: has another version of the code of stub \(", line)
    (other / "helpers" / "runs" / "dask_worker.py").unlink()
    with worker(Project(other, project.outputs), address):
        line = refused(project, address)
        assert re.match(
            r"error: worker tcp://127.0.0.1:\d+: does not have this project's package .*No module named", line
        )
    (tmp_path / "gpu.yaml").write_text("studies: stub\nset: {device: cuda}\n")
    with worker(project, address, STUB_MARK=str(tmp_path / "mark")):
        assert "device cuda: no worker has a GPU" in refused(project, address, file=str(tmp_path / "gpu.yaml"))
        with worker(project, address, "--resources", "GPU=1", STUB_MARK=str(tmp_path / "mark")) as second:
            assert waited_for(lambda: known_workers(address) == 2, second)
            words = ("sweep", str(tmp_path / "gpu.yaml"), "--launcher", "dask", "--scheduler", address)
            assert project.studies(*words).returncode == 0


def test_an_address_where_nothing_answers_is_one_line(project: Project) -> None:
    assert "nothing answers there; is `dask scheduler` running?" in refused(project, "tcp://127.0.0.1:9")
    assert "--scheduler: 'nonsense' must read like tcp://host:8786" in refused(project, "nonsense")


def test_a_cluster_of_its_own_does_the_runs_and_ctrl_c_ends_all_of_it(project: Project, tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(
        "- {studies: stub, seeds: 0}\n- {studies: stub, set: {seeds: [7], pause: 120}}\n"
    )
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "helpers.cli",
            "sweep",
            str(tmp_path / "sweep.yaml"),
            "--launcher",
            "dask",
            "--workers",
            "1",
        ],
        cwd=project.root,
        env=project.environment(STUB_MARK=str(tmp_path / "mark")),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert waited_for(lambda: pausing(project) > 0, process)
    below = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of its processes at once
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.startswith("stopped: ")
    assert len(err.strip().splitlines()) == 1
    _, alive = psutil.wait_procs(below, timeout=10)
    assert alive == []
    assert len(project.finished()) == 1
    assert list(project.outputs.glob(".launch-*")) == []
