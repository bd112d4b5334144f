"""Figures of the data and of the pretext: spectrograms, one clip over time, labels, curves, embeddings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from helpers.data.face_tracks import INTENSITIES, motion
from helpers.data.pretext_labels import EMFACS, EMOTIONS, emotion_label, shown_emotion, unit_intensity
from helpers.data.pretext_labels import activity as unit_activity
from helpers.report.images import embedding_maps, whole_epochs
from helpers.report.style import NEUTRAL, PALETTE, data_line, new_figure
from helpers.studies.ser_pretext.arms import byol_views, pretext_views, training_views
from helpers.studies.ser_pretext.speech import Scale, Settings, Speech, Stretches, clip_corpus, levelled, stretches
from helpers.studies.ser_pretext.steps import TASK_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from helpers.training import History

SHOWN_UNITS = (1, 4, 5, 6, 7, 9, 12, 15, 20, 23, 26)


def one_an_emotion(speech: Speech, at_most: int = 4) -> np.ndarray:
    """Rows of clips of one speaker, one for each emotion."""
    labelled = np.flatnonzero(speech.classes >= 0)
    counts = {s: len(set(speech.classes[labelled[speech.subjects[labelled] == s]])) for s in speech.subjects[labelled]}
    who = max(counts, key=lambda s: counts[s])
    mine = labelled[speech.subjects[labelled] == who]
    return np.array([mine[speech.classes[mine] == c][0] for c in _apart(np.unique(speech.classes[mine]), at_most)])


def _apart(classes: np.ndarray, at_most: int) -> np.ndarray:
    """At most so many of the classes, evenly spread."""
    return classes[np.unique(np.linspace(0, len(classes) - 1, min(at_most, len(classes))).round().astype(int))]


def spectrogram_sheet(speech: Speech, rows: np.ndarray, note: str, seconds: float = 3.0) -> Figure:
    """Spectrograms of a few clips, one an emotion, of one speaker."""
    across = min(4, len(rows))
    lines = -(-len(rows) // across)
    figure, axes = new_figure(
        lines, across, height=0.95 * lines + 0.5, width=7.0, sharex=True, sharey=True, squeeze=False
    )
    for axis, row in zip(axes.flat, rows, strict=False):
        _spectrogram(axis, speech.clip(int(row)).numpy(), speech.hop)
        axis.set_title(speech.names[speech.classes[row]], fontsize="small", pad=2)
        axis.set_xlim(0, seconds)
    for axis in axes.flat[len(rows) :]:
        axis.set_axis_off()
    for axis in axes[-1]:
        axis.set_xlabel("s")
    for axis in axes[:, 0]:
        axis.set_ylabel("mel band")
    data_line(figure, f"{note}, speaker {speech.subjects[rows[0]]}; log power, level-normalised")
    return figure


def _coarse(frames: np.ndarray, steps: int = 4, bands: int = 2) -> np.ndarray:
    """Frames (T, M) as a picture (M/bands, T/steps): a notebook's pictures are small."""
    length, width = frames.shape[0] // steps * steps, frames.shape[1] // bands * bands
    if length == 0 or width == 0:
        return frames.T
    return frames[:length, :width].reshape(length // steps, steps, width // bands, bands).mean(axis=(1, 3)).T


def _spectrogram(axis: Axes, frames: np.ndarray, hop: float) -> None:
    low, high = np.quantile(_coarse(frames), [0.02, 0.995])
    axis.imshow(_coarse(frames), origin="lower", aspect="auto", vmin=low, vmax=high, interpolation="nearest",
                extent=(0, len(frames) * hop, 0, frames.shape[1]))  # fmt: skip


def class_bars(speech: Speech, note: str) -> Figure:
    """Clips of each emotion, and those without a label."""
    figure, axis = new_figure(1, 1, height=2.0, width=5.0)
    counts = [int((speech.classes == c).sum()) for c in range(len(speech.names))]
    axis.bar(range(len(counts)), counts, color=PALETTE[0], width=0.7)
    axis.bar([len(counts)], [int((speech.classes < 0).sum())], color=NEUTRAL, width=0.7)
    axis.set_xticks(range(len(counts) + 1), [*speech.names, "no label"], rotation=30, ha="right", fontsize="small")
    axis.set_ylabel("clips")
    data_line(figure, note)
    return figure


def clip_over_time(speech: Speech, row: int, settings: Settings, note: str) -> Figure:
    """One clip: its sound, energy, the speed of its face and its action units over time, with each stretch's labels."""
    track = speech.track(row)
    panels = 4 if track is not None else 2
    tall = [1.0, 1.0, 1.0, 1.8][:panels]  # the action units' numbers stand below each other
    figure, axes = new_figure(
        panels, 1, height=0.95 * sum(tall) + 0.8, width=6.2, sharex=True, gridspec_kw={"height_ratios": tall}
    )
    hop, shift = speech.hop, speech.cut[row] * speech.hop
    frames = speech.clip(row)
    seconds = shift + np.arange(len(frames)) * hop
    _spectrogram_at(axes[0], frames.numpy(), shift, hop)
    power = frames.exp().sum(dim=1).numpy()
    axes[1].plot(seconds, 10 * np.log10(power / power.max()), color=PALETTE[0], linewidth=1)
    axes[1].set_ylabel("energy, dB")
    if track is not None:
        at, speed = motion(track)
        axes[2].plot(at, speed, color=PALETTE[1], linewidth=1)
        axes[2].set_ylabel("landmarks,\nIOD/s")
        if not np.isfinite(speed).any():
            axes[2].set_yticks([])
        _units(axes[3], track)
        for lost in np.flatnonzero(~track.found):
            for axis in axes[2:]:
                axis.axvspan(track.seconds[lost], track.seconds[lost] + 1 / 30, color=NEUTRAL, alpha=0.3, linewidth=0)
    cut = stretches(speech, settings)
    _mark_stretches(axes, speech, cut, row, track)
    axes[-1].set_xlabel("s")
    axes[-1].set_xlim(shift if track is None else 0, max(seconds[-1], 0 if track is None else track.seconds[-1]))
    emotion = speech.names[speech.classes[row]] if speech.classes[row] >= 0 else "no label"
    words = "; grey: no face found" if track is not None else "; no face tracks"
    data_line(figure, f"{note}, {speech.corpus.table['sample_id'][row]}, {emotion}{words}")
    return figure


def _spectrogram_at(axis: Axes, frames: np.ndarray, shift: float, hop: float) -> None:
    _spectrogram(axis, frames, hop)
    axis.images[0].set_extent((shift, shift + len(frames) * hop, 0, frames.shape[1]))
    axis.set_ylabel("mel band")


def _units(axis: Axes, track: Any) -> None:
    shown = np.stack([unit_intensity(track, unit) for unit in SHOWN_UNITS])
    axis.imshow(np.nan_to_num(shown), aspect="auto", vmin=0, vmax=5, interpolation="nearest",
                extent=(0, float(track.seconds[-1]), len(SHOWN_UNITS), 0))  # fmt: skip
    axis.set_yticks(np.arange(len(SHOWN_UNITS)) + 0.5, [str(unit) for unit in SHOWN_UNITS], fontsize=5)
    axis.set_ylabel("action unit")


def _mark_stretches(axes: Any, speech: Speech, cut: Stretches, row: int, track: Any) -> None:
    """Borders of the stretches, and over each what it is labelled with: a number beside its speaker's median."""
    who = speech.subjects[cut.clip]
    mine = np.flatnonzero(cut.clip == row)
    own = who == speech.subjects[row]
    shift = speech.cut[row] * speech.hop
    for i in mine:
        first = shift + cut.start[i] * speech.hop
        last = first + min(cut.length, speech.lengths[row]) * speech.hop
        for axis in axes:
            axis.axvline(first, color="black", linewidth=0.6, linestyle=":")
            axis.axvline(last, color="black", linewidth=0.6, linestyle=":")
        middle = (first + last) / 2
        _say(axes[1], middle, cut.energy[i], float(np.nanmedian(cut.energy[own])), "dB")
        if track is not None:
            _say(axes[2], middle, cut.activation[i], float(np.nanmedian(cut.activation[own])), "IOD/s")
            part = track.between(first, last)
            label = emotion_label(part)
            told = "unlabelled" if label < 0 else shown_emotion(unit_activity(part))
            axes[3].text(middle, -0.3, told, ha="center", va="bottom", fontsize="x-small")


def _say(axis: Axes, at: float, value: float, median: float, unit: str) -> None:
    told = f"{'high' if value > median else 'low'} ({value:.3g} {unit}, median {median:.3g})"
    axis.text(at, 1.02, told if np.isfinite(value) else "unlabelled", ha="center", va="bottom", fontsize="x-small",
              transform=axis.get_xaxis_transform())  # fmt: skip


def pretext_bars(balance: dict[str, tuple[np.ndarray, int]], note: str) -> Figure:
    """How many stretches each task labels with what."""
    widths = {"width_ratios": [3 if task == "emotion" else 1 for task in balance]}
    figure, axes = new_figure(1, len(balance), height=2.0, width=1.6 + 1.9 * len(balance), squeeze=False,
                              gridspec_kw=widths)  # fmt: skip
    for axis, (task, (counts, without)) in zip(axes[0], balance.items(), strict=True):
        names = list(EMOTIONS[: len(counts)]) if task == "emotion" else ["low", "high"][: len(counts)]
        axis.bar(range(len(counts)), counts, color=PALETTE[0], width=0.7)
        axis.bar([len(counts)], [without], color=NEUTRAL, width=0.7)
        axis.set_xticks(range(len(counts) + 1), [*names, "none"], rotation=35, ha="right", fontsize="x-small")
        axis.set_title(TASK_NAMES[task], fontsize="small")
    axes[0, 0].set_ylabel("stretches")
    data_line(figure, note)
    return figure


def agreement(speech: Speech, cut: Stretches, note: str) -> Figure | None:
    """Share of each emotion's stretches by the face's pseudo-label; None where no labelled clip shows a face."""
    known = (cut.emotion >= 0) & (speech.classes[cut.clip] >= 0)
    if not known.any():
        return None
    counts = np.zeros((len(speech.names), len(EMOTIONS)))
    np.add.at(counts, (speech.classes[cut.clip[known]], cut.emotion[known]), 1)
    share = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axis = new_figure(1, 1, height=2.9, width=4.6)
    show_shares(axis, share, speech.names, list(EMOTIONS))
    axis.set_xlabel("label from action units")
    axis.set_ylabel("emotion of the clip")
    data_line(figure, f"{note}; per cent of stretches, in all {int(known.sum()):,}")
    return figure


def show_shares(axis: Axes, share: np.ndarray, rows: list[str], columns: list[str]) -> None:
    """A matrix of per cents with its numbers."""
    axis.imshow(share, vmin=0, vmax=100, aspect="auto")
    for i, j in np.ndindex(*share.shape):
        if share[i, j] >= 0.5:
            axis.text(j, i, f"{share[i, j]:.0f}", ha="center", va="center", fontsize="x-small",
                      color="white" if share[i, j] < 55 else "black")  # fmt: skip
    axis.set_xticks(range(len(columns)), columns, rotation=40, ha="right", fontsize="x-small")
    axis.set_yticks(range(len(rows)), rows, fontsize="x-small")


def view_lines(speech: Speech, row: int, settings: Settings, scale: Scale, note: str, seed: int = 0) -> Figure:
    """A stretch as it is and as each pre-training and the fine-tuning see it: two random views each.

    They are drawn as spectrograms, also where the encoder hears samples and the views are crops and masks alone.
    """
    import torch

    speech, settings = replace(speech, samples=torch.zeros(0, 0)), settings | {"encoder": "patch_small"}
    length = round(settings["chunk_seconds"] / speech.hop)
    frames = speech.clip(row)
    start = max(0, (len(frames) - length) // 2)
    stretch = levelled(frames[start : start + length], scale, row)[None]
    clip = clip_corpus(speech, scale).load(np.array([row]))
    assert isinstance(clip, torch.Tensor)
    generator = torch.Generator().manual_seed(seed)
    pretext, byol, tuning = pretext_views(settings), byol_views(settings), training_views(settings, speech.hop)
    kinds = {"stretch": [stretch], "pretext tasks": [pretext(stretch, generator) for _ in range(2)],
             "BYOL": [byol(stretch, generator) for _ in range(2)],
             "fine-tuning\n(crop of the clip)": [tuning(clip, generator) for _ in range(2)]}  # fmt: skip
    titles = [name for name, views in kinds.items() for _ in views]
    views = [view for made in kinds.values() for view in made]
    figure, axes = new_figure(1, len(views), height=1.5, width=6.6, sharey=True)
    for axis, title, view in zip(axes, titles, views, strict=True):
        axis.imshow(_coarse(view[0].numpy(), 6, 4), origin="lower", aspect="auto", vmin=-2, vmax=2.5,
                    interpolation="nearest", extent=(0, view.shape[1] * speech.hop, 0, view.shape[2]))  # fmt: skip
        axis.set_title(title, fontsize="x-small")
        axis.set_xlabel("s")
    axes[0].set_ylabel("mel band")
    data_line(figure, f"{note}; standardised; 0, the mean, where masked")
    return figure


def training_curves(history: History, tasks: list[str], note: str) -> Figure:
    """Loss, accuracy of each task in training, and spread of the embedding over epochs."""
    figure, axes = new_figure(1, 3, height=1.9, width=7.0)
    epochs = [row["epoch"] for row in history.epochs]
    axes[0].plot(epochs, [row["loss"] for row in history.epochs], color=PALETTE[0], marker=".")
    axes[0].set_ylabel("loss")
    for i, task in enumerate(tasks):
        values = [100 * row[f"{task}_accuracy"] for row in history.epochs]
        axes[1].plot(epochs, values, color=PALETTE[i], linestyle=("-", "--", ":")[i], label=TASK_NAMES[task])
    axes[1].set_ylabel("accuracy (%)")
    axes[1].set_ylim(0, 102)
    if tasks:
        axes[1].legend(fontsize="x-small", loc="lower right")
    axes[2].plot(epochs, [row["relative_std"] for row in history.epochs], color=PALETTE[0], marker=".")
    axes[2].set_ylabel("relative std\n(0: one point)")
    axes[2].set_ylim(bottom=0)
    for axis in axes:
        whole_epochs(axis)
    data_line(figure, note)
    return figure


def maps(features: dict[str, np.ndarray], classes: np.ndarray, names: list[str], note: str) -> Figure:
    """Maps of test clips before and after the pretext, by emotion."""
    return embedding_maps(features, classes, [name.capitalize() for name in names], note, "clips", "emotion")


def by_speaker(features: dict[str, np.ndarray], subjects: np.ndarray, note: str) -> Figure:
    """The same by speaker: how much of the map is who speaks."""
    who, codes = np.unique(subjects, return_inverse=True)
    return embedding_maps(features, codes, [str(one) for one in who], note, "clips", "speaker")


def units_of(emotion: str) -> str:
    """An emotion's action units in words, such as ``"6 + 12"``; those that OpenFace does not detect in brackets."""
    return " + ".join(str(u) if u in INTENSITIES else f"({u})" for u in EMFACS[emotion])
