"""A manifest is read as it stands, or refused in one line."""

import csv
from pathlib import Path

import pandas as pd
import pytest

from helpers.data.manifest import read_csv_table, read_manifest
from helpers.errors import StudyError


@pytest.mark.parametrize("ending", ["csv", "CSV", "parquet"])
def test_both_formats_give_the_same_table(tmp_path: Path, ending: str) -> None:
    table = pd.DataFrame({"sample_id": ["a", "b"], "subject": ["p", "p"], "label": [1, 0]})
    path = tmp_path / f"m.{ending}"
    table.to_parquet(path) if ending == "parquet" else table.to_csv(path, index=False)
    expected = table.assign(label=["1", "0"])
    pd.testing.assert_frame_equal(read_manifest(path, ("sample_id", "label")), expected, check_dtype=False)


def test_labels_are_words_as_they_are_written_and_numbers_elsewhere_are_numbers(tmp_path: Path) -> None:
    lines = ["path,label,group,age", "a,007,None,NA", "b, NA ,,61", "c,,nan,", ",,,"]
    (tmp_path / "m.csv").write_text("\n".join(lines) + "\n")
    table = read_manifest(tmp_path / "m.csv", ("path",))
    assert table["label"].tolist() == ["007", "NA", None]
    assert table["group"].tolist() == ["None", None, "nan"]
    assert table["age"].isna().tolist() == [True, False, True]
    table["age"] = table["age"].astype(float)
    whole = pd.DataFrame({"path": ["a", "b"], "label": [1, None], "age": [3.5, None]})
    whole.to_parquet(tmp_path / "m.parquet")
    assert read_manifest(tmp_path / "m.parquet", ("path",))["label"].tolist() == ["1", None]


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
        (
            "m.csv",
            b"sample_id,a\n1,2\n3,4,5,6\n",
            "m.csv cannot be read as a table: line 3 has 4 fields where the header has 2",
        ),
        ("m.csv", b"sample_id,a\n1,2\n3\n", "m.csv cannot be read as a table: line 3 has 1 fields"),
        ("m.csv", b"sample_id,a\n1,2,\n3,4,\n", "m.csv cannot be read as a table: line 2 has 3 fields"),
        ("m.csv", b"sample_id,label,label\n1,2,3\n", "m.csv: the column label stands twice in the header"),
        ("m.csv", b'sample_id,label\n1,"cat\n2,"dog\n', "a field that ends in line 3 goes over several lines"),
        ("m.csv", b"sample_id\n" + b"a" * 200_000 + b"\n", "m.csv cannot be read as a table: line .* field limit"),
        ("m.csv", b"sample_id\n\xff\xfe\x00\n", "m.csv, line 2: bytes that are not UTF-8 text"),
        ("m.csv", b"id;subject\n1;2\n", r"m.csv has no column sample_id; its columns are id;subject"),
        ("m.csv", b"sample_id\nx\nx\n", "m.csv, row 2: sample_id 'x' stands more than once"),
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


@pytest.mark.parametrize("text", [None, ("label",)])
def test_a_table_written_with_its_index_has_a_column_without_a_name_and_is_read(tmp_path: Path, text) -> None:
    file = tmp_path / "table.csv"
    pd.DataFrame({"path": ["a.png", "b.png"], "label": ["x", "1"]}).to_csv(file)
    table = read_csv_table(file, text)
    assert table["label"].tolist() == ["x", "1"]
    assert table["path"].tolist() == ["a.png", "b.png"]


def test_a_field_too_long_is_refused_whatever_limit_another_library_has_set(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text("label\n" + "a" * 200_000 + "\n")
    before = csv.field_size_limit(10_000_000)
    try:
        with pytest.raises(StudyError, match="line 2: field larger than field limit"):
            read_csv_table(file)
    finally:
        csv.field_size_limit(before)
