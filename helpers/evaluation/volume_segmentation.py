"""Segmentation of volumes: a slice-wise U-Net with volume context, fine-tuned and scored with MONAI.

MONAI (Cardoso et al., arXiv 2211.02701) gives the loss (Dice + cross-entropy), sliding windows and surface distances.
It takes seconds to import, so it is imported where it is used.
"""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.data.corpus import Corpus
from helpers.evaluation.segmentation import dice, iou
from helpers.methods.method import Method
from helpers.networks.slice_transformer import VolumeEncoder
from helpers.networks.volume_unet import VolumeUNet
from helpers.training import TrainingPlan, train
from helpers.views.volumes import VolumeViews


class VolumeSegmenter(Method):
    """A network under MONAI's Dice + cross-entropy.

    Batches carry ``"input"`` (B, 1, D, H, W) and ``"mask"`` (B, D, H, W).

    Args:
        network: volumes to logits (B, classes, D, H, W).
        classes: background included.
        views: random views of volume and mask alike; None for the volumes as they are.
        foreground: weight of every class but the background in both parts of the loss, > 0. With 1 a small class may
            be given up early for a neighbour that looks like it, and its Dice then has no slope to come back by.
    """

    def __init__(
        self, network: VolumeUNet, classes: int, views: VolumeViews | None = None, foreground: float = 1.0
    ) -> None:
        from monai.losses import DiceCELoss

        super().__init__()
        self.network, self.classes, self.views = network, classes, views
        self.encoder = network.tokens.encoder
        weights = torch.tensor([1.0] + [foreground] * (classes - 1))
        self.criterion = DiceCELoss(softmax=True, include_background=False, batch=True, weight=weights)

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        volumes = batch["input"]
        target = F.one_hot(batch["mask"], self.classes).movedim(-1, 1).to(volumes)  # (B, classes, D, H, W)
        if self.views is not None:
            volumes, target = self.views.with_mask(volumes, target)  # a voxel may be of several classes in part
        return {"loss": self.criterion(self.network(volumes), target)}


@dataclass(frozen=True)
class Window:
    """How a volume is predicted: in windows of so many slices that overlap.

    Attributes:
        depth: slices of a window.
        overlap: share of a window that the next one sees again, in [0, 1); overlapping predictions are averaged, the
            middle of a window counting most.
    """

    depth: int
    overlap: float = 0.25


def fine_tune_volumes(
    encoder: VolumeEncoder,
    corpus: Corpus,
    rows: dict[str, np.ndarray],
    classes: int,
    plan: TrainingPlan,
    window: Window,
    views: VolumeViews | None = None,
    foreground: float = 1.0,
    checkpoint: Path | None = None,
    device: str = "cpu",
) -> Tensor:
    """Train a :class:`VolumeUNet` on a copy of an encoder, end to end, and predict the classes of the test rows.

    Args:
        encoder: slice encoder, tokens and transformer; it is copied and left as it was.
        corpus: of volumes (:mod:`helpers.data.corpora.volumes`).
        rows: positions under ``"train"`` and ``"test"``; a training row must have a mask and may stand several times.
        classes: background included.
        plan: how to train.
        window: of the prediction.
        views, foreground: see :class:`VolumeSegmenter`.
        checkpoint: file to write to and resume from.
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``.

    Returns:
        Classes, uint8 (m, D, H, W), on the CPU.

    Raises:
        StudyError: what :func:`helpers.training.train` refuses.
        ValueError: a training row without a mask.
    """
    if not corpus.table["has_mask"].to_numpy()[rows["train"]].all():
        raise ValueError("a training row has no mask; leave rows without one out")
    torch.manual_seed(plan.seed)
    held = copy.deepcopy(encoder)
    first = corpus.load(rows["train"][:1])
    assert isinstance(first, dict)
    network = VolumeUNet(held.tokens, held.transformer, 1, first["input"].shape[-1], classes)
    segmenter = VolumeSegmenter(network, classes, views, foreground)
    train(segmenter, corpus, rows["train"], plan, label="segmentation", checkpoint=checkpoint, device=device)
    return predict_volumes(network, corpus, rows["test"], window)


@torch.no_grad()
def predict_volumes(
    network: nn.Module, corpus: Corpus, rows: np.ndarray, window: Window, batch_size: int = 4
) -> Tensor:
    """Most probable class of each voxel by MONAI's sliding window, in evaluation mode, uint8 (m, D, H, W)."""
    from monai.inferers import sliding_window_inference

    network.eval()
    device = next(network.parameters()).device
    parts = []
    for start in range(0, len(rows), batch_size):
        loaded = corpus.load(rows[start : start + batch_size])
        assert isinstance(loaded, dict)
        volumes = loaded["input"].to(device)
        roi = (window.depth, *volumes.shape[3:])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch, on how MONAI indexes
            logits = sliding_window_inference(volumes, roi, 2 * batch_size, network, overlap=window.overlap,
                                              mode="gaussian")  # fmt: skip
        assert isinstance(logits, Tensor)
        parts.append(logits.argmax(dim=1).to(torch.uint8).cpu())
    return torch.cat(parts)


def volume_scores(predicted: Tensor, truth: Tensor, classes: int, spacing: float) -> dict[str, Tensor]:
    """How well volumes are marked, each class but the background on its own.

    Args:
        predicted, truth: classes, integers (n, D, H, W).
        classes: background included.
        spacing: of the voxels, mm, the same along every axis.

    Returns:
        ``"dice"`` and ``"iou"``: (n, classes − 1) in [0, 1], 1 where a class is in neither. ``"surface_mm"``: mean
        distance between the two surfaces, both ways, mm (MONAI's average symmetric surface distance); NaN where a
        class is missing from either, as a distance to nothing is not defined.
    """
    pairs = [(predicted == c, truth == c) for c in range(1, classes)]
    return {
        "dice": torch.stack([dice(a, b) for a, b in pairs], dim=1),
        "iou": torch.stack([iou(a, b) for a, b in pairs], dim=1),
        "surface_mm": torch.stack([_surface_distance(a, b, spacing) for a, b in pairs], dim=1),
    }


def _surface_distance(predicted: Tensor, truth: Tensor, spacing: float) -> Tensor:
    """(n,) float64."""
    from monai.metrics import compute_average_surface_distance

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that are missing (NaN says so), and of MONAI on itself
        found: Any = compute_average_surface_distance(
            predicted[:, None].float(), truth[:, None].float(), include_background=True, symmetric=True,
            spacing=[spacing] * 3,
        )  # fmt: skip
    values = torch.as_tensor(found)[:, 0].double()
    return torch.where(values.isfinite(), values, torch.nan)
