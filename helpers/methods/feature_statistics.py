"""Mean and variance of every feature dimension, followed over training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from helpers.errors import StudyError
from helpers.objectives.gathering import mean_over_processes


class FeatureStatistics(nn.Module):
    """Moving averages of a dimension's first and second moment, without the pull towards their start.

    All of it is in ``state_dict``; in several processes the moments are of the rows of all.

    Args:
        features: D.
        momentum: weight of the past, in [0, 1); about 1/(1 − momentum) batches count.
    """

    first: Tensor
    second: Tensor
    weight: Tensor

    def __init__(self, features: int, momentum: float = 0.99) -> None:
        super().__init__()
        if not 0 <= momentum < 1:
            raise StudyError(f"momentum of the statistics is {momentum}; it must be in [0, 1)")
        self.momentum = momentum
        self.register_buffer("first", torch.zeros(features, dtype=torch.double))
        self.register_buffer("second", torch.zeros(features, dtype=torch.double))
        self.register_buffer("weight", torch.zeros((), dtype=torch.double))  # 1 − momentumᵗ

    @torch.no_grad()
    def update(self, features: Tensor) -> None:
        """Count a batch of features (B, D)."""
        x = features.detach().double()
        share = 1 - self.momentum
        self.first.lerp_(mean_over_processes(x.mean(0)), share)
        self.second.lerp_(mean_over_processes(x.square().mean(0)), share)
        self.weight.lerp_(torch.ones_like(self.weight), share)

    def mean(self) -> Tensor:
        """Of every dimension, float32 (D,); 0 before the first batch."""
        return (self.first / self.weight.clamp_min(1e-12)).float()

    def variance(self) -> Tensor:
        """Of every dimension, float32 (D,), >= 0; 0 before the first batch."""
        weight = self.weight.clamp_min(1e-12)
        return (self.second / weight - (self.first / weight).square()).clamp_min(0).float()
