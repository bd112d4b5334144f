"""Curation: planted copies found and nothing else dropped, neighbours of a reference, poor pictures; and the pool."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional as F

from helpers.data import curation
from helpers.data.corpus import Corpus
from helpers.data.planted_pool import Faults, changed_copies, planted_pool, poor_pictures, ranked_groups
from helpers.errors import StudyError


def vectors(n: int, seed: int = 0, size: int = 64) -> torch.Tensor:
    return F.normalize(torch.randn(n, size, generator=torch.Generator().manual_seed(seed)), dim=1)


def near(of: torch.Tensor, seed: int, noise: float = 0.02) -> torch.Tensor:
    return F.normalize(of + noise * torch.randn(of.shape, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_planted_copies_are_found_and_no_distinct_picture_is_dropped():
    distinct, reference = vectors(2500), vectors(200, 1)
    chosen = torch.randperm(2500, generator=torch.Generator().manual_seed(2))[:400]
    threshold = curation.duplicate_threshold(reference, near(reference, 3))
    stays = curation.without_copies(torch.cat([distinct, near(distinct[chosen], 4)]), threshold)
    assert stays[:2500].all()
    assert not stays[2500:].any()


def test_of_a_chain_only_pictures_near_a_kept_one_are_dropped():
    angles = torch.tensor([0.0, 0.2, 0.4, 0.6])  # neighbours are alike, the ends are not
    chain = torch.stack([angles.cos(), angles.sin()], 1)
    assert curation.without_copies(chain, float(np.cos(0.25))).tolist() == [True, False, True, False]


def test_the_threshold_lies_between_copies_and_the_most_alike_distinct_pictures():
    reference = vectors(150)
    copies = near(reference, 1)
    threshold = curation.duplicate_threshold(reference, copies)
    assert curation.likeness_of_distinct(reference) < threshold < (reference * copies).sum(1).min()
    useless = curation.duplicate_threshold(reference, vectors(150, 9))  # copies that the embedding does not know
    assert useless == pytest.approx(curation.likeness_of_distinct(reference))


def test_retrieval_takes_the_nearest_of_every_reference_picture_once():
    pool, reference = vectors(300), vectors(20, 1)
    found = curation.retrieved(reference, pool, 4)
    order = (-(reference @ pool.T)).argsort(1)[:, :4]
    assert found.tolist() == sorted(set(order.flatten().tolist()))
    assert len(curation.retrieved(reference, pool, 1000)) == 300


def test_embeddings_are_compared_about_their_mean():
    pool = vectors(100) + 5
    assert (F.normalize(pool, dim=1) @ F.normalize(pool, dim=1).T).min() > 0.9
    assert (curation.centred(pool, pool.mean(0)) @ curation.centred(pool, pool.mean(0)).T).min() < 0


def pictures(n: int, seed: int = 0, side: int = 48) -> torch.Tensor:
    """Smooth shapes with edges, float (n, 3, side, side)."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, 3, 12, 12, generator=generator)
    return F.interpolate(coarse, (side, side), mode="nearest") * 0.9


def test_poor_pictures_are_told_from_good_ones_and_darkness_is_not_poorness():
    good, reference = pictures(120), pictures(120, 1)
    least = curation.quality_of(reference)
    assert curation.good_enough(curation.quality_of(good), least).mean() > 0.95
    assert curation.good_enough(curation.quality_of(poor_pictures(good, 0)), least).mean() < 0.05
    dark = 0.6 * good
    torch.testing.assert_close(curation.quality_of(dark)[:, 0], curation.quality_of(good)[:, 0])


def test_copies_differ_from_their_originals_but_little():
    images = pictures(16)
    copies = changed_copies(images, 0)
    apart = (copies - images).abs().mean((1, 2, 3))
    assert (apart > 0.005).all()
    others = (copies - images.roll(1, 0)).abs().mean((1, 2, 3))
    assert (apart < 0.5 * others).all()
    assert torch.equal(copies, changed_copies(images, 0))


def corpus_of(n: int = 600, side: int = 24) -> Corpus:
    rng = np.random.default_rng(0)
    images = pictures(n, side=side)
    table = pd.DataFrame({"sample_id": [f"s{i}" for i in range(n)], "subject": [f"p{i}" for i in range(n)]})
    table["group"] = np.array(["a", "b", "c"])[np.arange(n) % 3]
    table["label"] = rng.choice(np.array(["no", "yes"], dtype=object), n)
    table["split"] = "train"
    return Corpus("faces", table, lambda rows: images[torch.as_tensor(rows)].clone(), ("label",), "-", "-", True, "f")


def test_a_pool_has_the_faults_that_were_asked_for_and_knows_them():
    corpus = corpus_of()
    faults = Faults(imbalance=9.0, copies=0.25, poor=0.1, least_noise=0.05, most_noise=0.3)
    pool = planted_pool(corpus, corpus.rows("train"), ["b", "a", "c"], faults, 0, 24)
    table, original = pool.table, pool.table["kind"] == "original"
    counts = table[original]["group"].value_counts()
    assert counts["b"] / counts["a"] == pytest.approx(3, rel=0.1)
    assert counts["a"] / counts["c"] == pytest.approx(3, rel=0.1)
    assert (table["kind"] == "copy").sum() == pytest.approx(0.25 * original.sum(), abs=1)
    assert (table["kind"] == "poor").sum() == pytest.approx(0.1 * original.sum(), abs=1)
    assert table["label"].isna().all()
    assert set(table["split"]) == {"unlabelled"}
    assert (table["truth"] == corpus.table["label"].to_numpy()[table["origin"]]).all()
    per_origin = table.groupby("origin")["web_label"].nunique()
    assert per_origin.max() == 1  # a copy carries its original's label, right or wrong
    rows = np.flatnonzero(original.to_numpy())[:5]
    assert torch.allclose(pool.load(rows), corpus.load(table["origin"].to_numpy()[rows]), atol=0.5 / 255)


@pytest.mark.parametrize("one_sided", [True, False])
def test_wrong_labels_are_as_common_in_each_group_as_asked(one_sided: bool):
    corpus = corpus_of(6000, 12)
    faults = Faults(imbalance=0, copies=0, poor=0, least_noise=0.05, most_noise=0.35, one_sided=one_sided)
    table = planted_pool(corpus, corpus.rows("train"), ["a", "b", "c"], faults, 0, 12).table
    wrong = table["web_label"] != table["truth"]
    shares = wrong.groupby(table["group"]).mean()
    assert shares.to_numpy() == pytest.approx([0.05, 0.2, 0.35], abs=0.03)
    assert table.loc[wrong, "web_label"].nunique() == (1 if one_sided else 2)


def test_groups_are_ranked_as_given_or_by_count():
    groups = np.array(["x", "y", "y", "z", "z", "z"])
    assert ranked_groups(groups) == ["z", "y", "x"]
    assert ranked_groups(groups, ("x", "w", "y", "z")) == ["x", "y", "z"]


def test_a_pool_without_a_group_or_of_another_size_is_refused():
    corpus = corpus_of(30)
    with pytest.raises(StudyError, match="no picture of the group 'd'"):
        planted_pool(corpus, corpus.rows("train"), ["a", "b", "c", "d"], Faults(), 0, 24)
    with pytest.raises(StudyError, match="pictures of 24 pixels"):
        planted_pool(corpus, corpus.rows("train"), ["a", "b", "c"], Faults(), 0, 32)
