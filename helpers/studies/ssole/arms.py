"""One run of the study: its data, views, encoder and method, as a recipe that any process can follow."""

from __future__ import annotations

import torch
from torch import nn

from helpers.data.corpus import Corpus
from helpers.data.labelled_rows import image_shape
from helpers.methods.barlow_twins import BarlowTwins
from helpers.methods.byol import BYOL
from helpers.methods.method import Method
from helpers.methods.simclr import SimCLR
from helpers.methods.ssole import SSOLE, NaiveOLE
from helpers.methods.vicreg import VICReg
from helpers.networks.image_encoders import image_encoder
from helpers.processes import Job
from helpers.studies.image_settings import Settings, open_corpus, rows_of
from helpers.training import TrainingPlan
from helpers.views.images import ImageViews
from helpers.views.usual import usual_views


def make_views(settings: Settings, corpus: Corpus) -> ImageViews:
    """The study's augmentation: for grey images shape and light, for colour SimCLR's."""
    return usual_views(settings["augmentation"], *image_shape(corpus), settings["augmentation_strength"])


def make_encoder(settings: Settings, corpus: Corpus, seed: int) -> tuple[nn.Module, int]:
    """The run's encoder at its start, the same for every method of a seed, and the size of its embedding."""
    torch.manual_seed(seed)
    return image_encoder(settings["encoder"], *image_shape(corpus), settings["encoder_weights"])


def make_method(settings: Settings, corpus: Corpus, name: str, views: int, seed: int) -> Method:
    """A method at its start, with the paper's projector of each at the study's sizes."""
    encoder, features = make_encoder(settings, corpus, seed)
    make = make_views(settings, corpus)
    size = {"hidden": settings["hidden"], "projection": settings["projection"], "count": views}
    if name == "ssole":
        return SSOLE(encoder, features, make, weight=settings["rank_weight"], **size)
    if name == "simclr":
        return SimCLR(encoder, features, make, temperature=settings["temperature"], **size)
    if name == "byol":
        return BYOL(encoder, features, make, momentum=settings["ema"], **size)
    if name == "barlow_twins":
        return BarlowTwins(encoder, features, make, **size)
    if name == "vicreg":
        return VICReg(encoder, features, make, **size)
    if name == "naive_ole":
        return NaiveOLE(encoder, features, make, **size)
    raise ValueError(f"no method of this study is called {name!r}")


def plan_of(settings: Settings, batch_size: int, seed: int) -> TrainingPlan:
    """The same passes for every run; the learning rate goes with the root of the batch size."""
    return TrainingPlan(
        epochs=settings["epochs"], batch_size=batch_size, optimiser=settings["optimiser"],
        learning_rate=settings["learning_rate"] * (batch_size / settings["batch_size"]) ** 0.5,
        weight_decay=settings["weight_decay"], warmup_epochs=settings["warmup_epochs"], seed=seed,
        precision=settings["precision"],
    )  # fmt: skip


def pretraining(settings: Settings, name: str, batch_size: int, views: int, seed: int) -> Job:
    """The recipe of one run, for any process."""
    corpus = open_corpus(settings)
    method = make_method(settings, corpus, name, views, seed)
    rows = rows_of(corpus, settings).pretrain
    return Job(method, corpus, rows, plan_of(settings, batch_size, seed), device=settings["device"])
