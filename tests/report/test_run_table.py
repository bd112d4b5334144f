"""Many runs as one table: every claim is there, typed, and what differs in seeds alone is taken together."""

from pathlib import Path

import pandas as pd
import pytest

from helpers.report.run_table import COLUMNS, over_seeds, run_table
from helpers.runs.finished import all_finished_runs, finished_runs
from tests.runs.laid_runs import VERDICT, lay_run


def test_columns_and_types_are_the_same_with_and_without_runs(outputs: Path) -> None:
    kinds = [run_table([]).dtypes.astype(str).to_dict()]
    single = {**VERDICT, "low": None, "high": None, "p_value": None, "word": "inconclusive"}
    lay_run(outputs, "a", verdicts=[single])
    kinds.append(run_table(all_finished_runs()[0]).dtypes.astype(str).to_dict())
    assert kinds[0] == kinds[1]
    assert list(kinds[0]) == list(COLUMNS)


def test_a_row_a_run_and_claim_with_what_the_run_wrote(outputs: Path) -> None:
    other = {
        **VERDICT,
        "claim": "d",
        "effect": -0.2,
        "low": None,
        "high": None,
        "p_value": None,
        "word": "inconclusive",
    }
    folder = lay_run(outputs, "a", verdicts=[VERDICT, other], simulated=True, seeds=[3, 1])
    table = run_table(all_finished_runs()[0])
    assert table["claim"].tolist() == ["c", "d"]
    first, second = table.to_dict("records")
    assert (first["low"], first["high"], first["p_value"], first["word"]) == (0.05, 0.15, 0.01, "supported")
    assert pd.isna(second["low"])
    assert (first["data"], first["seeds"], first["run_id"], first["folder"]) == ("simulated", "3 1", "a", str(folder))
    assert first["started"] == pd.Timestamp("2026-01-01", tz="UTC")


def test_older_runs_of_the_same_kind_are_in_the_table_though_not_in_the_gallery(outputs: Path) -> None:
    lay_run(outputs, "a", started="2026-01-01T00:00:00+00:00")
    lay_run(outputs, "b", started="2026-01-02T00:00:00+00:00")
    assert run_table(all_finished_runs()[0])["run_id"].tolist() == ["b", "a"]
    assert [run.folder.name for run in finished_runs()[0]] == ["b"]


def test_runs_that_differ_in_their_seeds_alone_are_taken_together(outputs: Path) -> None:
    for seed, effect in ((0, 0.1), (1, 0.3), (2, 0.2)):
        lay_run(outputs, f"s{seed}", seeds=[seed], verdicts=[{**VERDICT, "effect": effect}])
    (row,) = over_seeds(run_table(all_finished_runs()[0])).to_dict("records")
    assert row["runs"] == 3
    assert [row[key] for key in ("mean", "lowest", "highest")] == pytest.approx([0.2, 0.1, 0.3])


def test_the_same_seed_run_twice_counts_once_and_other_code_or_corpora_are_not_mixed_in(outputs: Path) -> None:
    lay_run(outputs, "a", seeds=[0], started="2026-01-01T00:00:00+00:00", verdicts=[{**VERDICT, "effect": 9.0}])
    lay_run(outputs, "b", seeds=[0], started="2026-01-02T00:00:00+00:00")
    assert over_seeds(run_table(all_finished_runs()[0])).empty
    lay_run(outputs, "c", seeds=[1], version="v2")
    lay_run(outputs, "d", seeds=[1], corpus="mist")
    assert over_seeds(run_table(all_finished_runs()[0])).empty
    lay_run(outputs, "e", seeds=[1])
    (row,) = over_seeds(run_table(all_finished_runs()[0])).to_dict("records")
    assert (row["runs"], row["highest"]) == (2, 0.1)
