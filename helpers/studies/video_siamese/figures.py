"""The study's figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from torch import nn

from helpers.data.corpus import Corpus
from helpers.methods.embedding import embed
from helpers.report.style import NEUTRAL, PALETTE, data_line, new_figure
from helpers.studies.study import Study
from helpers.studies.video_siamese.steps import NAMES, by_seed, classes_of, labelled_rows, open_corpus, settings_of
from helpers.training import History

COLOURS = {"siamese": PALETTE[0], "arrow": PALETTE[1], "random": NEUTRAL, "scratch": PALETTE[6]}
_EVALUATIONS = {"linear": "linear probe", "knn": "neighbours", "fine_tune": "fine-tuned"}


def shortcut_figure(note: str, tables: dict[str, pd.DataFrame]) -> Figure:
    """What facts alone give away, one panel a corpus."""
    figure, axes = new_figure(1, len(tables), height=2.6, sharey=True, squeeze=False)
    for ax, (name, table) in zip(axes[0], tables.items(), strict=True):
        words = [
            f"{fact}, {'file' if when == 'file' else 'as seen'}" for fact, when in zip(table["facts"], table["when"])
        ]
        place = np.arange(len(words))[::-1]
        colours = [PALETTE[4] if when == "file" else PALETTE[0] for when in table["when"]]
        ax.barh(place, table["balanced_accuracy"], color=colours, height=0.6)
        ax.axvline(table["chance"].iloc[0], color=NEUTRAL, linestyle="--", linewidth=1)
        ax.set(xlim=(0, 1), yticks=place, yticklabels=words, title=name, xlabel="balanced accuracy (dashed: chance)")
    data_line(figure, note)
    return figure


def error_figure(study: Study, table: pd.DataFrame) -> Figure:
    """Errors of mined pairs beside what the assumptions predict."""
    figure, ax = new_figure(height=2.9, width=6.5)
    draw_errors(ax, table)
    data_line(figure, study.data_note)
    return figure


def draw_errors(ax: Any, table: pd.DataFrame) -> None:
    """Bars of the mined pairs' errors with 95 % intervals, black lines for the expected ones."""
    place = np.arange(len(table))
    error, n = table["error"].to_numpy(dtype=float), table["pairs"].to_numpy(dtype=float)
    half = 1.96 * np.sqrt(error * (1 - error) / np.maximum(n, 1))
    ax.bar(place, np.nan_to_num(error), width=0.6, color=[PALETTE[2], PALETTE[1], PALETTE[0], NEUTRAL])
    ax.errorbar(place, error, yerr=half, fmt="none", color="black", linewidth=1)
    ax.hlines(table["expected"], place - 0.38, place + 0.38, color="black", linewidth=1.5, label="expected")
    names = {
        "near": "near\n(taken as same)",
        "far": "far, same video\n(as different)",
        "other": "other video\n(as different)",
        "all": "all",
    }
    words = [f"{names[kind]}\nn = {count:,}" for kind, count in zip(table["kind"], table["pairs"])]
    top = max(0.3, float(np.nanmax(error + half)) * 1.15)
    ax.set(xticks=place, xticklabels=words, ylabel="share of pairs wrong", ylim=(0, top))
    ax.legend(loc="upper left", fontsize="x-small")


def curves_figure(study: Study, history: History) -> Figure:
    """Loss, accuracy on pairs and spread of the embedding over the passes."""
    rows = pd.DataFrame(history.epochs)
    figure, axes = new_figure(1, 3, height=2.2)
    shown = (
        ("loss", "contrastive loss"),
        ("pair_accuracy", "pairs told apart, share"),
        ("relative_std", "relative std"),
    )
    for ax, (column, words) in zip(axes, shown, strict=True):
        if column in rows:
            ax.plot(rows["epoch"], rows[column], marker="o", color=PALETTE[0])
        ax.margins(y=0.15)
        ax.set(xlabel="pass over the pairs", ylabel=words)
        ax.set_ylim(bottom=0)
        ax.xaxis.get_major_locator().set_params(integer=True)
    data_line(figure, study.data_note)
    return figure


def map_figure(study: Study, corpus: Corpus, encoders: dict[str, Any], most: int = 400) -> Figure:
    """Two main components of the test clips' features, by class and by subject, one row an encoder."""
    from sklearn.decomposition import PCA

    rows = labelled_rows(corpus)["test"]
    rows = rows[np.random.default_rng(0).permutation(len(rows))[:most]]
    names, classes = classes_of(corpus)
    people = pd.factorize(corpus.table["subject"].to_numpy()[rows])[0]
    figure, axes = new_figure(len(encoders), 2, height=2.6 * len(encoders), squeeze=False)
    for line, (name, encoder) in zip(axes, encoders.items(), strict=True):
        features = nn.functional.normalize(embed(encoder, corpus, rows, batch_size=128), dim=1).numpy()
        flat = PCA(2, random_state=0).fit_transform(features)
        for i, label in enumerate(names[:8]):
            mine = classes[rows] == i
            line[0].scatter(flat[mine, 0], flat[mine, 1], s=9, color=PALETTE[i], label=label, linewidths=0)
        line[1].scatter(flat[:, 0], flat[:, 1], s=9, c=people, cmap="turbo", linewidths=0)
        for ax, words in zip(line, ("by action", "by subject"), strict=True):
            ax.set(title=f"{name}, {words}", xticks=[], yticks=[])
    axes[0, 0].legend(fontsize="x-small", markerscale=2, loc="center left", bbox_to_anchor=(-0.22, 0.5))
    data_line(figure, study.data_note)
    return figure


def comparison_figure(study: Study, table: pd.DataFrame) -> Figure:
    """Every arm under every evaluation: mean and 95 % interval over seeds, dots the seeds; all training labels."""
    means = by_seed(table).query("error == 0 and fraction == 1")
    panels = [("home", "linear"), ("home", "knn"), ("home", "fine_tune"), ("transfer", "linear"), ("transfer", "knn")]
    panels = [p for p in panels if ((means.place == p[0]) & (means.evaluation == p[1])).any()]
    figure, axes = new_figure(1, len(panels), height=2.9, width=9.0, sharey=True)
    where = {"home": study.parameters.corpus, "transfer": study.parameters.transfer_corpus}
    for ax, (place, evaluation) in zip(axes, panels, strict=True):
        part = means[(means.place == place) & (means.evaluation == evaluation)]
        arms = [arm for arm in ("siamese", "arrow", "random", "scratch") if (part.arm == arm).any()]
        for x, arm in enumerate(arms):
            _dot(ax, x, part.loc[part.arm == arm, "accuracy"].to_numpy(), COLOURS[arm], 0.18)
        classes = len(classes_of(open_corpus(settings_of(study), place))[0])
        ax.axhline(1 / classes, color=NEUTRAL, linestyle=":", linewidth=1)
        ax.set(
            xticks=range(len(arms)),
            title=f"{_EVALUATIONS[evaluation]}\n{where[place]}",
            xlim=(-0.6, len(arms) - 0.4),
            ylim=(0, 1),
        )
        ax.set_xticklabels([NAMES[arm].split(",")[0].removeprefix("from ") for arm in arms], rotation=40, ha="right")
    axes[0].set_ylabel("accuracy (dotted: chance)")
    data_line(figure, f"pairs from {study.data_note}; {means['seed'].nunique()} seed(s)")
    return figure


def _dot(ax: Any, x: float, values: np.ndarray, colour: str, aside: float) -> None:
    """Mean and 95 % interval over seeds at x, the seeds as dots beside it."""
    from scipy import stats

    ax.scatter(np.full(len(values), x) + aside, values, s=10, color=colour, alpha=0.45, linewidths=0)
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0
    ax.errorbar([x], [values.mean()], yerr=[half], fmt="o", color=colour, markersize=6, capsize=3, linewidth=1.5)


def sensitivity_figure(study: Study, table: pd.DataFrame, mined_error: float) -> Figure:
    """Linear-probe accuracy of the Siamese features against the share of pairs turned wrong on purpose."""
    means = by_seed(table).query("evaluation == 'linear' and fraction == 1")
    figure, axes = new_figure(1, 2, height=2.6, sharey=True)
    where = {"home": study.parameters.corpus, "transfer": study.parameters.transfer_corpus}
    for ax, place in zip(axes, where, strict=True):
        part = means[means.place == place]
        siamese = part[part.arm == "siamese"].groupby("error")["accuracy"]
        for error, values in siamese:
            _dot(ax, float(error), values.to_numpy(), COLOURS["siamese"], 0.012)
        ax.plot(siamese.mean().index, siamese.mean(), color=COLOURS["siamese"], linewidth=1, label=NAMES["siamese"])
        ax.axhline(
            part.loc[part.arm == "random", "accuracy"].mean(), color=NEUTRAL, linestyle="--", label=NAMES["random"]
        )
        ax.set(
            title=f"probed on {where[place]}",
            xlabel="share of pairs turned wrong",
            xlim=(-0.04, max([0.3, *study.parameters.error_rates]) + 0.06),
            ylim=(0, 1),
        )
        ax.set_xticks([0, *study.parameters.error_rates])
    axes[0].set_ylabel("linear-probe accuracy")
    axes[0].legend(fontsize="x-small", loc="lower left")
    data_line(figure, f"{study.data_note}; mining itself errs in {mined_error:.0%} of the pairs")
    return figure
