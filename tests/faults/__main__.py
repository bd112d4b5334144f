"""Do every fault, two runs side by side, and print the table line by line."""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.faults import kinds
from tests.faults.runs import PHASES, undisturbed

TABLE: list[tuple[str, float, kinds.Fault]] = [
    *((f"killed (SIGKILL, all processes) at random in its {phase}", 1.0, kinds.killed_in(phase)) for phase in PHASES),
    ("its kernel alone killed at random in its evaluation", 0.3, kinds.kernel_killed_in("evaluation")),
    ("checkpoint files cut short or a bit flipped", 0.3, kinds.checkpoint_damaged),
    ("results cut short", 0.3, kinds.results_damaged),
    ("a cache file cut short or a bit flipped", 10.0, kinds.cache_damaged),
    ("a file may not grow past a random size (disk full)", 0.3, kinds.disk_full),
    ("outputs not writable", 0.1, kinds.not_writable),
    ("files of the day after tomorrow, and a clock that runs backwards", 0.3, kinds.clock_set_back),
    ("a learning rate that makes the loss no number", 0.3, kinds.loss_is_no_number),
    ("asked for twice at once", 0.3, kinds.asked_twice),
]  # what is done, how often for every moment asked for, how


def main(arguments: Sequence[str]) -> int:
    """Print the table; 1 when something did not survive.

    Args:
        arguments: MOMENTS, how often a run is killed in each phase (10), then words: of the table only the lines that
            hold one of them.
    """
    moments = int(arguments[0]) if arguments else 10
    asked = [line for line in TABLE if not arguments[1:] or any(word in line[0] for word in arguments[1:])]
    lost = 0
    with tempfile.TemporaryDirectory(prefix="faults-") as place, ThreadPoolExecutor(2) as side_by_side:
        whole = undisturbed(Path(place) / "undisturbed")
        phases = ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in whole.seconds.items())
        print(f"undisturbed: {phases}\n\n{'what was done':<68}{'times':>6}{'survived':>10}", flush=True)
        for number, (what, often, fault) in enumerate(asked):
            times = max(1, round(often * moments))
            folders = [Path(place) / f"fault{number}-{k}" for k in range(times)]
            draws = [random.Random(f"{what} {k}") for k in range(times)]
            survived = sum(side_by_side.map(fault, [whole] * times, folders, draws))
            lost += times - survived
            print(f"{what:<68}{times:>6}{survived:>10}", flush=True)
    return 1 if lost else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
