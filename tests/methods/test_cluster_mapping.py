"""The mapping of communities to source clusters is optimal, and what is shipped balances."""

from itertools import permutations, product

import numpy as np
import pytest

from helpers.errors import StudyError
from helpers.methods.cluster_mapping import many_to_one, one_to_one, places


@pytest.mark.parametrize("seed", range(20))
def test_one_to_one_matching_of_clusters_equals_brute_force(seed: int) -> None:
    cost = np.random.default_rng(seed).normal(size=(4, 4))
    flow = one_to_one(cost, np.ones(4, dtype=int), np.full(4, 0.25))
    best = min(sum(cost[i, k] for i, k in enumerate(order)) for order in permutations(range(4)))
    assert (flow * cost).sum() == pytest.approx(best)
    assert ((flow == 0) | (flow == 1)).all()


@pytest.mark.parametrize("seed", range(10))
def test_one_to_one_with_sizes_equals_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cost, supplies, shares = rng.normal(size=(3, 3)), np.array([3, 2, 2]), np.array([0.3, 0.4, 0.3])
    community = np.repeat(np.arange(3), supplies)
    cluster = np.repeat(np.arange(3), places(7, shares))
    best = min(cost[community, list(order)].sum() for order in set(permutations(cluster.tolist())))
    assert (one_to_one(cost, supplies, shares) * cost).sum() == pytest.approx(best)


@pytest.mark.parametrize("seed", range(20))
def test_many_to_one_equals_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cost, capacity = rng.normal(size=(5, 3)), 3  # five communities of one unit each, up to three a cluster
    shares = np.full(3, 1 / 3)
    flow = many_to_one(cost, np.ones(5, dtype=int), shares, slack=3 * capacity / 5 - 1)
    allowed = [order for order in product(range(3), repeat=5) if max(np.bincount(order)) <= capacity]
    best = min(sum(cost[i, k] for i, k in enumerate(order)) for order in allowed)
    assert (flow * cost).sum() == pytest.approx(best)


@pytest.mark.parametrize("slack", [0.0, 0.3, 2.0, 100.0])
def test_supplies_and_demands_balance(slack: float) -> None:
    rng = np.random.default_rng(1)
    supplies, shares = rng.integers(1, 60, size=17), rng.dirichlet(np.ones(7))
    flow = many_to_one(rng.random((17, 7)), supplies, shares, slack)
    np.testing.assert_allclose(flow.sum(axis=1), supplies, rtol=1e-9)
    assert (flow.sum(axis=0) <= (1 + slack) * supplies.sum() * shares + 1e-6).all()
    assert (flow >= 0).all()


def test_one_to_one_fills_every_cluster_to_its_places() -> None:
    rng = np.random.default_rng(2)
    supplies, shares = rng.integers(1, 40, size=9), rng.dirichlet(np.ones(4))
    flow = one_to_one(rng.random((9, 4)), supplies, shares)
    np.testing.assert_array_equal(flow.sum(axis=1), supplies)
    np.testing.assert_array_equal(flow.sum(axis=0), places(int(supplies.sum()), shares))


def test_one_to_one_is_the_transportation_problem_without_slack() -> None:
    rng = np.random.default_rng(3)
    cost, supplies, shares = rng.random((6, 4)), np.array([8, 8, 4, 4, 4, 12]), np.array([0.25, 0.25, 0.3, 0.2])
    matched = (one_to_one(cost, supplies, shares) * cost).sum()
    assert matched == pytest.approx((many_to_one(cost, supplies, shares, 0.0) * cost).sum())


def test_with_ample_slack_every_community_goes_to_its_cheapest_cluster() -> None:
    cost = np.random.default_rng(4).random((8, 5))
    flow = many_to_one(cost, np.arange(1, 9), np.full(5, 0.2), slack=10.0)
    np.testing.assert_array_equal(flow.argmax(axis=1), cost.argmin(axis=1))
    np.testing.assert_allclose(flow.max(axis=1), np.arange(1, 9), rtol=1e-9)


def test_slack_leaves_absent_activities_empty_where_balance_cannot() -> None:
    cost = np.array([[0.0, 1, 1, 1], [0.0, 1, 1, 1], [1, 0.0, 1, 1]])
    supplies, shares = np.array([10, 10, 10]), np.full(4, 0.25)
    assert (one_to_one(cost, supplies, shares).sum(axis=0) > 0).all()
    assert many_to_one(cost, supplies, shares, 2.0).sum(axis=0).tolist() == pytest.approx([20, 10, 0, 0])


def test_a_constant_added_to_a_communitys_costs_changes_no_mapping() -> None:
    rng = np.random.default_rng(5)
    cost, supplies, shares = rng.random((6, 4)), rng.integers(5, 20, size=6), np.full(4, 0.25)
    moved = cost + rng.random((6, 1))
    np.testing.assert_allclose(many_to_one(cost, supplies, shares, 0.5), many_to_one(moved, supplies, shares, 0.5))


def test_places_sum_to_the_observations_in_the_clusters_shares() -> None:
    assert places(10, np.array([0.5, 0.3, 0.2])).tolist() == [5, 3, 2]
    assert places(7, np.full(3, 1 / 3)).sum() == 7
    assert (np.abs(places(100, np.array([0.333, 0.333, 0.334])) - [33.3, 33.3, 33.4]) < 1).all()


def test_impossible_mappings_are_refused() -> None:
    good = (np.zeros((2, 3)), np.array([1, 2]), np.full(3, 1 / 3))
    with pytest.raises(StudyError, match="need as many costs"):
        one_to_one(np.zeros((3, 3)), good[1], good[2])
    with pytest.raises(StudyError, match="not a finite number"):
        many_to_one(np.full((2, 3), np.nan), good[1], good[2], 0.0)
    with pytest.raises(StudyError, match="slack must be >= 0"):
        many_to_one(*good, slack=-0.1)
    with pytest.raises(StudyError, match="supplies must be >= 1"):
        one_to_one(good[0], np.array([0, 2]), good[2])
