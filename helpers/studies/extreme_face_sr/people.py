"""Whose faces are for what: high resolution, low resolution, the reader, the test; no person is in two of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from helpers.data.cache import cached
from helpers.data.corpora.faces import FaceCrowd, face_corpus, face_sources
from helpers.data.corpora.portraits import portrait_sources, portraits
from helpers.data.corpus import Corpus, split_by_subject
from helpers.data.simulated.face_parts import PARTS_VERSION
from helpers.data.simulated.faces import GENERATOR, People, draw_faces, draw_traits, drawn_faces
from helpers.errors import StudyError
from helpers.evaluation.face_reader import UNKNOWN

Settings = dict[str, Any]  # the study's parameters as plain values, without seeds, workers and the like
_SPARE = 1.5  # people at low resolution for each that a seed draws
_MOST_CLASSES = 20  # of a label that the reader learns


def people_sources(name: str, data_root: str) -> list[Path | str]:
    """What a corpus of faces is read from, for its fingerprint.

    Raises:
        StudyError: ``data_root`` is missing or holds no such corpus.
    """
    if name == "faces":
        return [f"generator:{GENERATOR}:{PARTS_VERSION}"]
    if name == "ffhq":
        return portrait_sources(data_root)
    return face_sources(name, data_root, 0, FaceCrowd())


def open_faces(settings: Settings) -> Corpus:
    """The run's corpus: pictures float32 (B, 3, image_size, image_size) in [0, 1]."""
    names = ("corpus", "data_root", "image_size", "high_faces", "low_faces", "reader_faces", "test_faces")
    return _opened(*(settings[name] for name in names))


@lru_cache(maxsize=2)
def _opened(name: str, data_root: str, size: int, high: int, low: int, reader: int, test: int) -> Corpus:
    if name == "faces":
        train = high + round(_SPARE * low) + reader
        return aligned_faces(train, test, size)
    if name == "ffhq":
        return portraits(data_root, size)
    return face_corpus(name, data_root, size)


def aligned_faces(train: int, test: int, size: int) -> Corpus:
    """Drawn faces that are aligned and stand before one colour, as portraits for super-resolution are.

    The people are those of :func:`drawn_faces` with one picture each; turn, place and scale of the head are undone, the
    background has one colour and the light no direction. Its strength and colour still vary.

    Args:
        train, test: people, >= 1 each.
        size: side, pixels, 16 to 1024.
    """
    people = {"train": People(train), "test": People(test)}
    corpus = drawn_faces(people, pictures=1, size=16)  # the table; its pictures are not aligned
    traits = draw_traits(people, pictures=1)
    still = {"turn": 0.0, "scale": 1.0, "right": 0.0, "down": 0.0, "slope_x": 0.0, "slope_y": 0.0, "disc_lift": 0.0}
    traits = traits.assign(**still, **{f"sky_{c}": traits[f"ground_{c}"] for c in "rgb"})
    key = {"aligned": 1, "generator": GENERATOR, "parts": PARTS_VERSION, "people": [train, test], "size": size}
    images = cached(dict[str, object](key), lambda: {"images": draw_faces(traits, size)})["images"]
    return replace(
        corpus,
        load=lambda rows: images[torch.as_tensor(np.asarray(rows))].float() / 255,
        source=f"{corpus.source}; aligned, one colour behind",
        fingerprint=f"aligned 1/{corpus.fingerprint}/{size}",
    )


@dataclass(frozen=True)
class FacePools:
    """Positions in the corpus, int64, one picture a person."""

    high: np.ndarray
    low: np.ndarray
    reader: np.ndarray
    test: np.ndarray


def pools_of(corpus: Corpus, settings: Settings) -> FacePools:
    """The four groups of people; the first three are of the corpus's training part.

    Raises:
        StudyError: fewer people than are needed for two pictures of each kind.
    """
    rows = corpus.rows(["train", "validation", "unlabelled"])
    rows = rows[~corpus.table["subject"].iloc[rows].duplicated().to_numpy()]
    sizes = {"high": settings["high_faces"], "low": round(_SPARE * settings["low_faces"]),
             "reader": settings["reader_faces"]}  # fmt: skip
    if len(rows) < 3 * settings["cycle_batch"]:
        raise StudyError(f"{corpus.name}: {len(rows)} people outside the test part are too few for three groups")
    total = sum(sizes.values())
    table = corpus.table.iloc[rows].reset_index(drop=True)
    part = split_by_subject(table, {name: size / total for name, size in sizes.items()}, seed=0)
    found = {name: rows[part == name][:size] for name, size in sizes.items()}
    return FacePools(test=test_rows(corpus, settings["test_faces"]), **found)


def test_rows(corpus: Corpus, count: int) -> np.ndarray:
    """Test pictures, one a person, of all groups in turn, the same for every seed."""
    rows = corpus.rows("test")
    rows = rows[~corpus.table["subject"].iloc[rows].duplicated().to_numpy()]
    rows = np.random.default_rng(0).permutation(rows)
    if "group" in corpus.table.columns:
        rank = corpus.table.iloc[rows].groupby("group", dropna=False).cumcount().to_numpy()
        rows = rows[np.argsort(rank, kind="stable")]
    if len(rows) < 2:
        raise StudyError(f"{corpus.name}: the test part has {len(rows)} people; at least 2 are needed")
    return np.sort(rows[:count])


@dataclass(frozen=True)
class Readings:
    """What is known of faces, for the reader.

    Attributes:
        names: of the attributes; ``group`` is among them where the corpus has groups.
        classes: names of each attribute's classes.
        codes: int64 (n, K), a row a sample of the corpus, UNKNOWN where nobody knows.
    """

    names: list[str]
    classes: list[list[str]]
    codes: Tensor


def readings_of(corpus: Corpus) -> Readings:
    """Every label of 2 to 20 classes, and the group."""
    columns = [*corpus.labels, *(["group"] if "group" in corpus.table.columns else [])]
    names, classes, codes = [], [], []
    for name in dict.fromkeys(columns):
        values = corpus.table[name]
        kept = values.dropna().astype(str)
        if 2 <= kept.nunique() <= _MOST_CLASSES:
            categories = sorted(kept.unique())
            its = pd.Categorical(kept, categories=categories).codes
            known = np.full(len(values), UNKNOWN, dtype=np.int64)
            known[values.notna().to_numpy()] = its
            names.append(name)
            classes.append(categories)
            codes.append(torch.from_numpy(known))
    stacked = torch.stack(codes, 1) if codes else torch.zeros(len(corpus), 0, dtype=torch.long)
    return Readings(names, classes, stacked)


def pictures_of(corpus: Corpus, rows: np.ndarray) -> Tensor:
    """Pictures (n, 3, H, W) in [0, 1], three channels whatever the corpus has."""
    loaded = corpus.load(rows)
    pictures = loaded["input"] if isinstance(loaded, dict) else loaded
    return pictures.expand(-1, 3, -1, -1)
