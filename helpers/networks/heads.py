"""Heads that sit on an encoder: projectors, and the predictors of non-contrastive learning."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


class Projector(nn.Sequential):
    """Perceptron of linear layers, norm and ReLU between them: (B, in_features) → (B, out_features).

    The default, Linear → BatchNorm → ReLU → Linear, is that of SimCLR, BYOL, SwAV and DirectPred; Barlow Twins and
    VICReg have three layers, NNCLR three with a last norm, MoCo v2 and SupCon two and SSOLE three without norms.

    Args:
        in_features: size of the encoder's embedding.
        hidden_features: size of the hidden layers (512 in the DirectPred paper, 4096 in BYOL).
        out_features: size of the projection (128 in the DirectPred paper, 256 in BYOL).
        layers: linear layers, >= 1.
        norm: whether a batch norm follows every hidden layer.
        last_norm: whether one follows the last layer too.
    """

    def __init__(
        self,
        in_features: int,
        hidden_features: int = 512,
        out_features: int = 128,
        layers: int = 2,
        norm: bool = True,
        last_norm: bool = False,
    ) -> None:
        sizes = [in_features, *[hidden_features] * (layers - 1)]
        parts: list[nn.Module] = []
        for before, after in pairwise(sizes):
            parts.append(nn.Linear(before, after, bias=not norm))  # a norm's shift is the bias
            parts += [nn.BatchNorm1d(after), nn.ReLU()] if norm else [nn.ReLU()]
        parts.append(nn.Linear(sizes[-1], out_features, bias=not last_norm))
        super().__init__(*parts, *([nn.BatchNorm1d(out_features)] if last_norm else []))


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
