"""Twelve butterflies that differ in a few parts alone: how each part is drawn, on the picture and on the map of parts.

Coordinates: x to the animal's right, y ahead, about one unit from wing tip to wing tip. Everything but the parts
(colour of the wings, proportions, veins, wear, pose) varies within every species alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from helpers.data.simulated.vector_drawing import (
    Canvas,
    Colour,
    Frame,
    Points,
    darker,
    ellipse,
    lighter,
    limb,
    mirrored,
    spline,
    symmetric,
)

PARTS = ("fore wing marks", "hind wing marks", "antennae and tails")
WINGS: dict[str, Colour] = {
    "brown": (124, 78, 44), "slate": (84, 92, 118), "olive": (118, 120, 62), "plum": (118, 68, 98),
    "rust": (164, 88, 46), "teal": (58, 112, 112),
}  # fmt: skip
ACCENTS: dict[str, Colour] = {"white": (240, 234, 220), "orange": (242, 146, 34), "blue": (96, 168, 240)}
_INK: tuple[Colour, ...] = ((255, 0, 0), (0, 255, 0), (0, 0, 255))  # of the parts on their map
_SIDES = (1.0, -1.0)


@dataclass(frozen=True)
class Species:
    """What tells a drawn species from the others.

    Attributes:
        name: in plain words.
        fore: marks of the fore wings: ``"eyespot"``, ``"dots"``, ``"tip"`` or ``"bars"``.
        hind: marks of the hind wings: ``"band"``, ``"eyes"`` or ``"chequers"``.
        accent: colour of the hind wings' marks, of :data:`ACCENTS`.
        antennae: ``"clubbed"`` or ``"feathered"``.
        tails: whether the hind wings have tails.
    """

    name: str
    fore: str
    hind: str
    accent: str
    antennae: str = "clubbed"
    tails: bool = False


SPECIES = (
    Species("orange-banded eyewing", "eyespot", "band", "orange"),
    Species("white-banded eyewing", "eyespot", "band", "white"),
    Species("tailed eyewing", "eyespot", "band", "white", tails=True),
    Species("orange-banded dotwing", "dots", "band", "orange"),
    Species("feathered dotwing", "dots", "chequers", "white", antennae="feathered"),
    Species("tailed dotwing", "dots", "chequers", "white", tails=True),
    Species("four-eyed tipwing", "tip", "eyes", "orange"),
    Species("blue-banded tipwing", "tip", "band", "blue"),
    Species("feathered tipwing", "tip", "eyes", "orange", antennae="feathered"),
    Species("chequered barwing", "bars", "chequers", "white"),
    Species("four-eyed barwing", "bars", "eyes", "orange"),
    Species("tailed barwing", "bars", "eyes", "blue", tails=True),
)
NAMES = tuple(species.name for species in SPECIES)


class Pen:
    """Draws on the picture and, in the part's colour or in black, on the map of parts, so that what covers, hides.

    Args:
        side: pixels.
        frame: of the animal.
        rng: of its individual look.
        base: colour of its wings.
    """

    def __init__(self, side: int, frame: Frame, rng: np.random.Generator, base: Colour) -> None:
        self.canvas, self.map = Canvas(side, frame), Canvas(side, frame)
        self.rng, self.base = rng, base

    def fill(
        self, shape: Points, colour: Colour, part: int | None = None, within: Points | None = None, alpha: float = 1.0
    ) -> None:
        """Fill a shape that belongs to a part of :data:`PARTS`, or to none."""
        self.canvas.fill(shape, colour, alpha, within)
        self.map.fill(shape, (0, 0, 0) if part is None else _INK[part], within=within)

    def vary(self, share: float) -> float:
        """A factor about 1."""
        return float(np.exp(share * self.rng.uniform(-1.7, 1.7)))

    def place(self, x: float, y: float, size: float = 0.012) -> tuple[float, float]:
        """A point, a little out of place."""
        dx, dy = self.rng.uniform(-1.7, 1.7, 2) * size
        return x + dx, y + dy


def draw_butterfly(species: Species, pen: Pen) -> None:
    """One specimen: antennae, tails, hind wings and fore wings with their marks, body."""
    rng, base = pen.rng, pen.base
    dark, pale = darker(base, rng.uniform(0.45, 0.65)), lighter(base, rng.uniform(0.05, 0.2))
    high, wide = rng.uniform(0.36, 0.44), rng.uniform(0.48, 0.52)
    fore = [(0.03, 0.15), (0.2, 0.32), (wide - 0.03, high), (wide, 0.2), (0.36, -0.02), (0.04, 0.0)]
    hind = [(0.03, 0.02), (0.24, 0.0), (0.38, -0.12), (0.34, -0.34), (0.16, -0.4), (0.04, -0.2)]
    accent = np.clip(np.asarray(ACCENTS[species.accent]) * np.exp(rng.normal(0, 0.05, 3)), 0, 255)
    ring: Colour = np.clip(np.asarray(ACCENTS["white"]) * np.exp(rng.normal(0, 0.05)), 0, 255)
    _antennae(pen, species.antennae)
    if species.tails:
        _tails(pen, dark)
    worn = rng.random() < 0.3
    for side in _SIDES:
        for corners, marks, colour in ((hind, _HIND[species.hind], accent), (fore, _FORE[species.fore], ring)):
            wing = spline(mirrored(corners, side), closed=True, each=5)
            middle = np.array([side * 0.07, 0.04 if corners is fore else -0.04])
            pen.fill(wing, dark)
            inner = middle + 0.88 * (wing - middle)
            pen.fill(inner, pale)
            for k in (4, 9, 14, 19):
                pen.canvas.line([middle, inner[k]], darker(base, 0.3))
            marks(pen, side, wing, colour, dark)
        if worn:  # a nick in the margin, through which nothing of the wing is seen but its shade
            x, y = side * rng.uniform(0.3, 0.4), rng.uniform(-0.38, -0.3)
            pen.fill(ellipse(x, y, 0.03, 0.04, rng.uniform(0, 3), corners=10), darker(base, 0.75))
    body = darker(base, 0.7)
    pen.fill(symmetric([(0.035, 0.16), (0.042, 0.04), (0.03, -0.14), (0, -0.3)]), body)
    pen.fill(ellipse(0, 0.2, 0.042, 0.045), darker(base, 0.8))
    pen.fill(ellipse(0, 0.05, 0.016, 0.09), lighter(body, 0.3))


def _antennae(pen: Pen, kind: str) -> None:
    spread = pen.rng.uniform(-0.03, 0.04)
    colour: Colour = (44, 36, 30)
    for side in _SIDES:
        root, bend, tip = (0.02, 0.2), pen.place(0.07 + spread, 0.34, 0.008), pen.place(0.13 + spread, 0.47, 0.008)
        line = mirrored([root, bend, tip], side)
        pen.fill(limb(line, 0.022, 0.016, smooth=True), colour, 2)
        if kind == "clubbed":
            pen.fill(ellipse(line[-1, 0], line[-1, 1], 0.028, 0.038), colour, 2)
            continue
        for t in np.linspace(0.35, 1.0, 6):
            at = line[1] + (2 * t - 1) * (line[2] - line[1]) if t > 0.5 else line[0] + 2 * t * (line[1] - line[0])
            half = np.array([side * 0.05, -0.026]) * (1.25 - 0.6 * t)
            pen.fill(limb([at - half, at + half], 0.018, 0.012), colour, 2)


def _tails(pen: Pen, colour: Colour) -> None:
    for side in _SIDES:
        root, end = (0.24, -0.3), pen.place(0.3, -0.56, 0.012)
        line = mirrored([root, pen.place(0.25, -0.44, 0.006), end], side)
        pen.fill(limb(line, 0.07, 0.04, smooth=True), colour, 2)
        pen.fill(ellipse(line[-1, 0], line[-1, 1], 0.035, 0.04), colour, 2)


def _eye(pen: Pen, side: float, at: tuple[float, float], size: float, colours: tuple[Colour, Colour], part: int,
         wing: Points) -> None:  # fmt: skip
    x, y = pen.place(*at)
    size *= pen.vary(0.06)
    ring, dark = colours
    pen.fill(ellipse(side * x, y, size, size), ring, part, wing)
    pen.fill(ellipse(side * x, y, 0.62 * size, 0.62 * size), darker(dark, 0.7), part, wing)
    pen.fill(ellipse(side * x + 0.2 * size, y + 0.2 * size, 0.2 * size, 0.2 * size, corners=10), ring, part, wing)


def _eyespot(pen: Pen, side: float, wing: Points, colour: Colour, dark: Colour) -> None:
    """One large ringed spot."""
    _eye(pen, side, (0.32, 0.2), 0.092, (colour, dark), 0, wing)


def _dots(pen: Pen, side: float, wing: Points, colour: Colour, dark: Colour) -> None:
    """Four plain dots along the outer margin."""
    for at in ((0.24, 0.27), (0.34, 0.29), (0.41, 0.21), (0.37, 0.1)):
        x, y = pen.place(*at, 0.008)
        size = 0.033 * pen.vary(0.06)
        pen.fill(ellipse(side * x, y, size, size, corners=14), colour, 0, wing)


def _tip(pen: Pen, side: float, wing: Points, colour: Colour, dark: Colour) -> None:
    """A pale corner."""
    x, y = pen.place(0.47, 0.36)
    pen.fill(ellipse(side * x, y, 0.13 * pen.vary(0.05), 0.1, side * 0.5), colour, 0, wing)


def _bars(pen: Pen, side: float, wing: Points, colour: Colour, dark: Colour) -> None:
    """Two slanting bars from the leading edge."""
    for shift in (0.0, 0.13):
        x, y = pen.place(0.16 + shift, 0.32, 0.008)
        end = (side * (x + 0.1), y - 0.27)
        pen.fill(limb([(side * x, y), end], 0.045, 0.04), colour, 0, wing)


def _band(pen: Pen, side: float, wing: Points, colour: Colour, dark: Colour) -> None:
    """A broad band across the wing."""
    line = [pen.place(0.08, -0.2, 0.008), pen.place(0.22, -0.17, 0.008), pen.place(0.42, -0.17, 0.008)]
    pen.fill(limb(mirrored(line, side), 0.085 * pen.vary(0.05), 0.085, smooth=True), colour, 1, wing)


def _eyes(pen: Pen, side: float, wing: Points, colour: Colour, dark: Colour) -> None:
    """Two ringed spots."""
    for at in ((0.28, -0.14), (0.22, -0.29)):
        _eye(pen, side, at, 0.062, (colour, dark), 1, wing)


def _chequers(pen: Pen, side: float, wing: Points, colour: Colour, dark: Colour) -> None:
    """A row of squares along the margin."""
    for x, y, turn in ((0.33, -0.08, 0.2), (0.33, -0.19, -0.1), (0.29, -0.29, -0.5), (0.19, -0.34, -1.1)):
        at, half = np.array(pen.place(x, y, 0.006)) * (side, 1), 0.034 * pen.vary(0.05)
        c, s = half * np.cos(side * turn), half * np.sin(side * turn)
        corners = np.array([(c - s, c + s), (-c - s, c - s), (-c + s, -c - s), (c + s, s - c)])
        pen.fill(at + corners, colour, 1, wing)


Marks = Callable[[Pen, float, Points, Colour, Colour], None]
_FORE: dict[str, Marks] = {"eyespot": _eyespot, "dots": _dots, "tip": _tip, "bars": _bars}
_HIND: dict[str, Marks] = {"band": _band, "eyes": _eyes, "chequers": _chequers}
