"""The launcher with small processes in place of runs."""

import sys
import time
from pathlib import Path

import psutil
import pytest

from helpers.runs.launcher import LocalLauncher, Progress
from helpers.runs.planning import PlannedRun
from helpers.studies.card import StudyParameters

DONE = """
import json, pathlib, sys
signs, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
folder.mkdir(parents=True)
for name in ("verdict.json", "provenance.json", "params.yaml"):
    (folder / name).write_text("{}")
(folder / "results.parquet").write_bytes(b"PAR1PAR1")
(signs / "outcome.json").write_text(json.dumps({"state": "done", "message": "", "folder": str(folder)}))
"""
LEAVES_A_CHILD_IN_A_SESSION_OF_ITS_OWN = """
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
pathlib.Path(sys.argv[3]).write_text(str(child.pid))
time.sleep(600)
"""


def planned(name: str, minutes: float = 1.0) -> PlannedRun:
    return PlannedRun(name, "0" * 12, StudyParameters(corpus="coins"), minutes)


def command(programs: dict[str, str], note: Path | None = None):
    def line(run: PlannedRun, parameters: Path, signs: Path) -> list[str]:
        return [sys.executable, "-S", "-c", programs[run.study], str(signs), str(run.folder), str(note)]

    return line


def test_one_that_fails_does_not_stop_the_others() -> None:
    programs = {"good": DONE, "bad": "import sys; sys.exit('no such coin')", "late": DONE}
    runs = [planned(name) for name in programs]
    ended = LocalLauncher(2, command=command(programs)).run(runs)
    assert [now.state for now in ended] == ["done", "failed", "done"]
    assert ended[1].message == "its process ended with code 1: no such coin"


def test_a_run_whose_process_was_killed_is_not_done() -> None:
    programs = {"killed": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"}
    (ended,) = LocalLauncher(command=command(programs)).run([planned("killed")])
    assert ended.state == "failed"
    assert "was killed by signal 9" in ended.message


def test_a_process_that_says_done_but_leaves_no_whole_folder_is_not_believed() -> None:
    lies = DONE.replace('b"PAR1PAR1"', 'b"PAR1"[:2]')
    (ended,) = LocalLauncher(command=command({"lies": lies})).run([planned("lies")])
    assert ended.state == "failed"


def test_the_time_limit_ends_the_whole_process_tree(tmp_path: Path) -> None:
    programs = {"slow": LEAVES_A_CHILD_IN_A_SESSION_OF_ITS_OWN}
    launcher = LocalLauncher(command=command(programs, tmp_path / "pid"))
    started = time.monotonic()
    (ended,) = launcher.run([planned("slow", minutes=2 / 60)])
    assert time.monotonic() - started < 30
    assert ended.state == "failed"
    assert ended.message.startswith("stopped after its time limit of 0.03")
    pid = int((tmp_path / "pid").read_text())
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"


def test_an_interrupt_ends_all_processes_and_starts_no_more(tmp_path: Path) -> None:
    programs = {"slow": LEAVES_A_CHILD_IN_A_SESSION_OF_ITS_OWN, "next": DONE}
    runs = [planned("slow"), planned("next")]
    seen: list[list[Progress]] = []

    def interrupt(progress: list[Progress]) -> None:
        seen.append(progress)
        if (tmp_path / "pid").exists() and len(seen) < 1000:
            seen.extend([[]] * 1000)
            raise KeyboardInterrupt

    launcher = LocalLauncher(1, command=command(programs, tmp_path / "pid"))
    with pytest.raises(KeyboardInterrupt):
        launcher.run(runs, interrupt)
    assert not runs[1].folder.exists()
    pid = int((tmp_path / "pid").read_text() or 0)
    assert not pid or not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"


def test_no_more_than_the_workers_run_at_once() -> None:
    programs = dict.fromkeys("abcd", f"import time; time.sleep(0.4)\n{DONE}")
    most: list[int] = []
    ended = LocalLauncher(2, command=command(programs)).run(
        [planned(name) for name in programs], lambda now: most.append(sum(p.state == "running" for p in now))
    )
    assert [now.state for now in ended] == ["done"] * 4
    assert max(most) == 2


def test_what_is_done_is_not_started_again() -> None:
    (first,) = LocalLauncher(command=command({"good": DONE})).run([planned("good")])
    (again,) = LocalLauncher(command=command({"good": "raise SystemExit(1)"})).run([planned("good")])
    assert (first.state, again.state) == ("done", "already")


def test_a_disk_that_is_full_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    (ended,) = LocalLauncher(command=command({"good": DONE})).run([planned("good")])
    assert ended.state == "failed"
    assert ended.message == "the run could not be started: No space left on device"
