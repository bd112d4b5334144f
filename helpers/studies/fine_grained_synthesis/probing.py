"""What an encoder of the study is worth: linear probe, retrieval, and where its saliency points."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from helpers.data.labelled_rows import classes_of
from helpers.evaluation.frozen import with_statistics
from helpers.evaluation.probes import LinearProbe, fitted_probe
from helpers.evaluation.retrieval import retrieve
from helpers.evaluation.saliency import pointing_game, saliency_maps
from helpers.methods.collapse import spread
from helpers.methods.embedding import embed
from helpers.studies.fine_grained_synthesis.arms import (
    Settings,
    make_encoder,
    open_corpus,
    open_images,
    pretraining,
    rows_of,
)
from helpers.training import History, train

PENALTIES = (1e-3, 1e-2, 1e-1)
SHOWN = 3  # test images whose saliency maps are kept for pictures


def measured(encoder: nn.Module, settings: Settings) -> dict[str, Any]:
    """Test scores of a frozen encoder.

    Returns:
        ``linear``: predicted classes of the test images, int16 (m,); ``rank1``, ``rank5``, ``average_precision``:
        retrieval among them, float (m,); ``validation``: linear accuracy and mean average precision on validation
        images; ``rank``: effective rank of the test features; where parts are marked, ``pointing`` and
        ``pointing_label_free``: hits and chances by name, (k,) each, and ``maps``: some saliency maps.
    """
    corpus = open_images(settings)
    rows, labels = rows_of(corpus), torch.as_tensor(classes_of(corpus)[1])
    x = {part: embed(encoder, corpus, getattr(rows, part)) for part in ("train", "validation", "test")}
    y = {part: labels[getattr(rows, part)] for part in x}
    probe = fitted_probe((x["train"], y["train"]), (x["validation"], y["validation"]), PENALTIES)
    held = probe.logits(x["validation"]).argmax(1) == y["validation"]
    test = retrieve(x["test"], y["test"])
    return {
        "linear": probe.logits(x["test"]).argmax(1).short(), "rank1": test.rank1, "rank5": test.rank5,
        "average_precision": test.average_precision, "rank": spread(x["test"]).effective_rank,
        "validation": {"linear": float(held.double().mean()),
                       "map": _mean_precision(x["validation"], y["validation"])},
        "maps": class_maps(encoder, probe, settings, shown_rows(settings)),
    } | _pointing(encoder, probe, settings)  # fmt: skip


def _mean_precision(features: Tensor, labels: Tensor) -> float:
    """Mean average precision; NaN where no two images are of one class."""
    if len(torch.unique(labels)) == len(labels):
        return float("nan")
    return float(retrieve(features, labels).average_precision.nanmean())


def shown_rows(settings: Settings) -> np.ndarray:
    """A few test images of different classes, those with marked parts first: the ones that pictures show."""
    corpus = open_corpus(settings)
    test, classes = rows_of(corpus).test, classes_of(corpus)[1]
    if "has_parts" in corpus.table:
        test = test[np.argsort(~corpus.table["has_parts"].to_numpy()[test], kind="stable")]
    first = np.sort(np.unique(classes[test], return_index=True)[1])
    every = max(1, len(first) // SHOWN)
    return test[first[::every][:SHOWN]]


def class_maps(encoder: nn.Module, probe: LinearProbe, settings: Settings, rows: np.ndarray) -> Tensor:
    """Saliency of the predicted class: its score above the mean of all classes' scores, float (k, H, W)."""
    device = next(encoder.parameters()).device
    mean, std, weight = probe.mean.to(device), probe.std.to(device), probe.weight.to(device)

    def score(features: Tensor) -> Tensor:
        logits = ((features.double() - mean) / std) @ weight[:-1] + weight[-1]
        best = logits.detach().argmax(1, keepdim=True)
        return (logits.gather(1, best)[:, 0] - logits.mean(1)).float()

    return _in_batches(encoder, settings, rows, score)


def label_free_maps(encoder: nn.Module, settings: Settings, rows: np.ndarray) -> Tensor:
    """Saliency without labels: what makes an image's features like those of its mirror image, float (k, H, W)."""
    device = next(encoder.parameters()).device
    corpus = open_images(settings)
    maps = []
    for part in np.array_split(rows, max(1, len(rows) // 128)):
        images = corpus.load(part)
        assert isinstance(images, Tensor)
        images = images.to(device)
        encoder.eval()
        with torch.no_grad():
            mirror = nn.functional.normalize(encoder(images.flip(-1)), dim=1)

        def alike(features: Tensor, mirror: Tensor = mirror) -> Tensor:
            return (nn.functional.normalize(features, dim=1) * mirror).sum(1)

        maps.append(saliency_maps(encoder, images, alike).cpu())
    return torch.cat(maps)


def _in_batches(encoder: nn.Module, settings: Settings, rows: np.ndarray, score: Any) -> Tensor:
    corpus, device = open_images(settings), next(encoder.parameters()).device
    maps = []
    for part in np.array_split(rows, max(1, len(rows) // 128)):
        images = corpus.load(part)
        assert isinstance(images, Tensor)
        maps.append(saliency_maps(encoder, images.to(device), score).cpu())
    return torch.cat(maps)


def _pointing(encoder: nn.Module, probe: LinearProbe, settings: Settings) -> dict[str, Any]:
    """The pointing game on all test images with marked parts, by class saliency and by the label-free one."""
    marked = marked_rows(settings)
    if len(marked) == 0:
        return {}
    loaded = open_corpus(settings).load(marked)
    assert isinstance(loaded, dict)
    parts, objects = loaded["parts"].amax(1), loaded["object"][:, 0]
    tolerance = round(settings["tolerance"] * settings["image_size"])
    by_class = pointing_game(class_maps(encoder, probe, settings, marked), parts, objects, tolerance)
    free = pointing_game(label_free_maps(encoder, settings, marked), parts, objects, tolerance)
    return {"pointing": by_class, "pointing_label_free": free}


def marked_rows(settings: Settings) -> np.ndarray:
    """Test images on which parts are marked."""
    corpus = open_corpus(settings)
    test = rows_of(corpus).test
    if "has_parts" not in corpus.table:
        return test[:0]
    return test[corpus.table["has_parts"].to_numpy()[test]]


def pretrained(settings: Settings, arm: str, seed: int, checkpoint: str = "") -> dict[str, Any]:
    """Pretrain one arm and measure it: one job of the grid."""
    job = pretraining(settings, arm, seed)
    started = time.process_time()
    history = train(job.method, job.corpus, job.rows, job.plan, device=job.device, label=arm,
                    checkpoint=Path(checkpoint) if checkpoint else None)  # fmt: skip
    seconds = time.process_time() - started
    return of_pretrained(job.method.encoder, history, settings) | {"cpu_seconds": seconds}


def of_pretrained(encoder: nn.Module, history: History, settings: Settings) -> dict[str, Any]:
    """What a pretrained encoder is worth, with its history."""
    watch = {"history": history.epochs, "watch": history.collapse_watch(),
             "collapsed": bool(history.spread and history.spread.collapsed())}  # fmt: skip
    return measured(encoder, settings) | watch


def start(settings: Settings, seed: int) -> dict[str, Any]:
    """The encoder at its start, frozen."""
    return measured(encoder_at_start(settings, seed), settings)


def encoder_at_start(settings: Settings, seed: int) -> nn.Module:
    """The encoder before any training here; a random one's batch norms have the statistics of training images."""
    encoder = make_encoder(settings, seed)[0]
    if settings["encoder_weights"]:
        return encoder.eval()
    corpus = open_images(settings)
    return with_statistics(encoder, corpus, rows_of(corpus).pretrain)
