"""Pictures of the data, of synthesised pairs and of where encoders look."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from helpers.data.labelled_rows import classes_of
from helpers.evaluation.saliency import peaks
from helpers.methods.discriminative_synthesis import (
    DiscriminativeSynthesis,
    importance,
    non_discriminative,
    statistics_kept,
)
from helpers.methods.joint_embedding import Compared
from helpers.report.images import in_a_row, show_pixels, view_lines, whole_epochs
from helpers.report.style import NEUTRAL, PALETTE, data_line, new_figure
from helpers.studies.fine_grained_synthesis.arms import Settings, make_views, open_corpus, open_images, rows_of
from helpers.studies.fine_grained_synthesis.probing import shown_rows
from helpers.studies.fine_grained_synthesis.steps import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from helpers.training import History

PART_COLOURS = (PALETTE[1], PALETTE[5], PALETTE[7])
SIDE = 30  # pixels a picture in a figure, at most
BATCH = 64  # images that pairs for pictures are made among


def contact_sheet(settings: Settings, rows: np.ndarray, note: str, at_most: int = 12, across: int = 6) -> Figure:
    """One picture of every class with its name; under it the object in grey and its marked parts in colour."""
    corpus = open_corpus(settings)
    names, classes = classes_of(corpus)
    shown = [rows[np.flatnonzero(classes[rows] == c)[0]] for c in np.unique(classes[rows])[:at_most]]
    marked = "has_parts" in corpus.table
    lines = -(-len(shown) // across)
    figure, axes = new_figure(lines, across, height=(1.05 if marked else 0.7) * lines + 0.2, width=0.64 * across + 0.3,
                              squeeze=False)  # fmt: skip
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, row in zip(axes.flat, shown, strict=False):
        both = [_small(_images(settings, np.array([row])))[0]]
        if marked:
            both.append(part_map(settings, int(row)))
        show_pixels(axis, torch.cat([picture.permute(1, 2, 0) for picture in both]))
        axis.set_title(textwrap.fill(names[classes[row]].replace("_", " "), 13), fontsize=5.5, pad=1.5)
    data_line(figure, note)
    return figure


def part_map(settings: Settings, row: int) -> Tensor:
    """The object in grey on white, each kind of part in a colour of its own: (3, H, W) in [0, 1]."""
    from matplotlib.colors import to_rgb

    loaded = open_corpus(settings).load(np.array([row]))
    assert isinstance(loaded, dict)
    drawn = torch.where(loaded["object"][0] > 0, 0.45, 1.0).expand(3, -1, -1).clone()
    for k, mask in enumerate(loaded["parts"][0]):
        drawn[:, mask > 0] = torch.tensor(to_rgb(PART_COLOURS[k % len(PART_COLOURS)]))[:, None]
    side = min(SIDE, drawn.shape[-1])
    return torch.nn.functional.interpolate(drawn[None], (side, side), mode="nearest")[0]


def two_views(settings: Settings, rows: np.ndarray, note: str, seed: int = 0, strength: float = 1.0) -> Figure:
    """Images above two random views of each."""
    images = _images(settings, rows)
    views, generator = make_views(settings).scaled(strength), torch.Generator().manual_seed(seed)
    return view_lines(_small(images), [_small(views(images, generator)) for _ in range(2)], note)


def synthesised_pairs(
    method: DiscriminativeSynthesis, settings: Settings, rows: np.ndarray, note: str, noise: float | None = None,
    perturb: str | None = None, draw: int = 0,
) -> Figure:  # fmt: skip
    """Views, what the decoder makes of their features as they are and perturbed, and the difference, enlarged.

    Args:
        method: trained; its noise and its choice of dimensions are used unless given.
        settings: the study's.
        rows: of the images.
        note: on the data.
        noise: standard deviations.
        perturb: ``"non_discriminative"``, ``"all"`` or ``"random"``.
        draw: of the views and the noise.
    """
    before = method.noise, method.perturb
    method.noise = method.noise if noise is None else noise
    method.perturb = perturb or method.perturb  # type: ignore[assignment]
    try:
        views, original, moved, changed = _pairs(method, settings, rows, draw)
    finally:
        method.noise, method.perturb = before
    factor = 4
    difference = (0.5 + factor * (moved - original) / 2).clamp(0, 1)
    lines = {"view": views, "decoded": original, "perturbed": moved, f"difference ×{factor}": difference}
    figure, axis = new_figure(1, 1, height=0.52 * len(lines) + 0.5, width=0.52 * len(rows) + 1.5)
    show_pixels(axis, torch.cat([in_a_row(_small(line)) for line in lines.values()]))
    side = _small(views).shape[-1]
    axis.set_yticks([side * (i + 0.5) for i in range(len(lines))], list(lines))
    axis.tick_params(left=False)
    axis.set_title(f"{100 * changed.float().mean():.0f} % of the dimensions perturbed", fontsize="small")
    data_line(figure, note)
    return figure


def _pairs(
    method: DiscriminativeSynthesis, settings: Settings, rows: np.ndarray, draw: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Views of the rows and their pairs, made as in training: in a batch with others, whose statistics count."""
    others = np.setdiff1d(rows_of(open_images(settings)).pretrain, rows)[:BATCH]
    state = torch.get_rng_state()
    torch.manual_seed(draw)
    batch = _images(settings, np.concatenate([rows, others]))
    first, second = (make_views(settings)(batch) for _ in range(2))
    found, important = _compared(method, first, second)
    method.train()
    pair = method.synthesise(found.features, important)
    method.eval()
    torch.set_rng_state(state)
    shown = slice(len(rows))
    return first[shown], pair.original[shown], pair.perturbed[shown], pair.changed[shown]


def _compared(method: DiscriminativeSynthesis, first: Tensor, second: Tensor) -> tuple[Compared, Tensor]:
    """The base's comparison of two views and the importance of every feature, as in training; nothing is changed."""
    method.train()
    with statistics_kept(method):
        found = method.base.compare(first, second, remember=False)
    method.eval()
    return found, importance(found.loss, found.features)


def dimensions(method: DiscriminativeSynthesis, settings: Settings, rows: np.ndarray, note: str) -> Figure:
    """Every feature dimension by its variance and mean importance, and in how many images it is left free to change."""
    state = torch.get_rng_state()
    torch.manual_seed(0)
    first, second = (make_views(settings)(_images(settings, rows)) for _ in range(2))
    important = _compared(method, first, second)[1]
    torch.set_rng_state(state)
    variance = method.statistics.variance()
    changed = non_discriminative(variance, important, method.variance_share, method.importance_share).float().mean(0)
    figure, axis = new_figure(1, 1, height=2.6, width=4.6)
    scale = important.mean(0) / important.mean().clamp_min(1e-20)
    drawn = axis.scatter(variance, scale, c=100 * changed, cmap="cividis_r", s=14, vmin=0, vmax=100, edgecolors=NEUTRAL,
                         linewidths=0.3)  # fmt: skip
    axis.axvline(float(variance.quantile(method.variance_share)), color=NEUTRAL, linestyle="--", linewidth=1)
    axis.set_xlabel("variance over the data")
    axis.set_ylabel("mean importance\n(1: that of all)")
    figure.colorbar(drawn, ax=axis, label="images where it\nis perturbed (%)")
    data_line(figure, note)
    return figure


def training_curves(history: History, note: str) -> Figure:
    """Losses, error of the decoder and spread of the projections over epochs."""
    panels = [
        ("base_loss", "loss on views"),
        ("pair_loss", "loss on pairs"),
        ("reconstruction_error", "squared error\nof the decoder"),
        ("relative_std", "relative std\n(0: one point)"),
    ]
    figure, axes = new_figure(1, len(panels), height=1.7, width=7.0)
    for axis, (key, words) in zip(axes, panels, strict=True):
        rows = [row for row in history.epochs if key in row]
        axis.plot(
            [row["epoch"] for row in rows], [row[key] for row in rows], color=PALETTE[0], marker="o", markersize=2.5
        )
        whole_epochs(axis)
        axis.set_ylabel(words)
        axis.set_ylim(bottom=0)
    data_line(figure, f"{note}; an epoch's means, the spread of its last batch")
    return figure


def saliency_lines(settings: Settings, found: Comparison, note: str) -> Figure:
    """Test images with their parts, and each main arm's class saliency with its peak, for the first seed."""
    rows, seed = shown_rows(settings), found.seeds[0]
    images = _small(_images(settings, rows))
    arms = [arm for arm in ("start", "base", "synthesis") if (arm, seed) in found.runs]
    high, wide = 0.6 * (1 + len(arms)) + 0.25, 0.6 * len(rows) + 1.0
    figure, axes = new_figure(1 + len(arms), len(rows), height=high, width=wide, squeeze=False)
    for line, arm in zip(axes, [None, *arms], strict=True):
        maps = None if arm is None else found.runs[arm, seed]["maps"]
        for i, axis in enumerate(line):
            _overlay(
                axis, settings, int(rows[i]), images[i], None if maps is None else _small(maps[i][None, None])[0, 0]
            )
        words = "image, parts" if arm is None else textwrap.fill(found.names[arm], 12)
        line[0].set_ylabel(words, rotation=0, ha="right", va="center", fontsize="x-small")
    data_line(figure, f"{note}; {found.initialisation}")
    return figure


def _overlay(axis: Axes, settings: Settings, row: int, image: Tensor, saliency: Tensor | None) -> None:
    """A picture with the outlines of its parts, or a dim one with its saliency and the peak."""
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)
    grey = image.mean(0)
    if saliency is None:
        axis.imshow(image.permute(1, 2, 0).numpy(), interpolation="nearest")
    else:
        axis.imshow(0.5 + 0.5 * grey.numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.imshow(saliency.numpy(), cmap="cividis", alpha=0.65, interpolation="nearest")
        y, x = peaks(saliency[None])[0].tolist()
        axis.plot(x, y, marker="+", color=PALETTE[1], markersize=7, markeredgewidth=1.8)
    corpus = open_corpus(settings)
    if "has_parts" in corpus.table and corpus.table["has_parts"].to_numpy()[row]:
        loaded = corpus.load(np.array([row]))
        assert isinstance(loaded, dict)
        parts = _small(loaded["parts"][:1].amax(1, keepdim=True))[0, 0].numpy()
        axis.contour(parts, levels=[0.5], colors=["white" if saliency is not None else PALETTE[6]], linewidths=0.5)


def _images(settings: Settings, rows: np.ndarray) -> Tensor:
    loaded = open_images(settings).load(np.asarray(rows))
    assert isinstance(loaded, Tensor)
    return loaded


def _small(images: Tensor) -> Tensor:
    """Images (n, C, H, W) of at most :data:`SIDE` pixels a side: a notebook's pictures are small."""
    if images.shape[-1] <= SIDE:
        return images
    return torch.nn.functional.interpolate(images, (SIDE, SIDE), mode="area")
