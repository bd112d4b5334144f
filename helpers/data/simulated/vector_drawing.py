"""Smooth shapes on a canvas with exact cover: what drawn specimens are made of.

A :class:`Canvas` is four premultiplied channels (red, green, blue, cover), filled by OpenCV's antialiased polygons in
fixed-point arithmetic, so that the same shapes give the same pixels on every machine (edges are up to half a pixel
generous). Shapes are closed polygons
(n, 2) in a specimen's own coordinates; :class:`Frame` takes them to pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

Colour = Sequence[float]  # red, green, blue, 0 to 255
Points = Sequence[tuple[float, float] | np.ndarray] | np.ndarray
_SHIFT = 4  # OpenCV's polygons have sixteenths of a pixel
_CATMULL_ROM = 0.5 * np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]], dtype=float)


@dataclass(frozen=True)
class Frame:
    """Where a specimen lies: pixels = centre + matrix @ (x, y), after bending the y axis into an arc.

    Attributes:
        centre: pixels (2,).
        matrix: (2, 2), pixels a unit.
        bend: curvature of the body's axis, 1/unit; 0 keeps it straight.
    """

    centre: np.ndarray
    matrix: np.ndarray
    bend: float = 0.0

    def pixels(self, points: Points) -> np.ndarray:
        """Points (n, 2) in pixels."""
        p = np.asarray(points, dtype=float)
        if self.bend:
            turn = self.bend * p[:, 1]
            p = np.stack([p[:, 0] * np.cos(turn) + (1 - np.cos(turn)) / self.bend,
                          np.sin(turn) / self.bend - p[:, 0] * np.sin(turn)], axis=1)  # fmt: skip
        return p @ self.matrix.T + self.centre


class Canvas:
    """Shapes painted over one another.

    Args:
        side: pixels.
        frame: of the shapes to come; may be replaced between shapes.

    Attributes:
        paint: uint8 (side, side, 4), colours premultiplied by cover, and cover.
    """

    def __init__(self, side: int, frame: Frame) -> None:
        self.side, self.frame = side, frame
        self.paint = np.zeros((side, side, 4), dtype=np.uint8)
        self.pen = max(1, round(side / 128))

    def fill(self, shape: Points, colour: Colour, alpha: float = 1.0, within: Points | None = None) -> None:
        """Fill a closed shape.

        Args:
            shape: (n, 2) in the frame's units.
            colour: 0 to 255 each.
            alpha: opacity in (0, 1].
            within: a second shape that the first is clipped to.
        """
        corners = _fixed(self.frame.pixels(shape))
        if alpha >= 1 and within is None:
            cv2.fillPoly(self.paint, [corners], _rgba(colour), cv2.LINE_AA, _SHIFT)
            return
        left, top, wide, high = cv2.boundingRect(corners >> _SHIFT)
        right, bottom = min(left + wide + 1, self.side), min(top + high + 1, self.side)
        left, top = max(left - 1, 0), max(top - 1, 0)
        if right <= left or bottom <= top:
            return
        patch = self.paint[top:bottom, left:right]
        low = np.array([left << _SHIFT, top << _SHIFT], dtype=np.int32)
        cover = _cover(corners - low, patch.shape[:2])
        if within is not None:
            cover = cover * _cover(_fixed(self.frame.pixels(within)) - low, patch.shape[:2])
        cover = cover[..., None] * np.float32(alpha)
        patch[:] = patch + (np.array(_rgba(colour), dtype=np.float32) - patch) * cover + np.float32(0.5)  # rounds

    def line(self, points: Points, colour: Colour, closed: bool = False) -> None:
        """A hair line, one pen wide whatever the scale."""
        corners = _fixed(self.frame.pixels(points))
        cv2.polylines(self.paint, [corners], closed, _rgba(colour), self.pen, cv2.LINE_AA, _SHIFT)

    def part(self, shape: Points, colour: Colour, gloss: float = 0.35, outline: bool = True) -> None:
        """A rounded body part: filled, dark at its rim, lighter where the light falls."""
        shape = np.asarray(shape, dtype=float)
        self.fill(shape, colour)
        if gloss > 0:
            middle = shape.mean(axis=0)
            for size, share in ((0.78, 0.4), (0.45, 0.6)):
                inner = middle + size * (shape - middle)
                self.fill(inner, _mix(colour, (255, 255, 255), 0.75), alpha=gloss * share)
        if outline:
            self.line(shape, _mix(colour, (0, 0, 0), 0.6), closed=True)


def _rgba(colour: Colour) -> tuple[float, float, float, float]:
    return float(colour[0]), float(colour[1]), float(colour[2]), 255.0


def _fixed(pixels: np.ndarray) -> np.ndarray:
    return np.rint(pixels * (1 << _SHIFT)).astype(np.int32)


def _cover(corners: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    drawn = np.zeros(shape, dtype=np.uint8)
    cv2.fillPoly(drawn, [corners], 255, cv2.LINE_AA, _SHIFT)
    return drawn * np.float32(1 / 255)


def _mix(colour: Colour, other: Colour, share: float) -> tuple[float, float, float]:
    r, g, b = (c + share * (o - c) for c, o in zip(colour, other, strict=True))
    return r, g, b


def darker(colour: Colour, share: float = 0.4) -> tuple[float, float, float]:
    """The colour mixed with black."""
    return _mix(colour, (0, 0, 0), share)


def lighter(colour: Colour, share: float = 0.4) -> tuple[float, float, float]:
    """The colour mixed with white."""
    return _mix(colour, (255, 255, 255), share)


@lru_cache(maxsize=8)
def _circle(corners: int) -> np.ndarray:
    angle = np.linspace(0, 2 * math.pi, corners, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def ellipse(x: float, y: float, across: float, along: float, turn: float = 0.0, corners: int = 28) -> np.ndarray:
    """An ellipse by its centre and half axes, turned anticlockwise by ``turn`` radians: (corners, 2)."""
    c, s = math.cos(turn), math.sin(turn)
    return _circle(corners) * (across, along) @ np.array([[c, s], [-s, c]]) + (x, y)


@lru_cache(maxsize=8)
def _basis(each: int) -> np.ndarray:
    t = np.arange(each) / each
    return np.stack([np.ones_like(t), t, t**2, t**3], axis=1) @ _CATMULL_ROM  # (each, 4)


def spline(points: Points, closed: bool = False, each: int = 6) -> np.ndarray:
    """A Catmull–Rom curve through points: (n·each, 2) closed, ((n − 1)·each + 1, 2) open."""
    p = np.asarray(points, dtype=float)
    padded = np.concatenate([p[-1:], p, p[:2]] if closed else [2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    spans = np.stack([padded[k : len(padded) - 3 + k] for k in range(4)])  # (4, n, 2)
    curve = (_basis(each) @ spans.reshape(4, -1)).reshape(each, -1, 2).swapaxes(0, 1).reshape(-1, 2)
    return curve if closed else np.concatenate([curve, p[-1:]])


def symmetric(profile: Points, each: int = 4) -> np.ndarray:
    """A closed smooth shape from its right half, points (half width, y) from front to back."""
    half = np.asarray(profile, dtype=float)
    mirrored = half[::-1] * (-1, 1)
    mirrored = mirrored[(mirrored[:, 0] != 0)] if (half[:, 0] == 0).any() else mirrored
    return spline(np.concatenate([half, mirrored]), closed=True, each=each)


def limb(points: Points, start: float, end: float, smooth: bool = False) -> np.ndarray:
    """A line that tapers from one width to another, as a closed shape."""
    p = spline(points, each=4) if smooth else np.asarray(points, dtype=float)
    along = np.empty_like(p)
    along[1:-1], along[0], along[-1] = p[2:] - p[:-2], p[1] - p[0], p[-1] - p[-2]
    half = (start + (end - start) * np.arange(len(p)) / (len(p) - 1)) / 2
    offset = along[:, ::-1] * (-1, 1) * (half / np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9))[:, None]
    return np.concatenate([p + offset, (p - offset)[::-1]])


def mirrored(points: Points, side: float) -> np.ndarray:
    """Points on the right (``side`` 1) or their mirror image on the left (−1)."""
    return np.asarray(points, dtype=float) * (side, 1)
