"""Waveform views: level, noise and silences within their bounds, padding untouched, drawn from torch's generator."""

import pytest
import torch

from helpers.errors import StudyError
from helpers.views.waveforms import WaveformViews


@pytest.fixture
def waves() -> torch.Tensor:
    torch.manual_seed(0)
    sound = 0.1 * torch.randn(5, 4000)
    sound[2, 2500:] = 0
    return sound


def test_padding_stays_zero_and_every_draw_differs_but_repeats_with_its_seed(waves):
    views = WaveformViews()
    torch.manual_seed(1)
    first, second = views(waves), views(waves)
    torch.manual_seed(1)
    assert torch.equal(views(waves), first)
    assert not torch.equal(first, second)
    assert (first[2, 2500:] == 0).all()


def test_level_changes_by_no_more_than_the_gain_and_signs_may_turn(waves):
    views = WaveformViews(gain=6.0, noise=0.0, masks=0)
    torch.manual_seed(0)
    ratios = torch.cat([(views(waves)[:, :2500] / waves[:, :2500]).mean(1) for _ in range(20)])
    assert ratios.abs().min() >= 10 ** (-6 / 20) - 1e-4
    assert ratios.abs().max() <= 10 ** (6 / 20) + 1e-4
    assert ratios.min() < 0 < ratios.max()


def test_noise_is_at_most_its_share_and_masks_are_no_longer_than_allowed(waves):
    quiet = WaveformViews(gain=0.0, noise=0.1, masks=0)
    made = quiet(waves).abs() - waves.abs()
    assert 0 < made.square().mean().sqrt() < 0.15 * waves.square().mean().sqrt()
    masked = WaveformViews(gain=0.0, noise=0.0, masks=1, mask_width=300)(waves)
    hidden = ((masked == 0) & (waves != 0)).sum(1)
    assert hidden.max() <= 300
    assert hidden.max() > 0


def test_strength_zero_changes_nothing_but_the_sign_and_less_is_refused(waves):
    assert torch.allclose(WaveformViews().scaled(0)(waves).abs(), waves.abs())
    with pytest.raises(StudyError, match="strength"):
        WaveformViews().scaled(-1)
