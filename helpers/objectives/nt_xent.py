"""Contrastive losses that tell the views of one image from those of all others: NT-Xent and NNCLR's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.errors import StudyError
from helpers.objectives.gathering import gather


def nt_xent(views: Sequence[Tensor], temperature: float = 0.5) -> Tensor:
    r"""Normalised temperature-scaled cross-entropy (Chen et al., ICML 2020, arXiv 2002.05709, eq. 1).

    .. math:: \ell_{i,j} = -\log\frac{\exp(\mathrm{sim}(z_i,z_j)/\tau)}{\sum_{k\ne i}\exp(\mathrm{sim}(z_i,z_k)/\tau)}

    With more than two views a row's loss is the mean over its positives (Khosla et al. 2020, eq. 2, each image a
    class). One matrix product for all pairs; the gradient needs no matrix of labels.

    Args:
        views: V >= 2 projections of the same images in the same order, (B, d) float each; they are normalised here.
        temperature: τ > 0.

    Returns:
        Mean over all V·B rows of all processes, a scalar.
    """
    stacked = gather(torch.stack(list(views), dim=1))  # (B, V, d)
    batch, count, width = stacked.shape
    if count < 2 or batch * count < 3:
        raise StudyError(f"nt_xent: {count} view(s) of {batch} image(s); it needs two views and two images")
    z = F.normalize(stacked, dim=-1) * temperature**-0.5
    flat = z.reshape(-1, width)  # (BV, d)
    similarity = (flat @ flat.mT).fill_diagonal_(-torch.inf)  # (BV, BV)
    positives = (z * (z.sum(1, keepdim=True) - z)).sum(-1) / (count - 1)  # (B, V), mean similarity to the other views
    return similarity.logsumexp(dim=1).mean() - positives.mean()


def neighbour_contrast(neighbours: Tensor, predictions: Tensor, temperature: float = 0.1) -> Tensor:
    r"""NNCLR's loss: a neighbour must pick out the prediction made from its image's other view.

    Dwibedi et al., ICCV 2021 (arXiv 2104.14548), eq. 3; normalised here.

    .. math:: -\frac1B\sum_i\log\frac{\exp(\mathrm{nn}_i\cdot p_i/\tau)}{\sum_k\exp(\mathrm{nn}_i\cdot p_k/\tau)}

    Args:
        neighbours: NN(z_i, Q), nearest neighbours of one view's projections, (B, d) float.
        predictions: p_i, the predictor's outputs for the other view, (B, d) float.
        temperature: τ > 0.

    Returns:
        Mean over the rows of all processes, a scalar >= 0.
    """
    both = gather(torch.stack([neighbours, predictions], dim=1))  # (B, 2, d)
    nearest, predicted = F.normalize(both, dim=-1).unbind(1)
    similarity = nearest @ predicted.mT / temperature  # (B, B)
    return F.cross_entropy(similarity, torch.arange(len(similarity), device=similarity.device))


class _LogSumExp(torch.autograd.Function):
    """log Σ_m exp(q_i·k_m) over constant keys, in one (B, M) buffer: in the gradient its rows weigh the keys.

    Autograd's own chain reads and writes the buffer twice as often and keeps it three times.
    """

    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor) -> Tensor:
        with torch.autocast(queries.device.type, enabled=False):
            weights = queries @ keys.mT
        highest = weights.amax(dim=1, keepdim=True)
        total = weights.sub_(highest).exp_().sum(dim=1, keepdim=True)
        ctx.save_for_backward(weights, total, keys)
        return (total.log() + highest).squeeze(1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        weights, total, keys = ctx.saved_tensors
        return (weights @ keys) * (gradients[0].unsqueeze(1) / total), None


def queue_contrast(queries: Tensor, keys: Tensor, queue: Tensor, temperature: float = 0.2) -> Tensor:
    r"""InfoNCE against a queue (MoCo: He et al., CVPR 2020, arXiv 1911.05722, eq. 1).

    .. math:: -\frac1B\sum_i\log\frac{\exp(q_i\cdot k_i/\tau)}{\exp(q_i\cdot k_i/\tau)+\sum_{m}\exp(q_i\cdot k_m/\tau)}

    No row looks at another of its batch, so nothing is gathered: the mean over processes is that of the gradients.

    Args:
        queries: q, (B, d) float, of the network under training; normalised here.
        keys: k, (B, d) float, of the momentum network for the other view; normalised here.
        queue: keys of earlier batches, normalised, (M, d), constants; M may be 0, and then there is nothing to tell
            apart and the loss is 0.
        temperature: τ > 0.

    Returns:
        Mean over rows, a scalar >= 0.
    """
    kind = torch.promote_types(queries.dtype, torch.float32)
    q, k = F.normalize(queries.to(kind), dim=1) / temperature, F.normalize(keys.to(kind), dim=1)
    positive = (q * k).sum(dim=1)  # (B,)
    if len(queue) == 0:
        return (positive - positive).mean()
    others = _LogSumExp.apply(q, queue.detach().to(kind))  # (B,)
    return F.softplus(others - positive).mean()
