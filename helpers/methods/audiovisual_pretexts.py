"""Labels that face and voice give for nothing, predicted from the voice (Goncalves & Busso, Interspeech 2022)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from helpers.data.pretext_labels import UNLABELLED
from helpers.errors import StudyError
from helpers.methods.method import Method


class AudiovisualPretexts(Method):
    """One encoder of speech, a linear head a task, the mean of the tasks' cross-entropies.

    Batches carry ``"input"`` (B, T, M) and, under each task's name, classes int64 (B,), −1 where a stretch has none
    (no face was found): it then has no say in that task. A task without any label in a batch is left out of the mean.

    Args:
        encoder: spectrograms to embeddings (B, ``embedding_size``).
        embedding_size: of the encoder.
        tasks: name -> number of classes.
        views: makes one random view of a batch; the labels must hold for it.
    """

    def __init__(
        self, encoder: nn.Module, embedding_size: int, tasks: Mapping[str, int], views: Callable[[Tensor], Tensor]
    ) -> None:
        super().__init__()
        if not tasks:
            raise StudyError("a pretext needs at least one task")
        self.encoder, self.views = encoder, views
        self.heads = nn.ModuleDict({name: nn.Linear(embedding_size, classes) for name, classes in tasks.items()})

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        z = self.encoder(self.views(batch["input"]))
        losses, logged = [], {}
        for name, head in self.heads.items():
            labels = batch[name]
            known = labels != UNLABELLED
            logits = head(z)
            if bool(known.any()):
                losses.append(nn.functional.cross_entropy(logits[known], labels[known]))
            logged[f"{name}_accuracy"] = (logits.argmax(dim=1) == labels)[known].float().sum() / known.sum().clamp_min(
                1
            )
        loss = torch.stack(losses).mean() if losses else 0.0 * z.sum()
        return {"loss": loss, **logged, "embedding": z.detach()}
