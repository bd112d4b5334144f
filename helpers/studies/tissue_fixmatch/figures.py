"""The study's figures, each a function of results that returns a figure in the house style."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from helpers.data.corpora.slide_regions import CLASSES, UNKNOWN
from helpers.data.corpora.slides import SlideCorpus
from helpers.report.images import embedding_maps, half_width, in_a_row, show_pixels, view_lines, whole_epochs
from helpers.report.slides import COLOURS as REGION_COLOURS
from helpers.report.slides import coloured, outline, show_slide, small_slide
from helpers.report.style import NEUTRAL, PALETTE, data_line, new_figure
from helpers.studies.tissue_fixmatch.about import ARMS, BUDGETS
from helpers.studies.tissue_fixmatch.arms import (
    Settings,
    as_images,
    some_tiles,
    ssl_views,
    strong_views,
    weak_views,
)
from helpers.studies.tissue_fixmatch.steps import NAMES, Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from helpers.evaluation.slide_maps import SlideMap

COLOURS = {"supervised": NEUTRAL, "fixmatch": PALETTE[1], "ssl_fine_tune": PALETTE[2], "ssl_fixmatch": PALETTE[0]}
MARKS = {"supervised": "X", "fixmatch": "s", "ssl_fine_tune": "^", "ssl_fixmatch": "o"}
PAPER_GAINS = {"few": "> 10 %", "many": "~ 2 %"}
_THUMBNAIL = 80  # pixels of a slide's longer side in a row of slides; more would cost the notebook its size
_TILES = 3  # tiles of a region in a picture


def slide_sheet(slides: SlideCorpus, note: str, count: int = 4) -> Figure:
    """Some slides of the training part, their regions outlined, above tiles of every region."""
    tiles = slides.tiles
    rows = tiles.rows("train")
    shown, regions = some_tiles(tiles, rows, _TILES)
    names = [n for n in slides.slides if slides.slides[n].split == "train"][:count]
    figure, axes = new_figure(2, 1, height=3.0 if names else 1.7, width=4.0,
                              gridspec_kw={"height_ratios": [1.5 if names else 0.01, 1]})  # fmt: skip
    axes[0].axis("off")
    for i, name in enumerate(names):
        inset = axes[0].inset_axes((i / len(names), 0, 0.97 / len(names), 1))
        _framed_slide(inset, slides, name)
    side = slides.tiling.tile
    show_pixels(axes[1], torch.cat([in_a_row(part) for part in as_images(tiles, shown).split(_TILES)]))
    axes[1].set_yticks([side * (i + 0.5) for i in range(len(regions))], regions)
    axes[1].tick_params(left=False)
    region_legend(axes[0] if names else axes[1])
    data_line(figure, f"{note}; outlines are the true regions")
    return figure


def _framed_slide(axis: Axes, slides: SlideCorpus, name: str) -> None:
    pixels, _ = small_slide(slides.open(name), _THUMBNAIL)
    show_slide(axis, pixels)
    truth = slides.regions(name)
    if truth is not None:
        outline(axis, truth.on_grid(*pixels.shape[:2]), CLASSES)


def region_legend(axis: Axes) -> None:
    """What the colours of regions stand for, above an axis."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=REGION_COLOURS[n], label=f"{n} matter") for n in CLASSES[1:]]
    axis.legend(handles=handles, fontsize="x-small", loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderpad=0)


def pretext_figure(slides: SlideCorpus, rows: np.ndarray, settings: Settings, note: str, seed: int = 0) -> Figure:
    """Tiles above two views of stage 1, FixMatch's weak view and its strong one."""
    images = as_images(slides.tiles, rows)
    makers = [ssl_views(settings["tile"], settings["ssl_strength"])] * 2
    views = [make(images, torch.Generator().manual_seed(seed + i)) for i, make in enumerate(makers)]
    weak = weak_views(settings["tile"])(images, torch.Generator().manual_seed(seed))
    strong = strong_views(settings["tile"], settings["strong_strength"])(images, torch.Generator().manual_seed(seed))
    figure = view_lines(images, [*views, weak, strong], note)
    figure.set_size_inches(0.46 * len(rows) + 1.3, 2.6)
    for axis, words in zip(figure.axes, ("tile", "stage 1, a", "stage 1, b", "weak", "strong"), strict=True):
        axis.set_ylabel(words, rotation=0, ha="right", va="center")
    return figure


def training_curve(epochs: Sequence[dict[str, float]], note: str) -> Figure:
    """Loss over epochs, and how far the projections are spread."""
    figure, axes = new_figure(1, 2, height=2.2, width=5.6)
    for axis, (key, words) in zip(
        axes, (("loss", "loss"), ("relative_std", "relative std\n(0: one point)")), strict=True
    ):
        values = [row.get(key, np.nan) for row in epochs]
        axis.plot([row["epoch"] for row in epochs], values, color=PALETTE[0], marker="o", markersize=3, linewidth=1.2)
        whole_epochs(axis)
        axis.set_ylabel(words)
        axis.set_ylim(0, 1.1 * axis.get_ylim()[1])
    data_line(figure, note)
    return figure


def embedding_figure(features: dict[str, np.ndarray], labels: np.ndarray, note: str) -> Figure:
    """Test tiles before and after stage 1, by region."""
    return embedding_maps(features, labels, list(CLASSES), note)


def result_table(comparison: Comparison) -> pd.DataFrame:
    """Budgets × arms: mean IoU by slide, and the IoU of each region, ``mean ± half the 95 % interval over seeds``."""
    records = []
    for arm in ARMS:
        record = {"arm": NAMES[arm]}
        for budget in BUDGETS:
            regions = comparison.by_region(arm, budget)
            record[f"mIoU, {budget}"] = _spread(comparison.scores(arm, budget).mean(1))
            for k, name in enumerate(CLASSES):
                record[f"IoU {name}, {budget}"] = _spread(regions[:, k])
        records.append(record)
    return pd.DataFrame(records).set_index("arm").T


def _spread(values: np.ndarray) -> str:
    if len(values) < 2:
        return f"{values.mean():.3f}"
    return f"{values.mean():.3f} ± {half_width(values[None])[0]:.3f}"


def budget_figure(comparison: Comparison, note: str, counts: dict[str, int]) -> Figure:
    """Mean IoU of every arm at both budgets, a faint mark a test slide; and the leads of stage 1 beside the paper's."""
    figure, (left, right) = new_figure(1, 2, height=3.2, width=7.2, gridspec_kw={"width_ratios": [2.3, 1]})
    for b, budget in enumerate(BUDGETS):
        for a, arm in enumerate(ARMS):
            scores = comparison.scores(arm, budget)
            x = b + 0.19 * (a - 1.5)
            left.scatter(
                np.full(scores.shape[1], x), scores.mean(0), s=10, color=COLOURS[arm], alpha=0.35, linewidths=0
            )
            half = half_width(scores.mean(1)[None])[0]
            left.errorbar(x, scores.mean(), yerr=half, color=COLOURS[arm], capsize=3, marker=MARKS[arm], markersize=6,
                          label=NAMES[arm] if b == 0 else None, linestyle="")  # fmt: skip
    left.set_xticks(range(len(BUDGETS)), [f"{counts[budget]:,} labelled tiles\n({budget})" for budget in BUDGETS])
    left.set_ylabel("mean IoU by test slide")
    left.set_xlim(-0.5, 1.5)
    figure.legend(fontsize="x-small", loc="outside upper left", ncols=len(ARMS))
    for b, budget in enumerate(BUDGETS):
        lead = 100 * comparison.lead(budget)
        right.errorbar(b, lead.mean(), yerr=half_width(lead.mean(1)[None])[0], color=PALETTE[0], marker="o", capsize=3)
        right.text(b, 0.99, f"paper:\n{PAPER_GAINS[budget]}", fontsize="x-small", color=NEUTRAL, ha="center", va="top",
                   transform=right.get_xaxis_transform())  # fmt: skip
    right.axhline(0, color=NEUTRAL, linewidth=0.8)
    right.set_xticks(range(len(BUDGETS)), BUDGETS)
    right.set_xlim(-0.6, 1.6)
    low, high = right.get_ylim()
    right.set_ylim(low, high + 0.25 * (high - low))
    right.set_ylabel("lead of stage 1 + FixMatch\nover FixMatch (points)")
    spread = "95 % t-interval over seeds" if len(comparison.seeds) > 1 else "one seed, no interval"
    data_line(figure, f"{note}; {spread}, faint: single slides")
    return figure


def map_figure(comparison: Comparison, slides: SlideCorpus, note: str, budget: str = "few") -> Figure:
    """The first test slide: its true regions, and every arm's map of it with a budget of labels."""
    name, seed = comparison.slides[0], comparison.seeds[0]
    slide = slides.open(name)
    blank = np.full((round(200 * slide.height / slide.width), 200, 3), 255, dtype=np.uint8)
    figure, axes = new_figure(1, 1 + len(ARMS), height=1.6, width=6.8)
    truth = slides.regions(name)
    assert truth is not None
    true = truth.on_grid(*blank.shape[:2])
    for axis, arm in zip(axes, [None, *ARMS], strict=True):
        show_slide(axis, blank)
        exact = np.stack([(true == k).astype(float) for k in range(len(CLASSES))])
        lay_over(axis, comparison.runs[arm, budget, seed]["map"].numpy() / 255 if arm else exact, 0.75)
        outline(axis, true, CLASSES, 0.8)
        words = f"{NAMES[arm]}\nmIoU {comparison.scores(arm, budget)[0, 0]:.2f}" if arm else "truth"
        axis.set_title(words, fontsize="x-small")
    data_line(figure, f"{note}, slide {name}; {budget} labels, first seed; outlines are the true regions")
    return figure


def lay_over(axis: Axes, probabilities: np.ndarray, opacity: float) -> None:
    """A predicted map over the picture that an axis shows."""
    picture = coloured(probabilities, CLASSES)
    picture[..., 3] *= opacity
    (left, right), (bottom, top) = axis.get_xlim(), axis.get_ylim()
    axis.imshow(picture, extent=(left, right, bottom, top), interpolation="nearest", aspect="equal")


def overlay_figure(slides: SlideCorpus, name: str, found: SlideMap, note: str) -> Figure:
    """A slide under its map of probabilities, and where map and truth differ."""
    pixels, downsample = small_slide(slides.open(name), 90)
    truth = slides.regions(name)
    figure, axes = new_figure(1, 2, height=2.3, width=4.4)
    rows, columns = ((np.arange(n) + 0.5) * downsample for n in pixels.shape[:2])
    show_slide(axes[0], pixels)
    axes[0].set_title("probability map on the slide", fontsize="small")
    lay_over(axes[0], np.stack([_at(p, found.cell, rows, columns) for p in found.probabilities]), 0.6)
    show_slide(axes[1], np.full_like(pixels, 235))
    axes[1].set_title("where it is wrong", fontsize="small")
    if truth is not None:
        true = truth.on_grid(*pixels.shape[:2])
        wrong: Any = np.zeros((*true.shape, 4))
        wrong[(found.labels_at(rows, columns) != true) & (true != UNKNOWN)] = (0.8, 0.0, 0.4, 1.0)
        axes[1].imshow(wrong, interpolation="nearest")
        outline(axes[1], true, CLASSES)
    data_line(figure, f"{note}, slide {name}, {found.tiles:,} tiles every {found.cell} pixels")
    return figure


def _at(values: np.ndarray, cell: int, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The cell of a map that each point lies in."""
    i = np.minimum((rows // cell).astype(int), values.shape[0] - 1)
    j = np.minimum((columns // cell).astype(int), values.shape[1] - 1)
    return values[i[:, None], j]
