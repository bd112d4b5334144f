"""Statistical features and random views of sensor windows."""

import numpy as np
import pytest
import torch
from scipy import stats

from helpers.errors import StudyError
from helpers.views.windows import feature_names, random_views, statistical_features, with_magnitudes

CHANNELS = ("ax", "ay", "az", "wx", "wy", "wz")


def windows(count: int = 5, time: int = 100) -> torch.Tensor:
    return torch.randn(count, time, 6, generator=torch.Generator().manual_seed(0)) + 0.5


def named(x: torch.Tensor, rate: float = 50.0) -> dict[str, torch.Tensor]:
    return dict(zip(feature_names(CHANNELS), statistical_features(x, rate).unbind(1)))


def test_every_feature_has_a_name_and_no_two_share_one() -> None:
    names = feature_names(CHANNELS)
    assert statistical_features(windows(), 50.0).shape == (5, len(names))
    assert len(set(names)) == len(names)


def test_features_equal_numpy_and_scipy_on_one_channel() -> None:
    x = windows()
    found, channel = named(x), x[:, :, 1].double().numpy()
    expected = {
        "mean": channel.mean(axis=1), "std": channel.std(axis=1), "median": np.median(channel, axis=1),
        "interquartile_range": stats.iqr(channel, axis=1), "skewness": stats.skew(channel, axis=1),
        "kurtosis": stats.kurtosis(channel, axis=1, fisher=False),
        "jerk": np.abs(np.diff(channel, axis=1)).mean(axis=1),
    }  # fmt: skip
    for what, value in expected.items():
        np.testing.assert_allclose(found[f"ay {what}"].numpy(), value, rtol=1e-4, atol=1e-5, err_msg=what)
    correlation = [np.corrcoef(w[:, 0], w[:, 2])[0, 1] for w in x.numpy()]
    np.testing.assert_allclose(found["ax~az correlation"].numpy(), correlation, atol=1e-5)


def test_a_pure_tone_peaks_at_its_frequency_and_fills_its_band() -> None:
    time = torch.arange(200) / 50.0
    x = torch.zeros(1, 200, 6)
    x[0, :, 3] = torch.sin(2 * torch.pi * 3.0 * time)
    found = named(x)
    assert found["wx peak_frequency"].item() == pytest.approx(3.0, abs=0.26)
    assert found["wx power_2_4Hz"].item() > 0.98
    assert found["wx spectral_entropy"].item() < 0.3


def test_turning_the_sensor_changes_no_magnitude_feature() -> None:
    x = windows()
    turn, _ = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)))
    turned = torch.cat([x[..., :3] @ turn, x[..., 3:] @ turn], dim=-1)
    before, after = named(x), named(turned)
    for name in before:
        if "|" in name:
            torch.testing.assert_close(before[name], after[name], rtol=1e-3, atol=1e-4)
    assert not torch.allclose(before["ax mean"], after["ax mean"])
    torch.testing.assert_close(with_magnitudes(x)[..., 6:], with_magnitudes(turned)[..., 6:])


def test_a_dead_sensor_gives_zeros_and_no_nan() -> None:
    features = statistical_features(torch.full((2, 50, 6), 3.0), 50.0)
    assert torch.isfinite(features).all()
    names = feature_names(CHANNELS)
    assert features[0, names.index("ax kurtosis")] == 0
    assert features[0, names.index("ax mean")] == 3


def test_a_batch_is_its_windows_one_by_one() -> None:
    x = windows()
    torch.testing.assert_close(
        statistical_features(x, 50.0), torch.cat([statistical_features(w[None], 50.0) for w in x])
    )


def test_windows_with_gaps_or_too_short_are_refused() -> None:
    bad = windows()
    bad[1, 2, 3] = torch.nan
    with pytest.raises(StudyError, match="not finite"):
        statistical_features(bad, 50.0)
    with pytest.raises(StudyError, match="T >= 4"):
        statistical_features(windows(time=3), 50.0)


def test_views_without_strength_only_change_the_tempo() -> None:
    x = torch.ones(4, 100, 6) * torch.arange(6)
    torch.testing.assert_close(random_views(x, turn=0.0, scale=0.0, jitter=0.0), x)


def test_views_turn_a_sensor_without_changing_its_magnitude() -> None:
    x = torch.ones(64, 50, 3) * torch.tensor([1.0, 2.0, 2.0])
    seen = random_views(x, turn=3.0, scale=0.0, jitter=0.0)
    torch.testing.assert_close(seen.norm(dim=-1), torch.full((64, 50), 3.0))
    assert (seen - x).abs().amax() > 1


def test_views_are_drawn_from_torchs_generator_and_differ_within_a_batch() -> None:
    x = windows()
    torch.manual_seed(3)
    first = random_views(x)
    torch.manual_seed(3)
    torch.testing.assert_close(first, random_views(x))
    assert not torch.allclose(first, random_views(x))
    same = random_views(x[:1].expand(2, -1, -1))
    assert not torch.allclose(same[0], same[1])
