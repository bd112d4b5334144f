"""The Dask launcher: runs as tasks of a cluster, each in a process of its own on the worker that it falls to."""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.errors import StudyError
from helpers.places import outputs_folder
from helpers.runs import dask_worker
from helpers.runs.attempt import Progress, signs_of_life
from helpers.runs.dask_worker import ALIVE, ENDED, Task, run_here, stop_launch, worker_facts
from helpers.runs.launcher import OnChange
from helpers.runs.planning import PlannedRun
from helpers.studies.run_folder import code_version

if TYPE_CHECKING:
    from distributed import Client, Future

_ADDRESS = re.compile(r"(tcp|tls|ws|wss|ucx)://\S+:\d+")
_CONNECT = 8.0  # seconds
_TICK = 0.25
_STOP = 10.0  # seconds that runs under way are given to end


class DaskLauncher:
    """Sends runs to a Dask cluster; the state of a run is in its folder, on a disk that all workers share.

    Args:
        scheduler: address such as ``"tcp://host:8786"``; None makes a cluster on this machine.
        workers: of the cluster made here; a scheduler's workers are its own affair.
        force: run anew what is already done.
        retries: further attempts at a run whose worker or process was killed.
        notice: told, in a line, what a person should know meanwhile.
    """

    def __init__(
        self,
        scheduler: str | None = None,
        workers: int = 1,
        force: bool = False,
        retries: int = 2,
        notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._scheduler, self._workers, self._force, self._retries = scheduler, workers, force, retries
        self._notice = notice
        self._progress: list[Progress] = []

    def run(self, runs: Sequence[PlannedRun], on_change: OnChange = lambda _: None) -> list[Progress]:
        """Do all runs that are not done yet; see :meth:`helpers.runs.launcher.LocalLauncher.run`.

        Raises:
            StudyError: nothing answers at the scheduler's address, it goes away, or a worker lacks the package, has
                another version of the code, does not share the outputs folder, or (all of them) a GPU that runs want.
            KeyboardInterrupt: Ctrl-C, after the runs under way were ended.
        """
        self._progress = [self._at_start(run) for run in runs]
        on_change(list(self._progress))
        missing = [i for i, now in enumerate(self._progress) if now.state == "waiting"]
        if not missing:
            return list(self._progress)
        if self._scheduler is None and any(runs[i].parameters.device == "cuda" for i in missing):
            raise StudyError(
                "device cuda: a cluster made here does not share out GPUs; take --launcher local, which does, or give "
                "--scheduler with workers started with --resources GPU=1"
            )
        with self._cluster(len(missing)) as client, _launch_folder() as launch:
            _Launch(client, launch, runs, missing, self).see_through(on_change)
        return list(self._progress)

    def _at_start(self, run: PlannedRun) -> Progress:
        return Progress("already", folder=run.folder) if run.done and not self._force else Progress()

    @contextmanager
    def _cluster(self, runs: int) -> Iterator[Client]:
        from distributed import Client, LocalCluster

        for name in ("distributed", "distributed.client"):  # what matters is said in one line by this module
            logging.getLogger(name).setLevel(logging.CRITICAL)
        if self._scheduler is not None:
            if not _ADDRESS.fullmatch(self._scheduler):
                raise StudyError(f"--scheduler: {self._scheduler!r} must read like tcp://host:8786")
            try:
                client = Client(self._scheduler, timeout=_CONNECT, set_as_default=False)
            except (OSError, ValueError) as error:
                reason = "nothing answers there" if isinstance(error, OSError) else str(error)
                raise StudyError(f"--scheduler: {self._scheduler}: {reason}; is `dask scheduler` running?") from None
            try:
                yield client
            finally:
                client.close()
            return
        with (
            LocalCluster(
                n_workers=min(self._workers, runs), threads_per_worker=1, processes=True, memory_limit=0,
                dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL, preload=[dask_worker.__name__],
            ) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):  # fmt: skip
            yield client


class _Launch:
    """One call of the launcher, while the cluster is there."""

    def __init__(
        self, client: Client, folder: Path, runs: Sequence[PlannedRun], missing: list[int], asked: DaskLauncher
    ) -> None:
        self._client, self._folder, self._runs, self._missing = client, folder, runs, missing
        self._progress, self._force, self._attempts = asked._progress, asked._force, asked._retries + 1
        self._notice = asked._notice
        self._versions = {study: code_version(study) for study in {runs[i].study for i in missing}}
        self._checked: set[str] = set()
        self._begun: dict[int, float] = {}
        self._shown: dict[int, int] = {}  # attempt that was last shown

    def see_through(self, on_change: OnChange) -> None:
        """Submit what is missing, follow it, submit again what was lost."""
        self._check_workers()
        if not self._checked:
            self._notice("no worker has joined the scheduler yet; the runs wait for one")
        futures: dict[Future, int] = {}
        try:
            futures = {self._submit(i, 1): i for i in self._missing}
            touched = 0.0
            while futures:
                if time.monotonic() - touched > 2:
                    touched = time.monotonic()
                    os.utime(self._folder / ALIVE)
                    self._check_workers()
                for future in [future for future in futures if future.done()]:
                    i = futures.pop(future)
                    if self._lost(i):
                        on_change(list(self._progress))
                    again = self._ended(i, future)
                    if again:
                        futures[self._submit(i, again)] = i
                for i in futures.values():
                    self._look(i)
                on_change(list(self._progress))
                time.sleep(_TICK)
        finally:
            if futures:
                self._stop(futures)
            on_change(list(self._progress))

    def _submit(self, i: int, attempt: int) -> Future:
        run = self._runs[i]
        task = Task(
            run.study, run.identity, run.parameters.model_dump(mode="json"), run.minutes, self._versions[run.study],
            str(outputs_folder()), str(self._folder), i, self._attempts, self._force,
        )  # fmt: skip
        gpu: dict[str, Any] = {"resources": {"GPU": 1}} if run.parameters.device == "cuda" else {}
        key = f"{run.study}-{run.identity}-{attempt}-{self._folder.name}"
        return self._client.submit(run_here, task, key=key, pure=False, retries=0, priority=-i, **gpu)

    def _ended(self, i: int, future: Future) -> int:
        """Note how a task ended; returns the number of the next attempt where there is one, else 0."""
        from distributed import KilledWorker

        attempts = self._attempts_made(i)
        if future.status == "finished":
            now: Progress = future.result()
        elif future.status == "error" and isinstance(future.exception(), KilledWorker):
            now = Progress("failed", message=f"its worker was killed {attempts} times", lost=True)
        elif future.status == "error":
            error = future.exception()
            now = Progress("failed", message=f"on its worker: {type(error).__name__}: {' '.join(str(error).split())}")
        else:
            raise StudyError("the Dask scheduler went away; start it and ask again, what is done is not done again")
        if now.state == "done" and not self._runs[i].done:
            where = f"its worker says it is done, but {self._runs[i].folder} is not to be seen here"
            now = Progress("failed", message=f"{where}; outputs must be on a disk that all workers share")
        self._progress[i] = replace(now, attempt=max(attempts, 1), seconds=self._seconds(i))
        if now.lost and attempts < self._attempts:
            self._progress[i] = replace(self._progress[i], state="lost")
            self._shown[i] = attempts + 1
            return attempts + 1
        return 0

    def _look(self, i: int) -> None:
        """Note where a run stands that is under way."""
        number = self._attempts_made(i)
        if number == 0:
            return
        self._begun.setdefault(i, time.monotonic())
        if not self._lost(i):
            self._progress[i] = replace(signs_of_life(self._home(i) / str(number), self._seconds(i)), attempt=number)

    def _lost(self, i: int) -> bool:
        """Note, once, that the scheduler gave a run to another worker because its own was killed."""
        number = self._attempts_made(i)
        if number <= self._shown.get(i, 1):
            return False
        self._shown[i] = number
        line = "its worker was killed"
        self._progress[i] = Progress("lost", message=line, seconds=self._seconds(i), attempt=number)
        return True

    def _stop(self, futures: dict[Future, int]) -> None:
        """End the runs under way and wait until they have ended."""
        try:
            self._client.cancel(list(futures), force=True)
            self._client.run(stop_launch, str(self._folder), on_error="ignore")
        except (OSError, TimeoutError, RuntimeError):
            pass  # the scheduler is gone; its workers find that the launcher no longer gives signs of life
        end = time.monotonic() + _STOP
        for i in futures.values():
            number = self._attempts_made(i)
            under_way = number and self._progress[i].state in ("running", "lost")
            while under_way and not (self._home(i) / str(number) / ENDED).exists() and time.monotonic() < end:
                time.sleep(0.1)
            if self._progress[i].state != "waiting":
                self._progress[i] = Progress("stopped", message="stopped; the next call goes on from its checkpoints")

    def _check_workers(self) -> None:
        """Refuse workers that could not do the runs, also those that join later."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"]
        new = sorted(set(workers) - self._checked)
        if not new:
            return
        found = self._client.run(
            worker_facts, sorted(self._versions), str(self._folder), workers=new, on_error="return"
        )  # fmt: skip
        for address, facts in found.items():
            self._check(address, facts)
        self._checked |= set(new)
        wanting = any(self._runs[i].parameters.device == "cuda" for i in self._missing)
        if wanting and not any(worker.get("resources", {}).get("GPU", 0) >= 1 for worker in workers.values()):
            raise StudyError(
                "device cuda: no worker has a GPU; start one with --resources GPU=1 on a machine that does"
            )

    def _check(self, address: str, facts: Any) -> None:
        if isinstance(facts, OSError):
            return  # it left meanwhile
        if isinstance(facts, BaseException):
            reason = " ".join(str(facts).split())
            raise StudyError(f"worker {address}: does not have this project's package ({reason}); install it there")
        for study, version in self._versions.items():
            there = facts["code"].get(study)
            if there is None:
                raise StudyError(f"worker {address}: knows no study {study}; bring its code to the same version")
            if there != version:
                raise StudyError(
                    f"worker {address}: has another version of the code of {study} ({there}, here {version}); bring it "
                    "to the same commit and start it again"
                )
        if not facts["shares"]:
            raise StudyError(
                f"worker {address}: does not see {outputs_folder()}; set STUDIES_OUTPUTS to a folder that all workers "
                "share"
            )

    def _home(self, i: int) -> Path:
        return self._folder / str(i)

    def _attempts_made(self, i: int) -> int:
        try:
            return sum(entry.is_dir() for entry in self._home(i).iterdir())
        except OSError:
            return 0

    def _seconds(self, i: int) -> float:
        return time.monotonic() - self._begun.get(i, time.monotonic())


@contextmanager
def _launch_folder() -> Iterator[Path]:
    """A folder among the outputs for the signs of life of one launch's runs."""
    try:
        outputs_folder().mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".launch-", dir=outputs_folder()))
        (folder / ALIVE).touch()
    except OSError as error:
        raise StudyError(f"{outputs_folder()} cannot be written: {error.strerror}") from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
