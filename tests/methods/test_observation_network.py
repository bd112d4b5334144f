"""The network of observations, its communities, and how they are scored."""

import numpy as np
import pytest

from helpers.errors import StudyError
from helpers.methods.observation_network import clustering_accuracy, communities, observation_network, utilisation


def blobs(count: int = 40, centres: int = 4, apart: float = 20.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(centres), count)
    return rng.normal(size=(len(labels), 3)) + apart * np.eye(centres, 3)[labels] * (1 + labels[:, None]), labels


def test_edges_join_mutual_neighbours_with_weights_in_0_to_1() -> None:
    points, _ = blobs()
    graph = observation_network(points, 8)
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    nearest = np.argsort(distance, axis=1)[:, :8]
    mutual = {(i, j) for i in range(len(points)) for j in nearest[i] if i in nearest[j] and i < j}
    assert {tuple(sorted(edge)) for edge in graph.edges} == mutual
    assert all(0 < weight <= 1 for _, _, weight in graph.edges.data("weight"))


def test_the_network_does_not_depend_on_the_unit_of_the_features() -> None:
    points, _ = blobs()
    one, other = observation_network(points, 6), observation_network(points * 1000, 6)
    assert set(one.edges) == set(other.edges)
    for i, j, weight in one.edges.data("weight"):
        assert other[i][j]["weight"] == pytest.approx(weight)


def test_communities_find_well_separated_clusters_and_never_mix_them() -> None:
    points, labels = blobs()
    groups = communities(observation_network(points, 8), 1.0, 5, seed=0)
    assert clustering_accuracy(groups, labels) == 1.0
    joined = np.concatenate(groups)
    assert len(set(joined.tolist())) == len(joined)
    assert utilisation(groups, len(points)) > 0.9


def test_an_observation_like_no_other_is_left_out() -> None:
    points, _ = blobs()
    far = np.vstack([points, [[500.0, -500.0, 300.0]]])
    groups = communities(observation_network(far, 8), 1.0, 5, seed=0)
    assert len(far) - 1 not in np.concatenate(groups)
    assert utilisation(groups, len(far)) < 1


def test_a_seed_gives_the_same_communities_again() -> None:
    points, _ = blobs(apart=2.0)
    graph = observation_network(points, 8)
    for one, same in zip(communities(graph, 2.0, 3, seed=4), communities(graph, 2.0, 3, seed=4)):
        np.testing.assert_array_equal(one, same)


def test_clustering_accuracy_is_the_share_of_the_commonest_class() -> None:
    groups = [np.array([0, 1, 2]), np.array([3, 4])]
    assert clustering_accuracy(groups, np.array([1, 1, 0, 2, 2])) == pytest.approx(4 / 5)
    assert np.isnan(clustering_accuracy([], np.array([1])))


def test_too_few_observations_are_refused() -> None:
    with pytest.raises(StudyError, match="at least 2 observations"):
        observation_network(np.zeros((1, 3)), 3)
