"""Random views of spectrograms, batched: crops in time and pitch, masks, volume, noise.

Spectrograms are float (B, T, M): T frames, M mel bands, log power, standardised to about mean 0 and standard deviation
1. A frame whose bands are all exactly 0 is *absent*: padding at the end of a shorter clip, or masked. Encoders of sound
leave absent frames out. All randomness comes from torch's global generator, or from the one given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from helpers.errors import StudyError


def present(spectrograms: Tensor) -> Tensor:
    """Which frames are there, bool (B, T)."""
    return spectrograms.abs().amax(dim=2) > 0


def crop_time(
    spectrograms: Tensor, frames: int, tempo: float = 0.0, generator: torch.Generator | None = None
) -> Tensor:
    """A stretch of each clip at a random place, played at a random tempo, (B, frames, M).

    A clip that has fewer frames than are asked for is whole, at the beginning, with absent frames after it. Absent
    frames may only stand at a clip's end. A frame of the stretch is the clip's frame that sounds at its time.

    Args:
        spectrograms: (B, T, M).
        frames: length of the stretch, >= 1.
        tempo: furthest change of speed, a share in [0, 1): a stretch holds 1 − tempo to 1 + tempo times as much.
        generator: of places and tempi.
    """
    if frames < 1 or not 0 <= tempo < 1:
        raise StudyError(
            f"a crop of {frames} frames at a tempo of ± {tempo} is impossible; frames >= 1, tempo in [0, 1)"
        )
    size, time, _ = spectrograms.shape
    device = spectrograms.device
    there = torch.arange(1, time + 1, device=device)
    lengths = (present(spectrograms) * there).amax(dim=1) if time else torch.zeros(size, dtype=torch.long)
    speed = 1 + tempo * (2 * _uniform(size, generator) - 1)
    offset = (torch.arange(frames) * speed[:, None]).long().to(device)  # (B, frames)
    spare = (lengths - offset[:, -1] - 1).clamp_min(0)
    start = (_uniform(size, generator).to(device) * (spare + 1)).long().clamp_max(spare)
    at = start[:, None] + offset
    inside = at < lengths[:, None]
    found = spectrograms[torch.arange(size, device=device)[:, None], at.clamp_max(max(time - 1, 0))]
    return found if bool(inside.all()) else found * inside[..., None]


def mask_bands(spectrograms: Tensor, count: int, widest: int, dim: int, generator: torch.Generator | None) -> Tensor:
    """SpecAugment's masks (Park et al., Interspeech 2019): ``count`` bands of 0 to ``widest`` steps of a dimension.

    Args:
        spectrograms: (B, T, M).
        count: masks a clip, >= 0.
        widest: steps; the width is drawn evenly from 0 to this, the place evenly.
        dim: 1 masks frames, which become absent; 2 masks mel bands, which become 0, the mean.
        generator: of widths and places.
    """
    steps = spectrograms.shape[dim]
    widest = min(widest, steps)
    if count < 1 or widest < 1:
        return spectrograms
    size = len(spectrograms)
    width = (_uniform((size, count), generator) * (widest + 1)).long()
    start = (_uniform((size, count), generator) * (steps - width + 1)).long()
    at = torch.arange(steps)
    hidden = ((at >= start[..., None]) & (at < (start + width)[..., None])).any(dim=1).to(spectrograms.device)
    return spectrograms.masked_fill(hidden[:, :, None] if dim == 1 else hidden[:, None, :], 0.0)


def shift_pitch(spectrograms: Tensor, furthest: float, generator: torch.Generator | None) -> Tensor:
    """Move each clip along the mel axis by up to ``furthest`` bands, between bands by straight lines: another voice.

    Absent frames stay absent. The lowest and highest band are continued beyond the edge.
    """
    if furthest <= 0:
        return spectrograms
    size, _, mels = spectrograms.shape
    move = furthest * (2 * _uniform(size, generator) - 1)
    at = (torch.arange(mels) - move[:, None]).clamp(0, mels - 1)  # (B, M)
    low = at.floor().clamp_max(max(mels - 2, 0)).long()
    part = (at - low).to(spectrograms)
    weight = torch.zeros(size, mels, mels, dtype=spectrograms.dtype)
    weight.scatter_(1, low[:, None, :], (1 - part).cpu()[:, None, :])
    weight.scatter_add_(1, (low + 1).clamp_max(mels - 1)[:, None, :], part.cpu()[:, None, :])
    return spectrograms @ weight.to(spectrograms)  # (B, T, M)


@dataclass(frozen=True)
class SpectrogramViews:
    """One random view of every clip of a batch; call it on (B, T, M), T frames at least one.

    Attributes:
        frames: of the view, cropped at random places; 0 keeps the length (a faster clip then ends in absent frames).
        pitch: furthest move along the mel axis, bands.
        tempo: furthest change of speed, a share in [0, 1).
        time_masks, time_width: SpecAugment's masks over frames, and their widest, frames.
        mel_masks, mel_width: those over mel bands, and their widest, bands.
        volume: largest change of level, standard deviations of the log power.
        fade: largest difference in level between a clip's first and last frame, in the same unit.
        noise: standard deviation of the noise added, in the same unit.
    """

    frames: int = 0
    pitch: float = 0.0
    tempo: float = 0.0
    time_masks: int = 2
    time_width: int = 20
    mel_masks: int = 2
    mel_width: int = 8
    volume: float = 0.3
    fade: float = 0.0
    noise: float = 0.1

    def scaled(self, strength: float) -> SpectrogramViews:
        """The same views with all changes but the crop ``strength`` times as strong, >= 0."""
        if strength < 0:
            raise StudyError(f"the strength of views must be >= 0, not {strength}")
        return replace(
            self, pitch=self.pitch * strength, tempo=min(self.tempo * strength, 0.9),
            time_width=round(self.time_width * strength), mel_width=round(self.mel_width * strength),
            volume=self.volume * strength, fade=self.fade * strength, noise=self.noise * strength,
        )  # fmt: skip

    def __call__(self, spectrograms: Tensor, generator: torch.Generator | None = None) -> Tensor:
        frames = self.frames or spectrograms.shape[1]
        x = spectrograms
        if self.frames or self.tempo > 0:
            x = crop_time(spectrograms, frames, self.tempo, generator)
        there = present(x)
        x = shift_pitch(x, self.pitch, generator)
        size, time, _ = x.shape
        level = self.volume * (2 * _uniform((size, 1), generator) - 1)
        slope = self.fade * (2 * _uniform((size, 1), generator) - 1) * torch.linspace(-0.5, 0.5, time)
        x = x + (level + slope).to(x)[..., None]
        if self.noise > 0:
            x = x + self.noise * torch.randn(x.shape, generator=generator).to(x)
        if not bool(there.all()):
            x = x * there[..., None]
        x = mask_bands(x, self.mel_masks, self.mel_width, 2, generator)
        return mask_bands(x, self.time_masks, self.time_width, 1, generator)


def _uniform(size: int | tuple[int, ...], generator: torch.Generator | None) -> Tensor:
    return torch.rand(size, generator=generator)
