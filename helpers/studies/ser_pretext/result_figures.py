"""Tables and figures of what the arms reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from helpers.evaluation.intervals import corrected_resampled_t
from helpers.report.style import NEUTRAL, PALETTE, data_line, new_figure
from helpers.studies.ser_pretext.arms import TOGETHER
from helpers.studies.ser_pretext.figures import show_shares
from helpers.studies.ser_pretext.probing import unweighted_accuracy
from helpers.studies.ser_pretext.steps import METRICS, NAMES, Comparison

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {TOGETHER: PALETTE[0], "energy": PALETTE[5], "activation": PALETTE[2], "emotion": PALETTE[3],
           "byol": PALETTE[1], "scratch": NEUTRAL, "svm_speaker": PALETTE[6], "svm": PALETTE[4]}  # fmt: skip
MARKS = {TOGETHER: "o", "energy": "v", "activation": "^", "emotion": "D", "byol": "s", "scratch": "X",
         "svm_speaker": "P", "svm": "*"}  # fmt: skip
WORDS = {"unweighted_accuracy": "unweighted accuracy (= recall)", "precision": "precision", "macro_f1": "macro-F1"}
PAPER_GAIN = {"precision": 5.1, "unweighted_accuracy": 4.5, "macro_f1": 4.9}


def half_width(values: np.ndarray, test_fraction: float) -> float:
    """Half the 95 % interval of a mean over pairs of seed and fold, whose training sets overlap; 0 for one pair."""
    if len(values) < 2:
        return 0.0
    interval = corrected_resampled_t(values, test_fraction)
    return (interval.high - interval.low) / 2


def _words(values: np.ndarray, comparison: Comparison) -> str:
    percent = 100 * values
    half = half_width(percent, 1 / comparison.parts)
    return f"{percent.mean():.1f}" + (f" ± {half:.1f}" if len(percent) > 1 else "")


def score_table(comparison: Comparison, metric: str = "macro_f1") -> pd.DataFrame:
    """A metric by share of labels: per cent, mean ± half a 95 % interval over pairs of seed and fold."""
    records = [
        {"start": NAMES[arm]} | {f"{100 * f:g} % labels": _words(comparison.scores(arm, f, metric), comparison)
                                 for f in comparison.fractions}
        for arm in comparison.everyone()
    ]  # fmt: skip
    return pd.DataFrame(records).set_index("start")


def all_labels_table(comparison: Comparison) -> pd.DataFrame:
    """Unweighted accuracy, precision and macro-F1 at all labels, and the gain over scratch in macro-F1, points."""
    base = comparison.scores("scratch", 1.0, "macro_f1")
    records = []
    for arm in comparison.everyone():
        record = {"start": NAMES[arm]}
        record |= {WORDS[m]: _words(comparison.scores(arm, 1.0, m), comparison) for m in METRICS}
        gain = 100 * (comparison.scores(arm, 1.0, "macro_f1") - base)
        record["macro-F1 over scratch"] = "" if arm == "scratch" else _gain(gain, comparison)
        records.append(record)
    return pd.DataFrame(records).set_index("start")


def _gain(gain: np.ndarray, comparison: Comparison) -> str:
    if len(gain) < 2:
        return f"{gain.mean():+.1f}"
    interval = corrected_resampled_t(gain, 1 / comparison.parts)
    return f"{interval.mean:+.1f} ({interval.low:+.1f} to {interval.high:+.1f})"


def frozen_table(comparison: Comparison) -> pd.DataFrame:
    """Unweighted accuracy from frozen features with all labels, beside the random encoder's, per cent."""
    records = []
    for arm in (*comparison.arms, "scratch"):
        values = {p: comparison.scores(arm, 1.0, "unweighted_accuracy", p) for p in ("knn", "linear")}
        record = {"encoder, frozen": "random" if arm == "scratch" else NAMES[arm]}
        record["nearest neighbours"] = _words(values["knn"], comparison)
        record["linear probe"] = _words(values["linear"], comparison)
        records.append(record)
    return pd.DataFrame(records).set_index("encoder, frozen")


def label_figure(comparison: Comparison, note: str) -> Figure:
    """Macro-F1 over the share of labels for every start; beside it the gain over scratch with the paper's mark."""
    figure, axes = new_figure(1, 2, height=2.8, width=7.0, gridspec_kw={"width_ratios": [1.25, 1]})
    shares = 100 * np.array(comparison.fractions)
    arms = comparison.everyone()
    for i, arm in enumerate(arms):
        values = [100 * comparison.scores(arm, f, "macro_f1") for f in comparison.fractions]
        half = [half_width(v, 1 / comparison.parts) for v in values]
        offset = np.exp(0.04 * (i - (len(arms) - 1) / 2))
        axes[0].errorbar(shares * offset, [v.mean() for v in values], yerr=half, color=COLOURS[arm], marker=MARKS[arm],
                         markersize=4, linewidth=1, capsize=2, label=NAMES[arm],
                         linestyle=":" if arm in ("scratch", "svm", "svm_speaker") else "-")  # fmt: skip
        if arm in comparison.arms:
            gains = [100 * (comparison.scores(arm, f, "macro_f1") - comparison.scores("scratch", f, "macro_f1"))
                     for f in comparison.fractions]  # fmt: skip
            axes[1].errorbar(shares * offset, [g.mean() for g in gains], color=COLOURS[arm], marker=MARKS[arm],
                             yerr=[half_width(g, 1 / comparison.parts) for g in gains], markersize=4, linewidth=1,
                             capsize=2)  # fmt: skip
    axes[1].axhline(0, color=NEUTRAL, linewidth=1)
    axes[1].plot(100, PAPER_GAIN["macro_f1"], marker="_", markersize=16, markeredgewidth=2, color=NEUTRAL)
    axes[1].text(100 / 1.15, PAPER_GAIN["macro_f1"], "paper: up to +4.9", color=NEUTRAL, fontsize="x-small", ha="right",
                 va="center")  # fmt: skip
    for axis in axes:
        axis.set_xscale("log")
        axis.set_xticks(shares, [f"{share:g}" for share in shares])
        axis.minorticks_off()
        axis.set_xlabel("labels used (%)")
    axes[0].set_ylabel("macro-F1 (%)")
    axes[1].set_ylabel("macro-F1 over scratch (points)")
    axes[0].legend(fontsize="x-small", loc="upper left", bbox_to_anchor=(0.0, 1.0))
    axes[0].set_ylim(0, 100)
    data_line(figure, f"{note}; unheard speakers; the paper's mark: CREMA-D, other network and amount of data")
    return figure


def confusion_figure(comparison: Comparison, note: str) -> Figure:
    """Confusion of emotions at all labels: from scratch and after the pretext tasks together."""
    figure, axes = new_figure(1, 2, height=2.7, width=6.6, sharey=True)
    for axis, arm in zip(axes, ("scratch", TOGETHER), strict=True):
        show_shares(axis, 100 * comparison.confusion(arm, 1.0), comparison.names, comparison.names)
        ua = 100 * comparison.scores(arm, 1.0, "unweighted_accuracy").mean()
        axis.set_title(f"{NAMES[arm]}: unweighted accuracy {ua:.1f} %", fontsize="small")
        axis.set_xlabel("predicted")
    axes[0].set_ylabel("true")
    data_line(figure, f"{note}; all labels, unheard speakers; per cent of each emotion's clips")
    return figure


def by_speaker_table(comparison: Comparison) -> pd.DataFrame:
    """Unweighted accuracy of each tested speaker at all labels, per cent: scratch and the tasks together."""
    found: dict[str, list[list[float]]] = {}
    for pair in comparison.pairs:
        for who in np.unique(comparison.subjects[pair]):
            mine = comparison.subjects[pair] == who
            truth = comparison.truth[pair][mine]
            guesses = [comparison.predicted(arm, pair, 1.0)[mine] for arm in ("scratch", TOGETHER)]
            found.setdefault(str(who), []).append([unweighted_accuracy(truth, guess) for guess in guesses])
    records = []
    for who, values in sorted(found.items()):
        scratch, together = 100 * np.mean(values, axis=0)
        records.append({"speaker": who, "scratch": f"{scratch:.1f}", NAMES[TOGETHER]: f"{together:.1f}"})
    return pd.DataFrame(records).set_index("speaker")
