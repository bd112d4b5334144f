"""SSOLE: self-supervised orthogonal low-rank embedding (Huang et al., ICLR 2025), and OLE without its changes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from helpers.methods.joint_embedding import JointEmbedding, Views, shown
from helpers.networks.heads import Projector
from helpers.objectives.orthogonal_low_rank import orthogonal_low_rank, ssole


class SSOLE(JointEmbedding):
    """Low rank for the views of an image, high rank for a batch: no queue, no second network, no negatives by name.

    All views go through the encoder in one forward pass; the paper does not say. A three-layer projector without
    norms, as in the paper.

    Args:
        encoder: images (B, C, H, W) to embeddings (B, embedding_size).
        embedding_size: of the encoder.
        views: makes one random view of a batch, or one maker a view.
        weight: λ of the high-rank term, 0.6 in the paper.
        hidden, projection: sizes of the projector, both 4096 in the paper.
        count: views of each image, >= 2; 4 in the paper's ImageNet-100 table, up to 8 in its ablation.
    """

    def __init__(
        self, encoder: nn.Module, embedding_size: int, views: Views | Sequence[Views], weight: float = 0.6,
        hidden: int = 512, projection: int = 128, count: int = 2,
    ) -> None:  # fmt: skip
        projector = Projector(embedding_size, hidden, projection, layers=3, norm=False)
        super().__init__(encoder, projector, views, count)
        self.weight = weight

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        z = self.projections(self.make_views(batch["input"]))
        loss, low, high = ssole(torch.stack(z, dim=1), self.weight)
        return {"loss": loss, "low_rank": low, "high_rank": high, "embedding": shown(z)}


class NaiveOLE(JointEmbedding):
    """OLE with every image a class: what SSOLE starts from, and what its paper says collapses.

    Its loss is 0 where all projections are, and nearly nowhere else once images outnumber dimensions. The mean length
    of the projections is logged as ``length``.

    Args:
        encoder, embedding_size, views, hidden, projection, count: as :class:`SSOLE`'s.
        bound: Δ of OLE, >= 0.
    """

    def __init__(
        self, encoder: nn.Module, embedding_size: int, views: Views | Sequence[Views], bound: float = 0.0,
        hidden: int = 512, projection: int = 128, count: int = 2,
    ) -> None:  # fmt: skip
        projector = Projector(embedding_size, hidden, projection, layers=3, norm=False)
        super().__init__(encoder, projector, views, count)
        self.bound = bound

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        z = self.projections(self.make_views(batch["input"]))
        loss = orthogonal_low_rank(torch.stack(z, dim=1), self.bound)
        length = torch.cat(z).detach().norm(dim=1).mean()  # it collapses into the origin, which directions do not show
        return {"loss": loss, "length": length, "embedding": shown(z)}
