"""A manifest is read as it stands, or refused in one line."""

from pathlib import Path

import pandas as pd
import pytest

from helpers.data.manifest import read_manifest
from helpers.errors import StudyError


@pytest.mark.parametrize("ending", ["csv", "CSV", "parquet"])
def test_both_formats_give_the_same_table(tmp_path: Path, ending: str) -> None:
    table = pd.DataFrame({"sample_id": ["a", "b"], "subject": ["p", "p"], "label": [1, 0]})
    path = tmp_path / f"m.{ending}"
    table.to_parquet(path) if ending == "parquet" else table.to_csv(path, index=False)
    pd.testing.assert_frame_equal(read_manifest(path, ("sample_id", "label")), table, check_dtype=False)


def test_ids_and_subjects_keep_their_leading_zeros(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("sample_id,subject\n001,07\n1,7\n")
    table = read_manifest(tmp_path / "m.csv")
    assert table["sample_id"].tolist() == ["001", "1"]
    assert table["subject"].tolist() == ["07", "7"]


def test_absent_ids_and_subjects_are_filled_in(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path\nx.png\ny.png\n")
    table = read_manifest(tmp_path / "m.csv", required=("path",))
    assert table["sample_id"].tolist() == table["subject"].tolist() == ["row0", "row1"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.csv", None, "no manifest at .*none.csv; give the path"),
        ("m.xlsx", b"x", "m.xlsx: a manifest ends in .csv or .parquet"),
        ("m.csv", b"", "m.csv cannot be read as a table: No columns"),
        ("m.csv", b"sample_id\n", "m.csv has a header but no rows"),
        ("m.csv", b"sample_id,a\n1,2\n3,4,5,6\n", "m.csv cannot be read as a table: .*Expected 2 fields"),
        ("m.csv", b"sample_id\n\xff\xfe\x00\n", "m.csv cannot be read as a table"),
        ("m.csv", b"id;subject\n1;2\n", r"m.csv has no column sample_id; its columns are id;subject"),
        ("m.csv", b"sample_id\nx\nx\n", "m.csv: sample_id 'x' stands more than once"),
        ("m.csv", b"sample_id,subject\nx,p\n,q\n", "m.csv: sample_id is empty in row 2"),
        ("m.csv", b"sample_id,subject\nx,p\ny,\n", "m.csv: subject is empty in row 2"),
        ("m.csv", b"sample_id,subject\nx,p\ny,  \n", "m.csv: subject is empty in row 2"),
        ("m.parquet", b"PAR1 cut short", "m.parquet cannot be read as a table"),
    ],
)
def test_a_bad_manifest_is_one_clear_line(tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(StudyError, match=said) as caught:
        read_manifest(tmp_path / name)
    assert "\n" not in str(caught.value)
