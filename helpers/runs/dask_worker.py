"""What a Dask worker does for ``studies sweep``: says what code it has, and makes one attempt at one run."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from helpers.errors import StudyError
from helpers.places import outputs_at
from helpers.runs.attempt import Progress, attempt
from helpers.runs.planning import PlannedRun
from helpers.studies.catalogue import study_card
from helpers.studies.run_folder import code_version, under_way

ALIVE = "alive"  # file of a launch that its launcher touches now and then
ENDED = "ended"  # file of an attempt that is over
_UNTOUCHED = 300.0  # seconds after which the launcher is taken for dead; a network disk may show a touch late
_LOCK_LEFT = 30.0  # seconds that the lock of a killed attempt may outlive it

_stopped: set[str] = set()  # launches that their launcher has stopped


@dataclass(frozen=True)
class Task:
    """One run, as it is sent to a worker.

    Attributes:
        study, identity, parameters, minutes: of the run.
        version: of the code that it was planned with.
        outputs: the outputs folder.
        launch: folder of the launch, on the disk that all share.
        number: of the run in the launch.
        attempts: that it may take in all.
        fresh: whether to run anew what is done.
    """

    study: str
    identity: str
    parameters: dict[str, Any]
    minutes: float
    version: str
    outputs: str
    launch: str
    number: int
    attempts: int
    fresh: bool


def dask_setup(worker: Any) -> None:
    """Leave Ctrl-C to the launcher, in whose terminal this worker runs; Dask calls it in clusters made here."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def worker_facts(studies: list[str], launch: str) -> dict[str, Any]:
    """What a launcher must know: ``code`` (study -> version here) and ``shares`` (whether its disk is seen here)."""
    return {"code": {study: _version(study) for study in studies}, "shares": (Path(launch) / ALIVE).is_file()}


def stop_launch(launch: str) -> None:
    """End the attempts of a launch that are under way in this worker."""
    _stopped.add(launch)


def run_here(task: Task) -> Progress:
    """Make one attempt at a run; how many were made before, also by workers that were killed, is in its folder."""
    version = _version(task.study)
    if version != task.version:
        return Progress("failed", message=f"this worker's code of {task.study} is {version}, not {task.version}")
    home = Path(task.launch) / str(task.number)
    home.mkdir(exist_ok=True)
    before = len([entry for entry in home.iterdir() if entry.is_dir()])
    if before >= task.attempts:
        return Progress("failed", message=f"its worker or process was killed {before} times", attempt=before, lost=True)
    signs = home / str(before + 1)
    parameters = study_card(task.study).validated(task.parameters, where=f"parameters of {task.study}")
    run = PlannedRun(task.study, task.identity, parameters, task.minutes)
    with outputs_at(Path(task.outputs)):
        if before:
            _wait_for_lock(task)
        environment = {"STUDIES_OUTPUTS": task.outputs}
        ended = attempt(run, signs, _Stopped(task.launch), fresh=task.fresh, environment=environment)
    with suppress(OSError):
        (signs / ENDED).touch()
    return replace(ended, attempt=before + 1)


def _version(study: str) -> str | None:
    try:
        study_card(study)
    except StudyError:
        return None
    return code_version(study)


def _wait_for_lock(task: Task) -> None:
    """The process of an attempt whose worker was killed notices that within a second, and then gives up its lock."""
    end = time.monotonic() + _LOCK_LEFT
    while under_way(task.study, task.identity) and time.monotonic() < end:
        time.sleep(0.2)


class _Stopped:
    """Whether a launch was stopped, or its launcher has died."""

    def __init__(self, launch: str) -> None:
        self._launch = launch
        self._touched = 0.0
        self._seen = self._looked = time.monotonic()

    def __call__(self) -> bool:
        now = time.monotonic()
        if now - self._looked > 5:
            self._looked = now
            touched = self._last_touch()
            if touched != self._touched:
                self._touched, self._seen = touched, now
        return self._launch in _stopped or now - self._seen > _UNTOUCHED

    def _last_touch(self) -> float:
        try:
            return os.stat(Path(self._launch) / ALIVE).st_mtime
        except OSError:
            return 0.0
