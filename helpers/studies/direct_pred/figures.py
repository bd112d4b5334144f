"""The study's figures, each a function of results that returns a figure in the house style."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from helpers.report.images import embedding_maps as embedding_maps
from helpers.report.images import half_width, mean_and_half, points_above, view_lines, whole_epochs
from helpers.report.images import picture_grid as picture_grid
from helpers.report.style import NEUTRAL, PALETTE, SEQUENTIAL, data_line, new_figure
from helpers.studies.direct_pred.about import PREDICTORS
from helpers.studies.direct_pred.dynamics import LinearSetting, closed_form, fixed_points, measure
from helpers.studies.direct_pred.steps import NAMES, TARGETS, Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from helpers.data.corpus import Corpus
    from helpers.studies.study import Study
    from helpers.training import History
    from helpers.views.images import ImageViews

COLOURS = {
    "direct_pred": PALETTE[0], "two_layer": PALETTE[1], "direct_copy": PALETTE[2], "linear": PALETTE[3],
    "none": PALETTE[4], "direct_pred/no_ema": PALETTE[5], "direct_pred/no_stop": PALETTE[6], "random": NEUTRAL,
    "scratch": NEUTRAL,
}  # fmt: skip
MARKS = {"direct_pred": "o", "two_layer": "s", "direct_copy": "^", "linear": "D", "none": "v", "random": "X",
         "scratch": "P", "direct_pred/no_ema": "<", "direct_pred/no_stop": ">"}  # fmt: skip
PAPER_STL10 = (("DirectPred", 77.86, 0.16), ("linear, SGD", 75.06, None), ("DirectPred, ε = 0", 76.77, None),
               ("linear symmetric, no EMA", 36.62, None))  # fmt: skip


def view_pairs(corpus: Corpus, rows: np.ndarray, views: ImageViews, note: str, seed: int = 0) -> Figure:
    """Images above two random views of each: what must be mapped to one point."""
    images = corpus.load(rows)
    assert isinstance(images, torch.Tensor)
    generator = torch.Generator().manual_seed(seed)
    return view_lines(images, [views(images, generator), views(images, generator)], note)


def training_curves(shown: History, comparison: Comparison | None, note: str) -> Figure:
    """Loss and spread over epochs, of the arm that was just trained or, with their ranks, of all."""
    columns = [("loss", "loss, 2 − 2cos"), ("relative_std", "relative std\n(0: one point)")]
    if comparison is None:
        runs = {"direct_pred": shown.epochs}
        figure, axes = new_figure(1, 2, height=1.9, width=4.8)
    else:
        runs = {m: comparison.main[m, comparison.seeds[0]]["history"] for m in comparison.methods()}
        columns.append(("effective_rank", "effective rank"))
        figure, axes = new_figure(1, 3, height=2.5)
    for axis, (key, words) in zip(axes, columns, strict=True):
        for method, epochs in runs.items():
            axis.plot([row["epoch"] for row in epochs], [row[key] for row in epochs], color=COLOURS[method],
                      marker=MARKS[method], markersize=3, linewidth=1.2, label=NAMES[method])  # fmt: skip
        whole_epochs(axis)
        axis.set_ylabel(words)
        axis.set_ylim(bottom=0)
    if len(runs) > 1:
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=4, fontsize="x-small")
    data_line(figure, f"{note}; projections of each epoch's last batch")
    return figure


def comparison_figure(comparison: Comparison, fractions: list[float], note: str) -> Figure:
    """Linear probe accuracy over label fractions, and the paper's STL-10 figures in a panel of their own."""
    figure, (left, middle, right) = new_figure(1, 3, height=3.2, gridspec_kw={"width_ratios": [3, 2.2, 1.5]})
    main = [m for m in ("direct_pred", "two_layer", "direct_copy", "linear") if m in comparison.methods()]
    shown = [*main, "random", "scratch"]
    for i, method in enumerate(shown):
        offset = np.exp(0.07 * (i - (len(shown) - 1) / 2))
        accuracy = np.array([comparison.correct(method, fraction=f).mean(1) for f in fractions])  # (fractions, seeds)
        left.errorbar(np.array(fractions) * 100 * offset, 100 * accuracy.mean(1), yerr=100 * half_width(accuracy),
                      color=COLOURS[method], marker=MARKS[method], markersize=5, linewidth=1,
                      linestyle=":" if method in ("random", "scratch") else "-", capsize=2,
                      label=NAMES[method])  # fmt: skip
    left.set_xscale("log")
    left.set_xticks([100 * f for f in fractions], [f"{100 * f:g}" for f in fractions], minor=False)
    left.minorticks_off()
    left.set_ylim(max(0, left.get_ylim()[0]), min(102, left.get_ylim()[1]))
    left.set_xlabel("labels used (%)")
    left.set_ylabel("test accuracy (%)")
    left.legend(fontsize="x-small", loc="lower right")
    for i, method in enumerate(shown):
        accuracy = comparison.correct(method).mean(1)
        middle.scatter(100 * accuracy, np.full(len(accuracy), i), s=12, color=COLOURS[method], alpha=0.6, linewidths=0)
        middle.errorbar(100 * accuracy.mean(), i, xerr=100 * half_width(accuracy[None])[0], color=COLOURS[method],
                        marker=MARKS[method], markersize=6, capsize=3)  # fmt: skip
    middle.set_yticks(range(len(shown)), [NAMES[m] for m in shown])
    middle.invert_yaxis()
    middle.set_xlim(max(0, middle.get_xlim()[0]), min(102, middle.get_xlim()[1]))
    middle.set_xlabel("test accuracy, all labels (%)")
    for i, (_, value, error) in enumerate(PAPER_STL10):
        right.errorbar(value, i, xerr=error, color=NEUTRAL, marker="|", markersize=12, markeredgewidth=2)
        right.text(value, i - 0.24, f"{value:g}", ha="center", fontsize="x-small", color=NEUTRAL)
    right.set_yticks(
        range(len(PAPER_STL10)),
        [name.replace(", ", ",\n").replace("symmetric", "symm.") for name, _, _ in PAPER_STL10],
        fontsize="x-small",
        color=NEUTRAL,
    )
    right.set_ylim(len(PAPER_STL10) - 0.5, -0.6)
    right.set_xlim(25, 90)
    right.set_xlabel("accuracy (%)", color=NEUTRAL)
    right.set_title("the paper's STL-10:\nnot comparable", fontsize="small", color=NEUTRAL)
    spread = "95 % t-interval over seeds" if len(comparison.seeds) > 1 else "one seed, no interval"
    data_line(figure, f"{note}; {spread}")
    return figure


def accuracy_table(comparison: Comparison, fractions: list[float]) -> pd.DataFrame:
    """Methods × label fractions, per cent, as `mean ± half the 95 % interval over seeds`; kNN and rank beside."""
    records = []
    for method in [*comparison.methods(), "random", "scratch"]:
        record: dict[str, Any] = {"method": NAMES[method]}
        for fraction in fractions:
            record[f"{100 * fraction:g} % labels"] = mean_and_half(comparison.correct(method, fraction=fraction))
        if method != "scratch":
            runs = [comparison.main[method, seed] for seed in comparison.seeds]
            record["kNN"] = mean_and_half(comparison.correct(method, "knn"))
            record["features' effective rank"] = f"{np.mean([run['embedding_rank'] for run in runs]):.1f}"
            record["collapse watch"] = "" if method == "random" else _watch(runs)
        records.append(record)
    return pd.DataFrame(records).fillna("").set_index("method")


def has_left_start(comparison: Comparison) -> pd.DataFrame:
    """Each arm's kNN accuracy over the random encoder's, paired by seed and test image: points, 95 % interval."""
    records = []
    for method in comparison.methods():
        words, left = points_above(comparison.correct(method, "knn"), comparison.correct("random", "knn"))
        records.append({"method": NAMES[method], "kNN points above random": words, "has left its start": left})
    return pd.DataFrame(records).set_index("method")


def ablation_heat_map(comparison: Comparison, epochs: int, note: str) -> Figure:
    """kNN accuracy of predictor × target, a panel a weight decay; collapsed cells are named."""
    decays = sorted({decay for _, _, decay, _ in comparison.ablation})
    seeds = sorted({seed for *_, seed in comparison.ablation})
    figure, axes = new_figure(1, len(decays), height=3.2, width=8 if len(decays) > 1 else 5, sharey=True, squeeze=False)
    image: Any = None
    values = {key: 100 * float(run["knn"].double().mean()) for key, run in comparison.ablation.items()}
    low, high = min(values.values()), max(values.values())
    for axis, decay in zip(axes[0], decays, strict=True):
        grid = np.array([[np.mean([values[p, t, decay, s] for s in seeds]) for t in TARGETS] for p in PREDICTORS])
        image = axis.imshow(grid, cmap=SEQUENTIAL, vmin=low, vmax=high, aspect="auto")
        for i, predictor in enumerate(PREDICTORS):
            for j, target in enumerate(TARGETS):
                fallen = sum(bool(comparison.ablation[predictor, target, decay, s]["collapsed"]) for s in seeds)
                _cell(axis, i, j, grid[i, j], (grid[i, j] - low) / max(high - low, 1e-9), fallen, len(seeds))
        axis.set_xticks(range(len(TARGETS)), ["moving average,\nstop-gradient", "stop-gradient\nonly", "neither"])
        axis.set_yticks(range(len(PREDICTORS)), [NAMES[p] for p in PREDICTORS])
        axis.tick_params(length=0)
        axis.set_title(f"weight decay {decay:g}")
    figure.colorbar(image, ax=axes[0].tolist(), label="kNN test accuracy (%)", shrink=0.9)
    random = 100 * comparison.correct("random", "knn").mean()
    data_line(figure, f"{note}; {epochs} epoch(s), {len(seeds)} seed(s) a cell; random encoder {random:.1f} %")
    return figure


def ablation(study: Study, comparison: Comparison) -> Any:
    """The heat map as the run's key picture, or a line where the run has no ablation."""
    if not comparison.ablation:
        return "The ablation was left out: ablation_epochs is 0."
    figure = ablation_heat_map(comparison, study.parameters.ablation_epochs, study.data_note)
    alt = "kNN test accuracy by predictor, target and weight decay; collapsed cells are named."
    return study.show(figure, "ablation", alt, key=True)


def alignment_curves(comparison: Comparison, note: str) -> Figure:
    """Agreement of W_p's and F's eigenspaces over epochs, and the final eigenvalues, for the linear predictors."""
    figure, (left, middle, right) = new_figure(1, 3, height=2.7)
    shown = [m for m in ("direct_pred", "direct_copy", "linear") if m in comparison.methods()]
    for method in shown:
        style = {"color": COLOURS[method], "marker": MARKS[method], "markersize": 3, "linewidth": 1.2}
        for seed in comparison.seeds:
            epochs = comparison.main[method, seed]["history"]
            name = NAMES[method] if seed == comparison.seeds[0] else None
            x = [row["epoch"] for row in epochs]
            left.plot(x, [row["alignment"] for row in epochs], label=name, **style)
            middle.plot(x, [row["cosine"] for row in epochs], label=name, **style)
        run = comparison.main[method, comparison.seeds[0]]
        s, p = run["s"].flip(0).numpy(), run["p"].flip(0).numpy()
        right.plot((s / s.max()).clip(1e-6), p / np.abs(p).max(), linestyle="none", color=COLOURS[method],
                   marker=MARKS[method], markersize=3, label=NAMES[method])  # fmt: skip
    grid = np.geomspace(1e-4, 1, 50)
    right.plot(grid, np.sqrt(grid), color=NEUTRAL, linestyle="--", linewidth=1, label="p ∝ √s")
    right.set_xscale("log")
    right.set_xlim(1e-4, 1.3)
    for axis, words in ((left, "1 − ‖FW − WF‖ / √2‖F‖‖W‖"), (middle, "cos(u, W u), weighted by s")):
        whole_epochs(axis)
        axis.set_ylabel(words)
        axis.set_ylim(min(0.0, axis.get_ylim()[0]), 1.05)
    right.set_xlabel("eigenvalue of F / largest")
    right.set_ylabel("uᵀW u / largest")
    right.legend(fontsize="x-small")
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=3, fontsize="x-small")
    data_line(figure, f"{note}; F: second moment of the projections; right: first seed, end of training")
    return figure


def dynamics_figure(setting: LinearSetting, seed: int = 0, duration: float = 30.0) -> Figure:
    """Modes of a linear network, measured under SGD and in closed form, with the two ingredients and without."""
    p, s = np.array([0.1, 0.03, 0.5, 0.75, 1.0]), np.array([0.01, 0.05, 0.3, 1.1, 0.6])
    seen = measure(p, s, setting, duration=duration, learning_rate=0.04, batch=128, seed=seed)
    times = np.linspace(0, duration, 121)
    predicted = closed_form(p, s, times, setting)
    figure, axes = new_figure(1, 3, height=2.5, width=7.2)
    for axis, name in ((axes[0], "p"), (axes[1], "s")):
        for j in range(len(p)):
            axis.plot(seen.times, getattr(seen, name)[:, j], color=PALETTE[j], linewidth=2.5, alpha=0.45)
            axis.plot(times, getattr(predicted, name)[:, j], color=PALETTE[j], linestyle="--", linewidth=1.2)
    axes[0].set_ylabel("eigenvalue of W, p")
    axes[1].set_ylabel("eigenvalue of F, s")
    points = fixed_points(setting)
    for value, words in zip(points or (), ("unstable", "stable"), strict=False):
        axes[0].axhline(value, color=NEUTRAL, linestyle=":", linewidth=1)
        axes[0].text(duration, value, f"{words} point", ha="right", va="bottom", fontsize="x-small", color=NEUTRAL)
    _without(axes[2], s, setting, seen, duration, seed)
    for axis in axes:
        axis.set_xlabel("learning rate × steps")
    axes[0].plot([], [], color=NEUTRAL, linewidth=2.5, alpha=0.45, label="measured")
    axes[0].plot([], [], color=NEUTRAL, linestyle="--", linewidth=1.2, label="closed form")
    axes[0].legend(fontsize="x-small", loc="center right")
    data_line(figure, "a linear network on Gaussian samples (simulated data)")
    return figure


def _without(axis: Axes, s: np.ndarray, setting: LinearSetting, full: Any, duration: float, seed: int) -> None:
    """Mean eigenvalue of F with and without predictor and stop-gradient."""
    options: dict[str, Any] = {"duration": duration, "learning_rate": 0.04, "batch": 64, "seed": seed}
    bare = measure(np.ones_like(s), s, setting, predictor=False, **options)
    no_stop = measure(np.ones_like(s), s, setting, predictor=False, stop_gradient=False, **options)
    for modes, colour, mark, name in (
        (full, PALETTE[0], "o", "predictor, stop-gradient"),
        (bare, PALETTE[1], "s", "no predictor"),
        (no_stop, PALETTE[3], "D", "no predictor, no stop-gradient"),
    ):
        axis.plot(
            modes.times, modes.s.mean(1).clip(1e-6), color=colour, marker=mark, markevery=15, markersize=4, label=name
        )
    axis.set_yscale("log")
    axis.set_ylim(1e-3, 20)
    axis.set_ylabel("mean eigenvalue of F")
    axis.legend(fontsize="x-small", loc="upper right")


def _cell(axis: Axes, i: int, j: int, value: float, shade: float, fallen: int, seeds: int) -> None:
    colour = "black" if shade > 0.55 else "white"
    words = f"{value:.1f}"
    if fallen:
        words += "\ncollapsed" + (f" {fallen}/{seeds}" if seeds > 1 else "")
    axis.text(
        j, i, words, ha="center", va="center", color=colour, fontsize="x-small", fontweight="bold" if fallen else None
    )


def _watch(runs: list[dict[str, Any]]) -> str:
    fallen = sum(bool(run["collapsed"]) for run in runs)
    if fallen:
        return "collapsed" if fallen == len(runs) else f"collapsed in {fallen} of {len(runs)}"
    return runs[0]["watch"].split(" (")[0].split(":")[0]
