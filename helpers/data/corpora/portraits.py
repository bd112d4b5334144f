"""FFHQ, and any other folder of pictures of faces about which nothing else is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from helpers.data.corpora.image_files import image_files
from helpers.data.corpora.image_tables import TEST_SHARE, files_corpus
from helpers.data.corpus import Corpus, split_by_subject
from helpers.errors import StudyError


def portraits(data_root: str, image_size: int = 64, seed: int = 0) -> Corpus:
    """Every picture at any depth below a folder, each a person of its own, without labels or groups.

    Exact copies and near duplicates count as one person. A fifth of the people is the test part.

    Args:
        data_root: the folder, such as FFHQ's ``thumbnails128x128`` or ``images1024x1024``.
        image_size: side of the decoded pictures: shorter side scaled to it, centre cropped.
        seed: of the split.

    Returns:
        A corpus whose ``load`` gives float32 (B, C, H, W) in [0, 1] and whose only label, ``label``, is empty.

    Raises:
        StudyError: no such folder, no pictures in it, or none that can be decoded.
    """
    root = portrait_sources(data_root)[0]
    assert isinstance(root, Path)
    files = image_files(root)
    if len(files) < 2:
        raise StudyError(f"{root.name} holds {len(files)} pictures; expected at least 2, at any depth below it")
    table = pd.DataFrame({"sample_id": [path.relative_to(root).as_posix() for path in files]})
    table["subject"] = table["sample_id"]
    table["label"] = None
    table["split"] = split_by_subject(table, {"train": 1 - TEST_SHARE, "test": TEST_SHARE}, seed)
    corpus = files_corpus(table, files, image_size, seed, "ffhq", [root], f"FFHQ or other portraits, {root.name}")
    return replace(corpus, licence="FFHQ: CC BY-NC-SA 4.0 as a set; others as given by whoever owns the pictures")


def portrait_sources(data_root: str) -> list[Path | str]:
    """What is hashed for the fingerprint.

    Raises:
        StudyError: ``data_root`` is missing or is not a folder.
    """
    if data_root in ("", "."):
        raise StudyError("corpus ffhq needs data_root: the folder it lies in")
    root = Path(data_root)
    if not root.is_dir():
        raise StudyError(f"data_root {root} is not a folder; set it to where the pictures lie")
    return [root]


def named_portraits(name: str, data_root: str = "", image_size: int = 64) -> Corpus:
    """:func:`portraits` as the catalogue calls its readers, with the corpus's name first."""
    if name != "ffhq":
        raise StudyError(f"no corpus of portraits is called {name!r}; there is: ffhq")
    return portraits(data_root, image_size)
