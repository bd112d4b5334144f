"""Drawn kernels: repeatable, exact masks, an orientation that colour alone does not tell."""

import math

import numpy as np
import pytest
import torch

from helpers.data.simulated.kernel_faces import cover_inside, outline, pixel_centres, reach
from helpers.data.simulated.kernels import VARIETIES, _Draw, draw_kernels
from helpers.errors import StudyError


def test_the_same_arguments_draw_the_same_pixels_and_another_seed_does_not() -> None:
    one, two, other = (draw_kernels(3, 4, 32, seed) for seed in (5, 5, 6))
    assert one.images.shape == (12, 3, 32, 32)
    assert one.images.dtype == torch.uint8
    assert torch.equal(one.images, two.images)
    assert torch.equal(one.masks, two.masks)
    assert not torch.equal(one.images, other.images)
    assert one.ear.tolist() == [0] * 4 + [1] * 4 + [2] * 4


def test_half_of_each_ear_lies_embryo_up_and_only_those_have_a_mask() -> None:
    drawn = draw_kernels(12, 6, 48, seed=0)
    assert drawn.embryo_up.reshape(12, 6).sum(1).tolist() == [3] * 12
    area = drawn.masks.float().mean((1, 2, 3))
    assert torch.equal(area > 0, drawn.embryo_up)
    assert ((area[drawn.embryo_up] > 0.03) & (area[drawn.embryo_up] < 0.20)).all()


def test_every_variety_gets_as_many_ears() -> None:
    drawn = draw_kernels(12, 1, 16, seed=0)
    assert torch.bincount(drawn.variety).tolist() == [2] * len(VARIETIES)


def test_a_mask_lies_on_the_kernel_in_the_middle() -> None:
    drawn = draw_kernels(6, 8, 48, seed=1, touching=1.0)
    up = drawn.embryo_up
    brightness = drawn.images[up].float().mean(1, keepdim=True)
    masks = drawn.masks[up].float()
    inside = (brightness * masks).sum((1, 2, 3)) / masks.sum((1, 2, 3))
    corner = brightness[:, :, :3, :3].mean((1, 2, 3))  # may hold a neighbour, never the embryo's own kernel
    assert (inside > 40).all()
    assert (inside > corner).float().mean() > 0.8
    line = torch.arange(48) - 23.5
    for marginal in (masks.sum(2), masks.sum(3)):
        centre = (marginal[:, 0] * line).sum(1) / marginal.sum((1, 2))
        assert (centre.abs() < 14).all()


def test_neighbours_touch_only_where_they_are_asked_for() -> None:
    def border(touching: float) -> float:
        images = draw_kernels(8, 8, 32, seed=2, touching=touching).images.float()
        return float(torch.cat([images[..., 0, :], images[..., -1, :], images[..., 0], images[..., -1]], -1).mean())

    assert border(0.0) < 25 < border(1.0)


def test_the_reach_of_a_kernel_ends_on_its_outline() -> None:
    draw = _Draw(torch.Generator().manual_seed(0))
    kernel = draw.kernel(draw.ears(20), torch.ones(20))
    direction = draw.uniform(0, 2 * math.pi, 20)
    turned = direction - kernel["angle"]
    distance = reach(kernel, direction) / kernel["scale"]
    r = outline(kernel, (distance * turned.cos())[:, None, None], (distance * turned.sin())[:, None, None])
    torch.testing.assert_close(r[:, 0, 0], torch.ones(20), rtol=0, atol=5e-3)


@pytest.mark.parametrize("radius", [0.3, 0.6])
def test_cover_sums_to_the_area_inside_the_line(radius: float) -> None:
    x, y = pixel_centres(64)
    cover = cover_inside((x.square() + y.square()).sqrt() / radius, 2 / 64)
    assert float(cover.sum()) * (2 / 64) ** 2 == pytest.approx(math.pi * radius**2, rel=0.01)


def test_colour_alone_does_not_tell_which_way_up_a_kernel_lies() -> None:
    from sklearn.ensemble import RandomForestClassifier

    drawn = draw_kernels(24, 24, 32, seed=3)
    levels = (drawn.images.long() * 5 // 256).numpy()
    code = levels[:, 0] * 25 + levels[:, 1] * 5 + levels[:, 2]
    histogram = np.stack([np.bincount(c.ravel(), minlength=125) for c in code])
    up, train = drawn.embryo_up.numpy(), (drawn.ear % 3 > 0).numpy()
    forest = RandomForestClassifier(150, random_state=0).fit(histogram[train], up[train])
    assert forest.score(histogram[~train], up[~train]) < 0.75


@pytest.mark.parametrize("arguments", [(0, 4, 32), (2, 0, 32), (2, 2, 8)])
def test_impossible_numbers_are_refused(arguments: tuple[int, int, int]) -> None:
    with pytest.raises(StudyError, match="drawn kernels need"):
        draw_kernels(*arguments, seed=0)
    with pytest.raises(StudyError, match="touching"):
        draw_kernels(2, 2, 32, seed=0, touching=1.5)
