"""Bring your own data: one CSV or Parquet file, a row a sample."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from helpers.data.text_files import is_there, text_of
from helpers.errors import StudyError

TEXT = ("sample_id", "subject", "group", "label", "split", "path", "mask", "annotation", "tracks")
ABSENT = ("", "NA", "N/A", "n/a", "nan", "NaN", "NAN", "-nan", "-NaN", "null", "NULL", "None", "#N/A", "#NA", "<NA>")

LONGEST = 131_072  # characters of a field


def read_manifest(
    path: Path, required: Sequence[str] = ("sample_id",), text: Sequence[str] | None = TEXT
) -> pd.DataFrame:
    """Read a manifest.

    Args:
        path: a ``.csv`` or ``.parquet`` file with a header, one row a sample.
        required: columns that must be there.
        text: columns whose values are taken as they are written ("007" stays "007" and "NA" is a word), without blanks
            around them; None for all. In the others numbers are numbers, and "NA", "nan" and the like are absent.

    Returns:
        The table, ids and subjects as text; ``subject`` is filled from ``sample_id`` where it is absent, and
        ``sample_id`` from the row number where that is absent and not required. Rows of empty fields are passed over.

    Raises:
        StudyError: no such file, an unreadable or empty one, another ending, a missing column or one that stands twice,
            a row with too few or too many fields, an empty ``sample_id`` or ``subject``, an id that stands twice.
    """
    if not path.is_file():
        raise StudyError(f"no manifest at {path}; give the path of a .csv or .parquet file with one row a sample")
    if path.suffix.lower() == ".csv":
        table = read_csv_table(path, text, required)
    elif path.suffix.lower() == ".parquet":
        table = _read_parquet(path, text)
    else:
        raise StudyError(f"{path.name}: a manifest ends in .csv or .parquet")
    missing = [column for column in required if column not in table.columns]
    if missing:
        raise StudyError(
            f"{path.name} has no column {', '.join(missing)}; its columns are {', '.join(map(str, table.columns))}"
        )
    table = table.dropna(how="all").reset_index(drop=True)
    if table.empty:
        raise StudyError(f"{path.name} has a header but no rows")
    if "sample_id" not in table.columns:
        table.insert(0, "sample_id", [f"row{i}" for i in range(len(table))])
    if "subject" not in table.columns:
        table["subject"] = table["sample_id"]
    for column in ("sample_id", "subject"):
        refuse_blanks(table[column], path)
        table[column] = table[column].astype(str)
    refuse_twice(table["sample_id"], path)
    return table


def manifest_files(table: pd.DataFrame, manifest: Path, what: str, column: str = "path") -> list[Path]:
    """The files that a manifest names in a column, relative to its folder, all of them there.

    Raises:
        StudyError: how many are not, and the first.
    """
    refuse_blanks(table[column], manifest)
    files = [manifest.parent / str(name) for name in table[column]]
    absent = [file.name[:80] for file in files if not is_there(file)]
    if absent:
        raise StudyError(f"{manifest.name}: {len(absent)} of {len(files)} {what} are not there, the first {absent[0]}")
    return files


def refuse_twice(column: pd.Series, path: Path) -> None:
    """Refuse a column in which a value stands twice."""
    twice = column[column.duplicated()]
    if len(twice):
        row = int(twice.index[0]) + 1
        raise StudyError(f"{path.name}, row {row}: {column.name} {str(twice.iloc[0])[:80]!r} stands more than once; "
                         "each must stand once")  # fmt: skip


def refuse_blanks(column: pd.Series, path: Path) -> None:
    """Refuse a column in which a value is absent."""
    blank = column.isna() | (column.astype(str).str.strip() == "")
    if blank.any():
        row = int(blank.to_numpy().argmax()) + 1
        raise StudyError(f"{path.name}: {column.name} is empty in row {row}; every sample needs one")


def read_csv_table(path: Path, text: Sequence[str] | None = (), important: Sequence[str] = ()) -> pd.DataFrame:
    """Read a CSV file whose rows all have as many fields as its header.

    Args:
        path: the file, UTF-8.
        text: columns that are taken as they are written; None for all.
        important: further columns in which no value goes over several lines.

    Raises:
        StudyError: it cannot be read as such, with the line where that shows.
    """
    content = text_of(path)
    names = _checked_header(content, path.name, None if text is None else {*text, *important})
    written = names if text is None else [name for name in names if name in text]
    absent = {name: [""] if name in written else list(ABSENT) for name in names}
    try:
        table = pd.read_csv(io.StringIO(content), dtype=dict.fromkeys(written, str), index_col=False,
                            keep_default_na=False, na_values=absent)  # fmt: skip
    except ValueError as error:  # pandas' parser errors are among these
        raise StudyError(f"{path.name} cannot be read as a table: {error}") from None
    for name in written:
        table[name] = _stripped(table[name])
    return table


def _stripped(column: pd.Series) -> pd.Series:
    """Text without blanks around it, None where nothing is left."""
    values = [
        str(value).strip() or None if known else None for value, known in zip(column, column.notna(), strict=True)
    ]
    return pd.Series(values, index=column.index, name=column.name, dtype=object)


def _checked_header(content: str, file: str, important: set[str] | None) -> list[str]:
    """Names of the columns that have one, once it is seen that every row has as many fields as the header."""
    lines = csv.reader(io.StringIO(content, newline=""))
    try:
        header = next(lines, [])
        twice = next((name for name in header if name and header.count(name) > 1), None)
        if twice is not None:
            raise StudyError(f"{file}: the column {twice[:80]} stands twice in the header")
        watched = [i for i, name in enumerate(header) if important is None or name in important]
        for row in lines:
            if row and len(row) != len(header):
                raise StudyError(
                    f"{file} cannot be read as a table: line {lines.line_num} has {len(row)} fields where the header "
                    f"has {len(header)}"
                )
            if any(len(field) > LONGEST for field in row):  # the csv module's own limit is whatever some import set
                raise csv.Error(f"field larger than field limit ({LONGEST})")
            if row and any("\n" in row[i] or "\r" in row[i] for i in watched):
                raise StudyError(
                    f"{file} cannot be read as a table: a field that ends in line {lines.line_num} goes over several "
                    "lines; is there a quotation mark too many?"
                )
    except csv.Error as error:
        raise StudyError(f"{file} cannot be read as a table: line {lines.line_num}: {error}") from None
    return [name for name in header if name]  # a table written with its index has a column without a name


def _read_parquet(path: Path, text: Sequence[str] | None) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path)
    except Exception as error:  # Arrow raises whatever the damage leads to
        raise StudyError(f"{path.name} cannot be read as a table: {error or type(error).__name__}") from None
    if table.columns.duplicated().any():
        raise StudyError(f"{path.name}: the column {table.columns[table.columns.duplicated()][0]} stands twice")
    for name in table.columns if text is None else [name for name in table.columns if name in text]:
        whole = pd.api.types.is_float_dtype(table[name]) and (table[name].dropna() % 1 == 0).all()
        table[name] = _stripped(table[name].astype("Int64") if whole else table[name])  # a gap made them fractions
    return table
