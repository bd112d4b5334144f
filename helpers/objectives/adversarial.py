"""Losses of a discriminator and of the network that it judges, and the penalty on its gradient."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def least_squares(scores: Tensor, real: bool) -> Tensor:
    """Mean squared distance of scores from 1 (real) or 0 (made).

    Mao et al., *Least Squares Generative Adversarial Networks*, ICCV 2017, eq. 9 with a = 0, b = c = 1, without its
    factor ½; the form that CycleGAN takes.

    Args:
        scores: of a discriminator, any shape.
        real: what they are held against: the truth for a discriminator, always True for a generator.
    """
    return ((scores - 1) ** 2 if real else scores**2).mean()


def logistic(scores: Tensor, real: bool) -> Tensor:
    """−log σ(s) of real, −log(1 − σ(s)) of made samples, mean.

    Goodfellow et al., *Generative Adversarial Nets*, NeurIPS 2014; with ``real=True`` on made samples it is the
    generator's non-saturating loss.

    Args:
        scores: of a discriminator, logits of any shape.
        real: as in :func:`least_squares`.
    """
    return F.softplus(-scores if real else scores).mean()


def r1_penalty(scores: Tensor, images: Tensor) -> Tensor:
    """Mean over samples of ‖∇ₓ D(x)‖², with a graph for the discriminator's parameters.

    Mescheder, Geiger & Nowozin, *Which Training Methods for GANs do actually Converge?*, ICML 2018, eq. 9, without its
    factor γ/2.

    Args:
        scores: D(x) of real images, (B, …).
        images: x, (B, C, H, W), that ``requires_grad`` and that ``scores`` was computed from.
    """
    (slope,) = torch.autograd.grad(scores.sum(), images, create_graph=True)
    return slope.square().sum((1, 2, 3)).mean()
