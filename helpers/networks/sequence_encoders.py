"""Encoders of sensor sequences."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WindowEncoder(nn.Module):
    """A small one-dimensional convolutional network: windows (B, T, C) → (B, features).

    Three strided convolutions with group norm, then mean and largest activation over time, so that T may differ. The
    input is standardised with statistics that are fixed at construction (the source subjects').

    Args:
        mean, std: of each channel, (C,).
        width: channels of the first convolution, a multiple of 8.
        features: size of the embedding, even.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor, width: int = 32, features: int = 128) -> None:
        super().__init__()
        self.register_buffer("mean", mean.float())
        self.register_buffer("std", std.float().clamp_min(1e-6))
        layers: list[nn.Module] = []
        inside = len(mean)
        for outside in (width, 2 * width, features // 2):
            layers += [
                nn.Conv1d(inside, outside, 7, stride=2, padding=3, bias=False),
                nn.GroupNorm(8, outside),
                nn.ReLU(),
            ]
            inside = outside
        self.convolutions = nn.Sequential(*layers)
        self.features = features

    def forward(self, windows: Tensor) -> Tensor:
        """Embedding of windows, (B, features)."""
        x = ((windows - self.mean) / self.std).transpose(1, 2)  # (B, C, T)
        x = self.convolutions(x)  # (B, features/2, T/8)
        return torch.cat([x.mean(dim=2), x.amax(dim=2)], dim=1)
