"""Latent search finds what a generator drew, and interpolation ends where it should."""

import pytest
import torch

from helpers.methods.latent_search import (
    SearchSettings,
    draw_bank,
    geodesic_cross,
    interpolated,
    on_sphere,
    pulse_search,
    search,
)
from helpers.networks.style_generator import Mapping, StyleGenerator
from helpers.views.degradation import shrunk


@pytest.fixture(scope="module")
def prior() -> tuple[Mapping, StyleGenerator]:
    torch.manual_seed(0)
    return Mapping(6, 2).eval().requires_grad_(False), StyleGenerator([8, 8, 8], 6).eval().requires_grad_(False)


def test_shrinking_what_was_found_gives_the_middle_picture_and_the_low_one_back(prior):
    mapping, generator = prior
    bank = draw_bank(mapping, generator, 32, 1.0, seed=0)
    torch.manual_seed(5)
    truth = generator(mapping(torch.randn(4, 6)))
    middle = shrunk(truth, 2)
    low = shrunk(middle, 2)
    found, losses = search(generator, bank, middle, low, lambda m: shrunk(m, 2), SearchSettings(steps=80))
    again = shrunk(generator(found), 2)
    start = shrunk(generator(bank.styles[bank.nearest(middle, 1)[1][:, 0]]), 2)
    assert (again - middle).square().mean() < 0.1 * (start - middle).square().mean()
    assert (shrunk(again, 2) - low).square().mean() < 0.1 * (shrunk(start, 2) - low).square().mean()
    assert losses[-1] < 0.3 * losses[0]


def test_a_pictures_result_does_not_depend_on_what_stands_beside_it(prior):
    mapping, generator = prior
    bank = draw_bank(mapping, generator, 16, 1.0, seed=0)
    torch.manual_seed(5)
    middle = shrunk(generator(mapping(torch.randn(3, 6))), 2)
    low, s = shrunk(middle, 2), SearchSettings(steps=10)
    together, _ = search(generator, bank, middle, low, None, s)
    alone, _ = search(generator, bank, middle[1:2], low[1:2], None, s)
    torch.testing.assert_close(together[1:2], alone, rtol=1e-3, atol=1e-3)


def test_pulse_stays_in_the_mappings_range_and_gives_the_low_picture_back(prior):
    mapping, generator = prior
    torch.manual_seed(5)
    low = shrunk(generator(mapping(torch.randn(4, 6))), 4)
    found, losses = pulse_search(generator, mapping, low, SearchSettings(steps=60), candidates=16, seed=0)
    assert found.shape == (4, generator.layers, 6)
    assert losses[-1] < 0.5 * losses[0]


def test_the_nearest_of_the_bank_is_the_picture_itself_and_one_candidate_is_its_style(prior):
    mapping, generator = prior
    bank = draw_bank(mapping, generator, 20, 1.0, seed=0)
    errors, at = bank.nearest(shrunk(bank.pictures, 2), 3)
    assert torch.equal(at[:, 0], torch.arange(20))
    assert (errors.diff(dim=1) >= 0).all()
    torch.testing.assert_close(bank.between(shrunk(bank.pictures, 2), 1), bank.styles)


def test_interpolation_is_linear_a_layer_and_ends_at_both_codes():
    found, other = torch.randn(2, 3, 4), torch.randn(2, 4)
    made = interpolated(found, other, torch.tensor([0.0, 0.25, 1.0]))
    torch.testing.assert_close(made[:, 0], found[:, 0])
    torch.testing.assert_close(made[:, 1], 0.75 * found[:, 1] + 0.25 * other)
    torch.testing.assert_close(made[:, 2], other)


def test_the_sphere_and_the_angles_on_it():
    z = on_sphere(torch.randn(5, 3, 4))
    torch.testing.assert_close(z.norm(dim=-1), torch.full((5, 3), 2.0))
    corner = torch.eye(3)[None]  # three right angles
    torch.testing.assert_close(geodesic_cross(corner), torch.tensor([3 * (torch.pi / 2) ** 2]))
    assert geodesic_cross(torch.ones(1, 3, 4)).item() < 1e-4
