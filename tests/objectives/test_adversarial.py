"""Adversarial losses are their formulas, and the R1 penalty's gradient is that of the discriminator's slope."""

import pytest
import torch
from torch import nn

from helpers.objectives.adversarial import least_squares, logistic, r1_penalty
from helpers.objectives.energy_distance import energy_distance


def test_losses_by_hand():
    scores = torch.tensor([[0.5], [-2.0]], dtype=torch.double)
    assert least_squares(scores, True).item() == pytest.approx((0.25 + 9) / 2)
    assert least_squares(scores, False).item() == pytest.approx((0.25 + 4) / 2)
    chance = torch.sigmoid(scores)
    assert logistic(scores, True).item() == pytest.approx(-chance.log().mean().item())
    assert logistic(scores, False).item() == pytest.approx(-(1 - chance).log().mean().item())


def test_r1_of_a_linear_judge_is_the_squared_length_of_its_weights_and_so_is_its_gradient():
    weight = torch.randn(3, 4, 4, dtype=torch.double, requires_grad=True)
    images = torch.randn(5, 3, 4, 4, dtype=torch.double, requires_grad=True)
    penalty = r1_penalty((images * weight).sum((1, 2, 3)), images)
    torch.testing.assert_close(penalty, weight.square().sum())
    (slope,) = torch.autograd.grad(penalty, weight)
    torch.testing.assert_close(slope, 2 * weight.detach())


def test_r1s_gradient_agrees_with_finite_differences_in_a_network():
    torch.manual_seed(0)
    judge = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    images = torch.randn(4, 3, 2, 2, dtype=torch.double)

    def penalty(weight: torch.Tensor) -> torch.Tensor:
        x = images.clone().requires_grad_()
        state = {"1.weight": weight}
        return r1_penalty(torch.func.functional_call(judge, state, (x,)), x)

    assert torch.autograd.gradcheck(penalty, judge[1].weight.detach().clone().requires_grad_())


def test_energy_distance_agrees_with_scipy_in_one_dimension_and_vanishes_between_equal_laws():
    from scipy.stats import energy_distance as theirs

    g = torch.Generator().manual_seed(0)
    a, b = torch.randn(300, 1, generator=g).double(), 1 + torch.randn(200, 1, generator=g).double()
    n, m = len(a), len(b)
    biased = energy_distance(a, b) + torch.cdist(a, a).sum() * (1 / (n * (n - 1)) - 1 / n**2)
    biased = biased + torch.cdist(b, b).sum() * (1 / (m * (m - 1)) - 1 / m**2)
    assert biased.item() == pytest.approx(theirs(a[:, 0], b[:, 0]) ** 2, rel=1e-6)
    same = torch.randn(2, 400, 3, generator=g)
    assert abs(energy_distance(same[0], same[1]).item()) < 0.02


def test_energy_distance_pulls_points_towards_the_other_cloud():
    g = torch.Generator().manual_seed(0)
    a = torch.randn(50, 2, generator=g).requires_grad_()
    b = 3 + torch.randn(50, 2, generator=g)
    (slope,) = torch.autograd.grad(energy_distance(a, b), a)
    assert torch.isfinite(slope).all()
    assert (slope.mean(0) < 0).all()  # downhill is upwards, towards b
