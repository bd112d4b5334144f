"""One arm of the study: its chunks, network, method and plan, as a recipe that any process can follow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from helpers.data.chunks import chunked
from helpers.data.circumplex import ATTRIBUTES
from helpers.data.corpora.speech_attributes import attribute_corpus
from helpers.data.corpus import Corpus
from helpers.data.simulated.emotional_speech import SpeechDrawing
from helpers.data.spectrograms import MelSettings, with_mels
from helpers.errors import StudyError
from helpers.methods.chunk_regression import ChunkRegressor
from helpers.methods.deep_emo_cluster import DeepEmoCluster
from helpers.methods.method import Method
from helpers.methods.reconstruction_regression import AutoencoderRegressor, VariationalRegressor
from helpers.networks.chunk_networks import ChunkEncoder, mean_of_chunks
from helpers.objectives.concordance import concordance
from helpers.processes import Job
from helpers.training import TrainingPlan

Settings = dict[str, Any]  # the study's parameters as plain values, without seeds, workers and the like
NEEDS_UNLABELLED = ("clusters_unlabelled", "autoencoder", "variational")
_BATCH = 512


@dataclass(frozen=True)
class Speech:
    """A corpus as the study looks at it.

    Attributes:
        sentences: with waveforms.
        mels: the same with mel power.
        chunks: one row a chunk, standardised; ``sentence`` is its position in ``sentences``.
        rows: chunk positions by split, int64.
        ratings: of every chunk's sentence, float32 (chunks, 3); NaN for unlabelled ones.
        mean, deviation: of the labelled training sentences' ratings, (3,).
    """

    sentences: Corpus
    mels: Corpus
    chunks: Corpus
    rows: dict[str, np.ndarray]
    ratings: Tensor
    mean: Tensor
    deviation: Tensor

    def standardised(self) -> Tensor:
        """The ratings in units of the training sentences' standard deviation, (chunks, 3)."""
        return (self.ratings - self.mean) / self.deviation

    def sentences_of(self, split: str, chunks: int) -> np.ndarray:
        """Positions of a split's sentences in ``sentences``, in the order of its chunks."""
        return self.chunks.table["sentence"].to_numpy()[self.rows[split]][::chunks]


def drawing_of(settings: Settings) -> SpeechDrawing:
    """What simulated speech is to be made."""
    s = settings
    return SpeechDrawing(s["speakers"], s["sentences"], s["unlabelled_share"], s["seconds"])


def mel_settings(settings: Settings) -> MelSettings:
    """Mel power of windows of 512 samples, as in the paper."""
    return MelSettings(window=512, hop=settings["hop"], n_fft=512, mels=settings["mels"], low=0.0, log=False)


def open_speech(settings: Settings) -> Speech:
    """The run's corpus, from the cache where it was prepared before."""
    names = ("corpus", "data_root", "speakers", "sentences", "seconds", "unlabelled_share", "hidden_share",
             "unlabelled_limit", "hop", "mels", "chunks", "frames")  # fmt: skip
    return _speech(tuple((name, settings[name]) for name in names))


@lru_cache(maxsize=2)
def _speech(which: tuple[tuple[str, Any], ...]) -> Speech:
    s = dict(which)
    drawing = drawing_of(s) if s["corpus"] == "simulated_speech" else None
    sentences = attribute_corpus(s["corpus"], s["data_root"], drawing, s["hidden_share"], s["unlabelled_limit"])
    mels = with_mels(at_full_scale(sentences), mel_settings(s))
    chunks = chunked(mels, s["chunks"], s["frames"], sentences.rows("train"))
    sentences = replace(sentences, notices=chunks.notices)  # those too short for a chunk are counted there
    rows = {split: chunks.rows(split) for split in ("train", "validation", "test", "unlabelled")}
    for split, found in rows.items():
        if len(found) < 2 * s["chunks"]:
            raise StudyError(
                f"{sentences.name}: the split {split!r} has {len(found) // s['chunks']} sentences that are long "
                "enough; at least 2 are needed in each"
            )
    if chunks.table["subject"].iloc[rows["test"]].nunique() < 2:
        raise StudyError(f"{sentences.name}: one test speaker is too few; lower hidden_share or give more speakers")
    ratings = torch.tensor(chunks.table[list(ATTRIBUTES)].to_numpy(float), dtype=torch.float32)
    known = ratings[rows["train"]]
    deviation = known.std(dim=0, correction=0)
    if bool((deviation < 1e-6).any()):
        raise StudyError(f"{sentences.name}: an attribute is the same in all training sentences")
    return Speech(sentences, mels, chunks, rows, ratings, known.mean(dim=0), deviation)


def at_full_scale(corpus: Corpus) -> Corpus:
    """Every waveform divided by its largest magnitude, as in the released code: mel power then says little of level."""
    load = corpus.load

    def scaled(rows: np.ndarray) -> dict[str, Tensor]:
        loaded = load(rows)
        assert isinstance(loaded, dict)
        peak = loaded["input"].abs().amax(dim=1, keepdim=True).clamp_min(1e-8)
        return {**loaded, "input": loaded["input"] / peak}

    return replace(corpus, load=scaled, fingerprint=f"{corpus.fingerprint}:full scale")


def training_rows(settings: Settings, speech: Speech, arm: str, fraction: float, seed: int) -> tuple[np.ndarray, int]:
    """Chunks that an arm is trained on, unlabelled ones first, and how many are unlabelled.

    A share of the labels is a share of the labelled sentences, drawn by the seed, the same for every arm; smaller
    shares are parts of larger ones.
    """
    chunks = settings["chunks"]
    labelled = speech.rows["train"].reshape(-1, chunks)
    count = max(2, round(fraction * len(labelled)))
    some = np.sort(np.random.default_rng((seed, 4)).permutation(len(labelled))[:count])
    unlabelled = speech.rows["unlabelled"] if arm in NEEDS_UNLABELLED else np.zeros(0, np.int64)
    return np.concatenate([unlabelled, labelled[some].reshape(-1)]), len(unlabelled)


def make_encoder(settings: Settings, seed: int) -> ChunkEncoder:
    """The encoder at its start, the same for every arm of a seed."""
    torch.manual_seed(seed)
    s = settings
    return ChunkEncoder(s["frames"], s["mels"], s["widths"], s["features"], s["dropout"], s["first_stride"])


def clusters_of(settings: Settings, attributes: list[str]) -> int:
    """K: that of the attribute, or that of all together."""
    return int(settings["clusters_" + attributes[0] if attributes in (["valence"], ["dominance"]) else "clusters"])


def training(settings: Settings, arm: str, attributes: list[str], fraction: float, seed: int) -> Job:
    """The recipe of one arm, for any process.

    Every arm takes about as many optimiser steps as the semi-supervised ones: those without unlabelled chunks pass the
    more often over the labelled ones. The weights of the epoch that is best on validation sentences are kept.
    """
    speech = open_speech(settings)
    rows, unlabelled = training_rows(settings, speech, arm, fraction, seed)
    columns = [ATTRIBUTES.index(name) for name in attributes]
    method = _method(settings, arm, columns, len(rows) - unlabelled, unlabelled, seed)
    plan = TrainingPlan(
        epochs=epochs_of(settings, speech, len(rows) - unlabelled, unlabelled), batch_size=settings["batch_size"],
        learning_rate=settings["learning_rate"], schedule="constant", clip=5.0, seed=seed, patience=10**6,
    )  # fmt: skip

    def validate(trained: Method) -> dict[str, float]:
        assert isinstance(trained, ChunkRegressor)
        found = concordance(*predictions(trained, speech, "validation", columns, settings["chunks"]))
        named = {f"validation_ccc_{name}": float(value) for name, value in zip(attributes, found, strict=True)}
        return {"validation_loss": 1 - float(found.mean()), **named}

    corpus = with_targets(speech, columns)
    return Job(method, corpus, rows, plan, validate, settings["device"])


def epochs_of(settings: Settings, speech: Speech, labelled: int, unlabelled: int) -> int:
    """Epochs of the loop: two a pass with unlabelled chunks; as many as make the same number of steps without."""
    size = settings["batch_size"]
    steps = settings["epochs"] * sum(max(1, len(speech.rows[part]) // size) for part in ("unlabelled", "train"))
    if unlabelled:
        mine = max(1, unlabelled // size) + max(1, labelled // size)
        return 2 * max(1, round(steps / mine))
    return max(1, round(steps / max(1, labelled // size)))


def _method(
    settings: Settings, arm: str, columns: list[int], labelled: int, unlabelled: int, seed: int
) -> ChunkRegressor:
    s = settings
    encoder = make_encoder(s, seed)
    options: dict[str, Any] = {"adam_rate": s["adam_learning_rate"] / s["learning_rate"],
                               "adam_on_encoder": s["adam_on_encoder"]}  # fmt: skip
    if arm == "regressor":
        return ChunkRegressor(encoder, len(columns), labelled, **options)
    if arm in ("clusters", "clusters_unlabelled"):
        options |= {"clusters": clusters_of(s, [ATTRIBUTES[i] for i in columns]),
                    "class_rate": s["class_learning_rate"] / s["learning_rate"]}  # fmt: skip
        return DeepEmoCluster(encoder, len(columns), labelled, unlabelled, **options)
    options["weight"] = s["reconstruction_weight"]
    if arm == "variational":
        return VariationalRegressor(encoder, len(columns), labelled, unlabelled, kl_weight=s["kl_weight"], **options)
    return AutoencoderRegressor(encoder, len(columns), labelled, unlabelled, **options)


def with_targets(speech: Speech, columns: list[int]) -> Corpus:
    """The chunks with their standardised ratings, as the methods are trained on them; 0 where there are none."""
    targets, load = speech.standardised()[:, columns].nan_to_num(0.0), speech.chunks.load

    def both(rows: np.ndarray) -> dict[str, Tensor]:
        pieces = load(rows)
        assert isinstance(pieces, Tensor)
        return {"input": pieces, "target": targets[torch.as_tensor(np.asarray(rows))]}

    name = "+".join(ATTRIBUTES[i] for i in columns)
    return replace(speech.chunks, load=both, fingerprint=f"{speech.chunks.fingerprint}:{name}")


@torch.no_grad()
def predictions(
    method: ChunkRegressor, speech: Speech, split: str, columns: list[int], chunks: int
) -> tuple[Tensor, Tensor]:
    """Predicted and rated attributes of a split's sentences, both standardised, (sentences, A)."""
    method.eval()
    rows = speech.rows[split]
    device = next(method.parameters()).device
    parts = []
    for first in range(0, len(rows), _BATCH):
        pieces = speech.chunks.load(rows[first : first + _BATCH])
        assert isinstance(pieces, Tensor)
        parts.append(method.predict(pieces.to(device)).cpu())
    truth = speech.standardised()[torch.from_numpy(rows)][::chunks][:, columns]
    return mean_of_chunks(torch.cat(parts), chunks), truth
