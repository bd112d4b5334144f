"""Figures of the data and of what was learned, each a function that returns a figure in the house style."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
import torch

from helpers.data.labelled_rows import classes_of
from helpers.evaluation.segmentation import iou
from helpers.report.images import embedding_maps, in_a_row, show_pixels, view_lines, whole_epochs
from helpers.report.style import NEUTRAL, PALETTE, data_line, new_figure
from helpers.studies.insect_pests.arms import Settings, found_masks, make_views, open_corpus, open_input
from helpers.studies.insect_pests.steps import NAMES, RARITIES, Comparison, rarity_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from helpers.data.corpus import Corpus
    from helpers.training import History

COLOURS = {"nnclr": PALETTE[0], "byol": PALETTE[1], "barlow_twins": PALETTE[2], "transfer": PALETTE[3],
           "random": NEUTRAL}  # fmt: skip
MARKS = {"nnclr": "o", "byol": "s", "barlow_twins": "^", "transfer": "D", "random": "X"}
SMALL = 27  # pixels a side of the pictures in a committed notebook
RARITY_COLOURS = {"common": PALETTE[0], "medium": PALETTE[4], "rare": PALETTE[3], "": NEUTRAL}


def contact_sheet(corpus: Corpus, rows: np.ndarray, note: str, at_most: int = 24, across: int = 8) -> Figure:
    """One image of every class, that of most contrast among its first six, commonest first, with its name."""
    names, classes = classes_of(corpus)
    order = [c for c in _by_count(classes[rows], len(names)) if (classes[rows] == c).any()][:at_most]
    lines = -(-len(order) // across)
    figure, axes = new_figure(lines, across, height=0.66 * lines + 0.25, width=0.56 * across, squeeze=False)
    for axis, c in zip(axes.flat, order, strict=False):
        few = _pixels(corpus, rows[classes[rows] == c][:6], 30)
        show_pixels(axis, in_a_row(few[few.flatten(1).std(1).argmax()][None]))
        axis.set_title(_two_lines(names[c]), fontsize=6, pad=1.5)
    for axis in axes.flat:
        axis.set_axis_off()
    data_line(figure, note)
    return figure


def long_tail_bars(corpus: Corpus, rows: np.ndarray, note: str) -> Figure:
    """How many labelled training images each class has, commonest first, in three groups of rarity."""
    names, classes = classes_of(corpus)
    counts = np.bincount(classes[rows], minlength=len(names))
    rarity, order = rarity_of(counts), _by_count(classes[rows], len(names))[:40]
    figure, axis = new_figure(1, 1, height=2.2, width=5.4)
    for name in RARITIES:
        mine = [i for i, c in enumerate(order) if rarity[c] == name]
        axis.bar(mine, counts[order[mine]], color=RARITY_COLOURS[name], label=name, width=0.8)
    axis.set_xticks(range(len(order)), [_short(names[c]) for c in order], rotation=60, ha="right", fontsize="x-small")
    axis.set_ylabel("training images")
    axis.legend(title="rarity", fontsize="x-small")
    data_line(figure, note)
    return figure


def segmentation_figure(
    settings: Settings, rows: np.ndarray, scores: np.ndarray, note: str, found: torch.Tensor | None = None,
    side: int = SMALL,
) -> Figure:  # fmt: skip
    """Pictures, exact and found foreground with their overlap, and what is left; beside them all overlaps.

    Args:
        settings: of the run.
        rows: pictures to show.
        scores: overlaps of all pictures, (m,); none of them, and there is no second panel.
        note: which data this is.
        found: masks of the rows, float32 (B, 1, H, W); by default those of the run.
        side: pixels a side at most.
    """
    corpus, images = open_corpus(settings), open_input(settings, "raw").load(rows)
    assert isinstance(images, torch.Tensor)
    found = found_masks(settings, rows) if found is None else found
    raw, cut = _small(images, side), _small(images * found, side)
    lines = [("raw", raw), ("found", _small(found, side).expand(-1, 3, -1, -1)), ("segmented", cut)]
    figure, axes = new_figure(1, 2 if len(scores) else 1, height=2.5, width=6 if len(scores) else 3.4, squeeze=False)
    left: Axes = axes[0, 0]
    if corpus.table["has_mask"].to_numpy()[rows].all():
        loaded = corpus.load(rows)
        assert isinstance(loaded, dict)
        lines.insert(1, ("exact", _small(loaded["mask"], side).expand(-1, 3, -1, -1)))
        for i, score in enumerate(iou(found, loaded["mask"])):
            left.text((i + 0.5) / len(rows), 1.01, f"{score:.2f}", transform=left.transAxes, ha="center", va="bottom",
                      fontsize="x-small")  # fmt: skip
        left.text(-0.02, 1.01, "IoU", transform=left.transAxes, ha="right", va="bottom", fontsize="x-small")
    show_pixels(left, torch.cat([in_a_row(line) for _, line in lines]))
    left.set_yticks([raw.shape[-1] * (i + 0.5) for i in range(len(lines))], [name for name, _ in lines])
    left.tick_params(left=False)
    if len(scores):
        right: Axes = axes[0, 1]
        right.hist(scores, bins=np.linspace(0, 1, 21).tolist(), color=PALETTE[5], edgecolor="white")
        right.axvline(float(scores.mean()), color=PALETTE[1], linestyle="--")
        right.text(float(scores.mean()), 1.0, f"mean {scores.mean():.2f}", color=PALETTE[1], ha="center", va="bottom",
                   fontsize="x-small", transform=right.get_xaxis_transform())  # fmt: skip
        right.set_xlabel("overlap with the exact mask, IoU")
        right.set_ylabel("images")
    data_line(figure, note)
    return figure


def two_views(
    settings: Settings, rows: np.ndarray, note: str, seed: int = 0, strength: float = 1.0, side: int = SMALL
) -> Figure:
    """Images above two random views of each."""
    images = open_input(settings, "raw").load(rows)
    assert isinstance(images, torch.Tensor)
    views, generator = make_views(settings).scaled(strength), torch.Generator().manual_seed(seed)
    return view_lines(_small(images, side), [_small(views(images, generator), side) for _ in range(2)], note)


def training_curves(histories: dict[str, list[History | list[dict[str, float]]]], note: str) -> Figure:
    """Loss and spread over epochs, of one arm or of several, a line a seed."""
    columns = [("loss", "loss"), ("relative_std", "relative std\n(0: one point)")]
    figure, axes = new_figure(1, 2, height=1.9, width=4.8)
    for axis, (key, words) in zip(axes, columns, strict=True):
        for arm, runs in histories.items():
            for i, run in enumerate(runs):
                epochs = run if isinstance(run, list) else run.epochs
                first = epochs[0].get(key, 1.0) if key == "loss" and len(histories) > 1 else 1.0
                axis.plot([row["epoch"] for row in epochs], [row[key] / first for row in epochs if key in row],
                          color=COLOURS[arm], marker=MARKS[arm], markersize=2.5, linewidth=1,
                          label=NAMES[arm] if i == 0 else None)  # fmt: skip
        whole_epochs(axis)
        axis.set_ylabel("loss / first epoch's" if key == "loss" and len(histories) > 1 else words)
        axis.set_ylim(bottom=0)
    if len(histories) > 1:
        axes[0].legend(fontsize="x-small")
    data_line(figure, f"{note}; projections of each epoch's last batch")
    return figure


def all_curves(comparison: Comparison, note: str) -> Figure:
    """The same for every pretrained arm on raw pictures."""
    encoder = comparison.encoders[0]
    histories: dict[str, list[History | list[dict[str, float]]]] = {
        m: [comparison.runs["raw", encoder, m, seed]["history"] for seed in comparison.seeds]
        for m in comparison.methods()
    }
    return training_curves(histories, note)


def maps(
    features: dict[str, np.ndarray], classes: np.ndarray, shown: np.ndarray, names: list[str], note: str
) -> Figure:
    """t-SNE maps of test images of the commonest classes before and after pre-training."""
    place = {int(c): i for i, c in enumerate(shown)}
    labels = np.array([place[int(c)] for c in classes])
    return embedding_maps(features, labels, [_short(names[c]) for c in shown], note)


def neighbours(corpus: Corpus, asked: np.ndarray, found: np.ndarray, note: str) -> Figure:
    """Test images and the training images that lie nearest; names of another class are in brackets."""
    names, classes = classes_of(corpus)
    across = 1 + found.shape[1]
    figure, axes = new_figure(len(asked), across, height=0.7 * len(asked) + 0.3, width=0.62 * across, squeeze=False)
    for line, query, near in zip(axes, asked, found, strict=True):
        for axis, row in zip(line, [query, *near], strict=True):
            show_pixels(axis, in_a_row(_pixels(corpus, np.array([row]))))
            right = classes[row] == classes[query]
            name = _two_lines(names[classes[row]])
            axis.set_title(name if right else f"({name})", fontsize=6, pad=1.5,
                           color="black" if right else PALETTE[1])  # fmt: skip
            axis.set_axis_off()
    figure.suptitle("asked, and the nearest in order →", fontsize="x-small", x=0.02, ha="left")
    data_line(figure, note)
    return figure


def _pixels(corpus: Corpus, rows: np.ndarray, side: int = SMALL) -> torch.Tensor:
    """Pictures (n, C, H, W), small."""
    loaded = corpus.load(np.asarray(rows))
    assert isinstance(loaded, torch.Tensor)
    return _small(loaded, side)


def _small(images: torch.Tensor, side: int = SMALL) -> torch.Tensor:
    """Images (n, C, H, W) of at most so many pixels a side: a notebook's pictures are small."""
    if images.shape[-1] <= side:
        return images
    return torch.nn.functional.interpolate(images, (side, side), mode="area")


def _by_count(classes: np.ndarray, count: int) -> np.ndarray:
    return np.argsort(-np.bincount(classes, minlength=count), kind="stable")


def _short(name: str) -> str:
    words = name.replace("_", " ")
    return words if len(words) <= 14 else words[:13] + "…"


def _two_lines(name: str) -> str:
    lines = textwrap.wrap(name.replace("_", " "), 12)
    return "\n".join(line if len(line) <= 13 else line[:12] + "…" for line in lines[:2])
