"""What a worker does with a task, without a cluster."""

from dataclasses import replace
from pathlib import Path

import pytest

from helpers.places import outputs_at, outputs_folder
from helpers.runs import dask_worker
from helpers.runs.dask_worker import ALIVE, ENDED, Task, run_here, stop_launch, worker_facts
from helpers.runs.planning import plan
from helpers.studies.run_folder import code_version, open_partial, set_aside, under_way


@pytest.fixture
def task(tmp_path: Path) -> Task:
    """A task that no worker has touched."""
    run = plan("survformer")
    (tmp_path / ALIVE).touch()
    return Task(
        run.study, run.identity, run.parameters.model_dump(mode="json"), 1.0, code_version(run.study),
        str(tmp_path / "outputs"), str(tmp_path), 7, 3, False,
    )  # fmt: skip


def test_facts_are_the_code_of_each_study_and_whether_the_disk_is_shared(task: Task, tmp_path: Path) -> None:
    facts = worker_facts(["survformer", "absent"], task.launch)
    assert facts == {"code": {"survformer": code_version("survformer"), "absent": None}, "shares": True}
    assert not worker_facts([], str(tmp_path / "elsewhere"))["shares"]


def test_a_task_of_another_version_is_not_begun(task: Task, tmp_path: Path) -> None:
    ended = run_here(replace(task, version="another"))
    assert (ended.state, ended.lost) == ("failed", False)
    assert "not another" in ended.message
    assert not (tmp_path / "7").exists()


def test_attempts_of_workers_that_were_killed_count(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    monkeypatch.setattr(dask_worker, "attempt", lambda run, signs, *_, **__: made.append(signs) or signs.mkdir())
    monkeypatch.setattr(dask_worker, "replace", lambda ended, attempt: attempt)
    assert [run_here(task) for _ in range(3)] == [1, 2, 3]
    assert [signs.relative_to(tmp_path).as_posix() for signs in made] == ["7/1", "7/2", "7/3"]
    assert all((signs / ENDED).exists() for signs in made)
    ended = run_here(task)
    assert (ended.state, ended.message) == ("failed", "its worker or process was killed 3 times")


def test_a_stopped_launch_ends_its_tasks_and_no_others(tmp_path: Path) -> None:
    mine, other = dask_worker._Stopped(str(tmp_path / "a")), dask_worker._Stopped(str(tmp_path / "b"))
    assert not mine()
    stop_launch(str(tmp_path / "a"))
    assert mine()
    assert not other()


def test_a_launcher_that_gives_no_sign_of_life_is_taken_for_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(dask_worker.time, "monotonic", lambda: now[0])
    (tmp_path / ALIVE).touch()
    stopped = dask_worker._Stopped(str(tmp_path))
    for _ in range(10):  # touched now and then: alive however long it takes
        now[0] += 200
        (tmp_path / ALIVE).touch()
        assert not stopped()
    now[0] += 200
    assert not stopped()
    now[0] += 200
    assert stopped()


def test_a_run_is_under_way_as_long_as_its_process_holds_it() -> None:
    assert not under_way("s", "abc")
    folder = open_partial("s", "abc")
    assert under_way("s", "abc")
    set_aside(folder, "s", "abc")
    assert not under_way("s", "abc")


def test_the_outputs_folder_can_be_another_in_one_thread_alone(tmp_path: Path, outputs: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool, outputs_at(tmp_path):
        assert outputs_folder() == tmp_path
        assert pool.submit(outputs_folder).result() == outputs
    assert outputs_folder() == outputs
