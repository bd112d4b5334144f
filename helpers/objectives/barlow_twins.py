"""Barlow Twins: the cross-correlation of two views is to be the identity."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from helpers.errors import StudyError
from helpers.objectives.gathering import gather


def barlow_twins(first: Tensor, second: Tensor, redundancy: float = 5e-3, epsilon: float = 1e-5) -> Tensor:
    r"""Redundancy reduction (Zbontar et al., ICML 2021, arXiv 2103.03230, eq. 1 and 2).

    .. math:: \sum_i(1-C_{ii})^2+\lambda\sum_i\sum_{j\ne i}C_{ij}^2

    C is the correlation over the batch of all processes, with features standardised by the biased variance + ε.

    Args:
        first, second: projections of two views, (B, d) float each, B >= 2.
        redundancy: λ >= 0.
        epsilon: ε > 0, keeps a constant feature finite.

    Returns:
        A scalar >= 0; it grows with d.
    """
    if first.shape != second.shape or first.ndim != 2:
        raise StudyError(f"barlow_twins: views {tuple(first.shape)} and {tuple(second.shape)} must both be (B, d)")
    a, b = gather(first), gather(second)  # (B, d) each
    if len(a) < 2:
        raise StudyError("barlow_twins: a correlation needs at least 2 images")
    a, b = (F.batch_norm(z, None, None, training=True, eps=epsilon) for z in (a, b))
    correlation = a.mT @ b / len(a)  # (d, d)
    diagonal = correlation.diagonal()
    off = correlation.square().sum() - diagonal.square().sum()
    return (1 - diagonal).square().sum() + redundancy * off
