"""Mel spectrograms of whole speech corpora: batched, computed once, kept on disk and mapped into memory after that."""

from __future__ import annotations

import warnings
from bisect import bisect_right
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from helpers.data.cache import cached
from helpers.data.corpus import Corpus
from helpers.data.sound import RATE
from helpers.errors import StudyError
from helpers.progress import bar

SHARD = 1024  # samples a cache file; a corpus larger than memory is never in it whole
_BATCH_SAMPLES = 3_200_000  # waveform samples decoded at once
_CACHED_FRAMES = 512  # transformed at once: what a processor's cache holds


@dataclass(frozen=True)
class MelSettings:
    """How a spectrogram is computed.

    Attributes:
        rate: of the waveform, Hz.
        window: length of the Hann window, samples.
        hop: between frames, samples.
        n_fft: of the Fourier transform, samples, >= ``window``.
        mels: triangular bands (HTK mel scale, each of peak 1).
        low, high: edges of the lowest and highest band, Hz.
        log: True: ln(power + ``floor``); False: power.
        floor: added before the logarithm.
        level: True: each waveform is first scaled to a root mean square of 1, so that its volume changes nothing.
    """

    rate: int = RATE
    window: int = 400
    hop: int = 160
    n_fft: int = 512
    mels: int = 64
    low: float = 20.0
    high: float = 8000.0
    log: bool = True
    floor: float = 1e-6
    level: bool = False

    def __post_init__(self) -> None:
        if not (self.hop > 0 and 0 < self.window <= self.n_fft and self.mels > 0):
            raise StudyError(f"a spectrogram of window {self.window}, hop {self.hop}, n_fft {self.n_fft} and "
                             f"{self.mels} mels is impossible: 0 < window <= n_fft, hop > 0, mels > 0")  # fmt: skip
        if not (0 <= self.low < self.high <= self.rate / 2):
            raise StudyError(f"mel bands from {self.low:g} to {self.high:g} Hz do not fit a rate of {self.rate} Hz")

    def frames(self, lengths: Tensor) -> Tensor:
        """Frames of waveforms of so many samples, int64; a waveform shorter than a window has one."""
        return 1 + (lengths - self.window).clamp_min(0) // self.hop


LOG_MEL = MelSettings()  # 25 ms windows every 10 ms
MEL_POWER = MelSettings(window=512, hop=256, n_fft=512, mels=128, low=0.0, log=False)  # DeepEmoCluster's


def mel_spectrograms(waves: Tensor, lengths: Tensor, settings: MelSettings = LOG_MEL) -> tuple[Tensor, Tensor]:
    """Mel spectrograms of a batch.

    The first frame starts at the first sample and no frame reaches past the last one, so that padding has no effect: a
    waveform's frames are the same in any batch. With ``window == n_fft`` the power is that of
    ``torchaudio.transforms.MelSpectrogram(center=False)``; a shorter window stands at the frame's beginning here, in
    its middle there.

    Args:
        waves: float (B, T) at ``settings.rate``, zero after each length.
        lengths: samples of each, int64 (B,), >= 1.
        settings: how.

    Returns:
        float32 (B, frames, mels), 0 after each one's last frame; frames of each, int64 (B,).
    """
    s = settings
    frames = s.frames(lengths)
    if len(waves) == 0:
        return waves.new_zeros(0, 0, s.mels), frames
    x = waves.float()
    if s.level:
        power = x.square().sum(dim=1) / lengths.clamp_min(1).to(x.device)
        x = x / power.sqrt().clamp_min(1e-8)[:, None]
    most = int(frames.max())
    needed = (most - 1) * s.hop + s.n_fft
    if x.shape[1] < needed:
        x = torch.nn.functional.pad(x, (0, needed - x.shape[1]))
    pieces = x.unfold(1, s.n_fft, s.hop)[:, :most]  # (B, F, n_fft), a view
    window, banks = _window(s).to(x.device), _banks(s).to(x.device)
    few = max(1, _CACHED_FRAMES // most) if x.device.type == "cpu" else len(x)
    mel = torch.cat([_mel_power(part, window, banks) for part in pieces.split(few)])  # (B, F, M)
    if s.log:
        mel = mel.add_(s.floor).log_()
    beyond = torch.arange(most, device=x.device) >= frames.to(x.device)[:, None]
    return mel.masked_fill_(beyond[..., None], 0.0), frames


def _mel_power(pieces: Tensor, window: Tensor, banks: Tensor) -> Tensor:
    spectrum = torch.view_as_real(torch.fft.rfft(pieces * window))  # (b, F, n_fft/2 + 1, 2)
    return spectrum.square_().flatten(2) @ banks


@lru_cache(maxsize=8)
def _window(settings: MelSettings) -> Tensor:
    """Hann, with zeros after it up to ``n_fft``."""
    return torch.nn.functional.pad(torch.hann_window(settings.window), (0, settings.n_fft - settings.window))


@lru_cache(maxsize=8)
def _banks(settings: MelSettings) -> Tensor:
    """(n_fft + 2, mels): each frequency's row twice, for the squares of real and imaginary part."""
    from torchaudio.functional import melscale_fbanks

    s = settings
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="At least one mel filterbank"
        )  # narrow low bands, as librosa has them
        banks = melscale_fbanks(s.n_fft // 2 + 1, s.low, s.high, s.mels, s.rate, norm=None, mel_scale="htk")
    return banks.repeat_interleave(2, dim=0)


def with_mels(corpus: Corpus, settings: MelSettings = LOG_MEL, folder: Path | None = None) -> Corpus:
    """The corpus of a speech corpus's mel spectrograms.

    They are computed once, in shards of :data:`SHARD` samples, and kept on disk under the corpus's fingerprint and the
    settings; later calls, from other processes too, map the files into memory.

    Args:
        corpus: whose ``load`` returns ``input`` (B, T) waveforms and ``length`` (B,).
        settings: how.
        folder: of the cache; the usual one by default.

    Returns:
        The same table; ``load`` returns ``input`` float32 (B, frames, mels), padded with zeros, and ``length``, frames,
        int64 (B,).
    """
    starts = list(range(0, len(corpus), SHARD))
    shards = []
    with bar(len(corpus), "spectrograms", "sample") as shown:
        for start in starts:
            rows = np.arange(start, min(start + SHARD, len(corpus)))
            key: dict[str, object] = {"what": "mel spectrograms", "version": 1, "corpus": corpus.fingerprint,
                                      "samples": corpus.table["sample_id"].iloc[rows].tolist(),
                                      "settings": asdict(settings)}  # fmt: skip
            shards.append(cached(key, lambda rows=rows: _shard(corpus, rows, settings), folder))  # type: ignore[misc]
            shown.update(len(rows))

    def one(row: int) -> Tensor:
        number = bisect_right(starts, row) - 1
        shard, i = shards[number], row - starts[number]
        return shard["frames"][int(shard["ends"][i]) - int(shard["lengths"][i]) : int(shard["ends"][i])]

    def load(rows: np.ndarray) -> dict[str, Tensor]:
        found = [one(int(row)) for row in np.asarray(rows)]
        lengths = torch.tensor([len(f) for f in found], dtype=torch.int64)
        if not found:
            return {"input": torch.zeros(0, 0, settings.mels), "length": lengths}
        return {"input": torch.nn.utils.rnn.pad_sequence(found, batch_first=True), "length": lengths}

    return replace(corpus, load=load)


def _shard(corpus: Corpus, rows: np.ndarray, settings: MelSettings) -> dict[str, Tensor]:
    parts, lengths = [], []
    seconds = corpus.table["seconds"].to_numpy(float)[rows] if "seconds" in corpus.table.columns else None
    usual = float(np.nanmax(seconds)) if seconds is not None and np.isfinite(seconds).any() else 10.0
    size = max(1, int(_BATCH_SAMPLES // max(usual * settings.rate, 1)))
    for start in range(0, len(rows), size):
        batch = corpus.load(rows[start : start + size])
        if not isinstance(batch, dict):
            raise TypeError("a speech corpus loads a dict of input and length")
        mels, frames = mel_spectrograms(batch["input"], batch["length"], settings)
        parts += [mel[:n] for mel, n in zip(mels, frames.tolist(), strict=True)]
        lengths.append(frames)
    length = torch.cat(lengths)
    return {"frames": torch.cat(parts), "lengths": length, "ends": length.cumsum(0)}
