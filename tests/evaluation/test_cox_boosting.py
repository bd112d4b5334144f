"""Boosting on the Cox likelihood equals scikit-survival's, tree by tree."""

import numpy as np
import pytest
import torch
from sksurv.ensemble import GradientBoostingSurvivalAnalysis
from sksurv.util import Surv

from helpers.evaluation.cox_boosting import CoxBoosting, cox_negative_gradient
from helpers.objectives.survival import cox_negative_log_likelihood


def cohort(ties: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    design = rng.normal(size=(150, 3))
    time = rng.exponential(np.exp(-design[:, 0])) * 20
    return design, np.ceil(time) if ties else time, rng.random(150) < 0.7


@pytest.mark.parametrize("ties", [False, True])
def test_the_gradient_is_that_of_the_partial_likelihood(ties: bool) -> None:
    design, time, event = cohort(ties)
    log_risk = torch.tensor(design[:, 1], requires_grad=True)
    loss = cox_negative_log_likelihood(log_risk, torch.tensor(time), torch.tensor(event)) * event.sum()
    (expected,) = torch.autograd.grad(loss, log_risk)
    ours = cox_negative_gradient(design[:, 1], time, event)
    np.testing.assert_allclose(ours, -expected.numpy(), atol=1e-10)
    assert ours.sum() == pytest.approx(0, abs=1e-9)


def test_predictions_equal_scikit_survival_s() -> None:
    design, time, event = cohort(ties=False)
    theirs = GradientBoostingSurvivalAnalysis(
        n_estimators=30, max_depth=2, learning_rate=0.1, min_samples_leaf=15, random_state=0
    ).fit(design, Surv.from_arrays(event, time))
    ours = CoxBoosting(trees=30, subsample=1.0).fit(design, time, event)
    np.testing.assert_allclose(ours.predict(design), theirs.predict(design), atol=1e-8)


def test_more_trees_lower_the_loss_and_a_seed_repeats() -> None:
    design, time, event = cohort(ties=True)
    losses = []
    for trees in (0, 10, 60):
        log_risk = CoxBoosting(trees=trees).fit(design, time, event).predict(design)
        losses.append(
            float(cox_negative_log_likelihood(torch.tensor(log_risk), torch.tensor(time), torch.tensor(event)))
        )
    assert losses[0] > losses[1] > losses[2]
    first, again = (CoxBoosting(seed=4).fit(design, time, event).predict(design) for _ in range(2))
    np.testing.assert_array_equal(first, again)
