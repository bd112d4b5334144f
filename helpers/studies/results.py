"""The tidy table that every run writes, and reading it back."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pandas as pd

from helpers.errors import StudyError
from helpers.studies.run_folder import write_whole

COLUMNS: dict[str, str] = {
    "study": "string",
    "corpus": "string",
    "claim": "string",  # key of the claim that the row bears on; empty where none
    "method": "string",
    "condition": "string",  # what else was varied, such as "missing=0.3"; empty where nothing
    "split": "string",
    "label_fraction": "float64",
    "fold": "Int64",
    "seed": "Int64",
    "metric": "string",
    "value": "float64",
    "n": "Int64",  # samples that the value was computed on
}


def tidy(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a table of :data:`COLUMNS`, in the order they were recorded.

    Raises:
        StudyError: a row names a column that the table does not have.
    """
    for row in rows:
        unknown = set(row) - set(COLUMNS)
        if unknown:
            raise StudyError(f"results have no column {sorted(unknown)[0]!r}; they are {', '.join(COLUMNS)}")
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    for text in (name for name, kind in COLUMNS.items() if kind == "string"):
        table[text] = table[text].astype("string").fillna("")
    return table.astype(COLUMNS)


def write_results(table: pd.DataFrame, path: Path) -> None:
    """Write the table as Parquet, whole or not at all."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False, engine="pyarrow", compression="zstd", write_page_checksum=True)
    write_whole(path, buffer.getvalue())


def read_results(path: Path) -> pd.DataFrame:
    """Read a run's ``results.parquet``.

    Raises:
        StudyError: the file is absent, damaged (each page has its checksum), or of another shape.
    """
    try:
        table = pd.read_parquet(path, engine="pyarrow", page_checksum_verification=True)
    except Exception as error:  # Arrow raises whatever the damage leads to
        raise StudyError(f"{path} cannot be read as results ({error}); run the study again with --force") from error
    if list(table.columns) != list(COLUMNS):
        raise StudyError(f"{path} has other columns than results of this version; run the study again with --force")
    try:
        return table.astype(COLUMNS)
    except (TypeError, ValueError) as error:
        raise StudyError(
            f"{path} holds other values than results do ({error}); run the study again with --force"
        ) from None
