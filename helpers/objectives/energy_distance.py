"""A distance between two clouds of points that is zero only where their distributions are one."""

from __future__ import annotations

import torch
from torch import Tensor


def energy_distance(a: Tensor, b: Tensor) -> Tensor:
    """2·E‖a − b‖ − E‖a − a'‖ − E‖b − b'‖, each mean over distinct pairs (an unbiased estimate).

    Székely & Rizzo, *Energy statistics: A class of statistics based on distances*, J. Statistical Planning and
    Inference 143, 2013, eq. 5.

    Args:
        a: (n, D), n >= 2.
        b: (m, D), m >= 2.
    """
    n, m = len(a), len(b)
    across = _distances(a, b).mean()
    within_a = _distances(a, a).sum() / (n * (n - 1))
    within_b = _distances(b, b).sum() / (m * (m - 1))
    return 2 * across - within_a - within_b


def _distances(a: Tensor, b: Tensor) -> Tensor:
    """Distances of all pairs, (n, m); a point is at 0 from itself, with gradient 0."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
