"""An effect and its interval as a small picture (inline SVG), beside nought and the margin."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

WIDTH, HEIGHT = 240, 28  # CSS pixels
_EDGE = 8.0


def shared_range(verdicts: Iterable[dict[str, Any]]) -> tuple[float, float]:
    """The range of effects that fits all verdicts, nought and the margins, with a little air."""
    ends = [0.0]
    for v in verdicts:
        ends += [v["effect"], -v["margin"]] + [end for end in (v["low"], v["high"]) if end is not None]
    low, high = min(ends), max(ends)
    air = 0.08 * (high - low) or 1.0
    return low - air, high + air


def interval_picture(verdict: dict[str, Any], span: tuple[float, float], words: str) -> str:
    """The picture.

    Args:
        verdict: effect, low, high (None where there is no interval), margin, word.
        span: effects at the left and the right edge.
        words: what it shows, for those who cannot see it.

    Returns:
        An ``<svg>`` element; its colours are the page's.
    """

    def x(value: float) -> float:
        share = (value - span[0]) / (span[1] - span[0])
        return round(_EDGE + share * (WIDTH - 2 * _EDGE), 1)

    middle = HEIGHT / 2
    parts = [f'<line class="rest" x1="{_EDGE}" x2="{WIDTH - _EDGE}" y1="{middle}" y2="{middle}"/>']
    parts.append(f'<line class="nought" x1="{x(0)}" x2="{x(0)}" y1="2" y2="{HEIGHT - 2}"/>')
    if verdict["margin"]:
        at = x(-verdict["margin"])
        parts.append(f'<line class="margin" x1="{at}" x2="{at}" y1="2" y2="{HEIGHT - 2}"/>')
    if verdict["low"] is None:
        parts.append(f'<circle class="dot open" cx="{x(verdict["effect"])}" cy="{middle}" r="4.5"/>')
    else:
        low, high = x(verdict["low"]), x(verdict["high"])
        parts.append(f'<line class="whisker" x1="{low}" x2="{high}" y1="{middle}" y2="{middle}"/>')
        parts += [
            f'<line class="whisker" x1="{end}" x2="{end}" y1="{middle - 4}" y2="{middle + 4}"/>' for end in (low, high)
        ]
        parts.append(f'<circle class="dot" cx="{x(verdict["effect"])}" cy="{middle}" r="4.5"/>')
    return (
        f'<svg class="interval {html.escape(verdict["word"])}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{html.escape(words)}">{"".join(parts)}</svg>'
    )
