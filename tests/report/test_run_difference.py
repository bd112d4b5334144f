"""What changed between two runs is said, and nothing else."""

from pathlib import Path

import numpy as np
import pytest

from helpers.report.run_difference import Change, RunDifference, run_difference
from helpers.runs.lookup import read_run
from tests.runs.laid_runs import PACKAGES, ROW, VERDICT, lay_run


def difference(before: Path, after: Path) -> RunDifference:
    return run_difference(read_run(before), read_run(after))


def test_of_a_run_repeated_nothing_but_its_cost_differs(outputs: Path) -> None:
    found = difference(lay_run(outputs, "a"), lay_run(outputs, "b", wall_seconds=4.0))
    assert (found.parameters, found.code, found.data, found.packages, found.machine) == ((), (), (), (), ())
    assert found.cost == (Change("wall time (s)", 3.0, 4.0),)
    assert found.same_numbers
    assert found.numbers["difference"].tolist() == [0.0]
    assert [verdict.changed for verdict in found.verdicts] == [False]


def test_each_kind_of_change_is_named_with_both_values(outputs: Path) -> None:
    after = lay_run(
        outputs, "b", version="v2", fingerprint="d2", packages={**PACKAGES, "torch": "1.1"}, parameters={"epochs": 5},
        processor="two", verdicts=[{**VERDICT, "word": "inconclusive", "low": -0.05}],
    )  # fmt: skip
    found = difference(lay_run(outputs, "a"), after)
    assert found.parameters == (Change("epochs", 3, 5),)
    assert found.code == (Change("version", "v1", "v2"),)
    assert found.data == (Change("fingerprint", "d1", "d2"),)
    assert found.packages == (Change("torch", "1.0", "1.1"),)
    assert found.machine == (Change("processor", "one", "two"),)
    (verdict,) = found.verdicts
    assert verdict.changed
    assert (verdict.before or {})["word"] == "supported"
    assert (verdict.after or {})["word"] == "inconclusive"


def test_a_parameter_or_claim_that_one_run_lacks_is_absent_on_that_side(outputs: Path) -> None:
    after = lay_run(outputs, "b", parameters={"rho": 0.3}, verdicts=[{**VERDICT, "claim": "d"}])
    found = difference(lay_run(outputs, "a"), after)
    assert found.parameters == (Change("rho", None, 0.3),)
    assert [(v.claim, v.before is None, v.after is None) for v in found.verdicts] == [
        ("c", False, True),
        ("d", True, False),
    ]


def test_numbers_are_means_over_seeds_and_folds_and_the_largest_move_comes_first(outputs: Path) -> None:
    before = [{**ROW, "value": value, "seed": seed} for seed, value in enumerate((0.5, 0.7))]
    before += [{**ROW, "method": "still", "value": 0.9}, {**ROW, "method": "gone", "value": 0.1}]
    after = [{**ROW, "value": value, "seed": seed} for seed, value in enumerate((0.6, 0.8, 1.0))]
    after += [{**ROW, "method": "still", "value": 0.9}, {**ROW, "method": "new", "value": 0.2, "label_fraction": 0.1}]
    found = difference(lay_run(outputs, "a", rows=before), lay_run(outputs, "b", rows=after))
    assert not found.same_numbers
    rows = {row["method"]: row for row in found.numbers.to_dict("records")}
    assert found.numbers["method"].iloc[0] == "m"
    assert rows["m"]["before"] == pytest.approx(0.6)
    assert rows["m"]["difference"] == pytest.approx(0.2)
    assert (rows["m"]["repeats_before"], rows["m"]["repeats_after"]) == (2, 3)
    assert rows["still"]["difference"] == 0
    assert np.isnan(rows["gone"]["after"])
    assert (rows["gone"]["repeats_after"], rows["new"]["repeats_before"]) == (0, 0)
    assert rows["new"]["label_fraction"] == 0.1
