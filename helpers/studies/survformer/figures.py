"""The figures of the study of SSL-SurvFormer, in the house style."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from helpers.data.corpora.survival import SurvivalCorpus
from helpers.evaluation.survival_metrics import kaplan_meier
from helpers.methods.survformer import SurvFormerPretext
from helpers.report.style import NEUTRAL, PALETTE, SEQUENTIAL, data_line, new_figure, reference_mark
from helpers.studies.survformer.about import SECOND_PROTOCOL
from helpers.studies.survformer.folds import FoldData
from helpers.studies.survformer.steps import METHOD_NAMES, TEST_FRACTION, Grid, ShownModel, condition
from helpers.training import History

BOTH, SCRATCH = METHOD_NAMES["both"], METHOD_NAMES["scratch"]
_COLOURS = {
    BOTH: PALETTE[1],
    SCRATCH: PALETTE[0],
    METHOD_NAMES["mask"]: PALETTE[4],
    METHOD_NAMES["reconstruct"]: PALETTE[3],
    "Cox": PALETTE[2],
    "random forest": PALETTE[5],
    "boosting": PALETTE[6],
    "DeepSurv": "#8B6F4E",
    "Kaplan-Meier": NEUTRAL,
}


def data_figure(corpus: SurvivalCorpus, note: str) -> Figure:
    """Kaplan-Meier curves by thirds of the first number, times of events and censorings, and gaps by feature."""
    figure, (left, middle, right) = new_figure(1, 3, height=2.7, width=8.6)
    table = corpus.table
    time, event = table["time"].to_numpy(float), table["event"].to_numpy(bool)
    if corpus.numeric:
        name = corpus.numeric[0]
        third = pd.qcut(table[name], 3, labels=False, duplicates="drop")
        for k in sorted(third.dropna().unique()):
            chosen = (third == k).to_numpy()
            curve = kaplan_meier(time[chosen], event[chosen])
            label = f"{table.loc[chosen, name].min():.3g} to {table.loc[chosen, name].max():.3g}"
            left.step(np.append(0, curve.times), np.append(1, curve.values), where="post", label=label)
        left.legend(title=name.replace("_", " "), fontsize="x-small", title_fontsize="x-small")
    else:
        curve = kaplan_meier(time, event)
        left.step(np.append(0, curve.times), np.append(1, curve.values), where="post")
    left.set(xlabel=f"time ({corpus.time_unit})", ylabel="Kaplan-Meier S(t)", ylim=(0, 1.02))
    bins = np.linspace(0, time.max(), 31)
    shown = [time[event], time[~event]]
    middle.hist(shown, bins=bins, stacked=True, label=[corpus.event_name, "censored"], color=[PALETTE[1], "#BBBBBB"])
    middle.set(xlabel=f"time ({corpus.time_unit})", ylabel="subjects")
    middle.legend(fontsize="x-small")
    gaps = table[list(corpus.features)].isna().mean().sort_values().iloc[-15:]
    right.barh([name.replace("_", " ") for name in gaps.index], 100 * gaps.to_numpy(), color=PALETTE[0])
    right.set(xlabel="absent in the corpus (%)", xlim=(0, max(5, 105 * gaps.max())))
    right.tick_params(axis="y", labelsize="x-small")
    data_line(figure, note)
    return figure


def pretext_figure(method: SurvFormerPretext, data: FoldData, note: str, rows: int = 10) -> Figure:
    """A few rows as they are, as the pretext shows them, and what the pre-trained network answers."""
    chosen = data.fold.validation[:rows]
    values, present = data.values[chosen], data.present[chosen]
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        seen = method.eval().corruption(values, present)
        doubt = method.answers(seen.values, seen.present)[0].sigmoid()
    state = np.select([~present.numpy(), seen.filled.numpy(), seen.hidden.numpy()], [0, 3, 2], default=1)
    figure, (left, right) = new_figure(1, 2, height=2.9, width=8.4)
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    colours = ["#EEEEEE", "#9EC9E2", PALETTE[3], PALETTE[1]]
    left.imshow(state, cmap=ListedColormap(colours), vmin=0, vmax=3, aspect="auto", interpolation="nearest")
    labels = ["absent in the data", "present", "hidden, shown as missing", "hidden, filled from another row"]
    left.legend(
        handles=[Patch(color=c, label=w) for c, w in zip(colours, labels, strict=True)],
        fontsize="x-small", loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2,
    )  # fmt: skip
    image = right.imshow(
        np.where(seen.present.numpy(), doubt.numpy(), np.nan), cmap=SEQUENTIAL, vmin=0, vmax=1, aspect="auto",
        interpolation="nearest",
    )  # fmt: skip
    figure.colorbar(image, ax=right, label="P(filled in), network")
    names = [name.replace("_", " ") for name in data.corpus.features]
    for axes in (left, right):
        axes.set_xticks(
            range(len(names)), names, rotation=60, ha="right", fontsize="xx-small" if len(names) > 14 else "x-small"
        )
        axes.set(xlabel="feature", ylabel="validation row", yticks=[])
    data_line(figure, note)
    return figure


def training_figure(pretraining: History, fine_tuning: History, note: str) -> Figure:
    """Losses of pre-training and of fine-tuning by epoch."""
    figure, (left, right) = new_figure(1, 2, height=2.5, width=8)
    before, after = pd.DataFrame(pretraining.epochs), pd.DataFrame(fine_tuning.epochs)
    for column, label in (
        ("mask_loss", "mask prediction (nat)"),
        ("reconstruction_loss", "reconstruction (1 = a guess)"),
    ):
        if column in before:
            left.plot(before["epoch"], before[column], marker="o", markersize=3, label=label)
    left.set(xlabel="pre-training epoch", ylabel="loss")
    if not before.empty:
        left.legend(fontsize="x-small")
    if not after.empty:
        right.plot(after["epoch"], after["loss"], marker="o", markersize=3, label="training, with dropout")
        right.plot(
            after["epoch"], after["validation_loss"], marker="o", markersize=3, label="validation, averaged weights"
        )
        if fine_tuning.best_epoch is not None:
            reference_mark(right, fine_tuning.best_epoch, "kept", horizontal=False)
        right.legend(fontsize="x-small")
    for axes in (left, right):
        axes.xaxis.get_major_locator().set_params(integer=True)
    right.set(xlabel="fine-tuning epoch", ylabel="neg. log-likelihood (nat)")
    data_line(figure, note)
    return figure


def learned_figure(shown: ShownModel, note: str) -> Figure:
    """How much of each feature the pretext recovers from the others, and the map of embeddings."""
    recovered = recovered_share(shown.pretext, shown.data)
    data, rows = shown.data, shown.data.fold.validation
    embedding = shown.model.embed(data.values[rows], data.present[rows]).numpy()
    centred = embedding - embedding.mean(0)
    _, _, axes_of = np.linalg.svd(centred, full_matrices=False)
    flat = centred @ axes_of[:2].T
    median = float(np.median(data.time[data.event]))
    risk = shown.model.survival(data.values[rows], data.present[rows], torch.tensor([median]))[:, 0].numpy()
    figure, (left, right) = new_figure(1, 2, height=2.8, width=8.4)
    names = [name.replace("_", " ") for name in recovered.index]
    left.barh(names[::-1], 100 * recovered.to_numpy()[::-1], color=PALETTE[0])
    left.axvline(0, color=NEUTRAL, linewidth=1)
    left.set(xlabel="error saved against the training marginal (%)")
    left.tick_params(axis="y", labelsize="x-small" if len(names) < 16 else "xx-small")
    points = right.scatter(*flat.T, c=risk, cmap=SEQUENTIAL, s=8, vmin=0, vmax=1)
    figure.colorbar(points, ax=right, label=f"predicted S({median:.0f} {data.corpus.time_unit})")
    right.set(xlabel="first principal axis of the embedding", ylabel="second", xticks=[], yticks=[])
    data_line(figure, note)
    return figure


def recovered_share(method: SurvFormerPretext, data: FoldData) -> pd.Series:
    """Share of each feature's error that reconstruction saves on validation rows, hiding one feature at a time.

    Numbers: 1 − squared error / variance about the training mean. Categories: 1 − cross-entropy / that of the training
    frequencies. 0 = no better than the marginal.
    """
    method.eval()
    rows, train_rows = data.fold.validation, data.fold.train
    numeric = len(data.corpus.numeric)
    saved = {}
    for j, name in enumerate(data.corpus.features):
        known = rows[data.present[rows, j].numpy()]
        if len(known) < 2:
            continue
        present = data.present[known].clone()
        present[:, j] = False
        truth = data.values[known, j]
        with torch.no_grad():
            _, numbers, levels = method.answers(data.values[known], present)
        if j < numeric:
            mean = data.values[train_rows, j][data.present[train_rows, j]].mean()
            cost, base = (numbers[:, j] - truth).square().mean(), (mean - truth).square().mean()
        else:
            logits = levels[j - numeric]
            codes = data.values[train_rows, j][data.present[train_rows, j]].long()
            share = (torch.bincount(codes, minlength=logits.shape[1]) + 0.5).float()
            cost = torch.nn.functional.cross_entropy(logits, truth.long())
            base = torch.nn.functional.cross_entropy(share.log().expand_as(logits), truth.long())
        saved[name] = float(1 - cost / base) if base > 1e-9 else 0.0
    return pd.Series(saved)


def _interval(values: np.ndarray) -> tuple[float, float]:
    from helpers.evaluation.intervals import corrected_resampled_t

    if len(values) < 2:
        return float(values.mean()), 0.0
    interval = corrected_resampled_t(values, TEST_FRACTION)
    return interval.mean, interval.high - interval.mean


def comparison_figure(results: pd.DataFrame, corpus: str, note: str) -> Figure:
    """C-td and IBS of every method without added gaps, with published marks of the comparable protocol."""
    figure, axes = new_figure(1, 2, height=3.0, width=8.4, sharey=True)
    chosen = results[(results["condition"] == condition(0.0)) & (results["split"] == "test")]
    methods = list(dict.fromkeys(chosen["method"]))[::-1]
    marks = SECOND_PROTOCOL.get(corpus, {})
    for panel, (metric, words) in enumerate(
        (("C-td", "C-td (Antolini), higher is better"), ("IBS", "IBS (IPCW), lower is better"))
    ):
        for place, method in enumerate(methods):
            values = chosen[(chosen["method"] == method) & (chosen["metric"] == metric)]["value"].to_numpy(float)
            mean, half = _interval(values)
            colour = _COLOURS.get(method, NEUTRAL)
            axes[panel].errorbar(mean, place, xerr=half or None, fmt="o", color=colour, capsize=3)
            axes[panel].scatter(values, np.full(len(values), place) + 0.22, s=6, color=colour, alpha=0.6)
        for name, published in marks.items():
            reference_mark(axes[panel], published[panel], f"{name}, published", horizontal=False)
        axes[panel].set_xlabel(words)
    axes[0].set_yticks(range(len(methods)), methods)
    axes[0].set_ylim(-0.6, len(methods) + (1.2 if marks else -0.2))
    data_line(figure, note)
    return figure


def missingness_figure(results: pd.DataFrame, note: str) -> Figure:
    """C-td and IBS as more of the values are taken away."""
    figure, axes = new_figure(1, 2, height=2.8, width=8.4)
    test = results[results["split"] == "test"]
    methods = [m for m in dict.fromkeys(test["method"]) if m != "Kaplan-Meier"]
    for panel, metric in enumerate(("C-td", "IBS")):
        for method in methods:
            chosen = test[(test["method"] == method) & (test["metric"] == metric)]
            by = chosen.groupby("condition")["value"].mean()
            share = np.array([float(name.removeprefix("missing=")) for name in by.index])
            order = np.argsort(share)
            ours = method.startswith("SurvFormer")
            axes[panel].plot(
                100 * share[order], by.to_numpy(float)[order], marker="o" if ours else "s", markersize=4,
                linestyle="-" if ours else ":", color=_COLOURS.get(method, NEUTRAL), label=method,
            )  # fmt: skip
        axes[panel].set_xlabel("values taken away completely at random (%)")
    axes[0].set_ylabel("C-td (Antolini), mean over folds")
    axes[1].set_ylabel("IBS (IPCW), mean over folds")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center", fontsize="x-small")
    data_line(figure, note)
    return figure


def calibration_figure(grid: Grid, time_unit: str, note: str) -> Figure:
    """D-calibration of some methods, pooled over folds, and mean predicted survival against Kaplan-Meier's."""
    figure, (left, right) = new_figure(1, 2, height=2.9, width=8.4)
    plain = [r for job, r in zip(grid.jobs, grid.results, strict=True) if job["missing"] == 0]
    for method in (BOTH, SCRATCH, "random forest", "Cox"):
        if not all(method in result["d_calibration"] for result in plain):
            continue
        counts = np.sum([result["d_calibration"][method].numpy() for result in plain], axis=0)
        share = 100 * counts / counts.sum()
        bins = np.arange(len(share)) / len(share) + 0.5 / len(share)
        left.plot(bins, share, marker="o", markersize=4, color=_COLOURS[method], label=method)
        first = plain[0]
        right.plot(first["grid"].numpy()[::4], first["gap"][method].numpy()[::4], color=_COLOURS[method])
    left.axhline(10, color=NEUTRAL, linestyle="--", linewidth=1)
    left.set(xlabel="predicted S at the subject's own time", ylabel="share of test subjects (%)", ylim=(0, None))
    left.legend(fontsize="x-small")
    right.axhline(0, color=NEUTRAL, linestyle="--", linewidth=1)
    right.set(xlabel=f"time ({time_unit})", ylabel="mean S − Kaplan-Meier\n(first fold)")
    data_line(figure, note)
    return figure
