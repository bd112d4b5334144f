"""One arm of the study: its pictures, views, encoder and method, as a recipe that any process can follow."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from helpers.data.corpora.fine_grained import ButterflyDrawing, fine_grained_corpus
from helpers.data.corpora.masks import only_images
from helpers.data.corpus import Corpus
from helpers.data.labelled_rows import LabelledRows, labelled_rows
from helpers.methods.discriminative_synthesis import DiscriminativeSynthesis
from helpers.methods.method import Method
from helpers.methods.moco import MoCo
from helpers.methods.simclr import SimCLR
from helpers.networks.image_decoder import ImageDecoder
from helpers.networks.image_encoders import image_encoder
from helpers.processes import Job
from helpers.training import TrainingPlan
from helpers.views.images import ImageViews

Settings = dict[str, Any]  # the study's parameters as plain values, without seeds, workers and the like
# What an arm changes of the method's own settings.
VARIANTS: dict[str, dict[str, Any]] = {
    "synthesis": {},
    "perturb_all": {"perturb": "all"},
    "perturb_random": {"perturb": "random"},
    "no_decoder_loss": {"reconstruction_weight": 0.0},
}
BASES = ("base", "longer")


@lru_cache(maxsize=2)
def _corpus(name: str, data_root: str, image_size: int, train: int, test: int) -> Corpus:
    return fine_grained_corpus(name, data_root, image_size, ButterflyDrawing(train, test))


def open_corpus(settings: Settings) -> Corpus:
    """The run's corpus, with masks of objects and parts where it has them."""
    return _corpus(*(settings[key] for key in ("corpus", "data_root", "image_size", "drawn_train", "drawn_test")))


def open_images(settings: Settings) -> Corpus:
    """The pictures alone, in colour: every encoder here has three channels, for grey pictures too."""
    corpus = only_images(open_corpus(settings))
    load = corpus.load

    def colour(rows: np.ndarray) -> Tensor:
        loaded = load(rows)
        assert isinstance(loaded, Tensor)
        return loaded.expand(-1, 3, -1, -1)

    return replace(corpus, load=colour)


def rows_of(corpus: Corpus) -> LabelledRows:
    """Who is pretrained on, probed with and tested on."""
    return labelled_rows(corpus)


def make_views(settings: Settings) -> ImageViews:
    """The views of pre-training: crops, flips, light and little colour, which tells some classes apart."""
    views = ImageViews(settings["image_size"], crop_scale=(0.4, 1.0), hue=0.04, gray=0.1, saturation=0.3, blur=0.2,
                       blur_sigma=(0.1, 1.0))  # fmt: skip
    strength = settings["augmentation_strength"]
    return views.scaled(strength) if strength != 1 else views


def make_encoder(settings: Settings, seed: int) -> tuple[nn.Module, int]:
    """The encoder at its start, the same for every arm of a seed, and the size of its embedding."""
    torch.manual_seed(seed)
    return image_encoder(settings["encoder"], 3, settings["image_size"], settings["encoder_weights"])


def passes(settings: Settings, images: int, arm: str = "base") -> int:
    """Epochs over so many images: ``epochs``, or as many as make ``least_steps``; ``longer`` times that for its arm."""
    steps = max(1, images // settings["batch_size"])
    epochs = max(settings["epochs"], math.ceil(settings["least_steps"] / steps))
    return round(settings["longer"] * epochs) if arm == "longer" else epochs


def make_method(settings: Settings, arm: str, steps: int, seed: int) -> Method:
    """An arm's method at its start.

    Args:
        settings: the study's.
        arm: one of :data:`BASES` or :data:`VARIANTS`.
        steps: optimiser steps of the whole run.
        seed: of the start; all arms of a seed start from the same encoder and projector.
    """
    encoder, features = make_encoder(settings, seed)
    views, size = make_views(settings), {key: settings[key] for key in ("hidden", "projection", "temperature")}
    base: MoCo | SimCLR
    if settings["base"] == "moco":
        base = MoCo(encoder, features, views, momentum=settings["momentum"], queue=settings["queue"], **size)
    else:
        base = SimCLR(encoder, features, views, **size)
    if arm in BASES:
        return base
    own = settings | VARIANTS[arm]
    decoder = ImageDecoder(features, own["image_size"], 3, own["decoder_width"], own["decoder_blocks"])
    return DiscriminativeSynthesis(
        base, decoder, features, variance_share=own["variance_share"], importance_share=own["importance_share"],
        noise=own["noise"], reconstruction_weight=own["reconstruction_weight"], pair_weight=own["pair_weight"],
        start_step=round(own["pair_start"] * steps), perturb=own.get("perturb", "non_discriminative"),
        optimiser=own["optimiser"], decoder_rate=own["decoder_learning_rate"] / own["learning_rate"],
    )  # fmt: skip


def pretraining(settings: Settings, arm: str, seed: int) -> Job:
    """The recipe of one pretrained arm, for any process."""
    corpus = open_images(settings)
    rows = rows_of(corpus).pretrain
    epochs = passes(settings, len(rows), arm)
    plan = TrainingPlan(
        epochs=epochs, batch_size=settings["batch_size"], learning_rate=settings["learning_rate"],
        optimiser=settings["optimiser"], weight_decay=settings["weight_decay"],
        warmup_epochs=settings["warmup_epochs"], seed=seed, precision=settings["precision"],
    )  # fmt: skip
    method = make_method(settings, arm, steps_of(settings, len(rows), arm), seed)
    return Job(method, corpus, rows, plan, device=settings["device"])


def steps_of(settings: Settings, images: int, arm: str) -> int:
    """Optimiser steps of an arm's run."""
    return passes(settings, images, arm) * max(1, images // settings["batch_size"])


def encoder_passes(settings: Settings, images: int, arm: str) -> int:
    """Batches that go forward through an encoder in an arm's run, the momentum network's included."""
    steps = steps_of(settings, images, arm)
    with_pairs = 0 if arm in BASES or settings["pair_weight"] == 0 else steps - round(settings["pair_start"] * steps)
    return 2 * (steps + with_pairs)
