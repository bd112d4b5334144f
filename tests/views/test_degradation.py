"""The hidden camera: each of its parts does what it says, and it repeats."""

import io
import math

import numpy as np
import pytest
import torch
from PIL import Image

from helpers.errors import StudyError
from helpers.views.degradation import Camera, blurred, draw_camera, enlarged, shrunk
from helpers.views.jpeg import jpeg

PLAIN = Camera(4, (0.0, 0.0), 0.0, (1.0, 1.0, 1.0), 1.0, 0.0, 100.0, 0.0)


def pictures(n: int = 3, side: int = 32, seed: int = 0) -> torch.Tensor:
    g = torch.Generator().manual_seed(seed)
    smooth = torch.nn.functional.interpolate(torch.rand(n, 3, 6, 6, generator=g), (side, side), mode="bicubic")
    return smooth.clamp(0, 1)


@pytest.mark.parametrize("quality", [20, 55, 90])
def test_jpeg_is_pillows_without_subsampling(quality):
    images = pictures(2, 40)
    made = jpeg(images, torch.full((2,), float(quality)))
    for image, mine in zip(images, made, strict=True):
        file = io.BytesIO()
        pixels = (255 * image).round().byte().permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=0)
        theirs = np.asarray(Image.open(file)).astype(float)
        difference = np.abs(theirs - 255 * mine.permute(1, 2, 0).numpy())
        assert difference.mean() < 0.7
        assert np.quantile(difference, 0.95) <= 4  # a coefficient on the edge of a step may round the other way


def test_jpeg_takes_each_pictures_own_quality_and_sides_that_eight_does_not_divide():
    images = pictures(2, 12)
    together = jpeg(images, torch.tensor([10.0, 95.0]))
    assert torch.equal(together[0], jpeg(images[:1], torch.tensor([10.0]))[0])
    errors = (together - images).abs().mean((1, 2, 3))
    assert errors[1] < 0.5 * errors[0]


def test_blur_is_the_gaussian_along_and_across_its_direction():
    point = torch.zeros(2, 1, 41, 41)
    point[:, :, 20, 20] = 1
    sigma = torch.tensor([[3.0, 1.0], [3.0, 1.0]])
    spread = blurred(point, sigma, torch.tensor([0.0, math.pi / 2]))[:, 0]
    at = torch.arange(41.0) - 20
    wide = (spread.sum(1) * at**2).sum(1).sqrt()  # along columns
    high = (spread.sum(2) * at**2).sum(1).sqrt()
    torch.testing.assert_close(spread.sum((1, 2)), torch.ones(2))
    torch.testing.assert_close(wide, torch.tensor([3.0, 1.0]), rtol=0.12, atol=0)  # the kernel is cut at 2.5 sigma
    torch.testing.assert_close(high, torch.tensor([1.0, 3.0]), rtol=0.12, atol=0)


def test_without_blur_colour_noise_and_jpeg_a_camera_averages_blocks_of_pixels():
    images = pictures()
    torch.testing.assert_close(PLAIN(images), shrunk(images, 4), atol=0.02, rtol=0)  # JPEG of quality 100 rounds


def test_a_camera_repeats_from_a_generator_and_varies_between_pictures():
    camera = draw_camera(4, torch.Generator().manual_seed(5))
    assert camera == draw_camera(4, torch.Generator().manual_seed(5))
    assert camera != draw_camera(4, torch.Generator().manual_seed(6))
    same = pictures(1).expand(3, -1, -1, -1)
    once, again = (camera(same, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(once, again)
    assert once.shape == (3, 3, 8, 8)
    assert not torch.equal(once[0], once[1])
    assert once.min() >= 0
    assert once.max() <= 1


def test_strength_nought_is_a_camera_that_only_averages():
    camera = draw_camera(4, torch.Generator().manual_seed(5), strength=0.0)
    images = pictures()
    torch.testing.assert_close(camera(images), PLAIN(images))


def test_enlarging_and_shrinking_keep_a_flat_picture():
    flat = torch.full((1, 3, 4, 4), 0.3)
    torch.testing.assert_close(shrunk(enlarged(flat, 16), 4), flat)


def test_impossible_cameras_and_sizes_are_refused():
    with pytest.raises(StudyError, match="quality"):
        Camera(4, (0.1, 0.1), 0.0, (1.0, 1.0, 1.0), 1.0, 0.0, 0.0)
    with pytest.raises(StudyError, match="camera"):
        Camera(4, (-0.1, 0.1), 0.0, (1.0, 1.0, 1.0), 1.0, 0.0, 50.0)
    with pytest.raises(StudyError, match="shrunk"):
        shrunk(torch.zeros(1, 3, 10, 10), 4)
    with pytest.raises(StudyError, match="strength"):
        draw_camera(4, torch.Generator(), strength=3)
