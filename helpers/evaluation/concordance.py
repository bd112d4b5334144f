"""How much of a CCC each speaker of a test set accounts for, so that differences of CCC can be paired by speaker."""

from __future__ import annotations

import numpy as np


def ccc(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Lin's concordance correlation coefficient of two (n,) in the same unit, in [−1, 1]."""
    x, y = np.asarray(predicted, dtype=float), np.asarray(truth, dtype=float)
    apart = x.var() + y.var() + (x.mean() - y.mean()) ** 2
    return float(2 * ((x - x.mean()) * (y - y.mean())).mean() / apart) if apart > 0 else 0.0


def speaker_shares(truth: np.ndarray, predicted: np.ndarray, speakers: np.ndarray) -> np.ndarray:
    """Jackknife pseudo-values of the CCC over speakers, (N speakers,), speakers in sorted order.

    Pseudo-value i is N·θ − (N − 1)·θ without speaker i (Tukey 1958; Efron & Stein 1981). Their mean is the CCC less its
    bias of order 1/N, and their spread is what the choice of speakers does to it, so that they stand where a mean over
    subjects would for a metric that is no mean.

    Args:
        truth: (n,).
        predicted: (n,), in the same unit.
        speakers: who speaks, (n,); at least two.
    """
    names = np.unique(speakers)
    if len(names) < 2:
        raise ValueError("a jackknife over speakers needs at least two")
    whole = ccc(truth, predicted)
    without = np.array([ccc(truth[speakers != name], predicted[speakers != name]) for name in names])
    return len(names) * whole - (len(names) - 1) * without
