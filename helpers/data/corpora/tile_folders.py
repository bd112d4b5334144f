"""Tiles that somebody has already cut: ``<split>/<slide>/<class>/*.png``, or ``<slide>/<class>/*.png``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from torch import Tensor

from helpers.data.corpora.image_files import decode_files, image_files
from helpers.data.corpora.slide_regions import CLASSES, class_position
from helpers.data.corpus import SPLITS, Corpus, split_by_subject
from helpers.data.fingerprint import fingerprint
from helpers.errors import StudyError

SHARES = {"train": 0.5, "validation": 0.15, "test": 0.35}  # of the slides, where there are no folders of splits


def tile_folders(root: Path, tile: int) -> Corpus:
    """Read tile folders; a folder ``unlabelled/<slide>/*.png`` may hold tiles without a class.

    Args:
        root: holds folders of splits, or of slides.
        tile: side of the decoded tiles, pixels: shorter side scaled to it, centre cropped.

    Returns:
        The corpus of the readable tiles, in colour.

    Raises:
        StudyError: no tiles, a tile that lies elsewhere, or a class that is none of grey, white and background.
    """
    files = image_files(root)
    if not files:
        raise StudyError(
            f"{root} holds no tiles; lay them out as <split>/<slide>/<class>/*.png or <slide>/<class>/*.png"
        )
    rows = [_place(file.relative_to(root)) for file in files]
    mark = fingerprint([root])
    decoded = decode_files(files, tile, {"fingerprint": mark})
    table = pd.DataFrame(rows, columns=["split", "subject", "label"])
    table.insert(0, "sample_id", [file.relative_to(root).as_posix() for file in files])
    whole = np.flatnonzero(decoded.readable)
    if len(whole) == 0:
        raise StudyError(f"none of {len(files)} tile(s) in {root.name} can be read as a picture")
    notices = [
        f"{files[i].relative_to(root)} cannot be read and is left out" for i in np.flatnonzero(~decoded.readable)
    ]
    table = table.iloc[whole].reset_index(drop=True)
    if table["split"].isna().any():
        if table["split"].notna().any():
            raise StudyError(f"{root.name} mixes folders of splits ({', '.join(SPLITS)}) with folders of slides")
        table["split"] = split_by_subject(table, SHARES, seed=0)

    def load(wanted: np.ndarray) -> Tensor:
        pixels = decoded.load(whole[np.asarray(wanted)]).float() / 255
        return pixels.expand(-1, 3, -1, -1)

    return Corpus(root.name, table, load, ("label",), "not stated", f"folder {root.name}", False, mark, tuple(notices))


def _place(path: Path) -> tuple[str | None, str, str | None]:
    """Split, slide and class of a tile by where it lies."""
    folders = list(path.parts[:-1])
    split = folders.pop(0) if folders and folders[0] in SPLITS else None
    if split == "unlabelled" and len(folders) == 1:
        return split, folders[0], None
    if len(folders) != 2:
        raise StudyError(f"tile {path.as_posix()} lies elsewhere than in <split>/<slide>/<class>/ or <slide>/<class>/")
    return split, folders[0], CLASSES[class_position(folders[1], CLASSES, f"tile {path.as_posix()}")]
