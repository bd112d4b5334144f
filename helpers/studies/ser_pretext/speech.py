"""The study's data: clips as spectrograms, stretches of them with pretext labels, speaker-independent folds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from helpers.data.cache import cached
from helpers.data.corpora.emotional_speech import emotion_corpus
from helpers.data.corpus import Corpus, folds_by_subject, split_by_subject
from helpers.data.face_tracks import FaceTrack, facial_activation, read_openface
from helpers.data.labelled_rows import classes_of
from helpers.data.pretext_labels import UNLABELLED, emotion_label, energy_variation, high_or_low
from helpers.data.simulated.emotional_speech import SpeechDrawing
from helpers.data.simulated.talking_faces import GENERATOR, NAME, DrawnTracks, talking_faces
from helpers.data.sound import RATE
from helpers.data.spectrograms import MelSettings, with_mels
from helpers.errors import StudyError
from helpers.networks.sound_encoders import hears_samples
from helpers.progress import bar

Settings = dict[str, Any]  # the study's parameters as plain values, without seeds, workers and the like
Track = Callable[[int], FaceTrack | None]
QUIET = 35.0  # dB below a clip's loudest frame; quieter frames at its beginning and end are cut off
MARGIN = 5  # frames that are kept on either side
VALIDATION_SHARE = 0.2  # of a fold's training speakers


@dataclass(frozen=True)
class Speech:
    """A corpus with its clips as log-mel spectrograms without the silence around the speech.

    Attributes:
        corpus: table and waveforms.
        names: of the emotions.
        classes: emotion of every clip, int64 (n,); −1 where unlabelled.
        frames: all clips' frames one after the other, float32 (sum of lengths, M), of waveforms scaled to a root mean
            square of 1.
        levels: what that took off: ln of each waveform's mean square, float32 (n,).
        samples: the same frames as raw sound, float32 (sum of lengths, samples a frame), for an encoder that hears
            samples; else empty, (0, 0).
        starts, lengths: of each clip in ``frames``, int64 (n,).
        cut: frames of each clip that were cut off before it, int64 (n,).
        track: the face of a clip, by its row; None where there is none.
        tracked: clips that have a track.
        hop: seconds between frames.
    """

    corpus: Corpus
    names: list[str]
    classes: np.ndarray
    frames: Tensor
    levels: Tensor
    samples: Tensor
    starts: np.ndarray
    lengths: np.ndarray
    cut: np.ndarray
    track: Track
    tracked: int
    hop: float

    def clip(self, row: int) -> Tensor:
        """Frames of a clip, level-normalised, (T, M)."""
        return self.frames[self.starts[row] : self.starts[row] + self.lengths[row]]

    @property
    def subjects(self) -> np.ndarray:
        """Who speaks, (n,)."""
        return self.corpus.table["subject"].to_numpy()


def drawing_of(settings: Settings) -> SpeechDrawing:
    """The simulated speakers that the settings ask for."""
    return SpeechDrawing(settings["speakers"], settings["sentences"], settings["unlabelled_share"])


def open_speech(settings: Settings) -> Speech:
    """The run's corpus."""
    raw = hears_samples(settings["encoder"])
    return _speech(settings["corpus"], settings["data_root"], settings["mels"], drawing_of(settings), raw)


@lru_cache(maxsize=2)
def _speech(name: str, data_root: str, mels: int, drawing: SpeechDrawing, raw: bool) -> Speech:
    if name == NAME:
        corpus = talking_faces(drawing)
        return speech_of(corpus, _drawn(corpus, drawing), len(corpus), mels, raw)
    corpus = emotion_corpus(name, data_root)
    return speech_of(corpus, _read(corpus), int((corpus.table["tracks"] != "").sum()), mels, raw)


def speech_of(corpus: Corpus, track: Track, tracked: int, mels: int, raw: bool = False) -> Speech:
    """A corpus of waveforms with the faces of its clips, as the study looks at it.

    Args:
        corpus: with the label ``label``.
        track: the face of a clip, by its row.
        tracked: clips that have one.
        mels: M.
        raw: whether frames of samples are kept as well.

    Raises:
        StudyError: fewer than two emotions are labelled.
    """
    names, classes = classes_of(corpus)
    if len(names) < 2:
        raise StudyError(f"{corpus.name}: clips of {len(names)} emotion(s) are labelled; the study needs at least two")
    settings = MelSettings(mels=mels, level=True)
    frames, starts, lengths, cut = _trimmed(with_mels(corpus, settings))
    key = {"what": "levels", "version": 1, "corpus": corpus.fingerprint, "samples": list(corpus.table["sample_id"])}
    levels = cached(key, lambda: {"levels": _levels(corpus)})["levels"]
    samples = _frames_of_samples(corpus, lengths, cut, settings.hop) if raw else torch.zeros(0, 0)
    hop = settings.hop / RATE
    return Speech(corpus, names, classes, frames, levels, samples, starts, lengths, cut, track, tracked, hop)


def _frames_of_samples(corpus: Corpus, lengths: np.ndarray, cut: np.ndarray, hop: int) -> Tensor:
    """The samples from each kept frame's beginning to the next one's, (sum of lengths, hop)."""
    found = []
    for row in range(len(corpus)):
        loaded = corpus.load(np.array([row]))
        assert isinstance(loaded, dict)
        wave = loaded["input"][0][cut[row] * hop : (cut[row] + lengths[row]) * hop]
        found.append(torch.nn.functional.pad(wave, (0, int(lengths[row]) * hop - len(wave))).view(-1, hop))
    return torch.cat(found)


def _levels(corpus: Corpus) -> Tensor:
    found = []
    for start in range(0, len(corpus), 32):
        batch = corpus.load(np.arange(start, min(start + 32, len(corpus))))
        assert isinstance(batch, dict)
        found.append((batch["input"].square().sum(dim=1) / batch["length"]).clamp_min(1e-12).log())
    return torch.cat(found)


def _drawn(corpus: Corpus, drawing: SpeechDrawing) -> Track:
    drawn = DrawnTracks(drawing)

    def track(row: int) -> FaceTrack:
        loaded = corpus.load(np.array([row]))
        assert isinstance(loaded, dict)
        return drawn(row, loaded["input"][0].numpy())

    return track


def _read(corpus: Corpus) -> Track:
    files = corpus.table["tracks"].to_numpy()
    return lambda row: read_openface(Path(files[row])) if files[row] else None


def _trimmed(mels: Corpus) -> tuple[Tensor, np.ndarray, np.ndarray, np.ndarray]:
    kept, cut = [], []
    for start in range(0, len(mels), 64):
        batch = mels.load(np.arange(start, min(start + 64, len(mels))))
        assert isinstance(batch, dict)
        for clip, length in zip(batch["input"], batch["length"].tolist(), strict=True):
            loud = clip[:length].exp().sum(dim=1).log() * (10 / np.log(10))
            at = (loud > loud.max() - QUIET).nonzero()[:, 0]
            first, last = max(0, int(at[0]) - MARGIN), min(length, int(at[-1]) + 1 + MARGIN)
            kept.append(clip[first:last])
            cut.append(first)
    lengths = np.array([len(clip) for clip in kept], dtype=np.int64)
    return torch.cat(kept), np.cumsum(lengths) - lengths, lengths, np.array(cut, dtype=np.int64)


@dataclass(frozen=True)
class Fold:
    """Who is trained on and tested on; no speaker is in two of train, validation and test.

    Attributes:
        pretrain: rows without labels: training and validation speakers', and those of speakers without labels.
        train, validation, test: labelled rows.
    """

    pretrain: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def make_fold(speech: Speech, folds: int, seed: int, number: int) -> Fold:
    """One fold of a seed's speaker-independent cross-validation.

    Splits that came with a corpus are not used: every labelled speaker is tested in one fold of each seed.

    Raises:
        StudyError: too few speakers.
    """
    labelled = np.flatnonzero(speech.classes >= 0)
    table = speech.corpus.table.iloc[labelled]
    tests = folds_by_subject(table, folds, seed, speech.classes[labelled])
    test = labelled[tests[number]]
    rest = np.setdiff1d(labelled, test)
    shares = {"train": 1 - VALIDATION_SHARE, "validation": VALIDATION_SHARE}
    part = split_by_subject(speech.corpus.table.iloc[rest], shares, 1000 * seed + number)
    tested = np.isin(speech.subjects, np.unique(speech.subjects[test]))
    return Fold(np.flatnonzero(~tested), rest[part == "train"], rest[part == "validation"], test)


@dataclass(frozen=True)
class Scale:
    """What clips are standardised with, a row a clip.

    Attributes:
        mean, std: of every mel band, levels included, (n, M).
        level: usual level (ln of the frames' mean power) of the clips that the row is standardised with, (n,).
    """

    mean: Tensor
    std: Tensor
    level: Tensor


def scaling(speech: Speech, how: str, training: np.ndarray) -> Scale:
    """Means and deviations of the mel bands.

    Args:
        speech: the clips.
        how: ``"speaker"``: over all the speaker's own clips, test speakers' included; no label is used. ``"corpus"``:
            over the training clips.
        training: rows, for ``"corpus"``.
    """
    groups = speech.subjects if how == "speaker" else np.zeros(len(speech.classes), dtype=int)
    bands = speech.frames.shape[1]
    scale = Scale(torch.zeros(len(groups), bands), torch.ones(len(groups), bands), torch.zeros(len(groups)))
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        parts = [speech.clip(int(row)) + speech.levels[row] for row in (members if how == "speaker" else training)]
        cat = torch.cat(parts)
        scale.mean[members], scale.std[members] = cat.mean(dim=0), cat.std(dim=0).clamp_min(1e-3)
        scale.level[members] = torch.stack([level_of(part) for part in parts]).mean()
    return scale


def level_of(frames: Tensor) -> Tensor:
    """ln of the mean power of log-mel frames (T, M), a scalar."""
    return frames.exp().sum(dim=1).mean().log()


def clip_corpus(speech: Speech, scale: Scale) -> Corpus:
    """Whole clips: ``load`` gives standardised spectrograms, float32 (B, T, M), absent frames 0 after each clip.

    How loud a clip is beside the others of its speaker (or of the corpus) stays in them. For an encoder that hears
    samples they are frames of samples, which it standardises itself.
    """
    if len(speech.samples):
        return replace(speech.corpus, load=lambda rows: _samples_of(speech, speech.starts[rows], speech.lengths[rows]))

    def load(rows: np.ndarray) -> Tensor:
        clips = [(speech.clip(int(r)) + speech.levels[r] - scale.mean[r]) / scale.std[r] for r in np.asarray(rows)]
        return torch.nn.utils.rnn.pad_sequence(clips, batch_first=True)

    return replace(speech.corpus, load=load)


@dataclass(frozen=True)
class Stretches:
    """Stretches of about a second, at even distances over each clip.

    Attributes:
        clip: row of each one's clip, int64 (n,).
        start: its first frame in the clip, int64 (n,).
        length: frames of a stretch.
        level: ln of its mean power, float32 (n,).
        energy: variation of the energy, dB. activation: speed of the face; NaN where unknown. Float64 (n,).
        emotion: class of the shown emotion, −1 where no face was seen, int64 (n,).
    """

    clip: np.ndarray
    start: np.ndarray
    length: int
    level: np.ndarray
    energy: np.ndarray
    activation: np.ndarray
    emotion: np.ndarray

    def labels(self, subjects: np.ndarray, training: np.ndarray) -> dict[str, Tensor]:
        """The three tasks' classes, int64 (n,), −1 where unknown; medians are those of the training stretches."""
        who = subjects[self.clip]
        found = {"energy": high_or_low(self.energy, who, training),
                 "activation": high_or_low(self.activation, who, training), "emotion": self.emotion}  # fmt: skip
        return {task: torch.from_numpy(label) for task, label in found.items()}


def stretches(speech: Speech, settings: Settings) -> Stretches:
    """Cut the clips into stretches and measure them; from disk where that was done before."""
    length = max(4, round(settings["chunk_seconds"] / speech.hop))
    key: dict[str, object] = {"what": "pretext stretches", "version": 2, "corpus": speech.corpus.fingerprint,
                              "samples": speech.corpus.table["sample_id"].tolist(), "length": length,
                              "mels": int(speech.frames.shape[1]), "faces": _tracks_key(speech)}  # fmt: skip
    found = cached(key, lambda: _measured(speech, length))
    values = {name: tensor.numpy().copy() for name, tensor in found.items()}
    return Stretches(length=length, **values)


def _tracks_key(speech: Speech) -> str:
    if "tracks" not in speech.corpus.table.columns:
        return GENERATOR
    files = [Path(name) for name in speech.corpus.table["tracks"] if name]
    return ";".join(f"{file.name}:{file.stat().st_size}:{file.stat().st_mtime_ns}" for file in files)


def _measured(speech: Speech, length: int) -> dict[str, Tensor]:
    clips, starts, level, energy, activation, emotion = [], [], [], [], [], []
    with bar(len(speech.lengths), "pretext labels", "clip") as shown:
        for row, frames in enumerate(speech.lengths):
            track = speech.track(row)
            power = speech.clip(row).exp().sum(dim=1).numpy().astype(float)
            for start in places(int(frames), length):
                clips.append(row)
                starts.append(start)
                level.append(float(np.log(power[start : start + length].mean())))
                energy.append(energy_variation(power[start : start + length]))
                first = (speech.cut[row] + start) * speech.hop
                part = track.between(first, first + length * speech.hop) if track is not None else None
                activation.append(facial_activation(part) if part is not None else np.nan)
                emotion.append(emotion_label(part) if part is not None else UNLABELLED)
            shown.update()
    whole = {"clip": clips, "start": starts, "emotion": emotion}
    found = {name: torch.tensor(values, dtype=torch.int64) for name, values in whole.items()}
    return found | {"level": torch.tensor(level, dtype=torch.float32),
                    "energy": torch.tensor(energy, dtype=torch.float64),
                    "activation": torch.tensor(activation, dtype=torch.float64)}  # fmt: skip


def places(frames: int, length: int) -> list[int]:
    """First frames of the stretches of a clip: as many as fit side by side, spread evenly; at least one."""
    count = max(1, frames // length)
    spare = max(0, frames - length)
    return [round(i * spare / max(count - 1, 1)) for i in range(count)]


def _samples_of(speech: Speech, first: np.ndarray, frames: np.ndarray) -> Tensor:
    """Frames of samples from ``first`` on, float32 (B, T, samples a frame), absent frames 0 after each."""
    parts = [speech.samples[a : a + n] for a, n in zip(first, frames, strict=True)]
    return torch.nn.utils.rnn.pad_sequence(parts, batch_first=True)


def stretch_corpus(speech: Speech, cut: Stretches, scale: Scale, labels: dict[str, Tensor]) -> Corpus:
    """The stretches: ``load`` gives ``input`` float32 (B, length, M) and each task's classes, int64 (B,).

    Every stretch is brought to the usual level before it is standardised, so that no label can be read off its level.
    """

    shift = scale.level[cut.clip] - torch.from_numpy(cut.level)
    first = speech.starts[cut.clip] + cut.start
    frames = np.minimum(cut.length, speech.lengths[cut.clip])

    def load(rows: np.ndarray) -> dict[str, Tensor]:
        chosen = np.asarray(rows)
        at = torch.as_tensor(chosen)
        if len(speech.samples):
            sound = _samples_of(speech, first[chosen], frames[chosen])
            return {"input": sound} | {task: label[at] for task, label in labels.items()}
        found = torch.zeros(len(chosen), cut.length, speech.frames.shape[1])
        for i, row in enumerate(chosen):
            found[i, : frames[row]] = speech.frames[first[row] : first[row] + frames[row]]
        whose = cut.clip[chosen]
        found += shift[chosen][:, None, None] - scale.mean[whose][:, None]
        found /= scale.std[whose][:, None]
        found *= (torch.arange(cut.length) < torch.from_numpy(frames[chosen])[:, None])[..., None]
        return {"input": found} | {task: label[at] for task, label in labels.items()}

    ids = speech.corpus.table["sample_id"].to_numpy()[cut.clip]
    names = [f"{name}@{start}" for name, start in zip(ids, cut.start, strict=True)]
    table = pd.DataFrame({"sample_id": names, "subject": speech.subjects[cut.clip]})
    return replace(speech.corpus, table=table, load=load, labels=())


def levelled(frames: Tensor, scale: Scale, row: int) -> Tensor:
    """Frames (T, M) of a clip at the usual level, standardised."""
    return (frames - level_of(frames) + scale.level[row] - scale.mean[row]) / scale.std[row]
