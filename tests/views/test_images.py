"""Batched image views have torchvision's distributions, sample by sample, and none of its loops."""

import math

import pytest
import torch
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms import functional as TF

from helpers.errors import StudyError
from helpers.views.images import ImageViews
from helpers.views.resampling import blur_matrices, random_boxes, resize_matrices

NOTHING = {"crop_scale": (1.0, 1.0), "crop_ratio": (1.0, 1.0), "flip": 0.0, "jitter": 0.0, "gray": 0.0, "blur": 0.0}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_with_everything_off_an_image_is_its_own_view():
    images = torch.rand(3, 3, 20, 20)
    torch.testing.assert_close(ImageViews(20, **NOTHING)(images, generator()), images, atol=1e-6, rtol=0)


def test_the_same_generator_state_gives_the_same_view_and_another_gives_another():
    images = torch.rand(4, 3, 16, 16)
    views = ImageViews(16, rotation=10)
    first, again = views(images, generator(1)), views(images, generator(1))
    assert torch.equal(first, again)
    assert not torch.allclose(first, views(images, generator(2)))


def test_every_sample_of_a_batch_has_its_own_draw():
    images = torch.rand(1, 1, 28, 28).expand(6, -1, -1, -1)
    views = ImageViews(28)(images, generator())
    distances = torch.cdist(views.flatten(1), views.flatten(1))
    assert (distances + torch.eye(6)).min() > 1e-3


@pytest.mark.parametrize("channels", [1, 3])
def test_views_stay_in_the_range_and_of_the_size_asked_for(channels):
    views = ImageViews(24, rotation=30, shear=20, brightness=0.9, contrast=0.9)(
        torch.rand(64, channels, 31, 40), generator()
    )
    assert views.shape == (64, channels, 24, 24)
    assert views.min() >= 0
    assert views.max() <= 1
    assert torch.isfinite(views).all()


@pytest.mark.parametrize(("top", "left", "height", "width"), [(0, 0, 30, 40), (3, 5, 20, 11), (7, 0, 8, 37)])
def test_resize_matrices_equal_torchvisions_antialiased_crop(top, left, height, width):
    image = torch.rand(1, 3, 30, 40)
    rows = resize_matrices(torch.tensor([top]), torch.tensor([height]), 30, 16)[:, None]
    columns = resize_matrices(torch.tensor([left]), torch.tensor([width]), 40, 16)[:, None]
    theirs = TF.resized_crop(image, top, left, height, width, [16, 16], antialias=True)
    torch.testing.assert_close(rows @ image @ columns.mT, theirs, atol=2e-5, rtol=0)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.0])
def test_blur_matrices_equal_torchvisions_gaussian_blur(sigma):
    image = torch.rand(1, 1, 24, 24)
    kernel = blur_matrices(torch.tensor([sigma]), 24)[:, None]
    size = 2 * math.ceil(3 * sigma) + 1
    torch.testing.assert_close(
        kernel @ image @ kernel.mT, TF.gaussian_blur(image, [size, size], [sigma, sigma]), atol=2e-5, rtol=0
    )


def test_boxes_have_the_distribution_of_torchvisions_random_resized_crop():
    """Means and quartiles of area, ratio and position agree within four standard errors."""
    n, height, width = 4000, 60, 90
    scale, ratio = (0.2, 1.0), (3 / 4, 4 / 3)
    torch.manual_seed(0)
    image = torch.zeros(1, height, width)
    theirs = torch.tensor(
        [RandomResizedCrop.get_params(image, list(scale), list(ratio)) for _ in range(n)], dtype=torch.float64
    )
    ours = torch.stack(random_boxes(n, height, width, scale, ratio, generator()), 1).double()
    for measure in (
        lambda b: b[:, 2] * b[:, 3] / (height * width),
        lambda b: (b[:, 3] / b[:, 2]).log(),
        lambda b: (b[:, 0] + b[:, 2] / 2) / height,
        lambda b: (b[:, 1] + b[:, 3] / 2) / width,
    ):
        a, b = measure(ours), measure(theirs)
        standard_error = (a.var() / n + b.var() / n).sqrt()
        assert abs(a.mean() - b.mean()) < 4 * standard_error
        assert abs(a.std() / b.std() - 1) < 4 * (1 / n) ** 0.5
        quartiles = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
        assert (a.quantile(quartiles) - b.quantile(quartiles)).abs().max() < 8 * standard_error


def test_boxes_lie_inside_the_image_even_where_no_try_fits():
    top, left, height, width = random_boxes(200, 10, 100, (0.9, 1.0), (0.8, 1.25), generator())
    assert (top >= 0).all()
    assert (top + height <= 10).all()
    assert (left >= 0).all()
    assert (left + width <= 100).all()
    assert (width <= round(10 * 1.25)).all()


def test_brightness_contrast_and_grey_equal_torchvisions_where_nothing_clips():
    images = 0.4 + 0.2 * torch.rand(1, 3, 12, 12)
    gray = ImageViews(12, **(NOTHING | {"gray": 1.0}))(images, generator())
    torch.testing.assert_close(gray, TF.rgb_to_grayscale(images, 3), atol=2e-4, rtol=0)
    settings = NOTHING | {"jitter": 1.0, "brightness": 0.3, "contrast": 0.0, "saturation": 0.0, "hue": 0.0}
    factors = ImageViews(12, **settings)(images.expand(500, -1, -1, -1), generator()) / images
    assert factors.amin() >= 0.7 - 1e-5
    assert factors.amax() <= 1.3 + 1e-5
    assert abs(factors.mean() - 1) < 4 * 0.6 / 12**0.5 / 500**0.5
    settings = NOTHING | {"jitter": 1.0, "brightness": 0.0, "contrast": 0.5, "saturation": 0.5, "hue": 0.0}
    view = ImageViews(12, **settings)(images, generator(3))
    luma = TF.rgb_to_grayscale(images, 1)
    gain = (TF.rgb_to_grayscale(view, 1) - luma.mean()) / (luma - luma.mean())
    contrast = float(gain.median())
    theirs = TF.adjust_contrast(images, contrast)
    saturation = float(((view - TF.rgb_to_grayscale(view)) / (theirs - TF.rgb_to_grayscale(theirs))).median())
    torch.testing.assert_close(view, TF.adjust_saturation(theirs, saturation), atol=1e-4, rtol=0)


def test_hue_keeps_luma_and_moves_colour():
    images = 0.4 + 0.2 * torch.rand(2, 3, 8, 8)
    settings = NOTHING | {"jitter": 1.0, "brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.5}
    views = ImageViews(8, **settings)(images, generator())
    torch.testing.assert_close(TF.rgb_to_grayscale(views), TF.rgb_to_grayscale(images), atol=1e-3, rtol=0)
    assert (views - images).abs().max() > 0.02


def test_rotation_of_a_square_image_equals_torchvisions_inside_the_frame():
    """A bright dot off centre stays at its distance from the centre and turns by at most the angle."""
    image = torch.zeros(1, 1, 41, 41)
    image[..., 20, 35] = 1
    views = ImageViews(41, **(NOTHING | {"rotation": 30.0}))(image.expand(300, -1, -1, -1), generator())
    axis = torch.arange(41) - 20.0
    mass = views.sum((1, 2, 3))
    x = (views.sum((1, 2)) * axis).sum(1) / mass
    y = (views.sum((1, 3)) * axis).sum(1) / mass
    assert ((x**2 + y**2).sqrt() - 15).abs().max() < 0.6
    degrees = torch.rad2deg(torch.atan2(y, x))
    assert degrees.abs().max() < 33
    assert degrees.std() == pytest.approx(60 / 12**0.5, rel=0.15)


def test_flip_happens_as_often_as_asked():
    image = torch.zeros(1, 1, 8, 8)
    image[..., 0] = 1
    views = ImageViews(8, **(NOTHING | {"flip": 0.3}))(image.expand(2000, -1, -1, -1), generator())
    share = (views[:, 0, 0, 7] > 0.5).float().mean()
    assert abs(share - 0.3) < 4 * (0.3 * 0.7 / 2000) ** 0.5


def test_views_are_differentiable_in_the_image():
    images = torch.rand(2, 3, 10, 10, requires_grad=True)
    ImageViews(10, blur=1.0, rotation=5)(images, generator()).sum().backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0


def test_strength_zero_leaves_crop_and_colour_alone():
    images = torch.rand(2, 3, 10, 10)
    views = ImageViews(10, crop_ratio=(1.0, 1.0), flip=0.0, rotation=30, shear=10).scaled(0.0)
    torch.testing.assert_close(views(images, generator()), images, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("size", 0),
        ("crop_scale", (0.0, 1.0)),
        ("flip", 1.5),
        ("hue", 0.7),
        ("blur_sigma", (0.0, 1.0)),
        ("rotation", -1.0),
    ],
)
def test_impossible_settings_are_one_clear_line(setting, value):
    with pytest.raises(StudyError, match=setting):
        ImageViews(**({"size": 8} | {setting: value}))


def test_a_batch_of_another_shape_is_refused():
    with pytest.raises(StudyError, match=r"\(B, 1 or 3, H, W\)"):
        ImageViews(8)(torch.rand(3, 8, 8))


def test_views_are_the_same_where_a_method_computes_in_bf16() -> None:
    images, made = torch.rand(8, 3, 24, 24), ImageViews(16, blur=1.0)
    plain = made(images, torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = made(images, torch.Generator().manual_seed(0))
    assert low.dtype == torch.float32
    assert torch.equal(plain, low)
