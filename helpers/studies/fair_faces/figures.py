"""Figures of the data, the pool's faults and each curating step, in the house style."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from helpers.data.labelled_rows import classes_of
from helpers.report.images import embedding_maps, in_a_row, show_pixels, view_lines, whole_epochs
from helpers.report.style import NEUTRAL, PALETTE, data_line, new_figure
from helpers.studies.fair_faces.arms import Roles, Settings, groups_ranked, make_views, open_faces, pixels, pool_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from helpers.data.corpus import Corpus
    from helpers.studies.fair_faces.steps import Comparison, Curated
    from helpers.training import History

SIDE = 32  # of faces in figures, pixels: a notebook's pictures are small


def faces_by_group(corpus: Corpus, rows: np.ndarray, note: str, each: int = 3) -> Figure:
    """A few faces of every group and class."""
    names, classes = classes_of(corpus)
    groups = corpus.table["group"].to_numpy()
    ranked, names_shown = groups_ranked(corpus)[:7], names[:4]
    width = 0.5 * each * len(names_shown) + 1.2
    figure, axes = new_figure(1, len(names_shown), height=0.5 * len(ranked) + 0.7, width=width, squeeze=False)
    for c, axis in enumerate(axes[0]):
        lines = []
        for g in ranked:
            mine = rows[(groups[rows] == g) & (classes[rows] == c)][:each]
            shown = _small(pixels(corpus, mine)) if len(mine) else torch.ones(0, 3, SIDE, SIDE)
            lines.append(in_a_row(torch.cat([shown, torch.ones(each - len(mine), 3, SIDE, SIDE)])))
        show_pixels(axis, torch.cat(lines))
        axis.set_title(names[c])
        axis.set_yticks([SIDE * (i + 0.5) for i in range(len(ranked))] if c == 0 else [], ranked if c == 0 else [])
        axis.tick_params(left=False)
    data_line(figure, note)
    return figure


def pool_faults(settings: Settings, seed: int, note: str, shown: int = 4) -> Figure:
    """Originals, a planted copy and a poor copy of each; group counts; and the wrong labels of each group."""
    pool = pool_of(settings, seed)
    table, ranked = pool.table, groups_ranked(open_faces(settings))
    kinds = table.pivot_table(index="origin", columns="kind", values="sample_id", aggfunc="first").dropna()
    place = {name: i for i, name in enumerate(table["sample_id"])}
    figure, axes = new_figure(1, 3, height=2.3, width=8, gridspec_kw={"width_ratios": [1.5, 1, 1]})
    lines = []
    for kind in ("original", "copy", "poor"):
        rows = np.array([place[name] for name in kinds[kind][:shown]]) if kind in kinds else np.zeros(0, dtype=int)
        found = _small(pixels(pool, rows)) if len(rows) else torch.ones(0, 3, SIDE, SIDE)
        lines.append(in_a_row(torch.cat([found, torch.ones(shown - len(found), 3, SIDE, SIDE)])))
    show_pixels(axes[0], torch.cat(lines))
    axes[0].set_yticks([SIDE * (i + 0.5) for i in range(3)], ["original", "near\nduplicate", "poor"])
    axes[0].tick_params(left=False)
    counts = table["group"].value_counts().reindex(ranked)
    axes[1].barh(range(len(ranked)), counts, color=PALETTE[0])
    axes[1].set_yticks(range(len(ranked)), ranked)
    axes[1].set_xlabel("images of the pool")
    wrong = 100 * (table["web_label"] != table["truth"]).groupby(table["group"]).mean().reindex(ranked)
    axes[2].barh(range(len(ranked)), wrong, color=PALETTE[1])
    axes[2].set_yticks(range(len(ranked)), [""] * len(ranked))
    axes[2].set_xlabel("wrong web labels (%)")
    for axis in axes[1:]:
        axis.invert_yaxis()
    data_line(figure, note)
    return figure


def two_views(settings: Settings, rows: np.ndarray, note: str, seed: int = 0, strength: float = 1.0) -> Figure:
    """Images above two random views of each."""
    images, views = pixels(open_faces(settings), rows), make_views(settings).scaled(strength)
    generator = torch.Generator().manual_seed(seed)
    return view_lines(_small(images), [_small(views(images, generator)) for _ in range(2)], note)


def steps_figure(settings: Settings, curated: Curated, note: str) -> Figure:
    """How good each curating step is: copies, quality, balance, labels."""
    seed, found = next(iter(curated.by_seed.items()))
    figure, axes = new_figure(2, 2, height=4.8, width=8)
    copies_axis(axes[0, 0], found, found["threshold"])
    axes[0, 0].set_title(
        f"duplicates: precision {_mean(curated, 'duplicate precision')}, recall {_mean(curated, 'duplicate recall')}"
    )
    _quality_axis(axes[0, 1], settings, seed, found)
    axes[0, 1].set_title(
        f"poor pictures: precision {_mean(curated, 'quality precision')}, recall {_mean(curated, 'quality recall')}"
    )
    ranked = groups_ranked(open_faces(settings))
    _pairs(
        axes[1, 0], curated, ranked, ("share before", "share after"), ("whole pool", "curated"), (NEUTRAL, PALETTE[2])
    )
    axes[1, 0].axhline(100 / len(ranked), color="black", linestyle=":", linewidth=1)
    axes[1, 0].set_ylabel("share of the images (%)")
    axes[1, 0].set_title("balance (dotted: equal shares)")
    _pairs(axes[1, 1], curated, ranked, ("web labels right", "pseudo-labels right"), ("web", "pseudo"),
           (PALETTE[1], PALETTE[0]))  # fmt: skip
    axes[1, 1].set_ylim(0, 125)
    axes[1, 1].set_ylabel("labels that are right (%)")
    axes[1, 1].set_title("labels by group")
    data_line(figure, f"{note}; histogram and points: first seed; numbers and bars: means over seeds")
    return figure


def copies_axis(axis: Axes, found: dict[str, Any], threshold: float) -> None:
    """Cosines of planted copies and of distinct pictures, and the threshold."""
    bins = np.linspace(-0.5, 1, 61).tolist()
    for key, colour, words in (("distinct", NEUTRAL, "distinct pictures"), ("copies", PALETTE[0], "planted copies")):
        values = found["likeness"][key].numpy()
        axis.hist(values, bins=bins, weights=np.full(len(values), 100 / max(len(values), 1)), color=colour, alpha=0.75,
                  histtype="stepfilled", label=words)  # fmt: skip
    axis.axvline(threshold, color="black", linestyle="--", linewidth=1)
    axis.text(threshold - 0.02, 0.97, f"threshold\n{threshold:.2f}", transform=axis.get_xaxis_transform(), ha="right",
              va="top", fontsize="x-small")  # fmt: skip
    axis.set_yscale("log")
    axis.set_xlabel("cosine of embeddings")
    axis.set_ylabel("pairs (%)")
    axis.legend(fontsize="x-small", loc="upper left")


def _quality_axis(axis: Axes, settings: Settings, seed: int, found: dict[str, Any]) -> None:
    kind = pool_of(settings, seed).table["kind"].to_numpy()
    quality, good = found["quality"].numpy(), found["good"].numpy()
    some = np.random.default_rng(0).permutation(len(kind))[:350]
    for poor, colour, words in ((False, NEUTRAL, "others"), (True, PALETTE[1], "planted poor")):
        for kept, marker in ((True, "o"), (False, "x")):
            mine = some[((kind == "poor") == poor)[some] & (good == kept)[some]]
            axis.scatter(quality[mine, 0], quality[mine, 1], s=9, marker=marker, color=colour, alpha=0.7,
                         linewidths=0.7, label=f"{words}, {'kept' if kept else 'dropped'}")  # fmt: skip
    axis.set_xlabel("sharpness (Laplacian over contrast)")
    axis.set_ylabel("contrast (std of luma)")
    axis.set_ylim(0, 1.45 * axis.get_ylim()[1])  # room for the legend
    axis.legend(fontsize="x-small", loc="upper right", ncols=2, columnspacing=1)


def _pairs(
    axis: Axes, curated: Curated, ranked: list[str], keys: tuple[str, str], words: tuple[str, str],
    colours: tuple[str, str],
) -> None:  # fmt: skip
    for i, (key, name, colour) in enumerate(zip(keys, words, colours, strict=True)):
        values = np.array([100 * np.nanmean(curated.measured(f"{key}: {g}")) for g in ranked])
        axis.bar(np.arange(len(ranked)) + 0.4 * i - 0.2, values, 0.38, color=colour, label=name)
    axis.set_xticks(range(len(ranked)), ranked)
    axis.legend(fontsize="x-small", ncols=2, loc="upper right")


def curation_table(curated: Curated, ranked: list[str]) -> pd.DataFrame:
    """Each step's own quality by group, means over seeds, per cent."""
    rows = {
        "share of the pool": "share before", "share after curation": "share after",
        "good pictures dropped as poor": "good pictures dropped as poor", "web labels right": "web labels right",
        "pseudo-labels right": "pseudo-labels right",
    }  # fmt: skip
    found = {
        name: [f"{100 * np.nanmean(curated.measured(f'{key}: {g}')):.1f}" for g in ranked] for name, key in rows.items()
    }
    return pd.DataFrame(found, index=pd.Index(ranked, name="group, %")).T


def training_curves(history: History, note: str) -> Figure:
    """Loss, clean loss after the virtual step, and spread of the projections over epochs."""
    figure, axes = new_figure(1, 2, height=1.9, width=5)
    epochs = [row["epoch"] for row in history.epochs]
    for key, words, colour in (("loss", "weighted loss", PALETTE[0]), ("meta_loss", "clean loss", PALETTE[1])):
        values = [row.get(key, np.nan) for row in history.epochs]
        axes[0].plot(epochs, values, color=colour, marker="o", markersize=2.5, label=words)
    axes[0].set_ylabel("loss")
    axes[0].legend(fontsize="x-small")
    axes[1].plot(epochs, [row["relative_std"] for row in history.epochs], color=PALETTE[0], marker="o", markersize=2.5)
    axes[1].set_ylabel("relative std\n(0: one point)")
    axes[1].set_ylim(bottom=0)
    for axis in axes:
        whole_epochs(axis)
    data_line(figure, note)
    return figure


def maps(found: dict[str, np.ndarray], comparison: Comparison, note: str) -> Figure:
    """Maps of test images before and after, coloured by class."""
    chosen = found["chosen"]
    features = {name: x for name, x in found.items() if name != "chosen"}
    return embedding_maps(features, comparison.truth[chosen], comparison.names, note)


def _small(images: torch.Tensor, side: int = SIDE) -> torch.Tensor:
    return torch.nn.functional.interpolate(images, (side, side), mode="area")


def _mean(curated: Curated, name: str) -> str:
    return f"{np.nanmean(curated.measured(name)):.3f}"


def one_a_group(corpus: Corpus, roles: Roles) -> np.ndarray:
    """A reference image of each of the four commonest groups."""
    groups = corpus.table["group"].to_numpy()[roles.reference]
    return np.array([roles.reference[np.flatnonzero(groups == g)[0]] for g in groups_ranked(corpus)[:4]])
