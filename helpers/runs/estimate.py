"""How long runs will take: as long as such runs took before, else what the study's card says."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from helpers.places import outputs_folder
from helpers.runs.planning import PlannedRun
from helpers.runs.verdict_file import finite
from helpers.studies.catalogue import study_card
from helpers.studies.run_folder import is_whole

_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0, "hours": 3600.0, "GPU-hours": 3600.0}
_COST = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|hours|GPU-hours)\b(?: on (\d+) CPU cores)?")


@dataclass(frozen=True)
class Estimate:
    """Expected wall time.

    Attributes:
        seconds: None where nothing is known.
        source: ``"2 past runs"`` or ``"the card"``.
    """

    seconds: float | None
    source: str


@dataclass(frozen=True)
class _Past:
    scale: str
    corpus: str
    seeds: int
    cores: int
    seconds: float


def estimates(runs: Sequence[PlannedRun]) -> list[Estimate]:
    """Expected wall time of each run.

    Past runs of the same study and scale count, those on the same corpus with as many seeds before others. A run on
    half as many cores as they had is expected to take twice as long.
    """
    past = {study: _past_runs(study) for study in {run.study for run in runs}}
    return [_estimate(run, past[run.study]) for run in runs]


def total_seconds(found: Sequence[Estimate], workers: int) -> float | None:
    """Expected wall time of runs ``workers`` at a time; None where one is not known."""
    seconds = [one.seconds for one in found if one.seconds is not None]
    if len(seconds) < len(found):
        return None
    return max(sum(seconds) / workers, max(seconds, default=0.0))


def stated_seconds(cost: str, cores: int) -> float | None:
    """The time that a card's cost names first, on fewer cores than it says; None where it names none.

    Args:
        cost: such as ``"~8 min on 2 CPU cores"``.
        cores: that the run has.
    """
    found = _COST.search(cost)
    return found and float(found[1]) * _UNITS[found[2]] * max(int(found[3] or 1) / cores, 1.0)


def _estimate(run: PlannedRun, past: list[_Past]) -> Estimate:
    p = run.parameters
    alike = [one for one in past if one.scale == p.scale]
    for narrower in (
        [one for one in alike if one.corpus == p.corpus and one.seeds == len(p.seeds)],
        [one for one in alike if one.corpus == p.corpus],
        alike,
    ):
        if narrower:
            count = len(narrower)
            seconds = median(one.seconds * max(one.cores / run.cores, 1.0) for one in narrower)
            return Estimate(seconds, f"{count} past run{'s' * (count > 1)}")
    return Estimate(stated_seconds(study_card(run.study).cost.get(p.scale, ""), run.cores), "the card")


def _past_runs(study: str) -> list[_Past]:
    found = (_read(folder) for folder in (outputs_folder() / study).glob("*/") if is_whole(folder))
    return [one for one in found if one is not None]


def _read(folder: Path) -> _Past | None:
    try:
        origin = json.loads((folder / "provenance.json").read_text())
        told = json.loads((folder / "verdict.json").read_text())
        cores = int(origin["threads"]) * int(origin["workers"])
        return _Past(str(told["scale"]), str(told["corpus"]), len(told["seeds"]), cores, finite(origin["wall_seconds"]))
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
