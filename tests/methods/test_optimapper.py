"""OptiMapper end to end on drawn clusters, and that it is uninformed."""

import inspect
from dataclasses import replace

import numpy as np
import pytest

from helpers.errors import StudyError
from helpers.methods.optimapper import Settings, Source, adapt, base_learner, fuse, learn_source, mapping_cost

CLASSES = 4
COARSE = Settings(resolution=1.0, smallest=4, confidence=1.1)  # for clusters as small as the drawn ones


def drawn(seed: int, shift: float = 0.0, classes: int = CLASSES, count: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Compact clusters on a line; a new user's lie shifted along it, where the source's model errs."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), count)
    return rng.normal(scale=0.25, size=(len(labels), 5)) + 2.0 * labels[:, None] + shift, labels


def source_of(learner: str = "logistic") -> Source:
    return learn_source(*drawn(0), base_learner(learner, 0, 20))


@pytest.mark.parametrize("learner", ["logistic", "forest"])
def test_the_balanced_mapping_mends_what_a_shift_broke(learner: str) -> None:
    features, labels = drawn(1, shift=1.25)
    made = adapt(source_of(learner), features, COARSE, seed=0)
    assert (made.base == labels).mean() < 0.6
    assert (made.predicted == labels).mean() > 0.95


def test_many_to_one_leaves_absent_classes_empty() -> None:
    features, labels = drawn(2)
    some = labels < 2
    made = adapt(source_of(), features[some], replace(COARSE, mapping="many_to_one", slack=2.0), seed=0)
    assert set(made.mapped.tolist()) == {0, 1}
    assert (made.predicted == labels[some]).mean() > 0.97


def test_there_is_no_argument_through_which_target_labels_could_come() -> None:
    assert list(inspect.signature(adapt).parameters) == ["source", "target_raw", "settings", "seed"]


def test_the_same_input_gives_the_same_adaptation_again() -> None:
    features, _ = drawn(3, shift=0.8)
    one, same = (adapt(source_of("forest"), features, Settings(), seed=5) for _ in range(2))
    np.testing.assert_array_equal(one.predicted, same.predicted)
    np.testing.assert_array_equal(one.flow, same.flow)


def test_standardisation_uses_the_sources_statistics_alone() -> None:
    source = source_of()
    features, _ = drawn(4, shift=3.0)
    alone = source.standardised(features[:1])
    np.testing.assert_array_equal(alone, source.standardised(features)[:1])
    np.testing.assert_allclose(source.features.mean(axis=0), 0, atol=1e-9)


def test_fusion_keeps_agreement_and_believes_neither_where_a_sure_learner_disagrees() -> None:
    probability = np.array([[0.95, 0.05], [0.6, 0.4], [0.05, 0.95], [0.99, 0.01], [0.55, 0.45]])
    groups, mapped = [np.array([0, 1, 2])], np.array([0])
    assert fuse(groups, mapped, probability, 0.9).tolist() == [0, 0, -1, 0, -1]
    mapped = np.array([1])
    assert fuse(groups, mapped, probability, 0.9).tolist() == [-1, 1, 1, 0, -1]
    assert fuse(groups, mapped, probability, 1.1).tolist() == [1, 1, 1, -1, -1]


def test_a_class_the_base_learner_prefers_costs_less() -> None:
    probability = np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.0, 0.0, 1.0]])
    cost = mapping_cost([np.array([0, 1]), np.array([2])], probability)
    assert cost.argsort(axis=1).tolist()[0] == [0, 1, 2]
    assert cost[1].argmin() == 2
    assert np.isfinite(cost).all()


def test_without_any_community_the_base_learner_stands() -> None:
    features, _ = drawn(5)
    made = adapt(source_of(), features, replace(Settings(), smallest=10_000, confidence=1.1), seed=0)
    assert made.groups == []
    np.testing.assert_array_equal(made.predicted, made.base)


def test_a_source_without_a_class_and_an_unknown_learner_are_refused() -> None:
    features, labels = drawn(6)
    with pytest.raises(StudyError, match="every class"):
        learn_source(features[labels != 1], labels[labels != 1], base_learner("logistic", 0))
    with pytest.raises(StudyError, match="there are forest and logistic"):
        base_learner("boosting", 0)
