"""Baselines of transfer on drawn domains with known shifts."""

import inspect

import numpy as np
import pytest

from helpers.errors import StudyError
from helpers.evaluation import transfer_baselines as baselines
from helpers.methods.optimapper import Source, base_learner, learn_source


def domain(seed: int, stretch: np.ndarray | None = None, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(3), count)
    features = rng.normal(scale=0.4, size=(len(labels), 3)) + 2 * np.eye(3)[labels]
    return features @ (np.eye(3) if stretch is None else stretch), labels


@pytest.fixture(scope="module")
def source() -> Source:
    return learn_source(*domain(0), base_learner("logistic", 0))


def test_with_no_shift_every_method_is_right(source: Source) -> None:
    features, labels = domain(1)
    for predicted in (
        baselines.source_only(source, features),
        baselines.self_training(source, features, 0.8),
        baselines.coral(source, features, 0.1),
        baselines.optimal_transport(source, features, 1.0),
        baselines.target_supervised(source, features, labels, np.arange(len(labels)) // 10),
    ):
        assert (predicted == labels).mean() > 0.95


def test_coral_gives_the_source_the_targets_mean_and_covariance(source: Source) -> None:
    features, _ = domain(2, np.array([[1.0, 0.7, 0], [0, 1.5, 0], [0.2, 0, 0.6]]))
    target = source.standardised(features)
    seen: dict[str, np.ndarray] = {}

    class Spy:
        def fit(self, x: np.ndarray, y: np.ndarray) -> "Spy":
            seen["x"] = x
            return self

        def predict(self, x: np.ndarray) -> np.ndarray:
            return np.zeros(len(x), dtype=int)

    spied = Source(source.features, source.labels, source.mean, source.std, source.base, Spy, source.directions)
    baselines.coral(spied, features, 1e-9)
    np.testing.assert_allclose(np.cov(seen["x"], rowvar=False), np.cov(target, rowvar=False), atol=1e-3)
    np.testing.assert_allclose(seen["x"].mean(axis=0), target.mean(axis=0), atol=1e-9)


def test_adaptation_mends_a_shift_that_keeps_classes_together(source: Source) -> None:
    features, labels = domain(3)
    moved = features + np.array([1.6, -1.2, 0.0])
    before = (baselines.source_only(source, moved) == labels).mean()
    assert (baselines.coral(source, moved, 0.01) == labels).mean() > before + 0.1
    assert (baselines.optimal_transport(source, moved, 1.0) == labels).mean() > before + 0.1


def test_self_training_that_trusts_nothing_is_the_source_model(source: Source) -> None:
    features, _ = domain(4, 1.5 * np.eye(3))
    np.testing.assert_array_equal(
        baselines.self_training(source, features, 1.1), baselines.source_only(source, features)
    )


def test_only_the_ceiling_takes_labels() -> None:
    for function in (baselines.source_only, baselines.self_training, baselines.coral, baselines.optimal_transport):
        assert "labels" not in inspect.signature(function).parameters


def test_the_ceiling_never_trains_on_the_recording_it_predicts(source: Source) -> None:
    features, labels = domain(5)
    recordings = np.array([f"r{i // 30}" for i in range(len(labels))])  # two recordings a class
    trained: list[set[float]] = []

    class Spy:
        def fit(self, x: np.ndarray, y: np.ndarray) -> "Spy":
            trained.append({round(float(v), 9) for v in x[len(source.labels) :, 0]})
            return self

        def predict(self, x: np.ndarray) -> np.ndarray:
            assert not trained[-1] & {round(float(v), 9) for v in x[:, 0]}
            return np.zeros(len(x), dtype=int)

    spied = Source(source.features, source.labels, source.mean, source.std, source.base, Spy, source.directions)
    baselines.target_supervised(spied, features, labels, recordings)
    assert len(trained) == 2
    assert min(len(t) for t in trained) > 0


def test_coral_without_a_ridge_is_refused(source: Source) -> None:
    with pytest.raises(StudyError, match="ridge must be > 0"):
        baselines.coral(source, domain(6)[0], 0.0)
