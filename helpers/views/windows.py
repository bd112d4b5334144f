"""Windows of wearable sensors: statistical features, and random views for contrastive learning, both batched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from helpers.errors import StudyError

BANDS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)  # Hz; edges of the bands whose share of power is a feature
PER_CHANNEL = ("mean", "std", "min", "max", "median", "interquartile_range", "jerk", "skewness", "kurtosis",
               "crossings", "peak_frequency", "spectral_entropy")  # fmt: skip


def triads(channels: int) -> list[tuple[int, int, int]]:
    """Consecutive channels by threes, (x, y, z) of one sensor each; what is left over belongs to none."""
    return [(i, i + 1, i + 2) for i in range(0, channels - 2, 3)]


def with_magnitudes(windows: Tensor) -> Tensor:
    """Append each triad's Euclidean norm, which turning the sensor does not change: (B, T, C) -> (B, T, C + C//3)."""
    norms = [windows[..., list(axes)].norm(dim=-1, keepdim=True) for axes in triads(windows.shape[-1])]
    return torch.cat([windows, *norms], dim=-1)


def feature_names(channels: Sequence[str]) -> list[str]:
    """Names of :func:`statistical_features`'s columns, for channels of these names."""
    every = [*channels, *(f"|{channels[i][:-1] or 'sensor'}{i // 3}|" for i, _, _ in triads(len(channels)))]
    bands = [f"power_{low:g}_{high:g}Hz" for low, high in pairwise(BANDS)]
    names = [f"{channel} {what}" for what in (*PER_CHANNEL, *bands) for channel in every]
    pairs = [
        (a, b)
        for axes in triads(len(channels))
        for a, b in ((axes[0], axes[1]), (axes[0], axes[2]), (axes[1], axes[2]))
    ]
    return [*names, *(f"{channels[a]}~{channels[b]} correlation" for a, b in pairs)]


def statistical_features(windows: Tensor, rate: float) -> Tensor:
    """Time- and frequency-domain statistics of windows, the classical description of wearable data.

    For each channel and each triad's magnitude: mean, standard deviation, extremes, median, interquartile range, mean
    absolute difference of neighbours (jerk), skewness, kurtosis, rate of crossings of the mean, frequency of the
    spectrum's peak, spectral entropy (0..1), shares of power in :data:`BANDS`; for each pair of axes of a sensor the
    correlation. A constant channel has 0 wherever a ratio is undefined.

    Args:
        windows: float (B, T, C), T >= 4, finite, in the sensors' own units.
        rate: samples a second, > 0.

    Returns:
        float32 (B, F), F as :func:`feature_names` counts.

    Raises:
        StudyError: windows shorter than 4 samples, or a value that is not finite.
    """
    if windows.ndim != 3 or windows.shape[1] < 4:
        raise StudyError(f"windows must be (B, T, C) with T >= 4, not {tuple(windows.shape)}")
    if not torch.isfinite(windows).all():
        raise StudyError("a window holds a value that is not finite; fill or drop gaps before features are taken")
    raw = windows.double()
    x = with_magnitudes(raw)  # (B, T, D)
    mean = x.mean(dim=1)
    centred = x - mean[:, None]
    std = centred.square().mean(dim=1).sqrt()
    unit = centred / std.clamp_min(1e-9)[:, None] * (std > 1e-9)[:, None]  # 0 where constant
    quartiles = torch.quantile(x, torch.tensor([0.25, 0.5, 0.75], dtype=x.dtype), dim=1)  # (3, B, D)
    sign = centred >= 0
    crossings = (sign[:, 1:] != sign[:, :-1]).double().mean(dim=1) * (std > 1e-9)
    parts = [mean, std, x.amin(dim=1), x.amax(dim=1), quartiles[1], quartiles[2] - quartiles[0],
             x.diff(dim=1).abs().mean(dim=1), unit.pow(3).mean(dim=1), unit.pow(4).mean(dim=1), crossings]  # fmt: skip
    return torch.cat([*parts, *_spectrum(centred, rate), _correlations(unit[..., : raw.shape[-1]])], dim=1).float()


def _spectrum(centred: Tensor, rate: float) -> list[Tensor]:
    taper = torch.hann_window(centred.shape[1], periodic=False, dtype=centred.dtype)
    power = torch.fft.rfft(centred * taper[None, :, None], dim=1).abs().square()[:, 1:]  # (B, K, D), without 0 Hz
    frequency = torch.fft.rfftfreq(centred.shape[1], 1 / rate, dtype=centred.dtype)[1:]
    total = power.sum(dim=1)
    share = power / total.clamp_min(1e-12)[:, None] * (total > 1e-12)[:, None]
    entropy = -(share * share.clamp_min(1e-12).log()).sum(dim=1) / torch.log(torch.tensor(float(len(frequency))))
    peak = frequency[power.argmax(dim=1)] * (total > 1e-12)
    bands = [share[:, (frequency > low) & (frequency <= high)].sum(dim=1) for low, high in pairwise(BANDS)]
    return [peak, entropy, *bands]


def _correlations(unit: Tensor) -> Tensor:
    pairs = [pair for a, b, c in triads(unit.shape[-1]) for pair in ((a, b), (a, c), (b, c))]
    if not pairs:
        return unit.new_zeros(len(unit), 0)
    return torch.stack([(unit[..., a] * unit[..., b]).mean(dim=1) for a, b in pairs], dim=1)


@dataclass(frozen=True)
class Standardisation:
    """Centre and scale of features, fitted on some rows and applied to any."""

    mean: Tensor
    std: Tensor

    @classmethod
    def fitted(cls, features: Tensor) -> Standardisation:
        """Statistics of ``features``, (n, F); a constant feature keeps scale 1."""
        std = features.double().std(dim=0, unbiased=False)
        return cls(features.double().mean(dim=0), torch.where(std > 1e-8, std, torch.ones_like(std)))

    def __call__(self, features: Tensor) -> Tensor:
        """Standardised features, float32, (m, F)."""
        return ((features.double() - self.mean) / self.std).float()


def random_views(windows: Tensor, turn: float = 0.5, scale: float = 0.2, jitter: float = 0.05) -> Tensor:
    """Another random view of each window: turned sensor, other strength, other tempo, noise. One batch, no loop.

    Each triad of a window is turned about one random axis (a strap sits otherwise), scaled (a stronger arm), cut to
    70–100 % of its time and stretched back (a faster one), and gets noise. Randomness is torch's global generator's.

    Args:
        windows: float (B, T, C).
        turn: largest angle, radians, >= 0.
        scale: largest relative change of strength, in [0, 1).
        jitter: standard deviation of the noise relative to each channel's own, >= 0.

    Returns:
        Float (B, T, C).
    """
    size, time, channels = windows.shape
    x = windows.clone()
    for axes in triads(channels):
        turned = x[..., list(axes)] @ _rotations(size, turn).to(x)  # (B, T, 3)
        x[..., list(axes)] = turned
    x = x * (1 + scale * (2 * torch.rand(size, 1, 1) - 1)).to(x)
    share = 0.7 + 0.3 * torch.rand(size, 1)
    start = torch.rand(size, 1) * (1 - share)
    at = (start + share * torch.linspace(0, 1, time)) * (time - 1)  # (B, T), fractional positions
    low = at.floor().long().clamp(0, time - 2)
    part = (at - low).to(x)[..., None]
    left = x.gather(1, low[..., None].expand(-1, -1, channels).to(x.device))
    right = x.gather(1, (low + 1)[..., None].expand(-1, -1, channels).to(x.device))
    x = left + part * (right - left)
    return x + jitter * x.std(dim=1, keepdim=True) * torch.randn(x.shape).to(x)


def _rotations(count: int, largest: float) -> Tensor:
    """Random rotation matrices by Rodrigues' formula, (count, 3, 3)."""
    axis = torch.nn.functional.normalize(torch.randn(count, 3), dim=1)
    angle = (largest * (2 * torch.rand(count) - 1))[:, None, None]
    zero = torch.zeros(count)
    a, b, c = axis.unbind(1)
    cross = torch.stack([zero, -c, b, c, zero, -a, -b, a, zero], dim=1).view(-1, 3, 3)
    return torch.eye(3) + angle.sin() * cross + (1 - angle.cos()) * (cross @ cross)
