"""What clusters say of a quantity that they were not told of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ClusterContent:
    """How much of a quantity's variance lies between clusters.

    Attributes:
        share: ε² in about [0, 1] (Kelley 1935): η² less what as many clusters at random would have.
        low, high: 95 % interval over speakers, by the jackknife.
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


def cluster_content(clusters: np.ndarray, values: np.ndarray, speakers: np.ndarray) -> ClusterContent:
    """The share of variance between clusters, with an interval over speakers.

    The interval is Student's over delete-one-speaker pseudo-values, about the share itself. (A bootstrap that draws
    whole speakers repeats some of them, which makes any clusters look as if they said more than they do.)

    Args:
        clusters: of the samples, int (n,).
        values: the quantity, (n,).
        speakers: who speaks, (n,), at least two; one speaker's samples are alike.
    """
    from helpers.evaluation.intervals import independent_pairs

    names = np.unique(speakers)
    whole = variance_between(clusters, values)
    without = np.array([variance_between(clusters[speakers != n], values[speakers != n]) for n in names])
    found = independent_pairs(len(names) * whole - (len(names) - 1) * without)
    half = (found.high - found.low) / 2
    return ClusterContent(whole, whole - half, whole + half)
