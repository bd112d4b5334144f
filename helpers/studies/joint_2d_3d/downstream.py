"""What one pretrained encoder is worth: fine-tuned for segmentation at every label fraction, and frozen."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.data.corpora.volumes import voxel_spacing
from helpers.data.corpus import Corpus
from helpers.data.labelled_rows import label_subset, repeated
from helpers.evaluation.volume_segmentation import Window, fine_tune_volumes, volume_scores
from helpers.networks.slice_transformer import VolumeEncoder, slices_of
from helpers.networks.unet import listening
from helpers.studies.joint_2d_3d.arms import (
    Settings,
    VolumeRows,
    classes,
    fine_tune_views,
    masks_of,
    volumes_of,
)
from helpers.training import History, TrainingPlan

FINE_TUNE_DECAY = 1e-2  # weight decay of fine-tuning, every arm
SHOWN = 3  # test subjects whose predicted masks are kept for the figures
MEASURES = ("dice", "iou", "surface_mm")
PENALTIES = (1.0, 10.0, 100.0, 1000.0)  # of the ridge regression on frozen features


def worth(
    encoder: VolumeEncoder, corpus: Corpus, rows: VolumeRows, settings: Settings, seed: int, part: str = "test"
) -> dict[str, Any]:
    """Segmentation from one encoder.

    Args:
        encoder: is copied and left as it was.
        corpus, rows: of the run.
        settings: of the run.
        seed: of the share's draw and of the training.
        part: ``"test"``; ``"validation"`` for choosing settings.

    Returns:
        ``dice``, ``iou``, ``surface_mm``: by label fraction as text, float64 (subjects, classes − 1); ``shown``:
        predicted classes of the first :data:`SHOWN` subjects by fraction, uint8; ``frozen``: see :func:`slice_r2`.
    """
    found: dict[str, Any] = {measure: {} for measure in (*MEASURES, "shown")}
    asked = getattr(rows, part)
    truth = masks_of(corpus, asked)
    for fraction in settings["label_fractions"]:
        predicted = segmented(encoder, corpus, rows.train, asked, settings, fraction, seed)
        scores = volume_scores(predicted, truth, classes(corpus), voxel_spacing(corpus))
        for measure in MEASURES:
            found[measure][str(fraction)] = scores[measure]
        found["shown"][str(fraction)] = predicted[:SHOWN]
    found["frozen"] = slice_r2(encoder, corpus, rows.train, rows.validation, asked)
    return found


def segmented(
    encoder: VolumeEncoder, corpus: Corpus, train: np.ndarray, asked: np.ndarray, settings: Settings, fraction: float,
    seed: int,
) -> Tensor:  # fmt: skip
    """Predicted classes of the asked rows after fine-tuning on a share of the training subjects, uint8 (m, D, H, W)."""
    some = train[label_subset(np.zeros(len(train)), fraction, seed)]
    steps, batch = settings["fine_tune_steps"], settings["fine_tune_batch"]
    plan = TrainingPlan(1, batch, settings["fine_tune_rate"], weight_decay=FINE_TUNE_DECAY, clip=5.0, seed=seed)
    parts = {"train": repeated(some, steps * batch, seed), "test": asked}
    window = Window(min(settings["window_slices"], settings["depth"]), settings["window_overlap"])
    return fine_tune_volumes(encoder, corpus, parts, classes(corpus), plan, window, fine_tune_views(settings),
                             settings["foreground_weight"], device=settings["device"])  # fmt: skip


@torch.no_grad()
def slice_features(encoder: VolumeEncoder, corpus: Corpus, rows: np.ndarray) -> Tensor:
    """Pooled feature maps and embedding of all slices under a frozen slice encoder, float32 (n, D, F)."""
    tokens = encoder.tokens
    modes = [(module, module.training) for module in encoder.modules()]
    encoder.eval()
    parts = []
    for part in np.array_split(rows, -(-len(rows) // 8)):
        volumes = volumes_of(corpus, part)
        with listening(tokens.encoder, tokens.taps) as heard:
            embedding = tokens.encoder(slices_of(volumes))
        pooled = [*(heard[name].mean(dim=(2, 3)) for name in tokens.taps), embedding]
        parts.append(torch.cat(pooled, dim=1).unflatten(0, (len(part), -1)))
    for module, training in modes:
        module.training = training
    return torch.cat(parts)


def slice_r2(
    encoder: VolumeEncoder, corpus: Corpus, train: np.ndarray, validation: np.ndarray, asked: np.ndarray
) -> float:
    """How much of each class's share of a slice a ridge regression on frozen features explains, R² over asked slices.

    The penalty is chosen on validation subjects (on training ones where there are none). Below 1; 0 for a constant
    guess.
    """
    x = {name: slice_features(encoder, corpus, rows).flatten(0, 1).double()
         for name, rows in (("train", train), ("validation", validation if len(validation) else train),
                            ("asked", asked))}  # fmt: skip
    y = {name: _shares(corpus, rows)
         for name, rows in (("train", train), ("validation", validation if len(validation) else train),
                            ("asked", asked))}  # fmt: skip
    mean, scale = x["train"].mean(0), x["train"].std(0).clamp(min=1e-6)
    x = {name: F.pad(((values - mean) / scale).clamp(-5, 5), (0, 1), value=1.0) for name, values in x.items()}
    gram, cross = x["train"].mT @ x["train"], x["train"].mT @ y["train"]
    fitted = [torch.linalg.solve(gram + penalty * torch.eye(len(gram), dtype=gram.dtype), cross)
              for penalty in PENALTIES]  # fmt: skip
    best = max(fitted, key=lambda weights: _r2(x["validation"] @ weights, y["validation"]))
    return _r2(x["asked"] @ best, y["asked"])


def _shares(corpus: Corpus, rows: np.ndarray) -> Tensor:
    """Share of each slice that each class covers, float64 (n·D, classes − 1)."""
    masks = masks_of(corpus, rows)
    return torch.stack([(masks == c).double().mean(dim=(2, 3)).flatten() for c in range(1, classes(corpus))], dim=1)


def _r2(predicted: Tensor, truth: Tensor) -> float:
    rest = (predicted - truth).square().sum(0)
    total = (truth - truth.mean(0)).square().sum(0)
    there = total > 0
    return float((1 - rest[there] / total[there]).mean()) if bool(there.any()) else 0.0


def collapse(history: History) -> dict[str, Any]:
    """What the collapse watch saw of a pretraining."""
    return {
        "history": history.epochs, "watch": history.collapse_watch(),
        "collapsed": bool(history.spread and history.spread.collapsed()),
        "spread": asdict(history.spread) if history.spread else {},
    }  # fmt: skip
