"""Images with masks: each image's own mask, of the same size, brought to the same frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from helpers.data.cache import cached
from helpers.data.corpora.image_files import ENDINGS, image_files, picture_of
from helpers.data.corpora.images import image_manifest
from helpers.data.corpus import Corpus
from helpers.data.fingerprint import fingerprint
from helpers.data.text_files import is_there
from helpers.errors import StudyError
from helpers.progress import bar

_READER = 1  # change it and every cache is made anew


def with_masks(corpus: Corpus, images: Sequence[Path], masks: Sequence[Path | None], size: int) -> Corpus:
    """A corpus of images that loads each image with its mask.

    Args:
        corpus: whose ``load`` gives (B, C, size, size).
        images: file of each row, (n,).
        masks: mask of each row, None where there is none: a picture of the image's own size whose bright half (of its
            own brightest value: 1 and 255 do alike) is the thing that is marked.
        size: side of the images, pixels: the mask's shorter side is scaled to it, the centre cropped, as the image's.

    Returns:
        The corpus with ``load(rows) -> {"input": (B, C, size, size), "mask": float32 (B, 1, size, size), 0 or 1}``
        and a bool column ``has_mask``; where it is False the mask is all 0 and says nothing.

    Raises:
        StudyError: a mask that cannot be read, is of another size than its image, or marks nothing.
    """
    own = [i for i, mask in enumerate(masks) if mask is not None]
    files = [path for path in masks if path is not None]
    if files:
        key = {"masks": _READER, "size": size, "fingerprint": fingerprint([*files, *(images[i] for i in own)]),
               "names": [path.name for path in files]}  # fmt: skip
        pixels = cached(key, lambda: {"masks": _decoded([images[i] for i in own], files, size)})["masks"]
    else:
        pixels = torch.zeros(0, 1, size, size, dtype=torch.uint8)
    position = np.full(len(masks), -1)
    position[own] = np.arange(len(own))
    table = corpus.table.assign(has_mask=position >= 0)
    return replace(corpus, table=table, load=_both(corpus.load, pixels, torch.as_tensor(position)))


def masks_below(folder: Path, images: Sequence[Path], root: Path) -> list[Path | None]:
    """The mask of each image in a folder of masks: of the same stem, in the same subfolder or directly in the folder.

    Args:
        folder: of the masks.
        images: image files below ``root``.
        root: of the images.

    Returns:
        The mask of each image, None where it has none.

    Raises:
        StudyError: a mask without an image, two masks of one image, or a mask whose stem several images share.
    """
    by_place: dict[str, int] = {}
    by_stem: dict[str, list[int]] = {}
    for i, image in enumerate(images):
        by_place[image.relative_to(root).with_suffix("").as_posix()] = i
        by_stem.setdefault(image.stem, []).append(i)
    found: list[Path | None] = [None] * len(images)
    for mask in image_files(folder):
        place = mask.relative_to(folder).with_suffix("").as_posix()
        named = [by_place[place]] if place in by_place else by_stem.get(place, [])
        if not named:
            raise StudyError(
                f"{folder.name}/{place}{mask.suffix} has no image of that name; remove the mask or add the image"
            )
        if len(named) > 1:
            raise StudyError(
                f"{folder.name}/{place}{mask.suffix} could belong to {len(named)} images; put masks into subfolders "
                "named as the images' are"
            )
        if found[named[0]] is not None:
            raise StudyError(f"{images[named[0]].name} has two masks in {folder.name}; keep one")
        found[named[0]] = mask
    return found


def listed_masks(column: pd.Series, folder: Path, manifest: str) -> list[Path | None]:
    """The masks that a manifest's column ``mask`` names, relative to its folder; None where the field is empty.

    Raises:
        StudyError: a file that is not there or is no picture.
    """
    found: list[Path | None] = []
    for entry in column:
        empty = pd.isna(entry) or not str(entry).strip()
        found.append(None if empty else folder / str(entry).strip())
    absent = [path for path in found if path is not None and not is_there(path)]
    if absent:
        raise StudyError(f"{manifest}: {len(absent)} mask(s) are not there, the first {absent[0].name[:80]}")
    other = [path for path in found if path is not None and path.suffix.lower() not in ENDINGS]
    if other:
        raise StudyError(f"{manifest}: the mask {other[0].name} is no picture; masks are .png or other images")
    return found


def manifest_with_masks(file: Path, image_size: int) -> Corpus:
    """Images named by a CSV or Parquet file with ``path``, ``label`` and, optionally, ``mask`` (a picture's path).

    Args:
        file: paths are relative to its folder; ``subject``, ``group`` and ``split`` are used where they are given.
        image_size: side of the decoded images: shorter side scaled to it, centre cropped.
    """
    corpus = image_manifest(file, image_size)
    masks = listed_masks(mask_column(corpus.table), file.parent, file.name)
    images = [file.parent / path for path in corpus.table["path"]]
    corpus = with_masks(corpus, images, masks, image_size)
    return replace(corpus, fingerprint=fingerprint([file, *images, *(mask for mask in masks if mask is not None)]))


def mask_column(table: pd.DataFrame) -> pd.Series:
    """A manifest's column ``mask``, empty where it has none."""
    return table["mask"] if "mask" in table.columns else pd.Series([None] * len(table), dtype=object)


def only_images(corpus: Corpus) -> Corpus:
    """The same corpus, loading the images alone as one tensor."""
    load = corpus.load

    def images(rows: np.ndarray) -> Tensor:
        loaded = load(rows)
        return loaded["input"] if isinstance(loaded, dict) else loaded

    return replace(corpus, load=images)


def _decoded(images: Sequence[Path], masks: Sequence[Path], size: int) -> Tensor:
    from PIL import Image, ImageOps

    pixels = torch.zeros(len(masks), 1, size, size, dtype=torch.uint8)
    with bar(len(masks), "decoding masks", "mask") as shown:
        for i, (image, mask) in enumerate(zip(images, masks, strict=True)):
            marked = _marked(mask, image)
            fitted = ImageOps.fit(Image.fromarray(marked), (size, size), Image.Resampling.BILINEAR)
            pixels[i, 0] = torch.from_numpy(np.asarray(fitted) > 127)
            if not pixels[i].any():
                raise StudyError(f"mask {mask.name} marks nothing at {size} pixels; raise image_size or leave it out")
            shown.update()
    return pixels


def _marked(mask: Path, image: Path) -> np.ndarray:
    """The pixels that a mask marks as 255, others 0, uint8 (H, W)."""
    try:
        upright = picture_of(mask)
        deep = upright if upright.mode in ("1", "L", "P", "I", "I;16", "F") else upright.convert("L")
        values = np.nan_to_num(np.asarray(deep, dtype=np.float32))
    except (StudyError, ValueError):
        raise StudyError(f"mask {mask.name} cannot be read as a picture; save it again as a .png") from None
    width, height = picture_of(image).size
    if values.shape != (height, width):
        raise StudyError(
            f"mask {mask.name} is {values.shape[1]}×{values.shape[0]} pixels, its image {image.name} {width}×{height}; "
            "they must be equal"
        )
    if values.max() <= 0:
        raise StudyError(f"mask {mask.name} marks no pixel; leave the mask out where there is nothing to mark")
    return ((values > values.max() / 2) * 255).astype(np.uint8)


def _both(
    load: Callable[[np.ndarray], Tensor | dict[str, Tensor]], pixels: Tensor, position: Tensor
) -> Callable[[np.ndarray], dict[str, Tensor]]:
    def both(rows: np.ndarray) -> dict[str, Tensor]:
        wanted = np.asarray(rows)
        loaded = load(wanted)
        images = loaded["input"] if isinstance(loaded, dict) else loaded
        at = position[torch.tensor(wanted)]
        masks = torch.zeros(len(wanted), 1, *images.shape[-2:])
        masks[at >= 0] = pixels[at[at >= 0]].float()
        return {"input": images, "mask": masks}

    return both
