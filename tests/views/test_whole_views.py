"""Whole views against torchvision's whole pipeline, masks beside views, solarisation, right angles, multi-crop."""

import pytest
import torch
from torchvision import transforms as T
from torchvision.transforms import functional as TF

from helpers.errors import StudyError
from helpers.views.colour import solarised
from helpers.views.images import ImageViews
from helpers.views.multi_crop import MultiCrop, multi_crop

NOTHING = {"crop_scale": (1.0, 1.0), "crop_ratio": (1.0, 1.0), "flip": 0.0, "jitter": 0.0, "gray": 0.0, "blur": 0.0}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def scenes(n: int, size: int = 24) -> torch.Tensor:
    """Smooth coloured pictures in the middle of the range, where nothing clips."""
    coarse = torch.rand(n, 3, 5, 5, generator=generator(7))
    return 0.35 + 0.3 * torch.nn.functional.interpolate(coarse, (size, size), mode="bilinear", align_corners=True)


def statistics(views: torch.Tensor) -> dict[str, torch.Tensor]:
    """A number a sample for each thing that an augmentation changes."""
    luma = TF.rgb_to_grayscale(views)
    return {
        "light": luma.mean((1, 2, 3)),
        "contrast": luma.std((1, 2, 3)),
        "colour": (views - luma).abs().mean((1, 2, 3)),
        "grey": ((views - luma).abs().amax((1, 2, 3)) < 2e-3).float(),
        "sharpness": (luma.diff(dim=3).abs().mean((1, 2, 3)) / luma.std((1, 2, 3))),
        "dark": (luma < 0.3).float().mean((1, 2, 3)),
    }


def test_views_have_the_statistics_of_torchvisions_pipeline():
    """Means agree within four standard errors. Hue is left out: torchvision's HSV turn changes luma, ours keeps it."""
    n, images = 800, scenes(800)
    theirs = T.Compose(
        [
            T.RandomResizedCrop(24, (0.2, 1.0)),
            T.RandomHorizontalFlip(),
            T.RandomApply([T.ColorJitter(0.4, 0.4, 0.4)], 0.8),
            T.RandomGrayscale(0.2),
            T.RandomApply([T.GaussianBlur(13, (0.1, 2.0))], 0.5),
            T.RandomSolarize(0.5, 0.2),
        ]
    )
    torch.manual_seed(0)
    other = statistics(torch.stack([theirs(image) for image in images]))
    ours = statistics(ImageViews(24, hue=0.0, solarise=0.2)(images, generator()))
    for name, values in ours.items():
        standard_error = float((values.var() / n + other[name].var() / n).sqrt())
        assert abs(values.mean() - other[name].mean()) < 4 * standard_error, name


def test_solarisation_equals_torchvisions_on_the_chosen_samples_alone():
    images, chosen = torch.rand(4, 3, 6, 6), torch.tensor([True, False, True, False])
    views = solarised(images, chosen)
    torch.testing.assert_close(views[chosen], TF.solarize(images[chosen], 0.5))
    assert torch.equal(views[~chosen], images[~chosen])
    share = (
        ImageViews(6, **NOTHING, solarise=0.3)(torch.ones(2000, 1, 6, 6), generator()).mean((1, 2, 3)) < 0.5
    ).float()
    assert abs(share.mean() - 0.3) < 4 * (0.3 * 0.7 / 2000) ** 0.5


@pytest.mark.parametrize("settings", [{}, {"rotation": 180.0}, {"right_angles": True, "rotation": 30, "shear": 10}])
def test_a_mask_lies_where_its_object_lies(settings):
    """The picture of a blob is its own mask: without colour changes, view and mask must be the same."""
    blobs = torch.zeros(32, 1, 20, 26)
    for number, blob in enumerate(blobs[:, 0]):
        blob[3 + number % 5 : 11, 4 : 9 + number % 13] = 1
    views = ImageViews(16, jitter=0.0, blur=0.0, **settings)
    seen, masks = views.with_mask(blobs, torch.cat([blobs, 1 - blobs], 1), generator())
    torch.testing.assert_close(masks[:, :1], seen, atol=1e-5, rtol=0)
    if not settings:  # nothing is shown from outside the image, where both classes are absent
        torch.testing.assert_close(masks.sum(1), torch.ones(32, 16, 16), atol=1e-5, rtol=0)


def test_views_beside_a_mask_are_those_without_one_and_colour_leaves_the_mask_alone():
    images, masks = scenes(16), (scenes(16)[:, :1] > 0.5).float()
    views = ImageViews(24, solarise=0.5, rotation=90, right_angles=True)
    seen, turned = views.with_mask(images, masks, generator(5))
    assert torch.equal(seen, views(images, generator(5)))
    plain = ImageViews(24, jitter=0.0, gray=0.0, rotation=90, right_angles=True)
    assert torch.equal(plain.with_mask(images, masks, generator(5))[1], turned)
    with pytest.raises(StudyError, match="do not lie on images"):
        views.with_mask(images, masks[:3])


def test_right_angles_with_a_flip_are_all_eight_ways_a_square_lies_each_as_likely():
    square = torch.rand(1, 1, 7, 7)
    views = ImageViews(7, **(NOTHING | {"flip": 0.5}), right_angles=True)(square.expand(1600, -1, -1, -1), generator())
    ways = [each.rot90(k, (2, 3)) for each in (square, square.flip(3)) for k in range(4)]
    matches = torch.stack([((views - way).abs().amax((1, 2, 3)) < 1e-5).float().mean() for way in ways])
    assert matches.sum() == 1
    assert (matches - 1 / 8).abs().max() < 4 * (7 / 64 / 1600) ** 0.5


def test_a_rotation_of_180_covers_every_angle_evenly():
    image = torch.zeros(1, 1, 41, 41)
    image[..., 20, 35] = 1
    views = ImageViews(41, **NOTHING, rotation=180.0)(image.expand(1200, -1, -1, -1), generator())
    axis = torch.arange(41) - 20.0
    x, y = (views.sum((1, 2)) * axis).sum(1), (views.sum((1, 3)) * axis).sum(1)
    quarter = torch.rad2deg(torch.atan2(y, x)).add(180).div(90).long().clamp(max=3)
    share = torch.bincount(quarter, minlength=4) / 1200
    assert (share - 0.25).abs().max() < 4 * (3 / 16 / 1200) ** 0.5


def test_multi_crop_gives_its_counts_at_its_sizes_and_scales_and_repeats_from_a_generator():
    crops = multi_crop(ImageViews(32), (24, 12), (2, 3), ((0.4, 1.0), (0.05, 0.4)))
    images = scenes(5, 32)
    large, small = crops(images, generator(3))
    assert [len(large), len(small)] == [2, 3]
    assert {view.shape for view in large} == {(5, 3, 24, 24)}
    assert {view.shape for view in small} == {(5, 3, 12, 12)}
    again = crops(images, generator(3))
    assert all(torch.equal(a, b) for a, b in zip(large + small, again[0] + again[1], strict=True))
    assert not torch.equal(large[0], large[1])
    assert [view.crop_scale for view in crops.views] == [(0.4, 1.0), (0.05, 0.4)]


def test_impossible_multi_crops_are_one_clear_line():
    views = ImageViews(8)
    with pytest.raises(StudyError, match="must not grow"):
        multi_crop(views, (8, 16), (2, 2), ((0.1, 1.0), (0.1, 1.0)))
    with pytest.raises(StudyError, match="do not fit"):
        multi_crop(views, (8,), (2, 2), ((0.1, 1.0),))
    with pytest.raises(StudyError, match="do not fit"):
        MultiCrop((views,), (0,))
