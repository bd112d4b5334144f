"""Figures of the mispronunciation notebook: the data, the pretext, training, scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from helpers.data.corpus import Corpus
from helpers.data.sound import RATE
from helpers.data.spectrograms import MelSettings, mel_spectrograms
from helpers.evaluation.intervals import independent_pairs
from helpers.evaluation.mispronunciation import align, edits
from helpers.report.images import whole_epochs
from helpers.report.players import Players, players
from helpers.report.style import NEUTRAL, PALETTE, SEQUENTIAL, data_line, new_figure
from helpers.studies.mispronunciation.arms import Settings, make_views, open_corpus
from helpers.studies.mispronunciation.steps import NAMES, SCORES, Comparison, accentedness_correlation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from helpers.training import History

COLOURS = {"momentum": PALETTE[0], "frozen": PALETTE[5], "offline": PALETTE[4], "labelled_only": PALETTE[1],
           "stage1": NEUTRAL, "random": NEUTRAL}  # fmt: skip
MARKERS = {"momentum": "o", "frozen": "s", "offline": "D", "labelled_only": "^", "stage1": "x", "random": "+"}
_SHOWN = MelSettings(hop=320, mels=32)  # of spectrograms in pictures
PAPER_PER_CHANGE, PAPER_F1_CHANGE = -5.35, 2.48  # per cent, relative to labelled speech alone


def wave_of(sound: Corpus, row: int) -> np.ndarray:
    """Samples of one utterance, float32 (T,)."""
    batch = sound.load(np.array([row]))
    assert isinstance(batch, dict)
    return batch["input"][0, : int(batch["length"][0])].numpy()


def outline(axes: Axes, wave: np.ndarray, points: int = 350) -> None:
    """A waveform as the band between its smallest and largest sample in each of ``points`` stretches."""
    pieces = np.array_split(wave, min(points, len(wave)))
    times = np.linspace(0, len(wave) / RATE, len(pieces))
    axes.fill_between(times, [p.min() for p in pieces], [p.max() for p in pieces], color=NEUTRAL, linewidth=0)


def segments_of(corpus: Corpus, row: int) -> list[tuple[str, float, float]]:
    """Perceived phones with start and end, seconds; empty where times are unknown."""
    written = str(corpus.table["segments"].iloc[row])
    parts = [one.split() for one in written.split(";") if one]
    return [(phone, float(start), float(end)) for phone, start, end in parts]


def most_accented(corpus: Corpus, rows: np.ndarray, count: int) -> list[int]:
    """Utterances with the most errors, of different speakers."""
    wrong = np.array([edits(c.split(), p.split()) for c, p in _phones(corpus, rows)])
    order = rows[np.argsort(-wrong, kind="stable")]
    speakers = corpus.table["subject"].to_numpy()[order]
    return [int(order[np.flatnonzero(speakers == s)[0]]) for s in pd.unique(speakers)[:count]]


def _phones(corpus: Corpus, rows: np.ndarray) -> list[tuple[str, str]]:
    table = corpus.table.iloc[rows]
    return list(zip(table["canonical"], table["perceived"], strict=True))


def listen(sound: Corpus, rows: list[int]) -> Players:
    """Players of some utterances with what should be said and what an annotator heard."""
    words = []
    for row in rows:
        one = sound.table.iloc[row]
        words.append(f"{one['subject']} ({one['group']}): “{one['sentence']}”, heard as {one['perceived']}")
    return players([(text, wave_of(sound, row)) for text, row in zip(words, rows, strict=True)], RATE)


def utterance(sound: Corpus, row: int, note: str) -> Figure:
    """One utterance: waveform and log-mel spectrogram, the phones heard with their times, errors in colour."""
    wave, one = wave_of(sound, row), sound.table.iloc[row]
    figure, (top, below) = new_figure(2, 1, height=2.8, width=7.0, sharex=True, gridspec_kw={"height_ratios": [1, 1.2]})
    outline(top, wave)
    mels, _ = mel_spectrograms(torch.from_numpy(wave)[None], torch.tensor([len(wave)]), _SHOWN)
    below.imshow(mels[0].T.numpy(), origin="lower", aspect="auto", cmap=SEQUENTIAL, interpolation="nearest",
                 extent=(0, len(wave) / RATE, 0, _SHOWN.mels))  # fmt: skip
    canonical, heard = str(one["canonical"]).split(), str(one["perceived"]).split()
    should = {j: canonical[i] for i, j in align(canonical, heard) if i is not None and j is not None}
    peak = float(np.abs(wave).max())
    for j, (phone, start, end) in enumerate(segments_of(sound, row)):
        wrong = should.get(j) != phone
        top.axvline(start, color=NEUTRAL, linewidth=0.4)
        top.text((start + end) / 2, peak * 1.05, phone, ha="center", va="bottom", fontsize="xx-small",
                 color=PALETTE[1] if wrong else "black", fontweight="bold" if wrong else "normal")  # fmt: skip
        if wrong:
            below.axvspan(start, end, color=PALETTE[1], alpha=0.3, linewidth=0)
            words = f"for {should.get(j, 'nothing')}"
            below.text((start + end) / 2, 0.88 * _SHOWN.mels, words, color="white", ha="center", fontsize="xx-small")
    top.set(yticks=[], ylim=(-1.05 * peak, 1.5 * peak), ylabel="waveform")
    below.set(xlabel="seconds", ylabel="mel band")
    figure.suptitle(f"“{one['sentence']}”, {one['subject']}, first language {one['group']}", fontsize="medium")
    data_line(figure, note)
    return figure


def speakers(corpus: Corpus, rows: np.ndarray, note: str) -> Figure:
    """Share of canonical phones that each labelled speaker gets wrong, by accentedness and first language."""
    table = corpus.table.iloc[rows]
    rate = pd.Series(
        [edits(c.split(), p.split()) / len(c.split()) for c, p in _phones(corpus, rows)], index=table.index
    )
    each = pd.DataFrame({"rate": rate, "score": table["accentedness"], "subject": table["subject"],
                         "group": table["group"]})  # fmt: skip
    mean = each.groupby("subject").agg({"rate": "mean", "score": "first", "group": "first"})
    figure, axes = new_figure(1, 1, height=2.6)
    known = mean["score"].notna().any()
    groups = sorted(mean["group"].unique())
    for i, group in enumerate(groups):
        mine = mean[mean["group"] == group]
        x = mine["score"] if known else np.full(len(mine), i)
        axes.scatter(x, 100 * mine["rate"], color=PALETTE[i % 7], marker="osD^vPX"[i % 7], label=group, s=30)
    axes.set(xlabel="accentedness score" if known else "first language", ylabel="phones said wrong, %")
    axes.legend(fontsize="x-small", ncols=2, title="first language", title_fontsize="x-small", loc="center left",
                bbox_to_anchor=(1, 0.5))  # fmt: skip
    data_line(figure, note)
    return figure


def augmented(settings: Settings, row: int, note: str) -> Figure:
    """What the teacher hears of one utterance, and what the student may hear of it."""
    corpus = open_corpus(settings)
    batch = corpus.load(np.array([row]))
    assert isinstance(batch, dict)
    torch.manual_seed(0)
    views = make_views(settings)
    shown = [("teacher: as it is", batch["input"]), ("student: changed", views(batch["input"]))]
    figure, axes = new_figure(1, 2, height=1.9, width=7.0, sharey=True)
    for axis, (title, sound) in zip(axes, shown, strict=True):
        if sound.ndim == 3:
            axis.imshow(sound[0, ::2].T.numpy(), origin="lower", aspect="auto", cmap=SEQUENTIAL, vmin=-2.5, vmax=2.5,
                        interpolation="nearest", extent=(0, sound.shape[1] / 100, 0, sound.shape[2]))  # fmt: skip
        else:
            outline(axis, sound[0].numpy())
        axis.set(title=title, xlabel="seconds")
    axes[0].set_ylabel("mel band" if shown[0][1].ndim == 3 else "amplitude")
    data_line(figure, note)
    return figure


def first_stage(history: History, note: str) -> Figure:
    """Loss and phone error rate on validation speakers over the passes of stage 1."""
    figure, (left, right) = new_figure(1, 2, height=2.4)
    epochs = [row["epoch"] for row in history.epochs]
    left.plot(epochs, [row["loss"] for row in history.epochs], color=PALETTE[0])
    for axis in (left, right):
        whole_epochs(axis)
    left.set(xlabel="pass over the labelled speech", ylabel="CTC loss a phone", ylim=(0, None))
    right.plot(epochs, [100 * row["validation_per"] for row in history.epochs], color=PALETTE[1])
    right.set(xlabel="pass over the labelled speech", ylabel="validation PER, %", ylim=(0, None))
    data_line(figure, note)
    return figure


def second_stage(comparison: Comparison, note: str) -> Figure:
    """Phone error rate on validation speakers over stage 2, the first seed; the teacher's beside its student's."""
    figure, axes = new_figure(1, 1, height=2.6)
    seed = comparison.seeds[0]
    start = 100 * comparison.runs["stage1", seed]["history"][-1]["validation_per"]
    for arm in comparison.arms():
        history = comparison.runs[arm, seed]["history"]
        share = [(i + 1) / len(history) for i in range(len(history))]
        curve = [100 * row["validation_per"] for row in history]
        begins = ([0.0], [start]) if history[0]["validation_per"] < 1.5 * start else ([], [])
        axes.plot(begins[0] + share, begins[1] + curve, color=COLOURS[arm], marker=MARKERS[arm], label=NAMES[arm],
                  markersize=4)  # fmt: skip
        if arm == "momentum":
            axes.plot([0, *share], [start, *(100 * row["teacher_per"] for row in history)], color=COLOURS[arm],
                      linestyle=":", label="the momentum teacher itself")  # fmt: skip
    axes.set(xlabel="share of the arm's updates", ylabel="validation PER, %", ylim=(0, 1.5 * start))
    axes.legend(fontsize="x-small", loc="center left", bbox_to_anchor=(1, 0.5))
    data_line(figure, note)
    return figure


def score_table(comparison: Comparison) -> Any:
    """All scores of all arms, per cent, all test utterances together: mean over seeds ± half a 95 % interval."""
    rows = {}
    for arm in [*comparison.arms(), "stage1", "random"]:
        rows[NAMES[arm]] = {
            short: with_interval(100 * comparison.pooled(arm, score)) for score, short in SCORES.items()
        }
    rows["the momentum teacher"] = {
        short: with_interval(100 * comparison.pooled("momentum", score, "teacher")) for score, short in SCORES.items()
    }
    return pd.DataFrame(rows).T


def with_interval(values: np.ndarray) -> str:
    """Mean ± half a 95 % interval; the mean alone for one value, a dash for none."""
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return "–"
    if len(values) == 1:
        return f"{values[0]:.1f}"
    interval = independent_pairs(values)
    return f"{values.mean():.1f} ± {(interval.high - interval.low) / 2:.1f}"


def paper_figure(comparison: Comparison, note: str) -> Figure:
    """PER and F1 of every arm, relative to labelled only, seed by seed, with the paper's own changes as grey lines."""
    figure, axes = new_figure(1, 2, height=2.8)
    arms = [arm for arm in comparison.arms() if arm != "labelled_only"]
    for axis, score, paper, words in (
        (axes[0], "phone_error_rate", PAPER_PER_CHANGE, "PER, change in %"),
        (axes[1], "f1", PAPER_F1_CHANGE, "F1, change in %"),
    ):
        base = comparison.pooled("labelled_only", score)
        for i, arm in enumerate(arms):
            change = 100 * (comparison.pooled(arm, score) / base - 1)
            spread = np.linspace(-0.1, 0.1, len(change)) if len(change) > 1 else np.zeros(1)
            axis.scatter(i + spread, change, color=COLOURS[arm], marker=MARKERS[arm], s=18, alpha=0.6)
            axis.plot([i - 0.25, i + 0.25], [np.nanmean(change)] * 2, color=COLOURS[arm], linewidth=2.5)
        axis.axhline(0, color="black", linewidth=0.8)
        axis.axhline(paper, color=NEUTRAL, linestyle="--", linewidth=1)
        axis.text(len(arms) - 0.45, paper, f"paper {paper:+g}", color=NEUTRAL, fontsize="x-small", ha="right",
                  va="bottom")  # fmt: skip
        axis.set(xticks=range(len(arms)), ylabel=words, xlim=(-0.6, len(arms) - 0.4))
        axis.set_xticklabels([NAMES[arm].replace(" ", "\n") for arm in arms])
    data_line(figure, f"{note}, against labelled only; the paper's marks: L2-ARCTIC")
    return figure


def accentedness(comparison: Comparison, note: str) -> Figure | None:
    """Predicted error rate of every test speaker against accentedness, by arm; None where no scores are known."""
    known = [name for name in comparison.names() if np.isfinite(comparison.accentedness[name])]
    if not known:
        return None
    figure, axes = new_figure(1, 3, height=2.7, sharey=True)
    shown = [("as heard by the human", comparison.heard_rates(), NEUTRAL)]
    shown += [(NAMES[arm], comparison.predicted_rates(arm), COLOURS[arm]) for arm in ("labelled_only", "momentum")]
    for axis, (title, rates, colour) in zip(axes, shown, strict=True):
        axis.scatter([comparison.accentedness[n] for n in known], [100 * rates[n] for n in known], color=colour, s=22)
        r, low, high = accentedness_correlation(comparison, rates)["pearson"]
        words = f"r {r:.2f} ({low:.2f} to {high:.2f})" if np.isfinite(r) else "too few speakers"
        axis.set(xlabel="accentedness", title=f"{title}\n{words}")
    axes[0].set_ylabel("phones said wrong, %")
    axes[0].set_ylim(0, None)
    data_line(figure, note)
    return figure


def kinds_of_error(comparison: Comparison, note: str) -> Figure:
    """Share of substituted, deleted and inserted phones that each arm finds, and finds and names."""
    from helpers.evaluation.mispronunciation import judge_phones

    arms = [*comparison.arms(), "stage1"]
    found = {arm: {kind: [0, 0, 0] for kind in ("substituted", "deleted", "inserted")} for arm in arms}
    for arm in arms:
        for seed in comparison.seeds:
            for canonical, heard, written in zip(
                comparison.canonical, comparison.heard, comparison.runs[arm, seed]["written"], strict=True
            ):
                for unit in judge_phones(canonical, heard, written.split()):
                    if unit.outcome in ("FA", "CD", "ED"):
                        kind = (
                            "inserted" if unit.canonical is None else "deleted" if unit.human is None else "substituted"
                        )
                        tally = found[arm][kind]
                        tally[0] += 1
                        tally[1] += unit.outcome != "FA"
                        tally[2] += unit.outcome == "CD"
    figure, axes = new_figure(1, 1, height=2.6)
    for i, arm in enumerate(arms):
        _bars(axes, i, found[arm], arm, len(arms))
    axes.set(ylabel="share of such errors, %", ylim=(0, 100), xticks=range(3))
    counts = found[arms[0]]
    axes.set_xticklabels([f"{kind}\n(n {tally[0] // len(comparison.seeds)})" for kind, tally in counts.items()])
    axes.legend(fontsize="x-small", loc="center left", bbox_to_anchor=(1, 0.5), title="found (pale)\nand named (full)",
                title_fontsize="x-small")  # fmt: skip
    data_line(figure, note)
    return figure


def _bars(axes: Axes, i: int, found: dict[str, list[int]], arm: str, count: int) -> None:
    at = np.arange(len(found)) + (i - (count - 1) / 2) * 0.8 / count
    shares = np.array([[100 * n / max(1, total) for n in (seen, named)] for total, seen, named in found.values()])
    axes.bar(at, shares[:, 0], 0.72 / count, color=COLOURS[arm], alpha=0.4)
    axes.bar(at, shares[:, 1], 0.72 / count, color=COLOURS[arm], label=NAMES[arm])
