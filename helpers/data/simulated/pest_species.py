"""Crawling pests seen from above (one from the side): eleven species, each a function that draws one specimen.

Coordinates: x to the animal's right, y ahead, about one unit from head to tail. Every specimen has its own colour
(from families that species share, so that colour alone tells few of them), proportions and pose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from helpers.data.simulated.vector_drawing import (
    Canvas,
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

SIDES = (1.0, -1.0)
COLOURS: dict[str, Colour] = {
    "black": (42, 36, 36), "brown": (104, 66, 38), "rust": (150, 72, 34), "tan": (186, 150, 100),
    "green": (96, 142, 50), "olive": (112, 112, 52), "yellow": (214, 178, 52), "red": (180, 44, 36),
    "grey": (128, 122, 116), "pale": (222, 212, 172), "blue": (44, 62, 92),
}  # fmt: skip


@dataclass
class Specimen:
    """One animal under the pen.

    Attributes:
        canvas: in the animal's frame.
        rng: of its pose and proportions.
        base: its main colour.
    """

    canvas: Canvas
    rng: np.random.Generator
    base: Colour

    def vary(self, share: float = 0.1) -> float:
        """A factor about 1."""
        return float(np.exp(share * self.rng.uniform(-1.7, 1.7)))

    def wobble(self, points: Points, size: float = 0.012) -> np.ndarray:
        """Points, each a little out of place."""
        p = np.asarray(points, dtype=float)
        return p + self.rng.uniform(-1.7, 1.7, p.shape) * size

    def legs(self, legs: list[Points], width: float, colour: Colour | None = None, end: float = 0.3) -> None:
        """Pairs of jointed legs, given for the right side from the body outwards."""
        colour = darker(self.base, 0.35) if colour is None else colour
        for joints in legs:
            for side in SIDES:
                posed = self.wobble(joints, 0.018)
                posed[0] = joints[0]
                self.canvas.fill(limb(mirrored(posed, side), width, width * end), colour)

    def antennae(self, joints: Points, width: float, colour: Colour | None = None, club: float = 0.0) -> None:
        """A pair of antennae, with a club of this radius at the end."""
        colour = darker(self.base, 0.45) if colour is None else colour
        for side in SIDES:
            line = mirrored(self.wobble(joints, 0.015), side)
            self.canvas.fill(limb(line, width, width * 0.6, smooth=True), colour)
            if club:
                self.canvas.fill(ellipse(line[-1, 0], line[-1, 1], club, club * 1.5), colour)

    def eyes(self, x: float, y: float, radius: float, colour: Colour = (28, 22, 22), along: float = 1.2) -> None:
        """A pair of round eyes."""
        for side in SIDES:
            self.canvas.part(ellipse(side * x, y, radius, radius * along), colour, gloss=0.5, outline=False)


def ladybird(s: Specimen) -> None:
    """A dome with spots on either side of a seam."""
    c, wide = s.canvas, 0.37 * s.vary(0.05)
    s.legs([[(0.2, 0.2), (0.4, 0.3)], [(0.3, 0.0), (0.48, 0.0)], [(0.25, -0.2), (0.42, -0.32)]], 0.05, (30, 24, 24))
    s.antennae([(0.06, 0.38), (0.15, 0.48)], 0.03, (30, 24, 24))
    c.part(ellipse(0, 0.35, 0.14, 0.1), (34, 28, 28), 0.2)
    c.part(ellipse(0, 0.25, 0.25, 0.13), (34, 28, 28), 0.2)
    for side in SIDES:
        c.fill(ellipse(side * 0.16, 0.29, 0.05, 0.05), (236, 230, 214))
    dome = ellipse(0, -0.08, wide, 0.4)
    c.part(dome, s.base, 0.5)
    spot = (240, 232, 214) if sum(s.base) < 200 else (30, 24, 24)
    places = [(0.14, 0.12), (0.24, -0.08), (0.12, -0.2), (0.17, -0.36), (0.3, 0.1), (0.06, -0.03)]
    for x, y in places[: int(s.rng.integers(2, 7))]:
        size = 0.062 * s.vary(0.15)
        for side in SIDES:
            c.fill(ellipse(side * x, y, size, size * 1.1), spot, within=dome)
    c.line([(0, 0.3), (0, -0.48)], darker(s.base, 0.7))


def beetle(s: Specimen) -> None:
    """A ground beetle: grooved wing cases, a heart-shaped neck shield, jaws, long legs."""
    c, wide = s.canvas, 0.18 * s.vary(0.08)
    s.legs([[(0.1, 0.2), (0.3, 0.28), (0.36, 0.46)], [(0.12, 0.04), (0.38, 0.06), (0.48, -0.08)],
            [(0.12, -0.1), (0.34, -0.2), (0.42, -0.46)]], 0.045)  # fmt: skip
    s.antennae([(0.07, 0.44), (0.22, 0.52), (0.34, 0.48)], 0.024)
    for side in SIDES:
        c.fill(limb(mirrored([(0.04, 0.46), (0.07, 0.52), (0.01, 0.55)], side), 0.04, 0.01), darker(s.base, 0.5))
    c.part(ellipse(0, 0.4, 0.1, 0.09), darker(s.base, 0.15))
    c.part(symmetric([(0.06, 0.33), (0.15, 0.28), (0.15, 0.2), (0.09, 0.11)]), darker(s.base, 0.08))
    case = symmetric([(0.08, 0.1), (wide, 0.04), (wide * 1.12, -0.18), (wide * 0.75, -0.42), (0, -0.5)])
    c.part(case, s.base, 0.45)
    for x in (0.25, 0.5, 0.75):
        for side in SIDES:
            c.line(spline([(side * x * wide * 0.8, 0.08), (side * x * wide * 1.1, -0.18),
                           (side * x * wide * 0.6, -0.44)]), darker(s.base, 0.45))  # fmt: skip
    c.line([(0, 0.1), (0, -0.49)], darker(s.base, 0.7))


def weevil(s: Specimen) -> None:
    """A pear-shaped body with pits in rows and a long bent snout that carries elbowed antennae."""
    c, wide = s.canvas, 0.24 * s.vary(0.07)
    s.legs([[(0.1, 0.12), (0.27, 0.2), (0.34, 0.32)], [(0.16, 0.0), (0.36, 0.0), (0.42, -0.1)],
            [(0.16, -0.2), (0.34, -0.3), (0.36, -0.44)]], 0.05)  # fmt: skip
    snout = s.wobble([(0, 0.26), (0.0, 0.4), (0.03 * float(s.rng.choice(SIDES)), 0.55)], 0.006)
    c.fill(limb(snout, 0.075, 0.05, smooth=True), darker(s.base, 0.3))
    s.antennae([(0.02, 0.44), (0.17, 0.42), (0.2, 0.54)], 0.022, club=0.024)
    c.part(ellipse(0, 0.26, 0.09, 0.08), darker(s.base, 0.1))
    s.eyes(0.075, 0.29, 0.025)
    c.part(symmetric([(0.07, 0.24), (0.14, 0.16), (0.15, 0.05), (0.1, 0.0)]), darker(s.base, 0.05))
    case = symmetric([(0.1, 0.03), (wide, -0.1), (wide * 1.05, -0.28), (wide * 0.6, -0.46), (0, -0.52)])
    c.part(case, s.base)
    for x in (0.3, 0.65):
        for y in np.linspace(-0.04, -0.4, 6):
            for side in SIDES:
                c.fill(ellipse(side * x * wide, float(y), 0.016, 0.018, corners=8), darker(s.base, 0.5), within=case)
    c.line([(0, 0.02), (0, -0.5)], darker(s.base, 0.6))


def stink_bug(s: Specimen) -> None:
    """A shield with broad shoulders, a triangle on its back and a banded margin."""
    c, broad = s.canvas, 0.33 * s.vary(0.06)
    s.legs([[(0.14, 0.24), (0.34, 0.34), (0.4, 0.46)], [(0.22, 0.06), (0.45, 0.06), (0.5, -0.06)],
            [(0.2, -0.14), (0.4, -0.26), (0.42, -0.42)]], 0.038)  # fmt: skip
    joints = s.wobble([(0.05, 0.46), (0.14, 0.52), (0.24, 0.52), (0.32, 0.46)], 0.012)
    for k in range(3):
        for side in SIDES:
            colour = darker(s.base, 0.5) if k % 2 == 0 else lighter(s.base, 0.4)
            c.fill(limb(mirrored(joints[k : k + 2], side), 0.032, 0.028), colour)
    c.part(symmetric([(0.03, 0.49), (0.08, 0.45), (0.1, 0.36)]), darker(s.base, 0.05))
    abdomen = symmetric([(0.2, 0.1), (0.29, -0.1), (0.25, -0.34), (0, -0.5)])
    c.part(abdomen, lighter(s.base, 0.25), 0.1)
    for y in (0.02, -0.1, -0.22, -0.34):
        c.fill([(-0.4, y), (0.4, y), (0.4, y - 0.05), (-0.4, y - 0.05)], darker(s.base, 0.5), within=abdomen)
    wings = symmetric([(0.2, 0.1), (0.24, -0.08), (0.2, -0.3), (0, -0.44)])
    c.part(wings, s.base, 0.15)
    c.fill(symmetric([(0.14, -0.24), (0.13, -0.36), (0, -0.46)]), darker(s.base, 0.35), 0.7)
    c.part(np.array([(-0.1, 0.36), (0.1, 0.36), (broad, 0.2), (broad * 0.8, 0.1), (-broad * 0.8, 0.1),
                     (-broad, 0.2)]), s.base, 0.25)  # fmt: skip
    c.part(symmetric([(0.17, 0.1), (0.09, -0.05), (0.03, -0.2), (0, -0.22)]), lighter(s.base, 0.12), 0.25)


def aphid(s: Specimen) -> None:
    """A soft pear with long thin legs and antennae and two tubes at its rear."""
    c, wide = s.canvas, 0.25 * s.vary(0.1)
    thin = darker(s.base, 0.5)
    s.legs([[(0.1, 0.14), (0.34, 0.3), (0.42, 0.46)], [(0.14, 0.06), (0.42, 0.06), (0.52, -0.06)],
            [(0.14, -0.04), (0.36, -0.16), (0.44, -0.46)]], 0.026, thin)  # fmt: skip
    s.antennae([(0.05, 0.34), (0.2, 0.42), (0.24, 0.22), (0.34, -0.02)], 0.02, thin)
    for side in SIDES:
        c.fill(limb(mirrored(s.wobble([(0.13, -0.28), (0.24, -0.48)]), side), 0.05, 0.035), darker(s.base, 0.65))
    c.fill(limb([(0, -0.38), (0, -0.5)], 0.06, 0.02), darker(s.base, 0.2))
    c.part(symmetric([(0.07, 0.34), (0.13, 0.2), (wide, -0.06), (wide * 0.9, -0.28), (0.05, -0.42)]), s.base, 0.55)
    c.part(ellipse(0, 0.32, 0.09, 0.065), darker(s.base, 0.06), 0.2)
    for y in np.linspace(0.12, -0.3, 5):
        half = wide * (1 - 1.6 * abs(y + 0.12))
        c.line(spline([(-half, y), (0, y - 0.02), (half, y)]), darker(s.base, 0.25))
    s.eyes(0.085, 0.33, 0.022, (120, 20, 20))


def ant(s: Specimen) -> None:
    """Three beads: head, slim middle, round rear; a node between; elbowed antennae."""
    c = s.canvas
    s.legs([[(0.04, 0.16), (0.26, 0.24), (0.36, 0.46)], [(0.04, 0.1), (0.3, 0.08), (0.46, -0.04)],
            [(0.04, 0.04), (0.26, -0.08), (0.38, -0.42)]], 0.034)  # fmt: skip
    s.antennae([(0.05, 0.4), (0.19, 0.36), (0.23, 0.56)], 0.024)
    for side in SIDES:
        c.fill(limb(mirrored([(0.06, 0.43), (0.05, 0.5), (0.0, 0.49)], side), 0.035, 0.01), darker(s.base, 0.4))
    c.part(symmetric([(0.05, 0.46), (0.125, 0.38), (0.09, 0.27)]), s.base)
    s.eyes(0.1, 0.37, 0.02)
    c.part(ellipse(0, 0.13, 0.065, 0.14), s.base, 0.3)
    c.part(ellipse(0, -0.06, 0.04, 0.045), darker(s.base, 0.1), 0.2)
    rear = symmetric([(0.05, -0.12), (0.165 * s.vary(0.1), -0.27), (0.1, -0.43), (0, -0.5)])
    c.part(rear, darker(s.base, 0.15), 0.45)
    for y in (-0.2, -0.29, -0.38):
        c.fill([(-0.3, y), (0.3, y), (0.3, y - 0.015), (-0.3, y - 0.015)], lighter(s.base, 0.35), 0.6, within=rear)


def termite(s: Specimen) -> None:
    """A round head with jaws and straight beaded antennae, and a long soft abdomen without a waist."""
    c, head = s.canvas, darker(s.base, 0.25)
    s.legs([[(0.07, 0.18), (0.2, 0.26), (0.25, 0.36)], [(0.08, 0.1), (0.25, 0.09), (0.3, 0.0)],
            [(0.08, 0.02), (0.22, -0.08), (0.26, -0.2)]], 0.038, darker(s.base, 0.2))  # fmt: skip
    for side in SIDES:
        for k, t in enumerate(np.linspace(0, 1, 8)):
            x, y = 0.09 + 0.2 * t, 0.42 + 0.12 * t - 0.05 * t * t
            c.fill(ellipse(side * x, y, 0.017, 0.017, corners=8), darker(s.base, 0.3 if k % 2 else 0.45))
        c.fill(limb(mirrored([(0.05, 0.46), (0.06, 0.54), (0.0, 0.58)], side), 0.04, 0.012), darker(s.base, 0.7))
    abdomen = symmetric([(0.07, 0.02), (0.14 * s.vary(0.08), -0.14), (0.14, -0.36), (0, -0.5)])
    c.part(abdomen, lighter(s.base, 0.3), 0.35)
    for y in np.linspace(-0.04, -0.44, 7):
        c.fill([(-0.3, y), (0.3, y), (0.3, y - 0.018), (-0.3, y - 0.018)], darker(s.base, 0.25), 0.6, within=abdomen)
    for y, wide in ((0.2, 0.1), (0.11, 0.09), (0.04, 0.085)):
        c.part(ellipse(0, y, wide, 0.055), s.base, 0.2)
    c.part(symmetric([(0.06, 0.49), (0.125, 0.38), (0.09, 0.27)]), head, 0.45)


def earwig(s: Specimen) -> None:
    """Long and flat, with short wing cases, banded rear, and pincers."""
    c = s.canvas
    s.legs([[(0.05, 0.26), (0.19, 0.32), (0.24, 0.42)], [(0.06, 0.18), (0.23, 0.16), (0.28, 0.06)],
            [(0.06, 0.1), (0.2, 0.0), (0.25, -0.14)]], 0.034, lighter(s.base, 0.3))  # fmt: skip
    s.antennae([(0.04, 0.43), (0.14, 0.5), (0.28, 0.5)], 0.022)
    curl = 0.1 * s.vary(0.2)
    for side in SIDES:
        claw = [(0.04, -0.34), (curl, -0.41), (curl * 0.85, -0.49), (0.01, -0.54)]
        c.fill(limb(mirrored(claw, side), 0.05, 0.014, smooth=True), darker(s.base, 0.35))
    c.part(symmetric([(0.07, 0.08), (0.095, -0.1), (0.09, -0.26), (0.06, -0.36)]), darker(s.base, 0.2), 0.3)
    for y in np.linspace(0.0, -0.3, 7):
        c.line([(-0.085, y), (0.085, y)], darker(s.base, 0.6))
    c.part(symmetric([(0.08, 0.23), (0.09, 0.12), (0.07, 0.02)]), lighter(s.base, 0.1), 0.3)
    c.line([(0, 0.23), (0, 0.02)], darker(s.base, 0.6))
    c.part(symmetric([(0.07, 0.33), (0.075, 0.26), (0.06, 0.23)]), lighter(s.base, 0.25), 0.2)
    c.part(ellipse(0, 0.39, 0.065, 0.065), darker(s.base, 0.15))
    s.eyes(0.055, 0.4, 0.018)


def mite(s: Specimen) -> None:
    """A round bag on eight legs, two dark blotches, no antennae."""
    c, wide = s.canvas, 0.26 * s.vary(0.08)
    legs: list[Points] = [
        [(0.1, 0.22), (0.2, 0.38), (0.24, 0.52)], [(0.18, 0.14), (0.36, 0.26), (0.46, 0.36)],
        [(0.2, -0.04), (0.4, -0.12), (0.5, -0.24)], [(0.14, -0.14), (0.3, -0.32), (0.36, -0.48)],
    ]  # fmt: skip
    s.legs(legs, 0.05, lighter(s.base, 0.15), end=0.5)
    c.fill(limb([(0.0, 0.25), (0.0, 0.38)], 0.1, 0.03), darker(s.base, 0.1))
    body = symmetric([(0.1, 0.28), (wide * 0.9, 0.14), (wide, -0.1), (wide * 0.7, -0.3), (0, -0.38)])
    for x, y in [(0.1, 0.2), (0.2, 0.02), (0.22, -0.16), (0.1, -0.34)]:
        for side in SIDES:
            c.line([(side * x, y), (side * (x + 0.08), y - 0.08)], lighter(s.base, 0.6))
    c.part(body, s.base, 0.6)
    for side in SIDES:
        blotch = ellipse(side * wide * 0.52, -0.06, wide * 0.3 * s.vary(0.2), 0.12, corners=16)
        c.fill(s.wobble(blotch, 0.008), darker(s.base, 0.65), 0.75, within=body)
        c.fill(ellipse(side * 0.1, 0.17, 0.02, 0.02, corners=10), (140, 20, 20))


def thrips(s: Specimen) -> None:
    """A sliver with banded rings and two pairs of fringed wings along its back."""
    c = s.canvas
    s.legs([[(0.04, 0.28), (0.15, 0.36), (0.18, 0.44)], [(0.05, 0.16), (0.19, 0.15), (0.23, 0.06)],
            [(0.05, 0.08), (0.17, 0.0), (0.2, -0.12)]], 0.03)  # fmt: skip
    s.antennae([(0.025, 0.44), (0.09, 0.52), (0.13, 0.6)], 0.022)
    out = 0.16 * s.vary(0.2)
    for side in SIDES:
        for x in (out, out * 0.5):
            root, tip = np.array([0.03, 0.16]), np.array([x, -0.42])
            for t in np.linspace(0.1, 1, 12):
                here = root + t * (tip - root)
                c.line([here * (side, 1), (here + (0.07, -0.06)) * (side, 1)], lighter(s.base, 0.35))
            c.fill(limb(mirrored([root, tip], side), 0.035, 0.02), lighter(s.base, 0.2))
    body = symmetric([(0.05, 0.2), (0.075, 0.0), (0.07, -0.2), (0.03, -0.42), (0, -0.52)])
    c.part(body, s.base, 0.3)
    for y in np.linspace(0.02, -0.42, 8):
        c.fill([(-0.2, y), (0.2, y), (0.2, y - 0.025), (-0.2, y - 0.025)], darker(s.base, 0.5), 0.7, within=body)
    c.part(symmetric([(0.045, 0.34), (0.065, 0.27), (0.055, 0.18)]), s.base, 0.3)
    c.part(ellipse(0, 0.39, 0.05, 0.06), darker(s.base, 0.2), 0.2)


def caterpillar(s: Specimen) -> None:
    """A row of rings with stub legs, a stripe and bristles, bent as it crawls, behind a hard head."""
    c = s.canvas
    y = np.linspace(0.36, -0.46, 11)
    sway = 0.1 * np.sin(s.rng.uniform(0, 6.28) + np.arange(11) * 0.5 * s.vary(0.3))
    wide = 0.105 * s.vary(0.1) * np.sin(np.linspace(0.7, 2.6, 11)) ** 0.4
    hairy = s.rng.random() < 0.5
    for k in range(11):
        for side in SIDES:
            if k in (1, 2, 3, 6, 7, 8, 9):
                c.fill(ellipse(sway[k] + side * wide[k], y[k], 0.035, 0.025, corners=10), darker(s.base, 0.3))
            if hairy:
                c.line([(sway[k] + side * wide[k] * 0.8, y[k]), (sway[k] + side * (wide[k] + 0.09), y[k] - 0.04)],
                       darker(s.base, 0.6))  # fmt: skip
    stripe, side_stripe = (lighter(s.base, 0.55), darker(s.base, 0.45))
    for k in range(10, -1, -1):
        ring = ellipse(sway[k], y[k], wide[k], 0.062)
        c.part(ring, s.base if k % 2 else darker(s.base, 0.1), 0.25)
        c.fill(ellipse(sway[k], y[k], 0.022, 0.06, corners=12), stripe, 0.8)
        for side in SIDES:
            c.fill(ellipse(sway[k] + side * wide[k] * 0.6, y[k], 0.016, 0.03, corners=10), side_stripe, 0.9)
    c.part(ellipse(sway[0], 0.44, 0.085, 0.075), darker(s.base, 0.6), 0.4)
