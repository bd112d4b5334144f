"""One slide of a corpus, and how tiles are drawn from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from helpers.errors import StudyError


@dataclass(frozen=True)
class SlideSource:
    """A slide in a file, with what is known of it.

    Attributes:
        name: unique in the corpus.
        file: the slide.
        annotation: a region mask or a ``.geojson``; None where nobody has said what is where.
        split: train, validation, test or unlabelled.
        group: scanner, laboratory or the like; empty where unknown.
    """

    name: str
    file: Path
    annotation: Path | None = None
    split: str = "unlabelled"
    group: str = ""


@dataclass(frozen=True)
class Tiling:
    """How tiles are drawn from slides.

    Attributes:
        tile: side of a tile, pixels of the reduced slide.
        tiles_each: most tiles a slide; they do not overlap, and a tenth of them shows bare glass.
        purity: share of a tile that one region must cover to be its label, in (0.5, 1].
        downsample: pixels of the file, along an axis, to one of the tile, >= 1.
        seed: of the draw.
    """

    tile: int = 64
    tiles_each: int = 400
    purity: float = 0.8
    downsample: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.tile < 8 or self.tiles_each < 1 or not 0.5 < self.purity <= 1 or self.downsample < 1:
            raise StudyError(
                f"tiles need a side ({self.tile}) >= 8, tiles_each ({self.tiles_each}) >= 1, purity ({self.purity}) in "
                f"(0.5, 1] and downsample ({self.downsample}) >= 1"
            )
