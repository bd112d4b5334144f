"""The study's figures, each a function of results that returns a figure in the house style."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from helpers.data.labelled_rows import classes_of
from helpers.evaluation.segmentation import dice
from helpers.report.images import flattened, half_width, in_a_row, show_pixels, whole_epochs
from helpers.report.style import NEUTRAL, PALETTE, data_line, new_figure
from helpers.studies.maize_kernels.about import ARMS
from helpers.studies.maize_kernels.arms import varied
from helpers.studies.maize_kernels.steps import NAMES, Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from helpers.data.corpus import Corpus
    from helpers.views.images import ImageViews

COLOURS = {"nnclr": PALETTE[0], "simclr": PALETTE[2], "transfer": PALETTE[1], "scratch": NEUTRAL, "ssl": PALETTE[0]}
MARKS = {"nnclr": "o", "simclr": "^", "transfer": "s", "scratch": "X", "ssl": "o"}
PAPER_DICE = (("self-supervised", 0.81), ("ImageNet", 0.78), ("random start", 0.73))
OUTLINE = "cyan"


def contact_sheet(corpus: Corpus, rows: np.ndarray, note: str, each: int = 4) -> Figure:
    """Two lines of kernels for every orientation (at most six), of as many varieties as there are."""
    names, labels = classes_of(corpus)
    shown = names[:6]
    members = [varied(corpus, rows[labels[rows] == name], 2 * each) for name in range(len(shown))]
    figure, axis = new_figure(1, 1, height=0.80 * len(shown) + 0.45, width=0.40 * each + 1.5)
    side = show_kernels(axis, corpus, members, each)
    axis.set_yticks([side * (2 * i + 1) for i in range(len(shown))], [_words(n) for n in shown])
    axis.tick_params(left=False)
    data_line(figure, f"{note}; embryos outlined")
    return figure


def show_kernels(axis: Axes, corpus: Corpus, members: list[np.ndarray], each: int) -> int:
    """Rows of kernels, each group of members on two lines, embryos outlined; gives the side of one, pixels."""
    pictures, marks = [], []
    for rows in members:
        loaded = corpus.load(rows)
        assert isinstance(loaded, dict)
        blank = 2 * each - len(rows)
        pictures.append(
            torch.cat([_coloured(loaded["input"]), torch.ones(blank, *_coloured(loaded["input"]).shape[1:])])
        )
        marks.append(torch.cat([loaded["mask"], torch.zeros(blank, *loaded["mask"].shape[1:])]))
    show_outlined(axis, torch.cat(pictures), torch.cat(marks), each)
    return pictures[0].shape[-1]


def pretext_figure(corpus: Corpus, rows: np.ndarray, views: ImageViews, note: str, seed: int = 0) -> Figure:
    """Kernels above two random views of each, with the embryo outlined where it went."""
    loaded = corpus.load(rows)
    assert isinstance(loaded, dict)
    images, masks = loaded["input"], loaded["mask"]
    generator = torch.Generator().manual_seed(seed)
    lines = [(images, masks), *(views.with_mask(images, masks, generator) for _ in range(2))]
    figure, axes = new_figure(3, 1, height=1.65, width=0.42 * len(rows) + 1.4)
    for (pixels, marks), axis, name in zip(lines, axes, ("image", "view 1", "view 2"), strict=True):
        show_outlined(axis, _coloured(pixels), marks, len(rows))
        axis.set_yticks([])
        axis.set_ylabel(name, rotation=0, ha="right", va="center")
    data_line(figure, note)
    return figure


def pest_strip(pixels: Tensor, note: str, each: int = 5) -> Figure:
    """What the transfer encoder learns to name: pictures of some of the species."""
    figure, axis = new_figure(1, 1, height=0.7, width=0.38 * each + 0.9)
    show_pixels(axis, in_a_row(pixels[: 2 * each : 2].float() / 255))
    axis.set_yticks([])
    data_line(figure, f"drawn pests (simulated data), for {note}")
    return figure


def training_curves(runs: dict[str, list[dict[str, float]]], note: str) -> Figure:
    """Loss over epochs, and how far the projections are spread, of each pretraining."""
    figure, axes = new_figure(1, 2, height=2.2, width=5.6)
    for axis, (key, words) in zip(axes, (("loss", "loss"), ("relative_std", "relative std\n(0: one point)")),
                                  strict=True):  # fmt: skip
        for arm, epochs in runs.items():
            if key in epochs[0]:
                axis.plot([row["epoch"] for row in epochs], [row[key] for row in epochs], color=COLOURS[arm],
                          marker=MARKS[arm], markersize=3, markevery=max(1, len(epochs) // 8), linewidth=1.2,
                          label=NAMES[arm])  # fmt: skip
        whole_epochs(axis)
        axis.set_ylabel(words)
        axis.set_ylim(0, 1.1 * axis.get_ylim()[1])
    if len(runs) > 1:
        axes[0].legend(fontsize="x-small")
    data_line(figure, note)
    return figure


def histories(comparison: Comparison) -> dict[str, list[dict[str, float]]]:
    """The first seed's pretraining histories by arm."""
    seed = comparison.seeds[0]
    runs = {arm: comparison.runs[arm, seed].get("history") for arm in ("nnclr", "simclr")}
    return {arm: epochs for arm, epochs in runs.items() if epochs}


def embedding_map(features: dict[str, np.ndarray], corpus: Corpus, rows: np.ndarray, note: str) -> Figure:
    """Test kernels before and after pretraining, as t-SNE maps: colour is the variety (group), the mark the label."""
    names, labels = classes_of(corpus)
    table = corpus.table.iloc[rows]
    groups = table["group"].astype(str).to_numpy() if "group" in table.columns else np.full(len(rows), "kernels")
    shown = list(pd.unique(pd.Series(groups)))[:7]
    figure, axes = new_figure(1, len(features), height=2.3, width=5.6)
    for axis, (title, x) in zip(np.atleast_1d(axes), features.items(), strict=True):
        flat = flattened(x)
        for i, group in enumerate(shown):
            for k in range(min(len(names), 4)):
                member = (groups == group) & (labels[rows] == k)
                face = PALETTE[i] if k % 2 else "none"
                axis.scatter(*flat[member].T, s=11, facecolors=face, edgecolors=PALETTE[i], marker="ovs^"[k],
                             linewidths=0.8)  # fmt: skip
        axis.set_title(title)
        axis.set_xticks([])
        axis.set_yticks([])
    handles = [_handle("o", PALETTE[i], PALETTE[i], group) for i, group in enumerate(shown)]
    handles += [_handle("ovs^"[k], "black" if k % 2 else "none", "black", _words(name))
                for k, name in enumerate(names[:4])]  # fmt: skip
    figure.legend(handles=handles, loc="outside right center", fontsize="x-small")
    data_line(figure, f"{note}, test kernels")
    return figure


def fraction_figure(comparison: Comparison, measure: str, note: str) -> Figure:
    """A task's result against the share of labels, every arm; for Dice the paper's three figures beside it."""
    paper = measure == "dice"
    options: dict[str, Any] = {"gridspec_kw": {"width_ratios": [3.4, 1]}} if paper else {}
    figure, axes = new_figure(1, 2 if paper else 1, height=3.1, width=7.0 if paper else 4.6, **options)
    left = axes[0] if paper else axes
    for i, arm in enumerate(reversed(ARMS)):
        values = np.array([comparison.scores(arm, measure, f).mean(1) for f in comparison.fractions])
        offset = np.exp(0.05 * (i - 1.5))
        left.errorbar(100 * np.array(comparison.fractions) * offset, values.mean(1), yerr=half_width(values),
                      color=COLOURS[arm], marker=MARKS[arm], markersize=5, linewidth=1.2, capsize=2, label=NAMES[arm],
                      linestyle=":" if arm == "scratch" else "-")  # fmt: skip
    left.set_xscale("log")
    left.set_xticks([100 * f for f in comparison.fractions], [f"{100 * f:g}" for f in comparison.fractions])
    left.minorticks_off()
    left.set_xlabel(f"{'masks' if paper else 'labels'} used (%)")
    left.set_ylabel("Dice on test kernels" if paper else "accuracy on test kernels")
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles[::-1], names[::-1], fontsize="x-small", loc="outside upper left", ncols=len(names))
    if paper:
        _paper_panel(axes[1])
    spread = "95 % t-interval over seeds" if len(comparison.seeds) > 1 else "one seed, no interval"
    data_line(figure, f"{note}; {spread}")
    return figure


def _paper_panel(axis: Axes) -> None:
    """The paper's three Dice figures, apart: other kernels, network and budget."""
    for i, (name, value) in enumerate(PAPER_DICE):
        axis.plot(i, value, marker="_", markersize=22, markeredgewidth=2, color=NEUTRAL)
        axis.text(i, value + 0.006, f"{value:g}", ha="center", fontsize="x-small", color=NEUTRAL)
        axis.text(i, value - 0.008, name, ha="center", va="top", rotation=90, fontsize="x-small", color=NEUTRAL)
    axis.set_xlim(-0.7, 2.7)
    axis.set_ylim(0.60, 0.85)
    axis.set_xticks([])
    axis.set_ylabel("Dice", color=NEUTRAL)
    axis.set_title("the paper's kernels:\nnot comparable", fontsize="small", color=NEUTRAL)


def result_table(comparison: Comparison) -> pd.DataFrame:
    """Arms × label fractions: accuracy, Dice and IoU as ``mean ± half the 95 % interval over seeds``; frozen kNN."""
    measures = [("orientation", "accuracy"), ("dice", "Dice"), ("iou", "IoU")]
    records = []
    for arm in reversed(ARMS):
        record: dict[str, Any] = {"arm": NAMES[arm]}
        for measure, words in measures if comparison.segmented else measures[:1]:
            for fraction in comparison.fractions:
                record[f"{words}, {100 * fraction:g} %"] = _spread_words(comparison.scores(arm, measure, fraction))
        record["frozen kNN, 100 %"] = _spread_words(comparison.frozen_knn(arm))
        records.append(record)
    return pd.DataFrame(records).set_index("arm").T


def mask_strip(
    comparison: Comparison, corpus: Corpus, rows: np.ndarray, note: str, threshold: float = 0.5,
    fraction: float | None = None,
) -> Figure:  # fmt: skip
    """Predicted embryos at a share of masks (the smallest if None), an arm a line; white is the truth."""
    loaded = corpus.load(rows)
    assert isinstance(loaded, dict)
    images, truth = _coloured(loaded["input"]), loaded["mask"]
    share, seed = fraction or comparison.fractions[0], comparison.seeds[0]
    figure, axes = new_figure(len(ARMS) + 1, 1, height=0.42 * (len(ARMS) + 1) + 0.4, width=0.40 * len(rows) + 1.7)
    for axis, arm in zip(axes, [None, *reversed(ARMS)], strict=True):
        if arm is None:
            show_outlined(axis, images, truth, len(rows), "white")
            words = "truth"
        else:
            probability = comparison.runs[arm, seed]["shown"][str(share)].float() / 255
            show_outlined(axis, images, probability, len(rows), level=threshold)
            words = f"{NAMES[arm]}\n(Dice {float(dice(probability > threshold, truth).mean()):.2f})"
        axis.set_yticks([])
        axis.set_ylabel(words, rotation=0, ha="right", va="center", fontsize="x-small")
    data_line(figure, f"{note}; {100 * share:g} % of the masks, threshold {threshold:g}")
    return figure


def show_outlined(
    axis: Axes, images: Tensor, marks: Tensor, each: int, colour: str = OUTLINE, level: float = 0.5
) -> None:
    """Images (n, 3, H, W), ``each`` a line, with the line at which their marks (n, 1, H, W) pass a level."""
    show_pixels(axis, torch.cat([in_a_row(part) for part in images.split(each)]))
    height = torch.cat([in_a_row(_fenced(part)) for part in marks.split(each)])[..., 0].numpy()
    if height.max() > level:
        axis.contour(height, levels=[level], colors=[colour], linewidths=0.9)


def _fenced(marks: Tensor) -> Tensor:
    """Marks with nothing on the border, so that no outline runs from one picture into the next."""
    fenced = torch.zeros_like(marks)
    fenced[..., 1:-1, 1:-1] = marks[..., 1:-1, 1:-1]
    return fenced


def _coloured(images: Tensor) -> Tensor:
    return images.expand(-1, 3, -1, -1)


def _words(name: str) -> str:
    return str(name).replace("_", " ")[:18]


def _handle(mark: str, face: str, edge: str, words: str) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], linestyle="", marker=mark, markersize=5, markerfacecolor=face, markeredgecolor=edge,
                  label=words)  # fmt: skip


def _spread_words(values: np.ndarray) -> str:
    means = values.mean(1)
    if len(means) < 2:
        return f"{means.mean():.3f}"
    return f"{means.mean():.3f} ± {half_width(means[None])[0]:.3f}"
