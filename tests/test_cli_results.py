"""``studies results`` and ``studies compare``: what they show, write and refuse."""

from pathlib import Path

import pandas as pd
import pytest

from helpers.cli_results import compare, results
from helpers.errors import StudyError
from helpers.report.run_table import COLUMNS
from tests.runs.laid_runs import ROW, VERDICT, lay_run


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 200 columns."""
    monkeypatch.setenv("COLUMNS", "200")


def test_results_name_run_claim_effect_interval_verdict_and_kind_of_data(
    outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lay_run(outputs, "abc")
    lay_run(outputs, "abd", corpus="drawn", simulated=True, scale="quick")
    results()
    said = capsys.readouterr().out
    for words in ("ghost  standard  fog (real)  abc", "drawn (simulated)", "supported", "+0.1 (+0.05 to +0.15) m"):
        assert words in said


def test_results_can_be_narrowed_and_say_when_nothing_is_left(
    outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results()
    assert "no finished runs; `studies run all` makes some" in capsys.readouterr().out
    lay_run(outputs, "abc")
    lay_run(outputs, "abd", study="spook", scale="quick")
    results(study=["spook"])
    said = capsys.readouterr().out
    assert ("abd" in said, "abc" in said) == (True, False)
    results(scale="quick", corpus="mist")
    assert "no finished runs of that kind" in capsys.readouterr().out
    with pytest.raises(StudyError, match="no study is called 'spok'"):
        results(study=["spok"])


def test_files_hold_the_whole_tidy_table(outputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay_run(outputs, "abc")
    lay_run(outputs, "abd", verdicts=[VERDICT, {**VERDICT, "claim": "d", "low": None, "high": None}])
    results(csv=tmp_path / "new" / "a.csv", parquet=tmp_path / "a.parquet")
    tables = [pd.read_csv(tmp_path / "new" / "a.csv"), pd.read_parquet(tmp_path / "a.parquet")]
    for table in tables:
        assert list(table.columns) == list(COLUMNS)
        assert sorted(zip(table["run_id"], table["claim"], strict=True)) == [("abc", "c"), ("abd", "c"), ("abd", "d")]


def test_numbers_are_all_rows_of_all_runs(outputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay_run(outputs, "abc", rows=[{**ROW, "value": value, "seed": seed} for seed, value in enumerate((0.5, 0.7))])
    lay_run(outputs, "abd")
    results(numbers=True, csv=tmp_path / "a.csv")
    table = pd.read_csv(tmp_path / "a.csv")
    assert table.groupby("run_id")["value"].sum().to_dict() == {"abc": pytest.approx(1.2), "abd": 0.5}
    results(numbers=True)
    said = capsys.readouterr().out
    assert any(line.split()[-3:] == ["0.6", "0.14", "2"] for line in said.splitlines() if line.strip())


def test_damaged_runs_are_counted(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (lay_run(outputs, "abc") / "verdict.json").write_text("{")
    results()
    assert "1 folder skipped" in capsys.readouterr().out


def test_compare_shows_what_changed_between_two_runs_or_a_studys_last_two(
    outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lay_run(outputs, "abc")
    weaker = {**VERDICT, "word": "inconclusive", "low": -0.1}
    lay_run(
        outputs, "xyz", parameters={"epochs": 5}, rows=[{**ROW, "value": 0.75, "seed": 0}], version="v2",
        started="2026-01-05T00:00:00+00:00", verdicts=[weaker],
    )  # fmt: skip
    compare("ab", "xy")
    said = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert "parameters epochs 3 5" in lines
    assert "code version v1 v2" in lines
    assert "the same: data, packages, machine" in lines
    assert "c [m] supported +0.1 (+0.05 to +0.15) inconclusive +0.1 (-0.1 to +0.15)" in lines
    assert "m accuracy 0.5 0.75 +0.25 1" in lines
    compare("ghost", None)
    assert capsys.readouterr().out == said


def test_compare_refuses_runs_of_two_studies_and_a_run_alone(outputs: Path) -> None:
    lay_run(outputs, "abc")
    lay_run(outputs, "xyz", study="spook")
    with pytest.raises(StudyError, match="a run of ghost and one of spook have no numbers to compare"):
        compare("abc", "xyz")
    with pytest.raises(StudyError, match="abc: name the run to compare it with"):
        compare("abc", None)
    with pytest.raises(StudyError, match="no finished run is called 'nothing'"):
        compare("nothing", None)
