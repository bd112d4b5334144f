"""Figures of speech, chunks, training and clusters, each a function that returns a figure in the house style."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from helpers.data.chunks import chunk_starts
from helpers.data.circumplex import ATTRIBUTES, EMOTIONS
from helpers.report.images import whole_epochs
from helpers.report.style import NEUTRAL, PALETTE, data_line, new_figure
from helpers.studies.deepemocluster.arms import Settings, Speech, mel_settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from helpers.training import History

COLOURS = dict(zip(EMOTIONS, (NEUTRAL, PALETTE[5], PALETTE[4], PALETTE[0], PALETTE[1], PALETTE[3], PALETTE[2],
                              PALETTE[6]), strict=True))  # fmt: skip
MARKS = dict(zip(EMOTIONS, "osD^vP<X", strict=True))
ATTRIBUTE_COLOURS = dict(zip(ATTRIBUTES, (PALETTE[1], PALETTE[2], PALETTE[0]), strict=True))


def examples(speech: Speech, emotions: tuple[str, ...] = ("angry", "sad")) -> np.ndarray:
    """Training sentences to look and listen at: of one speaker, one of each emotion where there are such.

    Without emotion names: the sentences of highest and lowest arousal.
    """
    table = speech.sentences.table
    train = table[(table["split"] == "train") & table.index.isin(speech.chunks.table["sentence"])]
    if "label" in train.columns:
        for _, own in train.groupby("subject"):
            found = [own.index[own["label"] == e] for e in emotions]
            if all(len(rows) for rows in found):
                return np.array([rows[0] for rows in found])
    return np.array([train["arousal"].idxmax(), train["arousal"].idxmin()])


def words_of(speech: Speech, sentence: int) -> str:
    """What is known of a sentence, in one line."""
    row = speech.sentences.table.iloc[sentence]
    named = str(row["label"]) if isinstance(row.get("label"), str) else str(row["sample_id"])
    rated = ", ".join(f"{name} {row[name]:.1f}" for name in ATTRIBUTES)
    return f"{named}, speaker {row['subject']}: {rated}"


def waveform(speech: Speech, sentence: int) -> np.ndarray:
    """Samples of a sentence at 16 kHz, float32 (T,)."""
    loaded = speech.sentences.load(np.array([sentence]))
    assert isinstance(loaded, dict)
    return loaded["input"][0].numpy()


def chunks_drawn(speech: Speech, settings: Settings, sentences: np.ndarray, note: str) -> Figure:
    """Waveform and mel power in dB of sentences, with the chunks that they are cut in as bars."""
    figure, axes = new_figure(2, len(sentences), height=3.0, width=3.6 * len(sentences), squeeze=False, sharex="col",
                              gridspec_kw={"height_ratios": [1, 2.2]})  # fmt: skip
    for column, sentence in enumerate(sentences):
        drawn_sentence(axes[:, column], speech, settings, int(sentence))
    axes[0, 0].set_ylabel("amplitude")
    axes[1, 0].set_ylabel("mel band")
    data_line(figure, f"{note}; {settings['chunks']} chunks of {settings['frames']} frames")
    return figure


def drawn_sentence(axes: Any, speech: Speech, settings: Settings, sentence: int) -> None:
    """A sentence's waveform on the first of two axes, its mel power with chunks on the second."""
    samples = waveform(speech, sentence)
    loaded = speech.mels.load(np.array([sentence]))
    assert isinstance(loaded, dict)
    power = loaded["input"][0].numpy()
    step = mel_settings(settings).hop / 16_000
    time = np.arange(len(samples)) / 16_000
    axes[0].plot(time[::8], samples[::8], linewidth=0.4, color=PALETTE[0])
    axes[0].set_title(words_of(speech, sentence).replace(": ", "\n"), fontsize="small")
    decibel = 10 * np.log10(np.maximum(power.T, 1e-8 * power.max()))
    axes[1].imshow(decibel, origin="lower", aspect="auto", cmap="cividis", vmax=decibel.max(), vmin=decibel.max() - 60,
                   extent=(0, len(power) * step, 0, power.shape[1]))  # fmt: skip
    length = settings["frames"] * step
    for k, start in enumerate(chunk_starts(len(power), settings["chunks"], settings["frames"]) * step):
        height = power.shape[1] * (1.04 + 0.05 * (k % 4))
        axes[1].plot([start, start + length], [height, height], color=PALETTE[1], linewidth=2.5, clip_on=False,
                     solid_capstyle="butt")  # fmt: skip
    axes[1].set_yticks([0, power.shape[1] // 2, power.shape[1]])
    axes[1].set_ylim(0, power.shape[1] * 1.25)
    axes[1].set_xlabel("s (orange: chunks)")


def circumplex(speech: Speech, note: str) -> Figure:
    """Ratings of the labelled sentences: valence against arousal, and dominance against arousal."""
    table = speech.sentences.table
    known = table[table[list(ATTRIBUTES)].notna().all(axis=1)]
    figure, axes = new_figure(1, 2, height=2.9, width=7.2, sharey=True)
    emotions = [e for e in EMOTIONS if "label" in known.columns and (known["label"] == e).any()]
    for axis, name in zip(axes, ("valence", "dominance"), strict=True):
        for emotion in emotions:
            mine = known[known["label"] == emotion]
            axis.scatter(mine[name], mine["arousal"], s=9, marker=MARKS[emotion], color=COLOURS[emotion], alpha=0.7,
                         linewidths=0, label=emotion)  # fmt: skip
        if not emotions:
            axis.scatter(known[name], known["arousal"], s=6, color=PALETTE[0], alpha=0.4, linewidths=0)
        axis.set_xlabel(f"{name} (1 to 7)")
        axis.set_xlim(0.8, 7.2)
        axis.set_ylim(0.8, 7.2)
    axes[0].set_ylabel("arousal (1 to 7)")
    if emotions:
        axes[1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="x-small")
    data_line(figure, f"{note}, labelled sentences")
    return figure


def training_curves(history: History, note: str) -> Figure:
    """Losses of both kinds of epoch, CCC on validation sentences, and NMI of successive clusterings."""
    figure, axes = new_figure(1, 3, height=2.3, width=8.0)
    epochs = [row["epoch"] for row in history.epochs]

    def drawn(axis: Axes, key: str, words: str, colour: str, mark: str = "o") -> None:
        points = [(e, row[key]) for e, row in zip(epochs, history.epochs, strict=True) if key in row]
        if points:
            axis.plot(*zip(*points, strict=True), color=colour, marker=mark, markersize=3, linewidth=1, label=words)

    labelled = [row for row in history.epochs if "ccc_loss" in row]
    axes[0].plot([r["epoch"] for r in history.epochs if "ccc_loss" not in r],
                 [r["cluster_loss"] for r in history.epochs if "ccc_loss" not in r], color=PALETTE[5], marker="s",
                 markersize=3, linewidth=1, label="clusters, unlabelled")  # fmt: skip
    axes[0].plot([r["epoch"] for r in labelled], [r["cluster_loss"] for r in labelled], color=PALETTE[0], marker="o",
                 markersize=3, linewidth=1, label="clusters, labelled")  # fmt: skip
    drawn(axes[0], "ccc_loss", "1 − CCC, labelled", PALETTE[1], "^")
    axes[0].set_ylabel("loss")
    axes[0].set_ylim(bottom=0)
    axes[0].legend(fontsize="x-small")
    for name in ATTRIBUTES:
        drawn(axes[1], f"validation_ccc_{name}", name, ATTRIBUTE_COLOURS[name], {"arousal": "^", "valence": "o",
                                                                                 "dominance": "s"}[name])  # fmt: skip
    if history.best_epoch:
        axes[1].axvline(history.best_epoch, color=NEUTRAL, linestyle=":", linewidth=1)
    axes[1].set_ylabel("CCC, validation")
    axes[1].legend(fontsize="x-small")
    drawn(axes[2], "nmi", "", PALETTE[0])
    axes[2].set_ylabel("NMI with last clusters")
    axes[2].set_ylim(0, 1)
    for axis in axes:
        whole_epochs(axis)
    data_line(figure, f"{note}; dotted: the epoch that is kept")
    return figure


def embedding_map(features: dict[str, torch.Tensor], speech: Speech, sentences: np.ndarray, note: str) -> Figure:
    """Principal components of test sentences' embeddings, before and after training, coloured by rated arousal."""
    from sklearn.decomposition import PCA

    figure, axes = new_figure(1, len(features), height=2.7, width=6.4)
    arousal = speech.sentences.table["arousal"].to_numpy(float)[sentences]
    for axis, (title, x) in zip(np.atleast_1d(axes), features.items(), strict=True):
        flat = PCA(2, random_state=0).fit_transform(x.numpy())
        drawn = axis.scatter(*flat.T, s=12, c=arousal, cmap="cividis", vmin=1, vmax=7, linewidths=0)
        axis.set_title(title)
        axis.set_xticks([])
        axis.set_yticks([])
        axis.set_xlabel("first component")
    np.atleast_1d(axes)[0].set_ylabel("second component")
    figure.colorbar(drawn, ax=axes, label="arousal (1 to 7)", shrink=0.8)
    data_line(figure, f"{note}, test sentences")
    return figure
