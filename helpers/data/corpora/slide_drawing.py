"""Drawn slides as files: written once, as OME-TIFF with region masks, and read back like any others."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from helpers.data.corpora.slide_source import SlideSource
from helpers.data.fingerprint import fingerprint
from helpers.data.simulated.slides import GENERATOR, SCANNERS, SimulatedSlide
from helpers.data.slide_writing import write_slide
from helpers.errors import StudyError
from helpers.places import outputs_folder
from helpers.progress import bar

DRAWN = "amyloid_slides"
_WRITER = 1  # change it and every slide is written anew
_MASK_STEP = 4  # pixels a cell of the region masks


@dataclass(frozen=True)
class SlideDrawing:
    """How many slides are drawn, and how large.

    Attributes:
        train, validation, test, unlabelled: slides; each of its own brain, stain and scanner setting.
        side: width and height, pixels of 2 µm, >= 256.
        seed: of the drawing; slides of other seeds are other slides.
    """

    train: int = 4
    validation: int = 1
    test: int = 3
    unlabelled: int = 0
    side: int = 1024
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.train, self.validation, self.test) < 1 or self.unlabelled < 0 or self.side < 256:
            raise StudyError(
                f"drawn slides need train ({self.train}), validation ({self.validation}) and test ({self.test}) >= 1, "
                f"unlabelled ({self.unlabelled}) >= 0 and side ({self.side}) >= 256 pixels"
            )

    def splits(self) -> list[str]:
        """The split of each slide, in order."""
        return (["train"] * self.train + ["validation"] * self.validation + ["test"] * self.test
                + ["unlabelled"] * self.unlabelled)  # fmt: skip


def drawn_sources(drawing: SlideDrawing) -> list[Path | str]:
    """What drawn slides are made of, for their fingerprint."""
    d = drawing
    counts = f"{d.train}:{d.validation}:{d.test}:{d.unlabelled}"
    return [f"generator:{GENERATOR}:{_WRITER}:{counts}:{d.side}:{d.seed}"]


def drawn_slide(drawing: SlideDrawing, number: int) -> SimulatedSlide:
    """The slide of that number, as it is drawn."""
    return SimulatedSlide(1000 * drawing.seed + number, drawing.side, drawing.side)


@lru_cache(maxsize=8)
def _written(drawing: SlideDrawing, folder: Path) -> tuple[SlideSource, ...]:
    from PIL import Image

    found = []
    splits = drawing.splits()
    with bar(len(splits), "drawing slides", "slide") as shown:
        for number, split in enumerate(splits):
            slide = drawn_slide(drawing, number)
            file, mask = folder / f"{slide.name}.ome.tiff", folder / f"{slide.name}.png"
            if not file.exists():
                write_slide(slide, file)
            if not mask.exists():
                labels = slide.regions(0, 0, slide.width, slide.height, _MASK_STEP)
                partial = mask.with_suffix(".partial")
                Image.fromarray(np.asarray(labels)).save(partial, format="png")
                partial.replace(mask)
            found.append(SlideSource(slide.name, file, mask if split != "unlabelled" else None, split,
                                     f"scanner {SCANNERS[slide.traits.scanner]}"))  # fmt: skip
            shown.update()
    return tuple(found)


def written_slides(drawing: SlideDrawing) -> list[SlideSource]:
    """The slides in files of the cache, drawn where they are not there yet.

    Raises:
        StudyError: the disk cannot take them.
    """
    key = fingerprint([f"generator:{GENERATOR}:{_WRITER}:{drawing.side}"])
    return list(_written(drawing, outputs_folder() / ".cache" / f"slides-{key}"))
