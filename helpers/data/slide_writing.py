"""Writing a slide of any size as a tiled pyramidal OME-TIFF, tile by tile: neither it nor a level is held in memory.

The reduced images hang at the first one as sub-images, as OME-TIFF has it (OME Model 6.0, *Sub-resolutions*), and
stand in the file's main chain as reduced images too, where OpenSlide and other readers of plain pyramids look.
"""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from helpers.data.slide import Slide
from helpers.errors import StudyError
from helpers.progress import bar

TILE = 512  # pixels
FACTOR = 4  # between two levels
_SMALLEST_LEVEL = 512  # pixels: no level whose longer side is smaller
_SAMPLES_PER_PIXEL = 3


def write_slide(slide: Slide, file: Path, microns: float = 2.0, quality: int = 88) -> None:
    """Write a slide; the file appears whole or not at all.

    Args:
        slide: is read once, square by square.
        file: ends in ``.ome.tiff`` or ``.ome.tif``.
        microns: width of a pixel, µm.
        quality: of the JPEG compression, 1 to 100.

    Raises:
        StudyError: another ending, or the disk cannot take it.
    """
    if not file.name.lower().endswith((".ome.tiff", ".ome.tif")):
        raise StudyError(f"{file.name}: a slide is written as .ome.tiff")
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{os.getpid()}.{file.name}")
    try:
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=".levels") as folder:
            _write(slide, partial, Path(folder), microns, quality)
        os.replace(partial, file)
    except OSError as error:
        raise StudyError(f"{file.name} cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def _write(slide: Slide, file: Path, folder: Path, microns: float, quality: int) -> None:
    from tifffile import TiffWriter

    sizes = level_sizes(slide.width, slide.height)
    options: dict[str, Any] = {
        "dtype": np.uint8, "photometric": "rgb", "tile": (TILE, TILE), "compression": "jpeg",
        "compressionargs": {"level": quality},
    }  # fmt: skip
    metadata = {"axes": "YXS", "Name": slide.name, "PhysicalSizeX": microns, "PhysicalSizeXUnit": "µm",
                "PhysicalSizeY": microns, "PhysicalSizeYUnit": "µm"}  # fmt: skip
    levels = [_scratch(folder, size, number) for number, size in enumerate(sizes[1:], start=1)]
    per_centimetre = 1e4 / microns
    with (
        TiffWriter(file, bigtiff=True, ome=True) as writer,
        bar(_count(*sizes[0]), f"writing {slide.name}", "tile") as shown,
    ):
        writer.write(_first_level(slide, levels[0] if levels else None, shown), shape=(*sizes[0][::-1], 3),
                     subifds=len(levels), metadata=metadata, resolutionunit="CENTIMETER",
                     resolution=(per_centimetre, per_centimetre), **options)  # fmt: skip
        for number, level in enumerate(levels):
            below = levels[number + 1] if number + 1 < len(levels) else None
            scale = per_centimetre / FACTOR ** (number + 1)
            writer.write(_level(level, below), shape=level.shape, subfiletype=1, metadata=None,
                         resolutionunit="CENTIMETER", resolution=(scale, scale), **options)  # fmt: skip
    _chain_levels(file)


def level_sizes(width: int, height: int) -> list[tuple[int, int]]:
    """Width and height of each level, the slide's own first."""
    sizes = [(width, height)]
    while max(sizes[-1]) > FACTOR * _SMALLEST_LEVEL // 2 and min(sizes[-1]) >= 2 * FACTOR:
        sizes.append((sizes[-1][0] // FACTOR, sizes[-1][1] // FACTOR))
    return sizes


def _scratch(folder: Path, size: tuple[int, int], number: int) -> np.ndarray:
    """Pixels of a level on the disk, (height, width, 3)."""
    return np.lib.format.open_memmap(folder / f"{number}.npy", "w+", np.uint8, (size[1], size[0], _SAMPLES_PER_PIXEL))


def _count(width: int, height: int) -> int:
    return -(-width // TILE) * -(-height // TILE)


def _first_level(slide: Slide, below: np.ndarray | None, shown: Any) -> Iterator[np.ndarray]:
    for y in range(0, slide.height, TILE):
        for x in range(0, slide.width, TILE):
            tile = slide.read(x, y, TILE, TILE)
            if below is not None:
                _reduce_into(below, tile, x, y)
            shown.update()
            yield tile


def _level(level: np.ndarray, below: np.ndarray | None) -> Iterator[np.ndarray]:
    for y in range(0, level.shape[0], TILE):
        for x in range(0, level.shape[1], TILE):
            part = level[y : y + TILE, x : x + TILE]
            tile = np.full((TILE, TILE, _SAMPLES_PER_PIXEL), 255, dtype=np.uint8)
            tile[: part.shape[0], : part.shape[1]] = part
            if below is not None:
                _reduce_into(below, tile, x, y)
            yield tile


def _reduce_into(below: np.ndarray, tile: np.ndarray, x: int, y: int) -> None:
    """Put the means of a tile's squares of FACTOR pixels where they belong in the next level."""
    side = TILE // FACTOR
    means = tile.reshape(side, FACTOR, side, FACTOR, _SAMPLES_PER_PIXEL).mean((1, 3))
    target = below[y // FACTOR : y // FACTOR + side, x // FACTOR : x // FACTOR + side]
    target[:] = np.rint(means[: target.shape[0], : target.shape[1]]).astype(np.uint8)


def _chain_levels(file: Path) -> None:
    """Let the main chain of images go on from the first to its sub-images: only pointers in the file are changed."""
    from tifffile import TiffFile

    with TiffFile(file) as tiff:
        first = tiff.pages[0]
        starts = [first.offset, *(first.subifds or ())]
        order = tiff.byteorder
    with file.open("r+b") as handle:
        for start, following in zip(starts, [*starts[1:], 0], strict=True):
            handle.seek(start)
            (tags,) = struct.unpack(f"{order}Q", handle.read(8))  # BigTIFF: count, 20 bytes a tag, next offset
            handle.seek(start + 8 + 20 * tags)
            handle.write(struct.pack(f"{order}Q", following))
