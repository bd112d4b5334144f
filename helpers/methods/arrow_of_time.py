"""Arrow of time: tell whether a clip runs forwards or backwards (Wei, Lim, Zisserman & Freeman, CVPR 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from helpers.methods.method import Method
from helpers.views.clips import ClipViews


class ArrowOfTime(Method):
    """A binary classifier of the direction in which a clip is played; half of each batch is turned round.

    Batches carry ``"first"`` and ``"second"`` (B, 3, T, H, W) as :class:`SiameseVideo`'s do, so that both methods see
    the same clips as often; which clips are a pair is not looked at. A lone ``"input"`` is taken too.

    Args:
        encoder: clips (B, 3, T, H, W) to (B, ``embedding_size``).
        embedding_size: of the encoder.
        views: random view of each clip, drawn before time is turned.
    """

    def __init__(self, encoder: nn.Module, embedding_size: int, views: ClipViews) -> None:
        super().__init__()
        self.encoder, self.views = encoder, views
        self.head = nn.Linear(embedding_size, 1)

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        clips = batch["input"] if "input" in batch else torch.cat([batch["first"], batch["second"]])
        clips = self.views(clips)
        backwards = (torch.randperm(len(clips)) < len(clips) // 2).to(clips.device)
        shown = torch.where(backwards[:, None, None, None, None], clips.flip(2), clips)
        embedding = self.encoder(shown)
        logit = self.head(embedding)[:, 0]
        return {
            "loss": nn.functional.binary_cross_entropy_with_logits(logit, backwards.to(logit.dtype)),
            "arrow_accuracy": ((logit > 0) == backwards).float().mean(),
            "embedding": embedding.detach(),
        }
