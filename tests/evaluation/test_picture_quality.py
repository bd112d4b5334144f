"""Measures of pictures agree with independent computations."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from helpers.evaluation.picture_quality import central_lab, colour_difference, frechet_distance, lab, psnr, ssim


def pictures(seed: int = 0, side: int = 24) -> torch.Tensor:
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(seed)).double()


def test_psnr_of_a_known_error():
    truth = torch.full((2, 3, 4, 4), 0.5)
    made = truth + torch.tensor([0.1, 0.0])[:, None, None, None]
    torch.testing.assert_close(psnr(made, truth), torch.tensor([20.0, 100.0]), rtol=1e-4, atol=0)


def test_ssim_is_the_formula_window_by_window():
    a, b = pictures(0), pictures(1) * 0.5 + pictures(0) * 0.5
    at = np.arange(11) - 5
    window = np.exp(-0.5 * (at / 1.5) ** 2)
    window = np.outer(window, window)
    window /= window.sum()
    values = []
    for c in range(3):
        for i in range(14):
            for j in range(14):
                x, y = (p[0, c, i : i + 11, j : j + 11].numpy() for p in (a, b))
                mx, my = (window * x).sum(), (window * y).sum()
                vx, vy = (window * (x - mx) ** 2).sum(), (window * (y - my) ** 2).sum()
                cov = (window * (x - mx) * (y - my)).sum()
                values.append((2 * mx * my + 1e-4) * (2 * cov + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4)))
    assert ssim(a, b)[0].item() == pytest.approx(np.mean(values), abs=1e-9)
    torch.testing.assert_close(ssim(a, a), torch.ones(2, dtype=torch.double))


def test_ssim_agrees_with_scikit_image_where_it_is_installed():
    metrics = pytest.importorskip("skimage.metrics")
    a, b = pictures(0), pictures(1) * 0.3 + pictures(0) * 0.7
    theirs = metrics.structural_similarity(
        a[0].permute(1, 2, 0).numpy(), b[0].permute(1, 2, 0).numpy(), channel_axis=2, data_range=1.0,
        gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
    )  # fmt: skip
    assert ssim(a, b)[0].item() == pytest.approx(theirs, abs=0.02)  # it keeps the border, which this one leaves out


def test_frechet_distance_of_two_gaussians_is_the_closed_form():
    rng = np.random.default_rng(0)
    raw = rng.normal(size=(500, 4))
    mixing, shift = rng.normal(size=(4, 4)), np.array([1.0, -2.0, 0.0, 0.5])
    a, b = raw, raw @ mixing + shift
    ca, cb = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca + cb - 2 * sqrtm(ca @ cb).real)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(a, a + shift) == pytest.approx((shift**2).sum(), rel=1e-6)
    scaled = frechet_distance(a, 3 * a) - ((2 * a.mean(0)) ** 2).sum()
    assert scaled == pytest.approx(4 * np.trace(ca), rel=1e-6)  # tr(Σ + 9Σ − 6Σ)
    assert frechet_distance(a[:3], b[:3]) >= 0  # fewer samples than dimensions


def test_lab_of_known_colours():
    known = {(1.0, 1.0, 1.0): (100, 0, 0), (0.0, 0.0, 0.0): (0, 0, 0), (1.0, 0.0, 0.0): (53.24, 80.09, 67.20),
             (0.0, 0.0, 1.0): (32.30, 79.19, -107.86)}  # fmt: skip
    for colour, expected in known.items():
        np.testing.assert_allclose(lab(torch.tensor(colour).double()).numpy(), expected, atol=0.06)


def test_colour_difference_looks_at_the_middle_alone_and_is_a_distance():
    truth = torch.full((1, 3, 20, 20), 0.5)
    edge = truth.clone()
    edge[..., :7, :] = 1.0
    assert colour_difference(edge, truth).item() == 0
    light = torch.full((1, 3, 20, 20), 0.6)
    expected = math.dist(central_lab(light)[0].tolist(), central_lab(truth)[0].tolist())
    assert colour_difference(light, truth).item() == pytest.approx(expected, rel=1e-5)
    assert expected > 5
