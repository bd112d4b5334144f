"""One arm of the study: its data, views, encoder and pretraining, as a recipe that any process can follow."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from helpers.data.cache import cached
from helpers.data.corpora.kernels import KernelDrawing, kernel_corpus
from helpers.data.corpora.masks import only_images
from helpers.data.corpus import Corpus
from helpers.data.fingerprint import fingerprint
from helpers.data.labelled_rows import LabelledRows, image_shape, labelled_rows, repeated
from helpers.data.simulated.pests import GENERATOR as PEST_GENERATOR
from helpers.data.simulated.pests import SPECIES, draw_pests
from helpers.evaluation.fine_tuning import Classifier
from helpers.evaluation.frozen import Augmented
from helpers.methods.method import Method
from helpers.methods.nnclr import NNCLR
from helpers.methods.simclr import SimCLR
from helpers.networks.image_encoders import image_encoder
from helpers.processes import Job
from helpers.training import TrainingPlan
from helpers.views.images import ImageViews

Settings = dict[str, Any]  # the study's parameters as plain values, without seeds, workers and the like
_DRAWING = ("ears", "kernels_each", "touching", "kernel_seed")


@lru_cache(maxsize=2)
def _corpus(name: str, data_root: str, image_size: int, drawing: KernelDrawing) -> Corpus:
    return kernel_corpus(name, data_root, image_size, drawing)


def open_corpus(settings: Settings) -> Corpus:
    """The run's kernels, each with its mask where it has one."""
    drawing = KernelDrawing(*(settings[name] for name in _DRAWING))
    return _corpus(settings["corpus"], settings["data_root"], settings["image_size"], drawing)


def rows_of(corpus: Corpus) -> LabelledRows:
    """Who is pretrained on, fine-tuned with and tested on."""
    return labelled_rows(only_images(corpus))


def masked(corpus: Corpus, rows: np.ndarray) -> np.ndarray:
    """Those of these rows that have a mask."""
    return rows[corpus.table["has_mask"].to_numpy()[rows]]


def varied(corpus: Corpus, rows: np.ndarray, count: int) -> np.ndarray:
    """At most ``count`` of these rows, for pictures: one of every group (or subject), then the second of each …"""
    table = corpus.table.iloc[rows]
    kind = "group" if "group" in table.columns else "subject"
    turn = table.groupby(kind, dropna=False).cumcount()
    return rows[np.lexsort((table[kind].astype(str), turn))][:count]


def ssl_views(size: int, strength: float) -> ImageViews:
    """What makes the two views: crops, all eight ways a square lies on a tray, and strong changes of colour.

    A kernel's variety is mostly its colour, so colours that hardly changed would be all that is learnt.
    """
    views = ImageViews(size, crop_scale=(0.3, 1.0), right_angles=True, brightness=0.6, contrast=0.6, saturation=0.8,
                       hue=0.25, jitter=1.0, gray=0.4, blur=0.0)  # fmt: skip
    return views.scaled(strength) if strength != 1 else views


def fine_tune_views(size: int) -> ImageViews:
    """Mild views for fine-tuning, whole images: image and mask are turned alike, and nothing is interpolated."""
    return ImageViews(size, crop_scale=(1.0, 1.0), crop_ratio=(1.0, 1.0), right_angles=True, jitter=0.5, hue=0.05,
                      gray=0.1, blur=0.0)  # fmt: skip


def make_encoder(settings: Settings, corpus: Corpus, seed: int, weights: str = "") -> tuple[nn.Module, int]:
    """The run's encoder at its start, the same for every arm of a seed, and the size of its embedding."""
    torch.manual_seed(seed)
    return image_encoder(settings["encoder"], *image_shape(only_images(corpus)), weights)


def pretraining(settings: Settings, arm: str, seed: int) -> Job:
    """The recipe of one pretrained arm, for any process: ``"simclr"``, ``"nnclr"`` or ``"transfer"``."""
    corpus = open_corpus(settings)
    rows = rows_of(corpus).pretrain
    encoder, features = make_encoder(settings, corpus, seed)
    size = settings["image_size"]
    plan = TrainingPlan(
        epochs=settings["epochs"], batch_size=settings["batch_size"], learning_rate=settings["learning_rate"],
        weight_decay=settings["weight_decay"], warmup_epochs=settings["warmup_epochs"], seed=seed,
        precision=settings["precision"],
    )  # fmt: skip
    if arm == "transfer":
        named_corpus = _pest_corpus(settings, image_shape(only_images(corpus))[0])
        named = Augmented(encoder, ssl_views(size, settings["view_strength"]))
        classifier = Classifier(named, features, len(SPECIES))
        again = repeated(np.arange(len(named_corpus)), 2 * len(rows), seed)  # an SSL step shows the encoder two views
        return Job(classifier, named_corpus, again, replace(plan, learning_rate=settings["transfer_rate"]), None,
                   settings["device"])  # fmt: skip
    views = ssl_views(size, settings["view_strength"])
    heads = {"hidden": settings["hidden"], "projection": settings["projection"]}
    if arm == "simclr":
        method: Method = SimCLR(encoder, features, views, temperature=settings["simclr_temperature"], **heads)
    else:
        method = NNCLR(encoder, features, views, temperature=settings["nnclr_temperature"], queue=settings["queue"],
                       **heads)  # fmt: skip
    return Job(method, only_images(corpus), rows, plan, None, settings["device"])


def encoder_of(method: Method) -> nn.Module:
    """The encoder alone: the transfer arm's without the views that it was trained under."""
    return method.encoder.encoder if isinstance(method.encoder, Augmented) else method.encoder


@lru_cache(maxsize=2)
def pests(images: int, size: int) -> dict[str, torch.Tensor]:
    """Drawn pests that the transfer encoder learns to name: pixels, uint8 (n, 3, size, size), and species, (n,)."""
    species = torch.arange(images) % len(SPECIES)
    key: dict[str, object] = {"generator": PEST_GENERATOR, "transfer": images, "size": size}
    drawn = cached(key, lambda: {"pixels": draw_pests(species.numpy(), size, seed=0)[0]})
    return {"pixels": drawn["pixels"], "species": species}


def _pest_corpus(settings: Settings, channels: int) -> Corpus:
    """The pests as a corpus to train a classifier on, as grey as the kernels are."""
    drawn = pests(settings["transfer_images"], settings["image_size"])

    def load(rows: np.ndarray) -> dict[str, torch.Tensor]:
        at = torch.as_tensor(rows)
        images = drawn["pixels"][at].float() / 255
        return {"input": images if channels == 3 else images.mean(1, keepdim=True), "label": drawn["species"][at]}

    ids = [f"pest{i:05d}" for i in range(len(drawn["species"]))]
    table = pd.DataFrame({"sample_id": ids, "subject": ids, "label": [SPECIES[i].name for i in drawn["species"]]})
    return Corpus("pests", table, load, ("label",), "none: drawn by this package", "helpers.data.simulated.pests", True,
                  fingerprint([f"generator:{PEST_GENERATOR}:{len(ids)}:{settings['image_size']}"]))  # fmt: skip


def transferred(settings: Settings, seed: int) -> nn.Module:
    """The encoder with a local file's weights."""
    return make_encoder(settings, open_corpus(settings), seed, str(Path(settings["transfer_weights"])))[0]
