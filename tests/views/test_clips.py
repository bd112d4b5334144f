"""Views of clips keep time, treat all frames of a clip alike, and every clip for itself."""

import pytest
import torch
from torchvision.transforms import functional as tv

from helpers.errors import StudyError
from helpers.views.clips import ClipViews


def clips(batch: int = 3, frames: int = 4, side: int = 20) -> torch.Tensor:
    return torch.rand(batch, 3, frames, side, side, generator=torch.Generator().manual_seed(0))


def test_without_strength_the_view_is_the_clip() -> None:
    x = clips()
    same = ClipViews(20, crop_scale=(1, 1), crop_ratio=(1, 1), flip=0, gain=0, contrast=0, grey=0)
    torch.testing.assert_close(same(x), x, atol=1e-5, rtol=1e-5)


def test_every_frame_of_a_clip_is_changed_alike() -> None:
    still = clips(6, 1).expand(6, 3, 5, 20, 20)
    view = ClipViews(12, gain=0.5, contrast=0.5, grey=0.5, negative=0.5)(still)
    assert view.shape == (6, 3, 5, 12, 12)
    torch.testing.assert_close(view, view[:, :, :1].expand_as(view))
    assert 0 <= view.min() <= view.max() <= 1


def test_a_view_commutes_with_turning_time_round() -> None:
    x, views = clips(4, 6), ClipViews(16, negative=0.3)
    torch.manual_seed(5)
    one = views(x).flip(2)
    torch.manual_seed(5)
    two = views(x.flip(2))
    torch.testing.assert_close(one, two)


def test_a_flip_is_torchvisions() -> None:
    x = clips()
    flipped = ClipViews(20, crop_scale=(1, 1), crop_ratio=(1, 1), flip=1, gain=0, contrast=0, grey=0)(x)
    torch.testing.assert_close(flipped, tv.hflip(x), atol=1e-5, rtol=1e-5)


def test_a_resize_is_torchvisions() -> None:
    x = clips()
    small = ClipViews(8, crop_scale=(1, 1), crop_ratio=(1, 1), flip=0, gain=0, contrast=0, grey=0)(x)
    theirs = tv.resize(x.transpose(1, 2).flatten(0, 1), [8, 8], antialias=True).unflatten(0, (3, 4)).transpose(1, 2)
    torch.testing.assert_close(small, theirs, atol=1e-4, rtol=1e-4)


def test_clips_are_drawn_apart_and_one_generator_repeats_them() -> None:
    x = clips(1).expand(5, 3, 4, 20, 20)
    views = ClipViews(16)
    one = views(x, torch.Generator().manual_seed(3))
    assert (one[0] - one[1:]).abs().flatten(1).amax(dim=1).min() > 0.01
    assert torch.equal(one, views(x, torch.Generator().manual_seed(3)))


def test_gradients_reach_the_clip() -> None:
    x = clips().requires_grad_()
    ClipViews(16)(x).mean().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"size": 0}, "size is 0"),
        ({"crop_scale": (0, 1)}, "crop_scale"),
        ({"flip": 1.5}, "flip is 1.5"),
        ({"crop_ratio": (2, 1)}, "crop_ratio"),
    ],
)
def test_impossible_options_are_refused(options: dict, line: str) -> None:
    with pytest.raises(StudyError, match=line):
        ClipViews(**{"size": 8, **options})


def test_what_is_no_clip_is_refused() -> None:
    with pytest.raises(StudyError, match=r"shape \(B, 3, T, H, W\)"):
        ClipViews(8)(torch.rand(2, 3, 8, 8))
