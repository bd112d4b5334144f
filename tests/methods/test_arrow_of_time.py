"""The arrow of time can be learnt where it shows, and cannot where it does not."""

import torch

from helpers.methods.arrow_of_time import ArrowOfTime
from helpers.networks.clip_encoders import Conv3dSmall
from helpers.views.clips import ClipViews
from tests.methods.test_siamese_video import PLAIN


def brightening(count: int, arrow: bool) -> torch.Tensor:
    """Clips whose brightness rises steadily (an arrow), or rises and falls alike (none)."""
    ramp = torch.linspace(0.2, 0.8, 8)
    if not arrow:
        ramp = torch.cat([ramp[::2], ramp[::2].flip(0)])
    noise = 0.1 * torch.rand(count, 3, 1, 16, 16)
    return ramp[None, None, :, None, None] + noise.expand(count, 3, 8, 16, 16)


def accuracy_after_training(arrow: bool) -> float:
    torch.manual_seed(0)
    method = ArrowOfTime(Conv3dSmall((4, 8, 8, 8)), 8, PLAIN)
    optimiser = torch.optim.Adam(method.parameters(), lr=1e-2)
    for _ in range(40):
        clips = brightening(32, arrow)
        out = method.training_step({"first": clips[:16], "second": clips[16:]})
        optimiser.zero_grad()
        out["loss"].backward()
        optimiser.step()
    with torch.no_grad():
        return float(method.training_step({"input": brightening(200, arrow)})["arrow_accuracy"])


def test_an_arrow_that_shows_is_learnt_and_one_that_does_not_is_not() -> None:
    assert accuracy_after_training(arrow=True) > 0.95
    assert 0.35 < accuracy_after_training(arrow=False) < 0.65


def test_pairs_and_lone_clips_are_the_same_batch() -> None:
    torch.manual_seed(0)
    method = ArrowOfTime(Conv3dSmall((4, 4, 4, 4)), 4, ClipViews(16)).eval()
    clips = torch.rand(8, 3, 8, 16, 16)
    torch.manual_seed(1)
    one = method.training_step({"input": clips})["loss"]
    torch.manual_seed(1)
    two = method.training_step({"first": clips[:4], "second": clips[4:]})["loss"]
    torch.testing.assert_close(one, two)
