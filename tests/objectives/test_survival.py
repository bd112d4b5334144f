"""Survival likelihoods and pretext losses against closed forms and independent implementations."""

import math

import pytest
import torch

from helpers.objectives.survival import (
    cox_negative_log_likelihood,
    mask_prediction_loss,
    reconstruction_loss,
    survival_negative_log_likelihood,
)


def test_likelihood_equals_the_formula_and_its_gradient() -> None:
    torch.manual_seed(0)
    cumulative = torch.rand(50, dtype=torch.float64).requires_grad_()
    log_hazard = torch.randn(50, dtype=torch.float64).requires_grad_()
    event = torch.rand(50) < 0.5
    loss = survival_negative_log_likelihood(cumulative, log_hazard, event)
    density = log_hazard.exp() * torch.exp(-cumulative)
    plain = -(torch.log(density + 1e-6)[event].sum() + torch.log(torch.exp(-cumulative))[~event].sum()) / 50
    torch.testing.assert_close(loss, plain)
    ours = torch.autograd.grad(loss, [cumulative, log_hazard])
    theirs = torch.autograd.grad(plain, [cumulative, log_hazard])
    torch.testing.assert_close(ours, theirs)


def test_likelihood_of_an_exponential_is_its_closed_form() -> None:
    time, event = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([True, False, True])
    rate = 0.5
    loss = survival_negative_log_likelihood(rate * time, torch.full((3,), math.log(rate)), event, floor=0.0)
    assert float(loss) == pytest.approx(-(2 * math.log(rate) - rate * 6) / 3)


def test_likelihood_is_finite_where_the_density_underflows() -> None:
    loss = survival_negative_log_likelihood(torch.tensor([500.0]), torch.tensor([-50.0]), torch.tensor([True]))
    assert float(loss) == pytest.approx(-math.log(1e-6))


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore:Ties in")
@pytest.mark.parametrize("tied", [False, True])
def test_cox_loss_equals_torchsurv_in_value_and_gradient(tied: bool) -> None:
    from torchsurv.loss.cox import neg_partial_log_likelihood

    torch.manual_seed(0)
    log_risk = torch.randn(40).requires_grad_()
    time = torch.randint(1, 8, (40,)).float() if tied else torch.rand(40)
    event = torch.rand(40) < 0.6
    ours = cox_negative_log_likelihood(log_risk, time, event)
    # torchsurv's mean is over distinct event times, this one over events
    theirs = neg_partial_log_likelihood(log_risk, event, time, ties_method="breslow", reduction="sum") / event.sum()
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(
        torch.autograd.grad(ours, log_risk)[0], torch.autograd.grad(theirs, log_risk)[0], rtol=1e-4, atol=1e-6
    )


def test_reconstruction_scores_hidden_values_alone() -> None:
    torch.manual_seed(0)
    values = torch.cat([torch.randn(5, 2), torch.tensor([[0.0], [1], [2], [1], [0]])], dim=1)
    numeric, levels = torch.randn(5, 2).requires_grad_(), torch.randn(5, 3).requires_grad_()
    hidden = torch.zeros(5, 3, dtype=torch.bool)
    hidden[0, 0] = hidden[3, 2] = True
    loss = reconstruction_loss(numeric, [levels], values, hidden)
    expected = (numeric[0, 0] - values[0, 0]) ** 2 - torch.log_softmax(levels[3], 0)[1] / math.log(3)
    torch.testing.assert_close(loss, expected / 2)
    loss.backward()
    assert numeric.grad is not None
    assert levels.grad is not None
    assert (numeric.grad != 0).nonzero().tolist() == [[0, 0]]
    assert levels.grad.abs().sum(1).nonzero().flatten().tolist() == [3]


def test_nothing_hidden_costs_nothing() -> None:
    loss = reconstruction_loss(torch.randn(4, 2), [], torch.randn(4, 2), torch.zeros(4, 2, dtype=torch.bool))
    assert float(loss) == 0


def test_mask_prediction_asks_about_visible_values_alone() -> None:
    logits = torch.zeros(2, 3, requires_grad=True)
    asked = torch.tensor([[True, False, True], [False, True, False]])
    filled = torch.tensor([[True, False, False], [False, False, False]])
    loss = mask_prediction_loss(logits, filled, asked)
    assert loss.item() == pytest.approx(math.log(2))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient[~asked].eq(0).all()
    torch.testing.assert_close(gradient[asked], torch.tensor([-0.5, 0.5, 0.5]) / 3)
