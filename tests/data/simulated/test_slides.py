"""Drawn slides: the same pixels however they are asked for, exact regions, slides that differ."""

import numpy as np
import pytest

from helpers.data.simulated.slide_tissue import place_numbers
from helpers.data.simulated.slides import REGIONS, SimulatedSlide
from helpers.errors import StudyError


@pytest.fixture(scope="module")
def slide() -> SimulatedSlide:
    return SimulatedSlide(5, 1100, 900)


def test_a_rectangle_shows_the_same_pixels_whatever_was_read_before_and_around_it(slide):
    whole = SimulatedSlide(5, 1100, 900).read(0, 0, 1100, 900)
    np.testing.assert_array_equal(slide.read(480, 490, 150, 70), whole[490:560, 480:630])
    np.testing.assert_array_equal(slide.read(0, 0, 1100, 900), whole)
    assert whole.dtype == np.uint8


def test_beyond_the_edge_a_slide_is_white(slide):
    part = slide.read(1050, -20, 100, 60)
    assert part.shape == (60, 100, 3)
    assert (part[:20] == 255).all()
    assert (part[:, 50:] == 255).all()
    assert (part[20:, :50] < 255).any()


def test_regions_of_any_rectangle_and_step_are_those_of_the_whole(slide):
    whole = slide.regions(0, 0, 1100, 900)
    assert whole.shape == (900, 1100)
    np.testing.assert_array_equal(slide.regions(333, 211, 90, 40), whole[211:251, 333:423])
    np.testing.assert_array_equal(slide.regions(0, 0, 1100, 900, 4), whole[2::4, 2::4])
    assert set(np.unique(whole)) == set(range(len(REGIONS)))


def test_background_is_bright_and_tissue_is_stained(slide):
    pixels, regions = slide.read(0, 0, 1100, 900).mean(-1), slide.regions(0, 0, 1100, 900)
    glass = np.median(pixels[regions == 0])
    for tissue in (1, 2):
        assert np.median(pixels[regions == tissue]) < glass - 15
        assert (regions == tissue).mean() > 0.05


def test_neighbouring_squares_of_the_drawing_meet_without_a_seam(slide):
    pixels = slide.read(0, 300, 1100, 300).astype(float)
    jumps = np.abs(np.diff(pixels, axis=1)).mean((0, 2))
    assert jumps[511] < 1.3 * np.median(jumps)


def test_other_seeds_are_other_brains_and_stains():
    slides = [SimulatedSlide(seed, 512, 512) for seed in range(4)]
    regions = [s.regions(0, 0, 512, 512, 8) for s in slides]
    assert all((regions[0] != other).mean() > 0.02 for other in regions[1:])
    colours = np.array([np.median(s.read(0, 0, 512, 512)[s.regions(0, 0, 512, 512) == 1], axis=0) for s in slides])
    assert np.ptp(colours, axis=0).max() > 8


def test_an_empty_glass_has_no_tissue():
    glass = SimulatedSlide(1, 512, 512, tissue=False)
    assert not glass.regions(0, 0, 512, 512).any()
    assert glass.read(0, 0, 512, 512).mean() > 200


def test_random_numbers_of_a_place_are_its_own_and_even():
    i, j = (a.ravel() for a in np.meshgrid(np.arange(-40, 40), np.arange(-40, 40)))
    found = place_numbers(3, 1, i, j, 2)
    np.testing.assert_array_equal(place_numbers(3, 1, i[::7], j[::7], 2), found[:, ::7])
    assert np.all((found >= 0) & (found < 1))
    assert np.histogram(found, bins=8, range=(0, 1))[0].std() / (found.size / 8) < 0.06
    assert abs(np.corrcoef(found)[0, 1]) < 0.05


@pytest.mark.parametrize("wrong", [(0, 100, 512), (-1, 512, 512)])
def test_impossible_slides_are_refused(wrong):
    with pytest.raises(StudyError, match="drawn slide needs"):
        SimulatedSlide(*wrong)
