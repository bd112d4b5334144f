"""SupCon: every view of every image of one's class is a positive."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.errors import StudyError
from helpers.objectives.gathering import gather


def supervised_contrastive(views: Sequence[Tensor], labels: Tensor, temperature: float = 0.1) -> Tensor:
    r"""Supervised contrastive loss, the mean over positives outside the logarithm (Khosla et al., NeurIPS 2020, eq. 2).

    .. math:: \sum_i\frac{-1}{|P(i)|}\sum_{p\in P(i)}\log
        \frac{\exp(z_i\cdot z_p/\tau)}{\sum_{a\ne i}\exp(z_i\cdot z_a/\tau)}

    Args:
        views: V >= 2 projections of the same images, (B, d) float each; they are normalised here.
        labels: class of each image, int64 (B,); an image of a negative label is its own class, so that without any
            label the loss is NT-Xent.
        temperature: τ > 0.

    Returns:
        Mean over all V·B rows of all processes, a scalar.
    """
    return supervised_contrastive_each(views, labels, temperature).mean()


def supervised_contrastive_each(views: Sequence[Tensor], labels: Tensor, temperature: float = 0.1) -> Tensor:
    """The same loss of each image apart, for weighting images: the mean over its views, (B,) of all processes.

    Args and errors are those of :func:`supervised_contrastive`. It is a pure function of the views, so that
    ``torch.func`` can differentiate it in either mode.
    """
    if len(views) < 2:
        raise StudyError("supervised_contrastive needs two views or more of every image")
    z = F.normalize(gather(torch.stack(list(views), dim=1)), dim=-1)  # (B, V, d)
    batch, count, width = z.shape
    known = gather(labels)
    own = -1 - torch.arange(batch, device=known.device)
    classes = torch.where(known < 0, own, known).repeat_interleave(count)  # (BV,)
    flat = z.reshape(-1, width)
    similarity = flat @ flat.mT / temperature
    itself = torch.eye(len(flat), dtype=torch.bool, device=flat.device)
    positive = (classes[:, None] == classes[None, :]) & ~itself
    towards = (similarity * positive).sum(1) / positive.sum(1)
    each = similarity.masked_fill(itself, -torch.inf).logsumexp(dim=1) - towards
    return each.view(batch, count).mean(dim=1)
