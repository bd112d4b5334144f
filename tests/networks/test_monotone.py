"""The clock and the monotone head: proper survival functions whatever the weights."""

import numpy as np
import pytest
import torch

from helpers.evaluation.survival_metrics import kaplan_meier
from helpers.networks.monotone import HazardClock, MonotoneHead, survival_logit


def head_with_random_weights(seed: int, scale: float, windows: int = 6) -> MonotoneHead:
    torch.manual_seed(seed)
    head = MonotoneHead(8, hidden=16, windows=windows).eval()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(torch.randn_like(parameter) * scale)
    return head


@pytest.mark.parametrize("windows", [0, 1, 6])
@pytest.mark.parametrize("scale", [0.3, 3.0, 100.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_survival_is_proper_at_any_weights(seed: int, scale: float, windows: int) -> None:
    head = head_with_random_weights(seed, scale, windows)
    embedding = torch.randn(50, 8) * scale
    times = torch.cat([torch.zeros(1), torch.logspace(-6, 4, 400)])[None]
    terms = head(embedding, times)
    survival = torch.exp(-terms.cumulative)
    assert torch.isfinite(terms.cumulative).all()
    assert torch.isfinite(terms.log_hazard).all()
    assert (survival[:, 0] == 1).all()
    assert ((survival >= 0) & (survival <= 1)).all()
    assert (survival.diff(dim=1) <= 1e-7).all()
    slack = 1e-6 * terms.cumulative[:, 1:] + 1e-12
    assert (terms.cumulative.diff(dim=1) >= -slack).all()


def test_cumulative_hazard_grows_without_bound() -> None:
    head = head_with_random_weights(0, 0.5)
    embedding = torch.randn(20, 8)
    terms = head(embedding, torch.tensor([[1e6, 1e9, 1e12]]))
    assert (terms.cumulative[:, 1] > 100 * terms.cumulative[:, 0]).all()
    assert (torch.exp(-terms.cumulative[:, 2]) < 1e-6).all()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_hazard_is_the_derivative_of_the_cumulative_hazard(seed: int) -> None:
    head = head_with_random_weights(seed, 0.7)
    embedding = torch.randn(30, 8)
    time = (torch.rand(30) * 3 + 1e-3).requires_grad_()
    terms = head(embedding, time)
    (slope,) = torch.autograd.grad(terms.cumulative.sum(), time)
    torch.testing.assert_close(terms.log_hazard.exp(), slope, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("seed", [0, 1])
def test_density_integrates_to_one_minus_survival(seed: int) -> None:
    head = head_with_random_weights(seed, 0.7)
    embedding = torch.randn(5, 8)
    time = torch.linspace(0, 4, 20_001)
    terms = head(embedding, time[None])
    density = torch.exp(terms.log_hazard - terms.cumulative).double()
    area = torch.trapezoid(density, time.double(), dim=1)
    torch.testing.assert_close(area, 1 - torch.exp(-terms.cumulative[:, -1].double()), rtol=2e-3, atol=2e-3)


def test_one_time_a_patient_equals_the_diagonal_of_all_times() -> None:
    head = head_with_random_weights(3, 0.7)
    embedding, times = torch.randn(7, 8), torch.rand(7) * 2
    both = head(embedding, times[None])
    own = head(embedding, times)
    torch.testing.assert_close(own.cumulative, both.cumulative.diagonal())
    torch.testing.assert_close(own.log_hazard, both.log_hazard.diagonal())


def test_survival_is_one_minus_the_sigmoid_of_a_rising_logit() -> None:
    cumulative = torch.cat([torch.zeros(1), torch.logspace(-4, 2, 50)]).double()
    logit = survival_logit(cumulative)
    torch.testing.assert_close(1 - torch.sigmoid(logit), torch.exp(-cumulative))
    assert (logit.diff() > 0).all()


def test_training_starts_at_the_kaplan_meier_curve() -> None:
    rng = np.random.default_rng(0)
    time, event = rng.weibull(0.7, 3000) * 100, rng.random(3000) < 0.6
    clock, head = HazardClock.fit(time, event), MonotoneHead(8).eval()
    at = np.quantile(time, np.linspace(0.02, 0.95, 40))
    scaled, _ = clock(torch.from_numpy(at))
    survival = torch.exp(-head(torch.randn(4, 8), scaled[None]).cumulative).detach().numpy()
    assert np.abs(survival - kaplan_meier(time, event)(at)).max() < 0.02


def test_every_weight_of_the_head_gets_a_gradient() -> None:
    head = head_with_random_weights(0, 0.5)
    terms = head(torch.randn(40, 8), torch.rand(40) * 2)
    (terms.cumulative - terms.log_hazard).mean().backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_the_clock_is_continuous_and_rises_strictly_past_its_last_knot() -> None:
    rng = np.random.default_rng(1)
    time, event = np.round(rng.exponential(30, 500)), rng.random(500) < 0.5
    clock = HazardClock.fit(time, event)
    at = torch.linspace(0, 3 * float(time.max()), 5001).double()
    scaled, log_slope = clock(at)
    assert scaled[0] == 0
    assert (scaled.double().diff() > 0).all()
    step = float(at[1] - at[0])
    assert scaled.double().diff().max() <= log_slope.exp().max() * step * 1.01


def test_the_clock_s_slope_is_its_derivative() -> None:
    clock = HazardClock(torch.tensor([0.0, 1.0, 4.0]), torch.tensor([0.0, 2.0, 3.0]))
    scaled, log_slope = clock(torch.tensor([0.5, 1.0, 2.5, 10.0]))
    torch.testing.assert_close(scaled, torch.tensor([1.0, 2.0, 2.5, 5.0]))
    torch.testing.assert_close(log_slope.exp(), torch.tensor([2.0, 1 / 3, 1 / 3, 1 / 3]))


def test_events_at_time_zero_and_heavy_ties_still_make_a_clock() -> None:
    time = np.array([0.0, 0.0, 5.0, 5.0, 5.0, 5.0, 9.0])
    clock = HazardClock.fit(time, np.array([1, 0, 1, 1, 1, 0, 0], bool))
    scaled, log_slope = clock(torch.tensor([0.0, 5.0, 9.0]))
    assert torch.isfinite(log_slope).all()
    assert (scaled.diff() > 0).all()


def test_a_clock_without_an_event_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one event"):
        HazardClock.fit(np.array([1.0, 2.0]), np.array([False, False]))
