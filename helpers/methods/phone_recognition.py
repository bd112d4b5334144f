r"""Phone recognition with CTC, supervised and with pseudo-labels from a teacher.

Momentum pseudo-labelling (Higuchi et al., Interspeech 2021; for mispronunciations Yang et al., Interspeech 2022): a
teacher labels unlabelled speech greedily, without augmentation and dropout; the student learns from labelled and
pseudo-labelled speech, augmented; after every step the teacher follows it,

.. math:: \xi \leftarrow \alpha\,\xi + (1-\alpha)\,\theta,\qquad \alpha = 0.5^{1/K},

with K the steps of the whole stage, so that at its end half of the teacher's first weights would be left.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from helpers.methods.method import Method, update_average
from helpers.networks.phone_recognisers import PhoneRecogniser
from helpers.objectives.ctc import ctc_loss, greedy_decode

Views = Callable[[Tensor], Tensor]


class CtcRecognition(Method):
    """Supervised CTC.

    A batch has ``input`` (what the encoder takes), ``length`` (B,), ``target`` int64 (B, L) and ``target_length`` int64
    (B,), −1 for an unlabelled utterance, which is passed over.

    Args:
        recogniser: writes phones; it is the method's ``encoder``.
        views: augmentation of ``input``, batched; None for none.
    """

    encoder: PhoneRecogniser

    def __init__(self, recogniser: PhoneRecogniser, views: Views | None = None) -> None:
        super().__init__()
        self.encoder = recogniser
        self.views = views

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"loss": self._loss(batch, batch["target"], batch["target_length"])}

    def _loss(self, batch: dict[str, Tensor], targets: Tensor, lengths: Tensor) -> Tensor:
        heard = self.views(batch["input"]) if self.views is not None else batch["input"]
        log_probs, frames = self.encoder(heard, batch["length"])
        return ctc_loss(log_probs, frames, targets, lengths)


class PseudoLabelling(CtcRecognition):
    """CTC on labelled speech and on speech that a teacher labels.

    Args:
        recogniser: the student, trained already; the teacher starts as a copy of it.
        views: augmentation of what the student hears.
        steps: K > 0, optimiser steps of the stage, for :func:`momentum_of`; None: the teacher stays as it is.
    """

    def __init__(self, recogniser: PhoneRecogniser, views: Views | None, steps: int | None) -> None:
        super().__init__(recogniser, views)
        self.momentum = None if steps is None else momentum_of(steps)
        self.teacher = copy.deepcopy(recogniser).requires_grad_(False)
        self.teacher.eval()

    def train(self, mode: bool = True) -> PseudoLabelling:
        """Training mode for the student; the teacher never drops anything out."""
        super().train(mode)
        self.teacher.eval()
        return self

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        targets, lengths = batch["target"], batch["target_length"]
        unknown = lengths < 0
        if unknown.any():
            written, counts = pseudo_labels(self.teacher, batch["input"][unknown], batch["length"][unknown])
            wider = max(targets.shape[1], int(counts.max()))
            targets = torch.nn.functional.pad(targets, (0, wider - targets.shape[1]), value=-1)
            written = torch.nn.functional.pad(written[:, :wider], (0, max(0, wider - written.shape[1])), value=-1)
            targets = targets.index_put((unknown,), written)
            lengths = lengths.masked_scatter(unknown, counts)
        loss = self._loss(batch, targets, lengths)
        phones = lengths[unknown].float().mean() if unknown.any() else loss.new_zeros(())
        return {"loss": loss, "pseudo_label_phones": phones}

    def after_step(self) -> None:
        """Move the teacher, in place."""
        if self.momentum is not None:
            update_average(self.teacher, self.encoder, self.momentum)


def momentum_of(steps: int) -> float:
    """α = 0.5^(1/K): after K steps half of the start is left."""
    return 0.5 ** (1 / max(steps, 1))


@torch.no_grad()
def pseudo_labels(recogniser: PhoneRecogniser, sound: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """What a recogniser writes greedily, as targets: int64 (B, T), −1 after the last, and how many (B,)."""
    return greedy_decode(*recogniser(sound, lengths))
