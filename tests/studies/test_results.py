"""Results are one tidy table of fixed columns, and a file that is not one is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.errors import StudyError
from helpers.studies.results import COLUMNS, read_results, tidy, write_results

ROW = {"study": "s", "corpus": "c", "method": "m", "metric": "accuracy", "value": 0.5, "n": 10}


def test_the_columns_and_their_types_are_always_the_same() -> None:
    for rows in ([], [ROW], [{**ROW, "fold": np.int64(3), "seed": None, "label_fraction": 0.1}, ROW]):
        table = tidy(rows)
        assert {name: str(kind) for name, kind in table.dtypes.items()} == {**COLUMNS}
        assert len(table) == len(rows)


def test_what_was_not_said_is_empty_text_or_missing() -> None:
    (row,) = tidy([ROW]).to_dict("records")
    assert (row["claim"], row["condition"], row["split"]) == ("", "", "")
    assert pd.isna(row["fold"])
    assert np.isnan(row["label_fraction"])


def test_an_unknown_column_is_refused_by_name() -> None:
    with pytest.raises(StudyError, match="results have no column 'epoch'; they are study, corpus"):
        tidy([{**ROW, "epoch": 1}])


def test_writing_and_reading_gives_the_same_table_and_the_same_bytes(tmp_path: Path) -> None:
    table = tidy([{**ROW, "seed": 1, "value": float("nan")}, {**ROW, "fold": 2, "label_fraction": 0.1}])
    for name in ("a", "b"):
        write_results(table, tmp_path / name)
    pd.testing.assert_frame_equal(read_results(tmp_path / "a"), table)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_file_that_holds_no_results_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "results.parquet"
    with pytest.raises(StudyError, match="cannot be read as results"):
        read_results(path)
    write_results(tidy([ROW]), path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StudyError, match=r"results.parquet cannot be read as results .*run the study again"):
        read_results(path)
    pd.DataFrame({"a": [1]}).to_parquet(path)
    with pytest.raises(StudyError, match="has other columns"):
        read_results(path)
