import numpy as np
import pytest
import torch

from helpers.data.simulated import pests
from helpers.data.simulated.pest_species import Specimen
from helpers.data.simulated.pests import (
    NAMES,
    SPECIES,
    Species,
    draw_pest,
    draw_pests,
    drawn_pests,
    long_tail,
)
from helpers.data.simulated.vector_drawing import Canvas
from helpers.errors import StudyError


def hidden(species: Species) -> Species:
    """The same species drawn beside the canvas: everything else in the picture stays as it is."""

    def draw(s: Specimen) -> None:
        species.draw(Specimen(Canvas(s.canvas.side, s.canvas.frame), s.rng, s.base))

    return Species(species.name, draw, species.colours)


def test_there_are_22_species_with_names_of_their_own():
    assert len(set(NAMES)) == len(SPECIES) == 22


def test_the_same_seed_gives_the_same_pixels_whatever_else_is_drawn():
    images, masks = draw_pests([0, 5, 9], 32, seed=3)
    again, alone = draw_pests([0, 5, 9, 1], 32, seed=3), draw_pests([0], 32, seed=3)
    assert torch.equal(images, again[0][:3])
    assert torch.equal(masks, again[1][:3])
    assert torch.equal(images[:1], alone[0])
    assert not torch.equal(images, draw_pests([0, 5, 9], 32, seed=4)[0])


@pytest.mark.parametrize("species", SPECIES, ids=NAMES)
def test_the_mask_is_where_the_picture_changes_when_the_animal_is_taken_away(species: Species):
    kind = "leaf" if species.name == "leaf miner" else "soil"
    with_it, mask = draw_pest(species, 64, np.random.default_rng(7), kind)
    without, nothing = draw_pest(hidden(species), 64, np.random.default_rng(7), kind)
    inside = mask[0].bool()
    assert not nothing.any()
    assert 0.03 < inside.float().mean() < 0.6
    change = with_it.int() - without.int()
    assert (change.abs().amax(0)[inside] > 2).float().mean() > 0.9
    lit = change.amax(0) > 25  # outside there is only its shadow, which darkens, and pixels half covered
    near = torch.nn.functional.max_pool2d(mask.float(), 3, 1, 1)[0] > 0
    assert not (lit & ~near).any()


def test_blades_of_grass_hide_parts_of_some_animals_and_the_mask_knows(monkeypatch: pytest.MonkeyPatch):
    def sizes() -> np.ndarray:
        return np.array([int(draw_pest(SPECIES[11], 32, np.random.default_rng(i))[1].sum()) for i in range(40)])

    seen = sizes()
    monkeypatch.setattr(pests, "in_the_way", lambda side, *_: np.zeros((side, side, 4)))
    whole = sizes()
    hidden_from = seen < whole
    assert (seen <= whole).all()
    assert 0.1 < hidden_from.mean() < 0.45  # a quarter of all, but for blades that miss the animal
    assert (seen / whole)[hidden_from].min() < 0.9


def test_mean_colour_tells_few_species():
    from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
    from sklearn.model_selection import cross_val_predict

    labels = np.repeat(np.arange(22), 10)
    images, masks = draw_pests(labels, 32, seed=1)
    colour = ((images * masks).sum((2, 3)) / masks.sum((2, 3)).clamp(min=1)).numpy()
    predicted = cross_val_predict(QuadraticDiscriminantAnalysis(reg_param=0.1), colour, labels, cv=5)
    assert (predicted == labels).mean() < 0.3


def test_a_long_tail_falls_geometrically_and_sums_up():
    counts = long_tail(2000, 22, 20.0)
    assert abs(counts.sum() - 2000) <= 22
    assert (np.diff(counts) <= 0).all()
    assert counts[0] / counts[-1] == pytest.approx(20, rel=0.05)
    assert set(long_tail(220, 22, 1.0)) == {10}


def test_the_corpus_has_both_splits_every_species_and_masks(monkeypatch, tmp_path):
    monkeypatch.setenv("STUDIES_OUTPUTS", str(tmp_path))
    monkeypatch.setattr(pests, "MIN_TEST", 2)
    corpus = drawn_pests(train=60, test=22, size=16)
    counts = corpus.table.groupby("split")["label"].value_counts().unstack(0)
    assert (counts["test"] >= 2).all()
    assert (counts["train"] >= 1).all()
    assert corpus.simulated
    batch = corpus.load(np.array([3, 0]))
    assert batch["input"].shape == (2, 3, 16, 16)
    assert batch["mask"].shape == (2, 1, 16, 16)
    assert set(batch["mask"].unique().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("wrong", [{"train": 5}, {"test": 0}, {"size": 8}, {"imbalance": 0.5}])
def test_impossible_numbers_are_refused_in_one_line(wrong):
    with pytest.raises(StudyError, match="drawn pests need"):
        drawn_pests(**wrong)
