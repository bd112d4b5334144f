"""The kNN probe beside scikit-learn's brute-force neighbours, the linear probe beside its logistic regression."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from helpers.evaluation.probes import PENALTIES, knn_predict, linear_probe
from tests.benchmarks.timing import Row, interleaved, rate_of

WIDTH, CLASSES = 128, 10


def run(counts: Sequence[int] = (5_000, 50_000), rounds: int = 3, linear: int = 4_000) -> list[Row]:
    """Both probes.

    Args:
        counts: training features of the kNN probe; a fifth as many are asked for.
        rounds: turns of ours and theirs, whose medians are taken.
        linear: training features of the linear probe.
    """
    rows = [_knn(count, rounds) for count in counts]
    return [*rows, _linear(linear, rounds)]


def _features(count: int, seed: int) -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, CLASSES, (count,), generator=source)
    centres = torch.randn(CLASSES, WIDTH, generator=torch.Generator().manual_seed(99))
    return centres[labels] + 3 * torch.randn(count, WIDTH, generator=source), labels


def _knn(count: int, rounds: int) -> Row:
    (known, labels), (asked, _) = _features(count, 0), _features(count // 5, 1)

    def ours() -> None:
        knn_predict(known, labels, asked, k=20)

    def theirs() -> None:
        def vote(distance: np.ndarray) -> np.ndarray:
            return np.exp((1 - distance) / 0.07)

        model = KNeighborsClassifier(20, metric="cosine", algorithm="brute", weights=vote)
        model.fit(known.numpy(), labels.numpy()).predict(asked.numpy())

    amount = count // 5
    rates = interleaved(lambda: rate_of(ours, amount, 1), lambda: rate_of(theirs, amount, 1), rounds)
    return Row(f"kNN probe, {count:,} training features", "answers/s", *rates, target=1.0)


def _linear(count: int, rounds: int) -> Row:
    """Five penalties each way, in double precision, to the same tolerance of the same loss."""
    (x, y), (held, right), (asked, _) = _features(count, 0), _features(500, 1), _features(1000, 2)

    def ours() -> None:
        linear_probe((x, y), (held, right), asked)

    def theirs() -> None:
        scaler = StandardScaler().fit(x.double().numpy())
        made = [
            LogisticRegression(C=1 / (penalty * count), max_iter=1000, tol=1e-6).fit(scaler.transform(x), y)
            for penalty in PENALTIES
        ]
        best = max(made, key=lambda one: one.score(scaler.transform(held.double()), right))
        best.predict(scaler.transform(asked.double()))

    rates = interleaved(lambda: rate_of(ours, 1, 1), lambda: rate_of(theirs, 1, 1), rounds)
    return Row(f"linear probe, {count:,} features, 5 penalties", "probes/s", *rates, target=1.0)
