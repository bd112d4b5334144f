"""MoCo v2: keys of a momentum encoder in a queue (He et al., CVPR 2020; Chen et al. 2020, arXiv 2003.04297)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from helpers.errors import StudyError
from helpers.methods.feature_queue import FeatureQueue
from helpers.methods.joint_embedding import Compared, JointEmbedding, Views, frozen_copy, shown
from helpers.methods.method import update_average
from helpers.networks.heads import Projector
from helpers.objectives.nt_xent import queue_contrast


class MoCo(JointEmbedding):
    """A query must find its key among the keys of earlier batches; a two-layer projector without norms (v2).

    The first view is the query, the second the key; they go through two networks. The paper shuffles the keys among
    GPUs, so that a batch norm's statistics do not tell a query which batch its key is in. Within one process there is
    nobody to shuffle with, and none is done: with an encoder that has batch norms, one process and a small batch that
    leak is there. The queue starts empty, not as noise, so that the first step has no negatives and teaches nothing.

    Args:
        encoder: images (B, C, H, W) to embeddings (B, embedding_size).
        embedding_size: of the encoder.
        views: makes one random view of a batch, or one maker for each of two views.
        temperature: τ > 0; 0.2 in v2.
        momentum: of the key network, in [0, 1); 0.999 in the paper, less for short runs.
        hidden, projection: sizes of the projector, 2048 and 128 in v2.
        queue: keys held, 65,536 in the paper.
    """

    def __init__(
        self, encoder: nn.Module, embedding_size: int, views: Views | Sequence[Views], temperature: float = 0.2,
        momentum: float = 0.99, hidden: int = 512, projection: int = 128, queue: int = 4096,
    ) -> None:  # fmt: skip
        super().__init__(encoder, Projector(embedding_size, hidden, projection, norm=False), views)
        if not 0 <= momentum < 1:
            raise StudyError(f"momentum is {momentum}; it must be in [0, 1)")
        self.temperature, self.momentum = temperature, momentum
        self.target = frozen_copy(self.encoder, self.projector)
        self.queue = FeatureQueue(queue, projection)
        self._to_push: list[Tensor] = []  # of the batch under way; empty between steps

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        query_view, key_view = self.make_views(batch["input"])[:2]
        found = self.compare(query_view, key_view)
        return {"loss": found.loss, "embedding": shown([found.projections])}

    def compare(self, query_view: Tensor, key_view: Tensor, remember: bool = True) -> Compared:
        """The loss of two views of a batch (B, C, H, W); the keys are enqueued after the step if ``remember``."""
        features = self.encoder(query_view)
        queries = self.projector(features)  # (B, d)
        with torch.no_grad():
            keys = nn.functional.normalize(self.target(key_view), dim=1)
        loss = queue_contrast(queries, keys, self.queue.content(), self.temperature)
        if remember:
            self._to_push.append(keys)
        return Compared(loss, features, queries)

    def after_step(self) -> None:
        """Move the key network, then enqueue the step's keys."""
        update_average(self.target, nn.Sequential(self.encoder, self.projector), self.momentum)
        if self._to_push:
            self.queue.push(torch.cat(self._to_push))
            self._to_push.clear()
