"""VICReg: variance, invariance and covariance (Bardes, Ponce & LeCun, ICLR 2022, arXiv 2105.04906)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from helpers.methods.joint_embedding import JointEmbedding, Views, pairs, shown
from helpers.networks.heads import Projector
from helpers.objectives.vicreg import vicreg


class VICReg(JointEmbedding):
    """Three terms on projections that are not normalised; each view a forward pass of its own, as in the authors' code.

    Args:
        encoder: images (B, C, H, W) to embeddings (B, embedding_size).
        embedding_size: of the encoder.
        views: makes one random view of a batch, or one maker a view.
        invariance, variance, covariance: λ, μ, ν; 25, 25 and 1 in the paper.
        hidden, projection: sizes of the three-layer projector, both 8192 in the paper.
        count: views of each image, >= 2; every pair counts alike. 2 in the paper.
    """

    together = False

    def __init__(
        self, encoder: nn.Module, embedding_size: int, views: Views | Sequence[Views], invariance: float = 25.0,
        variance: float = 25.0, covariance: float = 1.0, hidden: int = 512, projection: int = 128, count: int = 2,
    ) -> None:  # fmt: skip
        super().__init__(encoder, Projector(embedding_size, hidden, projection, layers=3), views, count)
        self.weights = (invariance, variance, covariance)

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        z = self.projections(self.make_views(batch["input"]))
        losses = [vicreg(z[i], z[j], *self.weights) for i, j in pairs(len(z))]
        return {"loss": torch.stack(losses).mean(), "embedding": shown(z)}
