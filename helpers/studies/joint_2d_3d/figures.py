"""The study's figures, each a function of results that returns a figure in the house style."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from helpers.data.corpora.volumes import class_names
from helpers.report.images import flattened, half_width, whole_epochs
from helpers.report.style import NEUTRAL, PALETTE, SEQUENTIAL, data_line, new_figure
from helpers.studies.joint_2d_3d.arms import masks_of, volumes_of
from helpers.studies.joint_2d_3d.steps import NAMES, Comparison, nan_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from helpers.data.corpus import Corpus
    from helpers.views.volumes import VolumeViews

COLOURS = {"scratch": NEUTRAL, "image": PALETTE[1], "image_swav": PALETTE[4], "volume": PALETTE[2], "joint": PALETTE[0],
           "sequential": PALETTE[3]}  # fmt: skip
MARKS = {"scratch": "X", "image": "s", "image_swav": "D", "volume": "^", "joint": "o", "sequential": "v"}
OUTLINES = ("#56B4E9", "#D55E00", "#F0E442", "#CC79A7", "#009E73", "#E69F00", "#0072B2")
PLANES = ("axial", "coronal", "sagittal")
_MEASURES = {"dice": "Dice", "iou": "IoU", "surface_mm": "surface distance (mm)"}


def plane_of(volume: Tensor, plane: str, at: float) -> np.ndarray:
    """One slice of (D, H, W) as a picture, up or front at the top; ``at`` in [0, 1] from bottom, back or left."""
    axis = PLANES.index(plane)
    index = min(int(at * volume.shape[axis]), volume.shape[axis] - 1)
    return volume.select(axis, index).flip(0).numpy()


def subject_sheet(corpus: Corpus, rows: np.ndarray, note: str) -> Figure:
    """A few subjects, a column each: three planes through the middle, the classes outlined."""
    volumes, masks = volumes_of(corpus, rows)[:, 0], masks_of(corpus, rows)
    tall = [volumes.shape[2], volumes.shape[1], volumes.shape[1]]  # voxels from bottom to top of each plane
    height = 1.0 * sum(tall) / volumes.shape[3] + 0.7
    spaces = {"hspace": 0.02, "wspace": 0.02, "height_ratios": tall}
    figure, axes = new_figure(len(PLANES), len(rows), height, 1.0 * len(rows) + 1.9, gridspec_kw=spaces)
    for row, plane in enumerate(PLANES):
        for column in range(len(rows)):
            show_marked(axes[row, column], volumes[column], masks[column], plane, 0.5)
            if row == 0:
                axes[row, column].set_title(str(corpus.table["group"].iloc[rows[column]])[:14], fontsize="x-small")
        axes[row, 0].set_ylabel(plane, rotation=0, ha="right", va="center")
    name_outlines(figure, class_names(corpus))
    data_line(figure, note)
    return figure


def show_marked(axis: Axes, volume: Tensor, mask: Tensor | None, plane: str, at: float) -> None:
    """One slice with its classes outlined."""
    axis.imshow(
        _few_greys(plane_of(volume, plane, at)), cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="equal"
    )
    if mask is not None:
        classes = plane_of(mask, plane, at)
        for c in range(1, int(classes.max()) + 1):
            inside = (classes == c).astype(float)
            if inside.any() and not inside.all():
                axis.contour(inside, levels=[0.5], colors=[OUTLINES[(c - 1) % len(OUTLINES)]], linewidths=0.8)
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)


def views_figure(corpus: Corpus, row: int, views: VolumeViews, hidden: Tensor, note: str, seed: int = 0) -> Figure:
    """A volume's slices, and two random views of it, with the slice tokens that are hidden crossed out."""
    volume = volumes_of(corpus, np.array([row]))
    generator = torch.Generator().manual_seed(seed)
    made = [views(volume, generator)[0, 0] for _ in range(2)]
    depth = made[0].shape[0]
    whole = volume[0, 0, np.linspace(0, volume.shape[2] - 1, depth).round().astype(int)]
    shown = slice(0, depth, max(1, -(-depth // 6)))
    figure, axes = new_figure(3, 1, height=1.9, width=4.6)
    names = ("volume", "view 1", "view 2")
    for axis, slices, name, out in zip(axes, [whole, *made], names, [None, *hidden], strict=True):
        side = slices.shape[-1]
        axis.imshow(_few_greys(torch.cat(list(slices[shown].flip(1)), dim=1).numpy()), cmap="gray", vmin=0, vmax=1,
                    interpolation="nearest")  # fmt: skip
        for i, k in enumerate(range(depth)[shown]):
            if out is not None and out[k]:
                left, right = i * side, (i + 1) * side - 1
                axis.plot([left, right, np.nan, left, right], [0, side - 1, np.nan, side - 1, 0], color=OUTLINES[1],
                          linewidth=1.4)  # fmt: skip
        axis.set_xticks([])
        axis.set_yticks([])
        axis.set_ylabel(name, rotation=0, ha="right", va="center")
        for spine in axis.spines.values():
            spine.set_visible(False)
    data_line(figure, f"{note}; crossed out: slice tokens to be predicted")
    return figure


def training_curves(epochs: list[dict[str, float]], note: str) -> Figure:
    """The parts of the loss over epochs, and how far slice projections are spread."""
    figure, axes = new_figure(1, 2, height=2.2, width=6.2)
    words = {"slices": "2-D clusters", "agreement": "3-D agreement", "masked": "masked prediction"}
    at = [row["epoch"] for row in epochs]
    for i, (key, name) in enumerate(words.items()):
        if key in epochs[0]:
            axes[0].plot(at, [row[key] for row in epochs], color=PALETTE[i], marker="os^"[i], markersize=3, label=name)
    axes[0].set_ylabel("loss")
    axes[0].legend(fontsize="x-small")
    axes[1].plot(at, [row["relative_std"] for row in epochs], color="black", marker="o", markersize=3)
    axes[1].set_ylabel("relative std\n(0: one point)")
    for axis in axes:
        whole_epochs(axis)
        axis.set_ylim(0, 1.1 * axis.get_ylim()[1])
    data_line(figure, note)
    return figure


def slice_map(features: dict[str, np.ndarray], height: np.ndarray, note: str) -> Figure:
    """Slices before and after pretraining as t-SNE maps, coloured by where in the volume they lie (0 bottom, 1 top)."""
    figure, axes = new_figure(1, len(features), height=2.4, width=6.0)
    for axis, (title, x) in zip(np.atleast_1d(axes), features.items(), strict=True):
        dots = axis.scatter(*flattened(x).T, s=9, c=height, cmap=SEQUENTIAL, vmin=0, vmax=1)
        axis.set_title(title)
        axis.set_xticks([])
        axis.set_yticks([])
    figure.colorbar(dots, ax=list(np.atleast_1d(axes)), label="height in the volume", fraction=0.04)
    data_line(figure, f"{note}, slices of test subjects")
    return figure


def fraction_figure(comparison: Comparison, note: str) -> Figure:
    """Dice, IoU and surface distance against the share of labelled subjects, every arm."""
    figure, axes = new_figure(1, 3, height=2.9, width=8.4)
    shares = np.array(comparison.fractions)
    for axis, (measure, words) in zip(axes, _MEASURES.items(), strict=True):
        for i, arm in enumerate(comparison.arms):
            values = np.array([nan_mean(comparison.by_subject(arm, measure, f), 1) for f in comparison.fractions])
            offset = np.exp(0.06 * (i - (len(comparison.arms) - 1) / 2))
            axis.errorbar(100 * shares * offset, values.mean(1), yerr=half_width(values), color=COLOURS[arm],
                          marker=MARKS[arm], markersize=5, linewidth=1.2, capsize=2, label=NAMES[arm],
                          linestyle=":" if arm == "scratch" else "-")  # fmt: skip
        axis.set_xscale("log")
        axis.set_xticks(100 * shares, [f"{100 * f:g} %\n({comparison.count(f)})" for f in comparison.fractions])
        axis.minorticks_off()
        axis.set_ylabel(words)
    axes[1].set_xlabel("labelled training subjects used")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(comparison.arms),
                  fontsize="x-small")  # fmt: skip
    spread = "95 % t-interval over seeds" if len(comparison.seeds) > 1 else "one seed, no interval"
    data_line(figure, f"{note}; {spread}")
    return figure


def result_table(comparison: Comparison) -> pd.DataFrame:
    """Arms × label fractions: Dice, IoU and surface distance as ``mean ± half the 95 % interval over seeds``; R²."""
    records = []
    for arm in comparison.arms:
        record: dict[str, Any] = {"arm": NAMES[arm]}
        for measure, words in _MEASURES.items():
            for fraction in comparison.fractions:
                by_seed = nan_mean(comparison.by_subject(arm, measure, fraction), 1)
                record[f"{words}, {100 * fraction:g} %"] = _spread_words(by_seed, 3 if measure != "surface_mm" else 2)
        record["frozen features, R²"] = _spread_words(comparison.frozen(arm), 2)
        records.append(record)
    return pd.DataFrame(records).set_index("arm").T


def class_table(comparison: Comparison) -> pd.DataFrame:
    """Dice of every class with all labels, arms × classes."""
    records = {}
    for arm in comparison.arms:
        values = nan_mean(comparison.scores(arm, "dice", 1.0), 1)  # (seeds, classes)
        records[NAMES[arm]] = [_spread_words(column, 3) for column in values.T]
    return pd.DataFrame(records, index=pd.Index(comparison.classes, name="Dice, all labels"))


def mask_strip(
    comparison: Comparison, corpus: Corpus, rows: np.ndarray, note: str, fraction: float | None = None,
    plane: str = "axial", at: float = 0.5,
) -> Figure:  # fmt: skip
    """Predicted masks of a few test subjects at a share of labels (the smallest if None), an arm a column."""
    share, seed = fraction or comparison.fractions[0], comparison.seeds[0]
    volumes, truth = volumes_of(corpus, rows)[:, 0], masks_of(corpus, rows)
    columns = [None, *comparison.arms]
    figure, axes = new_figure(len(rows), len(columns), height=0.95 * len(rows) + 0.6, width=1.0 * len(columns) + 1.5,
                              squeeze=False, gridspec_kw={"hspace": 0.02, "wspace": 0.02})  # fmt: skip
    for column, arm in enumerate(columns):
        for i in range(len(rows)):
            mask = truth[i] if arm is None else comparison.runs[arm, seed]["shown"][str(share)][i]
            show_marked(axes[i, column], volumes[i], mask, plane, at)
        axes[0, column].set_title("truth" if arm is None else NAMES[arm], fontsize="x-small")
    for i in range(len(rows)):
        axes[i, 0].set_ylabel(f"subject {i + 1}", fontsize="x-small")
    name_outlines(figure, comparison.classes)
    data_line(figure, f"{note}; {100 * share:g} % of the labels, {plane} slice")
    return figure


def _few_greys(values: np.ndarray) -> np.ndarray:
    """Intensities in 24 steps: the eye sees no more of noise, and a picture takes half the bytes."""
    return np.round(23 * values) / 23


def name_outlines(figure: Figure, names: list[str]) -> None:
    """A legend of the outlined classes at the right of a figure."""
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color=OUTLINES[i % len(OUTLINES)], label=name[:22]) for i, name in enumerate(names[:7])]
    figure.legend(handles=lines, loc="outside right center", fontsize="x-small")


def _spread_words(by_seed: np.ndarray, digits: int) -> str:
    there = by_seed[np.isfinite(by_seed)]
    if len(there) == 0:
        return "not defined"
    if len(there) < 2:
        return f"{there.mean():.{digits}f}"
    return f"{there.mean():.{digits}f} ± {half_width(there[None])[0]:.{digits}f}"
