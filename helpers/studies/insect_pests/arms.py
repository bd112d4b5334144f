"""One arm of the study: its pictures, views, encoder and method, as a recipe that any process can follow."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from helpers.data.corpora.images import image_corpus
from helpers.data.corpora.kernels import KernelDrawing, drawn_kernels
from helpers.data.corpora.masks import only_images
from helpers.data.corpora.pests import PestDrawing, pest_corpus
from helpers.data.corpus import Corpus
from helpers.data.foreground import find_foreground, segmented
from helpers.data.labelled_rows import LabelledRows, labelled_rows
from helpers.evaluation.fine_tuning import Classifier
from helpers.evaluation.frozen import Augmented
from helpers.evaluation.segmentation import iou
from helpers.methods.barlow_twins import BarlowTwins
from helpers.methods.byol import BYOL
from helpers.methods.joint_embedding import JointEmbedding
from helpers.methods.nnclr import NNCLR
from helpers.networks.image_encoders import image_encoder
from helpers.processes import Job
from helpers.training import TrainingPlan, train
from helpers.views.images import ImageViews

Settings = dict[str, Any]  # the study's parameters as plain values, without seeds, workers and the like
KERNELS_EACH = 20  # kernels an ear of the transfer corpus


@lru_cache(maxsize=2)
def _corpus(name: str, data_root: str, image_size: int, train: int, test: int, imbalance: float) -> Corpus:
    return pest_corpus(name, data_root, image_size, PestDrawing(train, test, imbalance))


@lru_cache(maxsize=2)
def _segmented(*which: Any, method: str) -> tuple[Corpus, Any]:
    return segmented(in_colour(only_images(_corpus(*which))), method)


def _which(settings: Settings) -> tuple[Any, ...]:
    return tuple(settings[k] for k in ("corpus", "data_root", "image_size", "drawn_train", "drawn_test", "imbalance"))


def open_corpus(settings: Settings) -> Corpus:
    """The run's corpus, loading pictures and exact masks."""
    return _corpus(*_which(settings))


def open_input(settings: Settings, kind: str) -> Corpus:
    """The pictures alone, ``"raw"`` or ``"segmented"``, in colour."""
    if kind == "raw":
        return in_colour(only_images(open_corpus(settings)))
    return _segmented(*_which(settings), method=settings["segmentation"])[0]


def found_masks(settings: Settings, rows: np.ndarray) -> Tensor:
    """The foreground that segmentation found, float32 (B, 1, H, W), 0 or 1."""
    return _segmented(*_which(settings), method=settings["segmentation"])[1](rows)


def masks_by(settings: Settings, rows: np.ndarray, method: str) -> Tensor:
    """The same by any method, found for these pictures alone: another method's whole corpus takes far longer."""
    pictures = open_input(settings, "raw").load(rows)
    assert isinstance(pictures, Tensor)
    return torch.from_numpy(find_foreground((pictures * 255).round().to(torch.uint8).numpy(), method)).float()


def segmentation_scores(settings: Settings, rows: np.ndarray) -> np.ndarray:
    """Intersection over union of found and exact masks, (m,), of those of the rows that have an exact one."""
    corpus = open_corpus(settings)
    known = rows[corpus.table["has_mask"].to_numpy()[rows]]
    if len(known) == 0:
        return np.zeros(0)
    exact = corpus.load(known)
    assert isinstance(exact, dict)
    return iou(found_masks(settings, known), exact["mask"]).numpy()


def in_colour(corpus: Corpus) -> Corpus:
    """The same pictures with three channels: every encoder here has three, for grey pictures too."""
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
    """The views of pre-training: crops at any right angle, SimCLR's colour changes, seldom a blur."""
    views = ImageViews(settings["image_size"], crop_scale=(0.4, 1.0), right_angles=True, hue=0.2, gray=0.3, blur=0.1)
    strength = settings["augmentation_strength"]
    return views.scaled(strength) if strength != 1 else views


def gentle_views(settings: Settings) -> ImageViews:
    """The views of all training with labels: larger crops, half the colour changes, no blur."""
    return ImageViews(settings["image_size"], crop_scale=(0.6, 1.0), right_angles=True, brightness=0.2, contrast=0.2,
                      saturation=0.2, hue=0.05, gray=0.05, blur=0.0)  # fmt: skip


def make_encoder(settings: Settings, encoder: str, seed: int, weights: str = "") -> tuple[nn.Module, int]:
    """An encoder at its start, the same for every arm of a seed, and the size of its embedding."""
    torch.manual_seed(seed)
    return image_encoder(encoder, 3, settings["image_size"], weights)


def passes(settings: Settings, images: int) -> int:
    """Epochs over so many images: ``epochs``, or as many as make ``least_steps``."""
    steps = max(1, images // settings["batch_size"])
    return max(settings["epochs"], math.ceil(settings["least_steps"] / steps))


def pretraining(settings: Settings, method: str, encoder: str, kind: str, seed: int) -> Job:
    """The recipe of one pretrained arm, for any process."""
    corpus = open_input(settings, kind)
    rows = rows_of(corpus).pretrain
    epochs = passes(settings, len(rows))
    steps = epochs * max(1, len(rows) // settings["batch_size"])
    plan = _plan(settings, epochs, settings[f"{method}_learning_rate"], seed)
    return Job(_method(settings, method, encoder, steps, seed), corpus, rows, plan, device=settings["device"])


def transferred(settings: Settings, encoder: str, seed: int) -> tuple[nn.Module, int, float]:
    """An encoder trained with labels on another corpus, its size, and its accuracy there; NaN for weights from a file.

    It takes as many optimiser steps at the same batch size as pre-training does here.
    """
    first = encoder == settings["encoders"][0]
    network, features = make_encoder(settings, encoder, seed, settings["transfer_weights"] if first else "")
    if settings["transfer_weights"] and first:
        return network, features, math.nan
    corpus, labels = transfer_corpus(settings)
    images = len(rows_of(open_input(settings, "raw")).pretrain)
    steps = passes(settings, images) * max(1, images // settings["batch_size"])
    asked = np.random.default_rng(0).permutation(len(corpus))
    held, rows = asked[: len(corpus) // 6], np.sort(asked[len(corpus) // 6 :])
    epochs = max(1, round(steps / max(1, len(rows) // settings["batch_size"])))
    classifier = Classifier(Augmented(network, gentle_views(settings)), features, int(labels.max()) + 1)
    train(classifier, _with_labels(corpus, labels), rows, _plan(settings, epochs, 2e-3, seed), label="transfer source",
          device=settings["device"])  # fmt: skip
    classifier.eval()
    with torch.no_grad():
        device = classifier.head.weight.device
        right = [classifier.logits(corpus.load(part).to(device)).argmax(1).cpu() == labels[part]  # type: ignore[union-attr]
                 for part in np.array_split(held, max(1, len(held) // 256))]  # fmt: skip
    return network, features, float(torch.cat(right).double().mean())


@lru_cache(maxsize=1)
def _transfer_source(name: str, images: int, size: int) -> tuple[Corpus, Tensor]:
    if name == "kernels":
        corpus = drawn_kernels(KernelDrawing(max(6, images // KERNELS_EACH), KERNELS_EACH), size)
        named = corpus.table["group"] + " " + corpus.table["label"]
        labels = torch.from_numpy(named.astype("category").cat.codes.to_numpy(np.int64).copy())
        return in_colour(only_images(corpus)), labels
    digits = image_corpus("digits")
    chosen = np.sort(np.random.default_rng(0).permutation(len(digits))[:images])
    some = digits.select(chosen)
    load = some.load

    def resized(rows: np.ndarray) -> Tensor:
        pixels = load(rows)
        assert isinstance(pixels, Tensor)
        return nn.functional.interpolate(pixels, (size, size), mode="bilinear").expand(-1, 3, -1, -1)

    labels = torch.from_numpy(some.table["label"].astype(int).to_numpy().copy())
    return replace(some, load=resized), labels


def transfer_corpus(settings: Settings) -> tuple[Corpus, Tensor]:
    """The labelled corpus that the transferred encoder learns from, and its classes, int64."""
    return _transfer_source(settings["transfer_corpus"], settings["transfer_images"], settings["image_size"])


def _with_labels(corpus: Corpus, labels: Tensor) -> Corpus:
    load = corpus.load

    def both(rows: np.ndarray) -> dict[str, Tensor]:
        pixels = load(rows)
        assert isinstance(pixels, Tensor)
        return {"input": pixels, "label": labels[torch.as_tensor(rows)]}

    return replace(corpus, load=both)


def _plan(settings: Settings, epochs: int, learning_rate: float, seed: int) -> TrainingPlan:
    return TrainingPlan(
        epochs=epochs, batch_size=settings["batch_size"], learning_rate=learning_rate, optimiser="adamw",
        weight_decay=settings["weight_decay"], warmup_epochs=settings["warmup_epochs"], seed=seed,
        precision=settings["precision"],
    )  # fmt: skip


def _method(settings: Settings, name: str, encoder: str, steps: int, seed: int) -> JointEmbedding:
    """A method at its start, with each paper's form of projector at the study's sizes."""
    network, features = make_encoder(settings, encoder, seed)
    views, size = make_views(settings), {"hidden": settings["hidden"], "projection": settings["projection"]}
    if name == "nnclr":
        queue, temperature = settings["queue"], settings["temperature"]
        return NNCLR(network, features, views, temperature=temperature, queue=queue, **size)
    if name == "byol":
        return BYOL(network, features, views, momentum=settings["momentum"], steps=steps, **size)
    return BarlowTwins(network, features, views, redundancy=settings["redundancy"], **size)


def checkpoint_of(folder: str, name: str) -> Path | None:
    """Where a long run keeps its state; None where it is not kept."""
    return Path(folder) / f"{name}.pt" if folder else None
