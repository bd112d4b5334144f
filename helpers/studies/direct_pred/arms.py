"""One arm of the study: its data, views, encoder and method, as a recipe that any process can follow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from helpers.data.corpora.images import image_corpus
from helpers.data.corpus import Corpus, split_by_subject
from helpers.errors import StudyError
from helpers.evaluation.probes import label_subset
from helpers.methods.direct_pred import Arm, DirectPred, alignment, matched_eigenvectors
from helpers.methods.method import Method
from helpers.networks.heads import LinearPredictor
from helpers.networks.image_encoders import image_encoder
from helpers.processes import Job
from helpers.training import TrainingPlan
from helpers.views.images import ImageViews

Settings = dict[str, Any]  # the study's parameters as plain values, without seeds, workers and the like
VALIDATION_SHARE = 0.2  # of the training subjects, for the probes' penalty


@dataclass(frozen=True)
class Rows:
    """Positions of a corpus's samples by what they are for; labels only ever come from ``train`` and ``validation``.

    Attributes:
        pretrain: images without labels: training, validation and unlabelled samples.
        train: labelled, for probes.
        validation: labelled, for choosing a probe's penalty.
        test: only ever predicted.
    """

    pretrain: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


@lru_cache(maxsize=2)
def _corpus(name: str, data_root: str, image_size: int) -> Corpus:
    return image_corpus(name, data_root, image_size)


def open_corpus(settings: Settings) -> Corpus:
    """The run's corpus."""
    return _corpus(settings["corpus"], settings["data_root"], settings["image_size"])


def classes_of(corpus: Corpus) -> tuple[list[str], np.ndarray]:
    """Class names and the class of every sample, int64, −1 where unlabelled."""
    labels = corpus.table["label"]
    names = sorted(labels.dropna().unique())
    return names, pd.Categorical(labels, categories=names).codes.astype(np.int64)


def one_a_class(corpus: Corpus, rows: np.ndarray, at_most: int = 10) -> np.ndarray:
    """The first of these rows of each class, for pictures."""
    classes = classes_of(corpus)[1][rows]
    return np.array([rows[np.flatnonzero(classes == c)[0]] for c in np.unique(classes)[:at_most]])


def rows_of(corpus: Corpus, settings: Settings) -> Rows:
    """Who is pretrained on, probed with and tested on; a fifth of the training subjects is validation."""
    labels = classes_of(corpus)[1]
    train = corpus.rows("train")
    limit = settings["train_limit"]
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
    return Rows(np.sort(np.concatenate([train, validation, unlabelled])), train, validation, test)


def make_views(settings: Settings, channels: int, size: int) -> ImageViews:
    """The study's augmentation: for grey images shape and light, for colour SimCLR's."""
    kind = settings["augmentation"]
    if kind == "grey" or (kind == "auto" and channels == 1):
        views = ImageViews(size, crop_scale=(0.5, 1.0), flip=0.0, rotation=20.0, shear=15.0, saturation=0.0, hue=0.0,
                           gray=0.0, blur=0.0)  # fmt: skip
    else:
        views = ImageViews(size, blur=0.5 if size >= 48 else 0.0)
    return views.scaled(settings["augmentation_strength"]) if settings["augmentation_strength"] != 1 else views


def image_shape(corpus: Corpus) -> tuple[int, int]:
    """Channels and side of a corpus's images, pixels."""
    first = corpus.load(np.array([0]))
    if not isinstance(first, Tensor):
        raise TypeError("an image corpus loads one tensor")
    return first.shape[1], first.shape[-1]


def arm_of(settings: Settings, predictor: str, target: str = "ema") -> Arm:
    """An arm by its predictor and its target: ``"ema"``, ``"no_ema"`` (stop-gradient alone) or ``"no_stop"``."""
    return Arm(
        predictor=predictor,  # type: ignore[arg-type]
        ema=settings["ema"] if target == "ema" else None,
        stop_gradient=target != "no_stop",
        rho=settings["rho"],
        epsilon=settings["copy_epsilon" if predictor == "direct_copy" else "epsilon"],
        every=settings["every"],
    )


def make_encoder(settings: Settings, corpus: Corpus, seed: int) -> tuple[nn.Module, int]:
    """The run's encoder at its start, the same for every arm of a seed, and the size of its embedding."""
    torch.manual_seed(seed)
    return image_encoder(settings["encoder"], *image_shape(corpus), settings["encoder_weights"])


def pretraining(settings: Settings, predictor: str, target: str, seed: int, epochs: int, weight_decay: float) -> Job:
    """The recipe of one arm, for any process."""
    corpus = open_corpus(settings)
    channels, size = image_shape(corpus)
    encoder, embedding_size = make_encoder(settings, corpus, seed)
    method = DirectPred(
        encoder, embedding_size, make_views(settings, channels, size), arm_of(settings, predictor, target),
        hidden=settings["hidden"], projection=settings["projection"],
    )  # fmt: skip
    plan = TrainingPlan(
        epochs=epochs, batch_size=settings["batch_size"], learning_rate=settings["learning_rate"], optimiser="sgd",
        weight_decay=weight_decay, warmup_epochs=settings["warmup_epochs"], seed=seed,
    )  # fmt: skip
    return Job(method, corpus, rows_of(corpus, settings).pretrain, plan, eigenspaces, settings["device"])


def eigenspaces(method: Method) -> dict[str, float]:
    """How far a linear predictor's eigenspaces agree with F's, logged after every epoch."""
    if not isinstance(method, DirectPred) or not isinstance(method.predictor, LinearPredictor):
        return {}
    weight, moment = method.predictor.weight.detach().cpu(), method.moment.cpu()
    s = torch.linalg.eigvalsh(moment).flip(0).clamp(min=0)
    share = s / s.sum().clamp(min=1e-12)
    cosine = float((share * matched_eigenvectors(weight, moment)).sum())
    return {"alignment": alignment(weight, moment), "cosine": cosine}
