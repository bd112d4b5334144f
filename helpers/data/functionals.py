"""Functionals of speech in the manner of eGeMAPS: one row of prosody, voice quality and spectrum a clip, batched.

The set follows Eyben et al., *The Geneva minimalistic acoustic parameter set (GeMAPS) for voice research and affective
computing*, IEEE Trans. Affective Computing 7(2), 2016, without its formants; every descriptor is computed here with
torch, so that the numbers are those of no other tool.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from helpers.data.cache import cached
from helpers.data.corpus import Corpus
from helpers.data.sound import RATE
from helpers.progress import bar

WINDOW, HOP, N_FFT = 640, 160, 1024  # samples at 16 kHz: 40 ms every 10 ms
LOWEST, HIGHEST = 60.0, 500.0  # Hz, of the pitch
VOICED = 0.45  # strength of the autocorrelation's peak from which a frame is voiced
QUIET = -45.0  # dB below the clip's loudest frame from which nothing is voiced
_MELS = 26
_TONES = ("pitch", "loudness")
_TONE_STATISTICS = ("mean", "variation", "p20", "p50", "p80", "range", "rise", "rise_std", "fall", "fall_std")
_VOICED = ("jitter", "shimmer", "hnr", "alpha_ratio", "hammarberg", "slope_0_500", "slope_500_1500", "flux", "centroid",
           "mfcc1", "mfcc2", "mfcc3", "mfcc4")  # fmt: skip
_UNVOICED = ("alpha_ratio", "hammarberg", "slope_0_500", "slope_500_1500", "flux")
_TIMES = ("loudness_peaks_per_s", "voiced_per_s", "voiced_mean_s", "voiced_std_s", "unvoiced_mean_s", "unvoiced_std_s",
          "level_db")  # fmt: skip
NAMES = (
    *(f"{tone} {what}" for tone in _TONES for what in _TONE_STATISTICS),
    *(f"{name} {what}" for name in _VOICED for what in ("mean", "std")),
    *(f"{name} unvoiced mean" for name in _UNVOICED),
    *_TIMES,
)


@dataclass(frozen=True)
class Descriptors:
    """What is measured in every frame of a batch, float32 (B, F) each; frames beyond a clip's end are not ``there``.

    Attributes:
        there: bool, the frame lies inside the clip.
        voiced: bool.
        pitch: semitones above 27.5 Hz; NaN where unvoiced.
        loudness: sum over mel bands of power^0.3, about proportional to how loud it is heard.
        level: dB relative to full scale.
        others: by name.
    """

    there: Tensor
    voiced: Tensor
    pitch: Tensor
    loudness: Tensor
    level: Tensor
    others: dict[str, Tensor]


def descriptors(waves: Tensor, lengths: Tensor) -> Descriptors:
    """Low-level descriptors every 10 ms.

    Pitch is the highest peak of the autocorrelation, divided by the window's own (Boersma 1993), between
    :data:`LOWEST` and :data:`HIGHEST`, with a small preference for short lags, interpolated by a parabola and smoothed
    by a running median of five frames.

    Args:
        waves: float (B, T), 16 kHz, zero after each length.
        lengths: samples, int64 (B,).
    """
    frames = 1 + (lengths - WINDOW).clamp_min(0) // HOP
    most = int(frames.max())
    needed = (most - 1) * HOP + WINDOW
    x = torch.nn.functional.pad(waves.float(), (0, max(0, needed - waves.shape[1])))
    pieces = x.unfold(1, WINDOW, HOP)[:, :most] * torch.hann_window(WINDOW)  # (B, F, WINDOW)
    power = torch.view_as_real(torch.fft.rfft(pieces, n=N_FFT)).square().sum(-1)  # (B, F, K)
    there = torch.arange(most) < frames[:, None]
    level = 10 * torch.log10(pieces.square().mean(-1) + 1e-10)
    lag, strength = _pitch_lag(power)
    loudest = level.masked_fill(~there, -200).amax(dim=1, keepdim=True)
    voiced = there & (strength > VOICED) & (level > loudest + QUIET)
    pitch = _median5((12 * torch.log2(RATE / lag / 27.5)).masked_fill(~voiced, math.nan))
    mel = power @ _banks()  # (B, F, M)
    loudness = mel.clamp_min(1e-10).pow(0.3).sum(-1)
    return Descriptors(there, voiced, pitch, loudness, level, _spectral(power, mel, level, pitch, strength))


def _pitch_lag(power: Tensor) -> tuple[Tensor, Tensor]:
    autocorrelation = torch.fft.irfft(power, n=N_FFT)  # (B, F, N)
    first, last = int(RATE / HIGHEST), int(RATE / LOWEST) + 1
    normal = autocorrelation[..., : last + 2] / autocorrelation[..., :1].clamp_min(1e-9) / _window_correlation()
    lags = torch.arange(first, last + 1)
    preference = 0.01 * torch.log2(lags * LOWEST / RATE)  # an octave lower must be better by a hundredth
    best = (normal[..., first : last + 1] - preference).argmax(dim=-1) + first
    around = normal.gather(-1, torch.stack([best - 1, best, best + 1], dim=-1))
    below, at, above = around.unbind(-1)
    bend = (below - 2 * at + above).clamp_max(-1e-6)
    shift = (0.5 * (below - above) / bend).clamp(-0.5, 0.5)
    return best + shift, at.clamp(0, 0.9999)


@lru_cache(maxsize=1)
def _window_correlation() -> Tensor:
    spectrum = torch.fft.rfft(torch.hann_window(WINDOW), n=N_FFT).abs().square()
    found = torch.fft.irfft(spectrum, n=N_FFT)
    return (found / found[0])[: int(RATE / LOWEST) + 3]


@lru_cache(maxsize=1)
def _banks() -> Tensor:
    from torchaudio.functional import melscale_fbanks

    return melscale_fbanks(N_FFT // 2 + 1, 20.0, 8000.0, _MELS, RATE)


def _median5(pitch: Tensor) -> Tensor:
    """Running median of five frames over those that are voiced; unvoiced frames stay so."""
    around = torch.nn.functional.pad(pitch, (2, 2), value=math.nan).unfold(1, 5, 1)
    return torch.where(pitch.isnan(), pitch, around.nanmedian(dim=-1).values)


def _spectral(power: Tensor, mel: Tensor, level: Tensor, pitch: Tensor, strength: Tensor) -> dict[str, Tensor]:
    hertz = torch.arange(power.shape[-1]) * RATE / N_FFT
    decibel = 10 * torch.log10(power + 1e-9)

    def energy(low: float, high: float) -> Tensor:
        return power[..., (hertz >= low) & (hertz < high)].sum(-1) + 1e-9

    def peak(low: float, high: float) -> Tensor:
        return decibel[..., (hertz >= low) & (hertz < high)].amax(-1)

    def slope(low: float, high: float) -> Tensor:  # dB a kHz
        inside = (hertz >= low) & (hertz < high)
        f = (hertz[inside] - hertz[inside].mean()) / 1000
        return decibel[..., inside] @ f / f.square().sum()

    share = mel / mel.sum(-1, keepdim=True).clamp_min(1e-9)
    cepstrum = (mel + 1e-9).log() @ _cosines()  # (B, F, 4)
    found = {
        "jitter": _change(pitch),
        "shimmer": _change(level),
        "hnr": 10 * torch.log10(strength / (1 - strength) + 1e-4),
        "alpha_ratio": 10 * torch.log10(energy(50, 1000) / energy(1000, 5000)),
        "hammarberg": peak(0, 2000) - peak(2000, 5000),
        "slope_0_500": slope(0, 500),
        "slope_500_1500": slope(500, 1500),
        "flux": _change(share.sqrt()),
        "centroid": (power @ hertz) / power.sum(-1).clamp_min(1e-9) / 1000,
    }
    return found | {f"mfcc{i + 1}": cepstrum[..., i] for i in range(4)}


@lru_cache(maxsize=1)
def _cosines() -> Tensor:
    band = torch.arange(_MELS) + 0.5
    return torch.stack([(math.pi * k * band / _MELS).cos() for k in range(1, 5)], dim=1) * (2 / _MELS) ** 0.5


def _change(x: Tensor) -> Tensor:
    """Size of the change from the frame before, 0 in the first; (B, F) or (B, F, M) to (B, F)."""
    step = x.diff(dim=1)
    size = step.abs() if x.ndim == 2 else step.square().sum(-1)
    return torch.nn.functional.pad(size, (1, 0))


def functionals(waves: Tensor, lengths: Tensor) -> Tensor:
    """A row of numbers a clip, float32 (B, len(NAMES)), finite; a clip without a voiced frame has 0 for its pitch.

    Args:
        waves, lengths: as :func:`descriptors` takes them.
    """
    d = descriptors(waves, lengths)
    outside = ~d.there
    columns = [*_tone(d.pitch), *_tone(d.loudness.masked_fill(outside, math.nan))]
    for name in _VOICED:
        inside = d.others[name].masked_fill(~d.voiced, math.nan)
        columns += [inside.nanmean(dim=1), _nanstd(inside)]
    still = d.there & ~d.voiced
    columns += [d.others[name].masked_fill(~still, math.nan).nanmean(dim=1) for name in _UNVOICED]
    columns += _times(d, lengths)
    return torch.nan_to_num(torch.stack(columns, dim=1), 0.0, 0.0, 0.0).float()


def _tone(x: Tensor) -> list[Tensor]:
    quantiles = torch.nanquantile(x, torch.tensor([0.2, 0.5, 0.8]), dim=1)
    mean, step = x.nanmean(dim=1), x.diff(dim=1) * RATE / HOP  # a second
    rise, fall = step.masked_fill(~(step > 0), math.nan), step.masked_fill(~(step < 0), math.nan)
    return [mean, _nanstd(x) / mean.abs().clamp_min(1e-6), *quantiles, quantiles[2] - quantiles[0],
            rise.nanmean(dim=1), _nanstd(rise), fall.nanmean(dim=1), _nanstd(fall)]  # fmt: skip


def _nanstd(x: Tensor) -> Tensor:
    return (x - x.nanmean(dim=1, keepdim=True)).square().nanmean(dim=1).sqrt()


def _times(d: Descriptors, lengths: Tensor) -> list[Tensor]:
    seconds = (lengths / RATE).clamp_min(0.01).numpy()
    loud = d.loudness.masked_fill(~d.there, 0.0)
    smooth = torch.nn.functional.avg_pool1d(loud[:, None], 5, 1, 2)[:, 0]
    inner = (smooth[:, 1:-1] > smooth[:, :-2]) & (smooth[:, 1:-1] >= smooth[:, 2:])
    peaks = (inner & (smooth[:, 1:-1] > 0.5 * smooth.amax(dim=1, keepdim=True))).sum(dim=1).numpy() / seconds
    rows = []
    for voiced, there in zip(d.voiced.numpy(), d.there.numpy(), strict=True):
        rows.append([*_lengths(voiced[there]), *_lengths(~voiced[there])[1:]])
    runs = torch.tensor(np.array(rows, dtype=np.float32))  # count, mean, std of voiced; mean, std of unvoiced
    power = (10 ** (d.level / 10)).masked_fill(~d.there, 0).sum(dim=1) / d.there.sum(dim=1)
    count = runs[:, 0] / torch.from_numpy(seconds)
    return [torch.from_numpy(peaks).float(), count, *runs[:, 1:].unbind(1), 10 * torch.log10(power + 1e-10)]


def _lengths(on: np.ndarray) -> tuple[float, float, float]:
    """Number of runs of True, and mean and standard deviation of their lengths, seconds."""
    edges = np.flatnonzero(np.diff(np.r_[0, on.astype(np.int8), 0]))
    long = (edges[1::2] - edges[::2]) * HOP / RATE
    return (float(len(long)), float(long.mean()), float(long.std())) if len(long) else (0.0, 0.0, 0.0)


def corpus_functionals(corpus: Corpus, batch: int = 8) -> Tensor:
    """Functionals of every clip of a speech corpus, float32 (n, len(NAMES)); computed once, then from disk."""
    key: dict[str, object] = {"what": "functionals", "version": 1, "corpus": corpus.fingerprint,
                              "samples": corpus.table["sample_id"].tolist()}  # fmt: skip
    return cached(key, lambda: {"functionals": _all(corpus, batch)})["functionals"]


def _all(corpus: Corpus, batch: int) -> Tensor:
    parts = []
    with bar(len(corpus), "functionals", "clip") as shown:
        for start in range(0, len(corpus), batch):
            loaded = corpus.load(np.arange(start, min(start + batch, len(corpus))))
            if not isinstance(loaded, dict):
                raise TypeError("a speech corpus loads a dict of input and length")
            parts.append(functionals(loaded["input"], loaded["length"]))
            shown.update(len(parts[-1]))
    return torch.cat(parts)
