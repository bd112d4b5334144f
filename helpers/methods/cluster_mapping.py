"""Optimal mapping of target communities to source clusters: one-to-one, and many-to-one as a transportation problem."""

from __future__ import annotations

import numpy as np

from helpers.errors import StudyError


def one_to_one(cost: np.ndarray, supplies: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Perfect matching of observations to places in source clusters, at the smallest total cost.

    The complete bipartite graph has every clustered observation of the target on one side, and on the other as many
    places as there are observations, dealt to the source clusters by their shares. Observations of one community have
    the same costs. With communities of one unit each and one place a cluster it is the matching of clusters to
    clusters of Fallahzadeh et al.; communities outnumber activities here (one a way of doing an activity, such as
    with the left or the right arm), and sizes must tell which of them belong together.

    Args:
        cost: of putting an observation of community i into cluster k, (m, K), finite.
        supplies: observations a community, int64 (m,), >= 1.
        shares: of the source's observations that each cluster holds, (K,), summing to 1.

    Returns:
        Observations of community i put into cluster k, float (m, K); rows sum to ``supplies``, columns to
        :func:`places`.
    """
    from scipy.optimize import linear_sum_assignment

    _check(cost, supplies, shares)
    community = np.repeat(np.arange(len(supplies)), supplies)  # (n,)
    cluster = np.repeat(np.arange(len(shares)), places(int(supplies.sum()), shares))  # (n,)
    row, column = linear_sum_assignment(cost[np.ix_(community, cluster)])
    flow = np.zeros(cost.shape)
    np.add.at(flow, (community[row], cluster[column]), 1.0)
    return flow


def places(observations: int, shares: np.ndarray) -> np.ndarray:
    """Whole numbers that sum to ``observations`` in about these shares (largest remainders), int64 (K,)."""
    exact = observations * np.asarray(shares, dtype=float) / np.sum(shares)
    whole = np.floor(exact + 1e-9).astype(np.int64)
    missing = observations - int(whole.sum())
    whole[np.argsort(-(exact - whole), kind="stable")[:missing]] += 1
    return whole


def many_to_one(cost: np.ndarray, supplies: np.ndarray, shares: np.ndarray, slack: float) -> np.ndarray:
    """Transportation problem: every community ships all its observations, a cluster takes at most its capacity.

    Capacities are ``(1 + slack)·n·shares``: with slack 0 every cluster is filled to its share, with more slack several
    communities may crowd into few clusters and others stay empty, as when the target lacks activities. The unused
    capacity is balanced by an artificial community that ships at no cost (Hitchcock, J. Math. Phys. 20, 1941); solved
    to optimality by the network simplex of POT.

    Args:
        cost: of shipping one observation from community i to cluster k, (m, K), finite.
        supplies: observations a community, int64 (m,), >= 1.
        shares: of the source's observations that each cluster holds, (K,), summing to 1.
        slack: >= 0.

    Returns:
        Observations shipped from i to k, float (m, K) >= 0; rows sum to ``supplies``, columns to at most the capacity.
    """
    import ot

    _check(cost, supplies, shares)
    if slack < 0:
        raise StudyError(f"slack must be >= 0, not {slack}")
    mass = supplies.astype(float)
    total = mass.sum() * (1 + slack)
    capacity = np.asarray(shares, dtype=float) / np.sum(shares) * total
    mass, costs = mass / total, cost.astype(float)
    if slack > 0:
        mass = np.append(mass, 1 - mass.sum())
        costs = np.vstack([costs, np.zeros(costs.shape[1])])
    flow = ot.emd(mass, capacity / total, np.ascontiguousarray(costs))
    return flow[: len(supplies)] * total


def _check(cost: np.ndarray, supplies: np.ndarray, shares: np.ndarray) -> None:
    if cost.shape != (len(supplies), len(shares)) or len(supplies) == 0:
        raise StudyError(f"{len(supplies)} communities and {len(shares)} clusters need as many costs, not {cost.shape}")
    if not np.isfinite(cost).all():
        raise StudyError("a cost of the mapping is not a finite number")
    if (np.asarray(supplies) < 1).any() or (np.asarray(shares) < 0).any() or np.sum(shares) <= 0:
        raise StudyError("supplies must be >= 1, shares >= 0 and not all 0")
