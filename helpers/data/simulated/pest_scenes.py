"""What a drawn pest sits on and how it is photographed: leaves, soil, debris, light, blur, things in the way."""

from __future__ import annotations

import cv2
import numpy as np

from helpers.data.simulated.vector_drawing import (
    Canvas,
    Colour,
    Frame,
    darker,
    ellipse,
    lighter,
    limb,
    spline,
)

GROUNDS = ("leaf", "soil")
_LEAVES: tuple[Colour, ...] = ((84, 128, 48), (112, 150, 62), (60, 104, 52), (146, 158, 74), (164, 140, 82))
_SOILS: tuple[Colour, ...] = ((104, 78, 54), (134, 106, 76), (78, 62, 50), (160, 138, 108), (116, 106, 98))


def noise(side: int, cells: tuple[int, ...], weights: tuple[float, ...], rng: np.random.Generator) -> np.ndarray:
    """Smooth random texture about 0, float32 (side, side): grids of so many cells, enlarged and added."""
    field = np.zeros((side, side), dtype=np.float32)
    for count, weight in zip(cells, weights, strict=True):
        grid = rng.standard_normal((count, count)).astype(np.float32)
        field += weight * cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC)
    return field


def ground(kind: str, side: int, rng: np.random.Generator) -> np.ndarray:
    """A leaf or a patch of soil from above, float32 (side, side, 3), 0 to 255."""
    frame = Frame(np.array([side / 2, side / 2]), np.eye(2) * side)
    canvas = Canvas(side, frame)
    base = _varied((_LEAVES if kind == "leaf" else _SOILS)[int(rng.integers(5))], rng, 0.12)
    canvas.paint[:] = (*np.clip(base, 0, 255).round(), 255)
    texture = (
        noise(side, (3, 9, 27), (9.0, 6.0, 4.0), rng) if kind == "leaf" else noise(side, (3, 16, 48), (9, 13, 14), rng)
    )
    (_leaf if kind == "leaf" else _soil)(canvas, base, rng)
    _debris(canvas, rng)
    picture = canvas.paint[..., :3].astype(np.float32) + texture[..., None]
    if kind == "leaf" and rng.random() < 0.3:
        picture = _leaf_edge(picture, rng)
    return picture


def _leaf(canvas: Canvas, base: Colour, rng: np.random.Generator) -> None:
    """A midrib, curved side veins, spots and holes."""
    turn, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.35, 0.35)
    ahead = np.array([np.cos(turn), np.sin(turn)])
    across = np.array([-ahead[1], ahead[0]])
    pale = lighter(base, rng.uniform(0.15, 0.4))
    gap, lean, wide = rng.uniform(0.18, 0.3), rng.uniform(0.4, 0.9), rng.uniform(0.012, 0.022)
    for start in np.arange(-0.9, 0.9, gap):
        for hand in (1.0, -1.0):
            root = across * offset + ahead * start
            vein = [root, root + hand * across * 0.35 + ahead * lean * 0.3, root + hand * across * 0.9 + ahead * lean]
            canvas.fill(limb(np.array(vein), wide, wide * 0.5, smooth=True), pale, 0.55)
    canvas.fill(limb([across * offset - ahead, across * offset + ahead], wide * 2.6, wide * 2.2), pale, 0.85)
    for _ in range(int(rng.integers(0, 4))):  # lesions
        x, y = rng.uniform(-0.5, 0.5, 2)
        size = rng.uniform(0.015, 0.05)
        blotch = ellipse(x, y, size, size * rng.uniform(0.6, 1.6)) + rng.normal(0, size * 0.12, (28, 2))
        canvas.fill(spline(blotch[::4], closed=True), (150, 118, 60), 0.7)
        canvas.fill(ellipse(x, y, size * 0.5, size * 0.5), (96, 66, 38), 0.7)
    if rng.random() < 0.25:  # a bite
        x, y = rng.uniform(-0.5, 0.5, 2)
        across, along = rng.uniform(0.04, 0.09, 2)
        hole = ellipse(x, y, across, along) + rng.normal(0, 0.008, (28, 2))
        canvas.fill(spline(hole[::3], closed=True), darker(base, 0.75), 0.9)
    for _ in range(int(rng.integers(0, 3)) if rng.random() < 0.3 else 0):  # dew
        x, y = rng.uniform(-0.5, 0.5, 2)
        size = rng.uniform(0.015, 0.04)
        canvas.fill(ellipse(x, y, size, size), lighter(base, 0.25), 0.7)
        canvas.fill(ellipse(x - size * 0.3, y - size * 0.3, size * 0.3, size * 0.3), (255, 255, 255), 0.9)


def _soil(canvas: Canvas, base: Colour, rng: np.random.Generator) -> None:
    """Crumbs and pebbles with their shadows, and straw."""
    for _ in range(int(rng.integers(8, 22))):
        x, y = rng.uniform(-0.52, 0.52, 2)
        size = 0.008 * np.exp(rng.uniform(0, 1.9))
        stone = ellipse(x, y, size, size * rng.uniform(0.6, 1.0), rng.uniform(0, 3), corners=12)
        stone = stone + rng.normal(0, size * 0.1, stone.shape)
        colour = _varied(base, rng, 0.3)
        canvas.fill(stone + 0.008, darker(base, 0.6), 0.6)
        canvas.fill(stone, colour)
    for _ in range(int(rng.integers(0, 4))):
        at, turn = rng.uniform(-0.5, 0.5, 2), rng.uniform(0, 2 * np.pi)
        ahead = np.array([np.cos(turn), np.sin(turn)]) * rng.uniform(0.08, 0.3)
        straw = np.array([at - ahead, at + rng.normal(0, 0.02, 2), at + ahead])
        canvas.fill(limb(straw + 0.008, 0.02, 0.014, smooth=True), darker(base, 0.6), 0.5)
        canvas.fill(limb(straw, 0.02, 0.014, smooth=True), _varied((188, 164, 108), rng, 0.15))


def _debris(canvas: Canvas, rng: np.random.Generator) -> None:
    """What other insects leave: shed legs, a wing, droppings, a scrap of shell."""
    for _ in range(int(rng.integers(0, 4))):
        at, turn = rng.uniform(-0.5, 0.5, 2), rng.uniform(0, 2 * np.pi)
        ahead = np.array([np.cos(turn), np.sin(turn)])
        across = np.array([-ahead[1], ahead[0]])
        kind, size = int(rng.integers(4)), rng.uniform(0.03, 0.08)
        colour = _varied((92, 68, 48), rng, 0.35)
        if kind == 0:
            canvas.fill(limb([at, at + ahead * size, at + (ahead + across) * size], 0.014, 0.006), colour)
        elif kind == 1:
            wing = spline([at, at + (ahead + 0.35 * across) * size, at + 2 * ahead * size,
                           at + (ahead - 0.3 * across) * size], closed=True)  # fmt: skip
            canvas.fill(wing, (222, 216, 198), 0.4)
            canvas.line(wing, (112, 96, 78), closed=True)
        elif kind == 2:
            for _ in range(int(rng.integers(3, 8))):
                x, y = at + rng.normal(0, 0.04, 2)
                canvas.fill(ellipse(x, y, 0.008, 0.012, rng.uniform(0, 3), corners=8), (44, 36, 28), 0.9)
        else:
            canvas.part(ellipse(at[0], at[1], size * 0.5, size * 0.3, turn), colour, 0.3)


def _leaf_edge(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A part of the picture lies beyond the leaf's margin: dark and out of focus."""
    side = len(picture)
    canvas = Canvas(side, Frame(np.array([side / 2, side / 2]), np.eye(2) * side))
    turn = rng.uniform(0, 2 * np.pi)
    ahead, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    t = np.linspace(-0.9, 0.9, 13)
    depth = 0.33 + rng.uniform(0, 0.1) - rng.uniform(0, 0.4) * t**2 + rng.normal(0, 0.008, 13)
    margin = depth[:, None] * ahead + t[:, None] * across
    canvas.fill(np.concatenate([spline(margin), [2 * ahead + across, 2 * ahead - across]]), (255, 255, 255))
    beyond = canvas.paint[..., 3:].astype(np.float32) / 255
    deep = np.array(_varied((58, 66, 40), rng, 0.3), dtype=np.float32) + noise(side, (4,), (10.0,), rng)[..., None]
    return picture * (1 - beyond) + deep * beyond


def in_the_way(side: int, centre: np.ndarray, reach: float, rng: np.random.Generator) -> np.ndarray:
    """A blade of grass across part of the specimen, premultiplied uint8 (side, side, 4).

    Args:
        side: pixels.
        centre: of the specimen, pixels (2,).
        reach: of the specimen from its centre, pixels.
    """
    turn = rng.uniform(0, 2 * np.pi)
    across = np.array([np.cos(turn), np.sin(turn)])
    ahead = np.array([-across[1], across[0]])
    canvas = Canvas(side, Frame(centre + across * reach * rng.uniform(0.45, 0.85), np.eye(2)))
    blade = np.array([-2 * side * ahead, across * rng.uniform(-0.2, 0.2) * reach, 2 * side * ahead])
    wide = reach * rng.uniform(0.14, 0.32)
    colour = _varied(_LEAVES[int(rng.integers(5))], rng, 0.15)
    canvas.fill(limb(blade, wide, wide * 0.6, smooth=True), colour)
    canvas.fill(limb(blade, wide * 0.15, wide * 0.1, smooth=True), lighter(colour, 0.4), 0.7)
    return canvas.paint


def photographed(picture: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Light, colour cast, focus and sensor noise: float32 (side, side, 3) to uint8 (size, size, 3)."""
    side = len(picture)
    turn = rng.uniform(0, 2 * np.pi)
    grid = np.linspace(-1, 1, side, dtype=np.float32)
    slope = (np.cos(turn) * grid[None, :] + np.sin(turn) * grid[:, None]) * rng.uniform(0, 0.28)
    light = np.exp(rng.uniform(-0.35, 0.25)) * (1 + slope)
    cast = np.exp(rng.normal(0, 0.07, 3)).astype(np.float32)
    seen = picture * light[..., None].astype(np.float32) * cast
    contrast = np.exp(rng.uniform(-0.25, 0.15))
    seen = contrast * (seen - 110) + 110
    blur = rng.uniform(0.0, 1.0) * side / size * 0.55
    if rng.random() < 0.35:
        seen = cv2.GaussianBlur(seen, (0, 0), max(0.3, blur))
    small = cv2.resize(seen.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    small = small + rng.standard_normal(small.shape).astype(np.float32) * rng.uniform(1, 7)
    return np.clip(small, 0, 255).round().astype(np.uint8)


def _varied(colour: Colour, rng: np.random.Generator, share: float) -> tuple[float, float, float]:
    light, tint = np.exp(rng.normal(0, share)), np.exp(rng.normal(0, share / 3, 3))
    r, g, b = np.clip(np.asarray(colour) * light * tint, 0, 255)
    return float(r), float(g), float(b)
