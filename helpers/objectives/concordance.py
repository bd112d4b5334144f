"""Lin's concordance correlation coefficient, as a number and as a loss."""

from __future__ import annotations

import torch
from torch import Tensor

from helpers.objectives.gathering import gather


def concordance(predicted: Tensor, truth: Tensor) -> Tensor:
    """CCC of each column: 2·s_xy / (s_x² + s_y² + (x̄ − ȳ)²) (Lin, Biometrics 45, 1989, eq. 3; moments over n).

    1 where all points lie on the identity line; unlike Pearson's r it falls with a shift or a change of scale, so mind
    that both are in the same unit.

    Args:
        predicted: (B,) or (B, A) float.
        truth: the same shape.

    Returns:
        A scalar, or (A,), in [−1, 1]; 0 where both are the same constant.
    """
    mean_x, mean_y = predicted.mean(dim=0), truth.mean(dim=0)
    x, y = predicted - mean_x, truth - mean_y
    apart = x.square().mean(dim=0) + y.square().mean(dim=0) + (mean_x - mean_y).square()
    return 2 * (x * y).mean(dim=0) / apart.clamp_min(torch.finfo(predicted.dtype).tiny)


def concordance_loss(predicted: Tensor, truth: Tensor) -> Tensor:
    """1 − CCC, mean over columns; of all processes' batches together.

    Args:
        predicted: (B, A) float.
        truth: (B, A) float.

    Returns:
        A scalar in [0, 2].
    """
    return 1 - concordance(gather(predicted), gather(truth)).mean()
