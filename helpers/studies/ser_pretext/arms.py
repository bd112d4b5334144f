"""One arm of the study: its views, encoder and pretext, as a recipe that any process can follow."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from helpers.data.corpus import Corpus
from helpers.data.pretext_labels import EMOTIONS
from helpers.methods.audiovisual_pretexts import AudiovisualPretexts
from helpers.methods.byol import BYOL
from helpers.methods.method import Method
from helpers.networks.sound_encoders import hears_samples, sound_encoder
from helpers.processes import Job
from helpers.studies.ser_pretext.about import TASKS
from helpers.studies.ser_pretext.speech import (
    Fold,
    Settings,
    Speech,
    clip_corpus,
    make_fold,
    open_speech,
    scaling,
    stretch_corpus,
    stretches,
)
from helpers.training import TrainingPlan
from helpers.views.spectrograms import SpectrogramViews

CLASSES = {"energy": 2, "activation": 2, "emotion": len(EMOTIONS)}
TOGETHER = "together"


def available_tasks(settings: Settings, speech: Speech) -> list[str]:
    """The tasks asked for that the corpus allows: without face tracks only the energy's is left."""
    return [task for task in settings["tasks"] if task == "energy" or speech.tracked]


def arms_of(settings: Settings, speech: Speech) -> list[str]:
    """Pre-trainings to compare: all available tasks together first; a corpus of one task has no ``alone`` beside it."""
    tasks = available_tasks(settings, speech)
    alone = tasks if settings["alone"] and len(tasks) > 1 else []
    return [TOGETHER, *alone, *(["byol"] if settings["byol"] else [])]


def tasks_of(settings: Settings, speech: Speech, arm: str) -> list[str]:
    """The tasks of an arm; none for BYOL."""
    if arm == TOGETHER:
        return available_tasks(settings, speech)
    return [arm] if arm in TASKS else []


def of_samples(views: SpectrogramViews, settings: Settings) -> SpectrogramViews:
    """What is left of views where frames hold samples, not mel bands: crops and masks of frames."""
    if not hears_samples(settings["encoder"]):
        return views
    return replace(views, pitch=0.0, tempo=0.0, mel_masks=0, volume=0.0, fade=0.0, noise=0.0)


def pretext_views(settings: Settings) -> SpectrogramViews:
    """Views of the pretext tasks: their labels must hold, so level and tempo hardly change."""
    views = SpectrogramViews(pitch=2, tempo=0.05, time_masks=1, time_width=8, mel_masks=1, mel_width=8, volume=0.2,
                            noise=0.1)  # fmt: skip
    return of_samples(views.scaled(settings["augmentation_strength"]), settings)


def byol_views(settings: Settings) -> SpectrogramViews:
    """BYOL's views, stronger: another pitch, tempo and level, a fade, masks, noise."""
    views = SpectrogramViews(pitch=4, tempo=0.15, time_masks=2, time_width=12, mel_masks=2, mel_width=10, volume=0.5,
                            fade=0.5, noise=0.2)  # fmt: skip
    return of_samples(views.scaled(settings["augmentation_strength"]), settings)


def training_views(settings: Settings, hop: float) -> SpectrogramViews:
    """Views of all training with labels, for every start alike: a crop, and SpecAugment."""
    frames = max(4, round(settings["crop_seconds"] / hop))
    views = SpectrogramViews(frames=frames, pitch=2, tempo=0.15, time_masks=2, time_width=15, mel_masks=2, mel_width=8,
                            volume=0.2, noise=0.1)  # fmt: skip
    return of_samples(views.scaled(settings["augmentation_strength"]), settings)


def make_encoder(settings: Settings, seed: int) -> tuple[nn.Module, int]:
    """The encoder at its start, the same for every arm of a seed, and the size of its embedding."""
    torch.manual_seed(seed)
    return sound_encoder(settings["encoder"], settings["mels"], settings["dropout"], settings["encoder_weights"])


def fold_of(settings: Settings, seed: int, number: int) -> Fold:
    """One fold of a seed."""
    return make_fold(open_speech(settings), settings["folds"], seed, number)


def clips(settings: Settings, fold: Fold) -> Corpus:
    """Whole clips, standardised as a fold sees them."""
    speech = open_speech(settings)
    return clip_corpus(speech, scaling(speech, settings["standardise"], fold.pretrain))


def pretext_corpus(settings: Settings, fold: Fold) -> tuple[Corpus, np.ndarray]:
    """Stretches with pretext labels, and the rows of those that are pre-trained on."""
    speech = open_speech(settings)
    cut = stretches(speech, settings)
    rows = np.flatnonzero(np.isin(cut.clip, fold.pretrain))
    scale = scaling(speech, settings["standardise"], fold.pretrain)
    return stretch_corpus(speech, cut, scale, cut.labels(speech.subjects, rows)), rows


def pretraining(settings: Settings, arm: str, seed: int, number: int) -> Job:
    """The recipe of one pre-trained arm, for any process. Every arm takes as many steps of as many stretches."""
    corpus, rows = pretext_corpus(settings, fold_of(settings, seed, number))
    batch = min(settings["pretrain_batch"], len(rows))
    epochs = math.ceil(settings["pretrain_steps"] / max(1, len(rows) // batch))
    plan = TrainingPlan(
        epochs=epochs, batch_size=batch, learning_rate=settings["pretrain_learning_rate"], weight_decay=1e-2,
        warmup_epochs=min(1.0, epochs / 10), seed=seed,
    )  # fmt: skip
    steps = epochs * max(1, len(rows) // batch)
    return Job(_method(settings, arm, steps, seed), corpus, rows, plan, device=settings["device"])


def _method(settings: Settings, arm: str, steps: int, seed: int) -> Method:
    network, size = make_encoder(settings, seed)
    if arm == "byol":
        return BYOL(network, size, byol_views(settings), momentum=settings["momentum"], steps=steps,
                    hidden=settings["hidden"], projection=settings["projection"])  # fmt: skip
    tasks = tasks_of(settings, open_speech(settings), arm)
    return AudiovisualPretexts(network, size, {task: CLASSES[task] for task in tasks}, pretext_views(settings))
