"""Learned weights of samples: how a clean meta loss after one virtual step depends on each sample's weight.

Meta-Weight-Net (Shu et al., NeurIPS 2019, arXiv 1902.07379, eq. 3 to 5): θ'(w) = θ − α·∇_θ (1/B)·Σ w_i·l_i(θ), then the
meta loss L(θ'(w)) is brought down by changing the network that gives w. θ' is linear in w, so its second-order gradient
has a closed form (eq. 9 there),

    ∂L/∂w_i = −(α/B)·⟨∇L(θ'), ∇l_i(θ)⟩,

the derivative of sample i's loss in the direction v = ∇L(θ'). Forward-mode differentiation gives those of all samples
in one pass: exact, and without a graph of a graph.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import grad_and_value, jvp

Parameters = dict[str, Tensor]


@dataclass(frozen=True)
class MetaGradient:
    """What a virtual step tells.

    Attributes:
        weights: ∂L/∂w_i, float (B,): positive where more weight on the sample raises the clean loss.
        meta_loss: L(θ'), a scalar.
    """

    weights: Tensor
    meta_loss: Tensor


def meta_gradient(
    losses: Callable[[Parameters], Tensor],
    meta_loss: Callable[[Parameters], Tensor],
    parameters: Parameters,
    gradient: Parameters,
    rate: float,
    batch: int,
) -> MetaGradient:
    """Gradient of the clean loss after a virtual step, with respect to the samples' weights.

    Args:
        losses: parameters → the samples' losses l (B,); a pure function (views drawn before, norms' buffers copied).
        meta_loss: parameters → clean loss, a scalar; pure as well.
        parameters: θ by name.
        gradient: ∇_θ (1/B)·Σ w_i·l_i(θ) at the weights of now, by name.
        rate: α > 0 of the virtual step.
        batch: B.
    """
    at = {name: p.detach() for name, p in parameters.items()}
    virtual = {name: p - rate * gradient[name].detach() for name, p in at.items()}
    direction, clean = grad_and_value(meta_loss)(virtual)
    with warnings.catch_warnings():  # torch's own forward-mode rules are compiled by what it has deprecated
        warnings.filterwarnings("ignore", message=".*torch.jit.script.*", category=FutureWarning)
        along = jvp(losses, (at,), (direction,))[1]  # (B,)
    return MetaGradient(-rate / batch * along.detach(), clean.detach())


def weighted_mean(weights: Tensor, losses: Tensor) -> Tensor:
    """(1/B)·Σ w_i·l_i of (B,) and (B,), a scalar."""
    return torch.mean(weights * losses)
