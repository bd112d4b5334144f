"""A whole slide classified tile by tile into a probability map, square after square, in bounded memory."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from helpers.data.slide import Slide
from helpers.data.tissue import Tissue
from helpers.errors import StudyError
from helpers.progress import bar

Classify = Callable[[Tensor], Tensor]  # float32 (B, 3, tile, tile) in [0, 1] to probabilities (B, K)
_SQUARE = 16  # tiles along a side of what is read and classified at once


@dataclass(frozen=True)
class SlideMap:
    """What a slide was found to be.

    Attributes:
        probabilities: float32 (K, rows, columns), summing to 1 over classes.
        cell: side of a cell, pixels of the slide.
        tiles: that were classified; those without tissue were not.
        seconds: that it took.
    """

    probabilities: np.ndarray
    cell: int
    tiles: int
    seconds: float

    def labels(self) -> np.ndarray:
        """The likeliest class of each cell, uint8 (rows, columns)."""
        return self.probabilities.argmax(0).astype(np.uint8)

    def labels_at(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """The likeliest class at points, probabilities linear between the cells' middles, uint8 (rows, columns).

        Args:
            rows, columns: pixels of the slide, as fractions are allowed.
        """
        p = self.probabilities
        i, j, v = _between(rows / self.cell - 0.5, p.shape[1])
        k, m, u = _between(columns / self.cell - 0.5, p.shape[2])
        down = p[:, i] * (1 - v)[:, None] + p[:, j] * v[:, None]  # (K, len(rows), columns of the map)
        return (down[:, :, k] * (1 - u) + down[:, :, m] * u).argmax(0).astype(np.uint8)


def predict_slide(
    classify: Classify, slide: Slide, classes: int, tile: int, stride: int, tissue: Tissue | None = None,
    background: int = 0,
) -> SlideMap:  # fmt: skip
    """Classify a slide's tiles and blend them where they overlap.

    The slide is read in squares of 16 × 16 tiles, the next one while the last is classified. Memory holds two such
    squares, one batch of tiles and the map, which is 4·(K + 1) bytes a cell: for K = 3 and a stride of 32 pixels 1.6
    MB for 10,000 × 10,000 pixels.

    Args:
        classify: probabilities of a batch of at most 256 tiles.
        slide: at the resolution of the tiles.
        classes: K.
        tile: side of a tile, pixels.
        stride: pixels from tile to tile; it divides ``tile``. A cell of the map is as large.
        tissue: where there is some; tiles without any are not read but are ``background``. None classifies all.
        background: class of bare glass.

    Returns:
        The map: each cell is the mean over the tiles that cover it, those in whose middle it lies counting most.

    Raises:
        StudyError: a stride that does not divide the tile.
    """
    if stride < 1 or tile % stride:
        raise StudyError(f"stride ({stride}) must divide the tile's side ({tile})")
    started = time.monotonic()
    span = tile // stride
    window = np.sin(math.pi * (np.arange(span) + 0.5) / span) ** 2 if span > 2 else np.ones(span)
    rows, columns = -(-slide.height // stride), -(-slide.width // stride)
    sums = np.zeros((classes, rows + span - 1, columns + span - 1), dtype=np.float32)
    weights = np.zeros(sums.shape[1:], dtype=np.float32)
    wanted = _wanted(tissue, rows, columns, tile, stride)
    glass = np.zeros((classes, 1, 1), dtype=np.float32)
    glass[background] = 1
    classified = 0
    with bar(-(-rows // _SQUARE) * -(-columns // _SQUARE), f"predicting {slide.name}", "square") as shown:
        for top, left, tiles in _squares(slide, wanted, tile, stride):
            mine = wanted[top : top + _SQUARE, left : left + _SQUARE]
            found = np.broadcast_to(glass, (classes, *mine.shape)).copy()
            if tiles is not None:
                probabilities = classify(tiles.float().div_(255)).numpy()
                found[:, mine] = probabilities.T
                classified += len(tiles)
            for a in range(span):
                for b in range(span):
                    weight = np.float32(window[a] * window[b])
                    place = (slice(top + a, top + a + mine.shape[0]), slice(left + b, left + b + mine.shape[1]))
                    sums[(slice(None), *place)] += weight * found
                    weights[place] += weight
            shown.update()
    return SlideMap(sums[:, :rows, :columns] / weights[:rows, :columns], stride, classified, time.monotonic() - started)


def _wanted(tissue: Tissue | None, rows: int, columns: int, tile: int, stride: int) -> np.ndarray:
    """Which tiles are read, bool (rows, columns)."""
    if tissue is None:
        return np.ones((rows, columns), dtype=bool)
    y, x = np.divmod(np.arange(rows * columns), columns)
    return (tissue.under(x * stride, y * stride, tile) > 0).reshape(rows, columns)


def _squares(slide: Slide, wanted: np.ndarray, tile: int, stride: int) -> Iterator[tuple[int, int, Tensor | None]]:
    """Row and column of each square's first tile, and its wanted tiles, uint8 (n, 3, tile, tile); None for none."""
    places = [(i, j) for i in range(0, wanted.shape[0], _SQUARE) for j in range(0, wanted.shape[1], _SQUARE)]

    def read(top: int, left: int) -> Tensor | None:
        mine = wanted[top : top + _SQUARE, left : left + _SQUARE]
        if not mine.any():
            return None
        high, wide = ((n - 1) * stride + tile for n in mine.shape)
        pixels = torch.from_numpy(slide.read(left * stride, top * stride, wide, high))
        tiles = pixels.unfold(0, tile, stride).unfold(1, tile, stride)  # (n, m, 3, tile, tile), a view
        return tiles[torch.from_numpy(mine)]

    with ThreadPoolExecutor(1) as reader:
        ahead: Future[Tensor | None] = reader.submit(read, *places[0])
        for number, place in enumerate(places):
            tiles = ahead.result()
            if number + 1 < len(places):
                ahead = reader.submit(read, *places[number + 1])
            yield *place, tiles


def _between(at: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The two cells a position lies between, and how far it is from the first, float32."""
    at = np.clip(at, 0, size - 1)
    first = np.minimum(at.astype(int), max(size - 2, 0))
    return first, np.minimum(first + 1, size - 1), (at - first).astype(np.float32)
