"""Probes give what scikit-learn gives, and look at the test split once."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

from helpers.errors import StudyError
from helpers.evaluation import probes
from helpers.evaluation.probes import knn_predict, label_subset, linear_probe


def blobs(n: int, features: int, classes: int, seed: int, apart: float = 1.0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % classes
    centres = torch.randn(classes, features, generator=torch.Generator().manual_seed(99)) * apart
    return centres[y] + torch.randn(n, features, generator=generator), y


@pytest.mark.parametrize("k", [1, 5, 20, 1000])
def test_nearest_neighbours_vote_as_in_scikit_learn(k: int) -> None:
    (x, y), (asked, _) = blobs(200, 8, 4, 0), blobs(1500, 8, 4, 1)
    oracle = KNeighborsClassifier(
        min(k, 200), metric="cosine", algorithm="brute", weights=lambda d: np.exp((1 - d) / 0.07)
    ).fit(x.numpy(), y.numpy())
    assert (knn_predict(x, y, asked, k=k).numpy() == oracle.predict(asked.numpy())).mean() > 0.999


def test_nearest_neighbours_do_not_mind_the_length_of_features() -> None:
    (x, y), (asked, _) = blobs(100, 8, 3, 0), blobs(50, 8, 3, 1)
    lengths = torch.rand(100, 1) + 0.1
    assert torch.equal(knn_predict(x, y, asked), knn_predict(x * lengths, y, asked * 7))


@pytest.mark.parametrize("penalty", [1e-3, 1e-1, 1.0])
def test_linear_probe_is_scikit_learns_logistic_regression_of_the_same_penalty(penalty: float) -> None:
    (x, y), (asked, _) = blobs(150, 10, 4, 0), blobs(400, 10, 4, 1)
    x, asked = x * 3 + 5, asked * 3 + 5
    mean, std = x.mean(0), x.std(0, unbiased=False)
    xs, asked_s = ((t - mean) / std for t in (x, asked))
    oracle = LogisticRegression(C=1 / (len(x) * penalty), tol=1e-8, max_iter=5000).fit(xs.numpy(), y.numpy())
    weight = probes._logistic(xs.double(), y, torch.zeros(11, 4, dtype=torch.double), penalty)
    centred = weight[:-1] - weight[:-1].mean(dim=1, keepdim=True)  # the softmax leaves a shift of the classes free
    torch.testing.assert_close(centred.T.numpy(), oracle.coef_.astype(float), rtol=0, atol=2e-3)
    predicted = linear_probe((x, y), (x, y), asked, penalties=(penalty,))
    assert (predicted.numpy() == oracle.predict(asked_s.numpy())).mean() >= 0.9975


def few_labels_many_features() -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Thirty labels, sixty features of which three matter: a strong penalty is worth a lot."""

    def draw(n: int, seed: int) -> tuple[Tensor, Tensor]:
        x = torch.randn(n, 60, generator=torch.Generator().manual_seed(seed))
        noise = torch.randn(n, generator=torch.Generator().manual_seed(seed + 100))
        return x, (x[:, :3].sum(1) + noise > 0).long()

    return draw(30, 0), draw(2000, 1), draw(2000, 2)


def test_the_penalty_is_the_one_that_validation_likes_best_and_it_matters() -> None:
    train, validation, (asked, truth) = few_labels_many_features()
    by_penalty = {p: linear_probe(train, validation, validation[0], (p,)) for p in probes.PENALTIES}
    accuracy = {p: float((by_penalty[p] == validation[1]).double().mean()) for p in probes.PENALTIES}
    assert max(accuracy.values()) - min(accuracy.values()) > 0.01
    best = max(sorted(accuracy, reverse=True), key=lambda p: accuracy[p])
    alone = linear_probe(train, validation, asked, (best,))
    assert float((linear_probe(train, validation, asked) == alone).double().mean()) > 0.998
    chosen = float((linear_probe(train, validation, asked) == truth).double().mean())
    worst = linear_probe(train, validation, asked, (min(accuracy, key=lambda p: accuracy[p]),))
    assert chosen > float((worst == truth).double().mean())


def test_what_is_predicted_for_a_sample_does_not_depend_on_the_other_test_samples() -> None:
    train, validation, (asked, _) = few_labels_many_features()
    whole = linear_probe(train, validation, asked)
    order = torch.randperm(len(asked), generator=torch.Generator().manual_seed(0))
    assert torch.equal(linear_probe(train, validation, asked[order]), whole[order])
    assert torch.equal(linear_probe(train, validation, asked[:7] * 1.0), whole[:7])


def test_a_constant_feature_and_a_class_unseen_in_training_do_no_harm() -> None:
    (x, y), (held, held_y) = blobs(60, 5, 2, 0, apart=3), blobs(60, 5, 3, 1, apart=3)
    x, held = (torch.cat([t, torch.full((60, 1), 4.0)], dim=1) for t in (x, held))
    predicted = linear_probe((x, y), (held, held_y), held)
    assert set(predicted.tolist()) <= {0, 1}
    assert float((predicted == held_y).double()[held_y < 2].mean()) > 0.9


def test_one_class_or_no_validation_is_refused() -> None:
    x, y = blobs(20, 3, 2, 0)
    with pytest.raises(StudyError, match="at least two classes"):
        linear_probe((x, torch.zeros(20, dtype=torch.long)), (x, y), x)
    with pytest.raises(StudyError, match="validation samples"):
        linear_probe((x, y), (x[:0], y[:0]), x)


def test_label_subsets_are_stratified_nested_and_repeat() -> None:
    labels = np.random.default_rng(0).choice(3, 1000, p=[0.6, 0.3, 0.1])
    previous: set[int] = set()
    for fraction in (0.01, 0.1, 0.5, 1.0):
        chosen = label_subset(labels, fraction, seed=4)
        assert (np.diff(chosen) > 0).all()
        assert previous <= set(chosen.tolist())
        previous = set(chosen.tolist())
        for value in range(3):
            members = (labels == value).sum()
            assert (labels[chosen] == value).sum() == max(1, round(fraction * members))
    assert len(previous) == 1000
    assert (label_subset(labels, 0.1, 4) == label_subset(labels, 0.1, 4)).all()
    assert set(label_subset(labels, 0.1, 4)) != set(label_subset(labels, 0.1, 5))


def test_every_class_keeps_the_least_number_asked_for() -> None:
    labels = np.array([0] * 500 + [1] * 20 + [2] * 2)
    chosen = label_subset(labels, 0.01, seed=0, at_least=3)
    assert np.bincount(labels[chosen]).tolist() == [5, 3, 2]


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.1])
def test_a_fraction_that_is_none_is_refused(fraction: float) -> None:
    with pytest.raises(StudyError, match=r"outside \(0, 1\]"):
        label_subset(np.zeros(5), fraction, 0)
