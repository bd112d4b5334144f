"""BYOL: predict a slow copy of oneself (Grill et al., NeurIPS 2020, arXiv 2006.07733)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from helpers.errors import StudyError
from helpers.methods.joint_embedding import JointEmbedding, Views, apply_to_views, frozen_copy, pairs, shown
from helpers.methods.method import update_average
from helpers.networks.heads import Projector, TwoLayerPredictor
from helpers.objectives.similarity import symmetric_cosine_regression


class BYOL(JointEmbedding):
    """Online network and predictor against a moving average; each view a forward pass of its own, as in the paper.

    Args:
        encoder: images (B, C, H, W) to embeddings (B, embedding_size).
        embedding_size: of the encoder.
        views: makes one random view of a batch; or one maker a view, as in the paper, where the two differ in blur
            and solarisation.
        momentum: of the target at the start, in [0, 1); 0.996 in the paper.
        steps: length of the run in optimiser steps, over which the momentum rises to 1 along a cosine as in the
            paper; None keeps it.
        hidden, projection: sizes of projector and predictor, 4096 and 256 in the paper.
        count: views of each image, >= 2; every pair counts alike. 2 in the paper.
    """

    steps_taken: Tensor
    together = False

    def __init__(
        self, encoder: nn.Module, embedding_size: int, views: Views | Sequence[Views], momentum: float = 0.99,
        steps: int | None = None, hidden: int = 512, projection: int = 128, count: int = 2,
    ) -> None:  # fmt: skip
        super().__init__(encoder, Projector(embedding_size, hidden, projection), views, count)
        if not 0 <= momentum < 1:
            raise StudyError(f"momentum is {momentum}; it must be in [0, 1)")
        self.predictor = TwoLayerPredictor(projection, hidden)
        self.momentum, self.steps = momentum, steps
        self.target = frozen_copy(self.encoder, self.projector)
        self.register_buffer("steps_taken", torch.zeros((), dtype=torch.long))

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        views = self.make_views(batch["input"])
        online = self.projections(views)
        with torch.no_grad():
            target = apply_to_views(self.target, views, self.together)
        predicted = apply_to_views(self.predictor, online, self.together)
        losses = [
            symmetric_cosine_regression((predicted[i], predicted[j]), (target[i], target[j]))
            for i, j in pairs(len(views))
        ]
        return {"loss": torch.stack(losses).mean(), "embedding": shown(online)}

    def momentum_now(self) -> float:
        """τ = 1 − (1 − τ_base)·(cos(πk/K) + 1)/2 at step k of K."""
        if self.steps is None:
            return self.momentum
        share = min(1.0, int(self.steps_taken) / max(self.steps, 1))
        return 1 - (1 - self.momentum) * (math.cos(math.pi * share) + 1) / 2

    def after_step(self) -> None:
        """Move the target."""
        update_average(self.target, nn.Sequential(self.encoder, self.projector), self.momentum_now())
        self.steps_taken += 1
