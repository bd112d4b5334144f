"""Sentences of any length as a fixed number of chunks of one length (Lin & Busso, Interspeech 2020)."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from helpers.data.corpus import Corpus
from helpers.errors import StudyError

_IN_MEMORY = 2**29  # bytes of chunks up to which they are all cut at once
_BATCH = 256


def chunk_starts(frames: int, chunks: int, length: int) -> np.ndarray:
    """Where the chunks of a sentence start: multiples of ``int((T − m)/(C − 1))``.

    The chunks overlap the more the shorter the sentence is. Fewer than C − 1 frames at the end are in no chunk; from
    T > C·m on there are gaps between them.

    Args:
        frames: T, of the sentence.
        chunks: C, >= 1; a single chunk starts at 0.
        length: m, frames a chunk.

    Returns:
        int64 (C,), the last one <= T − m.

    Raises:
        StudyError: T < m.
    """
    if chunks < 1 or length < 1:
        raise StudyError(f"{chunks} chunks of {length} frames are impossible: both must be >= 1")
    if frames < length:
        raise StudyError(f"a sentence of {frames} frames is shorter than one chunk ({length}); leave it out")
    return np.arange(chunks) * ((frames - length) // (chunks - 1) if chunks > 1 else 0)


def chunked(mels: Corpus, chunks: int, length: int, fit_on: np.ndarray, clip: float = 3.0) -> Corpus:
    """The corpus of a spectrogram corpus's chunks, standardised.

    Args:
        mels: whose ``load`` returns ``input`` (B, frames, mels) and ``length`` (B,).
        chunks: C a sentence.
        length: m frames a chunk.
        fit_on: sentences whose frames give each mel band's mean and standard deviation: the labelled training ones.
        clip: standardised values are cut at ± this.

    Returns:
        One row a chunk, the chunks of a sentence one after the other: the sentence's columns and ``sentence``, its
        position in ``mels``. ``load`` returns float32 (B, 1, m, mels). Sentences shorter than a chunk are left out and
        counted in a notice.

    Raises:
        StudyError: no sentence is as long as a chunk.
    """
    long_enough, frames = _lengths(mels, length)
    if len(long_enough) == 0:
        raise StudyError(f"{mels.name}: no sentence has the {length} frames of a chunk")
    mean, deviation = _statistics(mels, fit_on)
    starts = np.stack([chunk_starts(int(n), chunks, length) for n in frames])  # (sentences, C)
    sentence = np.repeat(long_enough, chunks)
    table = mels.table.iloc[sentence].reset_index(drop=True)
    table["sample_id"] = [f"{name}#{k}" for name, k in zip(table["sample_id"], np.tile(np.arange(chunks), len(frames)))]
    table["sentence"] = sentence

    def cut(rows: np.ndarray) -> Tensor:
        asked, back = np.unique(sentence[rows], return_inverse=True)
        loaded = mels.load(asked)
        assert isinstance(loaded, dict)
        first = torch.from_numpy(starts.reshape(-1)[rows])
        at = first[:, None] + torch.arange(length)  # (B, m)
        pieces = loaded["input"][torch.from_numpy(back)[:, None], at]  # (B, m, mels)
        return ((pieces - mean) / deviation).clamp(-clip, clip)[:, None]

    load = cut
    if len(table) * length * len(mean) * 4 <= _IN_MEMORY:
        parts = [cut(np.arange(i, min(i + _BATCH, len(table)))) for i in range(0, len(table), _BATCH)]
        whole = torch.cat(parts)

        def load(rows: np.ndarray) -> Tensor:
            return whole[torch.from_numpy(np.asarray(rows, dtype=np.int64))]

    short = len(mels) - len(long_enough)
    notices = (*mels.notices, *((f"{short} sentences shorter than a chunk left out",) if short else ()))
    settings = json.dumps([chunks, length, clip, np.asarray(fit_on).tolist()])
    return replace(mels, table=table, load=load, notices=notices, fingerprint=_hash(mels.fingerprint, settings))


def _lengths(mels: Corpus, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Sentences of at least ``length`` frames, and their frames."""
    parts = [_loaded(mels, i)["length"] for i in range(0, len(mels), _BATCH)]
    frames = torch.cat(parts).numpy()
    found = np.flatnonzero(frames >= length)
    return found, frames[found]


def _loaded(mels: Corpus, first: int) -> dict[str, Tensor]:
    loaded = mels.load(np.arange(first, min(first + _BATCH, len(mels))))
    assert isinstance(loaded, dict)
    return loaded


def _statistics(mels: Corpus, rows: np.ndarray) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of every mel band over all frames of some sentences, float32 (mels,)."""
    count, total, squares = 0, torch.zeros(1), torch.zeros(1)
    for part in np.array_split(rows, max(1, len(rows) // _BATCH)):
        loaded = mels.load(part)
        assert isinstance(loaded, dict)
        x = loaded["input"].double()  # frames beyond a sentence's end are 0
        count += int(loaded["length"].sum())
        total, squares = total + x.sum(dim=(0, 1)), squares + x.square().sum(dim=(0, 1))
    mean = total / max(count, 1)
    deviation = (squares / max(count, 1) - mean.square()).clamp_min(0).sqrt()
    return mean.float(), deviation.clamp_min(1e-12).float()


def _hash(*words: str) -> str:
    import hashlib

    return hashlib.sha256("|".join(words).encode()).hexdigest()[:16]
