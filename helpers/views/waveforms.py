"""Random views of waveforms, batched: level, polarity, coloured noise, short silences."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from helpers.errors import StudyError


@dataclass(frozen=True)
class WaveformViews:
    """One random view of every waveform of a batch, float (B, T); zeros at a waveform's end stay zeros.

    Attributes:
        gain: largest change of level, dB.
        noise: share of the noise's root mean square in the waveform's at most, drawn evenly from 0.
        masks: silenced stretches a waveform.
        mask_width: their longest, samples.
    """

    gain: float = 6.0
    noise: float = 0.1
    masks: int = 2
    mask_width: int = 800

    def scaled(self, strength: float) -> WaveformViews:
        """The same views with all changes ``strength`` times as strong, >= 0."""
        if strength < 0:
            raise StudyError(f"the strength of views must be >= 0, not {strength}")
        return replace(
            self, gain=self.gain * strength, noise=self.noise * strength, mask_width=round(self.mask_width * strength)
        )

    def __call__(self, waves: Tensor) -> Tensor:
        size, time = waves.shape
        sounds = waves != 0
        last = (sounds * torch.arange(1, time + 1, device=waves.device)).amax(dim=1)
        there = torch.arange(time, device=waves.device) < last[:, None]
        level = 10 ** (self.gain * (2 * torch.rand(size, 1) - 1) / 20) * (1 - 2 * (torch.rand(size, 1) < 0.5).float())
        loud = (waves.square().sum(dim=1, keepdim=True) / last.clamp_min(1)[:, None]).sqrt()
        hiss = torch.randn(size, time).to(waves)
        colour = torch.rand(size, 1).to(waves)
        hiss = hiss + colour * torch.roll(hiss, 1, dims=1)  # between white and low-passed
        share = (self.noise * torch.rand(size, 1)).to(waves)
        found = (waves + share * loud * hiss) * level.to(waves) * there
        for _ in range(self.masks if self.mask_width > 0 else 0):
            width = (torch.rand(size) * (min(self.mask_width, time) + 1)).long()
            start = (torch.rand(size) * (time - width + 1)).long()
            at = torch.arange(time)
            hidden = (at >= start[:, None]) & (at < (start + width)[:, None])
            found = found.masked_fill(hidden.to(found.device), 0.0)
        return found
