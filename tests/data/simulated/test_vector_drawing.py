import math

import numpy as np
import pytest

from helpers.data.simulated.vector_drawing import Canvas, Frame, ellipse, limb, mirrored, spline, symmetric

SIDE = 256


def canvas(bend: float = 0.0) -> Canvas:
    return Canvas(SIDE, Frame(np.array([SIDE / 2, SIDE / 2]), np.eye(2) * SIDE, bend))


def area(paint: np.ndarray) -> float:
    return paint[..., 3].sum() / 255 / SIDE**2


def test_an_ellipse_covers_pi_a_b_wherever_it_lies_between_pixels():
    for x in (0.0, 0.003, 0.0071):
        drawn = canvas()
        drawn.fill(ellipse(x, 0, 0.3, 0.2, turn=0.4, corners=60), (255, 255, 255))
        assert area(drawn.paint) == pytest.approx(math.pi * 0.3 * 0.2, rel=0.03)


def test_colours_are_premultiplied_by_cover():
    drawn = canvas()
    drawn.fill(ellipse(0, 0, 0.3, 0.3), (200, 100, 0))
    drawn.fill(ellipse(0.1, 0, 0.3, 0.3), (0, 100, 200), alpha=0.5)
    cover = drawn.paint[..., 3].astype(float)
    assert np.abs(drawn.paint[..., 1] - cover * 100 / 255).max() <= 2
    assert (drawn.paint[..., 0] + drawn.paint[..., 2].astype(int) <= cover * 200 / 255 + 3).all()


def test_half_opaque_paint_lies_half_way_and_an_opaque_fill_equals_alpha_almost_one():
    half, full, nearly = canvas(), canvas(), canvas()
    shape = ellipse(0.05, -0.1, 0.25, 0.2)
    half.fill(shape, (240, 120, 60), alpha=0.5)
    full.fill(shape, (240, 120, 60))
    nearly.fill(shape, (240, 120, 60), alpha=0.9999)
    inside = full.paint[..., 3] == 255
    assert np.abs(half.paint - full.paint / 2)[inside].max() <= 1
    assert np.abs(nearly.paint.astype(int) - full.paint)[inside].max() <= 2
    assert area(half.paint) == pytest.approx(area(full.paint) / 2, rel=0.02)


def test_a_shape_clipped_within_another_stays_inside_it():
    clipped, around = canvas(), canvas()
    outer = ellipse(0, 0, 0.2, 0.3)
    clipped.fill([(-0.5, 0.1), (0.5, 0.1), (0.5, -0.1), (-0.5, -0.1)], (255, 0, 0), within=outer)
    around.fill(outer, (255, 0, 0))
    assert 0.2 * area(around.paint) < area(clipped.paint) < 0.6 * area(around.paint)
    assert (clipped.paint[..., 3] <= around.paint[..., 3] + 1.0).all()


def test_shapes_off_the_canvas_leave_no_trace():
    drawn = canvas()
    for shift in ((2, 0), (-2, 0), (0, 3), (-40, 90)):
        drawn.part(ellipse(0, 0, 0.2, 0.2) + shift, (255, 255, 255))
    assert not drawn.paint.any()


def test_a_spline_passes_through_its_points():
    points = np.array([(0, 0), (0.3, 0.1), (0.2, 0.5), (-0.2, 0.3)])
    assert np.allclose(spline(points, closed=True, each=6)[::6], points)
    assert np.allclose(spline(points, each=5)[::5], points)


def test_a_symmetric_shape_is_its_own_mirror_image():
    shape = symmetric([(0.1, 0.4), (0.3, 0.0), (0.2, -0.3), (0, -0.4)])
    flipped = mirrored(shape, -1)
    distance = np.linalg.norm(shape[:, None] - flipped[None], axis=2).min(axis=1)
    assert distance.max() < 0.02
    right, left = canvas(), canvas()
    right.fill(shape, (255, 255, 255))
    left.fill(flipped, (255, 255, 255))
    assert np.abs(right.paint.astype(int) - left.paint).mean() < 1


def test_a_limb_has_the_widths_asked_for():
    shape = limb([(0, 0), (0, 0.5), (0, 1)], 0.2, 0.1)
    assert np.linalg.norm(shape[0] - shape[-1]) == pytest.approx(0.2)
    assert np.linalg.norm(shape[2] - shape[3]) == pytest.approx(0.1)


def test_bending_keeps_lengths_along_the_axis():
    straight = np.stack([np.zeros(201), np.linspace(-0.5, 0.5, 201)], axis=1)
    for bend in (0.0, 0.4, -0.8):
        pixels = Frame(np.zeros(2), np.eye(2), bend).pixels(straight)
        assert np.linalg.norm(np.diff(pixels, axis=0), axis=1).sum() == pytest.approx(1.0, abs=1e-4)
