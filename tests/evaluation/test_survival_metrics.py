"""Survival metrics equal scikit-survival's where it has them, and brute force where it has not."""

import numpy as np
import pytest
from sksurv.linear_model.coxph import BreslowEstimator
from sksurv.metrics import (
    brier_score as sksurv_brier,
)
from sksurv.metrics import (
    concordance_index_censored,
)
from sksurv.metrics import (
    integrated_brier_score as sksurv_ibs,
)
from sksurv.nonparametric import CensoringDistributionEstimator, kaplan_meier_estimator
from sksurv.util import Surv

from helpers.evaluation.survival_metrics import (
    CensoringWeights,
    binomial_log_likelihood,
    brier_score,
    concordance_td,
    d_calibration,
    evaluation_grid,
    integrated_brier_score,
    integrated_log_likelihood,
    kaplan_meier,
)


def cohort(seed: int, count: int, ties: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    risk = rng.normal(size=count)
    death, censoring = rng.exponential(np.exp(-risk)) * 20, rng.exponential(25, count)
    time = np.minimum(death, censoring)
    return (np.ceil(time) if ties else time), death <= censoring, risk


@pytest.mark.parametrize("ties", [False, True])
def test_kaplan_meier_of_event_and_censoring_equal_scikit_survival(ties: bool) -> None:
    time, event, _ = cohort(0, 200, ties)
    at, expected = kaplan_meier_estimator(event, time)
    np.testing.assert_allclose(kaplan_meier(time, event)(at), expected)
    theirs = CensoringDistributionEstimator().fit(Surv.from_arrays(event, time))
    np.testing.assert_allclose(kaplan_meier(time, event, censoring=True)(at), theirs.predict_proba(at))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_td_concordance_equals_harrell_s_under_proportional_hazards(seed: int, ties: bool) -> None:
    time, event, risk = cohort(seed, 300, ties)
    event_times = np.unique(time[event])
    base = BreslowEstimator().fit(risk, event, time)
    survival = np.stack([f(event_times) for f in base.get_survival_function(risk)])
    survival = np.exp(-np.exp(risk)[:, None] * (event_times + 1) / 1000)  # never flat, so never tied by rounding
    expected = concordance_index_censored(event, time, risk)[0]
    assert concordance_td(survival, time, event, event_times) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_td_concordance_equals_brute_force_with_tied_times_and_predictions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    time, event = rng.integers(1, 12, 60).astype(float), rng.random(60) < 0.5
    event_times = np.unique(time[event])
    survival = np.sort(np.round(rng.random((60, len(event_times))), 1), axis=1)[:, ::-1]
    hits = pairs = 0.0
    for i in range(60):
        if not event[i]:
            continue
        column = int(np.searchsorted(event_times, time[i]))
        for j in range(60):
            if time[j] > time[i] or (time[j] == time[i] and not event[j]):
                pairs += 1
                mine, other = survival[i, column], survival[j, column]
                hits += 0.5 if mine == other else float(mine < other)
    assert concordance_td(survival, time, event, event_times) == pytest.approx(hits / pairs)


def test_td_concordance_of_one_curve_for_all_is_a_half_and_without_pairs_undefined() -> None:
    time, event = np.array([1.0, 2.0, 3.0]), np.array([True, True, False])
    assert concordance_td(np.full((3, 2), 0.5), time, event, np.array([1.0, 2.0])) == 0.5
    lone = concordance_td(np.full((3, 1), 0.5), time, np.array([False, False, True]), np.array([3.0]))
    assert np.isnan(lone)


def test_event_times_that_lack_an_event_are_refused() -> None:
    with pytest.raises(ValueError, match="every event time"):
        concordance_td(np.ones((2, 2)), np.array([1.0, 2.0]), np.array([True, False]), np.array([0.5, 1.5]))


@pytest.mark.parametrize("ties", [False, True])
def test_brier_scores_equal_scikit_survival(ties: bool) -> None:
    train_time, train_event, _ = cohort(0, 400, ties)
    time, event, risk = cohort(1, 150, ties)
    inside = time < train_time.max()
    time, event, risk = time[inside], event[inside], risk[inside]
    grid = evaluation_grid(time, points=30)
    survival = np.exp(-np.exp(risk)[:, None] * grid / 20)
    weights = CensoringWeights.fit(train_time, train_event)
    train, test = Surv.from_arrays(train_event, train_time), Surv.from_arrays(event, time)
    np.testing.assert_allclose(
        brier_score(survival, time, event, grid, weights), sksurv_brier(train, test, survival, grid)[1]
    )
    assert integrated_brier_score(survival, time, event, grid, weights) == pytest.approx(
        sksurv_ibs(train, test, survival, grid)
    )


def test_without_censoring_the_scores_are_plain_means() -> None:
    rng = np.random.default_rng(0)
    time, event = rng.exponential(10, 80), np.ones(80, bool)
    grid = evaluation_grid(time, points=5)
    survival = rng.random((80, 5))
    weights = CensoringWeights.fit(time, event)
    alive = time[:, None] > grid
    np.testing.assert_allclose(
        brier_score(survival, time, event, grid, weights), ((alive - survival) ** 2).mean(axis=0)
    )
    np.testing.assert_allclose(
        binomial_log_likelihood(survival, time, event, grid, weights),
        -np.where(alive, np.log(survival), np.log1p(-survival)).mean(axis=0),
    )


def test_certain_and_wrong_predictions_keep_the_log_likelihood_finite() -> None:
    time, event = np.array([1.0, 2.0, 3.0, 4.0]), np.ones(4, bool)
    grid = evaluation_grid(time, points=4)
    score = integrated_log_likelihood(np.zeros((4, 4)), time, event, grid, CensoringWeights.fit(time, event))
    assert np.isfinite(score)


def test_the_grid_stays_where_someone_is_at_risk() -> None:
    time = np.array([1.0, 5.0, 5.0, 5.0, 5.0])
    grid = evaluation_grid(time)
    assert grid[-1] < 5
    assert len(grid) == 100


def test_the_true_model_is_d_calibrated_and_a_biased_one_is_not() -> None:
    rng = np.random.default_rng(0)
    death, censoring = rng.exponential(1, 5000), rng.exponential(1.5, 5000)
    time, event = np.minimum(death, censoring), death <= censoring
    true = d_calibration(np.exp(-time), event)
    assert true.p_value > 0.05
    assert true.counts.sum() == pytest.approx(5000)
    assert d_calibration(np.exp(-1.3 * time), event).p_value < 1e-6


def test_a_censored_subject_is_spread_evenly_below_its_survival() -> None:
    counts = d_calibration(np.array([0.25]), np.array([False]), bins=10).counts
    np.testing.assert_allclose(counts, [0.4, 0.4, 0.2] + [0] * 7)
