"""Tables and figures of what the restorations are worth: by metric, by factor, by group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from helpers.data.simulated.faces import TONES
from helpers.evaluation.intervals import Interval, crossed_seeds_subjects, independent_pairs
from helpers.report.style import NEUTRAL, PALETTE, data_line, new_figure
from helpers.studies.extreme_face_sr.about import METHODS
from helpers.studies.extreme_face_sr.steps import LOWER_IS_BETTER, NAMES, Comparison

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = {"psnr": "PSNR, dB ↑", "ssim": "SSIM ↑", "feature_distance": "feature distance ↓", "fid": "FID ↓",
           "attributes_kept": "attributes kept, % ↑", "colour_difference": "skin colour, ΔE ↓",
           "low_error": "error at LR ↓"}  # fmt: skip
COLOURS = {"bicubic": NEUTRAL, "one_step": PALETTE[1], "latent_search": PALETTE[3], "without_step_one": PALETTE[4],
           "without_interpolation": PALETTE[5], "two_steps": PALETTE[0]}  # fmt: skip
MARKS = {"bicubic": "X", "one_step": "s", "latent_search": "D", "without_step_one": "^", "without_interpolation": "v",
         "two_steps": "o"}  # fmt: skip


def quality_table(comparison: Comparison, factor: int) -> pd.DataFrame:
    """Every metric of every method, mean over test faces ± standard deviation over seeds."""
    rows = {}
    for method in METHODS:
        row = {}
        for metric, words in COLUMNS.items():
            by_seed = _by_seed(comparison, method, metric, factor)
            digits = 1 if metric in ("psnr", "attributes_kept", "colour_difference") else 3
            spread = f" ± {by_seed.std(ddof=1):.{digits}f}" if len(by_seed) > 1 else ""
            row[words] = "none" if np.isnan(by_seed).all() else f"{by_seed.mean():.{digits}f}{spread}"
        rows[NAMES[method]] = row
    table = pd.DataFrame(rows).T
    table.index.name = f"×{factor}"
    return table


def difference_table(comparison: Comparison, factor: int) -> pd.DataFrame:
    """Two steps against every other method in every metric: paired difference with its 95 % interval.

    Signs are turned so that + is for two steps. FID has a value a seed and is paired by it; the rest by seed and face.
    """
    rows = {}
    for method in METHODS[:-1]:
        row = {}
        for metric, words in COLUMNS.items():
            interval = difference(comparison, method, metric, factor)
            digits = 2 if metric in ("psnr", "colour_difference") else 3
            if interval is None:
                row[words] = "none"
            elif np.isfinite(interval.low):
                row[words] = f"{interval.mean:+.{digits}f} ({interval.low:+.{digits}f} to {interval.high:+.{digits}f})"
            else:
                row[words] = f"{interval.mean:+.{digits}f}"
        rows[f"over {NAMES[method]}"] = row
    table = pd.DataFrame(rows).T
    table.index.name = f"×{factor}, + is for two steps"
    return table


def difference(comparison: Comparison, method: str, metric: str, factor: int) -> Interval | None:
    """Two steps' advantage over a method, with the verdict's kind of interval; None where the metric is unknown."""
    sign = -1 if metric in LOWER_IS_BETTER else 1
    if metric == "fid":
        d = sign * (comparison.fid("two_steps", factor) - comparison.fid(method, factor))
        return independent_pairs(d) if len(d) > 1 else _single(d)
    d = sign * (comparison.values("two_steps", metric, factor) - comparison.values(method, metric, factor))
    if np.isnan(d).any():
        return None
    return crossed_seeds_subjects(d) if len(d) > 1 else _single(d)


def factor_figure(comparison: Comparison, note: str) -> Figure:
    """Four metrics by factor, a line a method, with the spread over seeds."""
    shown = ("feature_distance", "fid", "psnr", "colour_difference")
    figure, axes = new_figure(1, 4, height=2.6, width=8.0)
    places = np.arange(len(comparison.factors))
    for axis, metric in zip(axes, shown, strict=True):
        for i, method in enumerate(METHODS):
            values = np.array([_by_seed(comparison, method, metric, factor) for factor in comparison.factors])
            spread = values.std(axis=1, ddof=1) if values.shape[1] > 1 else np.zeros(len(values))
            axis.errorbar(places + 0.05 * (i - 2.5), values.mean(1), spread, color=COLOURS[method],
                          marker=MARKS[method], markersize=4, linewidth=1.8 if method == "two_steps" else 1,
                          capsize=1.5, label=NAMES[method])  # fmt: skip
        axis.set_xticks(places, [f"×{factor}" for factor in comparison.factors])
        axis.set_xlim(-0.4, len(places) - 0.6)
        axis.set_title(COLUMNS[metric], fontsize="small")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize="x-small")
    data_line(figure, f"{note}; bars: standard deviation over seeds")
    return figure


def ordered(groups: np.ndarray) -> list[str]:
    """The names of groups: drawn skin tones from the lightest, others by the alphabet."""
    return sorted(set(groups), key=lambda name: (TONES.index(name) if name in TONES else len(TONES), name))


def group_figure(comparison: Comparison, factor: int, note: str) -> Figure:
    """By group: skin colour's change, how often the reader still sees the group, and the other attributes."""
    groups = ordered(comparison.groups)
    methods = ("one_step", "latent_search", "two_steps")
    panels = ["colour_difference", *(["group"] if "group" in comparison.attributes else [])]
    panels += ["attributes"] if [a for a in comparison.attributes if a != "group"] else []
    words = {"colour_difference": "skin colour, ΔE ↓", "group": "group kept, % ↑", "attributes": "attributes kept, % ↑"}
    figure, axes = new_figure(1, len(panels), height=2.5, width=2.6 * len(panels) + 0.4, squeeze=False)
    for axis, panel in zip(axes[0], panels, strict=True):
        for i, method in enumerate(methods):
            values = [_of_group(comparison, method, panel, factor, comparison.groups == group) for group in groups]
            axis.bar(np.arange(len(groups)) + 0.27 * (i - 1), values, width=0.25, color=COLOURS[method],
                     label=NAMES[method])  # fmt: skip
        axis.set_xticks(range(len(groups)), [g or "all" for g in groups], rotation=30, ha="right", fontsize="x-small")
        axis.set_title(f"{words[panel]}, ×{factor}", fontsize="small")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize="x-small")
    data_line(figure, note)
    return figure


def group_table(comparison: Comparison, factor: int) -> pd.DataFrame:
    """The same in numbers, with the number of test faces, and the worst group's distance from the best."""
    rows = {}
    for method in METHODS:
        row = {}
        for group in ordered(comparison.groups):
            mine = comparison.groups == group
            value = _of_group(comparison, method, "colour_difference", factor, mine)
            row[f"{group or 'all'} (n = {mine.sum()})"] = f"{value:.1f}"
        numbers = [float(v) for v in row.values()]
        row["worst − best"] = f"{max(numbers) - min(numbers):.1f}"
        rows[NAMES[method]] = row
    table = pd.DataFrame(rows).T
    table.index.name = f"skin colour, ΔE, ×{factor}"
    return table


def _of_group(comparison: Comparison, method: str, what: str, factor: int, mine: np.ndarray) -> float:
    if what == "colour_difference":
        return float(comparison.values(method, what, factor)[:, mine].mean())
    names = ["group"] if what == "group" else [a for a in comparison.attributes if a != "group"]
    return float(100 * np.mean([comparison.attribute_kept(method, a, factor)[:, mine].mean() for a in names]))


def _by_seed(comparison: Comparison, method: str, metric: str, factor: int) -> np.ndarray:
    if metric == "fid":
        return comparison.fid(method, factor)
    return comparison.values(method, metric, factor).mean(1) * (100 if metric == "attributes_kept" else 1)


def _single(d: np.ndarray) -> Interval:
    return Interval(float(d.mean()), np.nan, np.nan, np.nan, "none: a single seed", 1)
