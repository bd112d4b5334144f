"""The study's figures, each a function of results that returns a figure in the house style."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from helpers.objectives.orthogonal_low_rank import high_rank, low_rank, nuclear_norm
from helpers.report.images import half_width, mean_and_half, points_above, whole_epochs
from helpers.report.style import NEUTRAL, PALETTE, data_line, new_figure
from helpers.studies.ssole.steps import NAMES, Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from helpers.training import History

COLOURS = {
    "ssole": PALETTE[0], "simclr": PALETTE[1], "byol": PALETTE[2], "barlow_twins": PALETTE[3], "vicreg": PALETTE[4],
    "naive_ole": PALETTE[6], "random": NEUTRAL, "scratch": NEUTRAL,
}  # fmt: skip
MARKS = {"ssole": "o", "simclr": "s", "byol": "^", "barlow_twins": "D", "vicreg": "v", "naive_ole": "X",
         "random": "P", "scratch": "*"}  # fmt: skip
PAPER_IMAGENET100 = (("SSOLE, 8 views *", 82.5), ("BYOL", 80.3), ("Barlow Twins", 80.2), ("VICReg", 79.4),
                     ("SimCLR", 77.0))  # fmt: skip


def terms_figure() -> Figure:
    """The two terms: what two views cost by their angle, and what a batch costs by the rank it spans."""
    figure, (left, right) = new_figure(1, 2, height=2.4, width=7)
    angle = torch.linspace(0, math.pi, 91, dtype=torch.float64)
    pair = torch.stack([torch.stack([torch.ones(91).double(), torch.zeros(91).double()], -1),
                        torch.stack([angle.cos(), angle.sin()], -1)], 1)  # (91, 2 views, 2)  # fmt: skip
    degrees = torch.rad2deg(angle).numpy()
    with_mean_off = np.array([float(low_rank(two[None])) for two in pair])
    plain = nuclear_norm(pair).numpy() - 2**0.5
    left.plot(degrees, with_mean_off, color=PALETTE[0], label="SSOLE: mean taken off, L = 1 − cos")
    left.plot(degrees, plain, color=PALETTE[6], linestyle="--", label="OLE: ‖Z‖∗ − √2")
    left.annotate("opposite views\ncost OLE nothing", (180, 0.02), (128, 1.05), fontsize="x-small",
                  arrowprops={"arrowstyle": "->", "color": NEUTRAL})  # fmt: skip
    left.set_xticks([0, 45, 90, 135, 180])
    left.set_xlabel("angle between two views (degrees)")
    left.set_ylabel("low-rank term")
    left.legend(fontsize="x-small", loc="upper left")
    for batch, style in ((16, "-"), (64, "--"), (256, ":")):
        share = np.linspace(batch**-0.5, 1, 200)
        right.plot(share, height_of_rank(batch, share), color=PALETTE[0], linestyle=style, label=f"batch of {batch}")
    right.set_xlabel("r / B (1: all images orthonormal)")
    right.set_ylabel("high-rank term H")
    right.legend(fontsize="x-small")
    data_line(figure, "none, the closed forms")
    return figure


def height_of_rank(batch: int, share: np.ndarray) -> np.ndarray:
    """H by r/B, as :func:`high_rank` has it."""
    c1 = (1 / share**2 - 1) / (batch - 1)
    beta = np.arcsin(np.minimum(share, 1)) - math.asin(batch**-0.5)
    return (c1 + (batch * np.cos(beta) ** 2 - 1) / (batch - 1)) / 2


def pretraining_curves(history: History, note: str) -> Figure:
    """Loss and its terms over epochs, and the spread of the projections."""
    epochs = [row["epoch"] for row in history.epochs]
    figure, (left, right) = new_figure(1, 2, height=2.1, width=6.2)
    for key, words, colour, mark in (("loss", "loss", PALETTE[6], "o"), ("low_rank", "low rank L", PALETTE[0], "s"),
                                     ("high_rank", "high rank H", PALETTE[1], "^")):  # fmt: skip
        left.plot(epochs, [row[key] for row in history.epochs], color=colour, marker=mark, markersize=3, label=words)
    left.set_ylabel("mean over the epoch")
    left.legend(fontsize="x-small", loc="upper right", ncols=3, bbox_to_anchor=(1.05, 1.22), columnspacing=1)
    right.plot(epochs, [row["effective_rank"] for row in history.epochs], color=PALETTE[0], marker="o", markersize=3)
    right.set_ylabel("effective rank\nof the projections")
    for axis in (left, right):
        whole_epochs(axis)
        axis.set_ylim(bottom=0)
    data_line(figure, f"{note}; projections of each epoch's last batch")
    return figure


def has_left_start(comparison: Comparison) -> pd.DataFrame:
    """Each method's kNN accuracy over the random encoder's, paired by seed and test image: points, 95 % interval."""
    records = []
    for method in comparison.methods():
        words, left = points_above(comparison.correct(method, "knn"), comparison.correct("random", "knn"))
        ranks = [comparison.main(method, s)["spread"]["effective_rank"] for s in comparison.seeds]
        watch = comparison.main(method, comparison.seeds[0])["watch"].split(" (")[0]
        records.append({"method": NAMES[method], "kNN points above random": words, "has left its start": left,
                        "projections' effective rank": f"{np.mean(ranks):.1f}",
                        "collapse watch": watch})  # fmt: skip
    return pd.DataFrame(records).set_index("method")


def accuracy_table(comparison: Comparison, fractions: list[float]) -> pd.DataFrame:
    """Methods × label fractions, per cent, as `mean ± half the 95 % interval over seeds`; kNN and rank beside."""
    records = []
    for method in [*comparison.methods(), "random", "scratch"]:
        record: dict[str, Any] = {"method": NAMES[method]}
        for fraction in fractions:
            record[f"{100 * fraction:g} % labels"] = mean_and_half(comparison.correct(method, fraction=fraction))
        if method != "scratch":
            record["kNN"] = mean_and_half(comparison.correct(method, "knn"))
            ranks = [comparison.main(method, seed)["embedding_rank"] for seed in comparison.seeds]
            record["features' effective rank"] = f"{np.mean(ranks):.1f}"
        records.append(record)
    return pd.DataFrame(records).fillna("").set_index("method")


def comparison_figure(comparison: Comparison, fractions: list[float], note: str) -> Figure:
    """Linear probes by label fraction and by method, and the paper's ImageNet-100 figures in a panel of their own."""
    figure, (left, middle, right) = new_figure(1, 3, height=2.8, gridspec_kw={"width_ratios": [3, 2.2, 1.5]})
    shown = [*comparison.methods(), "random", "scratch"]
    for i, method in enumerate(shown):
        offset = np.exp(0.06 * (i - (len(shown) - 1) / 2))
        accuracy = np.array([comparison.correct(method, fraction=f).mean(1) for f in fractions])  # (fractions, seeds)
        left.errorbar(np.array(fractions) * 100 * offset, 100 * accuracy.mean(1), yerr=100 * half_width(accuracy),
                      color=COLOURS[method], marker=MARKS[method], markersize=5, linewidth=1,
                      linestyle=":" if method in ("random", "scratch") else "-", capsize=2,
                      label=NAMES[method])  # fmt: skip
        last = comparison.correct(method).mean(1)
        middle.scatter(100 * last, np.full(len(last), i), s=12, color=COLOURS[method], alpha=0.6, linewidths=0)
        middle.errorbar(100 * last.mean(), i, xerr=100 * half_width(last[None])[0], color=COLOURS[method],
                        marker=MARKS[method], markersize=6, capsize=3)  # fmt: skip
    left.set_xscale("log")
    left.set_xticks([100 * f for f in fractions], [f"{100 * f:g}" for f in fractions], minor=False)
    left.minorticks_off()
    left.set_ylim(max(0, left.get_ylim()[0]), min(102, left.get_ylim()[1]))
    left.set_xlabel("labels used (%)")
    left.set_ylabel("test accuracy (%)")
    middle.set_yticks(range(len(shown)), [NAMES[m] for m in shown])
    middle.invert_yaxis()
    middle.set_xlim(max(0, middle.get_xlim()[0]), min(102, middle.get_xlim()[1]))
    middle.set_xlabel("test accuracy, all labels (%)")
    for i, (_, value) in enumerate(PAPER_IMAGENET100):
        right.plot(value, i, color=NEUTRAL, marker="|", markersize=12, markeredgewidth=2)
        right.text(value, i - 0.22, f"{value:.1f}", ha="center", fontsize="x-small", color=NEUTRAL)
    right.set_yticks(range(len(PAPER_IMAGENET100)), [name for name, _ in PAPER_IMAGENET100], fontsize="x-small",
                     color=NEUTRAL)  # fmt: skip
    right.set_ylim(len(PAPER_IMAGENET100) - 0.5, -0.6)
    right.set_xlim(75, 85)
    right.set_xlabel("accuracy (%)", color=NEUTRAL)
    right.set_title("the paper's\nImageNet-100:\nnot comparable\n(* second-hand)", fontsize="x-small", color=NEUTRAL)
    spread = "95 % t-interval over seeds" if len(comparison.seeds) > 1 else "one seed, no interval"
    data_line(figure, f"{note}; batch {comparison.batch_size}, {comparison.views} views; {spread}")
    return figure


def axis_figure(comparison: Comparison, costs: pd.DataFrame, axis: str, note: str) -> Figure:
    """Accuracy, effective rank, time and memory along the batch size (``"batch"``) or the number of views."""
    figure, panels = new_figure(1, 4, height=2.6)
    points = comparison.along(axis)
    x = np.array([point[0 if axis == "batch" else 1] for point in points])
    for method in comparison.methods():
        style = {"color": COLOURS[method], "marker": MARKS[method], "markersize": 4, "linewidth": 1.1}
        for panel, measure, scale in ((panels[0], "linear", 100), (panels[1], "embedding_rank", 1)):
            values = np.array([comparison.at(method, *point, measure) for point in points]) * scale  # (points, seeds)
            panel.errorbar(x, values.mean(1), yerr=half_width(values), capsize=2, label=NAMES[method], **style)
        own = costs[costs["method"] == method].set_index(["batch_size", "views"]).loc[points]
        panels[2].plot(x, 1e3 * own["seconds"].to_numpy() / [b for b, _ in points], **style)
        panels[3].plot(x, (own["kept_mb"] + own["state_mb"]).to_numpy(), **style)
    for panel, measure, scale in ((panels[0], "linear", 100), (panels[1], "rank", 1)):
        value = _random(comparison, measure) * scale
        panel.axhline(value, color=NEUTRAL, linestyle=":", linewidth=1)
        panel.text(x[0], value, "random encoder", fontsize="xx-small", color=NEUTRAL, va="bottom")
    for panel, words in zip(panels, ("test accuracy (%)", "features' effective rank", "processor ms an image",
                                     "held in a step (MB)"), strict=True):  # fmt: skip
        panel.set_xscale("log", base=2)
        panel.set_xticks(x, [str(value) for value in x])
        panel.minorticks_off()
        panel.set_ylabel(words)
        panel.set_xlabel("images a step" if axis == "batch" else "views of an image")
    panels[2].set_ylim(bottom=0)
    panels[3].set_ylim(bottom=0)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=6, fontsize="x-small")
    fixed = f"{comparison.views} views" if axis == "batch" else f"batch {comparison.batch_size}"
    data_line(figure, f"{note}; {fixed}, all labels, {len(comparison.axis_seeds)} seed(s) a point")
    return figure


def _random(comparison: Comparison, measure: str) -> float:
    runs = [comparison.main("random", s) for s in comparison.seeds]
    if measure == "rank":
        return float(np.mean([run["embedding_rank"] for run in runs]))
    return float(comparison.correct("random").mean())


def cost_table(costs: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    """Time and memory of one step of each method at the main comparison's batch and views."""
    here = costs[(costs["batch_size"] == comparison.batch_size) & (costs["views"] == comparison.views)]
    records = [
        {"method": NAMES[row["method"]], "processor ms a step": f"{1e3 * row['seconds']:.1f}",
         "kept for the backward pass (MB)": f"{row['kept_mb']:.2f}",
         "weights, gradients, moments, second network (MB)": f"{row['state_mb']:.2f}"}
        for _, row in here.iterrows()
    ]  # fmt: skip
    return pd.DataFrame(records).set_index("method")


def batch_spectrum(batch: int, spread: float, axis: Axes, seed: int = 0, width: int = 64) -> float:
    """Singular values of a drawn batch of directions beside those of orthonormal ones; returns its H.

    Args:
        batch: images.
        spread: 0 all in one direction, 1 evenly over the sphere.
        axis: to draw on.
        seed: of the draw.
        width: d.
    """
    from matplotlib.ticker import MaxNLocator

    source = torch.Generator().manual_seed(seed)
    noise = torch.randn(batch, width, generator=source, dtype=torch.float64)
    common = torch.ones(width, dtype=torch.float64)
    z = torch.nn.functional.normalize((1 - spread) * common + spread * noise, dim=1)
    singular = torch.linalg.svdvals(z).numpy()
    axis.plot(range(1, len(singular) + 1), singular, color=PALETTE[0], marker="o", markersize=3, label="this batch")
    most = min(batch, width)
    axis.plot([1, most], [(batch / most) ** 0.5] * 2, color=NEUTRAL, linestyle="--", label="highest rank there is")
    axis.plot([1], [batch**0.5], color=PALETTE[6], marker="X", linestyle="none", label="one direction")
    axis.set_xlabel("singular value, largest first")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_ylabel("value")
    axis.set_ylim(0, 1.05 * batch**0.5)
    axis.legend(fontsize="x-small")
    return float(high_rank(z))
