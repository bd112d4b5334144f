"""Confidence intervals for a mean paired difference, one for each way the pairs can depend on one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_BCA_FROM = 40  # pairs


@dataclass(frozen=True)
class Interval:
    """A mean difference with its confidence interval.

    Attributes:
        mean: the mean paired difference, in the metric's unit.
        low, high: confidence limits in the same unit; NaN where the pairs cannot carry an interval.
        p_value: two-sided, of the hypothesis that the true mean difference is ``null``.
        method: which interval it is, in words.
        pairs: number of pairs.
    """

    mean: float
    low: float
    high: float
    p_value: float
    method: str
    pairs: int


def corrected_resampled_t(
    differences: np.ndarray, test_fraction: float, null: float = 0.0, confidence: float = 0.95
) -> Interval:
    """Interval for the folds of (repeated) cross-validation, whose training sets overlap.

    The variance of the mean is (1/J + n_test/n_train)·s² (Nadeau & Bengio, *Inference for the generalization error*,
    Machine Learning 52, 2003, eq. 9), J the number of pairs; the quantile is Student's with J − 1 degrees of freedom.

    Args:
        differences: one paired difference a fold (and repeat), (J,), J >= 2.
        test_fraction: n_test/(n_test + n_train) in (0, 1).
        null: the value that the p-value is for.
        confidence: coverage in (0, 1).
    """
    d = _one_dimensional(differences)
    variance = d.var(ddof=1) * (1 / len(d) + test_fraction / (1 - test_fraction))
    return _student(d.mean(), variance, len(d) - 1, null, confidence, "corrected resampled t over folds", len(d))


def crossed_seeds_subjects(differences: np.ndarray, null: float = 0.0, confidence: float = 0.95) -> Interval:
    """Interval for seeds × subjects of one fixed test set, both taken as random.

    Two-way random effects: the variance of the grand mean is (max(MS_seed − MS_rest, 0) + MS_subject)/(S·N), with
    Satterthwaite's degrees of freedom; where the seeds vary no more than the rest, their mean square does not count.
    A percentile bootstrap over seeds and subjects covers too seldom at five seeds (a test measures both).

    Args:
        differences: paired differences, (S seeds, N subjects), S >= 2, N >= 2, e.g. correct(method) −
            correct(baseline).
        null: the value that the p-value is for.
        confidence: coverage in (0, 1).
    """
    d = np.asarray(differences, dtype=float)
    if d.ndim != 2 or min(d.shape) < 2:
        raise ValueError(f"needs a (seeds, subjects) matrix with at least two of each, not {d.shape}")
    seeds, subjects = d.shape
    mean = d.mean()
    by_seed, by_subject = d.mean(axis=1), d.mean(axis=0)
    ms_seed = subjects * ((by_seed - mean) ** 2).sum() / (seeds - 1)
    ms_subject = seeds * ((by_subject - mean) ** 2).sum() / (subjects - 1)
    rest = d - by_seed[:, None] - by_subject[None, :] + mean
    rest_df = (seeds - 1) * (subjects - 1)
    ms_rest = (rest**2).sum() / rest_df
    combined, spread = ms_subject, ms_subject**2 / (subjects - 1)
    if ms_seed > ms_rest:
        combined += ms_seed - ms_rest
        spread += ms_seed**2 / (seeds - 1) + ms_rest**2 / rest_df
    df = combined**2 / spread if spread > 0 else seeds - 1
    method = "crossed seeds × test subjects (Satterthwaite t)"
    return _student(mean, combined / d.size, df, null, confidence, method, seeds)


def independent_pairs(differences: np.ndarray, null: float = 0.0, confidence: float = 0.95) -> Interval:
    """Interval for independent pairs: Student's t below 40 of them, BCa bootstrap (scipy) from 40 on.

    Where 95 % is asked, BCa covers 89 % of normal and 88 % of exponential samples at 10 pairs, 93 % and 92 % at 30,
    94 % and 93 % at 40, the first of these within two points (4,000 simulations each; a test repeats the ends).
    Student's t covers 95 % of normal samples at any number, of exponential ones 91 % at 10 pairs and 93.5 % at 40.

    Args:
        differences: one paired difference an independent unit, (J,), J >= 2.
        null: the value that the p-value is for.
        confidence: coverage in (0, 1).
    """
    from scipy import stats

    d = _one_dimensional(differences)
    exact = _student(d.mean(), d.var(ddof=1) / len(d), len(d) - 1, null, confidence, "t over independent pairs", len(d))
    if len(d) < _BCA_FROM or np.ptp(d) == 0:
        return exact
    found = stats.bootstrap(
        (d,),
        np.mean,
        confidence_level=confidence,
        method="BCa",
        n_resamples=4999,
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Interval(
        exact.mean, float(found.low), float(found.high), exact.p_value, "BCa over independent pairs", len(d)
    )


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm's step-down adjusted p-values (Scand. J. Statistics 6, 1979), same order as given, each in [0, 1]."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p)
    stepped = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def _one_dimensional(differences: np.ndarray) -> np.ndarray:
    d = np.asarray(differences, dtype=float)
    if d.ndim != 1 or len(d) < 2:
        raise ValueError(f"needs at least two paired differences in one dimension, not shape {d.shape}")
    return d


def _student(
    mean: float, variance: float, df: float, null: float, confidence: float, method: str, pairs: int
) -> Interval:
    from scipy.special import stdtr, stdtrit

    error = float(np.sqrt(variance))
    half = float(stdtrit(df, 0.5 + confidence / 2)) * error
    if error > 0:
        p = float(2 * stdtr(df, -abs(mean - null) / error))
    else:
        p = 1.0 if mean == null else 0.0
    return Interval(float(mean), float(mean - half), float(mean + half), p, method, pairs)
