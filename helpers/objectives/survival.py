"""Losses of survival models, and of the two pretexts of SSL-SurvFormer."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

DENSITY_FLOOR = 1e-6


def survival_negative_log_likelihood(
    cumulative_hazard: Tensor, log_hazard: Tensor, event: Tensor, floor: float = DENSITY_FLOOR
) -> Tensor:
    """Right-censored likelihood: −[Σ_{δ=1} log(f + 1e-6) + Σ_{δ=0} log S]/n (SuMo-net, Rindt et al. 2022).

    Computed from logarithms, log f = log h − H and log S = −H, with the floor added by ``logaddexp``: the same number
    as the formula, without its overflow at sharp densities. The density is per unit of the time variable
    that the hazard is taken in; in a time scaled to the cohort the floor means the same in every corpus.

    Args:
        cumulative_hazard: (B,) H(T_i|x_i) ≥ 0, dimensionless.
        log_hazard: (B,) log ∂H/∂t at T_i.
        event: (B,) bool, True where the event was seen, False where censored.
        floor: added to the density, ≥ 0.

    Returns:
        Mean over subjects, scalar.
    """
    log_density = log_hazard - cumulative_hazard
    if floor > 0:
        log_density = torch.logaddexp(log_density, torch.full_like(log_density, math.log(floor)))
    return -torch.where(event, log_density, -cumulative_hazard).mean()


def cox_negative_log_likelihood(log_risk: Tensor, time: Tensor, event: Tensor) -> Tensor:
    """Cox partial likelihood with Breslow's handling of ties, as DeepSurv uses it (Katzman et al. 2018).

    Args:
        log_risk: (B,) log relative hazard.
        time: (B,) follow-up.
        event: (B,) bool, True where the event was seen; at least one.

    Returns:
        −mean over events of [log risk_i − log Σ_{T_j ≥ T_i} risk_j], scalar.
    """
    order = torch.argsort(time, descending=True, stable=True)
    time, event, log_risk = time[order], event[order], log_risk[order]
    at_risk = torch.logcumsumexp(log_risk, 0)
    last = torch.searchsorted(-time, -time, right=True) - 1  # everyone tied with i is at risk at T_i
    return -(log_risk - at_risk[last])[event].mean()


def mask_prediction_loss(logits: Tensor, filled: Tensor, asked: Tensor) -> Tensor:
    """Binary cross-entropy of "is this value absent and made up?", over the values that could be.

    Args:
        logits: (B, F), positive for made up.
        filled: (B, F) bool, the answer.
        asked: (B, F) bool, values that are visible to the network; others hold no question.
    """
    return F.binary_cross_entropy_with_logits(logits[asked], filled[asked].to(logits.dtype))


def reconstruction_loss(numeric: Tensor, categorical: Sequence[Tensor], values: Tensor, hidden: Tensor) -> Tensor:
    """Squared error of hidden numbers (in standard deviations) and cross-entropy of hidden categories, averaged.

    Cross-entropy is divided by log K, so that a guess at random costs 1 like the mean does for a standardised number.

    Args:
        numeric: (B, Fn) predicted standardised numbers.
        categorical: (B, K_j) logits, one tensor a categorical feature.
        values: (B, F) the truth: standardised numbers, then codes.
        hidden: (B, F) bool, what was made absent; nothing else is scored.
    """
    numbers = numeric.shape[1]
    total = ((numeric - values[:, :numbers]).square() * hidden[:, :numbers]).sum()
    for j, logits in enumerate(categorical, start=numbers):
        cost = F.cross_entropy(logits, values[:, j].long(), reduction="none") / max(math.log(logits.shape[1]), 0.1)
        total = total + (cost * hidden[:, j]).sum()
    return total / hidden.sum().clamp_min(1)
