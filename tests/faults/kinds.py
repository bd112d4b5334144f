"""What is done to a run; each says whether it survived: nothing half-written passed for a result, and asked for again
it ended like one that nothing disturbed."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import torch

from helpers.data.cache import cached
from tests.faults.runs import PHASES, Runs, Undisturbed

Fault = Callable[[Undisturbed, Path, random.Random], bool]  # the run to equal, an empty folder, what is random


def killed_in(phase: str) -> Fault:
    """SIGKILL to all processes at a random moment of a phase."""
    return _broken_off(phase, kernel_alone=False)


def kernel_killed_in(phase: str) -> Fault:
    """SIGKILL to the kernel alone at a random moment of a phase."""
    return _broken_off(phase, kernel_alone=True)


def _broken_off(phase: str, kernel_alone: bool) -> Fault:
    def fault(whole: Undisturbed, folder: Path, draw: random.Random) -> bool:
        runs = Runs(folder)
        code = runs.break_off(PHASES[phase][0], draw.uniform(0, whole.seconds[phase]), kernel_alone)
        found = runs.results()
        if found is not None:  # it had ended before: then it must be whole
            return found == whole.results
        named = code != 0 and bool(runs.said()) and "\n" not in runs.said()  # by the process that the kernel served
        return (named or not kernel_alone) and _same(runs, whole)

    return fault


def checkpoint_damaged(whole: Undisturbed, folder: Path, draw: random.Random) -> bool:
    """A run broken off in its evaluation, every file of its checkpoints cut short or a bit of it flipped."""
    runs = Runs(folder)
    runs.break_off(PHASES["evaluation"][0])
    files = sorted(path for path in (runs.partial / "checkpoints").rglob("*") if path.is_file())
    for path in files:
        _damage(path, draw)
    return bool(files) and _same(runs, whole)


def results_damaged(whole: Undisturbed, folder: Path, draw: random.Random) -> bool:
    """A finished run whose numbers are cut short."""
    runs = Runs(folder)
    runs.to_the_end()
    table = runs.finished / "results.parquet"
    table.write_bytes(table.read_bytes()[: draw.randrange(table.stat().st_size)])
    return _same(runs, whole)


def cache_damaged(whole: Undisturbed, folder: Path, draw: random.Random) -> bool:
    """A file of the cache that corpora share, cut short or a bit of it flipped: built again, never taken as it is."""
    made = torch.Generator().manual_seed(draw.randrange(2**30))
    built = {"images": torch.rand(64, 3, 16, 16, generator=made), "labels": torch.arange(64)}
    cached({"what": "fault"}, lambda: built, folder)
    for path in folder.glob("*.safetensors"):
        _damage(path, draw)
    found = cached({"what": "fault"}, lambda: built, folder)
    return found.keys() == built.keys() and all(torch.equal(found[name], built[name]) for name in built)


# An hour back for every second that passes, for all that asks Python what time it is.
CLOCK = """\
import time
real, begun = time.time, time.monotonic()
time.time = lambda: real() - 3600 * (time.monotonic() - begun)
time.time_ns = lambda: int(time.time() * 1e9)
"""


def clock_set_back(whole: Undisturbed, folder: Path, draw: random.Random) -> bool:
    """A run broken off, all its files dated in the future, gone on with while the clock runs backwards."""
    runs = Runs(folder)
    runs.break_off(PHASES["evaluation"][0], draw.uniform(0, whole.seconds["evaluation"]))
    future = time.time() + 2 * 86400
    for path in runs.outputs.rglob("*"):
        os.utime(path, (future, future))
    (folder / "sitecustomize.py").write_text(CLOCK)
    return _same(runs, whole, modules=folder)


def not_writable(whole: Undisturbed, folder: Path, draw: random.Random) -> bool:
    """Outputs that may not be written, then may."""
    runs = Runs(folder)
    if os.geteuid() == 0:  # root writes anywhere: a file where the folder should be stands for it
        runs.outputs.rmdir()
        runs.outputs.write_text("")
        refused = runs.to_the_end() != 0
        runs.outputs.unlink()
        runs.outputs.mkdir()
    else:
        runs.outputs.chmod(0o500)
        refused = runs.to_the_end() != 0
        runs.outputs.chmod(0o700)
    return refused and runs.results() is None and _same(runs, whole)


def disk_full(whole: Undisturbed, folder: Path, draw: random.Random) -> bool:
    """Files that may not grow past a random size, as on a disk that fills; then they may."""
    runs = Runs(folder)
    if runs.to_the_end("sh", "-c", f'ulimit -f {draw.randrange(1, 60)}; exec "$@"', "sh") == 0:  # it was large enough
        return runs.results() == whole.results
    return runs.results() is None and _same(runs, whole)


def loss_is_no_number(whole: Undisturbed, folder: Path, draw: random.Random) -> bool:
    """A learning rate that throws the weights beyond all numbers: the run stops and its line names the step."""
    runs = Runs(folder, pretrain_learning_rate=10 ** draw.uniform(20, 30))
    return runs.to_the_end() != 0 and runs.results() is None and "step" in runs.said() and "\n" not in runs.said()


def asked_twice(whole: Undisturbed, folder: Path, draw: random.Random) -> bool:
    """Two processes that do the same run at once: one does it, the other does not spoil it."""
    runs = Runs(folder)
    first = runs.start()[0]
    time.sleep(draw.uniform(0, 2))
    codes = sorted([runs.to_the_end(), first.wait()])
    return codes[0] == 0 and runs.results() == whole.results


def _same(runs: Runs, whole: Undisturbed, modules: Path | None = None) -> bool:
    """Whether the run, asked for again, ends like one that nothing disturbed."""
    return runs.to_the_end(modules=modules) == 0 and runs.results() == whole.results


def _damage(path: Path, draw: random.Random) -> None:
    """Cut a file short or flip a bit of it."""
    content = bytearray(path.read_bytes())
    if not content:
        return
    at = draw.randrange(len(content))
    if draw.random() < 0.5:
        del content[at:]
    else:
        content[at] ^= 1 << draw.randrange(8)
    path.write_bytes(content)
