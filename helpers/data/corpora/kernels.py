"""Maize kernels: drawn ones, `orientation/<class>/*.png` with `masks/`, class folders, manifests with masks.

Every reader returns a :class:`Corpus` whose label column is ``label`` (which way up the kernel lies), whose bool column
``has_mask`` says which rows have an embryo mask, and whose ``load`` gives ``{"input": float32 (B, C, H, W) in [0, 1],
"mask": float32 (B, 1, H, W), 0 or 1}``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from helpers.data.cache import cached
from helpers.data.corpora.image_files import image_files
from helpers.data.corpora.images import class_folders, image_sources
from helpers.data.corpora.masks import listed_masks, manifest_with_masks, mask_column, masks_below, with_masks
from helpers.data.corpus import Corpus, split_by_subject
from helpers.data.fingerprint import fingerprint
from helpers.data.manifest import read_manifest
from helpers.data.simulated.kernels import GENERATOR, ORIENTATIONS, VARIETIES, draw_kernels
from helpers.errors import StudyError

SHARES = {"train": 0.55, "validation": 0.15, "test": 0.30}  # of the ears, where a corpus has no split of its own


@dataclass(frozen=True)
class KernelDrawing:
    """How many kernels are drawn.

    Args:
        ears: >= 6; each has one variety, one tray and one lamp.
        kernels_each: kernels an ear, >= 2.
        touching: chance of each of two neighbours, in [0, 1].
        seed: of the drawing.
    """

    ears: int = 120
    kernels_each: int = 12
    touching: float = 0.3
    seed: int = 0


def kernel_corpus(
    name: str, data_root: str = "", image_size: int = 64, drawing: KernelDrawing = KernelDrawing()
) -> Corpus:
    """The corpus of a parameter file.

    Args:
        name: ``"kernels"``, ``"orientation"``, ``"folder"`` or ``"manifest"``.
        data_root: where a real one lies.
        image_size: side of the images, pixels.
        drawing: for the drawn ones.

    Raises:
        StudyError: an unknown name, or what the reader finds wrong with the files.
    """
    if name == "kernels":
        return drawn_kernels(drawing, image_size)
    if name == "orientation":
        return orientation_folders(_folder(data_root), image_size)
    if name == "folder":
        corpus = class_folders(_folder(data_root), image_size)
        return with_masks(corpus, [Path()] * len(corpus), [None] * len(corpus), image_size)
    if name == "manifest":
        return manifest_with_masks(Path(data_root), image_size)
    raise StudyError(f"no kernel corpus is called {name!r}; there are: kernels, orientation, folder, manifest")


def kernel_sources(name: str, data_root: str, image_size: int, drawing: KernelDrawing) -> list[Path | str]:
    """What a kernel corpus is read from, for its fingerprint.

    Raises:
        StudyError: ``data_root`` is missing or holds no such corpus.
    """
    if name == "kernels":
        return [_drawn_source(drawing, image_size)]
    if name == "orientation":
        return _folder_sources(_folder(data_root))
    sources = image_sources(name, data_root)
    if name == "manifest":
        file = Path(data_root)
        masks = listed_masks(mask_column(read_manifest(file, ("path", "label"))), file.parent, file.name)
        sources += [mask for mask in masks if mask is not None]
    return sources


def drawn_kernels(drawing: KernelDrawing, image_size: int) -> Corpus:
    """Drawn kernels (:mod:`helpers.data.simulated.kernels`), split by ear within varieties; exact labels and masks.

    Rows that lie embryo down have no mask: there is no embryo to be seen.
    """
    source = _drawn_source(drawing, image_size)
    d = drawing

    def build() -> dict[str, Tensor]:
        drawn = draw_kernels(d.ears, d.kernels_each, image_size, d.seed, d.touching)
        return {"images": drawn.images, "masks": drawn.masks.to(torch.uint8), "up": drawn.embryo_up, "ear": drawn.ear,
                "variety": drawn.variety}  # fmt: skip

    drawn = cached({"source": source}, build)
    up, ear = drawn["up"].numpy(), drawn["ear"].numpy()
    table = pd.DataFrame(
        {
            "sample_id": [f"ear{e:03d}_kernel{i % d.kernels_each:03d}" for i, e in enumerate(ear)],
            "subject": [f"ear{e:03d}" for e in ear],
            "group": np.array(VARIETIES, dtype=object)[drawn["variety"].numpy()],
            "label": np.array(ORIENTATIONS, dtype=object)[up.astype(int)],
            "has_mask": up,
        }
    )
    table["split"] = split_by_subject(table, SHARES, d.seed, "group")
    images, masks = drawn["images"], drawn["masks"]

    def load(rows: np.ndarray) -> dict[str, Tensor]:
        at = torch.as_tensor(np.asarray(rows))
        return {"input": images[at].float() / 255, "mask": masks[at].float()}

    return Corpus(
        name="kernels",
        table=table,
        load=load,
        labels=("label",),
        licence="none: drawn by this package",
        source="helpers.data.simulated.kernels: maize kernels of six varieties, embryo up or down",
        simulated=True,
        fingerprint=fingerprint([source]),
    )


def orientation_folders(root: Path, image_size: int) -> Corpus:
    """`orientation/<class>/*.png` (or `orientation/train/<class>/*.png` …) and, for some of them, `masks/`.

    A mask has its image's stem and lies in ``masks`` itself or in the subfolder that the image has in ``orientation``.
    Without split folders a fifth of the images is the test set; exact copies stay together.

    Args:
        root: folder that holds ``orientation`` and, optionally, ``masks``.
        image_size: side of the decoded images: shorter side scaled to it, centre cropped.

    Raises:
        StudyError: no ``orientation`` folder, or a mask that :func:`with_masks` or :func:`masks_below` refuses.
    """
    images_root = root / "orientation"
    if not images_root.is_dir():
        raise StudyError(f"{root.name} has no folder orientation; expected orientation/<class>/*.png and masks/*.png")
    corpus = replace(class_folders(images_root, image_size), name=root.name, source=f"folder {root.name}")
    files = image_files(images_root)
    found = masks_below(root / "masks", files, images_root) if (root / "masks").is_dir() else [None] * len(files)
    mask_of = {file.relative_to(images_root).as_posix(): mask for file, mask in zip(files, found, strict=True)}
    ids = list(corpus.table["sample_id"])
    corpus = with_masks(corpus, [images_root / i for i in ids], [mask_of[i] for i in ids], image_size)
    return replace(corpus, fingerprint=fingerprint(_folder_sources(root)))


def _folder_sources(root: Path) -> list[Path | str]:
    return [root / "orientation", *([root / "masks"] if (root / "masks").is_dir() else [])]


def _folder(data_root: str) -> Path:
    if data_root in ("", "."):
        raise StudyError("this corpus needs data_root: the folder it lies in")
    root = Path(data_root)
    if not root.is_dir():
        raise StudyError(f"data_root {root} is not a folder; set it to where the kernels lie")
    return root


def _drawn_source(drawing: KernelDrawing, image_size: int) -> str:
    d = drawing
    return f"generator:{GENERATOR}:{d.ears}:{d.kernels_each}:{d.touching:g}:{d.seed}:{image_size}"
