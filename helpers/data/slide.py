"""The contract of a slide: a picture too large to hold, of which any rectangle can be read."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from helpers.progress import bar

WHITE = 255
_STRIP = 2048  # pixels of a square that a picture without a pyramid is reduced from


@runtime_checkable
class Slide(Protocol):
    """Pixels of a slide at its full resolution.

    Attributes:
        name: unique among the slides of a corpus.
        width, height: pixels.
    """

    name: str
    width: int
    height: int

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Pixels of a rectangle whose upper left corner is (x, y), uint8 (height, width, 3); white beyond the edge."""


def reduced(slide: Slide, downsample: int) -> np.ndarray:
    """The whole slide made ``downsample`` times smaller, uint8 (ceil(height / d), ceil(width / d), 3).

    Read square by square; a slide with a pyramid has a quicker way, its method ``overview``.
    """
    overview = getattr(slide, "overview", None)
    if overview is not None:
        return overview(downsample)
    return reduced_by_reading(slide, downsample)


def reduced_by_reading(slide: Slide, downsample: int) -> np.ndarray:
    """The same from the full resolution, whatever the slide has."""
    import cv2

    rows, columns = -(-slide.height // downsample), -(-slide.width // downsample)
    found = np.full((rows, columns, 3), WHITE, dtype=np.uint8)
    side = max(1, _STRIP // downsample)
    with bar(-(-rows // side) * -(-columns // side), f"reducing {slide.name}", "square") as shown:
        for top in range(0, rows, side):
            for left in range(0, columns, side):
                part = found[top : top + side, left : left + side]
                size = (part.shape[1] * downsample, part.shape[0] * downsample)
                pixels = slide.read(left * downsample, top * downsample, *size)
                part[:] = cv2.resize(pixels, (part.shape[1], part.shape[0]), interpolation=cv2.INTER_AREA)
                shown.update()
    return found
