"""Siamese embedding of video clips from mined pairs (Paul, Roy & Roy-Chowdhury, ICASSP 2018, arXiv 1808.01727)."""

from __future__ import annotations

from torch import Tensor, nn

from helpers.methods.method import Method
from helpers.objectives.contrastive import pair_contrastive
from helpers.views.clips import ClipViews


class SiameseVideo(Method):
    """One encoder for both clips of a pair, a linear map, the unit sphere, the contrastive loss.

    The paper's words leave open what follows its 3-D convolutions; the linear map and the unit sphere are choices of
    this package. Batches carry ``"first"`` and ``"second"`` (B, 3, T, H, W) and ``"same"`` (B,).

    Args:
        encoder: clips (B, 3, T, H, W) to (B, ``embedding_size``).
        embedding_size: of the encoder.
        views: random view of each clip.
        projection: dimensions on which distances are taken.
        margin: distance on the unit sphere (0 to 2) up to which different pairs are pushed apart.
    """

    def __init__(
        self, encoder: nn.Module, embedding_size: int, views: ClipViews, projection: int = 64, margin: float = 1.0
    ) -> None:
        super().__init__()
        self.encoder, self.views, self.margin = encoder, views, margin
        self.projector = nn.Linear(embedding_size, projection)

    def project(self, clips: Tensor) -> Tensor:
        """Points on the unit sphere, (B, projection)."""
        return nn.functional.normalize(self.projector(self.encoder(clips)), dim=1)

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        first, second = self.project(self.views(batch["first"])), self.project(self.views(batch["second"]))
        same = batch["same"].bool()
        distance = (first - second).detach().square().sum(dim=1).clamp(min=0).sqrt()
        said = distance < self.margin / 2
        return {
            "loss": pair_contrastive(first, second, same, self.margin),
            "pair_accuracy": (said == same).float().mean(),
            "embedding": first.detach(),
        }
