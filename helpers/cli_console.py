"""What every ``studies`` command shows its answers with: a console, tables, coloured text."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

WORD_STYLE = {"supported": "green", "contradicted": "red", "inconclusive": "yellow"}


def open_console() -> Console:
    """Standard output: as wide as the terminal, 140 columns where it is a file."""
    from rich.console import Console

    terminal = sys.stdout.isatty()
    return Console(highlight=False, width=None if terminal or "COLUMNS" in os.environ else 140)


def new_table(*columns: str, title: str | None = None) -> Table:
    """An empty table; long cells are folded, never cut."""
    from rich import box
    from rich.table import Table

    empty = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left", title_style="bold")
    for column in columns:
        empty.add_column(column, overflow="fold")
    return empty


def plain(words: str, style: str = "") -> Text:
    """Words as they are, brackets and all."""
    from rich.text import Text

    return Text(words, style=style)


def coloured(lines: list[str]) -> Text:
    """One line an entry; verdicts have their colour, anything else is red."""
    said = plain("")
    for i, line in enumerate(lines):
        said.append(("\n" if i else "") + line, style=WORD_STYLE.get(line.split()[0], "bold red"))
    return said


def duration(seconds: float | None) -> str:
    """A time in the unit that it is said in, such as ``"8.2 min"``; ``"unknown"`` for None."""
    if seconds is None:
        return "unknown"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
