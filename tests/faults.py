"""``python -m tests.faults [MOMENTS]``: break a real run off in every way at random moments, and print what survived.

A study of a few seconds (``survformer`` on GBSG2) is killed with all its processes, as a power cut would, at random
moments of its pre-training, of its evaluation and of its writing; its files are damaged; its disk is full or may not
be written; its clock runs backwards; it is asked for twice at once. Each time it is then asked for again, and what it
ends with must be the same, byte for byte, as the results of a run that nothing disturbed.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from helpers.places import ROOT
from helpers.runs.attempt import execute_command, signs_of_life
from helpers.runs.planning import plan_layers
from helpers.runs.process_tree import kill_tree

STUDY = "survformer"
SMALL = {
    "corpus": "gbsg2", "rows": 300, "pretrain_epochs": 3, "epochs": 2, "variants": ["scratch", "both"],
    "baselines": ["Kaplan-Meier", "Cox"], "workers": 1,
}  # fmt: skip
# Code cells of the notebook by what they do; writing is from the verdict to the renamed folder.
PHASES = {"pre-training": (5, 6), "evaluation": (10, 11), "writing": (15, 99)}


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        what: was done.
        times: how often.
        survived: how often nothing half-written passed for a result and the next call ended like an undisturbed one.
    """

    what: str
    times: int
    survived: int


class Runs:
    """One run of the study in a folder of outputs of its own, started, watched and asked for again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.outputs = folder, folder / "outputs"
        self.outputs.mkdir(parents=True)
        self.parameters = folder / "parameters.yaml"
        self.run = plan_layers(STUDY, "quick", [("faults", SMALL)])
        self.parameters.write_text(yaml.safe_dump(self.run.parameters.model_dump(mode="json"), sort_keys=False))
        self.attempts = 0

    @property
    def finished(self) -> Path:
        """Where the finished run lies, or will."""
        return self.outputs / STUDY / self.run.identity

    @property
    def partial(self) -> Path:
        """Where the run under way lies."""
        return self.outputs / STUDY / f".partial-{self.run.identity}"

    def start(self, *within: str, modules: Path | None = None) -> tuple[subprocess.Popen[bytes], Path]:
        """Start an attempt, as the last words of the command ``within``; its process and its folder for signs.

        ``modules`` is a folder whose modules come before all others.
        """
        self.attempts += 1
        signs = self.folder / f"signs{self.attempts}"
        signs.mkdir()
        command = [*within, *execute_command(self.run, self.parameters, signs)]
        path = os.pathsep.join(str(place) for place in (modules, ROOT) if place)
        own = {"STUDIES_OUTPUTS": str(self.outputs), "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **own}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        return process, signs

    def to_the_end(self, *within: str, modules: Path | None = None) -> int:
        """An attempt nobody disturbs; its exit code."""
        return self.start(*within, modules=modules)[0].wait()

    def break_off(self, cell: int) -> None:
        """An attempt that is killed as soon as it has reached a cell."""
        process, signs = self.start()
        while process.poll() is None and signs_of_life(signs, 0.0).cell < cell:
            time.sleep(0.02)
        kill_tree(process.pid)
        process.wait()

    def results(self) -> bytes | None:
        """The numbers of the finished run; None where none looks finished."""
        table = self.finished / "results.parquet"
        return table.read_bytes() if table.exists() else None


def timeline(runs: Runs) -> dict[str, tuple[float, float]]:
    """Run undisturbed; when each phase began and ended, seconds after the first cell began."""
    process, signs = runs.start()
    seen: dict[int, float] = {}
    while process.poll() is None:
        cell = signs_of_life(signs, 0.0).cell
        if cell and cell not in seen:
            seen[cell] = time.monotonic()
        time.sleep(0.02)
    ended = time.monotonic()
    if process.returncode != 0:
        raise SystemExit(f"the undisturbed run failed; see {signs}")

    def at(cell: int) -> float:
        return min((when for number, when in seen.items() if number >= cell), default=ended)

    return {phase: (at(first), at(last)) for phase, (first, last) in PHASES.items()}


def killed_in(phase: str, length: float, reference: bytes, folder: Path, draw: random.Random) -> bool:
    """Kill an attempt at a random moment of a phase, ask again; whether it survived."""
    runs = Runs(folder)
    process, signs = runs.start()
    first = PHASES[phase][0]
    while process.poll() is None and signs_of_life(signs, 0.0).cell < first:
        time.sleep(0.02)
    time.sleep(draw.uniform(0, length))
    kill_tree(process.pid)
    process.wait()
    found = runs.results()
    if found is not None:  # it had ended before: then it must be whole
        return found == reference
    return runs.to_the_end() == 0 and runs.results() == reference


def damaged(kind: str, reference: bytes, folder: Path, draw: random.Random) -> bool:
    """Break an attempt off in its evaluation, damage files of a kind by a flipped bit or a cut, ask again."""
    runs = Runs(folder)
    if kind == "results":
        runs.to_the_end()
    else:
        runs.break_off(PHASES["evaluation"][0])
    places = {"checkpoint": (runs.partial / "checkpoints").rglob("*"), "results": [runs.finished / "results.parquet"]}
    files = sorted(path for path in places[kind] if path.is_file() and path.stat().st_size > 100)
    for path in files:
        content = bytearray(path.read_bytes())
        if draw.random() < 0.5 or kind == "results":
            path.write_bytes(content[: draw.randrange(len(content))])
        else:
            content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
            path.write_bytes(content)
    return bool(files) and runs.to_the_end() == 0 and runs.results() == reference


# An hour back for every second that passes, for all that asks Python what time it is.
CLOCK = """\
import time
real, begun = time.time, time.monotonic()
time.time = lambda: real() - 3600 * (time.monotonic() - begun)
time.time_ns = lambda: int(time.time() * 1e9)
"""


def clock_set_back(reference: bytes, folder: Path) -> bool:
    """Break off, date all files in the future, go on while the clock runs backwards."""
    runs = Runs(folder)
    runs.break_off(PHASES["evaluation"][0])
    future = time.time() + 2 * 86400
    for path in runs.outputs.rglob("*"):
        os.utime(path, (future, future))
    (folder / "sitecustomize.py").write_text(CLOCK)
    return runs.to_the_end(modules=folder) == 0 and runs.results() == reference


def not_writable(reference: bytes, folder: Path) -> bool:
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
    return refused and runs.results() is None and runs.to_the_end() == 0 and runs.results() == reference


def disk_full(reference: bytes, folder: Path, draw: random.Random) -> bool:
    """Files that may not grow past a random size, as on a disk that fills; then they may."""
    runs = Runs(folder)
    if runs.to_the_end("sh", "-c", f'ulimit -f {draw.randrange(1, 60)}; exec "$@"', "sh") == 0:  # it was large enough
        return runs.results() == reference
    return runs.results() is None and runs.to_the_end() == 0 and runs.results() == reference


def asked_twice(reference: bytes, folder: Path) -> bool:
    """Two processes that do the same run at once: one does it, the other does not spoil it."""
    runs = Runs(folder)
    both = [runs.start()[0] for _ in range(2)]
    codes = sorted(process.wait() for process in both)
    return codes[0] == 0 and runs.results() == reference


def table(faults: Iterator[Fault]) -> Iterator[str]:
    """Lines as they come."""
    yield f"{'what was done':<68}{'times':>6}{'survived':>10}"
    for fault in faults:
        yield f"{fault.what:<68}{fault.times:>6}{fault.survived:>10}"


def faults(moments: int, seed: int = 0) -> Iterator[Fault]:
    """Do it all."""
    with tempfile.TemporaryDirectory(prefix="faults-") as place:
        fresh, draw = _folders(Path(place)), random.Random(seed)
        undisturbed = Runs(next(fresh))
        phases = timeline(undisturbed)
        reference = undisturbed.results()
        assert reference is not None
        few = max(1, moments // 3)

        def count(what: str, times: int, survives: Callable[[Path], bool]) -> Fault:
            return Fault(what, times, sum(survives(next(fresh)) for _ in range(times)))

        for phase, (begun, ended) in phases.items():
            length = ended - begun
            yield count(
                f"killed (SIGKILL, all processes) at random in its {phase}, {length:.1f} s long", moments,
                lambda folder, p=phase, s=length: killed_in(p, s, reference, folder, draw),
            )  # fmt: skip
        for kind in ("checkpoint", "results"):
            yield count(
                f"{kind} files cut short or a bit flipped", few, lambda f, k=kind: damaged(k, reference, f, draw)
            )
        yield count("a file may not grow past a random size (disk full)", few, lambda f: disk_full(reference, f, draw))
        yield count("outputs not writable", 1, lambda f: not_writable(reference, f))
        yield count("files of the day after tomorrow, and a clock that runs backwards", few,
                    lambda f: clock_set_back(reference, f))  # fmt: skip
        yield count("asked for twice at once", few, lambda f: asked_twice(reference, f))


def _folders(place: Path) -> Iterator[Path]:
    number = 0
    while True:
        number += 1
        folder = place / f"fault{number}"
        folder.mkdir()
        yield folder


def main(arguments: list[str]) -> int:
    """Print the table; 1 when something did not survive."""
    found: list[Fault] = []

    def kept() -> Iterator[Fault]:
        for fault in faults(int(arguments[0]) if arguments else 10):
            found.append(fault)
            yield fault

    for line in table(kept()):
        print(line, flush=True)
    return 0 if all(fault.survived == fault.times for fault in found) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
