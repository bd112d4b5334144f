"""Winged, leaping and mining pests: eleven more species (see :mod:`pest_species` for the coordinates)."""

from __future__ import annotations

import numpy as np

from helpers.data.simulated.pest_species import SIDES, Specimen
from helpers.data.simulated.vector_drawing import (
    Colour,
    Points,
    darker,
    ellipse,
    lighter,
    limb,
    mirrored,
    spline,
    symmetric,
)

_GLASS: Colour = (232, 230, 220)


def _glass_wing(s: Specimen, outline: Points, veins: list[Points], tint: Colour = _GLASS, alpha: float = 0.45) -> None:
    """A pair of clear wings, given for the right side."""
    for side in SIDES:
        shape = spline(mirrored(outline, side), closed=True)
        s.canvas.fill(shape, tint, alpha)
        s.canvas.line(shape, (92, 80, 66), closed=True)
        for vein in veins:
            s.canvas.line(mirrored(vein, side), (118, 104, 88))


def moth(s: Specimen) -> None:
    """A furry body between broad dull wings, held back as a triangle, with wavy bands; feathered antennae."""
    c, back = s.canvas, s.rng.uniform(-0.04, 0.05)
    for side in SIDES:
        stem = np.array([(0.03, 0.33), (0.13, 0.44), (0.24, 0.46)])
        c.fill(limb(mirrored(stem, side), 0.02, 0.012), darker(s.base, 0.4))
        for t in np.linspace(0.15, 1, 7):
            x, y = np.interp(t, [0, 0.5, 1], stem[:, 0]), np.interp(t, [0, 0.5, 1], stem[:, 1])
            c.line([(side * (x - 0.03), y + 0.035), (side * x, y), (side * (x + 0.02), y - 0.04)], darker(s.base, 0.3))
        hind = spline(mirrored([(0.05, 0.02), (0.33, -0.22), (0.28, -0.42), (0.06, -0.36)], side), closed=True)
        c.part(hind, lighter(s.base, 0.25), 0.0)
    bands = s.rng.uniform(0.35, 0.8, 2)
    for side in SIDES:
        corners = [(0.04, 0.22), (0.24, 0.1), (0.5, -0.14 + back), (0.42, -0.34 + back), (0.2, -0.26), (0.05, -0.12)]
        fore = spline(mirrored(corners, side), closed=True, each=4)
        c.part(fore, s.base, 0.0)
        for band in sorted(bands):
            t = np.linspace(0, 1, 9)
            zig = 0.025 * (np.arange(9) % 2)
            line = np.stack([0.06 + band * (0.3 + 0.14 * (1 - t)) + zig, 0.2 - band * 0.3 - 0.36 * t], axis=1)
            c.fill(limb(mirrored(line, side), 0.03, 0.03), darker(s.base, 0.55), 0.85, within=fore)
            c.fill(limb(mirrored(line + (0.025, -0.01), side), 0.014, 0.014), lighter(s.base, 0.5), 0.85, within=fore)
        c.fill(ellipse(side * 0.23, -0.04, 0.035, 0.04), darker(s.base, 0.65), within=fore)
    c.part(symmetric([(0.07, 0.06), (0.08, -0.12), (0.05, -0.36), (0, -0.44)]), darker(s.base, 0.15), 0.25)
    c.part(ellipse(0, 0.15, 0.1, 0.13), lighter(s.base, 0.15), 0.3)
    c.part(ellipse(0, 0.3, 0.07, 0.06), darker(s.base, 0.1), 0.2)
    s.eyes(0.06, 0.32, 0.022)


def butterfly(s: Specimen) -> None:
    """Four upright rounded wings with dark margins and eyespots, a thin body, clubbed antennae."""
    c, dark = s.canvas, darker(s.base, 0.78)
    s.antennae([(0.02, 0.24), (0.08, 0.38), (0.14, 0.46)], 0.016, (40, 32, 28), club=0.022)
    spot = lighter(s.base, 0.7)
    high = s.rng.uniform(0.38, 0.48)
    for side in SIDES:
        for corners, eye in (
            ([(0.03, 0.0), (0.26, -0.04), (0.38, -0.2), (0.3, -0.4), (0.14, -0.42), (0.04, -0.2)], (0.24, -0.26)),
            ([(0.03, 0.16), (0.22, 0.36), (0.5, high), (0.5, 0.2), (0.38, 0.02), (0.04, 0.02)], (0.34, 0.22)),
        ):
            wing = spline(mirrored(corners, side), closed=True)
            c.part(wing, dark, 0.0)
            middle = np.array([side * 0.06, 0.05])
            inner = middle + 0.78 * (wing - middle)
            c.fill(inner, s.base)
            for t in (0.25, 0.5, 0.75):
                k = int(t * len(inner))
                c.line(np.array([middle, inner[k]]), darker(s.base, 0.4))
            x, y = eye
            c.fill(ellipse(side * x, y, 0.055, 0.055), dark)
            c.fill(ellipse(side * x, y, 0.025, 0.025, corners=12), spot)
            for k in range(0, len(wing), 5):
                edge = middle + 0.9 * (wing[k] - middle)
                c.fill(ellipse(edge[0], edge[1], 0.018, 0.018, corners=8), spot, within=wing)
    c.part(symmetric([(0.035, 0.18), (0.04, 0.05), (0.03, -0.12), (0, -0.3)]), (54, 44, 38), 0.3)
    c.part(ellipse(0, 0.22, 0.04, 0.04), (48, 40, 34), 0.2)


def fly(s: Specimen) -> None:
    """A stout bristly body, very large red eyes, one pair of clear wings swept back."""
    c = s.canvas
    s.legs([[(0.1, 0.2), (0.28, 0.3), (0.34, 0.44)], [(0.12, 0.08), (0.34, 0.08), (0.42, -0.08)],
            [(0.1, 0.0), (0.26, -0.2), (0.3, -0.46)]], 0.036, darker(s.base, 0.5))  # fmt: skip
    abdomen = symmetric([(0.1, -0.02), (0.155, -0.14), (0.13, -0.3), (0, -0.4)])
    c.part(abdomen, darker(s.base, 0.1), 0.4)
    for y in (-0.1, -0.2, -0.3):
        c.fill([(-0.3, y), (0.3, y), (0.3, y - 0.025), (-0.3, y - 0.025)], darker(s.base, 0.6), 0.8, within=abdomen)
    c.part(ellipse(0, 0.12, 0.15, 0.15), s.base, 0.35)
    for x in (0.03, 0.08):
        for side in SIDES:
            c.line([(side * x, 0.24), (side * x, 0.0)], darker(s.base, 0.6))
    swing = s.rng.uniform(-0.05, 0.08)
    tip = 0.34 + swing
    _glass_wing(s, [(0.11, 0.14), (0.26, 0.04), (tip, -0.28), (tip - 0.1, -0.44), (0.14, -0.26), (0.09, 0.04)],
                [[(0.12, 0.1), (tip - 0.03, -0.36)], [(0.12, 0.08), (tip - 0.12, -0.38)],
                 [(0.22, -0.06), (0.16, -0.1)]])  # fmt: skip
    c.part(ellipse(0, 0.31, 0.1, 0.07), darker(s.base, 0.3), 0.1)
    s.eyes(0.095, 0.33, 0.075, (150, 38, 28))


def mosquito(s: Specimen) -> None:
    """A hump and a thin banded rear on very long bent legs; a long needle in front."""
    c, thin = s.canvas, darker(s.base, 0.45)
    s.legs([[(0.03, 0.16), (0.26, 0.34), (0.36, 0.14), (0.44, 0.5)], [(0.04, 0.12), (0.32, 0.14), (0.5, -0.08)],
            [(0.03, 0.08), (0.24, -0.02), (0.3, -0.28), (0.48, -0.5)]], 0.026, thin, end=0.6)  # fmt: skip
    c.fill(limb([(0, 0.28), (s.rng.uniform(-0.03, 0.03), 0.58)], 0.03, 0.016), darker(s.base, 0.6))
    for side in SIDES:
        feeler = mirrored([(0.02, 0.28), (0.08, 0.38), (0.12, 0.46)], side)
        c.fill(limb(feeler, 0.014, 0.01), thin)
        for t in (0.3, 0.55, 0.8):
            at = feeler[0] + t * (feeler[2] - feeler[0])
            c.line([at - (0.04, -0.02), at, at + (0.04, 0.02)], thin)
    abdomen = limb([(0, 0.04), (0.0, -0.2), (0, -0.46)], 0.085, 0.05)
    c.part(abdomen, s.base, 0.2)
    for y in np.linspace(-0.04, -0.42, 6):
        c.fill([(-0.2, y), (0.2, y), (0.2, y - 0.025), (-0.2, y - 0.025)], lighter(s.base, 0.65), within=abdomen)
    out = s.rng.uniform(0.1, 0.2)
    _glass_wing(s, [(0.03, 0.1), (out - 0.01, -0.1), (out + 0.02, -0.36), (out - 0.05, -0.4), (0.02, -0.06)],
                [[(0.04, 0.06), (out, -0.36)]])  # fmt: skip
    c.part(ellipse(0, 0.12, 0.085, 0.11), darker(s.base, 0.1), 0.4)
    c.part(ellipse(0, 0.25, 0.055, 0.05), darker(s.base, 0.3), 0.2)


def wasp(s: Specimen) -> None:
    """A banded rear that narrows to a waist and to a sting, four clear wings, long feelers."""
    c, dark = s.canvas, (38, 30, 26)
    s.legs([[(0.06, 0.2), (0.22, 0.3), (0.28, 0.42)], [(0.08, 0.12), (0.28, 0.1), (0.36, -0.02)],
            [(0.06, 0.06), (0.22, -0.14), (0.26, -0.4)]], 0.032, s.base)  # fmt: skip
    s.antennae([(0.04, 0.42), (0.12, 0.52), (0.24, 0.54)], 0.026, dark)
    abdomen = symmetric([(0.02, -0.02), (0.1, -0.1), (0.135 * s.vary(0.06), -0.22), (0.08, -0.4), (0, -0.52)])
    c.part(abdomen, s.base, 0.3)
    for y in np.linspace(-0.08, -0.44, 5):
        c.fill(spline([(-0.2, y), (-0.06, y - 0.01), (0, y - 0.03), (0.06, y - 0.01), (0.2, y), (0.2, y - 0.035),
                       (0, y - 0.05), (-0.2, y - 0.035)], closed=True, each=2), dark, within=abdomen)  # fmt: skip
    c.part(ellipse(0, 0.14, 0.1, 0.14), dark, 0.25)
    for side in SIDES:
        c.fill(ellipse(side * 0.06, 0.2, 0.022, 0.04), s.base)
        c.fill(ellipse(side * 0.04, 0.04, 0.02, 0.02), s.base)
    up = s.rng.uniform(-0.12, 0.1)
    amber: Colour = (216, 176, 112)
    _glass_wing(s, [(0.08, 0.1), (0.28, 0.0 + up / 2), (0.42, -0.14 + up), (0.34, -0.22 + up), (0.1, 0.02)],
                [[(0.1, 0.08), (0.38, -0.16 + up)]], amber)  # fmt: skip
    _glass_wing(s, [(0.08, 0.16), (0.32, 0.14 + up), (0.5, 0.02 + up * 1.5), (0.46, -0.08 + up * 1.5), (0.1, 0.08)],
                [[(0.1, 0.14), (0.46, -0.02 + up * 1.5)], [(0.1, 0.12), (0.3, 0.02 + up)]], amber)  # fmt: skip
    c.part(symmetric([(0.06, 0.43), (0.1, 0.36), (0.06, 0.29)]), s.base, 0.2)
    s.eyes(0.08, 0.37, 0.032, dark, 1.5)


def dragonfly(s: Specimen) -> None:
    """A needle of a body with huge eyes and four long clear wings held straight out."""
    c, tilt = s.canvas, s.rng.uniform(-0.05, 0.06)
    for y, tip in ((0.08, -0.02 - tilt), (0.2, 0.24 + tilt)):
        lead = [(0.03, y + 0.03), (0.3, (y + tip) / 2 + 0.06), (0.54, tip + 0.04), (0.54, tip - 0.04),
                (0.3, (y + tip) / 2 - 0.07), (0.04, y - 0.04)]  # fmt: skip
        _glass_wing(s, lead, [[(0.03, y), (0.52, tip)], [(0.3, (y + tip) / 2 + 0.05), (0.36, (y + tip) / 2 - 0.05)],
                              [(0.16, y + 0.02), (0.2, y - 0.05)]], alpha=0.5)  # fmt: skip
        for side in SIDES:
            c.fill(limb(mirrored([(0.45, tip + 0.05), (0.51, tip + 0.045)], side), 0.03, 0.03), darker(s.base, 0.7))
    tail = limb([(0, 0.06), (0.0, -0.2), (0.0, -0.52)], 0.07, 0.055)
    c.part(tail, s.base, 0.2)
    for y in np.linspace(-0.04, -0.46, 7):
        c.fill([(-0.1, y), (0.1, y), (0.1, y - 0.02), (-0.1, y - 0.02)], darker(s.base, 0.65), within=tail)
    for side in SIDES:
        c.fill(limb(mirrored([(0.01, -0.51), (0.03, -0.56)], side), 0.02, 0.01), darker(s.base, 0.5))
    c.part(ellipse(0, 0.17, 0.075, 0.13), darker(s.base, 0.1), 0.35)
    c.part(ellipse(0, 0.35, 0.05, 0.045), darker(s.base, 0.3), 0.1)
    s.eyes(0.06, 0.36, 0.065, darker(s.base, 0.45), 1.0)


def planthopper(s: Specimen) -> None:
    """A wedge: a blunt head with eyes at its corners, and long veined wings past the end of the body."""
    c = s.canvas
    s.legs([[(0.08, 0.2), (0.2, 0.28), (0.24, 0.38)], [(0.1, 0.1), (0.26, 0.08), (0.3, -0.02)],
            [(0.1, 0.0), (0.24, -0.12), (0.28, -0.34)]], 0.034)  # fmt: skip
    s.antennae([(0.1, 0.36), (0.2, 0.42)], 0.026)
    c.part(symmetric([(0.1, 0.08), (0.12, -0.1), (0, -0.36)]), lighter(s.base, 0.3), 0.2)
    out = 0.17 * s.vary(0.1)
    for side in SIDES:
        shape = spline(mirrored([(0.01, 0.16), (0.14, 0.14), (out, -0.2), (out * 0.8, -0.48), (0.02, -0.42)], side),
                       closed=True)  # fmt: skip
        c.fill(shape, lighter(s.base, 0.45), 0.72)
        c.line(shape, darker(s.base, 0.5), closed=True)
        for x in (0.3, 0.6, 0.88):
            c.line(mirrored([(0.05 + 0.06 * x, 0.13), (out * x, -0.2), (out * x * 0.8, -0.46)], side),
                   darker(s.base, 0.3))  # fmt: skip
        c.fill(ellipse(side * out * 0.55, -0.12, 0.025, 0.04), darker(s.base, 0.7), 0.8)
        c.fill(ellipse(side * out * 0.6, -0.42, 0.05, 0.035), darker(s.base, 0.55), 0.6, within=shape)
    c.part(symmetric([(0.12, 0.28), (0.14, 0.2), (0.05, 0.12), (0, 0.02)]), s.base, 0.25)
    c.part(symmetric([(0.05, 0.42), (0.1, 0.36), (0.11, 0.28)]), lighter(s.base, 0.2), 0.25)
    for x in (0.0, 0.05, -0.05):
        c.line([(x * 0.7, 0.4), (x, 0.2)], darker(s.base, 0.5))
    s.eyes(0.115, 0.33, 0.035, (110, 34, 28), 1.4)


def mantis(s: Specimen) -> None:
    """A triangle of a head on a long neck, spined forelegs folded as if in prayer, a leaf of a rear."""
    c = s.canvas
    s.legs([[(0.05, 0.06), (0.3, 0.14), (0.4, 0.3)], [(0.05, 0.0), (0.3, -0.12), (0.38, -0.4)]], 0.028)
    abdomen = symmetric([(0.05, 0.04), (0.11 * s.vary(0.1), -0.16), (0.1, -0.34), (0, -0.5)])
    c.part(abdomen, lighter(s.base, 0.1), 0.2)
    for side in SIDES:
        wing = spline(mirrored([(0.0, 0.04), (0.09, 0.0), (0.1, -0.26), (0.03, -0.44), (0.0, -0.3)], side), closed=True)
        c.part(wing, s.base, 0.2)
        c.line(mirrored([(0.05, 0.0), (0.06, -0.36)], side), darker(s.base, 0.4))
    c.part(limb([(0, 0.36), (0, 0.2), (0, 0.02)], 0.065, 0.085), s.base, 0.25)
    reach = s.rng.uniform(-0.03, 0.06)
    for side in SIDES:
        elbow, wrist = (0.2 + reach, 0.26), (0.13 + reach, 0.52)
        c.fill(limb(mirrored([(0.03, 0.24), elbow], side), 0.035, 0.04), s.base)
        femur = mirrored([elbow, wrist], side)
        c.part(limb(femur, 0.08, 0.045), s.base, 0.2)
        for t in (0.2, 0.4, 0.6, 0.8):
            at = femur[0] + t * (femur[1] - femur[0])
            c.line([at, at - (side * 0.055, -0.01)], darker(s.base, 0.6))
        c.fill(limb(mirrored([wrist, (0.06, 0.36)], side), 0.04, 0.015), darker(s.base, 0.25))
    s.antennae([(0.02, 0.46), (0.07, 0.56), (0.05, 0.66)], 0.014)
    c.part(np.array([(-0.1, 0.46), (0.1, 0.46), (0.02, 0.35), (-0.02, 0.35)]), s.base, 0.2)
    s.eyes(0.085, 0.45, 0.034, darker(s.base, 0.55), 1.0)


def cricket(s: Specimen) -> None:
    """A blunt head with whip antennae, thick jumping legs along the body, two tails and a spike."""
    c = s.canvas
    s.legs([[(0.1, 0.22), (0.24, 0.26), (0.28, 0.4)], [(0.11, 0.1), (0.27, 0.06), (0.3, -0.06)]], 0.04)
    s.antennae([(0.04, 0.4), (0.16, 0.54), (0.34, 0.5), (0.48, 0.28)], 0.018)
    for side in SIDES:
        c.fill(limb(mirrored(s.wobble([(0.05, -0.34), (0.14, -0.54)]), side), 0.03, 0.01), darker(s.base, 0.2))
    c.fill(limb([(0, -0.34), (0, -0.6)], 0.022, 0.014), darker(s.base, 0.6))
    c.part(symmetric([(0.13, 0.12), (0.14, -0.1), (0.12, -0.28), (0.05, -0.38)]), s.base, 0.25)
    wings = symmetric([(0.12, 0.12), (0.12, -0.1), (0.07, -0.24), (0.0, -0.26)])
    c.part(wings, darker(s.base, 0.2), 0.2)
    for k in range(4):
        c.line([(-0.1, 0.06 - 0.08 * k), (0.02, 0.0 - 0.08 * k), (0.1, 0.05 - 0.08 * k)], lighter(s.base, 0.3))
    knee = s.rng.uniform(0.2, 0.28)
    for side in SIDES:
        c.part(
            limb(mirrored([(0.12, 0.0), (0.17, -0.1), (knee, -0.34)], side), 0.12, 0.035), lighter(s.base, 0.08), 0.2
        )
        c.fill(limb(mirrored([(knee, -0.33), (knee - 0.03, -0.6)], side), 0.034, 0.018), darker(s.base, 0.3))
    c.part(symmetric([(0.11, 0.3), (0.13, 0.22), (0.12, 0.12)]), darker(s.base, 0.12), 0.3)
    c.part(symmetric([(0.08, 0.44), (0.115, 0.37), (0.1, 0.29)]), darker(s.base, 0.3), 0.45)
    s.eyes(0.095, 0.39, 0.028)


def grasshopper(s: Specimen) -> None:
    """From the side: an upright face, folded wings, and a great hind leg with its knee above the back."""
    c = s.canvas

    def up(points: Points) -> np.ndarray:  # (ahead, up) as a side view gives it
        return np.asarray(points, dtype=float)[:, ::-1]

    thin = darker(s.base, 0.3)
    for joints in ([(0.2, -0.08), (0.28, -0.2), (0.34, -0.34)], [(0.1, -0.1), (0.1, -0.22), (0.16, -0.34)]):
        c.fill(limb(up(s.wobble(joints)), 0.04, 0.022), thin)
    body = spline(up([(0.28, 0.06), (0.1, 0.1), (-0.2, 0.06), (-0.44, -0.02), (-0.3, -0.1), (0.0, -0.12),
                      (0.24, -0.1)]), closed=True)  # fmt: skip
    c.part(body, lighter(s.base, 0.2), 0.3)
    for x in np.linspace(0.0, -0.36, 7):
        c.line(up([(x, 0.02), (x - 0.01, -0.12 + 0.06 * (-x))]), darker(s.base, 0.3))
    wing = spline(up([(0.14, 0.08), (-0.16, 0.13), (-0.5, 0.06), (-0.54, 0.0), (-0.2, 0.0), (0.12, 0.0)]), closed=True)
    c.part(wing, darker(s.base, 0.15), 0.15)
    for offset in (0.09, 0.05):
        c.line(up([(0.1, offset - 0.02), (-0.2, offset), (-0.5, 0.03)]), darker(s.base, 0.45))
    c.part(spline(up([(0.3, 0.08), (0.12, 0.12), (0.08, 0.0), (0.14, -0.1), (0.28, -0.06)]), closed=True), s.base, 0.25)
    c.part(
        spline(up([(0.28, 0.1), (0.38, 0.12), (0.42, 0.06), (0.38, -0.1), (0.28, -0.08)]), closed=True), s.base, 0.25
    )
    c.part(ellipse(0.07, 0.36, 0.035, 0.03), (32, 24, 22), 0.5, outline=False)
    c.fill(limb(up([(0.39, 0.1), (0.47, 0.2), (0.56, 0.24)]), 0.026, 0.018), thin)
    knee = (-0.22 + s.rng.uniform(-0.04, 0.04), 0.3 + s.rng.uniform(-0.04, 0.03))
    c.fill(limb(up([knee, (-0.36, -0.04), (-0.46, -0.34)]), 0.034, 0.026), darker(s.base, 0.2))
    c.fill(limb(up([(-0.46, -0.34), (-0.34, -0.36)]), 0.026, 0.02), darker(s.base, 0.2))
    c.part(limb(up([(0.04, -0.06), (-0.04, 0.04), knee]), 0.13, 0.045), lighter(s.base, 0.05), 0.3)
    for t in (0.3, 0.55, 0.8):
        x, y = 0.04 + t * (knee[0] - 0.04), -0.06 + t * (knee[1] + 0.06)
        c.line(up([(x - 0.04 * (1 - t / 2), y - 0.02), (x + 0.03 * (1 - t / 2), y + 0.03)]), darker(s.base, 0.45))


def leaf_miner(s: Specimen) -> None:
    """A legless larva at the end of the winding pale mine it has eaten, a thread of droppings behind it."""
    c = s.canvas
    t = np.linspace(0, 1, 15)
    phase, turns = s.rng.uniform(0, 6.28), s.rng.uniform(8, 12)
    y = 0.5 - 0.86 * t
    x = (0.1 + 0.28 * (1 - t) * t * 2) * np.sin(phase + turns * t)
    mine = np.stack([x, y], axis=1)[::-1]  # from the larva, wide, back to where it began
    trail = limb(mine, 0.15, 0.04, smooth=True)
    c.fill(trail, (226, 222, 178), 0.85)
    c.line(trail, (150, 132, 84), closed=True)
    along = spline(mine, each=3)
    for k in range(6, len(along) - 1, 2):
        c.fill(ellipse(along[k, 0], along[k, 1], 0.014, 0.02, corners=8), (64, 54, 34), 0.9)
    head, step = mine[0], mine[0] - mine[1]
    step = step / np.linalg.norm(step)
    rings = [head - step * 0.05 * k for k in range(5)]
    for k in range(4, -1, -1):
        c.part(ellipse(rings[k][0], rings[k][1], 0.062 - 0.006 * abs(k - 2), 0.05), s.base, 0.35)
    eye = head + step * 0.045
    c.fill(ellipse(eye[0], eye[1], 0.02, 0.02, corners=10), (30, 22, 20))
