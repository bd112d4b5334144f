"""What an image encoder is worth: probes of it frozen, the random encoder beside it, and the labels alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from helpers.data.corpus import Corpus
from helpers.data.labelled_rows import LabelledRows, label_subset
from helpers.evaluation.fine_tuning import fine_tune
from helpers.evaluation.probes import knn_predict, linear_probe
from helpers.methods.collapse import spread
from helpers.methods.embedding import embed
from helpers.training import TrainingPlan


def probe_frozen(
    encoder: nn.Module, corpus: Corpus, rows: LabelledRows, classes: np.ndarray, fractions: Sequence[float], seed: int
) -> dict[str, Any]:
    """kNN with all labels, and linear probes at label fractions, of a frozen encoder.

    Args:
        encoder: of the corpus's samples.
        corpus: the samples.
        rows: who is probed with and tested on.
        classes: of every sample of the corpus, int64.
        fractions: shares of the training labels, in (0, 1]; none for no linear probe.
        seed: of the share's draw.

    Returns:
        ``knn``: which test predictions are correct, bool (m,); ``linear``: the same by fraction as text;
        ``embedding_rank``: effective rank of the test features; ``validation``: accuracy on the validation samples,
        by kNN and by each linear probe, for choosing between encoders.
    """
    labels = torch.as_tensor(classes)
    x = {part: embed(encoder, corpus, getattr(rows, part)) for part in ("train", "validation", "test")}
    y = {part: labels[getattr(rows, part)] for part in x}
    found: dict[str, Any] = {"knn": knn_predict(x["train"], y["train"], x["test"]) == y["test"], "linear": {}}
    found["embedding_rank"] = spread(x["test"]).effective_rank
    held = knn_predict(x["train"], y["train"], x["validation"]) == y["validation"]
    found["validation"] = {"knn": float(held.double().mean())}
    asked = torch.cat([x["test"], x["validation"]])
    for fraction in fractions:
        some = torch.as_tensor(label_subset(y["train"].numpy(), fraction, seed))
        predicted = linear_probe((x["train"][some], y["train"][some]), (x["validation"], y["validation"]), asked)
        test, held = predicted.split([len(y["test"]), len(y["validation"])])
        found["linear"][str(fraction)] = test == y["test"]
        found["validation"][str(fraction)] = float((held == y["validation"]).double().mean())
    return found


def with_statistics(encoder: nn.Module, corpus: Corpus, rows: np.ndarray) -> nn.Module:
    """An untrained encoder whose batch norms' statistics are those of training images, in evaluation mode.

    Args:
        encoder: is changed in place.
        corpus: the samples.
        rows: training samples; the first 4,096 are used.
    """
    encoder.train()
    with torch.no_grad():
        for part in np.array_split(rows[:4096], max(1, min(16, len(rows) // 2))):
            encoder(corpus.load(part))
    return encoder.eval()


class Augmented(nn.Module):
    """An encoder that sees random views while it is trained and the samples themselves afterwards."""

    def __init__(self, encoder: nn.Module, views: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.encoder, self.views = encoder, views

    def forward(self, samples: Tensor) -> Tensor:
        return self.encoder(self.views(samples) if self.training else samples)


def from_scratch(
    encoder: Augmented, features: int, corpus: Corpus, rows: LabelledRows, classes: np.ndarray, fraction: float,
    seed: int, epochs: int, batch_size: int,
) -> Tensor:  # fmt: skip
    """Which test predictions of the same network trained on the labels alone are correct, bool (m,).

    Args:
        encoder: at its start; a copy is trained.
        features: size of its embedding.
        corpus: the samples.
        rows: who is trained on and tested on.
        classes: of every sample of the corpus, int64.
        fraction: share of the training labels, in (0, 1].
        seed: of the share's draw and of the training.
        epochs: passes with all labels; a share of them gets 1/√share times as many.
        batch_size: at most; never more than there are samples.
    """
    some = rows.train[label_subset(classes[rows.train], fraction, seed)]
    parts = {"train": some, "validation": rows.validation, "test": rows.test}
    plan = TrainingPlan(round(epochs / fraction**0.5), min(batch_size, len(some)), 1e-3, weight_decay=1e-2, seed=seed)
    predicted = fine_tune(encoder, corpus, classes, parts, plan, features)
    return torch.as_tensor(predicted == classes[rows.test])
