"""Image retrieval: every test image asks for others of its class among the rest."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from helpers.errors import StudyError


@dataclass(frozen=True)
class Retrieved:
    """How well each query found its class.

    Attributes:
        rank1: whether the nearest image is of its class, float (m,), 0 or 1.
        rank5: whether one of the nearest five is.
        average_precision: mean, over the images of its class, of the precision down to each, in (0, 1]; NaN for a
            query that is alone in its class, which has nothing to find.
    """

    rank1: Tensor
    rank5: Tensor
    average_precision: Tensor


@torch.no_grad()
def retrieve(features: Tensor, labels: Tensor) -> Retrieved:
    """Rank all other images by cosine similarity, for every image; ties go to the image that comes first.

    Args:
        features: of the images, float (m, D), m >= 2.
        labels: classes, int64 (m,).

    Raises:
        StudyError: fewer than two images, or no two of one class.
    """
    if len(features) < 2 or len(torch.unique(labels)) == len(labels):
        raise StudyError(f"retrieval among {len(features)} image(s): it needs at least two of one class")
    unit = nn.functional.normalize(features.double(), dim=1)
    similarity = (unit @ unit.T).fill_diagonal_(-torch.inf)
    order = similarity.argsort(dim=1, descending=True, stable=True)[:, :-1]  # (m, m − 1), oneself is last
    same = (labels[order] == labels[:, None]).double()
    precision = same.cumsum(1) / torch.arange(1, same.shape[1] + 1, dtype=torch.double)
    return Retrieved(same[:, 0], same[:, :5].amax(1), (precision * same).sum(1) / same.sum(1))
