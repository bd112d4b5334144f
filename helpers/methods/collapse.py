"""Seeing a representation collapse, and saying so in words."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Spread:
    """How much of its space an embedding uses.

    Attributes:
        relative_std: mean over dimensions of the std of the L2-normalised embedding, times √D. About 1 where
            directions are spread evenly over the sphere, 0 where every sample maps to one point.
        effective_rank: exp of the entropy of the centred embedding's normalised singular values (Roy & Vetterli,
            EUSIPCO 2007), in [1, min(n, D)].
        dimensions: D.
    """

    relative_std: float
    effective_rank: float
    dimensions: int

    def collapsed(self) -> bool:
        """Complete collapse (one point) or dimensional collapse to a line."""
        return self.relative_std < 0.1 or self.effective_rank < 1.5

    def words(self) -> str:
        """One sentence for people."""
        numbers = f"relative std {self.relative_std:.2f}, effective rank {self.effective_rank:.1f} of {self.dimensions}"
        if self.relative_std < 0.1:
            return f"collapsed: all samples map to nearly one point ({numbers})"
        if self.effective_rank < 1.5:
            return f"collapsed: the embedding has shrunk to a line ({numbers})"
        if self.effective_rank < 0.05 * self.dimensions:
            return f"narrow: the embedding uses few of its dimensions ({numbers})"
        return f"healthy ({numbers})"


@torch.no_grad()
def spread(embedding: Tensor) -> Spread:
    """Measure the spread of an embedding (n, D), n >= 2, any float dtype."""
    z = embedding.detach().float()
    normalised = torch.nn.functional.normalize(z, dim=1)
    dimensions = z.shape[1]
    relative_std = normalised.std(dim=0, unbiased=False).mean() * dimensions**0.5
    singular = torch.linalg.svdvals(normalised - normalised.mean(dim=0))
    total = singular.sum()
    if total <= 1e-12:
        return Spread(float(relative_std), 1.0, dimensions)
    p = singular / total
    entropy = -(p * torch.log(p.clamp_min(1e-12))).sum()
    return Spread(float(relative_std), float(entropy.exp()), dimensions)
