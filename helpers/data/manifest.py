"""Bring your own data: one CSV or Parquet file, a row a sample."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from helpers.errors import StudyError


def read_manifest(path: Path, required: Sequence[str] = ("sample_id",)) -> pd.DataFrame:
    """Read a manifest.

    Args:
        path: a ``.csv`` or ``.parquet`` file with a header, one row a sample.
        required: columns that must be there.

    Returns:
        The table, ids and subjects as text; ``subject`` is filled from ``sample_id`` where it is absent, and
        ``sample_id`` from the row number where that is absent and not required.

    Raises:
        StudyError: no such file, an unreadable or empty one, another ending, a missing column, an empty ``sample_id``
            or ``subject``, an id that stands twice.
    """
    if not path.is_file():
        raise StudyError(f"no manifest at {path}; give the path of a .csv or .parquet file with one row a sample")
    try:
        if path.suffix.lower() == ".csv":
            table = pd.read_csv(path, dtype={"sample_id": str, "subject": str})  # "007" stays "007"
        elif path.suffix.lower() == ".parquet":
            table = pd.read_parquet(path)
        else:
            raise StudyError(f"{path.name}: a manifest ends in .csv or .parquet")
    except (ValueError, OSError) as error:  # pandas' parser, decoding and Arrow errors are among these
        raise StudyError(f"{path.name} cannot be read as a table: {error}") from error
    missing = [column for column in required if column not in table.columns]
    if missing:
        raise StudyError(
            f"{path.name} has no column {', '.join(missing)}; its columns are {', '.join(map(str, table.columns))}"
        )
    if table.empty:
        raise StudyError(f"{path.name} has a header but no rows")
    if "sample_id" not in table.columns:
        table.insert(0, "sample_id", [f"row{i}" for i in range(len(table))])
    if "subject" not in table.columns:
        table["subject"] = table["sample_id"]
    for column in ("sample_id", "subject"):
        blank = table[column].isna() | (table[column].astype(str).str.strip() == "")
        if blank.any():
            row = int(blank.to_numpy().argmax()) + 1
            raise StudyError(f"{path.name}: {column} is empty in row {row}; every sample needs one")
        table[column] = table[column].astype(str)
    twice = table.loc[table["sample_id"].duplicated(), "sample_id"]
    if len(twice):
        raise StudyError(f"{path.name}: sample_id {twice.iloc[0]!r} stands more than once; ids must be unique")
    return table
