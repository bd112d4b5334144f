"""Insect pests: drawn ones, IP102, class folders, manifests with masks.

Every reader returns a :class:`Corpus` whose label column is ``label`` (the species), whose bool column ``has_mask``
says which rows have an exact foreground mask, and whose ``load`` gives ``{"input": float32 (B, C, H, W) in [0, 1],
"mask": float32 (B, 1, H, W), 0 or 1}``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from helpers.data.corpora import ip102
from helpers.data.corpora.images import class_folders, image_sources
from helpers.data.corpora.masks import listed_masks, manifest_with_masks, mask_column, with_masks
from helpers.data.corpus import Corpus
from helpers.data.manifest import read_manifest
from helpers.data.simulated.pests import GENERATOR, drawn_pests
from helpers.errors import StudyError


@dataclass(frozen=True)
class PestDrawing:
    """How many pests are drawn.

    Args:
        train, test: pictures, >= 22 each.
        imbalance: count of the commonest species over that of the rarest, >= 1.
        seed: of the drawing.
    """

    train: int = 1800
    test: int = 600
    imbalance: float = 20.0
    seed: int = 0


def pest_corpus(name: str, data_root: str = "", image_size: int = 64, drawing: PestDrawing | None = None) -> Corpus:
    """The corpus of a parameter file.

    Args:
        name: ``"pests"``, ``"ip102"``, ``"folder"`` or ``"manifest"``.
        data_root: where a real one lies.
        image_size: side of the images, pixels.
        drawing: of the drawn ones.

    Raises:
        StudyError: an unknown name, or what the reader finds wrong with the files.
    """
    if name == "pests":
        d = drawing or PestDrawing()
        return drawn_pests(d.train, d.test, image_size, d.imbalance, d.seed)
    if name == "manifest":
        return manifest_with_masks(_given(name, data_root), image_size)
    if name == "ip102":
        corpus = ip102.ip102(_given(name, data_root), image_size)
    elif name == "folder":
        corpus = class_folders(_given(name, data_root), image_size)
    else:
        raise StudyError(f"no pest corpus is called {name!r}; there are: pests, ip102, folder, manifest")
    return with_masks(corpus, [Path()] * len(corpus), [None] * len(corpus), image_size)


def pest_sources(name: str, data_root: str, image_size: int, drawing: PestDrawing) -> list[Path | str]:
    """What a pest corpus is read from, for its fingerprint.

    Raises:
        StudyError: ``data_root`` is missing or holds no such corpus.
    """
    if name == "pests":
        d = drawing
        return [f"generator:{GENERATOR}:{d.train}:{d.test}:{d.imbalance:g}:{d.seed}:{image_size}"]
    if name == "ip102":
        return list(ip102.sources(_given(name, data_root)))
    sources = image_sources(name, data_root)
    if name == "manifest":
        file = Path(data_root)
        masks = listed_masks(mask_column(read_manifest(file, ("path", "label"))), file.parent, file.name)
        sources += [mask for mask in masks if mask is not None]
    return sources


def _given(name: str, data_root: str) -> Path:
    if data_root in ("", "."):
        raise StudyError(
            f"corpus {name} needs data_root: the {'CSV file' if name == 'manifest' else 'folder'} it lies in"
        )
    return Path(data_root)
