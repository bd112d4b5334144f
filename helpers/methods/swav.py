"""SwAV: predict one crop's assignment to prototypes from another (Caron et al., NeurIPS 2020, arXiv 2006.09882)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from helpers.errors import StudyError
from helpers.methods.feature_queue import FeatureQueue
from helpers.methods.joint_embedding import apply_to_views, shown
from helpers.methods.method import Method
from helpers.networks.heads import Projector
from helpers.objectives.prototypes import swapped_prediction
from helpers.views.multi_crop import MultiCrop


class SwAV(Method):
    """Swapped prediction between crops; crops of one size go through the encoder together, as in the authors' code.

    Prototypes have length 1 after every step. While they are frozen their gradient is zero.

    Args:
        encoder: images of every crop's size (B, C, H, W) to embeddings (B, embedding_size).
        embedding_size: of the encoder.
        crops: large crops, which are assigned and predicted, and small ones, which only predict.
        prototypes: K; 3000 in the paper.
        temperature: τ > 0; 0.1 in the paper.
        epsilon, iterations: of Sinkhorn; 0.05 and 3 in the paper.
        frozen_epochs: epochs at the start in which the prototypes stay; 1 in the paper.
        queue: projections of earlier batches a large crop, which make assignments of a small batch even; 0 for none.
        queue_from_epoch: epochs before the queue takes part; it does so only once full. 15 in the paper.
        hidden, projection: sizes of the projector, 2048 and 128 in the paper.
    """

    epochs_begun: Tensor

    def __init__(
        self, encoder: nn.Module, embedding_size: int, crops: MultiCrop, prototypes: int = 64,
        temperature: float = 0.1, epsilon: float = 0.05, iterations: int = 3, frozen_epochs: int = 1, queue: int = 0,
        queue_from_epoch: int = 0, hidden: int = 512, projection: int = 128,
    ) -> None:  # fmt: skip
        super().__init__()
        if crops.counts[0] + sum(crops.counts[1:]) < 2:
            raise StudyError("SwAV needs at least two crops of an image")
        self.encoder, self.crops = encoder, crops
        self.projector = Projector(embedding_size, hidden, projection)
        self.prototypes = nn.Parameter(nn.functional.normalize(torch.randn(prototypes, projection), dim=1))
        self.temperature, self.epsilon, self.iterations = temperature, epsilon, iterations
        self.frozen_epochs, self.queue_from_epoch = frozen_epochs, queue_from_epoch
        self.queues = nn.ModuleList([FeatureQueue(queue, projection) for _ in range(crops.counts[0] if queue else 0)])
        self.register_buffer("epochs_begun", torch.zeros((), dtype=torch.long))
        self._to_push: list[list[Tensor]] = []  # of the batch under way, a list a part; empty between steps

    def on_epoch_start(self, features: Tensor | None) -> None:
        """Count epochs: prototypes thaw and the queue sets in by them."""
        self.epochs_begun += 1

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        z = [
            nn.functional.normalize(projection, dim=1)
            for same_size in self.crops(batch["input"])
            for projection in apply_to_views(lambda crop: self.projector(self.encoder(crop)), same_size, together=True)
        ]  # (B, d) each
        large = self.crops.counts[0]
        prototypes: Tensor = self.prototypes
        if int(self.epochs_begun) <= self.frozen_epochs:
            prototypes = prototypes.detach() + 0 * prototypes  # a gradient of zero: no process waits for it in vain
        scores = [projection @ prototypes.mT for projection in z]  # (B, K) each
        loss = swapped_prediction(
            scores[:large], scores[large:], self._queued(prototypes), self.temperature, self.epsilon, self.iterations
        )
        if self.queues:
            self._to_push.append([projection.detach() for projection in z[:large]])
        return {"loss": loss, "embedding": shown(z[:large])}

    def _queued(self, prototypes: Tensor) -> list[Tensor] | None:
        """Scores of the queues' rows, where they take part."""
        held = [queue for queue in self.queues if isinstance(queue, FeatureQueue) and queue.full()]
        if not held or int(self.epochs_begun) <= self.queue_from_epoch:
            return None
        return [queue.content() @ prototypes.detach().mT for queue in held]

    @torch.no_grad()
    def after_step(self) -> None:
        """Prototypes back to length 1; the step's projections enter the queues."""
        self.prototypes.copy_(nn.functional.normalize(self.prototypes, dim=1))
        for number, queue in enumerate(self.queues):
            if isinstance(queue, FeatureQueue) and self._to_push:
                queue.push(torch.cat([part[number] for part in self._to_push]))
        self._to_push.clear()
