"""Saliency: it lies where the score comes from, and the pointing game counts right."""

import pytest
import torch
from torch import nn

from helpers.errors import StudyError
from helpers.evaluation.saliency import grown, peaks, pointing_game, saliency_maps
from helpers.networks.image_encoders import image_encoder


def test_the_map_peaks_where_the_score_comes_from_and_is_zero_where_nothing_speaks_for_it():
    encoder = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.ReLU(inplace=True), nn.AvgPool2d(8), nn.Flatten())
    nn.init.ones_(encoder[0].weight)
    images = torch.zeros(3, 1, 8, 8)
    images[0, 0, 2, 5] = images[1, 0, 7, 1] = 1.0
    maps = saliency_maps(encoder, images, lambda f: f[:, 0])
    assert maps.shape == (3, 8, 8)
    assert peaks(maps)[:2].tolist() == [[2, 5], [7, 1]]
    assert (maps[2] == 0).all()
    assert (saliency_maps(encoder, images, lambda f: -f[:, 0]) == 0).all()


def test_maps_sum_to_the_score_of_a_network_that_is_linear_after_them():
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    images, weight = torch.rand(5, 3, 6, 6), torch.rand(4)  # all weights positive: nothing is cut off
    maps = saliency_maps(encoder, images, lambda f: f @ weight)
    assert torch.allclose(maps.sum((1, 2)), encoder(images) @ weight, rtol=1e-4)


@pytest.mark.parametrize(("name", "size"), [("small", 48), ("small_stages", 64), ("resnet18", 160)])
def test_every_encoder_has_a_map_and_comes_back_as_it_was(name, size):
    encoder = image_encoder(name, 3, size)[0]
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    with torch.no_grad():  # also from within
        maps = saliency_maps(encoder, torch.rand(2, 3, size, size), lambda f: f.sum(1))
    assert maps.shape == (2, size, size)
    assert maps.amax() > 0
    assert encoder.training
    assert all(torch.equal(before[key], value) for key, value in encoder.state_dict().items())
    assert not any(module._forward_hooks for module in encoder.modules())


def test_an_encoder_without_a_map_is_refused():
    with pytest.raises(StudyError, match="no feature map of 5 positions"):
        saliency_maps(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), torch.rand(1, 3, 2, 2), lambda f: f[:, 0])


def test_hits_and_chances_are_those_counted_by_hand():
    maps, targets, objects = torch.zeros(3, 4, 4), torch.zeros(3, 4, 4), torch.zeros(3, 4, 4)
    targets[:, 0, 0] = 1
    targets[1, 0, 1] = 1
    objects[:, :2, :2] = 1
    maps[0, 0, 0] = maps[1, 3, 3] = 1.0  # the third map is silent
    found = pointing_game(maps, targets, objects)
    assert found["hit"].tolist() == [1, 0, 1 / 16]
    assert found["picture_chance"].tolist() == [1 / 16, 2 / 16, 1 / 16]
    assert found["object_chance"].tolist() == [1 / 4, 2 / 4, 1 / 4]
    assert found["other_chance"][1] == pytest.approx((1 + 2 / 16) / 2)
    wider = pointing_game(maps, targets, objects, tolerance=1)
    assert wider["picture_chance"][0] == 4 / 16
    assert wider["object_chance"][0] == 1


def test_a_random_peak_hits_as_often_as_chance_says():
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(4000, 12, 12, generator=generator)
    targets = (torch.rand(12, 12, generator=generator) < 0.3).float().expand(4000, -1, -1)
    found = pointing_game(maps, targets, torch.ones_like(targets))
    for chance in ("picture_chance", "object_chance", "other_chance"):
        assert float(found["hit"].mean()) == pytest.approx(float(found[chance].mean()), abs=0.03)


def test_growing_adds_a_square_about_every_pixel():
    mask = torch.zeros(1, 7, 7)
    mask[0, 3, 3] = 1
    assert grown(mask, 2).sum() == 25
    assert torch.equal(grown(mask, 0), mask)
