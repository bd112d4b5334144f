"""How evenly a classifier serves groups: fairlearn's tables, the spread over groups, and its pairing by test sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class FairnessReport:
    """One classifier's predictions on one test set, by group.

    Attributes:
        accuracy: share of correct predictions, over all samples.
        by_group: share of correct predictions of each group, index: the groups in sorted order.
        counts: samples of each group.
        std: standard deviation of ``by_group`` (of the groups as they are, divided by their number), the paper's STD.
        ratio: highest over lowest group accuracy, >= 1; infinite where a group has none right.
        worst: lowest group accuracy.
        equalised_odds: largest difference between groups in the rate at which samples of some true class are given
            some class, fairlearn's ``equalized_odds_difference`` where there are two classes; in [0, 1].
    """

    accuracy: float
    by_group: pd.Series
    counts: pd.Series
    std: float
    ratio: float
    worst: float
    equalised_odds: float

    def numbers(self) -> dict[str, float]:
        """The scalars by name of the metric."""
        return {"accuracy": self.accuracy, "std_over_groups": self.std, "max_min_ratio": self.ratio,
                "worst_group_accuracy": self.worst, "equalised_odds_difference": self.equalised_odds}  # fmt: skip


def fairness_report(truth: np.ndarray, predicted: np.ndarray, groups: np.ndarray) -> FairnessReport:
    """Judge predictions by group, on fairlearn's ``MetricFrame``.

    Args:
        truth, predicted: classes, (n,), integers from 0.
        groups: of each sample, (n,), names.

    Raises:
        ValueError: fewer than two groups.
    """
    from fairlearn.metrics import MetricFrame, count
    from sklearn.metrics import accuracy_score

    if len(np.unique(groups)) < 2:
        raise ValueError("fairness over groups needs at least two of them")
    frame = MetricFrame(metrics={"accuracy": accuracy_score, "count": count}, y_true=truth, y_pred=predicted,
                        sensitive_features=np.asarray(groups, dtype=str))  # fmt: skip
    by_group = frame.by_group["accuracy"].astype(float)
    worst, best = float(by_group.min()), float(by_group.max())
    return FairnessReport(
        accuracy=float(frame.overall["accuracy"]),
        by_group=by_group.rename_axis("group"),
        counts=frame.by_group["count"].astype(int).rename_axis("group"),
        std=float(by_group.std(ddof=0)),
        ratio=best / worst if worst > 0 else float("inf"),
        worst=worst,
        equalised_odds=_equalised_odds(truth, predicted, groups),
    )


def _equalised_odds(truth: np.ndarray, predicted: np.ndarray, groups: np.ndarray) -> float:
    """The largest gap of any class against the rest; a group that has no samples of a true class has no part in it."""
    gaps = []
    for true_class in np.unique(truth):
        mine = truth == true_class
        for given in np.unique(np.concatenate([truth, predicted])):
            rates = pd.Series(predicted[mine] == given).groupby(np.asarray(groups)[mine]).mean()
            gaps.append(float(rates.max() - rates.min()))
    return max(gaps)


def spread_shares(correct: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Jackknife pseudo-values of the standard deviation of group accuracies over test samples, (n,).

    Pseudo-value i is n·θ − (n − 1)·θ without sample i (Tukey 1958; Efron & Stein 1981), so that a spread, which is no
    mean over samples, can be paired by sample; their mean is the spread less its bias of order 1/n. (A spread of few
    samples a group is biased upward: chance alone sets groups apart.)

    Args:
        correct: whether each sample is classified rightly, bool (n,).
        groups: of each sample, (n,); every group has at least two samples.

    Raises:
        ValueError: a group of one sample.
    """
    names, member = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    sizes = np.bincount(member)
    if sizes.min() < 2:
        raise ValueError(f"group {str(names[sizes.argmin()])!r} has one sample; a jackknife needs two or more")
    right = np.bincount(member, weights=correct)
    means = right / sizes
    n, groups_count = len(correct), len(names)
    without = (right[member] - correct) / (sizes[member] - 1)  # the own group's mean without the sample
    total, squares = means.sum(), (means**2).sum()
    mean = (total - means[member] + without) / groups_count
    square = (squares - means[member] ** 2 + without**2) / groups_count
    spread = np.sqrt(np.maximum(square - mean**2, 0))
    return n * means.std() - (n - 1) * spread
