"""Barlow Twins: self-supervised learning by redundancy reduction (Zbontar et al., ICML 2021, arXiv 2103.03230)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from helpers.methods.joint_embedding import JointEmbedding, Views, pairs, shown
from helpers.networks.heads import Projector
from helpers.objectives.barlow_twins import barlow_twins


class BarlowTwins(JointEmbedding):
    """Cross-correlation towards the identity; each view a forward pass of its own, as in the authors' code.

    Args:
        encoder: images (B, C, H, W) to embeddings (B, embedding_size).
        embedding_size: of the encoder.
        views: makes one random view of a batch, or one maker a view.
        redundancy: λ, 0.005 in the paper.
        hidden, projection: sizes of the three-layer projector, both 8192 in the paper.
        count: views of each image, >= 2; every pair counts alike. 2 in the paper.
        scale: of the loss; 1 in the paper's formula, 1/32 in the authors' code with its learning rates.
    """

    together = False

    def __init__(
        self, encoder: nn.Module, embedding_size: int, views: Views | Sequence[Views], redundancy: float = 5e-3,
        hidden: int = 512, projection: int = 128, count: int = 2, scale: float = 1.0,
    ) -> None:  # fmt: skip
        super().__init__(encoder, Projector(embedding_size, hidden, projection, layers=3), views, count)
        self.redundancy, self.scale = redundancy, scale

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        z = self.projections(self.make_views(batch["input"]))
        losses = [barlow_twins(z[i], z[j], self.redundancy) for i, j in pairs(len(z))]
        return {"loss": self.scale * torch.stack(losses).mean(), "embedding": shown(z)}
