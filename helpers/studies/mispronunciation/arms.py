"""The study's trainings: corpus, features, recogniser, stage 1 and the arms of stage 2, as recipes for any process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from helpers.data.corpora.pronunciation import pronunciation_corpus
from helpers.data.corpus import Batch, Corpus
from helpers.data.phones import TOKENS, numbers
from helpers.data.spectrograms import MelSettings, with_mels
from helpers.errors import StudyError
from helpers.evaluation.mispronunciation import edits
from helpers.methods.method import Method
from helpers.methods.phone_recognition import CtcRecognition, PseudoLabelling, Views
from helpers.networks.phone_recognisers import LogMelEncoder, PhoneRecogniser, Wav2Vec2Encoder
from helpers.objectives.ctc import greedy_decode
from helpers.processes import Job
from helpers.studies.mispronunciation.about import learner_counts
from helpers.training import TrainingPlan
from helpers.views.spectrograms import SpectrogramViews
from helpers.views.waveforms import WaveformViews

Settings = dict[str, Any]
MELS = MelSettings(mels=40, floor=1e-5, level=True)
VIEWS = SpectrogramViews(
    pitch=1.5, time_masks=2, time_width=6, mel_masks=2, mel_width=6, volume=0.3, fade=0.2, noise=0.2
)
WAVES = WaveformViews()
_WATCHED = 36  # validation utterances that the error rate over epochs is of
_DECODED = 32  # utterances decoded at once


@dataclass(frozen=True)
class Parts:
    """Positions of the corpus's utterances by what they are for."""

    labelled: np.ndarray
    unlabelled: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def open_sound(settings: Settings) -> Corpus:
    """The run's corpus; ``load`` gives waveforms."""
    return pronunciation_corpus(settings["corpus"], settings["data_root"], learner_counts(settings))


def open_corpus(settings: Settings) -> Corpus:
    """The run's corpus; ``load`` gives what the encoder takes: standardised log-mels or waveforms."""
    return _opened(settings["corpus"], settings["data_root"], learner_counts(settings), settings["encoder"])


@lru_cache(maxsize=2)
def _opened(name: str, data_root: str, counts: Any, encoder: str) -> Corpus:
    corpus = pronunciation_corpus(name, data_root, counts)
    return standardised(with_mels(corpus, MELS)) if encoder == "log_mel" else corpus


def standardised(corpus: Corpus) -> Corpus:
    """Every band of every clip with mean 0 and standard deviation 1 over its frames; padding stays 0."""

    def load(rows: np.ndarray) -> dict[str, Tensor]:
        batch = _dict(corpus.load(rows))
        mels, lengths = batch["input"], batch["length"]
        there = (torch.arange(mels.shape[1]) < lengths[:, None])[..., None]
        count = lengths.clamp_min(1)[:, None, None]
        centred = (mels - mels.sum(dim=1, keepdim=True) / count) * there
        deviation = (centred.square().sum(dim=1, keepdim=True) / count).sqrt().clamp_min(1e-3)
        return {"input": centred / deviation, "length": lengths}

    return replace(corpus, load=load)


def parts_of(corpus: Corpus, settings: Settings) -> Parts:
    """What each utterance is for.

    Raises:
        StudyError: a part is empty.
    """
    train, heard = corpus.rows("train"), corpus.table["perceived"].notna().to_numpy()
    labelled = train[heard[train]]
    if settings["labelled_share"] < 1:
        speakers = corpus.table["subject"].to_numpy()
        names = np.random.default_rng(0).permutation(sorted(set(speakers[labelled])))
        kept = names[: max(1, round(settings["labelled_share"] * len(names)))]
        labelled = labelled[np.isin(speakers[labelled], kept)]
    unlabelled = np.sort(np.concatenate([np.setdiff1d(train, labelled), corpus.rows("unlabelled")]))
    found = {split: corpus.rows(split) for split in ("validation", "test")}
    parts = Parts(labelled, unlabelled, *(rows[heard[rows]] for rows in found.values()))
    for name, rows in vars(parts).items():
        if len(rows) == 0:
            hint = "; lower labelled_share" if name == "unlabelled" else ""
            raise StudyError(f"{corpus.name}: there is no {name} speech, and the study needs some{hint}")
    return parts


def with_targets(corpus: Corpus, perceived: list[str | None]) -> Corpus:
    """The corpus whose batches also hold ``target`` and ``target_length`` (−1 where unlabelled), of these phones."""
    known = [None if phones is None else numbers(phones) for phones in perceived]

    def load(rows: np.ndarray) -> dict[str, Tensor]:
        mine = [known[int(row)] for row in np.asarray(rows)]
        lengths = torch.tensor([-1 if one is None else len(one) for one in mine])
        target = torch.full((len(mine), max(1, int(lengths.max()))), -1)
        for i, one in enumerate(mine):
            target[i, : len(one or [])] = torch.tensor(one or [], dtype=torch.long)
        return {**_dict(corpus.load(rows)), "target": target, "target_length": lengths}

    return replace(corpus, load=load)


def paired(corpus: Corpus, first: np.ndarray, second: np.ndarray) -> Corpus:
    """A corpus of as many entries as ``second``: each is that utterance and one of ``first``, taken in turn.

    A batch of n entries loads 2n utterances, those of ``first`` before those of ``second``.
    """
    partner = np.resize(first, len(second))

    def load(rows: np.ndarray) -> dict[str, Tensor]:
        at = np.asarray(rows)
        return _dict(corpus.load(np.concatenate([partner[at], second[at]])))

    table = corpus.table.iloc[second]
    ids = [f"{name}/{i}" for i, name in enumerate(table["sample_id"])]  # an utterance may stand there twice
    return replace(corpus, table=table.assign(sample_id=ids), load=load)


def _dict(batch: Batch) -> dict[str, Tensor]:
    if not isinstance(batch, dict):
        raise TypeError("a speech corpus loads a dict of input and length")
    return batch


def make_recogniser(settings: Settings, seed: int) -> PhoneRecogniser:
    """The recogniser at its start, the same for every arm of a seed."""
    torch.manual_seed(seed)
    kind = settings["encoder"]
    encoder = (
        LogMelEncoder(MELS.mels, settings["width"], settings["blocks"], settings["stride"], settings["dropout"])
        if kind == "log_mel"
        else Wav2Vec2Encoder(kind.removeprefix("wav2vec2_"), settings["encoder_weights"], settings["frozen_extractor"])
    )
    return PhoneRecogniser(encoder, settings["hidden"], settings["dropout"])


def make_views(settings: Settings) -> Views:
    """The augmentation of what a student hears."""
    views: SpectrogramViews | WaveformViews = VIEWS if settings["encoder"] == "log_mel" else WAVES
    return views.scaled(settings["augmentation_strength"])


def _plan(settings: Settings, epochs: int, learning_rate: float, seed: int) -> TrainingPlan:
    return TrainingPlan(
        epochs=epochs, batch_size=settings["batch_size"], learning_rate=learning_rate, optimiser="adamw",
        weight_decay=settings["weight_decay"], decay_vectors=False, warmup_epochs=min(1.0, epochs / 10), clip=5.0,
        seed=seed,
    )  # fmt: skip


def stage_one(settings: Settings, seed: int) -> Job:
    """The recipe of stage 1: supervised, on the labelled speech alone."""
    corpus = open_corpus(settings)
    parts = parts_of(corpus, settings)
    known = with_targets(corpus, _perceived(corpus))
    method = CtcRecognition(make_recogniser(settings, seed), make_views(settings))
    plan = _plan(settings, settings["stage1_epochs"], settings["learning_rate"], seed)
    return Job(method, known, parts.labelled, plan, Watch(corpus, parts.validation), settings["device"])


def stage_two(settings: Settings, arm: str, seed: int, start: str) -> Job:
    """The recipe of an arm.

    Every step has ``batch_size`` labelled utterances and as many others: labelled ones again (``labelled_only``), or
    unlabelled ones with pseudo-labels. ``offline`` has labels that stage 1's recogniser wrote once; where
    ``offline_start`` is ``"untrained"`` it starts over and gets stage 1's steps in addition, so that every arm's
    student has had as many updates.

    Args:
        settings: of the run.
        arm: one of :data:`~helpers.studies.mispronunciation.about.ARMS`.
        seed: of the repetition.
        start: file of stage 1's recogniser (safetensors).
    """
    corpus = open_corpus(settings)
    parts = parts_of(corpus, settings)
    trained = make_recogniser(settings, seed)
    trained.load_state_dict(load_file(start))
    views, epochs = make_views(settings), settings["stage2_epochs"]
    perceived = _perceived(corpus)
    student, others, rate = trained, parts.unlabelled, settings["stage2_learning_rate"]
    a_pass = max(1, len(parts.unlabelled) // settings["batch_size"])  # steps
    if arm == "labelled_only":
        others = np.resize(np.roll(parts.labelled, len(parts.labelled) // 2), len(parts.unlabelled))
    else:
        hidden = set(parts.unlabelled.tolist())
        perceived = [None if i in hidden else p for i, p in enumerate(perceived)]
    if arm == "offline":
        for row, phones in zip(parts.unlabelled, transcribed(trained, corpus, parts.unlabelled), strict=True):
            perceived[row] = phones or None  # an empty transcript teaches nothing
    if arm == "offline" and settings["offline_start"] == "untrained":
        student = make_recogniser(settings, seed)
        before = settings["stage1_epochs"] * max(1, len(parts.labelled) // settings["batch_size"])
        epochs, rate = epochs + -(-before // a_pass), settings["learning_rate"]
    method: Method
    if arm in ("momentum", "frozen"):
        method = PseudoLabelling(student, views, epochs * a_pass if arm == "momentum" else None)
    else:
        method = CtcRecognition(student, views)
    both = paired(with_targets(corpus, perceived), parts.labelled, others)
    plan = _plan(settings, epochs, rate, seed)
    return Job(method, both, np.arange(len(both)), plan, Watch(corpus, parts.validation), settings["device"])


def _perceived(corpus: Corpus) -> list[str | None]:
    return [phones if isinstance(phones, str) else None for phones in corpus.table["perceived"]]


class Watch:
    """The phone error rate of some validation utterances, and the teacher's where there is one, after each epoch."""

    def __init__(self, corpus: Corpus, rows: np.ndarray) -> None:
        every = max(1, len(rows) // _WATCHED)
        self.corpus, self.rows = corpus, rows[::every][:_WATCHED]
        self.heard = [str(phones).split() for phones in corpus.table["perceived"].iloc[self.rows]]

    def __call__(self, method: Method) -> dict[str, float]:
        found = {"validation_per": self.error_rate(method.encoder)}
        if isinstance(method, PseudoLabelling):
            found["teacher_per"] = self.error_rate(method.teacher)
        return found

    def error_rate(self, recogniser: torch.nn.Module) -> float:
        """Edits over phones, of all watched utterances together."""
        written = [phones.split() for phones in transcribed(recogniser, self.corpus, self.rows)]
        wrong = sum(edits(heard, found) for heard, found in zip(self.heard, written, strict=True))
        return wrong / max(1, sum(len(heard) for heard in self.heard))


@torch.no_grad()
def transcribed(recogniser: torch.nn.Module, corpus: Corpus, rows: np.ndarray) -> list[str]:
    """What a recogniser writes greedily of each utterance, phones with spaces between, silences left out."""
    was_training, device = recogniser.training, next(recogniser.parameters()).device
    recogniser.eval()
    found: list[str] = []
    for first in range(0, len(rows), _DECODED):
        batch = _dict(corpus.load(rows[first : first + _DECODED]))
        tokens, counts = greedy_decode(*recogniser(batch["input"].to(device), batch["length"].to(device)))
        for row, count in zip(tokens.tolist(), counts.tolist(), strict=True):
            found.append(" ".join(TOKENS[token] for token in row[:count] if TOKENS[token] != "sil"))
    recogniser.train(was_training)
    return found


def file_of(folder: Path, seed: int) -> Path:
    """Where stage 1's recogniser of a seed lies."""
    return folder / f"stage1-{seed}.safetensors"
