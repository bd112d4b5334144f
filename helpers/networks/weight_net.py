"""Meta-Weight-Net: from a sample's loss to its weight (Shu et al., NeurIPS 2019, arXiv 1902.07379)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WeightNet(nn.Module):
    """w = σ(MLP(loss)), 1 → hidden → 1 with a ReLU: losses (B,) → weights (B,) in (0, 1).

    Args:
        hidden: units of the hidden layer; 100 in the paper.
    """

    def __init__(self, hidden: int = 100) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(1, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, losses: Tensor) -> Tensor:
        return torch.sigmoid(self.layers(losses[:, None])[:, 0])
