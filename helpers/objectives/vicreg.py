"""VICReg: invariance, variance and covariance."""

from __future__ import annotations

import torch
from torch import Tensor

from helpers.errors import StudyError
from helpers.objectives.gathering import gather


def vicreg(
    first: Tensor,
    second: Tensor,
    invariance: float = 25.0,
    variance: float = 25.0,
    covariance: float = 1.0,
    epsilon: float = 1e-4,
) -> Tensor:
    r"""VICReg (Bardes, Ponce & LeCun, ICLR 2022, arXiv 2105.04906, eq. 1–6).

    .. math:: \lambda\,s(Z,Z')+\mu\,\tfrac12[v(Z)+v(Z')]+\nu\,[c(Z)+c(Z')]

    with s the mean squared difference, v the mean over features of max(0, 1 − √(Var + ε)) and c the sum of squared
    off-diagonal covariances over d. The paper's eq. 6 has v(Z) + v(Z'); the halves are those of the authors' code,
    which the weights 25, 25, 1 belong to.

    Args:
        first, second: projections of two views, (B, d) float each, B >= 2; not normalised.
        invariance, variance, covariance: λ, μ, ν >= 0.
        epsilon: ε > 0.

    Returns:
        A scalar >= 0.
    """
    if first.shape != second.shape or first.ndim != 2:
        raise StudyError(f"vicreg: views {tuple(first.shape)} and {tuple(second.shape)} must both be (B, d)")
    a, b = gather(torch.stack([first, second], dim=1)).unbind(1)  # (B, d) each
    if len(a) < 2:
        raise StudyError("vicreg: a variance needs at least 2 images")
    (spread_a, shared_a), (spread_b, shared_b) = _spread(a, epsilon), _spread(b, epsilon)
    return (
        invariance * (a - b).square().mean() + variance * (spread_a + spread_b) / 2 + covariance * (shared_a + shared_b)
    )


def _spread(z: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """v(Z) and c(Z)."""
    centred = z - z.mean(0)
    matrix = centred.mT @ centred / (len(z) - 1)  # (d, d)
    variances = matrix.diagonal()
    hinge = (1 - (variances + epsilon).sqrt()).clamp(min=0).mean()
    return hinge, (matrix.square().sum() - variances.square().sum()) / z.shape[1]
