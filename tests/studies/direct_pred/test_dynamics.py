"""The closed-form dynamics keep their invariant, end in their fixed points, and are what SGD does."""

import numpy as np
import pytest

from helpers.errors import StudyError
from helpers.studies.direct_pred.dynamics import LinearSetting, closed_form, fixed_points, measure, rates

P = np.array([0.2, 0.5, 0.9])
S = np.array([0.9, 0.3, 0.6])
TIMES = np.linspace(0, 20, 41)


@pytest.mark.parametrize(
    "setting", [LinearSetting(), LinearSetting(0.5, 0.0, 1.0, None), LinearSetting(0.2, 0.1, 3.0, 1.0)]
)
def test_the_gap_between_s_and_p_squared_decays_with_weight_decay_alone(setting):
    modes = closed_form(P, S, TIMES, setting)
    gap = modes.s - modes.p**2 / setting.predictor_rate
    expected = gap[0] * np.exp(-2 * setting.weight_decay * TIMES)[:, None]
    np.testing.assert_allclose(gap, expected, atol=1e-6)


def test_the_right_hand_sides_are_the_papers_equations_by_hand():
    setting = LinearSetting(noise=0.5, weight_decay=0.1, predictor_rate=2.0, ema_rate=3.0)
    dp, ds, dtau = rates(np.array([0.4]), np.array([0.6]), np.array([0.8]), setting)
    pull = 0.8 - 1.25 * 0.4  # 0.3
    assert dp[0] == pytest.approx(2 * 0.6 * pull - 0.04)
    assert ds[0] == pytest.approx(2 * 0.4 * 0.6 * pull - 0.12)
    assert dtau[0] == pytest.approx(3 * 0.2 - 0.8 * ds[0] / 1.2)


def test_modes_end_in_the_stable_fixed_point_or_in_collapse():
    setting = LinearSetting(noise=0.3, weight_decay=0.05, ema_rate=None)
    low, high = fixed_points(setting)
    modes = closed_form(np.array([low / 3, 0.5]), np.array([(low / 3) ** 2, 0.25]), np.linspace(0, 400, 50), setting)
    assert modes.p[-1, 0] < 1e-3
    assert modes.p[-1, 1] == pytest.approx(high, abs=1e-3)
    assert modes.s[-1, 1] == pytest.approx(high**2, abs=1e-3)
    assert fixed_points(LinearSetting(weight_decay=0.5)) is None


def test_sgd_on_a_linear_network_follows_the_closed_form():
    setting = LinearSetting()
    measured = measure(P, S, setting, duration=8, learning_rate=0.02, batch=256)
    predicted = closed_form(P, S, measured.times, setting)
    np.testing.assert_allclose(measured.p, predicted.p, atol=0.03)
    np.testing.assert_allclose(measured.s, predicted.s, atol=0.04)
    np.testing.assert_allclose(measured.tau, predicted.tau, atol=0.03)


def test_without_predictor_or_stop_gradient_every_mode_dies():
    setting = LinearSetting(noise=0.5, weight_decay=0.05, ema_rate=None)
    with_both = measure(P, S, setting, duration=12, batch=64)
    without_predictor = measure(P, S, setting, duration=12, batch=64, predictor=False)
    without_stop = measure(P, S, setting, duration=12, batch=64, predictor=False, stop_gradient=False)
    expected = S * np.exp(-2 * (0.5**2 + 0.05) * without_predictor.times[-1])
    np.testing.assert_allclose(without_predictor.s[-1], expected, atol=0.02)
    assert without_stop.s[-1].max() < 0.01
    assert with_both.s[-1].min() > 0.1


def test_impossible_settings_are_refused():
    with pytest.raises(StudyError):
        LinearSetting(noise=-1)
