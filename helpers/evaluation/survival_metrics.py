"""Metrics of survival predictions, estimator named, in batched numpy.

All take survival *probabilities* S(t|x), not risk scores. ``time`` is (N,) float, ``event`` (N,) bool with True where
the event was seen. ``survival`` is (N, T): row a subject, column a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_TIE = 1e-8  # predictions closer than this are tied, as in scikit-survival


@dataclass(frozen=True)
class StepCurve:
    """Right-continuous step function, 1 before its first jump (a Kaplan-Meier curve)."""

    times: Array
    values: Array

    def __call__(self, at: Array) -> Array:
        """Value at each time; the last value goes on past the last jump."""
        where = np.searchsorted(self.times, at, side="right")
        return np.concatenate([[1.0], self.values])[where]


def kaplan_meier(time: Array, event: NDArray[np.bool_], censoring: bool = False) -> StepCurve:
    """Kaplan-Meier curve of the event, or with ``censoring`` of the censoring time.

    For the censoring curve subjects with an event at a time have left the risk set before those censored at it
    (events come first at a tie), as in scikit-survival.
    """
    time, event = np.asarray(time, float), np.asarray(event, bool)
    seen, where = np.unique(time, return_inverse=True)
    events = np.bincount(where, weights=event, minlength=len(seen))
    totals = np.bincount(where, minlength=len(seen))
    at_risk = len(time) - np.concatenate([[0], np.cumsum(totals)[:-1]]).astype(float)
    if censoring:
        deaths, at_risk = totals - events, at_risk - events
    else:
        deaths = events
    ratio = np.divide(deaths, at_risk, out=np.zeros_like(at_risk), where=at_risk > 0)
    return StepCurve(seen, np.cumprod(1.0 - ratio))


def evaluation_grid(time: Array, points: int = 100, low: float = 0.05, high: float = 0.95) -> Array:
    """Times at which Brier scores are taken: ``points`` equal steps from the 5 % to the 95 % quantile of ``time``.

    The last point is kept below the largest time, where nobody is left at risk.
    """
    first, last = np.quantile(time, [low, high])
    last = min(last, np.nextafter(np.max(time), -np.inf))
    return np.linspace(first, last, points)


def concordance_td(survival_at_event: Array, time: Array, event: NDArray[np.bool_], event_times: Array) -> float:
    """Time-dependent concordance of Antolini, Boracchi & Biganzoli (Stat. Med. 2005), without IPCW.

    A pair (i, j) is comparable if i had the event and j was still at risk after it: T_i < T_j, or T_i = T_j with j
    censored. It is concordant if S(T_i|x_i) < S(T_i|x_j); tied predictions count one half. Under proportional
    hazards it equals Harrell's C (scikit-survival's ``concordance_index_censored``).

    Args:
        survival_at_event: (N, T) S at each of ``event_times``.
        time, event: (N,).
        event_times: (T,) sorted, holding every time at which an event was seen (more does no harm).

    Returns:
        Concordance in [0, 1], NaN without any comparable pair.
    """
    time, event = np.asarray(time, float), np.asarray(event, bool)
    concordant = comparable = 0.0
    columns = np.searchsorted(event_times, time)
    for column in np.unique(columns[event]):
        at = event_times[column]
        died = event & (time == at)
        if not died.any():
            raise ValueError("event_times does not hold every event time")
        later = (time > at) | ((time == at) & ~event)
        if not later.any():
            continue
        ours = survival_at_event[died, column][:, None]  # (d, 1)
        theirs = survival_at_event[later, column][None]  # (1, m)
        gap = theirs - ours
        comparable += gap.size
        concordant += float((gap > _TIE).sum()) + 0.5 * float((np.abs(gap) <= _TIE).sum())
    return concordant / comparable if comparable else float("nan")


@dataclass(frozen=True)
class CensoringWeights:
    """Inverse probability of censoring weights from a *training* fold's censoring Kaplan-Meier curve.

    A weight whose censoring probability is 0 counts as 0, as in scikit-survival.
    """

    curve: StepCurve

    @classmethod
    def fit(cls, time: Array, event: NDArray[np.bool_]) -> CensoringWeights:
        """From the training fold's times and events."""
        return cls(kaplan_meier(time, event, censoring=True))

    def __call__(self, at: Array) -> Array:
        """1 / G(t)."""
        probability = self.curve(np.asarray(at, float))
        return np.divide(1.0, probability, out=np.zeros_like(probability), where=probability > 0)


def _integrate(score: Array, grid: Array) -> float:
    return float(np.trapezoid(score, grid) / (grid[-1] - grid[0]))


def brier_score(
    survival: Array, time: Array, event: NDArray[np.bool_], grid: Array, weights: CensoringWeights
) -> Array:
    """IPCW Brier score (Graf et al. 1999) at each time of ``grid``: (T,). ``survival`` is (N, T) on that grid."""
    case = (time[:, None] <= grid) & event[:, None]  # (N, T)
    control = time[:, None] > grid
    loss = survival**2 * case * weights(time)[:, None] + (1 - survival) ** 2 * control * weights(grid)
    return loss.mean(axis=0)


def binomial_log_likelihood(
    survival: Array, time: Array, event: NDArray[np.bool_], grid: Array, weights: CensoringWeights
) -> Array:
    """IPCW binomial log-likelihood at each time of ``grid``, sign turned so that lower is better: (T,).

    Probabilities are kept 1e-7 away from 0 and 1.
    """
    inside = np.clip(survival, 1e-7, 1 - 1e-7)
    case = (time[:, None] <= grid) & event[:, None]
    control = time[:, None] > grid
    loss = np.log1p(-inside) * case * weights(time)[:, None] + np.log(inside) * control * weights(grid)
    return -loss.mean(axis=0)


def integrated_brier_score(
    survival: Array, time: Array, event: NDArray[np.bool_], grid: Array, weights: CensoringWeights
) -> float:
    """IBS: the Brier score averaged over the grid's range by the trapezoid rule; lower is better, KM about 0.2."""
    return _integrate(brier_score(survival, time, event, grid, weights), grid)


def integrated_log_likelihood(
    survival: Array, time: Array, event: NDArray[np.bool_], grid: Array, weights: CensoringWeights
) -> float:
    """IBLL, sign turned (lower is better): the binomial log-likelihood averaged over the grid's range."""
    return _integrate(binomial_log_likelihood(survival, time, event, grid, weights), grid)


@dataclass(frozen=True)
class DCalibration:
    """``counts``: (bins,) subjects a bin of S(T|x); ``p_value``: of a chi-square test against equal bins."""

    counts: Array
    statistic: float
    p_value: float


def d_calibration(survival_at_own: Array, event: NDArray[np.bool_], bins: int = 10) -> DCalibration:
    """D-calibration (Haider, Hoehn, Davis & Greiner, JMLR 2020).

    At the true model S(T|x) of those with an event is uniform. A subject censored at c with S(c|x) = s is spread
    evenly over [0, s].

    Args:
        survival_at_own: (N,) S(T_i|x_i).
        event: (N,) bool.
        bins: equal intervals of [0, 1].
    """
    from scipy.stats import chi2

    own = np.clip(np.asarray(survival_at_own, float), 0.0, 1.0)
    edges = np.linspace(0.0, 1.0, bins + 1)
    counts = np.bincount(np.clip((own[event] * bins).astype(int), 0, bins - 1), minlength=bins).astype(float)
    level = np.maximum(own[~event], 1e-12)[:, None]  # (C, 1)
    share = np.clip(level - edges[:-1], 0.0, 1.0 / bins) / level  # (C, bins), rows sum to one
    counts = counts + share.sum(axis=0)
    expected = len(own) / bins
    statistic = float(((counts - expected) ** 2 / expected).sum())
    return DCalibration(counts, statistic, float(chi2.sf(statistic, bins - 1)))
