"""SimCLR: views of one image agree, those of all others do not (Chen et al., ICML 2020, arXiv 2002.05709)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from helpers.methods.joint_embedding import Compared, JointEmbedding, Views, shown
from helpers.networks.heads import Projector
from helpers.objectives.nt_xent import nt_xent


class SimCLR(JointEmbedding):
    """NT-Xent on projections; all views in one forward pass, as in the authors' code.

    Args:
        encoder: images (B, C, H, W) to embeddings (B, embedding_size).
        embedding_size: of the encoder.
        views: makes one random view of a batch, or one maker a view.
        temperature: τ > 0; 0.1 in the paper for ImageNet, 0.5 for CIFAR-10.
        hidden, projection: sizes of the projector, 2048 and 128 in the paper for ResNet-50.
        count: views of each image, >= 2; 2 in the paper.
    """

    def __init__(
        self, encoder: nn.Module, embedding_size: int, views: Views | Sequence[Views], temperature: float = 0.2,
        hidden: int = 512, projection: int = 128, count: int = 2,
    ) -> None:  # fmt: skip
        super().__init__(encoder, Projector(embedding_size, hidden, projection), views, count)
        self.temperature = temperature

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        z = self.projections(self.make_views(batch["input"]))
        return {"loss": nt_xent(z, self.temperature), "embedding": shown(z)}

    def compare(self, first: Tensor, second: Tensor, remember: bool = True) -> Compared:
        """The loss of two views of a batch (B, C, H, W), with the first one's features; nothing is ever remembered."""
        features = self.encoder(torch.cat([first, second]))  # (2B, D)
        z = self.projector(features)
        return Compared(nt_xent(z.chunk(2), self.temperature), features.chunk(2)[0], z)
