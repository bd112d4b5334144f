"""What a finished run wrote down of its verdicts and where they come from, checked before anything is made of it."""

from __future__ import annotations

import math
from typing import Any

WORDS = ("supported", "contradicted", "inconclusive")
_NUMBERS = ("effect", "margin")


def checked_verdict(verdict: dict[str, Any]) -> dict[str, Any]:
    """A verdict whose numbers can be drawn and whose texts are texts.

    Raises:
        ValueError, KeyError, TypeError, OverflowError: it is not as a run writes it.
    """
    both = verdict["low"] is not None and verdict["high"] is not None
    interval = {key: finite(verdict[key]) if both else None for key in ("low", "high")}
    if verdict["word"] not in WORDS:
        raise ValueError("unknown verdict")
    p_value, figure = verdict.get("p_value"), verdict.get("paper_figure")
    return {
        **verdict,
        **{key: str(verdict[key]) for key in ("claim", "statement", "metric", "interval")},
        **{key: finite(verdict[key]) for key in _NUMBERS},
        **interval,
        "pairs": int(verdict["pairs"]),
        "p_value": None if p_value is None else finite(p_value),
        "paper_figure": None if figure is None else str(figure),
    }


def checked_origin(origin: dict[str, Any]) -> dict[str, Any]:
    """Provenance whose groups are groups.

    Raises:
        TypeError: it is not as a run writes it.
    """
    for key in ("code", "packages"):
        if not isinstance(origin.get(key, {}), dict):
            raise TypeError(f"{key} is no group")
    return origin


def finite(value: Any) -> float:
    """A number that is finite.

    Raises:
        ValueError, TypeError, OverflowError: it is none.
    """
    if isinstance(value, bool) or not math.isfinite(value):
        raise ValueError("not a number")
    return float(value)
