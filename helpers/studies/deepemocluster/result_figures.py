"""Tables and figures of results: CCC of every arm, and what the clusters say of emotion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from helpers.data.circumplex import ATTRIBUTES, EMOTIONS
from helpers.evaluation.intervals import crossed_seeds_subjects, independent_pairs
from helpers.report.style import NEUTRAL, PALETTE, SEQUENTIAL, data_line, new_figure
from helpers.studies.deepemocluster.arms import Speech
from helpers.studies.deepemocluster.figures import ATTRIBUTE_COLOURS
from helpers.studies.deepemocluster.steps import NAMES, SHOWN, Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAPER = {"arousal": 0.673, "dominance": 0.555, "valence": 0.190}  # the authors' README, MSP-Podcast 1.6 test set


def ccc_table(comparison: Comparison) -> pd.DataFrame:
    """CCC on test sentences: mean and 95 % interval over seeds and test speakers (seeds alone have none)."""
    records = []
    for fraction in sorted(comparison.fractions, reverse=True):
        for arm in comparison.arms(fraction):
            record = {"arm": NAMES[arm], "labels": f"{100 * fraction:g} %"}
            scores, shares = comparison.scores(arm, fraction), comparison.shares(arm, fraction)
            for i, name in enumerate(ATTRIBUTES):
                record[name] = _words(scores[:, i], shares[:, :, i])
            record["mean"] = _words(scores.mean(axis=1), shares.mean(axis=2))
            record["mean, validation"] = f"{comparison.validated(arm, fraction).mean():.3f}"
            records.append(record)
    return pd.DataFrame(records).set_index(["arm", "labels"])


def _words(scores: np.ndarray, shares: np.ndarray) -> str:
    if len(scores) < 2:
        return f"{scores.mean():.3f}"
    low, high = _interval(shares)
    return f"{scores.mean():.3f} ({low:.3f} to {high:.3f})"


def _interval(shares: np.ndarray) -> tuple[float, float]:
    """95 % limits of a CCC from speakers' shares of it, (seeds, speakers)."""
    found = crossed_seeds_subjects(shares) if len(shares) > 1 else independent_pairs(shares[0])
    return found.low, found.high


def ccc_figure(comparison: Comparison, note: str) -> Figure:
    """CCC of every arm for the three attributes, a dot a seed and the mean; the README's figures as grey marks."""
    arms = comparison.arms()
    figure, axes = new_figure(1, 3, height=0.32 * len(arms) + 1.2, width=8.0, sharey=True)
    for i, (axis, name) in enumerate(zip(axes, ATTRIBUTES, strict=True)):
        for row, arm in enumerate(arms):
            scores, shares = comparison.scores(arm)[:, i], comparison.shares(arm)[:, :, i]
            low, high = _interval(shares)
            colour = NEUTRAL if arm == "random" else ATTRIBUTE_COLOURS[name]
            axis.plot([low, high], [row, row], color=colour, linewidth=1.2)
            axis.scatter(scores, np.full(len(scores), row), s=12, color=colour, alpha=0.5, linewidths=0)
            axis.scatter(scores.mean(), row, s=34, color=colour, marker="D" if arm == SHOWN else "o", zorder=3)
        axis.axvline(PAPER[name], color=NEUTRAL, linestyle="--", linewidth=1)
        axis.set_title(f"{name} (README {PAPER[name]:.3f})", fontsize="small")
        axis.set_xlabel("CCC, test sentences")
    axes[0].set_yticks(range(len(arms)), [NAMES[arm] for arm in arms])
    axes[0].invert_yaxis()
    data_line(figure, f"{note}; all labels; dashed: MSP-Podcast 1.6, other speech and a larger network")
    return figure


def cluster_figure(comparison: Comparison, speech: Speech, note: str) -> Figure:
    """Attributes of the test chunks in each cluster, clusters in order of arousal, and what emotions they hold."""
    test = speech.rows["test"]
    clusters = comparison.runs[SHOWN, 1.0, comparison.seeds[0]][0]["clusters"].numpy()
    values = speech.ratings[test].numpy()
    names, group = np.unique(clusters, return_inverse=True)
    order = np.argsort([values[group == k, 0].mean() for k in range(len(names))])
    emotions = _emotions(speech, test)
    figure, axes = new_figure(1, 4 if emotions else 3, height=0.19 * len(names) + 1.5, width=8.2, sharey=True)
    for i, name in enumerate(ATTRIBUTES):
        parts = [values[group == k, i] for k in order]
        axes[i].boxplot(parts, orientation="horizontal", positions=range(len(names)), widths=0.6, showfliers=False,
                        medianprops={"color": ATTRIBUTE_COLOURS[name], "linewidth": 2},
                        boxprops={"linewidth": 0.8}, whiskerprops={"linewidth": 0.8})  # fmt: skip
        axes[i].axvline(values[:, i].mean(), color=NEUTRAL, linestyle=":", linewidth=1)
        axes[i].set_xlabel(f"{name} (1 to 7)")
    axes[0].set_yticks(range(len(names)), [f"{int((group == k).sum())}" for k in order])
    axes[0].set_ylabel("cluster, by arousal\n(test chunks in it)")
    if emotions:
        _emotion_shares(axes[3], speech, test, group, order, emotions)
    data_line(figure, f"{note}; clusters found without labels of these; dotted: the mean of all")
    return figure


def _emotions(speech: Speech, test: np.ndarray) -> list[str]:
    if "label" not in speech.chunks.table.columns:
        return []
    labels = speech.chunks.table["label"].iloc[test]
    return [e for e in EMOTIONS if (labels == e).any()]


def _emotion_shares(
    axis: Axes, speech: Speech, test: np.ndarray, group: np.ndarray, order: np.ndarray, emotions: list[str]
) -> None:
    labels = speech.chunks.table["label"].to_numpy(dtype=object)[test]
    share = np.array([[(labels[group == k] == e).mean() for e in emotions] for k in order])
    axis.imshow(100 * share, aspect="auto", origin="lower", cmap=SEQUENTIAL, vmin=0)
    for row, column in zip(*np.nonzero(share >= 0.2), strict=True):
        axis.text(column, row, f"{100 * share[row, column]:.0f}", ha="center", va="center", fontsize="xx-small",
                  color="black" if share[row, column] > 0.6 * share.max() else "white")  # fmt: skip
    axis.set_xticks(range(len(emotions)), emotions, rotation=60, ha="right", fontsize="x-small")
    axis.set_xlabel("emotion, % of the cluster")


def content_table(contents: pd.DataFrame) -> pd.DataFrame:
    """Share of each attribute's variance between clusters of test chunks: mean over seeds, and the first seed's 95 %
    interval over test speakers."""
    first = contents[contents["seed"] == contents["seed"].iloc[0]].set_index(["arm", "attribute"])
    mean = contents.groupby(["arm", "attribute"], sort=False)["share"].mean()
    rows = {}
    for arm in contents["arm"].unique():
        rows[NAMES[arm]] = {
            name: f"{mean[arm, name]:.2f} ({first.loc[(arm, name), 'low']:.2f} to {first.loc[(arm, name), 'high']:.2f})"
            for name in ATTRIBUTES
        }
    return pd.DataFrame(rows).T


def agreement_figure(by_seed: list[list[float]], note: str) -> Figure:
    """NMI of successive clusterings of the labelled chunks over epochs, a line a seed."""
    figure, axis = new_figure(1, 1, height=2.2, width=4.2)
    for i, values in enumerate(by_seed):
        axis.plot(range(2, len(values) + 2), values, color=PALETTE[i % len(PALETTE)], marker="o", markersize=3,
                  linewidth=1)  # fmt: skip
    axis.set_ylim(0, 1)
    axis.set_xlabel("labelled epoch")
    axis.set_ylabel("NMI with last clusters")
    data_line(figure, f"{note}; a line a seed")
    return figure
