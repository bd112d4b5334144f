"""Heads that sit on an encoder: projectors, and the predictors of non-contrastive learning."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Projector(nn.Sequential):
    """Linear → BatchNorm → ReLU → Linear (SimCLR, BYOL): (B, in_features) → (B, out_features).

    Args:
        in_features: size of the encoder's embedding.
        hidden_features: size of the hidden layer (512 in the DirectPred paper, 4096 in BYOL).
        out_features: size of the projection (128 in the DirectPred paper, 256 in BYOL).
    """

    def __init__(self, in_features: int, hidden_features: int = 512, out_features: int = 128) -> None:
        super().__init__(
            nn.Linear(in_features, hidden_features, bias=False),  # the norm's shift is the bias
            nn.BatchNorm1d(hidden_features),
            nn.ReLU(),
            nn.Linear(hidden_features, out_features),
        )


class TwoLayerPredictor(Projector):
    """BYOL's predictor, of the projector's form: (B, features) → (B, features)."""

    def __init__(self, features: int, hidden_features: int = 512) -> None:
        super().__init__(features, hidden_features, features)


class LinearPredictor(nn.Module):
    """A predictor that is one matrix without bias, W_p of Tian et al. 2021: `z ↦ W_p z`, (B, d) → (B, d).

    Args:
        features: d.
        trained: True: W_p is a parameter that gradient descent changes. False: W_p is a buffer, set from
            outside with `set_weight`, and no gradient ever reaches it.
    """

    weight: Tensor

    def __init__(self, features: int, trained: bool = True) -> None:
        super().__init__()
        weight = torch.empty(features, features)
        nn.init.kaiming_uniform_(weight, a=5**0.5)  # as nn.Linear
        if trained:
            self.weight = nn.Parameter(weight)
        else:
            self.register_buffer("weight", weight)

    def forward(self, projection: Tensor) -> Tensor:
        return projection @ self.weight.mT

    @torch.no_grad()
    def set_weight(self, weight: Tensor) -> None:
        """Put (d, d) `weight` in W_p's place, in place."""
        self.weight.copy_(weight)
