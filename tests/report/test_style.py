"""Figures: small, wide enough, and readable for the colour-blind."""

import io

import numpy as np
from PIL import Image

from helpers.report.style import PALETTE, data_line, new_figure, png, reference_mark

# Machado, Oliveira & Fernandes, IEEE TVCG 15(6), 2009: full protanopia and deuteranopia, linear RGB.
_DEFICIENT = (
    np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
)


def _linear(colour: str) -> np.ndarray:
    srgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def test_the_first_six_colours_stay_apart_under_red_green_blindness() -> None:
    for simulate in (np.eye(3), *_DEFICIENT):
        seen = [np.clip(simulate @ _linear(colour), 0, 1) ** (1 / 2.2) for colour in PALETTE[:6]]
        apart = min(np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i])
        assert apart > 0.12


def test_a_figure_is_a_small_png_as_wide_as_asked() -> None:
    figure, axes = new_figure(height=3.0, width=8.0)
    axes.plot(np.random.default_rng(0).normal(size=200).cumsum())
    reference_mark(axes, 0.0, "paper: 0")
    reference_mark(axes, 50, "paper: 50", horizontal=False)
    data_line(figure, "digits (real data)")
    drawn = png(figure, dpi=100)
    with Image.open(io.BytesIO(drawn)) as image:
        assert image.size == (800, 300)
    assert len(drawn) < 40_000
