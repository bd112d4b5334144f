"""Praat's TextGrid files: labelled stretches of time, in tiers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from helpers.errors import StudyError

_WORTH = re.compile(r'"(?:[^"]|"")*"|(?<![\w.])-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.\]])|<exists>|<absent>')

_TOGETHER = 1e-3  # seconds by which rounded edges may overlap


@dataclass(frozen=True)
class Interval:
    """A labelled stretch, seconds."""

    start: float
    end: float
    text: str


def read_textgrid(file: Path) -> dict[str, list[Interval]]:
    """Interval tiers by name, in lower case; point tiers are left out.

    Long and short text formats are read, in UTF-8 or UTF-16: of both only the quoted texts and the free-standing
    numbers mean anything, which come in the same order.

    Raises:
        StudyError: the file is absent, no TextGrid, or cut short; intervals are out of order or overlap.
    """
    try:
        content = file.read_bytes()
        written = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{file.name} cannot be read as a TextGrid: {error}") from None
    if "TextGrid" not in written[:200]:
        raise StudyError(f"{file.name} is no TextGrid: it does not say so in its head")
    words = _WORTH.findall(written)
    at = next((i for i, word in enumerate(words) if word in ("<exists>", "<absent>")), len(words))
    try:
        return _tiers(words[at + 1 :])
    except (IndexError, ValueError):
        raise StudyError(f"{file.name} is a TextGrid that is cut short or damaged") from None


def _tiers(words: list[str]) -> dict[str, list[Interval]]:
    found: dict[str, list[Interval]] = {}
    count, at = int(words[0]), 1
    for _ in range(count):  # runs out of words where the count is too large
        kind, name, size = _text(words[at]), _text(words[at + 1]), int(words[at + 4])
        at += 5
        a_mark = 3 if kind == "IntervalTier" else 2
        if size < 0 or len(words) < at + a_mark * size:
            raise IndexError
        if kind == "IntervalTier":
            intervals = [
                Interval(float(words[i]), float(words[i + 1]), _text(words[i + 2])) for i in range(at, at + 3 * size, 3)
            ]
            edges = [edge for one in intervals for edge in (one.start, one.end)]
            if any(later < earlier - _TOGETHER for earlier, later in pairwise(edges)):
                raise ValueError
            found[name.lower()] = intervals
        at += a_mark * size
    if at != len(words):  # a tier has fewer marks than it says, or more follow
        raise ValueError
    return found


def _text(word: str) -> str:
    if not word.startswith('"'):
        raise ValueError(word)
    return word[1:-1].replace('""', '"')
