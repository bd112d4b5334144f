"""The contract of a trainable method."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that a method has trained in a way of their own.

    Attributes:
        parameters: of the group; one that stands in two groups is moved by both, in their order.
        optimiser: ``"sgd"``, ``"adam"`` or ``"adamw"``.
        rate: learning rate, as a multiple of the plan's.
        momentum: of SGD.
        active: asked before every step whether the group is moved by it; always where None.
    """

    parameters: Sequence[nn.Parameter]
    optimiser: Literal["sgd", "adam", "adamw"]
    rate: float = 1.0
    momentum: float = 0.0
    active: Callable[[], bool] | None = None


class Method(nn.Module):
    """Encoder + views + objective. All state, queues and prototypes included, lives in ``state_dict()``.

    The training loop calls, in this order: :meth:`on_epoch_start` once an epoch; for every batch
    :meth:`training_step`, the backward pass, the optimiser's step, :meth:`after_step`.
    Randomness is drawn from torch's global generators only, so that a checkpoint can restore it.

    Attributes:
        encoder: the part that downstream tasks keep.
    """

    encoder: nn.Module

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute the loss of a batch.

        Args:
            batch: what the corpus's ``load`` returned (a lone tensor arrives under the key ``"input"``). A method
                that wants features finds under ``"position"`` where its samples stand among them, int64 (B,).

        Returns:
            Scalars by name: ``"loss"`` is minimised, the rest is logged. An ``"embedding"`` (B, D), where given, is
            watched for collapse and not logged.
        """
        raise TypeError(f"{type(self).__name__} has no training_step")

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """``training_step``, under the name that wrappers such as DistributedDataParallel call."""
        return self.training_step(batch)

    def after_step(self) -> None:
        """Run after each optimiser step: moving-average teachers, closed-form predictors."""

    def wants_features(self) -> bool:
        """Whether :meth:`on_epoch_start` needs the features of the whole training set."""
        return False

    def on_epoch_start(self, features: Tensor | None) -> None:
        """Run at the start of each epoch, e.g. to re-cluster.

        Args:
            features: encoder outputs of the epoch's training rows in order, (n, D), where :meth:`wants_features` says
                so: of all, or of those that :meth:`positions` names.
        """

    def positions(self, epoch: int, count: int) -> np.ndarray | None:
        """Which of ``count`` training rows an epoch (from 0) looks at, int64; None for all."""
        return None

    def order(self, positions: np.ndarray, batch_size: int, rng: np.random.Generator) -> np.ndarray | None:
        """The epoch's positions, batch after batch, int64; None for each once in random order.

        It may repeat and leave out positions. It is asked again when an epoch is resumed in its middle, and must then
        give the same: let it depend on its arguments and on the method's state alone.
        """
        return None

    def parameter_groups(self) -> list[ParameterGroup] | None:
        """How the parameters are to be optimised; None for the plan's optimiser over all of them."""
        return None


@torch.no_grad()
def update_average(target: nn.Module, source: nn.Module, momentum: float) -> None:
    """Move a target network towards its source in place: target ← m·target + (1 − m)·source.

    Args:
        target: same structure as ``source``; its parameters move, its buffers are copied.
        source: the network under training.
        momentum: m in [0, 1].
    """
    slow: list[Tensor] = [p.detach() for p in target.parameters()]
    fast: list[Tensor] = [p.detach() for p in source.parameters()]
    if slow:
        torch._foreach_lerp_(slow, fast, 1.0 - momentum)
    for mine, theirs in zip(target.buffers(), source.buffers(), strict=True):
        mine.copy_(theirs)
