"""``studies sweep --launcher dask``: with a scheduler and workers that are processes of their own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

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


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project of light runs."""
    return light_project(tmp_path_factory.mktemp("project"))


def test_a_worker_killed_loses_its_own_run_alone_and_the_next_call_runs_only_the_failed_one(
    project: Project, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    words = ("sweep", "sweep.yaml", "--launcher", "dask", "--scheduler")
    with scheduler(project, tmp_path) as address, ExitStack() as stack:
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
