"""The contrastive loss of Siamese networks."""

from __future__ import annotations

import torch
from torch import Tensor


def pair_contrastive(first: Tensor, second: Tensor, same: Tensor, margin: float = 1.0) -> Tensor:
    r"""Draw the embeddings of same pairs together, push those of different pairs apart up to a margin.

    Hadsell, Chopra & LeCun, *Dimensionality Reduction by Learning an Invariant Mapping*, CVPR 2006, eq. 4, there with
    Y = 1 for different pairs and D the Euclidean distance:

    .. math:: L = \tfrac12 (1 - Y) D^2 + \tfrac12 Y \max(0, m - D)^2

    Args:
        first, second: embeddings, (P, D) float each.
        same: whether a pair is the same, bool (P,) (or 1 and 0).
        margin: m > 0, in the units of the distance.

    Returns:
        Mean over pairs, a scalar. At distance 0 the gradient of a different pair, which has no direction, is 0.
    """
    squared = (first - second).square().sum(dim=1)  # (P,)
    apart = squared > 1e-12
    distance = torch.where(apart, squared, torch.ones_like(squared)).sqrt() * apart
    push = (margin - distance).clamp(min=0).square()
    y = same.to(squared.dtype)
    return 0.5 * (y * squared + (1 - y) * push).mean()
