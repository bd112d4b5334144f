"""Who is pretrained on, probed with and tested on, in a corpus of labelled and unlabelled samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import Tensor

from helpers.data.corpus import Corpus, split_by_subject
from helpers.errors import StudyError

VALIDATION_SHARE = 0.2  # of the training subjects, where the corpus has no validation part of its own


@dataclass(frozen=True)
class LabelledRows:
    """Positions of a corpus's samples by what they are for; labels only ever come from ``train`` and ``validation``.

    Attributes:
        pretrain: samples without labels: training, validation and unlabelled ones.
        train: labelled, for probes.
        validation: labelled, for choosing a probe's penalty.
        test: only ever predicted.
    """

    pretrain: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def labelled_rows(corpus: Corpus, limit: int = 0) -> LabelledRows:
    """Split a corpus's samples by what they are for.

    Args:
        corpus: with a column ``label`` and a test split.
        limit: training samples used, a class-stratified share of them; 0 uses all.

    Raises:
        StudyError: fewer than two classes to train on, or no test split.
    """
    labels = classes_of(corpus)[1]
    train = corpus.rows("train")
    if 0 < limit < len(train):
        train = train[label_subset(labels[train], limit / len(train), seed=0)]
    if len(set(labels[train])) < 2:
        raise StudyError(f"{corpus.name}: the training images have fewer than two classes; a probe needs two")
    validation = corpus.rows("validation")
    if len(validation) == 0:
        shares = {"train": 1 - VALIDATION_SHARE, "validation": VALIDATION_SHARE}
        part = split_by_subject(corpus.table.iloc[train], shares, 0, "label")
        train, validation = train[part == "train"], train[part == "validation"]
    test = corpus.rows("test")
    if len(test) == 0:
        raise StudyError(f"{corpus.name}: there is no test split; give test/<class>/ folders or a split column")
    unlabelled = corpus.rows("unlabelled")
    return LabelledRows(np.sort(np.concatenate([train, validation, unlabelled])), train, validation, test)


def classes_of(corpus: Corpus) -> tuple[list[str], np.ndarray]:
    """Class names and the class of every sample, int64, −1 where unlabelled."""
    labels = corpus.table["label"]
    names = sorted(labels.dropna().unique())
    return names, pd.Categorical(labels, categories=names).codes.astype(np.int64)


def one_a_class(corpus: Corpus, rows: np.ndarray, at_most: int = 10) -> np.ndarray:
    """The first of these rows of each class, for pictures."""
    classes = classes_of(corpus)[1][rows]
    return np.array([rows[np.flatnonzero(classes == c)[0]] for c in np.unique(classes)[:at_most]])


def image_shape(corpus: Corpus) -> tuple[int, int]:
    """Channels and side of a corpus's images, pixels."""
    first = corpus.load(np.array([0]))
    if not isinstance(first, Tensor):
        raise TypeError("an image corpus loads one tensor")
    return first.shape[1], first.shape[-1]


def label_subset(labels: np.ndarray, fraction: float, seed: int, at_least: int = 1) -> np.ndarray:
    """Positions of a class-stratified random share of labelled samples, sorted int64.

    Args:
        labels: classes, (n,).
        fraction: share in (0, 1]; subsets of one seed are nested as the fraction grows.
        seed: of the draw.
        at_least: samples that every class keeps.

    Raises:
        StudyError: a fraction outside (0, 1].
    """
    if not 0 < fraction <= 1:
        raise StudyError(f"label fraction {fraction} is outside (0, 1]")
    rng = np.random.default_rng(seed)
    kept = []
    for value in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == value))
        kept.append(members[: max(at_least, round(fraction * len(members)))])
    return np.sort(np.concatenate(kept))


def repeated(rows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """``count`` rows: these in random order, again and again, so that budgets are equal however few there are."""
    rng = np.random.default_rng(seed)
    rounds = -(-count // len(rows))
    return np.concatenate([rng.permutation(rows) for _ in range(rounds)])[:count]
