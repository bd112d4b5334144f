"""FixMatch as a method: who gets a gradient, the moving average, batches with unlabelled samples, resuming."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from helpers.data.corpus import Corpus
from helpers.errors import StudyError
from helpers.methods.fixmatch import FixMatch, with_unlabelled
from helpers.training import TrainingPlan, train


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )


def method(**changed) -> FixMatch:
    def same(images: torch.Tensor) -> torch.Tensor:
        return images

    return FixMatch(network(), 4, 3, same, same, same, **changed)


def batch() -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(1)
    return {"input": torch.rand(4, 3, 8, 8, generator=g), "label": torch.tensor([0, 1, 2, 0]),
            "unlabelled": torch.rand(12, 3, 8, 8, generator=g)}  # fmt: skip


def tiles(n: int = 40) -> Corpus:
    x = torch.rand(n, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    names = [str(i) for i in range(n)]
    table = pd.DataFrame({"sample_id": names, "subject": names})
    return Corpus("tiles", table, lambda rows: x[torch.as_tensor(rows)], (), "none", "a test", True, "0")


def test_where_no_pseudo_label_is_sure_only_labelled_samples_teach():
    found = {}
    for weight in (1.0, 50.0):
        fixmatch = method(threshold=1.0, weight=weight)
        out = fixmatch.training_step(batch())
        out["loss"].backward()
        assert float(out["pseudo_labelled"]) == 0
        found[weight] = [p.grad.clone() for p in fixmatch.parameters() if p.grad is not None]
    assert all(torch.equal(a, b) for a, b in zip(found[1.0], found[50.0], strict=True))


def test_unlabelled_samples_count_by_the_weight_where_all_are_sure():
    light, heavy = (method(threshold=0.0, weight=weight).training_step(batch()) for weight in (1.0, 3.0))
    assert float(light["unlabelled_loss"]) > 0
    assert (heavy["loss"] - light["loss"]).item() == pytest.approx(2 * float(light["unlabelled_loss"]), rel=1e-4)


def test_without_weight_it_is_supervised_training_and_needs_no_unlabelled_samples():
    fixmatch = method(weight=0.0)
    given = batch()
    del given["unlabelled"]
    out = fixmatch.training_step(given)
    expected = nn.functional.cross_entropy(fixmatch.head(fixmatch.encoder(given["input"])), given["label"])
    torch.testing.assert_close(out["loss"], expected)
    with pytest.raises(StudyError, match="no 'unlabelled' samples"):
        method().training_step(given)


def test_the_average_follows_at_once_when_it_is_young_and_at_the_momentum_when_old():
    fixmatch = method(momentum=0.999)
    before = copy.deepcopy(fixmatch.average[1].weight)
    with torch.no_grad():
        fixmatch.head.weight.add_(1.0)
    fixmatch.after_step()
    torch.testing.assert_close(fixmatch.average[1].weight, before + 0.9)  # step 0: momentum 1/10
    fixmatch.steps_taken.fill_(10**6)
    now = fixmatch.average[1].weight.clone()
    fixmatch.after_step()
    torch.testing.assert_close(fixmatch.average[1].weight, now + 0.001 * (fixmatch.head.weight - now))


def test_no_gradient_reaches_the_average_and_it_is_what_predicts():
    fixmatch = method(threshold=0.0)
    fixmatch.training_step(batch())["loss"].backward()
    assert all(p.grad is None for p in fixmatch.average.parameters())
    with torch.no_grad():
        fixmatch.head.weight.zero_()
    images = batch()["input"]
    probabilities = fixmatch.classify(images)
    torch.testing.assert_close(probabilities, fixmatch.average.eval()(images).softmax(1))
    torch.testing.assert_close(probabilities.sum(1), torch.ones(4))


def test_batches_hold_labels_and_so_many_unlabelled_samples_from_the_given_rows():
    corpus, pool = tiles(), np.array([30, 31, 32])
    loaded = with_unlabelled(corpus, np.arange(40) % 3, pool, 5).load(np.array([4, 7]))
    assert loaded["input"].shape == (2, 3, 8, 8)
    assert loaded["label"].tolist() == [1, 1]
    assert loaded["unlabelled"].shape == (10, 3, 8, 8)
    of_pool = corpus.load(pool)
    assert all(any(torch.equal(one, other) for other in of_pool) for one in loaded["unlabelled"])
    assert set(with_unlabelled(corpus, np.arange(40) % 3, None, 0).load(np.array([0]))) == {"input", "label"}


def test_a_resumed_training_ends_like_an_uninterrupted_one(tmp_path):
    corpus = with_unlabelled(tiles(), np.arange(40) % 3, np.arange(20, 40), 2)
    plan = TrainingPlan(4, 4, 1e-2, optimiser="sgd", seed=3, checkpoint_seconds=0.0)
    whole, broken = method(threshold=0.3), method(threshold=0.3)
    train(whole, corpus, np.arange(20), plan)
    calls = 0

    def stop(_method) -> dict[str, float]:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise RuntimeError
        return {}

    with pytest.raises(RuntimeError):
        train(broken, corpus, np.arange(20), plan, validate=stop, checkpoint=tmp_path / "c.pt")
    again = method(threshold=0.3)
    train(again, corpus, np.arange(20), plan, checkpoint=tmp_path / "c.pt")
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


@pytest.mark.parametrize("wrong", [{"threshold": 1.5}, {"weight": -1.0}, {"momentum": 1.0}])
def test_impossible_settings_are_one_clear_line(wrong):
    with pytest.raises(StudyError, match="FixMatch needs"):
        method(**wrong)


def test_an_empty_pool_of_unlabelled_samples_is_refused():
    with pytest.raises(StudyError, match="unlabelled samples"):
        with_unlabelled(tiles(), np.zeros(40, dtype=int), np.array([], dtype=int), 3)
