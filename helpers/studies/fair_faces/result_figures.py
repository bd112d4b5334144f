"""Tables and figures of what the arms reach: accuracy by group, and accuracy against its spread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from helpers.report.images import half_width
from helpers.report.style import NEUTRAL, PALETTE, data_line, new_figure
from helpers.studies.fair_faces.about import ABLATIONS, BASELINES
from helpers.studies.fair_faces.steps import NAMES, Comparison

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METRICS = {"accuracy": ("accuracy, %", 100), "std_over_groups": ("STD over groups, points", 100),
           "max_min_ratio": ("max / min", 1), "worst_group_accuracy": ("worst group, %", 100),
           "equalised_odds_difference": ("equalised odds difference", 1)}  # fmt: skip
COLOURS = {"pipeline": PALETTE[0], "simclr": PALETTE[1], "byol": PALETTE[4], "supcon": PALETTE[3], "random": NEUTRAL,
           "supervised": "black", "supervised_web": "black"}  # fmt: skip
MARKS = {"pipeline": "*", "simclr": "s", "byol": "^", "supcon": "D", "random": "X", "supervised": "P",
         "supervised_web": "p", "no_dedup": "$1$", "no_retrieval": "$2$", "no_quality": "$3$",
         "no_pseudo_labels": "$4$", "no_weights": "$5$"}  # fmt: skip


def _words(values: np.ndarray, digits: int) -> str:
    half = f" ± {half_width(values[None])[0]:.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{half}"


def fairness_table(comparison: Comparison) -> pd.DataFrame:
    """Every metric of every arm: mean ± half a 95 % interval over seeds."""
    records = []
    for arm in comparison.arms():
        numbers = [report.numbers() for report in comparison.reports(arm)]
        record = {"arm": NAMES[arm]}
        for key, (title, scale) in METRICS.items():
            record[title] = _words(scale * np.array([n[key] for n in numbers]), 1 if scale == 100 else 2)
        records.append(record)
    return pd.DataFrame(records).set_index("arm")


def group_table(comparison: Comparison) -> pd.DataFrame:
    """Accuracy of every arm in every group, per cent: mean ± half a 95 % interval over seeds; test images below."""
    records = []
    for arm in comparison.arms():
        reports = comparison.reports(arm)
        by = {g: _words(100 * np.array([r.by_group[g] for r in reports]), 1) for g in comparison.ranked}
        records.append({"arm": NAMES[arm]} | by)
    counts = {g: str(int((comparison.groups == g).sum())) for g in comparison.ranked}
    return pd.DataFrame([*records, {"arm": "test images"} | counts]).set_index("arm")


def accuracy_against_spread(comparison: Comparison, note: str) -> Figure:
    """Accuracy against the standard deviation over groups: up and to the left is better."""
    figure, axes = new_figure(1, 2, height=3.2, width=8, sharex=True, sharey=True)
    parts = (("baselines", ("supervised", "supervised_web", *BASELINES, "random")), ("each step left out", ABLATIONS))
    for axis, (title, arms) in zip(axes, parts, strict=True):
        for arm in ("pipeline", *arms):
            numbers = [report.numbers() for report in comparison.reports(arm)]
            x = 100 * np.array([n["std_over_groups"] for n in numbers])
            y = 100 * np.array([n["accuracy"] for n in numbers])
            colour = COLOURS.get(arm, PALETTE[2])
            axis.errorbar(x.mean(), y.mean(), xerr=half_width(x[None])[0], yerr=half_width(y[None])[0], color=colour,
                          marker=MARKS[arm], markersize=11 if arm == "pipeline" else 7, linestyle="none", linewidth=0.8,
                          capsize=2, label=NAMES[arm], alpha=0.9)  # fmt: skip
        axis.set_title(title)
        axis.set_xlabel("standard deviation over groups (points)")
        axis.legend(fontsize="x-small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    axes[0].set_ylabel("test accuracy (%)")
    data_line(figure, f"{note}; linear probes on frozen features; bars: 95 % over seeds; the paper: +6 to 7, STD −3.5")
    return figure


def by_group_figure(comparison: Comparison, note: str, base: str) -> Figure:
    """Accuracy in every group of the pipeline, the baseline it is held against, and the random encoder."""
    figure, axis = new_figure(1, 1, height=2.4, width=6.4)
    arms = ("random", base, "pipeline")
    for i, arm in enumerate(arms):
        values = 100 * np.array([[r.by_group[g] for r in comparison.reports(arm)] for g in comparison.ranked])
        axis.bar(np.arange(len(comparison.ranked)) + 0.27 * (i - 1), values.mean(1), 0.25, yerr=half_width(values),
                 color=COLOURS[arm], label=NAMES[arm], error_kw={"linewidth": 0.8, "capsize": 1.5})  # fmt: skip
    axis.set_xticks(range(len(comparison.ranked)), comparison.ranked)
    axis.set_ylim(0, 100)
    axis.set_ylabel("test accuracy (%)")
    axis.set_xlabel("group, the pool's commonest first")
    axis.legend(fontsize="x-small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    data_line(figure, note)
    return figure
