"""Small tables that read the same as HTML and as text."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class FactsTable:
    """(fact, value) rows with a caption; everything shown is escaped."""

    facts: tuple[tuple[str, str], ...]
    caption: str

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th style="text-align:left">{html.escape(fact)}</th>'
            f'<td style="text-align:left">{html.escape(value)}</td></tr>'
            for fact, value in self.facts
        )
        return f"<table><caption>{html.escape(self.caption)}</caption><tbody>{rows}</tbody></table>"

    def __repr__(self) -> str:
        width = max((len(fact) for fact, _ in self.facts), default=0)
        return "\n".join([self.caption, *(f"{fact:<{width}}  {value}" for fact, value in self.facts)])


def facts_table(facts: Iterable[tuple[str, str]], caption: str) -> FactsTable:
    """A :class:`FactsTable` of (fact, value) rows."""
    return FactsTable(tuple((str(fact), str(value)) for fact, value in facts), caption)
