"""Regression of emotional attributes from chunks of speech, alone or beside a task that needs no labels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from helpers.errors import StudyError
from helpers.methods.method import Method, ParameterGroup
from helpers.networks.chunk_networks import AttributeHead, ChunkEncoder
from helpers.objectives.concordance import concordance_loss


class ChunkRegressor(Method):
    """Encoder + attribute head under 1 − CCC: the regressor alone, and what the semi-supervised methods share.

    Training rows are chunks: first the unlabelled, then the labelled ones. With unlabelled rows, the loop's epochs take
    turns: one pass over the unlabelled chunks (the task alone), one over the labelled (task and regression). Without,
    every epoch is a labelled one.

    As in the released DeepEmoCluster code, SGD moves encoder and heads in every epoch and Adam in the labelled ones:
    all of them, or the heads alone (as the paper is summed up), by ``adam_on_encoder``.

    Batches carry ``"input"`` (B, 1, frames, mels) and ``"target"`` (B, A), standardised; targets of unlabelled rows are
    not looked at.

    Args:
        encoder: of the chunks.
        attributes: A, that are predicted together.
        labelled, unlabelled: chunks among the training rows.
        adam_rate: Adam's learning rate as a multiple of the plan's, which is SGD's.
        adam_on_encoder: whether Adam moves the encoder too.
    """

    epochs_begun: Tensor
    encoder: ChunkEncoder

    def __init__(
        self, encoder: ChunkEncoder, attributes: int, labelled: int, unlabelled: int = 0, adam_rate: float = 0.5,
        adam_on_encoder: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        if labelled < 2 or unlabelled < 0 or attributes < 1:
            raise StudyError(
                f"{type(self).__name__}: {labelled} labelled chunks of {attributes} attributes are too few"
            )
        if unlabelled and type(self).task is ChunkRegressor.task:
            raise StudyError("a regressor alone has nothing to learn from unlabelled chunks; give it none")
        self.encoder = encoder
        self.head = AttributeHead(encoder.features, attributes)
        self.labelled, self.unlabelled = labelled, unlabelled
        self.adam_rate, self.adam_on_encoder = adam_rate, adam_on_encoder
        self.register_buffer("epochs_begun", torch.zeros((), dtype=torch.long))

    def with_labels(self, epoch: int) -> bool:
        """Whether an epoch (from 0) is one of the labelled chunks."""
        return self.unlabelled == 0 or epoch % 2 == 1

    @property
    def labelled_now(self) -> bool:
        """Whether the epoch under way is one of the labelled chunks."""
        return self.with_labels(int(self.epochs_begun) - 1)

    def positions(self, epoch: int, count: int) -> np.ndarray:
        if count != self.labelled + self.unlabelled:
            raise StudyError(
                f"{type(self).__name__} was made for {self.unlabelled} + {self.labelled} chunks; {count} came"
            )
        return np.arange(self.unlabelled, count) if self.with_labels(epoch) else np.arange(self.unlabelled)

    def on_epoch_start(self, features: Tensor | None) -> None:
        self.epochs_begun += 1

    def predict(self, chunks: Tensor) -> Tensor:
        """Standardised attributes (B, A) of chunks (B, 1, frames, mels)."""
        return self.head(self.encoder(chunks))

    def task(self, batch: dict[str, Tensor], embedding: Tensor) -> dict[str, Tensor]:
        """Losses by name of the task that needs no labels, given the chunks' embeddings; none for a regressor alone."""
        return {}

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        embedding = self.encoder(batch["input"])  # (B, D)
        losses = self.task(batch, embedding)
        if self.labelled_now:
            losses["ccc_loss"] = concordance_loss(self.head(embedding), batch["target"])
        elif torch.distributed.is_initialized():  # every parameter must take part, or processes wait for its gradient
            losses["unused"] = 0.0 * torch.stack([p.sum() for p in self.head.parameters()]).sum()
        return {"loss": torch.stack(list(losses.values())).sum(), **losses, "embedding": embedding.detach()}

    def parameter_groups(self) -> list[ParameterGroup]:
        own = [*self.encoder.parameters(), *self.task_parameters(), *self.head.parameters()]
        heads = [*self.task_parameters(), *self.head.parameters()]
        by_adam = own if self.adam_on_encoder else heads
        return [
            ParameterGroup(own, "sgd"),
            ParameterGroup(by_adam, "adam", self.adam_rate, active=lambda: self.labelled_now),
        ]

    def task_parameters(self) -> list[nn.Parameter]:
        """Trained parameters of the task's head."""
        return []
