"""Timing two ways of doing one thing in turn, and a table of their ratios."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        name: what was done.
        unit: of both numbers.
        ours, theirs: medians over rounds; larger is better.
        target: the ratio asked for; None for a number that is only printed.
    """

    name: str
    unit: str
    ours: float
    theirs: float
    target: float | None = None

    @property
    def ratio(self) -> float:
        """How many times as fast ours is."""
        return self.ours / self.theirs


def interleaved(ours: Callable[[], float], theirs: Callable[[], float], rounds: int) -> tuple[float, float]:
    """Medians of two rates, measured in turn so that a busy moment of the machine meets both."""
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        found[0].append(ours())
        found[1].append(theirs())
    return statistics.median(found[0]), statistics.median(found[1])


def rate_of(action: Callable[[], None], amount: float, repeats: int) -> float:
    """Amount a second of an action that is done ``repeats`` times, after once without counting."""
    action()
    started = time.perf_counter()
    for _ in range(repeats):
        action()
    return amount * repeats / (time.perf_counter() - started)


def table(rows: list[Row]) -> str:
    """Rows as text: both rates, their ratio, the target and whether it is reached."""
    lines = [f"{'what':<52}{'unit':<12}{'ours':>10}{'theirs':>10}{'ratio':>8}{'target':>8}"]
    for row in rows:
        target = "" if row.target is None else f"{row.target:.2f}"
        reached = "" if row.target is None else "  reached" if row.ratio >= row.target else "  missed"
        lines.append(
            f"{row.name:<52}{row.unit:<12}{row.ours:>10.4g}{row.theirs:>10.4g}{row.ratio:>8.2f}{target:>8}{reached}"
        )
    return "\n".join(lines)
