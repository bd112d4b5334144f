"""NNCLR: the positive is the nearest neighbour in a queue (Dwibedi et al., ICCV 2021, arXiv 2104.14548)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from helpers.methods.feature_queue import FeatureQueue
from helpers.methods.joint_embedding import JointEmbedding, Views, shown
from helpers.networks.heads import Projector, TwoLayerPredictor
from helpers.objectives.nt_xent import neighbour_contrast


class NNCLR(JointEmbedding):
    """Each view's projection is exchanged for its nearest neighbour among earlier ones, which the other view predicts.

    The views go through the encoder one after the other, as in the paper's pseudo-code. The queue holds normalised
    projections of the first view; it is searched before this step's are pushed, and only where it has been filled.
    It is part of the state: a resumed run searches what an uninterrupted one would.

    Args:
        encoder: images (B, C, H, W) to embeddings (B, embedding_size).
        embedding_size: of the encoder.
        views: makes one random view of a batch, or one maker for each of two views.
        temperature: τ > 0; 0.1 in the paper.
        hidden, projection: sizes of the projector (three layers, a norm after each) and of the predictor's hidden
            layer and output; 2048 and 256 in the paper, its predictor 4096.
        queue: rows of the queue, 98,304 in the paper.
    """

    together = False

    def __init__(
        self, encoder: nn.Module, embedding_size: int, views: Views | Sequence[Views], temperature: float = 0.1,
        hidden: int = 512, projection: int = 128, queue: int = 4096,
    ) -> None:  # fmt: skip
        projector = Projector(embedding_size, hidden, projection, layers=3, last_norm=True)
        super().__init__(encoder, projector, views)
        self.predictor = TwoLayerPredictor(projection, hidden)
        self.queue = FeatureQueue(queue, projection)
        self.temperature = temperature
        self._to_push: list[Tensor] = []  # of the batch under way; empty between steps

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        first, second = self.projections(self.make_views(batch["input"])[:2])  # (B, d) each
        p = self.predictor(first), self.predictor(second)
        z = nn.functional.normalize(first.detach(), dim=1), nn.functional.normalize(second.detach(), dim=1)
        neighbours = self.queue.nearest(z[0]), self.queue.nearest(z[1])
        loss = (
            neighbour_contrast(neighbours[0], p[1], self.temperature)
            + neighbour_contrast(neighbours[1], p[0], self.temperature)
        ) / 2
        self._to_push.append(z[0])
        return {"loss": loss, "embedding": shown([first, second])}

    def after_step(self) -> None:
        """The step's projections enter the queue."""
        if self._to_push:
            self.queue.push(torch.cat(self._to_push))
            self._to_push.clear()
