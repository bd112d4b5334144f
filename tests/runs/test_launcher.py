"""The launcher with small processes in place of runs."""

import sys
from pathlib import Path

import psutil
import pytest

from helpers.runs.attempt import Progress
from helpers.runs.gpus import visible_gpus
from helpers.runs.launcher import LocalLauncher
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


def planned(name: str, minutes: float = 1.0, device: str = "cpu") -> PlannedRun:
    return PlannedRun(name, "0" * 12, StudyParameters(corpus="coins", device=device), minutes)


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
    (ended,) = launcher.run([planned("slow", minutes=0.1)])
    assert ended.state == "failed"
    assert ended.message.startswith("stopped after its time limit of 0.1")
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


KILLED_ONCE = """
import os, pathlib, signal, sys
mark = pathlib.Path(sys.argv[3])
if not mark.exists():
    mark.touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_run_whose_process_was_killed_is_tried_again_and_one_that_went_wrong_is_not(tmp_path: Path) -> None:
    programs = {"killed": KILLED_ONCE + DONE, "wrong": "import sys; sys.exit('no such coin')", "good": DONE}
    seen: set[tuple[str, int]] = set()

    def watch(progress: list[Progress]) -> None:
        seen.add((progress[0].state, progress[0].attempt))

    launcher = LocalLauncher(2, command=command(programs, tmp_path / "mark"), retries=2)
    ended = launcher.run([planned(name) for name in programs], watch)
    assert [(now.state, now.attempt) for now in ended] == [("done", 2), ("failed", 1), ("done", 1)]
    assert ("lost", 1) in seen


def test_a_run_that_is_always_killed_is_given_up_after_its_retries() -> None:
    programs = {"killed": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"}
    (ended,) = LocalLauncher(command=command(programs), retries=1).run([planned("killed")])
    assert (ended.state, ended.attempt, ended.lost) == ("failed", 2, True)


NOTES_ITS_GPU = """
import os, time
with open(sys.argv[3], "a") as note:
    note.write(f"{os.environ.get('CUDA_VISIBLE_DEVICES')} {time.time()} ")
    note.flush()
    time.sleep(0.5)
    note.write(f"{time.time()}\\n")
"""


def test_each_run_on_a_gpu_has_one_to_itself_and_one_on_the_cpu_waits_for_none(tmp_path: Path) -> None:
    on_gpu = dict.fromkeys("abc", "import sys\n" + NOTES_ITS_GPU + DONE)
    runs = [planned(name, device="cuda") for name in on_gpu] + [planned("cpu")]
    programs = {**on_gpu, "cpu": DONE}
    order: list[str] = []

    def watch(progress: list[Progress]) -> None:
        order.extend(run.study for run, now in zip(runs, progress, strict=True) if now.state == "done")

    def line(run: PlannedRun, parameters: Path, signs: Path) -> list[str]:
        return command(programs, tmp_path / run.study)(run, parameters, signs)

    ended = LocalLauncher(4, command=line, gpus=("0", "GPU-7")).run(runs, watch)
    assert [now.state for now in ended] == ["done"] * 4
    notes = [(tmp_path / name).read_text().split() for name in on_gpu]
    assert {gpu for gpu, _, _ in notes} == {"0", "GPU-7"}
    for i, (gpu, start, end) in enumerate(notes):
        for other, from_, until in notes[i + 1 :]:
            assert gpu != other or float(end) <= float(from_) or float(until) <= float(start)
    assert order.index("cpu") < order.index("c")


def test_without_a_gpu_a_run_that_wants_one_is_refused_by_name_and_auto_runs_on_the_cpu() -> None:
    programs = {"cuda": DONE, "auto": DONE}
    ended = LocalLauncher(2, command=command(programs), gpus=()).run([planned(name, device=name) for name in programs])
    assert [now.state for now in ended] == ["failed", "done"]
    assert ended[0].message == "device: cuda is asked for, but no GPU is visible here"


@pytest.mark.parametrize(
    ("told", "names"), [("0,2", ["0", "2"]), ("", []), ("-1", []), ("GPU-a, GPU-b", ["GPU-a", "GPU-b"])]
)
def test_the_gpus_are_those_that_the_environment_names(
    told: str, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", told)
    assert visible_gpus() == names
