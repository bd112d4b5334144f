"""Pictures to a few numbers in closed form: principal components of their pixels, whitened."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PrincipalCodes(nn.Module):
    """Coordinates along the leading principal components of small pictures, each of variance 1 over those fitted.

    (B, C, H, W) → (B, size). Nothing of it is trained; until :meth:`fit` it gives zeros.

    Args:
        size: components.
        side: that pictures are averaged down to before, pixels.
        channels: of the pictures.
    """

    def __init__(self, size: int, side: int = 32, channels: int = 3) -> None:
        super().__init__()
        self.size, self.side = size, side
        self.register_buffer("mean", torch.zeros(channels * side**2))
        self.register_buffer("directions", torch.zeros(channels * side**2, size))

    def forward(self, pictures: Tensor) -> Tensor:
        return (self._small(pictures) - self.get_buffer("mean")) @ self.get_buffer("directions")

    @torch.no_grad()
    def fit(self, pictures: Tensor) -> PrincipalCodes:
        """Take the components from pictures (n, C, H, W), n > size; components that have no variance give 0."""
        flat = self._small(pictures)
        mean = flat.mean(0)
        _, values, directions = torch.linalg.svd(flat - mean, full_matrices=False)
        spread = values[: self.size] / len(flat) ** 0.5
        scale = torch.where(spread > 1e-6 * spread[0], 1 / spread.clamp(min=1e-12), 0.0)
        self.get_buffer("mean").copy_(mean)
        self.get_buffer("directions")[:, : len(scale)] = directions[: self.size].T * scale
        return self

    def _small(self, pictures: Tensor) -> Tensor:
        if pictures.shape[-1] > self.side:
            pictures = F.adaptive_avg_pool2d(pictures, self.side)
        elif pictures.shape[-1] < self.side:
            pictures = F.interpolate(pictures, (self.side, self.side), mode="bilinear")
        return pictures.flatten(1)
