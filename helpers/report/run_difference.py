"""What changed between two runs of a study: parameters, code, data, packages, machine, numbers, verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

_KEYS = ["method", "condition", "split", "label_fraction", "metric"]  # rows of a run that differ in seed or fold alone
_COSTS = {"wall_seconds": "wall time (s)", "peak_memory_mib": "peak memory (MiB)"}
_MACHINE = ("python", "system", "processor", "threads", "workers")


@dataclass(frozen=True)
class RunRecord:
    """All that a finished run wrote down.

    Attributes:
        folder: where it lies; its name is the run's identity.
        told: ``verdict.json``. parameters: ``params.yaml``. origin: ``provenance.json``.
        results: ``results.parquet``.
    """

    folder: Path
    told: dict[str, Any]
    parameters: dict[str, Any]
    origin: dict[str, Any]
    results: pd.DataFrame

    @property
    def study(self) -> str:
        """Name of the study."""
        return str(self.told["study"])


@dataclass(frozen=True)
class Change:
    """One value that is not the same.

    Attributes:
        name: what it is the value of.
        before, after: in the first and the second run; None where it is absent.
    """

    name: str
    before: Any
    after: Any


@dataclass(frozen=True)
class VerdictChange:
    """A claim in both runs.

    Attributes:
        claim: its key. statement: in words. metric: what the effects are in.
        before, after: the verdicts as they were written; None where a run does not judge the claim.
    """

    claim: str
    statement: str
    metric: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    @property
    def changed(self) -> bool:
        """Whether the word or the effect differs."""
        return self._said(self.before) != self._said(self.after)

    @staticmethod
    def _said(verdict: dict[str, Any] | None) -> Any:
        return verdict and [verdict[key] for key in ("word", "effect", "low", "high")]


@dataclass(frozen=True)
class RunDifference:
    """What changed from one run to another.

    Attributes:
        before, after: the runs.
        parameters, code, data, packages, machine, cost: values that are not the same, none where all are.
        numbers: a row a method, condition, split, label fraction and metric of either run: ``before`` and ``after``
            (means over seeds and folds), ``difference`` (after - before), ``repeats_before`` and ``repeats_after``
            (rows that the means are over, 0 where a run has none); largest relative difference first.
        verdicts: all claims of either run.
    """

    before: RunRecord
    after: RunRecord
    parameters: tuple[Change, ...]
    code: tuple[Change, ...]
    data: tuple[Change, ...]
    packages: tuple[Change, ...]
    machine: tuple[Change, ...]
    cost: tuple[Change, ...]
    numbers: pd.DataFrame
    verdicts: tuple[VerdictChange, ...]

    @property
    def same_numbers(self) -> bool:
        """Whether both runs recorded the same rows with the same values, bit for bit."""
        return self.before.results.equals(self.after.results)


def run_difference(before: RunRecord, after: RunRecord) -> RunDifference:
    """Compare two runs.

    Args:
        before, after: runs of the same study, or of two whose differences are asked for all the same.
    """
    codes = [dict(run.origin.get("code", {})) for run in (before, after)]
    return RunDifference(
        before=before,
        after=after,
        parameters=_changes(before.parameters, after.parameters),
        code=_changes(*codes),
        data=_changes(*[{"fingerprint": run.origin.get("data_fingerprint")} for run in (before, after)]),
        packages=_changes(before.origin.get("packages", {}), after.origin.get("packages", {})),
        machine=_changes(*[{key: run.origin.get(key) for key in _MACHINE} for run in (before, after)]),
        cost=_changes(*[{words: run.origin.get(key) for key, words in _COSTS.items()} for run in (before, after)]),
        numbers=_numbers(before.results, after.results),
        verdicts=_verdicts(before.told["verdicts"], after.told["verdicts"]),
    )


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    names = dict.fromkeys([*before, *after])
    changes = (Change(name, before.get(name), after.get(name)) for name in names)
    return tuple(change for change in changes if change.before != change.after)


def _numbers(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    sides = [_means(table, when) for table, when in ((before, "before"), (after, "after"))]
    both = sides[0].merge(sides[1], on=_KEYS, how="outer", sort=False)
    both["difference"] = both["after"] - both["before"]
    for side in ("repeats_before", "repeats_after"):
        both[side] = both[side].fillna(0).astype("int64")
    size = both[["before", "after"]].abs().max(axis=1)
    moved = (both["difference"].abs() / size.where(size > 0, 1.0)).fillna(0.0)
    ordered = both.loc[moved.sort_values(ascending=False, kind="stable").index]
    columns = [*_KEYS, "before", "after", "difference", "repeats_before", "repeats_after"]
    return ordered[columns].reset_index(drop=True)


def _means(table: pd.DataFrame, when: str) -> pd.DataFrame:
    grouped = table.groupby(_KEYS, sort=False, dropna=False)["value"]
    return grouped.agg(**{when: "mean", f"repeats_{when}": "size"}).reset_index()


def _verdicts(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> tuple[VerdictChange, ...]:
    sides = [{verdict["claim"]: verdict for verdict in verdicts} for verdicts in (before, after)]
    found = []
    for claim in dict.fromkeys([*sides[0], *sides[1]]):
        either = sides[1].get(claim) or sides[0][claim]
        sides_of_claim = (sides[0].get(claim), sides[1].get(claim))
        found.append(VerdictChange(claim, either["statement"], either["metric"], *sides_of_claim))
    return tuple(found)
