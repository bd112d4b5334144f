"""Pictures of slides: a window reads only what it shows, maps lie where the slide's pixels do."""

import numpy as np

from helpers.evaluation.slide_maps import SlideMap
from helpers.report.slides import coloured, outline, small_slide, window
from helpers.report.style import new_figure

NAMES = ("background", "grey", "white")


class Ramp:
    """A slide whose red is its column and whose green is its row, in steps of 16 pixels."""

    name, width, height = "ramp", 3200, 1600

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        self.asked.append((width, height))
        columns, rows = np.meshgrid(np.arange(x, x + width), np.arange(y, y + height))
        pixels = np.stack([columns // 16, rows // 16, 0 * rows], -1).clip(0, 255).astype(np.uint8)
        pixels[(columns < 0) | (rows < 0) | (columns >= self.width) | (rows >= self.height)] = 255
        return pixels


def test_a_window_shows_the_asked_place_and_reads_nothing_else():
    slide = Ramp()
    seen, probabilities, scale = window(slide, None, 0.5, 0.5, 16.0, 100)
    assert (seen.shape, probabilities, scale) == ((100, 100, 3), None, 2.0)
    assert slide.asked == [(200, 200)]
    assert abs(int(seen[50, 50, 0]) - 1600 // 16) <= 1
    assert abs(int(seen[50, 50, 1]) - 800 // 16) <= 1


def test_a_window_zooms_no_further_than_one_to_one_and_is_white_beyond_the_edge():
    seen, _, scale = window(Ramp(), None, 0.0, 0.0, 1000.0, 100)
    assert scale == 1.0
    assert (seen[:40, :40] == 255).all()
    assert (seen[60:, 60:, 2] == 0).all()


def test_a_map_lies_where_the_slide_does_and_is_background_beyond_it():
    cells = np.zeros((3, 25, 50), dtype=np.float32)
    cells[0], cells[0, :, 25:], cells[1, :, 25:] = 1, 0, 1  # grey on the right half
    _, probabilities, _ = window(Ramp(), SlideMap(cells, 64, 0, 0.0), 0.5, 0.5, 4.0, 100)
    assert probabilities is not None
    assert (probabilities[1][:, :45] < 0.05).all()
    assert (probabilities[1][:, 55:] > 0.95).all()
    _, beyond, _ = window(Ramp(), SlideMap(cells, 64, 0, 0.0), 1.0, 0.5, 4.0, 100)
    assert beyond is not None
    assert (beyond[0][:, 60:] == 1).all()


def test_colours_are_as_opaque_as_the_map_is_sure_and_background_is_clear():
    cells = np.array([[[0.9, 0.1, 0.2]], [[0.05, 0.7, 0.2]], [[0.05, 0.2, 0.6]]])
    picture = coloured(cells, NAMES)
    np.testing.assert_allclose(picture[0, :, 3], [0.0, 0.7, 0.6])
    assert not np.allclose(picture[0, 1, :3], picture[0, 2, :3])


def test_a_small_slide_fits_and_outlines_follow_the_regions():
    pixels, downsample = small_slide(Ramp(), 200)
    assert pixels.shape == (100, 200, 3)
    assert downsample == 16
    _, axis = new_figure(1, 1)
    axis.imshow(pixels)
    labels = np.zeros((10, 20), dtype=np.uint8)
    labels[2:8, 5:15] = 1
    outline(axis, labels, NAMES)
    points = np.concatenate([path.vertices for path in axis.collections[0].get_paths()])
    assert 45 < points[:, 0].min() < 55
    assert 145 < points[:, 0].max() < 155
