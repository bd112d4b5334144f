"""Views of volumes: image and mask under one geometry, each sample with its own draw, right values at the bounds."""

import pytest
import torch
from torchvision.transforms.v2 import functional as T

from helpers.errors import StudyError
from helpers.views.volumes import VolumeViews

STILL = {"crop_scale": (1, 1), "crop_ratio": (1, 1), "depth_scale": (1, 1), "flip": 0, "brightness": 0, "contrast": 0,
         "gamma": 0, "noise": 0}  # fmt: skip


def test_views_that_change_nothing_return_the_volume():
    volumes = torch.rand(2, 1, 6, 10, 10)
    torch.testing.assert_close(VolumeViews(10, 6, **STILL)(volumes), volumes.clamp(1e-4, 1))


def test_resizing_is_torchvisions_within_slices_and_along_depth():
    volumes = 0.1 + 0.8 * torch.rand(2, 1, 6, 12, 12)
    found = VolumeViews(8, 6, **STILL)(volumes)
    torch.testing.assert_close(found, T.resize(volumes, [8, 8], antialias=True), atol=1e-5, rtol=0)
    thin = VolumeViews(12, 3, **STILL)(volumes)
    wanted = T.resize(volumes.transpose(2, 3), [3, 12], antialias=True).transpose(2, 3)
    torch.testing.assert_close(thin, wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("name", "axis"), [("flip_depth", 2), ("flip_height", 3), ("flip", 4)])
def test_each_mirror_turns_its_own_axis(name, axis):
    volumes = 0.1 + 0.8 * torch.rand(2, 1, 4, 6, 6)
    torch.testing.assert_close(VolumeViews(6, 4, **STILL | {name: 1.0})(volumes), volumes.flip(axis))


def test_image_and_mask_get_the_same_geometry():
    torch.manual_seed(0)
    masks = (torch.rand(8, 2, 12, 16, 16) > 0.5).float()
    volumes = 0.2 + 0.6 * masks[:, :1]
    views = VolumeViews(16, 8, crop_scale=(0.3, 0.9), depth_scale=(0.4, 0.8), flip=0.5, flip_height=0.5,
                        flip_depth=0.5, brightness=0, contrast=0, gamma=0, noise=0)  # fmt: skip
    seen, moved = views.with_mask(volumes, masks)
    assert moved.shape == (8, 2, 8, 16, 16)
    torch.testing.assert_close(seen, 0.2 + 0.6 * moved[:, :1])


def test_a_call_with_masks_makes_the_views_of_one_without():
    volumes, masks = torch.rand(3, 1, 8, 10, 10), torch.rand(3, 1, 8, 10, 10)
    views = VolumeViews(6, 4)
    alone = views(volumes, torch.Generator().manual_seed(5))
    torch.testing.assert_close(alone, views.with_mask(volumes, masks, torch.Generator().manual_seed(5))[0])
    assert not torch.equal(alone, views(volumes, torch.Generator().manual_seed(6)))


def test_every_volume_has_its_own_draw_and_stays_in_range():
    one = torch.rand(1, 1, 8, 16, 16).expand(6, -1, -1, -1, -1)
    views = VolumeViews(8, 4, negative=0.5)(one)
    assert views.min() >= 0
    assert views.max() <= 1
    assert len({tuple(v.flatten().tolist()) for v in views}) == 6


def test_light_is_changed_as_the_words_say():
    volumes = 0.25 + 0.5 * torch.rand(4, 1, 4, 6, 6)
    torch.testing.assert_close(VolumeViews(6, 4, **STILL | {"negative": 1.0})(volumes), 1 - volumes)
    lit = VolumeViews(6, 4, **STILL | {"brightness": 0.3})(volumes)
    factor = (lit / volumes).flatten(1)
    assert (factor.std(1) < 1e-5).all()
    assert ((factor.mean(1) >= 0.7) & (factor.mean(1) <= 1.3)).all()


def test_strength_zero_is_the_whole_volume_unchanged():
    volumes = 0.1 + 0.8 * torch.rand(2, 1, 6, 10, 10)
    views = VolumeViews(10, 6, crop_ratio=(1, 1), flip=0.0).scaled(0.0)
    torch.testing.assert_close(views(volumes), volumes, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("values", "words"),
    [({"depth": 0}, "depth"), ({"depth_scale": (0.0, 1.0)}, "depth_scale"), ({"flip": 2.0}, "flip"),
     ({"gamma": -1.0}, "gamma")],
)  # fmt: skip
def test_impossible_views_are_one_clear_line(values, words):
    with pytest.raises(StudyError, match=words):
        VolumeViews(**({"size": 8, "depth": 4} | values))


def test_wrong_shapes_are_one_clear_line():
    with pytest.raises(StudyError, match="expected volumes"):
        VolumeViews(8, 4)(torch.rand(2, 1, 8, 8))
    with pytest.raises(StudyError, match="do not lie on"):
        VolumeViews(8, 4).with_mask(torch.rand(2, 1, 8, 8, 8), torch.rand(2, 8, 8, 8))
