"""How a method is trained: length, optimiser, learning-rate schedule and seed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch

from helpers.methods.method import Method, ParameterGroup


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
        precision: ``"fp32"``, ``"bf16"`` (autocast), or ``"auto"``: what is faster on this machine, as
            :func:`helpers.precision.faster_precision` measures.
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
    precision: Literal["fp32", "bf16", "auto"] = "fp32"
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


def optimiser_of(method: Method, plan: TrainingPlan) -> torch.optim.Optimizer:
    """The plan's optimiser over all trainable parameters, in PyTorch's fused form; or the method's own groups."""
    own = method.parameter_groups()
    if own is not None:
        return GroupedOptimiser(own, plan)
    trained = [p for p in method.parameters() if p.requires_grad]
    matrices = [p for p in trained if p.ndim > 1 or plan.decay_vectors]
    vectors = [p for p in trained if p.ndim <= 1 and not plan.decay_vectors]
    groups: list[dict[str, Any]] = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    return _optimiser(plan.optimiser, groups, plan, momentum=0.9)


def _optimiser(kind: str, groups: list[dict[str, Any]], plan: TrainingPlan, momentum: float) -> torch.optim.Optimizer:
    if kind == "sgd":
        return torch.optim.SGD(
            groups, lr=plan.learning_rate, momentum=momentum, weight_decay=plan.weight_decay, fused=True
        )
    adam = torch.optim.Adam if kind == "adam" else torch.optim.AdamW
    return adam(groups, lr=plan.learning_rate, weight_decay=plan.weight_decay, fused=True)


class GroupedOptimiser(torch.optim.Optimizer):
    """One optimiser a group, stepped one after the other; a group that is not active is passed over.

    Args:
        groups: of a method.
        plan: gives learning rate and weight decay.
    """

    def __init__(self, groups: list[ParameterGroup], plan: TrainingPlan) -> None:
        self._active = [group.active for group in groups]
        self._each = [
            _optimiser(group.optimiser, [{"params": list(group.parameters), "rate": group.rate}], plan, group.momentum)
            for group in groups
        ]
        super().__init__([{"params": list(dict.fromkeys(p for group in groups for p in group.parameters))}], {})
        self.param_groups = [made for one in self._each for made in one.param_groups]  # what sets rates sets theirs

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Step every active group's optimiser."""
        for one, active in zip(self._each, self._active, strict=True):
            if active is None or active():
                one.step()

    def state_dict(self) -> dict[str, Any]:
        """The optimisers' states, by number."""
        return {str(i): one.state_dict() for i, one in enumerate(self._each)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what :meth:`state_dict` gave."""
        for i, one in enumerate(self._each):
            one.load_state_dict(state_dict[str(i)])
        self.param_groups = [made for one in self._each for made in one.param_groups]
