"""Figures of the activity_transfer notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from helpers.evaluation.intervals import independent_pairs
from helpers.report.style import NEUTRAL, PALETTE, data_line, new_figure, reference_mark
from helpers.studies.activity_transfer.experiment import Windows
from helpers.studies.activity_transfer.steps import NAMES, Comparison, Example, by_subject
from helpers.training import History
from helpers.views.windows import random_views

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {"source_only": NEUTRAL, "self_training": PALETTE[4], "coral": PALETTE[3], "optimal_transport": PALETTE[5],
           "optimapper_one_to_one": PALETTE[1], "optimapper_many_to_one": PALETTE[0],
           "target_supervised": PALETTE[6]}  # fmt: skip
MARKERS = {"source_only": "o", "self_training": "v", "coral": "s", "optimal_transport": "X",
           "optimapper_one_to_one": "D", "optimapper_many_to_one": "P", "target_supervised": "_"}  # fmt: skip
SENSORS = {"smartwatch": ("acceleration, g", "rotation, rad/s"), "uci_har": ("acceleration, g", "rotation, rad/s"),
           "hmp": ("acceleration, g", "")}  # fmt: skip
PAPER_UTILISATION, PAPER_CLUSTERING = 69.0, 87.5  # per cent, on average over the paper's corpora


def example_windows(windows: Windows, subject: str, seconds: float, note: str) -> Figure:
    """One window of each activity: the first sensor above, the second below (up to eight activities)."""
    rows = [windows.of(subject)[windows.labels[windows.of(subject)] == k] for k in range(len(windows.classes))]
    chosen = [(k, r[len(r) // 2]) for k, r in enumerate(rows) if len(r)][:8]
    cut = cast(torch.Tensor, windows.corpus.load(np.array([row for _, row in chosen]))).numpy()
    sensors = min(2, cut.shape[2] // 3)
    figure, axes = new_figure(
        sensors, len(chosen), height=1.1 + 1.0 * sensors, width=7.5, sharex=True, sharey="row", squeeze=False
    )
    time = np.linspace(0, seconds, cut.shape[1])
    for column, (k, _) in enumerate(chosen):
        for sensor in range(sensors):
            for axis in range(3):
                axes[sensor, column].plot(
                    time[::2], cut[column, ::2, 3 * sensor + axis], color=PALETTE[axis], linewidth=1
                )
        axes[0, column].set_title(windows.classes[k])
        axes[-1, column].set_xlabel("s")
    for sensor in range(sensors):
        axes[sensor, 0].set_ylabel(SENSORS.get(windows.corpus.name, ("first sensor", "second sensor"))[sensor])
    axes[0, -1].legend(axes[0, -1].lines, ["x", "y", "z"], loc="upper left", bbox_to_anchor=(1.0, 1.05),
                       fontsize="x-small", handlelength=1)  # fmt: skip
    data_line(figure, f"{note}, subject {subject}")
    return figure


def view_pairs(windows: Windows, subject: str, seconds: float, note: str) -> Figure:
    """A window and two random views of it: what the contrastive encoder must tell to be the same."""
    row = windows.of(subject)[len(windows.of(subject)) // 3]
    cut = cast(torch.Tensor, windows.corpus.load(np.array([row])))
    torch.manual_seed(0)
    panels = {"window": cut, "view 1": random_views(cut), "view 2": random_views(cut)}
    figure, axes = new_figure(1, 3, height=1.8, width=6.0, sharey=True)
    time = np.linspace(0, seconds, cut.shape[1])
    for place, (name, panel) in zip(axes, panels.items()):
        place.set_title(name)
        place.set_xlabel("s")
        for axis in range(3):
            place.plot(time, panel[0, :, axis], color=PALETTE[axis], linewidth=1)
    axes[0].set_ylabel(windows.classes[windows.labels[row]])
    data_line(figure, f"{note}, first sensor, x y z")
    return figure


def training_curve(history: History, note: str) -> Figure:
    """Contrastive loss, and spread of the embedding, over epochs."""
    figure, axes = new_figure(1, 2, height=2.0, width=5.0)
    epochs = [row["epoch"] for row in history.epochs]
    for axis, key, words in ((axes[0], "loss", "contrastive loss"), (axes[1], "effective_rank", "effective rank")):
        axis.plot(epochs, [row.get(key, np.nan) for row in history.epochs], marker="o")
        axis.set_xlabel("epoch")
        axis.set_ylabel(words)
        axis.xaxis.get_major_locator().set_params(integer=True)
    data_line(figure, note)
    return figure


def network(seen: Example, classes: tuple[str, ...], note: str) -> Figure:
    """The observation network with its communities, the mapping to activities, and where the mapping is right."""
    import networkx as nx

    made = seen.adaptation
    figure, axes = new_figure(1, 3, height=3.2, width=8.2, gridspec_kw={"width_ratios": [1.1, 0.8, 1.1]})
    drawn = nx.Graph(made.graph)
    drawn.remove_nodes_from([node for node in made.graph if made.graph.degree(node) == 0])
    start = _plane(seen.features)
    place = nx.spring_layout(drawn, pos={i: start[i] for i in drawn}, iterations=60, seed=0, k=0.09)
    order = np.argsort(made.mapped, kind="stable")
    colour = {int(i): _shade(rank) for rank, i in enumerate(order)}
    spots = np.array([place[i] for i in drawn])
    nodes = np.array(list(drawn))
    member = np.full(len(seen.truth), -1)
    for number, group in enumerate(made.groups):
        member[group] = number
    _edges(axes[0], drawn, place)
    axes[0].scatter(*spots.T, s=6, c=[colour.get(int(member[i]), "#dddddd") for i in nodes], linewidths=0, zorder=2)
    axes[0].set_title(f"{len(seen.truth)} windows, {len(made.groups)} communities")
    _bipartite(axes[1], seen, classes, order, colour)
    right = made.mapped_windows[nodes] == seen.truth[nodes]
    inside = member[nodes] >= 0
    groups = ((inside & right, PALETTE[2], "rightly mapped"), (inside & ~right, PALETTE[1], "wrongly mapped"),
              (~inside, "#cccccc", "in no community"))  # fmt: skip
    for chosen, dye, words in groups:
        if chosen.any():
            axes[2].scatter(*spots[chosen].T, s=6, color=dye, linewidths=0, zorder=2, label=f"{words} ({chosen.sum()})")
    _name_communities(axes[2], seen, classes, place)
    axes[2].set_title("scored afterwards")
    axes[2].legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), fontsize="x-small", markerscale=2, ncols=3,
                   columnspacing=0.8, handletextpad=0.1)  # fmt: skip
    for axis in axes:
        axis.set_axis_off()
    data_line(figure, f"{note}, new subject {seen.subject}, {seen.share:.0%} of activities, {_instance(seen)}")
    return figure


def _instance(seen: Example) -> str:
    return "one-to-one" if seen.share == 1 else "many-to-one"


def _plane(points: np.ndarray) -> np.ndarray:
    centred = points - points.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    flat = centred @ directions[:2].T
    return flat / np.abs(flat).max()


def _shade(rank: int) -> Any:
    from matplotlib import colormaps

    return colormaps["tab20"](rank % 20)


def _edges(axis: Any, graph: Any, place: dict[int, np.ndarray]) -> None:
    from matplotlib.collections import LineCollection

    axis.add_collection(
        LineCollection(
            [(place[i], place[j]) for i, j in graph.edges],
            colors="#cccccc",
            linewidths=0.3,
            antialiaseds=False,
            zorder=1,
        )
    )


def _name_communities(axis: Any, seen: Example, classes: tuple[str, ...], place: dict[int, np.ndarray]) -> None:
    for group in seen.adaptation.groups:
        known = np.array([place[i] for i in group if i in place])
        name = classes[int(np.bincount(seen.truth[group]).argmax())]
        axis.text(*np.median(known, axis=0), name, fontsize="xx-small", ha="center", va="center", zorder=3,
                  bbox={"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.6})  # fmt: skip


def _bipartite(axis: Any, seen: Example, classes: tuple[str, ...], order: np.ndarray, colour: dict[int, Any]) -> None:
    made = seen.adaptation
    left = np.linspace(1, 0, len(order))
    right = np.linspace(1, 0, len(classes))
    largest = max(float(made.flow.max(initial=1.0)), 1.0)
    for height, i in zip(left, order):
        for k in np.flatnonzero(made.flow[i] > 0.5):
            axis.plot([0, 1], [height, right[k]], color=colour[int(i)], linewidth=0.4 + 4 * made.flow[i, k] / largest,
                      alpha=0.85 if k == made.mapped[i] else 0.35, solid_capstyle="round")  # fmt: skip
        axis.scatter([0], [height], s=12 + len(made.groups[i]), color=colour[int(i)], zorder=3)
    for name, height, taken in zip(classes, right, made.flow.sum(axis=0)):
        shown = taken > 0.5
        words, dye = (f"{name}  {taken:.0f}", "black") if shown else (name, NEUTRAL)
        axis.text(1.06, height, words, va="center", fontsize="small", color=dye)
        axis.scatter([1], [height], s=16, marker="s", color=dye, zorder=3)
    axis.set_xlim(-0.1, 1.75)
    axis.set_title("optimal mapping, windows")


def subjects(comparison: Comparison, share: float, note: str) -> Figure:
    """Accuracy of every method on every left-out subject."""
    figure, axis = new_figure(height=2.8, width=7.0)
    order = by_subject(comparison, "source_only", "accuracy", share).sort_values().index
    for offset, method in enumerate(COLOURS):
        values = 100 * by_subject(comparison, method, "accuracy", share).loc[order]
        size = 90 if method == "target_supervised" else 36
        axis.scatter(np.arange(len(order)) + 0.09 * (offset - 3), values, s=size, color=COLOURS[method],
                     marker=MARKERS[method], label=f"{NAMES[method]} ({values.mean():.1f})", zorder=2)  # fmt: skip
    axis.set_xticks(range(len(order)), list(order))
    axis.set_xlabel("subject left out, hardest for the source model first")
    axis.set_ylabel("accuracy, %")
    axis.grid(axis="y", color="#eeeeee")
    axis.legend(
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        fontsize="x-small",
        title="method (mean)",
        title_fontsize="x-small",
    )
    data_line(figure, f"{note}, {share:.0%} of activities")
    return figure


def partial_curve(comparison: Comparison, shares: list[float], note: str) -> Figure:
    """Accuracy against the share of activities that the new subject does, mean and 95 % interval over subjects."""
    figure, axis = new_figure(height=2.8, width=7.0)
    at = 100 * np.array(shares)
    for offset, method in enumerate(COLOURS):
        values = [100 * by_subject(comparison, method, "accuracy", share).to_numpy() for share in shares]
        means = np.array([v.mean() for v in values])
        x = at + 0.5 * (offset - 3)
        strong = method.startswith("optimapper") or method == "source_only"
        axis.plot(x, means, color=COLOURS[method], marker=MARKERS[method], linewidth=2 if strong else 1,
                  label=NAMES[method], zorder=3 if strong else 2)  # fmt: skip
        if len(values[0]) > 1:
            intervals = [independent_pairs(v) for v in values]
            axis.vlines(
                x, [i.low for i in intervals], [min(i.high, 100) for i in intervals], color=COLOURS[method], linewidth=1
            )
    axis.set_xticks(at, [f"{share:.0%}" for share in shares])
    axis.invert_xaxis()
    axis.set_ylim(top=101)
    axis.set_xlabel("share of the activities that the new subject does")
    axis.set_ylabel("accuracy, %")
    axis.grid(axis="y", color="#eeeeee")
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="x-small")
    data_line(figure, f"{note}, mean and 95 % interval over {len(comparison.subjects)} subjects")
    return figure


def clustering_figure(comparison: Comparison, note: str) -> Figure:
    """Utilisation and clustering accuracy by subject, beside the paper's averages."""
    figure, axes = new_figure(1, 2, height=2.3, width=6.5, sharey=True)
    marks = (("utilisation", "windows in communities, %", PAPER_UTILISATION),
             ("clustering_accuracy", "clustering accuracy, %", PAPER_CLUSTERING))  # fmt: skip
    for axis, (metric, words, paper) in zip(axes, marks):
        values = 100 * by_subject(comparison, "optimapper_one_to_one", metric, 1.0)
        axis.scatter(range(len(values)), values, color=PALETTE[0], zorder=2)
        axis.vlines(range(len(values)), 0, values, color=PALETTE[0], linewidth=1, alpha=0.4)
        axis.set_xticks(range(len(values)), list(values.index))
        axis.set_xlim(-0.6, len(values) + 1.6)
        axis.set_title(f"{words} (mean {values.mean():.1f})")
        reference_mark(axis, paper, f"paper {paper:g}")
        axis.set_ylim(0, 108)
    axes[0].set_ylabel("%")
    data_line(figure, f"{note}, all activities")
    return figure


def mapping_errors(comparison: Comparison, smallest: float, classes: tuple[str, ...], note: str) -> Figure:
    """True against mapped class of clustered windows: one-to-one with all activities, many-to-one with fewest."""
    figure, axes = new_figure(1, 2, height=3.1, width=6.6)
    panels = ((axes[0], "1:optimapper_one_to_one", "one-to-one, 100 %"),
              (axes[1], f"{smallest:g}:optimapper_many_to_one", f"many-to-one, {smallest:.0%}"))  # fmt: skip
    for axis, key, title in panels:
        counts = comparison.confusion[key]
        share = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axis.imshow(share, vmin=0, vmax=100, cmap="Blues")
        if len(classes) <= 10:
            for i, k in zip(*np.nonzero(share >= 0.5)):
                axis.text(
                    k,
                    i,
                    f"{share[i, k]:.0f}",
                    ha="center",
                    va="center",
                    fontsize="x-small",
                    color="white" if share[i, k] > 60 else "black",
                )
        axis.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
        axis.set_yticks(range(len(classes)), classes)
        axis.set_title(f"{title}")
        axis.set_xlabel("mapped to")
    axes[0].set_ylabel("true activity, % of its windows")
    data_line(figure, note)
    return figure
