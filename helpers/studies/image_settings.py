"""From the plain settings of a study on any labelled images to its corpus and rows, in whatever process asks."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from helpers.data.corpora.images import image_corpus
from helpers.data.corpus import Corpus
from helpers.data.labelled_rows import LabelledRows, labelled_rows

Settings = dict[str, Any]  # the study's parameters as plain values, without seeds, workers and the like


@lru_cache(maxsize=2)
def _corpus(name: str, data_root: str, image_size: int) -> Corpus:
    return image_corpus(name, data_root, image_size)


def open_corpus(settings: Settings) -> Corpus:
    """The run's corpus."""
    return _corpus(settings["corpus"], settings["data_root"], settings["image_size"])


def rows_of(corpus: Corpus, settings: Settings) -> LabelledRows:
    """Who is pretrained on, probed with and tested on; a fifth of the training subjects is validation."""
    return labelled_rows(corpus, settings["train_limit"])
