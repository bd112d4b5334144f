"""Slides in files: every format that OpenSlide reads, tiled TIFF with or without a pyramid, and plain pictures."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from helpers.data.slide import WHITE, Slide, reduced_by_reading
from helpers.errors import StudyError

ENDINGS = (
    ".svs",
    ".ndpi",
    ".scn",
    ".mrxs",
    ".bif",
    ".vms",
    ".vmu",
    ".svslide",
    ".tif",
    ".tiff",
    ".png",
    ".jpg",
    ".jpeg",
)
PLAIN = 64 * 10**6  # pixels: a picture that cannot be read in parts is taken whole up to this size
_AT_ONCE = 16 * 10**6  # pixels of a level that are read at once


class WholeSlide:
    """A slide in a file; a :class:`helpers.data.slide.Slide`.

    Args:
        file: of a format that OpenSlide reads, or a plain picture (a TIFF in strips, a PNG …) of up to 64 megapixels.

    Attributes:
        levels: width, height and downsample of each resolution in the file, the full one first.

    Raises:
        StudyError: one line: the file is absent or cannot be read, or is a plain picture too large to hold.
    """

    def __init__(self, file: Path) -> None:
        self.file, self.name = file, slide_name(file)
        self._handle = _opened(file)
        self.width, self.height = self._handle.dimensions
        sizes = zip(self._handle.level_dimensions, self._handle.level_downsamples, strict=True)
        self.levels = [(*size, float(downsample)) for size, downsample in sizes]

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Pixels of a rectangle at full resolution, uint8 (height, width, 3); white beyond the edge."""
        return self._region(x, y, 0, width, height)

    def read_reduced(self, x: int, y: int, width: int, height: int, downsample: float) -> np.ndarray:
        """A rectangle of the slide made ``downsample`` times smaller, from the level that is best for it.

        Args:
            x, y, width, height: pixels of the reduced slide.
            downsample: >= 1.
        """
        import cv2

        level = self._handle.get_best_level_for_downsample(downsample * 1.001)
        finer = downsample / self.levels[level][2]  # pixels of the level a pixel asked for
        at = (round(x * downsample), round(y * downsample))
        if abs(finer - 1) < 0.01:
            return self._region(*at, level, width, height)
        pixels = self._region(*at, level, round(width * finer), round(height * finer))
        return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)

    def overview(self, downsample: int) -> np.ndarray:
        """The whole slide made smaller, uint8 (ceil(height / d), ceil(width / d), 3); without a pyramid in parts."""
        import cv2

        width, height, factor = self.levels[self._handle.get_best_level_for_downsample(downsample * 1.001)]
        if width * height > _AT_ONCE:
            return reduced_by_reading(self, downsample)
        rows, columns = -(-self.height // downsample), -(-self.width // downsample)
        level = self.levels.index((width, height, factor))
        scale = downsample / factor
        pixels = self._region(0, 0, level, round(columns * scale), round(rows * scale))
        return cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_AREA)

    def _region(self, x: int, y: int, level: int, width: int, height: int) -> np.ndarray:
        from openslide import OpenSlideError

        try:
            pixels = np.asarray(self._handle.read_region((x, y), level, (width, height)))
        except (OpenSlideError, OSError) as error:
            raise StudyError(f"{self.file.name} cannot be read at ({x}, {y}): {error}; the file is damaged") from None
        seen = pixels[..., :3].copy()
        if pixels[..., 3].min() < 255:
            seen[pixels[..., 3] == 0] = WHITE
        return seen


class ReducedSlide:
    """A slide seen at a lower resolution, as a slide of its own.

    Args:
        slide: the slide.
        downsample: its pixels, along an axis, to one of these, >= 1.
    """

    def __init__(self, slide: Slide, downsample: float) -> None:
        self.slide, self.downsample, self.name = slide, downsample, slide.name
        self.width, self.height = int(slide.width / downsample), int(slide.height / downsample)

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Pixels of a rectangle, uint8 (height, width, 3)."""
        import cv2

        if isinstance(self.slide, WholeSlide):
            return self.slide.read_reduced(x, y, width, height, self.downsample)
        d = self.downsample
        pixels = self.slide.read(round(x * d), round(y * d), round(width * d), round(height * d))
        return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)


@lru_cache(maxsize=16)
def open_slide(file: Path, downsample: float = 1.0) -> Slide:
    """A slide in a file, kept open, at a resolution.

    Raises:
        StudyError: as :class:`WholeSlide`, or a downsample that leaves no slide.
    """
    slide = WholeSlide(file)
    if downsample == 1:
        return slide
    reduced = ReducedSlide(slide, downsample)
    if downsample < 1 or min(reduced.width, reduced.height) < 1:
        raise StudyError(f"{file.name}: downsample {downsample:g} must be >= 1 and leave at least a pixel")
    return reduced


def slide_name(file: Path) -> str:
    """The file's name without its endings, ``.ome.tiff`` and the like among them."""
    stem = file.stem
    return stem[: -len(".ome")] if stem.lower().endswith(".ome") else stem


def _opened(file: Path) -> Any:
    import openslide
    from PIL import Image

    if not file.is_file():
        raise StudyError(f"there is no slide {file}")
    try:
        return openslide.OpenSlide(file)
    except openslide.OpenSlideUnsupportedFormatError:
        pass
    except openslide.OpenSlideError as error:
        raise StudyError(f"{file.name} cannot be read as a slide: {error}") from None
    try:
        with Image.open(file) as picture:  # reads the header alone
            pixels = picture.width * picture.height
            if pixels <= PLAIN:
                picture.load()
    except Image.DecompressionBombError:
        pixels = PLAIN + 1
    except Exception:  # Pillow raises whatever the damage leads to
        raise StudyError(
            f"{file.name} cannot be read as a slide or a picture; it is damaged or of another format"
        ) from None
    if pixels > PLAIN:
        raise StudyError(
            f"{file.name} is a plain picture of over {PLAIN // 10**6} megapixels, which can only be read whole; write "
            f"it as a pyramid first: vips tiffsave {file.name} out.tiff --tile --pyramid --bigtiff --compression jpeg"
        )
    return openslide.ImageSlide(file)
