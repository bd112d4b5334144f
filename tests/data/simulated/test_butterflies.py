"""Drawn butterflies: species differ in their parts alone, masks are exact, everything repeats."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch

from helpers.data.simulated.butterflies import draw_picture, draw_pictures, drawn_butterflies
from helpers.data.simulated.butterfly_species import NAMES, PARTS, SPECIES
from helpers.errors import StudyError


def test_there_are_twelve_species_of_which_no_two_have_the_same_parts():
    traits = [(s.fore, s.hind, s.accent, s.antennae, s.tails) for s in SPECIES]
    assert len(set(NAMES)) == len(set(traits)) == len(SPECIES) == 12
    nearest = [min(sum(a != b for a, b in zip(one, two)) for two in traits if two != one) for one in traits]
    assert max(nearest) <= 2  # every species has another that differs in one or two traits


def test_the_same_seed_gives_the_same_pixels_whatever_else_is_drawn():
    images, masks = draw_pictures([0, 5, 9], 32, seed=3)
    again, alone = draw_pictures([0, 5, 9, 1], 32, seed=3), draw_pictures([0], 32, seed=3)
    assert torch.equal(images, again[0][:3])
    assert torch.equal(masks, again[1][:3])
    assert torch.equal(images[:1], alone[0])
    assert not torch.equal(images, draw_pictures([0, 5, 9], 32, seed=4)[0])


@pytest.mark.parametrize("species", SPECIES, ids=NAMES)
def test_parts_lie_on_the_animal_and_are_a_small_share_of_it(species):
    masks = torch.stack([draw_picture(species, 64, np.random.default_rng(i))[1] for i in range(6)]).float()
    animal, parts = masks[:, 0], masks[:, 1:]
    assert parts.shape[1] == len(PARTS)
    assert (parts.amax(1) * (1 - animal)).sum() <= 0.01 * animal.sum()
    assert 0.25 < animal.mean() < 0.55
    assert 0.1 < parts.amax(1).sum() / animal.sum() < 0.35
    assert (parts.sum((0, 2, 3)) > 0).all()


def test_two_species_that_differ_in_the_accent_alone_differ_on_the_hind_marks_alone():
    orange, white = SPECIES[0], SPECIES[1]
    assert replace(orange, accent="white", name=white.name) == white
    for seed in range(4):
        one, masks = draw_picture(orange, 64, np.random.default_rng(seed))
        two = draw_picture(white, 64, np.random.default_rng(seed))[0]
        different = (one.int() - two.int()).abs().amax(0) > 12
        near = torch.nn.functional.max_pool2d(masks[2:3].float(), 5, 1, 2)[0] > 0
        assert different.sum() > 20
        assert not (different & ~near).any()


def test_colour_and_ground_tell_nothing_but_by_the_parts():
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.model_selection import cross_val_predict

    labels = np.repeat(np.arange(12), 12)
    images, masks = (t.float() for t in draw_pictures(labels, 24, seed=1))
    plain = masks[:, :1] * (1 - torch.nn.functional.max_pool2d(masks[:, 1:].amax(1, keepdim=True), 3, 1, 1))
    wings = (images * plain).sum((2, 3)) / plain.sum((2, 3)).clamp(min=1)
    ground = (images * (1 - masks[:, :1])).sum((2, 3)) / (1 - masks[:, :1]).sum((2, 3))
    seen = torch.cat([wings, ground], 1).numpy()
    predicted = cross_val_predict(LinearDiscriminantAnalysis(), seen, labels, cv=6)
    assert (predicted == labels).mean() < 0.2
    assert all(len({tuple(np.round(a)) for a in pair}) == 2 for pair in combinations(wings[:4].numpy(), 2))


def test_the_corpus_has_every_species_equally_often_and_loads_masks_with_pictures(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIES_OUTPUTS", str(tmp_path))
    corpus = drawn_butterflies(40, 24, 32)
    assert corpus.table.groupby(["split", "label"]).size().unique().tolist() == [2, 3] or set(
        corpus.table.groupby(["split", "label"]).size()
    ) == {2, 3}
    loaded = corpus.load(np.array([0, 41]))
    assert loaded["input"].shape == (2, 3, 32, 32)
    assert loaded["object"].shape == (2, 1, 32, 32)
    assert loaded["parts"].shape == (2, 3, 32, 32)
    assert corpus.simulated
    assert corpus.table["has_parts"].all()
    again = drawn_butterflies(40, 24, 32)  # from the cache
    assert torch.equal(again.load(np.array([7]))["input"], corpus.load(np.array([7]))["input"])


def test_impossible_numbers_are_refused():
    with pytest.raises(StudyError, match="at least 12 training"):
        drawn_butterflies(11, 24)
    with pytest.raises(StudyError, match="16 to 512"):
        drawn_butterflies(24, 24, 8)
