"""The foreground of drawn pests is found, better than by a disc, and blacked-out pictures keep it."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from helpers.data.foreground import METHODS, find_foreground, segmented
from helpers.data.simulated.pests import draw_pests, drawn_pests
from helpers.errors import StudyError
from helpers.evaluation.segmentation import iou


@pytest.fixture(scope="module")
def drawn() -> tuple[torch.Tensor, torch.Tensor]:
    return draw_pests(list(range(22)) * 3, 64, seed=21)


@pytest.mark.parametrize("method", METHODS)
def test_drawn_pests_are_found_better_than_by_the_best_disc(method, drawn):
    images, masks = drawn
    found = torch.from_numpy(find_foreground(images.numpy(), method))
    line = (torch.arange(64) + 0.5) / 32 - 1
    away = torch.hypot(line[:, None], line[None, :])
    discs = [iou((away < r).expand_as(masks), masks).mean() for r in (0.4, 0.5, 0.6, 0.7)]
    assert iou(found, masks).mean() > max(discs) + 0.1
    assert iou(found, masks).mean() > 0.55


def test_a_plain_disc_on_plain_ground_is_found_nearly_exactly():
    picture = np.full((3, 64, 64), 90, dtype=np.uint8)
    mask = np.zeros((64, 64), dtype=np.uint8)
    cv2.circle(mask, (30, 34), 14, 1, -1)
    picture[0][mask == 1] = 200
    found = torch.from_numpy(find_foreground(picture[None]))
    assert iou(found, torch.from_numpy(mask)[None, None]) > 0.85


def test_the_same_picture_gives_the_same_mask_whatever_came_before(drawn):
    images = drawn[0][:6].numpy()
    for method in METHODS:
        cv2.setRNGSeed(77)
        alone = find_foreground(images[5:], method)
        assert np.array_equal(find_foreground(images, method)[5:], alone)


def test_segmented_pictures_are_black_outside_the_mask_and_untouched_inside():
    corpus = drawn_pests(train=22, test=22, size=32, seed=4)
    cut, masks = segmented(corpus)
    rows = np.array([3, 40, 0])
    before, after, mask = corpus.load(rows)["input"], cut.load(rows), masks(rows)
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(after, before * mask)
    assert cut.fingerprint != corpus.fingerprint
    assert torch.equal(masks(rows[::-1].copy()), mask.flip(0))


def test_what_cannot_be_done_is_one_clear_line():
    with pytest.raises(StudyError, match="no segmentation is called 'magic'"):
        find_foreground(np.zeros((1, 3, 32, 32), dtype=np.uint8), "magic")
    corpus = drawn_pests(train=22, test=22, size=32, seed=4)
    load = corpus.load
    grey = replace(corpus, load=lambda rows: load(rows)["input"][:, :1])
    with pytest.raises(StudyError, match="goes by colour"):
        segmented(grey)
