"""Baselines answer with proper curves, from statistics of the training fold alone."""

import numpy as np
import pytest
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.util import Surv

from helpers.evaluation.survival_baselines import (
    BASELINES,
    DesignMatrix,
    Outcomes,
    Steps,
    breslow_cumulative_hazard,
    fit_cox,
    fit_kaplan_meier,
)


def cohort(count: int = 220) -> tuple[np.ndarray, Outcomes]:
    rng = np.random.default_rng(0)
    design = rng.normal(size=(count, 4))
    death, censoring = rng.exponential(np.exp(-design[:, 0])) * 20, rng.exponential(30, count)
    return design, Outcomes(np.ceil(np.minimum(death, censoring)), death <= censoring)


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_draws_falling_curves_from_one(name: str) -> None:
    design, outcomes = cohort()
    half = Outcomes(outcomes.time[:160], outcomes.event[:160])
    rest = Outcomes(outcomes.time[160:], outcomes.event[160:])
    model = BASELINES[name](design[:160], half, design[160:], rest, 0)
    times = np.concatenate([[0.0], np.linspace(1, 2 * outcomes.time.max(), 50)])
    survival = model.survival(design[160:], times)
    assert survival.shape == (60, 51)
    assert (survival[:, 0] == 1).all()
    assert ((survival >= 0) & (survival <= 1)).all()
    assert (np.diff(survival, axis=1) <= 1e-12).all()
    again = BASELINES[name](design[:160], half, design[160:], rest, 0).survival(design[160:], times)
    np.testing.assert_array_equal(survival, again)


def test_cox_curves_equal_scikit_survival_s() -> None:
    design, outcomes = cohort()
    theirs = CoxPHSurvivalAnalysis(alpha=1.0).fit(design, Surv.from_arrays(outcomes.event, outcomes.time))
    expected = theirs.predict_survival_function(design[:10], return_array=True)
    ours = fit_cox(design, outcomes, design, outcomes).survival(design[:10], theirs.unique_times_)
    np.testing.assert_allclose(ours, expected, rtol=1e-6)


def test_breslow_with_equal_risks_is_nelson_aalen() -> None:
    outcomes = Outcomes(np.array([1.0, 2.0, 2.0, 3.0]), np.array([True, True, False, True]))
    curve = breslow_cumulative_hazard(np.zeros(4), outcomes)
    np.testing.assert_allclose(-np.log(curve(np.array([1.0, 2.0, 3.0]))), [1 / 4, 1 / 4 + 1 / 3, 1 / 4 + 1 / 3 + 1])


def test_kaplan_meier_gives_everyone_one_curve() -> None:
    design, outcomes = cohort()
    survival = fit_kaplan_meier(design, outcomes, design, outcomes).survival(design[:5], np.array([0.0, 5.0, 10.0]))
    assert (survival == survival[0]).all()


def test_steps_are_right_continuous_and_one_before_the_first() -> None:
    steps = Steps(np.array([2.0, 4.0]), np.array([[0.5, 0.25]]))
    np.testing.assert_array_equal(steps.at(np.array([0.0, 1.9, 2.0, 3.9, 4.0, 9.0])), [[1, 1, 0.5, 0.5, 0.25, 0.25]])


def test_imputation_statistics_come_from_the_training_fold() -> None:
    train = np.array([[1.0, 0.0], [3.0, 0.0], [np.nan, 1.0]])
    design = DesignMatrix.fit(train, numeric=1, cardinalities=[3])
    assert design.centre[0] == 2.0
    test = np.array([[np.nan, np.nan], [4.0, 2.0]])
    rows = design(test)
    # standardised number, one column a level but the first, an indicator for the number (it had gaps in training)
    np.testing.assert_allclose(rows, [[0, 0, 0, 1], [2, 0, 1, 0]])
    np.testing.assert_array_equal(rows, design(test[::-1])[::-1])


def test_a_feature_never_seen_in_training_stays_harmless() -> None:
    design = DesignMatrix.fit(np.array([[np.nan], [np.nan]]), numeric=1, cardinalities=[])
    assert np.isfinite(design(np.array([[5.0], [np.nan]]))).all()
