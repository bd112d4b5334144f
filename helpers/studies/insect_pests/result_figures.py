"""Tables and figures of what the arms reach: the start left, accuracy by labels, recall by rarity, raw or segmented."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from helpers.report.images import half_width, mean_and_half, points_above
from helpers.report.style import NEUTRAL, data_line, new_figure
from helpers.studies.insect_pests.figures import COLOURS, MARKS, RARITY_COLOURS
from helpers.studies.insect_pests.steps import NAMES, RARITIES, Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAPER = ((0.05, 79.0, "paper: NNCLR 79"), (0.05, 74.0, "paper: ImageNet 74"))


def has_left_start(comparison: Comparison) -> pd.DataFrame:
    """Each method's kNN accuracy over the random encoder's, paired by seed and test image: points, 95 % interval."""
    records = []
    for kind in comparison.kinds:
        random = comparison.correct("random", "knn", kind=kind)
        for method in comparison.methods():
            if not comparison.has(method, kind):
                continue
            right = comparison.correct(method, "knn", kind=kind)
            words, left = points_above(right, random)
            records.append({"method": NAMES[method], "input": kind, "kNN, %": mean_and_half(right),
                "random, %": mean_and_half(random),
                "points above random": words, "has left its start": left})  # fmt: skip
    return pd.DataFrame(records).set_index(["method", "input"])


def accuracy_table(comparison: Comparison, fractions: list[float], protocol: str) -> pd.DataFrame:
    """Test accuracy by label share, macro-F1 with all labels: per cent, mean ± half a 95 % interval over seeds."""
    records = []
    for kind in comparison.kinds:
        for encoder in comparison.encoders:
            for arm in comparison.arms(kind, encoder):
                if not comparison.has(arm, kind, encoder, protocol):
                    continue
                name = "from scratch" if arm == "random" and protocol == "fine_tune" else NAMES[arm]
                record = {"start": name, "input": kind, "encoder": encoder}
                for f in fractions:
                    right = comparison.correct(arm, protocol, f, kind, encoder)
                    record[f"{100 * f:g} % labels"] = mean_and_half(right)
                f1 = 100 * comparison.macro_f1(arm, protocol, 1.0, kind, encoder)
                record["macro-F1, all labels"] = f"{f1.mean():.1f}" + (
                    f" ± {half_width(f1[None])[0]:.1f}" if len(f1) > 1 else ""
                )
                records.append(record)
    return pd.DataFrame(records).set_index(["start", "input", "encoder"])


def accuracy_figure(comparison: Comparison, fractions: list[float], note: str) -> Figure:
    """Accuracy over label shares, fine-tuned end to end and by linear probe; on the left the paper's figures."""
    figure, axes = new_figure(1, 2, height=2.7, width=6.6, sharey=True)
    titles = (("fine_tune", "end to end"), ("linear", "linear probe"))
    for axis, (protocol, title) in zip(axes, titles, strict=True):
        arms = [arm for arm in comparison.arms() if comparison.has(arm, protocol=protocol)]
        for i, arm in enumerate(arms):
            offset = np.exp(0.06 * (i - (len(arms) - 1) / 2))
            accuracy = np.array([comparison.correct(arm, protocol, f).mean(1) for f in fractions])  # (fractions, seeds)
            name = "from scratch (end to end)\nrandom, frozen (linear)" if arm == "random" else NAMES[arm]
            axis.errorbar(100 * np.array(fractions) * offset, 100 * accuracy.mean(1), yerr=100 * half_width(accuracy),
                          color=COLOURS[arm], marker=MARKS[arm], markersize=4, linewidth=1, capsize=2, label=name,
                          linestyle=":" if arm in ("random", "transfer") else "-")  # fmt: skip
        axis.set_xscale("log")
        axis.set_xticks([100 * f for f in fractions], [f"{100 * f:g}" for f in fractions])
        axis.minorticks_off()
        axis.set_xlabel("labels used (%)")
        axis.set_title(title)
    for share, value, words in PAPER:
        axes[0].plot(100 * share, value, marker="_", markersize=16, markeredgewidth=2, color=NEUTRAL)
        axes[0].text(100 * share * 1.35, value, words, color=NEUTRAL, fontsize="x-small", va="center")
    axes[0].set_ylabel("test accuracy (%)")
    axes[0].set_ylim(0, 100)
    axes[1].legend(fontsize="x-small", loc="upper left")
    data_line(figure, f"{note}; raw pictures, {comparison.encoders[0]}; the paper's marks: other pictures and networks")
    return figure


def rarity_figure(comparison: Comparison, fraction: float, note: str) -> Figure:
    """Mean recall of common, medium and rare classes, fine-tuned with few and with all labels, by start."""
    shares = sorted({fraction, 1.0})
    figure, axes = new_figure(1, len(shares), height=2.7, width=3.4 * len(shares) + 0.4, sharey=True, squeeze=False)
    arms = comparison.arms()
    for axis, share in zip(axes[0], shares, strict=True):
        _rarity_bars(axis, comparison, arms, share)
        axis.set_title(f"{100 * share:g} % of the labels")
    axes[0, 0].set_ylabel("mean recall of the classes (%)")
    axes[0, 0].legend(title="rarity", fontsize="x-small", ncols=3, loc="upper left")
    data_line(figure, f"{note}; end to end, raw pictures")
    return figure


def _rarity_bars(axis: Axes, comparison: Comparison, arms: list[str], share: float) -> None:
    for j, rarity in enumerate(RARITIES):
        members = [c for c, its in enumerate(comparison.rarity) if its == rarity]
        recall = np.array(
            [np.nanmean(comparison.recall(arm, "fine_tune", share)[:, members], axis=1) for arm in arms]
        )  # (arms, seeds)
        axis.bar(np.arange(len(arms)) + 0.27 * (j - 1), 100 * recall.mean(1), 0.25, yerr=100 * half_width(recall),
                 color=RARITY_COLOURS[rarity], label=rarity, error_kw={"linewidth": 0.8, "capsize": 1.5})  # fmt: skip
    names = ["scratch" if arm == "random" else NAMES[arm].replace(" ", "\n") for arm in arms]
    axis.set_xticks(range(len(arms)), names, fontsize="x-small")
    axis.set_ylim(0, 112)


def raw_or_segmented(comparison: Comparison, note: str) -> Figure:
    """Linear probes with all labels on raw and on segmented pictures, a dot a seed, for every arm that has both."""
    arms = [arm for arm in comparison.arms("segmented") if comparison.has(arm)]
    figure, axis = new_figure(1, 1, height=0.34 * len(arms) + 1.0, width=5)
    for i, arm in enumerate(arms):
        for kind, shift, filled in (("raw", -0.14, True), ("segmented", 0.14, False)):
            accuracy = 100 * comparison.correct(arm, "linear", kind=kind).mean(1)
            axis.scatter(accuracy, np.full(len(accuracy), i + shift), s=14, color=COLOURS[arm], alpha=0.5, linewidths=0)
            axis.errorbar(accuracy.mean(), i + shift, xerr=half_width(accuracy[None])[0], color=COLOURS[arm],
                          marker=MARKS[arm], markersize=6, capsize=3,
                          markerfacecolor=COLOURS[arm] if filled else "white")  # fmt: skip
    axis.plot([], [], "o", color=NEUTRAL, label="raw")
    axis.plot([], [], "o", color=NEUTRAL, markerfacecolor="white", label="segmented")
    axis.legend(fontsize="x-small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    axis.set_yticks(range(len(arms)), [NAMES[arm] for arm in arms])
    axis.invert_yaxis()
    low, high = axis.get_xlim()
    axis.set_xlim(max(0.0, low), min(100.0, high))
    axis.set_xlabel("linear probe, all labels: test accuracy (%)")
    data_line(figure, note)
    return figure
