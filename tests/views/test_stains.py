"""Stain augmentation: each stain changes by itself, and only it."""

import numpy as np
import pytest
import torch

from helpers.errors import StudyError
from helpers.views.images import ImageViews
from helpers.views.stains import HED, StainViews, restained

STILL = ImageViews(16, crop_scale=(1.0, 1.0), crop_ratio=(1.0, 1.0), flip=0.0, jitter=0.0, gray=0.0, blur=0.0)


def amounts(images: torch.Tensor) -> np.ndarray:
    """Stains' amounts by least squares in NumPy, (3, pixels)."""
    density = -np.log10(images.double().numpy()).transpose(1, 0, 2, 3).reshape(3, -1)
    return np.linalg.lstsq(np.array(HED).T, density, rcond=None)[0]


def stained(n: int = 4) -> torch.Tensor:
    c = 0.3 * torch.rand(n, 3, 64, generator=torch.Generator().manual_seed(0)) + 0.05
    return (10 ** -(c.mT @ torch.tensor(HED))).mT.reshape(n, 3, 8, 8)


def test_ones_and_zeros_change_nothing():
    images = stained()
    torch.testing.assert_close(restained(images, torch.ones(4, 3), torch.zeros(4, 3)), images, atol=1e-5, rtol=0)


def test_each_stain_is_scaled_and_shifted_as_asked_and_the_others_stay():
    images = stained()
    factor, offset = torch.tensor([[1.0, 1.0, 1.4]]).repeat(4, 1), torch.tensor([[0.05, 0.0, 0.0]]).repeat(4, 1)
    before, after = amounts(images), amounts(restained(images, factor, offset))
    np.testing.assert_allclose(
        after, before * np.array([[1.0], [1.0], [1.4]]) + np.array([[0.05], [0.0], [0.0]]), atol=1e-4
    )


def test_black_pixels_stay_finite():
    assert restained(torch.zeros(1, 3, 2, 2), torch.full((1, 3), 1.5), torch.zeros(1, 3)).isfinite().all()


def test_views_repeat_with_the_generator_and_differ_without_it():
    views, images = StainViews(STILL, cutout=0.4), torch.nn.functional.interpolate(stained(), 16)
    first, again = (views(images, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, views(images, torch.Generator().manual_seed(2)))
    assert first.min() >= 0
    assert first.max() <= 1


def test_without_strength_a_view_is_the_image():
    images = torch.nn.functional.interpolate(stained(), 16)
    torch.testing.assert_close(StainViews(STILL, cutout=0.5).scaled(0.0)(images), images, atol=1e-5, rtol=0)


def test_cutout_lays_one_grey_square_of_its_size_at_most():
    images = torch.ones(64, 3, 16, 16)
    views = StainViews(STILL, factor=0.0, offset=0.0, cutout=0.5)(images)
    cut = (views == 0.5).all(1)
    assert cut.flatten(1).any(1).all()
    assert cut.sum((1, 2)).max() <= 64
    assert ((views == 0.5) | (views == 1)).all()


def test_a_chance_of_none_leaves_the_colours():
    images = torch.nn.functional.interpolate(stained(), 16)
    torch.testing.assert_close(StainViews(STILL, chance=0.0)(images), images, atol=1e-5, rtol=0)


def test_grey_images_and_impossible_settings_are_refused():
    with pytest.raises(StudyError, match="colour images"):
        StainViews(STILL)(torch.zeros(1, 1, 16, 16))
    with pytest.raises(StudyError, match="factor"):
        StainViews(STILL, factor=2.0)
