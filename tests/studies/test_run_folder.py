"""A finished run is whole, a broken one is never taken for it, and one run is never done by two at once."""

import multiprocessing
import resource
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from helpers.errors import StudyError
from helpers.studies import run_folder
from helpers.studies.run_folder import (
    WHOLE,
    code_version,
    finish,
    finished_folder,
    is_whole,
    open_partial,
    run_id,
    set_aside,
    write_whole,
)

FORK = multiprocessing.get_context("fork")


def fill(folder: Path, mark: str = "{}") -> None:
    for name in WHOLE:
        (folder / name).write_text("PAR1PAR1" if name.endswith("parquet") else mark)


def test_a_run_takes_its_name_when_it_is_whole_and_not_before(outputs: Path) -> None:
    folder = open_partial("s", "abc")
    (folder / "checkpoints").mkdir()
    for name in WHOLE:
        assert not is_whole(folder)
        with pytest.raises(StudyError, match=f"s abc: the run ended without {name}"):
            finish(folder, "s", "abc")
        assert not finished_folder("s", "abc").exists()
        (folder / name).write_text("PAR1PAR1" if name.endswith("parquet") else "{}")
    assert not is_whole(folder)
    final = finish(folder, "s", "abc")
    assert is_whole(final)
    assert sorted(path.name for path in final.iterdir()) == sorted(WHOLE)
    assert [path.name for path in (outputs / "s").iterdir()] == ["abc"]


@pytest.mark.parametrize("cut", ["results.parquet", "verdict.json", "provenance.json"])
def test_a_folder_with_a_file_cut_short_is_not_whole(outputs: Path, cut: str) -> None:
    fill(open_partial("s", "abc"))
    final = finish(open_folder := outputs / "s" / ".partial-abc", "s", "abc")
    assert not open_folder.exists()
    (final / cut).write_bytes((final / cut).read_bytes()[:-1])
    assert not is_whole(final)


def test_a_run_done_again_replaces_the_older_one(outputs: Path) -> None:
    for mark in ('{"n": 1}', '{"n": 2}'):
        folder = open_partial("s", "abc")
        fill(folder, mark)
        final = finish(folder, "s", "abc")
    assert (final / "verdict.json").read_text() == '{"n": 2}'
    assert [path.name for path in (outputs / "s").iterdir()] == ["abc"]


def test_a_broken_off_attempt_leaves_its_checkpoints_and_nothing_else() -> None:
    folder = open_partial("s", "abc")
    fill(folder)
    write_whole(folder / "checkpoints" / "a.pt", b"kept")
    write_whole(folder / "figures" / "old.png", b"gone")
    again = open_partial("s", "abc")
    assert sorted(path.name for path in again.iterdir()) == [".lock", "checkpoints"]
    assert (again / "checkpoints" / "a.pt").read_bytes() == b"kept"


def test_a_failed_run_is_set_aside_for_reading(outputs: Path) -> None:
    folder = open_partial("s", "abc")
    write_whole(folder / "notebook.ipynb", "{}")
    write_whole(folder / "checkpoints" / "a.pt", b"kept")
    failed = set_aside(folder, "s", "abc")
    assert [path.name for path in failed.iterdir()] == ["notebook.ipynb"]
    assert not is_whole(failed)
    assert (open_partial("s", "abc") / "checkpoints" / "a.pt").exists()


def _hold(held: Event, release: Event) -> None:
    folder = open_partial("s", "abc")
    fill(folder)
    held.set()
    release.wait(30)
    finish(folder, "s", "abc")


def test_a_run_under_way_elsewhere_is_refused_until_it_is_done() -> None:
    held, release = FORK.Event(), FORK.Event()
    other = FORK.Process(target=_hold, args=(held, release))
    other.start()
    assert held.wait(30)
    with pytest.raises(StudyError, match="s abc: this very run is under way in another process; wait for it"):
        open_partial("s", "abc")
    assert all((finished_folder("s", "abc").with_name(".partial-abc") / name).exists() for name in WHOLE)
    release.set()
    other.join(30)
    assert is_whole(finished_folder("s", "abc"))
    open_partial("s", "abc")


def test_the_lock_of_a_process_that_was_killed_does_not_stay() -> None:
    held = FORK.Event()
    other = FORK.Process(target=_hold, args=(held, FORK.Event()))
    other.start()
    assert held.wait(30)
    other.kill()
    other.join(30)
    open_partial("s", "abc")


def _race(go: Event, done: "multiprocessing.Queue[str]") -> None:
    go.wait(30)
    for _ in range(40):
        try:
            folder = open_partial("s", "abc")
        except StudyError:
            done.put("refused")
            continue
        fill(folder)
        done.put("whole" if is_whole(finish(folder, "s", "abc")) else "broken")


def test_processes_that_race_for_one_run_never_clear_or_finish_each_others_folder() -> None:
    go, done = FORK.Event(), FORK.Queue()
    racers = [FORK.Process(target=_race, args=(go, done)) for _ in range(3)]
    for racer in racers:
        racer.start()
    go.set()
    said = [done.get(timeout=60) for _ in range(120)]
    for racer in racers:
        racer.join(30)
    assert [racer.exitcode for racer in racers] == [0, 0, 0]
    assert said.count("whole") >= 1


def _write_on_a_full_disk(path: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    with pytest.raises(StudyError, match=r"^results.parquet cannot be written to .*: File too large$"):
        write_whole(path, b"x" * 1000)


def test_on_a_full_disk_the_older_file_stays_and_no_piece_is_left(tmp_path: Path) -> None:
    path = tmp_path / "results.parquet"
    write_whole(path, "older")
    other = FORK.Process(target=_write_on_a_full_disk, args=(path,))
    other.start()
    other.join(30)
    assert other.exitcode == 0
    assert path.read_text() == "older"
    assert [p.name for p in tmp_path.iterdir()] == ["results.parquet"]


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StudyError, match="x cannot be written to"):
        write_whole(tmp_path / "file" / "x", b"")
    monkeypatch.setenv("STUDIES_OUTPUTS", str(tmp_path / "file"))
    with pytest.raises(StudyError, match=r"cannot be written: .*; set STUDIES_OUTPUTS"):
        open_partial("s", "abc")


def test_the_name_of_a_run_follows_parameters_data_and_code(monkeypatch: pytest.MonkeyPatch) -> None:
    name = run_id("s", {"a": 1, "b": [2]}, "data")
    assert name == run_id("s", {"b": [2], "a": 1}, "data")
    others = {
        run_id("s", {"a": 2, "b": [2]}, "data"),
        run_id("s", {"a": 1, "b": [2]}, "other"),
        run_id("t", {}, "data"),
    }
    monkeypatch.setattr(run_folder, "code_version", lambda study: "changed")
    others.add(run_id("s", {"a": 1, "b": [2]}, "data"))
    assert len(others | {name}) == 5


def test_code_that_computes_a_studys_numbers_is_in_its_version_and_other_code_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_folder, "ROOT", tmp_path)
    monkeypatch.setattr(run_folder, "notebook_path", lambda study: tmp_path / "s.ipynb")

    def version_after(path: str, content: str) -> str:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
        return code_version("s")

    def cells(parameters: str, code: str, prose: str) -> str:
        import json

        tagged = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": [parameters]}
        plain = {"cell_type": "code", "metadata": {}, "source": [code]}
        return json.dumps({"cells": [tagged, plain, {"cell_type": "markdown", "metadata": {}, "source": [prose]}]})

    first = version_after("helpers/training.py", "a = 1")
    assert version_after("helpers/cli.py", "a = 1") == first
    assert version_after("helpers/runs/launcher.py", "a = 1") == first
    assert version_after("helpers/studies/other/steps.py", "a = 1") == first
    own = version_after("helpers/studies/s/steps.py", "a = 1")
    assert own != first
    noted = version_after("s.ipynb", cells("x = 1", "y = 1", "z"))
    assert noted != own
    assert version_after("s.ipynb", cells("x = 2", "y = 1", "w")) == noted
    assert version_after("s.ipynb", cells("x = 1", "y = 2", "z")) != noted
