"""Losses that pull the two views of an image together and push nothing apart."""

from __future__ import annotations

import torch
from torch import Tensor

from helpers.errors import StudyError


def cosine_regression(prediction: Tensor, target: Tensor) -> Tensor:
    r"""Mean squared distance of the normalised vectors, `2 − 2·cos(prediction, target)`.

    BYOL (Grill et al., NeurIPS 2020, arXiv 2006.07733, eq. 2); Tian et al. 2021 (arXiv 2102.06810) train with it.

    .. math:: \frac1B\sum_i\Big\|\frac{q_i}{\|q_i\|}-\frac{z_i}{\|z_i\|}\Big\|^2

    The function does not stop the gradient into `target`; detach it where the method says so.

    Args:
        prediction: (B, d) float, what the predictor says the other view's projection is.
        target: (B, d) float, the other view's projection.

    Returns:
        Scalar in [0, 4]; 0 where every pair points the same way. A vector of length 0 is at right angles to all.
    """
    if prediction.shape != target.shape or prediction.ndim != 2:
        raise StudyError(
            f"cosine_regression: prediction {tuple(prediction.shape)} and target {tuple(target.shape)} "
            "must have the same shape (B, d)"
        )
    # Three sums over d and one division by row: half the passes of normalising both.
    lengths = [torch.linalg.vector_norm(vectors, dim=1).clamp(min=1e-8) for vectors in (prediction, target)]
    return 2 - 2 * ((prediction * target).sum(dim=1) / (lengths[0] * lengths[1])).mean()


def symmetric_cosine_regression(predictions: tuple[Tensor, Tensor], targets: tuple[Tensor, Tensor]) -> Tensor:
    """Mean over both directions: view 1 predicts view 2's target and the other way round.

    Args:
        predictions: predictor's outputs for view 1 and view 2, (B, d) each.
        targets: target projections of view 1 and view 2, (B, d) each.

    Returns:
        Scalar in [0, 4].
    """
    return (cosine_regression(predictions[0], targets[1]) + cosine_regression(predictions[1], targets[0])) / 2
