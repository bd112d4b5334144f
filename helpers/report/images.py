"""Figures that every study on images draws: samples, views, maps of embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from helpers.data.labelled_rows import classes_of
from helpers.evaluation.intervals import crossed_seeds_subjects, independent_pairs
from helpers.report.style import PALETTE, data_line, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from helpers.data.corpus import Corpus


def picture_grid(corpus: Corpus, rows: np.ndarray, note: str, each: int = 3) -> Figure:
    """A few images of every class (at most ten classes)."""
    names, labels = classes_of(corpus)
    shown = names[:10]
    figure, axes = new_figure(1, 1, height=0.36 * len(shown) + 0.6, width=0.4 * each + 1.8)
    lines = []
    for i in range(len(shown)):
        members = rows[labels[rows] == i][:each]
        images = corpus.load(members)
        assert isinstance(images, torch.Tensor)
        blank = torch.ones(each - len(images), *images.shape[1:])
        lines.append(in_a_row(torch.cat([images, blank])))
    show_pixels(axes, torch.cat(lines))
    side = lines[0].shape[0]
    axes.set_yticks([side * (i + 0.5) for i in range(len(shown))], [str(n)[:24] for n in shown])
    axes.tick_params(left=False)
    axes.set_ylabel("class")
    data_line(figure, note)
    return figure


def view_lines(images: torch.Tensor, views: Sequence[torch.Tensor], note: str) -> Figure:
    """Images (n, C, H, W) above views of each: what must be mapped to one point."""
    lines = [images, *views]
    figure, axes = new_figure(len(lines), 1, height=0.6 * len(lines) + 0.4, width=0.58 * len(images) + 1.6)
    names = ["image", *(f"view {i + 1}" for i in range(len(views)))]
    for line, axis, name in zip(lines, axes, names, strict=True):
        show_pixels(axis, in_a_row(line))
        axis.set_yticks([])
        axis.set_ylabel(name, rotation=0, ha="right", va="center")
    data_line(figure, note)
    return figure


def in_a_row(images: torch.Tensor) -> torch.Tensor:
    """Images (n, C, H, W) side by side, (H, n·W, C)."""
    return images.permute(2, 0, 3, 1).flatten(1, 2)


def show_pixels(axis: Axes, pixels: torch.Tensor) -> None:
    """Pixels (H, W, 1 or 3) in [0, 1] without frame."""
    shown = pixels.squeeze(-1).numpy()  # (H, W) where grey
    axis.imshow(shown, cmap="gray", vmin=0, vmax=1, aspect="equal", interpolation="nearest")
    axis.set_xticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)


def embedding_maps(
    features: dict[str, np.ndarray], labels: np.ndarray, names: list[str], note: str, samples: str = "images",
    what: str = "class",
) -> Figure:  # fmt: skip
    """t-SNE maps (or PCA, below 30 samples) of test images, or other samples, under several encoders, by class."""
    figure, axes = new_figure(1, len(features), height=2.7, width=6.2)
    for axis, (title, x) in zip(np.atleast_1d(axes), features.items(), strict=True):
        flat = flattened(x)
        for i, name in enumerate(names[:10]):
            member = labels == i
            colour, mark = PALETTE[i % 7], _mark(i, str(name))
            axis.scatter(*flat[member].T, s=18, color=colour, marker=mark, linewidths=0.3, label=name)
        axis.set_title(title)
        axis.set_xticks([])
        axis.set_yticks([])
    handles, shown = np.atleast_1d(axes)[0].get_legend_handles_labels()
    figure.legend(handles, shown, loc="outside right center", fontsize="x-small", title=what)
    data_line(figure, f"{note}, test {samples}")
    return figure


def half_width(values: np.ndarray) -> np.ndarray:
    """Half the 95 % interval of the mean over seeds, (rows, seeds) → (rows,); 0 for a single seed."""
    if values.shape[1] < 2:
        return np.zeros(len(values))
    found = [independent_pairs(row) for row in values]
    return np.array([(interval.high - interval.low) / 2 for interval in found])


def mean_and_half(correct: np.ndarray) -> str:
    """Correct predictions (seeds, images) as per cent, ``mean ± half the 95 % interval over seeds``."""
    accuracy = 100 * correct.mean(1)
    if len(accuracy) < 2:
        return f"{accuracy.mean():.1f}"
    return f"{accuracy.mean():.1f} ± {half_width(accuracy[None])[0]:.1f}"


def points_above(correct: np.ndarray, random: np.ndarray) -> tuple[str, str]:
    """How far a method's features are above a random encoder's, and whether they have left that start.

    Args:
        correct, random: predictions that were right, paired by seed and image, (seeds, images).

    Returns:
        Points with their 95 % interval over seeds and images, such as ``"+4.0 (+1.5 to +6.5)"``; ``"yes"``,
        ``"below it"``, ``"not shown"`` or, for a single seed, ``"one seed: not known"``.
    """
    gain = 100 * (correct.astype(float) - random)
    if len(gain) < 2:
        return f"{gain.mean():+.1f}", "one seed: not known"
    interval = crossed_seeds_subjects(gain)
    left = "yes" if interval.low > 0 else "below it" if interval.high < 0 else "not shown"
    return f"{interval.mean:+.1f} ({interval.low:+.1f} to {interval.high:+.1f})", left


def whole_epochs(axis: Axes) -> None:
    """An axis of epochs, with whole numbers."""
    from matplotlib.ticker import MaxNLocator

    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_xlabel("epoch")


def flattened(x: np.ndarray) -> np.ndarray:
    """Features (n, D) laid out in a plane, (n, 2): t-SNE of their directions, or PCA below 30 of them."""
    if len(x) < 30:
        from sklearn.decomposition import PCA

        return PCA(2).fit_transform(x)
    from sklearn.manifold import TSNE

    normalised = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    return TSNE(2, perplexity=min(30, (len(x) - 1) / 3), init="pca", max_iter=400, random_state=0).fit_transform(
        normalised
    )


def _mark(i: int, name: str) -> str:
    """The class's own sign where its name is one, else a shape."""
    return f"${name}$" if len(name) == 1 and name.isalnum() else "osD^vP<>Xp"[i % 10]
