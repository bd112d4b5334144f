"""Orthogonal low-rank embedding: nuclear norms that make the views of an image one and a batch many."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.errors import StudyError
from helpers.objectives.gathering import gather

HIGHEST = 1 - 1e-6  # r/B at which the slope of the arc sine is cut off


class _NuclearNorm(torch.autograd.Function):
    """From the Gram matrix of the shorter side in float64; the gradient U Vᵀ has nothing in directions of value 0."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        wide = matrix.double()
        tall = wide.shape[-2] > wide.shape[-1]
        values, vectors = torch.linalg.eigh(wide.mT @ wide if tall else wide @ wide.mT)
        singular = values.clamp(min=0).sqrt()  # (..., m), ascending
        rounding = max(1e-7, torch.finfo(matrix.dtype).eps * max(matrix.shape[-2:]))
        there = singular > rounding * singular[..., -1:].clamp(min=1e-30)
        inverse = torch.where(there, 1 / singular, 0.0)
        root = (vectors * inverse[..., None, :]) @ vectors.mT  # pseudo-inverse of the square root
        ctx.save_for_backward((wide @ root if tall else root @ wide).to(matrix.dtype))
        return torch.where(there, singular, 0.0).sum(-1).to(matrix.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (directions,) = ctx.saved_tensors
        return gradients[0][..., None, None] * directions


def nuclear_norm(matrix: Tensor) -> Tensor:
    """Sum of singular values of (..., n, d), with the subgradient of least norm: finite at every matrix.

    An SVD's own gradient fills the directions of singular value 0 with an arbitrary U Vᵀ; here they get 0.
    """
    return _NuclearNorm.apply(matrix)


def low_rank(z: Tensor) -> Tensor:
    r"""SSOLE's low-rank term: the views of an image must lie at their mean (Huang et al., ICLR 2025).

    .. math:: L = \frac1B\sum_i\frac{\|Z_i-\mathrm{sg}(\bar z_i)\|_*^2}{(N-1)^2}

    Taking the mean off first tells a vector from its opposite, which a nuclear norm alone cannot.

    Args:
        z: normalised projections, (B, N, d) float, N >= 2 views of an image.

    Returns:
        Scalar >= 0; 0 for identical views, 1 − cos for two.
    """
    if z.ndim != 3 or z.shape[1] < 2:
        raise StudyError(f"low_rank: projections {tuple(z.shape)} must be (B, N, d) with N >= 2 views")
    centred = z - z.mean(dim=1, keepdim=True).detach()
    return nuclear_norm(centred).square().mean() / (z.shape[1] - 1) ** 2


def high_rank(z: Tensor) -> Tensor:
    r"""SSOLE's high-rank term: one view of each image of a batch, and the rank they span together.

    .. math::
        r=\|Z\|_*,\quad c_1=\frac{B^2/r^2-1}{B-1},\quad \beta=\arcsin\frac rB-\arcsin\frac1{\sqrt B},\quad
        c_2=\frac{B\cos^2\beta-1}{B-1},\quad H=\frac{c_1+c_2}2

    The arc sine's slope is unbounded where all rows are orthonormal (r = B): r/B is cut off at 1 − 10⁻⁶, and beyond
    it c₂ has no gradient.

    Args:
        z: normalised projections of one view, (B, d) float, B >= 2 over all processes.

    Returns:
        Scalar; 1 where all rows are one direction, 0 where they are orthonormal.
    """
    whole = gather(z)
    batch = len(whole)
    if batch < 2:
        raise StudyError("high_rank: a batch needs at least 2 images")
    r = nuclear_norm(whole).clamp(min=batch**0.5)  # what rows of length 1 have at least; rows of length 0 have less
    c1 = (batch**2 / r.square() - 1) / (batch - 1)
    beta = torch.asin((r / batch).clamp(max=HIGHEST)) - math.asin(batch**-0.5)
    c2 = (batch * beta.cos().square() - 1) / (batch - 1)
    return (c1 + c2) / 2


def ssole(z: Tensor, weight: float = 0.6) -> tuple[Tensor, Tensor, Tensor]:
    """Self-supervised orthogonal low-rank embedding, L + λH, H averaged over views.

    Args:
        z: projections, (B, N, d) float; normalised here.
        weight: λ >= 0, 0.6 in the paper.

    Returns:
        The loss, L and H, scalars.
    """
    normalised = F.normalize(z, dim=-1)
    low = low_rank(normalised)
    high = torch.stack([high_rank(view) for view in normalised.unbind(1)]).mean()
    return low + weight * high, low, high


def orthogonal_low_rank(z: Tensor, bound: float = 0.0) -> Tensor:
    r"""OLE as it stands, every image a class (Lezama, Qiu, Musé & Sapiro, CVPR 2018, eq. 5).

    .. math:: \frac1{BN}\Big(\sum_i\max(\Delta,\|Z_i\|_*)-\|Z\|_*\Big)

    Never negative, and 0 where the images' subspaces are orthogonal: which more images than dimensions cannot be,
    except all at the origin.

    Args:
        z: projections, (B, N, d) float, as they come.
        bound: Δ >= 0, below which an image's own norm is no longer pressed.

    Returns:
        Scalar.
    """
    whole = gather(z)
    batch, count, width = whole.shape
    own = nuclear_norm(whole).clamp(min=bound).sum()
    return (own - nuclear_norm(whole.reshape(-1, width))) / (batch * count)
