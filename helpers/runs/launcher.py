"""The local launcher: a few runs side by side, each in a process of its own with a time limit."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from helpers.runs.attempt import Command, Progress, attempt, execute_command
from helpers.runs.gpus import CUDA_VISIBLE, visible_gpus, wants_gpu
from helpers.runs.planning import PlannedRun

OnChange = Callable[[list[Progress]], None]
_BEFORE_RETRY = 1.0  # seconds


class Launcher(Protocol):
    """What takes runs and sees them through."""

    def run(self, runs: Sequence[PlannedRun], on_change: OnChange = ...) -> list[Progress]:
        """Do all runs that are not done yet; see :meth:`LocalLauncher.run`."""


class LocalLauncher:
    """A pool of threads, each of which looks after one run's process at a time.

    Args:
        workers: runs side by side.
        force: run anew what is already done, and from the start what was broken off.
        command: the command line of a run's process.
        retries: further attempts at a run whose process was killed. One that went wrong is not tried again.
        gpus: names of the GPUs, each for one run at a time; None finds those of this machine.
    """

    def __init__(
        self,
        workers: int = 1,
        force: bool = False,
        command: Command = execute_command,
        retries: int = 0,
        gpus: Sequence[str] | None = None,
    ) -> None:
        self._workers, self._force, self._command, self._retries = workers, force, command, retries
        self._gpus = gpus
        self._stop = threading.Event()
        self._progress: list[Progress] = []

    def run(self, runs: Sequence[PlannedRun], on_change: OnChange = lambda _: None) -> list[Progress]:
        """Do all runs that are not done yet.

        Args:
            runs: what to do.
            on_change: called a few times a second with where each run stands, in the order of ``runs``.

        Returns:
            How each run ended, in the order of ``runs``. A run that fails stops no other.

        Raises:
            KeyboardInterrupt: Ctrl-C, after all processes were ended. Only hidden folders are left of their runs.
        """
        self._progress = [Progress() for _ in runs]
        asking = any(run.parameters.device != "cpu" for run in runs)
        free = list(visible_gpus() if self._gpus is None and asking else self._gpus or ())
        any_gpu = bool(free)
        waiting = list(range(len(runs)))
        busy: dict[Future[None], str] = {}  # the GPU that it holds, empty for none
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="run")
        with tempfile.TemporaryDirectory(prefix="studies-") as signs:
            try:
                while waiting or busy:
                    for i in _startable(waiting, runs, self._workers - len(busy), len(free), any_gpu):
                        waiting.remove(i)
                        gpu = free.pop(0) if any_gpu and wants_gpu(runs[i], any_gpu) else ""
                        busy[pool.submit(self._one, i, runs[i], Path(signs) / str(i), gpu)] = gpu
                    ended, _ = wait(busy, timeout=0.25, return_when=FIRST_COMPLETED)
                    for future in ended:
                        gpu = busy.pop(future)
                        free += [gpu] if gpu else []
                        future.result()
                    on_change(list(self._progress))
            finally:
                self._stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
                on_change(list(self._progress))
        return list(self._progress)

    def _one(self, i: int, run: PlannedRun, signs: Path, gpu: str) -> None:
        """Look after one run from start to end, however many attempts it takes."""
        if self._stop.is_set():
            return
        if run.done and not self._force:
            self._progress[i] = Progress("already", folder=run.folder)
            return
        if run.parameters.device == "cuda" and not gpu:
            self._progress[i] = Progress("failed", message="device: cuda is asked for, but no GPU is visible here")
            return
        started = time.monotonic()
        for number in range(1, self._retries + 2):

            def tell(now: Progress, number: int = number) -> None:
                self._progress[i] = replace(now, attempt=number)

            tell(Progress("running", label="starting"))
            ended = attempt(
                run, signs / str(number), self._stop.is_set, tell, self._force, self._command,
                {CUDA_VISIBLE: gpu} if gpu else {},
            )  # fmt: skip
            if not ended.lost or number > self._retries:
                break
            self._progress[i] = replace(ended, state="lost", attempt=number)
            if self._stop.wait(_BEFORE_RETRY):
                break
        self._progress[i] = replace(ended, seconds=time.monotonic() - started, attempt=number)


def _startable(waiting: Sequence[int], runs: Sequence[PlannedRun], workers: int, gpus: int, any_gpu: bool) -> list[int]:
    """The next runs that there is room for; one that waits for a GPU holds up none that needs no GPU."""
    chosen: list[int] = []
    for i in waiting:
        if len(chosen) == workers:
            break
        if any_gpu and wants_gpu(runs[i], any_gpu):
            if not gpus:
                continue
            gpus -= 1
        chosen.append(i)
    return chosen
