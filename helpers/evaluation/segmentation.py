"""Segmentation: overlap of masks, and a U-Net fine-tuned from an encoder on the masks there are."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from helpers.data.corpus import Corpus
from helpers.methods.method import Method
from helpers.networks.unet import UNet
from helpers.training import TrainingPlan, train
from helpers.views.images import ImageViews


def dice(predicted: Tensor, target: Tensor) -> Tensor:
    """Dice's coefficient of each pair of masks, 2|A∩B| / (|A| + |B|), (n,) in [0, 1]; 1 where both are empty.

    Args:
        predicted: masks, bool or 0/1, (n, ...). Not probabilities: cut them at a threshold first.
        target: masks of the same shape.

    Raises:
        ValueError: other shapes, or values besides 0 and 1.
    """
    both, either = _overlap(predicted, target)
    return torch.where(both + either > 0, 2 * both / (both + either).clamp(min=1), 1.0)


def iou(predicted: Tensor, target: Tensor) -> Tensor:
    """Intersection over union of each pair of masks, |A∩B| / |A∪B|, (n,) in [0, 1]; 1 where both are empty.

    Args and errors are those of :func:`dice`; iou = dice / (2 − dice).
    """
    both, either = _overlap(predicted, target)
    return torch.where(either > 0, both / either.clamp(min=1), 1.0)


def _overlap(predicted: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels in both masks and in either, float64 (n,)."""
    if predicted.shape != target.shape:
        raise ValueError(f"masks of the shapes {tuple(predicted.shape)} and {tuple(target.shape)} do not pair")
    for masks in (predicted, target):
        if masks.dtype != torch.bool and not bool(((masks == 0) | (masks == 1)).all()):
            raise ValueError("masks hold 0 and 1 only; cut probabilities at a threshold first")
    a, b = predicted.flatten(1).bool(), target.flatten(1).bool()
    return (a & b).sum(1).double(), (a | b).sum(1).double()


class Segmenter(Method):
    """U-Net under binary cross-entropy. Batches carry ``"input"`` (B, C, H, W) and ``"mask"`` (B, 1, H, W), 0 or 1.

    Args:
        network: images to logits (B, 1, H, W).
        views: random views of image and mask alike while training; None for the images as they are.
    """

    def __init__(self, network: UNet, views: ImageViews | None = None) -> None:
        super().__init__()
        self.network, self.views = network, views
        self.encoder = network.encoder

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        images, masks = batch["input"], batch["mask"]
        if self.views is not None:
            images, masks = self.views.with_mask(images, masks)
        return {"loss": nn.functional.binary_cross_entropy_with_logits(self.network(images), masks)}


def fine_tune_unet(
    encoder: nn.Module,
    corpus: Corpus,
    rows: dict[str, np.ndarray],
    plan: TrainingPlan,
    views: ImageViews | None = None,
    checkpoint: Path | None = None,
    device: str = "cpu",
) -> Tensor:
    """Train a U-Net on a copy of an encoder, end to end, and predict the masks of the test rows.

    Args:
        encoder: through feature maps; it is copied and left as it was.
        corpus: whose ``load`` gives ``{"input": …, "mask": …}``.
        rows: positions under ``"train"`` and ``"test"``; a training row must have a mask. A row may stand several
            times under ``"train"``.
        plan: how to train.
        views: of image and mask alike, see :class:`Segmenter`.
        checkpoint: file to write to and resume from.
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``.

    Returns:
        Probabilities of the test rows, float32 (m, 1, H, W) in [0, 1], on the CPU.

    Raises:
        StudyError: what :func:`helpers.training.train` refuses.
        ValueError: a training row without a mask.
    """
    if "has_mask" in corpus.table.columns and not corpus.table["has_mask"].to_numpy()[rows["train"]].all():
        raise ValueError("a training row has no mask; leave rows without one out")
    first = corpus.load(rows["train"][:1])
    if not isinstance(first, dict) or "mask" not in first:
        raise ValueError("the corpus loads no masks")
    _, channels, _, size = first["input"].shape
    torch.manual_seed(plan.seed)
    segmenter = Segmenter(UNet(copy.deepcopy(encoder), channels, size), views)
    train(segmenter, corpus, rows["train"], plan, label="segmentation", checkpoint=checkpoint, device=device)
    return predict_masks(segmenter.network, corpus, rows["test"])


@torch.no_grad()
def predict_masks(network: nn.Module, corpus: Corpus, rows: np.ndarray, batch_size: int = 128) -> Tensor:
    """Probabilities of these rows' pixels in evaluation mode, float32 (m, 1, H, W) in [0, 1], on the CPU."""
    network.eval()
    device = next(network.parameters()).device
    parts = []
    for start in range(0, len(rows), batch_size):
        batch = corpus.load(rows[start : start + batch_size])
        images = batch["input"] if isinstance(batch, dict) else batch
        parts.append(network(images.to(device)).sigmoid().float().cpu())
    return torch.cat(parts)
