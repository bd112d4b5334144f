"""Streaming prediction equals prediction in memory; IoU equals counting by hand; memory is bounded."""

import numpy as np
import pytest
import torch

from helpers.data.corpora.slide_regions import UNKNOWN, RegionMap
from helpers.data.simulated.slides import SimulatedSlide
from helpers.data.tissue import Tissue, find_tissue
from helpers.errors import StudyError
from helpers.evaluation.region_overlap import confusion, map_confusion, mean_overlap, overlap
from helpers.evaluation.slide_maps import SlideMap, predict_slide


@pytest.fixture(scope="module")
def slide() -> SimulatedSlide:
    return SimulatedSlide(3, 700, 620)


def classify(tiles: torch.Tensor) -> torch.Tensor:
    """Three classes from a tile's colour and contrast; any function of single tiles will do."""
    m, s = tiles.mean((1, 2, 3)), tiles.flatten(1).std(1)
    return torch.stack([8 * m - 6, 20 * s, 1 - m + tiles[:, 0, 0, 0]], dim=1).softmax(1)


def in_memory(slide: SimulatedSlide, tile: int, stride: int, tissue: Tissue | None) -> np.ndarray:
    """The same map from the whole slide at once, tile after tile."""
    rows, columns, span = -(-slide.height // stride), -(-slide.width // stride), tile // stride
    whole = torch.from_numpy(slide.read(0, 0, slide.width + tile, slide.height + tile)).permute(2, 0, 1).float() / 255
    window = np.sin(np.pi * (np.arange(span) + 0.5) / span) ** 2 if span > 2 else np.ones(span)
    sums, weights = np.zeros((3, rows + span, columns + span)), np.zeros((rows + span, columns + span))
    for i in range(rows):
        for j in range(columns):
            y, x = i * stride, j * stride
            if tissue is not None and tissue.under(np.array([x]), np.array([y]), tile)[0] == 0:
                p = np.array([1.0, 0.0, 0.0])
            else:
                p = classify(whole[None, :, y : y + tile, x : x + tile])[0].numpy()
            weight = np.outer(window, window)
            sums[:, i : i + span, j : j + span] += p[:, None, None] * weight
            weights[i : i + span, j : j + span] += weight
    return sums[:, :rows, :columns] / weights[:rows, :columns]


@pytest.mark.parametrize("stride", [48, 24, 12])
def test_streaming_equals_prediction_in_memory(slide, stride):
    tissue = find_tissue(slide, 12)
    found = predict_slide(classify, slide, 3, 48, stride, tissue)
    np.testing.assert_allclose(found.probabilities, in_memory(slide, 48, stride, tissue), atol=2e-5)
    assert found.cell == stride
    assert 0 < found.tiles < found.probabilities[0].size


def test_without_tissue_detection_every_tile_is_classified(slide):
    found = predict_slide(classify, slide, 3, 48, 48)
    assert found.tiles == found.probabilities[0].size
    np.testing.assert_allclose(found.probabilities, in_memory(slide, 48, 48, None), atol=2e-5)
    np.testing.assert_allclose(found.probabilities.sum(0), 1, atol=1e-5)


def test_no_more_than_one_square_is_read_or_classified_at_once_however_large_the_slide():
    asked, batches = [], []

    class Blank:
        name, width, height = "blank", 5000, 3000

        def read(self, x, y, width, height):
            asked.append(width * height)
            return np.zeros((height, width, 3), dtype=np.uint8)

    def sees(tiles: torch.Tensor) -> torch.Tensor:
        batches.append(len(tiles))
        return torch.tensor([[0.2, 0.8]]).expand(len(tiles), 2)

    found = predict_slide(sees, Blank(), 2, 32, 32)
    assert max(asked) <= (16 * 32) ** 2
    assert max(batches) <= 256
    assert found.tiles == -(-5000 // 32) * -(-3000 // 32)
    np.testing.assert_allclose(found.probabilities[1], 0.8, atol=1e-6)


def test_a_slide_without_tissue_is_background_and_is_not_read():
    glass = SimulatedSlide(0, 300, 300, tissue=False)
    tissue = find_tissue(glass, 8)

    def never(tiles: torch.Tensor) -> torch.Tensor:
        raise AssertionError

    found = predict_slide(never, glass, 3, 48, 24, tissue)
    assert found.tiles == 0
    assert not found.labels().any()


def test_a_stride_that_does_not_divide_the_tile_is_refused(slide):
    with pytest.raises(StudyError, match="must divide"):
        predict_slide(classify, slide, 3, 48, 32)


def test_confusion_and_overlap_are_those_counted_by_hand():
    truth = np.array([[0, 0, 1, 1], [1, 2, 2, UNKNOWN]])
    found = np.array([[0, 1, 1, 1], [2, 2, 2, 0]])
    counts = confusion(truth, found, 3)
    np.testing.assert_array_equal(counts, [[1, 1, 0], [0, 2, 1], [0, 0, 2]])
    np.testing.assert_allclose(overlap(counts), [1 / 2, 2 / 4, 2 / 3])
    assert mean_overlap(counts) == pytest.approx((0.5 + 0.5 + 2 / 3) / 3)


def test_a_region_that_is_nowhere_does_not_count():
    counts = confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 3)
    assert np.isnan(overlap(counts)[2])
    assert mean_overlap(counts) == pytest.approx((1 / 2 + 1 / 2) / 2)
    assert np.isnan(mean_overlap(np.zeros((3, 3))))


def test_overlap_equals_scikit_learns_jaccard():
    from sklearn.metrics import jaccard_score

    rng = np.random.default_rng(0)
    truth, found = rng.integers(0, 3, 500), rng.integers(0, 3, 500)
    np.testing.assert_allclose(overlap(confusion(truth, found, 3)), jaccard_score(truth, found, average=None))


def test_a_map_is_compared_at_the_truths_resolution_and_the_right_map_is_right():
    truth = RegionMap(np.repeat(np.repeat(np.array([[0, 1, 2]], dtype=np.uint8), 90, 0), 30, 1), 360, 360)
    cells = truth.on_grid(9, 9)
    found = SlideMap(np.stack([(cells == k).astype(np.float32) for k in range(3)]), 40, 0, 0.0)
    counts = map_confusion(found, truth, 3)
    assert counts.sum() == truth.labels.size
    assert mean_overlap(counts) == 1.0


def test_maps_of_other_shapes_do_not_pair():
    with pytest.raises(ValueError, match="do not pair"):
        confusion(np.zeros((2, 2), int), np.zeros((2, 3), int), 3)
