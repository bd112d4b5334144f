"""The local launcher: a few runs side by side, each in a process of its own with a time limit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil
import yaml

from helpers.errors import StudyError
from helpers.places import ROOT, outputs_folder
from helpers.runs.planning import PlannedRun
from helpers.runs.process_tree import descendants, kill_tree
from helpers.studies.run_folder import set_aside, write_whole

State = Literal["waiting", "running", "done", "already", "failed", "stopped"]
Command = Callable[[PlannedRun, Path, Path], list[str]]  # run, its parameter file, its folder for signs of life


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Attributes:
        state: *already* is a run that lay there finished; *stopped* one that was broken off from outside.
        cell, cells: the code cell at work, from 1, and how many there are; 0 where not known.
        label, done, total: what the notebook itself says of the step at work.
        seconds: since it started.
        message: why it failed.
        folder: the finished run, or what a failed one left.
    """

    state: State = "waiting"
    cell: int = 0
    cells: int = 0
    label: str = ""
    done: int = 0
    total: int = 0
    seconds: float = 0.0
    message: str = ""
    folder: Path | None = None


def execute_command(run: PlannedRun, parameters: Path, signs: Path) -> list[str]:
    """The command of one run's process."""
    return [sys.executable, "-m", "helpers.runs.execute", run.study, run.identity, str(parameters), str(signs)]


class LocalLauncher:
    """A pool of threads, each of which looks after one run's process at a time.

    Args:
        workers: runs side by side.
        force: run anew what is already done, and from the start what was broken off.
        command: the command line of a run's process.
    """

    def __init__(self, workers: int = 1, force: bool = False, command: Command = execute_command) -> None:
        self._workers, self._force, self._command = workers, force, command
        self._stop = threading.Event()
        self._progress: list[Progress] = []

    def run(
        self, runs: Sequence[PlannedRun], on_change: Callable[[list[Progress]], None] = lambda _: None
    ) -> list[Progress]:
        """Do all runs that are not done yet.

        Args:
            runs: what to do.
            on_change: called about four times a second with where each run stands, in the order of ``runs``.

        Returns:
            How each run ended, in the order of ``runs``. A run that fails stops no other.

        Raises:
            KeyboardInterrupt: Ctrl-C, after all processes were ended. Only hidden folders are left of their runs.
        """
        self._progress = [Progress() for _ in runs]
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="run")
        with tempfile.TemporaryDirectory(prefix="studies-") as signs:
            waiting: set[Future[None]] = {
                pool.submit(self._one, i, run, Path(signs) / str(i)) for i, run in enumerate(runs)
            }
            finished: set[Future[None]] = set()
            try:
                while waiting:
                    ended, waiting = wait(waiting, timeout=0.25)
                    finished |= ended
                    on_change(list(self._progress))
            finally:
                self._stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
                on_change(list(self._progress))
        for future in finished:
            future.result()
        return list(self._progress)

    def _one(self, i: int, run: PlannedRun, signs: Path) -> None:
        """Look after one run from start to end."""
        if self._stop.is_set():
            return
        if run.done and not self._force:
            self._progress[i] = Progress("already", folder=run.folder)
            return
        started = time.monotonic()
        self._progress[i] = Progress("running", label="starting")
        try:
            ended = self._watched(i, run, signs, started)
        except (OSError, StudyError) as error:
            reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
            ended = Progress("failed", message=f"the run could not be started: {reason}")
        seconds = time.monotonic() - started
        self._progress[i] = Progress(ended.state, seconds=seconds, message=ended.message, folder=ended.folder)

    def _watched(self, i: int, run: PlannedRun, signs: Path, started: float) -> Progress:
        """Start the process, note its signs of life, end it when its time is up."""
        signs.mkdir(parents=True)
        parameters = signs / "parameters.yaml"
        write_whole(parameters, yaml.safe_dump(run.parameters.model_dump(mode="json"), sort_keys=False))
        command = self._command(run, parameters, signs) + (["--fresh"] if self._force else [])
        with (signs / "log.txt").open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(run),
                start_new_session=True,  # Ctrl-C reaches the launcher alone, which then ends its runs
            )
        below: set[psutil.Process] = set()
        looked = 0.0
        try:
            while process.poll() is None:
                if self._stop.is_set():
                    return Progress("stopped", message="stopped by Ctrl-C; the next call goes on from its checkpoints")
                if time.monotonic() - started > 60 * run.minutes:
                    kill_tree(process.pid, below)
                    process.wait()
                    line = f"stopped after its time limit of {run.minutes:g} min (--timeout gives it another)"
                    return _keep(run, signs, line)
                if time.monotonic() - looked > 1:
                    looked = time.monotonic()
                    below |= descendants(process.pid)
                self._progress[i] = _signs_of_life(signs, time.monotonic() - started)
                self._stop.wait(0.2)
            return self._outcome(run, signs, process.returncode)
        finally:
            kill_tree(process.pid, below)  # also what a kernel left behind
            process.wait()

    def _outcome(self, run: PlannedRun, signs: Path, code: int) -> Progress:
        said = _read_json(signs / "outcome.json")
        folder = Path(said["folder"]) if said.get("folder") else None
        if code == 0 and said.get("state") == "done" and run.done:
            return Progress("done", folder=folder)
        if said.get("state") == "failed":
            if folder is not None:
                _keep_log(signs, folder)
            return Progress("failed", message=said["message"], folder=folder)
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        last = _last_line(signs / "log.txt")
        return _keep(run, signs, f"its process {how}{': ' + last if last else ''}")


def _environment(run: PlannedRun) -> dict[str, str]:
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    quiet = {"OMP_NUM_THREADS": str(run.parameters.threads), "OMP_WAIT_POLICY": "PASSIVE"}
    return {**os.environ, **quiet, "PYTHONPATH": path}


def _keep(run: PlannedRun, signs: Path, line: str) -> Progress:
    """Set aside what a run left that was killed and could not do so itself."""
    partial = outputs_folder() / run.study / f".partial-{run.identity}"
    if not partial.is_dir():
        return Progress("failed", message=line)
    try:
        failed = set_aside(partial, run.study, run.identity)
        write_whole(failed / "error.txt", line + "\n")
        _keep_log(signs, failed)
    except (OSError, StudyError):
        return Progress("failed", message=line)
    return Progress("failed", message=line, folder=failed)


def _keep_log(signs: Path, folder: Path) -> None:
    try:
        if (signs / "log.txt").stat().st_size:
            shutil.copyfile(signs / "log.txt", folder / "log.txt")
    except OSError:
        return


def _signs_of_life(signs: Path, seconds: float) -> Progress:
    told, cells = _read_json(signs / "progress.json"), _read_json(signs / "cells.json")
    return Progress(
        "running", int(cells.get("cell", 0)), int(cells.get("cells", 0)), str(told.get("label", "starting")),
        int(told.get("done", 0)), int(told.get("total", 0)), seconds,
    )  # fmt: skip


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _last_line(path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
