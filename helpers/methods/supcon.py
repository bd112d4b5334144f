"""SupCon: contrastive learning with labels (Khosla et al., NeurIPS 2020, arXiv 2004.11362)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from helpers.methods.joint_embedding import JointEmbedding, Views, shown
from helpers.networks.heads import Projector
from helpers.objectives.supervised_contrastive import supervised_contrastive


class SupCon(JointEmbedding):
    """Supervised contrastive loss; all views in one forward pass, as in the authors' code; a projector without norms.

    Batches carry ``"input"`` (B, C, H, W) and ``"label"`` int64 (B,), negative where unknown.

    Args:
        encoder: images (B, C, H, W) to embeddings (B, embedding_size).
        embedding_size: of the encoder.
        views: makes one random view of a batch, or one maker a view.
        temperature: τ > 0; 0.1 in the paper.
        hidden, projection: sizes of the projector, 2048 and 128 in the paper.
        count: views of each image, >= 2; 2 in the paper.
    """

    def __init__(
        self, encoder: nn.Module, embedding_size: int, views: Views | Sequence[Views], temperature: float = 0.1,
        hidden: int = 512, projection: int = 128, count: int = 2,
    ) -> None:  # fmt: skip
        super().__init__(encoder, Projector(embedding_size, hidden, projection, norm=False), views, count)
        self.temperature = temperature

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        z = self.projections(self.make_views(batch["input"]))
        return {"loss": supervised_contrastive(z, batch["label"], self.temperature), "embedding": shown(z)}
