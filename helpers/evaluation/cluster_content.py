"""What clusters say of a quantity that they were not told of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ClusterContent:
    """How much of a quantity's variance lies between clusters.

    Attributes:
        share: ε² in about [0, 1] (Kelley 1935): η² less what as many clusters at random would have.
        low, high: 95 % percentile interval of a bootstrap over speakers.
    """

    share: float
    low: float
    high: float


def variance_between(clusters: np.ndarray, values: np.ndarray) -> float:
    """ε² = (SS_between − (K − 1)·MS_within) / SS_total; 0 in expectation for clusters at random, 1 at most.

    Args:
        clusters: int (n,).
        values: (n,), not all equal.
    """
    names, group = np.unique(clusters, return_inverse=True)
    counts = np.bincount(group)
    means = np.bincount(group, values) / counts
    total = float(((values - values.mean()) ** 2).sum())
    within = float(((values - means[group]) ** 2).sum())
    spare = len(values) - len(names)
    if total <= 0 or spare <= 0:
        return 0.0
    return (total - within - (len(names) - 1) * within / spare) / total


def cluster_content(
    clusters: np.ndarray, values: np.ndarray, speakers: np.ndarray, draws: int = 400, seed: int = 0
) -> ClusterContent:
    """The share of variance between clusters, with an interval over speakers.

    Args:
        clusters: of the samples, int (n,).
        values: the quantity, (n,).
        speakers: who speaks, (n,); whole speakers are drawn, for one's samples are alike.
        draws: of the bootstrap.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    names = np.unique(speakers)
    rows = [np.flatnonzero(speakers == name) for name in names]
    found = []
    for _ in range(draws):
        drawn = np.concatenate([rows[i] for i in rng.integers(len(rows), size=len(rows))])
        found.append(variance_between(clusters[drawn], values[drawn]))
    low, high = np.quantile(found, [0.025, 0.975])
    return ClusterContent(variance_between(clusters, values), float(low), float(high))
