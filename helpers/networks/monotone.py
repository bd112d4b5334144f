"""Survival curves that fall by construction: a change of time variable and a monotone head.

The head returns a cumulative hazard :math:`H(t, x)` that is 0 at ``t = 0``, non-decreasing in ``t`` and
without bound, whatever the weights, so that

.. math:: S(t \\mid x) = e^{-H(t, x)} = 1 - \\sigma(h(t, x)), \\qquad h = \\log(e^{H} - 1)

is a proper survival function and ``h`` is the monotone logit of SuMo-net (Rindt et al., AISTATS 2022). No time
bins: ``t`` enters as a number, through weights that cannot be negative, and the density is the exact derivative.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

_LOG_LIMIT = 15.0  # log risks are squashed smoothly into ±15: far beyond what any cohort can tell apart


class HazardTerms(NamedTuple):
    """A cumulative hazard and its logarithmic derivative, both at the times asked for.

    ``cumulative``: H(t, x) ≥ 0, dimensionless. ``log_hazard``: log ∂H/∂s, per unit of *scaled* time ``s``.
    """

    cumulative: Tensor
    log_hazard: Tensor


class HazardClock(nn.Module):
    """Strictly increasing, piecewise linear change of time variable ``t -> s`` with ``s(0) = 0``.

    ``s`` is the Nelson-Aalen cumulative hazard of a training fold, read at a few dozen quantiles of its event
    times and joined by straight lines. In this time every fold's population has a hazard of about one, so that a
    head with all its weights at zero already draws the Kaplan-Meier curve. Past the last knot the last slope
    (the mean slope where the last piece is flat) goes on for ever.
    """

    knots: Tensor
    values: Tensor

    def __init__(self, knots: Tensor, values: Tensor) -> None:
        """``knots``, ``values``: (K,) float64, both strictly increasing from 0; see :meth:`fit`."""
        super().__init__()
        if knots.ndim != 1 or knots.shape != values.shape or len(knots) < 2:
            raise ValueError(f"knots and values must be equally long lists of at least 2, not {knots.shape}")
        if float(knots[0]) != 0.0 or float(values[0]) != 0.0:
            raise ValueError("a clock starts at (0, 0)")
        if bool((knots.diff() <= 0).any()) or bool((values.diff() <= 0).any()):
            raise ValueError("a clock's knots and values must rise strictly")
        self.register_buffer("knots", knots.double())
        self.register_buffer("values", values.double())

    @classmethod
    def fit(cls, time: np.ndarray, event: np.ndarray, pieces: int = 40) -> HazardClock:
        """The clock of one training fold.

        Args:
            time: (N,) follow-up times, ≥ 0, any unit.
            event: (N,) bool, True where the event was seen, at least one at a time above 0.
            pieces: upper limit on the number of straight pieces.
        """
        time, event = np.asarray(time, float), np.asarray(event, bool)
        if not (event & (time > 0)).any():
            raise ValueError("a clock needs at least one event after time 0")
        seen = np.unique(time[event & (time > 0)])
        order = np.sort(time)
        at_risk = len(time) - np.searchsorted(order, seen, side="left")  # (T,) Y(t)
        deaths = np.searchsorted(np.sort(time[event]), seen, side="right")
        deaths = np.diff(deaths, prepend=int((time[event] <= 0).sum()))  # (T,) d(t)
        hazard = np.cumsum(deaths / at_risk)  # (T,) Nelson-Aalen
        levels = np.linspace(0.0, 1.0, pieces + 1)[1:]
        knots = np.unique(np.quantile(time[event & (time > 0)], levels, method="inverted_cdf"))
        values = hazard[np.searchsorted(seen, knots, side="right") - 1]
        knots, values = np.append(0.0, knots), np.append(0.0, values)
        # the risk set of the last few makes the last jumps wild: a slope is never below a thousandth of the mean
        floor = 1e-3 * values[-1] / knots[-1]
        values = values + floor * knots
        return cls(torch.from_numpy(knots), torch.from_numpy(values))

    def forward(self, time: Tensor) -> tuple[Tensor, Tensor]:
        """``time``: any shape, ≥ 0 → (s, log ds/dt), both float32 in the same shape."""
        time = time.double().clamp_min(0.0).contiguous()
        piece = torch.searchsorted(self.knots, time, right=True).clamp(1, len(self.knots) - 1)
        left, right = self.knots[piece - 1], self.knots[piece]
        low, high = self.values[piece - 1], self.values[piece]
        slope = (high - low) / (right - left)
        return (low + slope * (time - left)).float(), slope.log().float()


class MonotoneHead(nn.Module):
    r"""Cumulative hazard that rises in time whatever its weights: smooth time windows, each with its own risk.

    With ``s`` the scaled time and ``z`` a patient's embedding,

    .. math:: H(s, z) = \sum_{k=0}^{K} e^{\alpha_k(z)} R_k(s), \qquad
              R_k(s) = g_{c_k}(s) - g_{c_{k+1}}(s), \quad g_c(s) = s - c \arctan(s / c),

    :math:`g_{c_0}(s) = s`, :math:`g_{c_{K+1}} = 0` and learned centres :math:`0 < c_1 < … < c_K`. Each :math:`R_k`
    starts at 0 and rises (its derivative is a difference of Hill curves :math:`s^2 / (s^2 + c^2)`), the last
    one without bound, and
    the weights on them are positive: the time path is monotone by construction, the patient path is free. The
    :math:`R_k` sum to ``s``: with equal risks the hazards are proportional, and the curve is Kaplan-Meier's at
    :math:`\alpha = 0`, where training starts. Unequal ones let curves cross.
    """

    def __init__(self, width: int, hidden: int = 32, windows: int = 6, dropout: float = 0.0) -> None:
        """``width``: of the embedding; ``hidden``: of the head's layer; ``windows``: K, 0 = proportional hazards."""
        super().__init__()
        self.windows = windows
        self.trunk = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout))
        self.risk = nn.Linear(hidden, 1)
        self.change = nn.Linear(hidden, windows + 1)
        for layer in (self.risk, self.change):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        first, step = 0.02, (1.5 / 0.02) ** (1 / max(1, windows - 1))  # scaled time, 0.02 … 1.5
        self.log_first = nn.Parameter(torch.tensor(math.log(first)))
        self.steps = nn.Parameter(torch.full((max(0, windows - 1),), math.log(math.expm1(math.log(step)))))

    def centres(self) -> Tensor:
        """(K,) strictly rising centres, scaled time, float64."""
        first = self.log_first.double().clamp(-12.0, 6.0)
        gaps = (F.softplus(self.steps.double()) + 0.05).clamp_max(6.0)
        return torch.cat([first[None], first + gaps.cumsum(0)]).exp()[: self.windows]

    def log_risks(self, embedding: Tensor) -> Tensor:
        """Embedding (B, D) → α (B, K + 1), kept within ±15."""
        hidden = self.trunk(embedding)
        free = self.risk(hidden) + self.change(hidden)  # (B, K + 1)
        return _LOG_LIMIT * torch.tanh(free / _LOG_LIMIT)

    def windows_at(self, scaled_time: Tensor) -> tuple[Tensor, Tensor]:
        """Scaled times (...) → R (..., K + 1) and its derivative, float64, both ≥ 0."""
        s = scaled_time.double()[..., None]  # (..., 1)
        c = self.centres()  # (K,)
        ratio = s / c
        small = ratio.clamp_max(0.1)
        series = small**3 * (1 / 3 - small**2 * (1 / 5 - small**2 * (1 / 7 - small**2 / 9)))
        bend = c * torch.where(ratio < 0.1, series, ratio - torch.atan(ratio))  # (..., K) g_c(s), no cancellation
        hill = ratio.square() / (1 + ratio.square())
        edge = torch.zeros_like(s)
        rise = torch.cat([s, bend], -1) - torch.cat([bend, edge], -1)
        rate = torch.cat([edge + 1, hill], -1) - torch.cat([hill, edge], -1)
        return rise.clamp_min(0.0), rate.clamp_min(0.0)

    def forward(self, embedding: Tensor, scaled_time: Tensor) -> HazardTerms:
        """H and log ∂H/∂s.

        Args:
            embedding: (B, D).
            scaled_time: (B,), one time a patient → terms (B,); or (1, T), the same times for all → terms (B, T).
        """
        weights = self.log_risks(embedding).exp()  # (B, K + 1)
        rise, rate = (part.to(weights.dtype) for part in self.windows_at(scaled_time))
        if scaled_time.ndim == 1:
            total, hazard = (weights * rise).sum(1), (weights * rate).sum(1)  # (B,)
        else:
            total, hazard = weights @ rise[0].mT, weights @ rate[0].mT  # (B, T)
        return HazardTerms(total, hazard.clamp_min(1e-30).log())


def survival_logit(cumulative: Tensor) -> Tensor:
    """The paper's monotone ``h`` with ``1 − σ(h) = exp(−H)``: log(expm1(H)), −∞ at H = 0."""
    return torch.where(cumulative > 20, cumulative, torch.expm1(cumulative.clamp_max(20)).log())
