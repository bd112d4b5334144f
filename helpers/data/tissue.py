"""Where the tissue is on a slide, found on a low resolution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from helpers.data.slide import Slide, reduced

_FAINTEST, _DARKEST = 0.025, 0.15  # optical density between which the threshold lies
_SPECK = 4e-4  # share of the slide below which a spot is dirt


@dataclass(frozen=True)
class Tissue:
    """Tissue on a slide.

    Attributes:
        mask: bool (rows, columns), one cell a square of ``downsample`` pixels.
        downsample: pixels a cell.
    """

    mask: np.ndarray
    downsample: int

    @property
    def share(self) -> float:
        """Share of the slide that is tissue."""
        return float(self.mask.mean())

    def under(self, x: np.ndarray, y: np.ndarray, side: int) -> np.ndarray:
        """Share of tissue in each of the squares with the corners (x, y), (n,) in [0, 1]."""
        sums = np.pad(self.mask.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        rows, columns = self.mask.shape
        top, left = np.clip(y // self.downsample, 0, rows - 1), np.clip(x // self.downsample, 0, columns - 1)
        bottom = np.clip(-(-(y + side) // self.downsample), top + 1, rows)
        right = np.clip(-(-(x + side) // self.downsample), left + 1, columns)
        inside = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
        return inside / ((bottom - top) * (right - left))


def find_tissue(slide: Slide, downsample: int = 16) -> Tissue:
    """Find what is darker than the glass: Otsu's threshold on optical density, specks of dirt left out.

    Args:
        slide: is read once at the low resolution.
        downsample: pixels a cell of the mask, >= 1.

    Returns:
        The mask; empty on a slide without tissue, since a threshold below 0.025 is never taken.
    """
    return Tissue(tissue_mask(reduced(slide, downsample)), downsample)


def tissue_mask(pixels: np.ndarray) -> np.ndarray:
    """The same of a small picture, uint8 (rows, columns, 3) → bool (rows, columns)."""
    import cv2

    smooth = cv2.GaussianBlur(pixels, (0, 0), 1.0).astype(np.float32)
    glass = np.percentile(smooth.reshape(-1, 3), 98, axis=0).astype(np.float32)
    density = np.log10((glass + 1) / (smooth + 1)).mean(-1).clip(0, 1)
    scaled = np.rint(density * 255).astype(np.uint8)
    otsu, _ = cv2.threshold(scaled, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    # Otsu halves what it finds: tissue that is pale here and dark there would lose its pale part.
    threshold = min(max(0.6 * otsu / 255, _FAINTEST), _DARKEST)
    found = (density > threshold).astype(np.uint8)
    count, parts, facts, _ = cv2.connectedComponentsWithStats(found, connectivity=8)
    large = facts[:, cv2.CC_STAT_AREA] >= max(4.0, _SPECK * found.size)
    large[0] = False
    return large[parts] if count > 1 else np.zeros(found.shape, dtype=bool)
