"""One attempt at one run: its process is started, watched, and ended with all that it started when its time is up."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import psutil
import yaml

from helpers.errors import StudyError
from helpers.places import ROOT, outputs_folder
from helpers.runs.planning import PlannedRun
from helpers.runs.process_tree import descendants, kill_tree
from helpers.studies.run_folder import set_aside, write_whole

State = Literal["waiting", "running", "lost", "done", "already", "failed", "stopped"]
Command = Callable[[PlannedRun, Path, Path], list[str]]  # run, its parameter file, its folder for signs of life


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Attributes:
        state: *already* is a run that lay there finished; *stopped* one that was broken off from outside; *lost* one
            whose process or kernel was killed, and which is about to be tried again.
        cell, cells: the code cell at work, from 1, and how many there are; 0 where not known.
        label, done, total: what the notebook itself says of the step at work.
        seconds: since it started.
        message: why it failed.
        folder: the finished run, or what a failed one left.
        lost: of a failed run, whether it was killed rather than went wrong, so that trying again may help.
        attempt: from 1.
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
    lost: bool = False
    attempt: int = 1


def execute_command(run: PlannedRun, parameters: Path, signs: Path) -> list[str]:
    """The command of one run's process."""
    return [sys.executable, "-m", "helpers.runs.execute", run.study, run.identity, str(parameters), str(signs)]


def attempt(
    run: PlannedRun,
    signs: Path,
    stopped: Callable[[], bool],
    tell: Callable[[Progress], None] = lambda _: None,
    fresh: bool = False,
    command: Command = execute_command,
    environment: Mapping[str, str] | None = None,
) -> Progress:
    """Make one attempt at a run.

    Args:
        run: what to do.
        signs: a folder that is not there yet, for signs of life.
        stopped: asked about five times a second; true ends the run.
        tell: told as often where the run stands.
        fresh: do not go on from checkpoints, and run what is done.
        command: the command line of the run's process.
        environment: what its process has besides this one's.

    Returns:
        How it ended: *done*, *failed* or *stopped*. Nothing that it started is left.
    """
    started = time.monotonic()
    try:
        ended = _watched(run, signs, stopped, tell, command(run, signs / "parameters.yaml", signs), fresh, environment)
    except (OSError, StudyError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        ended = Progress("failed", message=f"the run could not be started: {reason}")
    return replace(ended, seconds=time.monotonic() - started)


def signs_of_life(signs: Path, seconds: float) -> Progress:
    """Where a run stands, by the files that it leaves in its folder for signs of life."""
    told, cells = _read_json(signs / "progress.json"), _read_json(signs / "cells.json")
    return Progress(
        "running", int(cells.get("cell", 0)), int(cells.get("cells", 0)), str(told.get("label", "starting")),
        int(told.get("done", 0)), int(told.get("total", 0)), seconds,
    )  # fmt: skip


def _watched(
    run: PlannedRun,
    signs: Path,
    stopped: Callable[[], bool],
    tell: Callable[[Progress], None],
    command: list[str],
    fresh: bool,
    environment: Mapping[str, str] | None,
) -> Progress:
    """Start the process, note its signs of life, end it when its time is up."""
    signs.mkdir(parents=True)
    write_whole(signs / "parameters.yaml", yaml.safe_dump(run.parameters.model_dump(mode="json"), sort_keys=False))
    started = time.monotonic()
    with (signs / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            command + (["--fresh"] if fresh else []),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**_environment(run), **(environment or {})},
            start_new_session=True,  # Ctrl-C reaches the launcher alone, which then ends its runs
        )
    below: set[psutil.Process] = set()
    looked = 0.0
    try:
        while process.poll() is None:
            if stopped():
                return Progress("stopped", message="stopped by Ctrl-C; the next call goes on from its checkpoints")
            if time.monotonic() - started > 60 * run.minutes:
                kill_tree(process.pid, below)
                process.wait()
                line = f"stopped after its time limit of {run.minutes:g} min (--timeout gives it another)"
                return _keep(run, signs, line)
            if time.monotonic() - looked > 1:
                looked = time.monotonic()
                below |= descendants(process.pid)
            tell(signs_of_life(signs, time.monotonic() - started))
            time.sleep(0.2)
        return _outcome(run, signs, process.returncode)
    finally:
        kill_tree(process.pid, below)  # also what a kernel left behind
        process.wait()


def _outcome(run: PlannedRun, signs: Path, code: int) -> Progress:
    said = _read_json(signs / "outcome.json")
    folder = Path(said["folder"]) if said.get("folder") else None
    if code == 0 and said.get("state") == "done" and run.done:
        return Progress("done", folder=folder)
    if said.get("state") == "failed":
        if folder is not None:
            _keep_log(signs, folder)
        return Progress("failed", message=said["message"], folder=folder, lost=bool(said.get("lost")))
    how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    last = _last_line(signs / "log.txt")
    return replace(_keep(run, signs, f"its process {how}{': ' + last if last else ''}"), lost=code < 0)


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
