"""How a method is trained: length, optimiser, learning-rate schedule and seed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn


@dataclass(frozen=True)
class TrainingPlan:
    """How long, how fast and from which seed a method is trained.

    Attributes:
        epochs: passes over the training rows, >= 0.
        batch_size: samples a step over all processes and accumulated parts together; a last, smaller batch is dropped
            unless it is the only one.
        learning_rate: peak learning rate.
        optimiser: ``"sgd"`` (momentum 0.9), ``"adam"`` or ``"adamw"``.
        weight_decay: as the optimiser has it.
        decay_vectors: whether weight decay also falls on biases, norms and other parameters of one dimension.
        schedule: ``"constant"`` or ``"cosine"`` (to 0 over all steps).
        warmup_epochs: epochs of linear warm-up.
        clip: largest gradient norm; None for no clipping.
        accumulation: parts that a batch is computed in, >= 1.
        precision: ``"fp32"`` or ``"bf16"`` (autocast).
        seed: of the order of samples and of all randomness inside the method.
        patience: epochs without a better ``validation_loss`` before training stops and the best weights return;
            None to train to the end and keep the last weights.
        checkpoint_seconds: time between checkpoints, where a checkpoint file is given.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    optimiser: Literal["sgd", "adam", "adamw"] = "adamw"
    weight_decay: float = 0.0
    decay_vectors: bool = True
    schedule: Literal["constant", "cosine"] = "cosine"
    warmup_epochs: float = 0.0
    clip: float | None = None
    accumulation: int = 1
    precision: Literal["fp32", "bf16"] = "fp32"
    seed: int = 0
    patience: int | None = None
    checkpoint_seconds: float = 20.0


def learning_rate_at(plan: TrainingPlan, epoch: float) -> float:
    """Learning rate at a fractional epoch in [0, epochs): linear from 0 in the warm-up, then the schedule.

    The first step of a warm-up takes a thousandth of an epoch's rise, so that no step is lost.
    """
    if epoch < plan.warmup_epochs:
        return plan.learning_rate * min(1.0, (epoch + 1e-3) / plan.warmup_epochs)
    if plan.schedule == "constant":
        return plan.learning_rate
    share = (epoch - plan.warmup_epochs) / max(plan.epochs - plan.warmup_epochs, 1e-9)
    return plan.learning_rate * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))


def optimiser_of(method: nn.Module, plan: TrainingPlan) -> torch.optim.Optimizer:
    """The plan's optimiser over the method's trainable parameters, in PyTorch's fused form."""
    trained = [p for p in method.parameters() if p.requires_grad]
    matrices = [p for p in trained if p.ndim > 1 or plan.decay_vectors]
    vectors = [p for p in trained if p.ndim <= 1 and not plan.decay_vectors]
    groups: list[dict[str, Any]] = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    if plan.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=plan.learning_rate, momentum=0.9, weight_decay=plan.weight_decay, fused=True)
    kind = torch.optim.Adam if plan.optimiser == "adam" else torch.optim.AdamW
    return kind(groups, lr=plan.learning_rate, weight_decay=plan.weight_decay, fused=True)
