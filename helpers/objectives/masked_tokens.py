"""Masked embedding prediction: which tokens are hidden, and the error at those alone."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.errors import StudyError


def token_mask(batch: int, length: int, share: float, generator: torch.Generator | None = None) -> Tensor:
    """Which tokens of each sample are hidden, bool (batch, length): round(share · length) of them, at least one.

    Args:
        batch, length: samples, and tokens a sample.
        share: in (0, 1); 0.1 in Nguyen et al., AAAI 2023.
        generator: source of randomness, on the CPU; the global one if None.

    Raises:
        StudyError: a share outside (0, 1).
    """
    if not 0 < share < 1:
        raise StudyError(f"masked share {share} is outside (0, 1)")
    hidden = min(length - 1, max(1, round(share * length)))
    order = torch.rand(batch, length, generator=generator).argsort(dim=1)
    return order < hidden


def masked_prediction(predicted: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
    """Mean squared error at hidden tokens alone.

    Target tokens are standardised over their width and get no gradient, so that the error cannot be made small by
    making tokens small; a mean squared error on raw embeddings could.

    Args:
        predicted: (B, T, D) float.
        target: (B, T, D) float.
        hidden: (B, T) bool, at least one True.

    Returns:
        A scalar >= 0; about 1 for predictions of 0.
    """
    aim = F.layer_norm(target.detach(), target.shape[-1:])
    return F.mse_loss(predicted[hidden], aim[hidden])
