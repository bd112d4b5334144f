"""Tissue detection: on drawn slides, on empty glass, and shares under squares."""

import numpy as np

from helpers.data.simulated.slides import SimulatedSlide
from helpers.data.slide import reduced
from helpers.data.tissue import Tissue, find_tissue


def test_tissue_of_drawn_slides_of_any_stain_is_found():
    for seed in range(4):
        slide = SimulatedSlide(seed, 640, 640)
        found = find_tissue(slide, 8)
        truth = slide.regions(0, 0, 640, 640, 8) > 0
        overlap = (found.mask & truth).sum() / (found.mask | truth).sum()
        assert overlap > 0.9, seed


def test_an_empty_glass_has_no_tissue_however_noisy_and_dirty():
    for seed in range(3):
        assert find_tissue(SimulatedSlide(seed, 640, 640, tissue=False), 8).share < 0.002


def test_shares_under_squares_are_those_counted_one_by_one():
    mask = np.random.default_rng(0).random((10, 12)) < 0.4
    tissue = Tissue(mask, 8)
    x, y = np.array([0, 16, 20, 90]), np.array([0, 8, 33, 70])
    expected = [mask[b // 8 : -(-(b + 16) // 8), a // 8 : -(-(a + 16) // 8)].mean() for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(tissue.under(x, y, 16), expected)


def test_a_slide_is_reduced_square_by_square_to_its_means():
    slide = SimulatedSlide(2, 300, 260)
    small = reduced(slide, 10)
    assert small.shape == (26, 30, 3)
    whole = slide.read(0, 0, 300, 260).reshape(26, 10, 30, 10, 3).mean((1, 3))
    np.testing.assert_allclose(small, whole, atol=0.51)
