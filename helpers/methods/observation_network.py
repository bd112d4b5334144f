"""The network of a new user's unlabelled observations, and its communities (OptiMapper's first step)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from helpers.errors import StudyError

if TYPE_CHECKING:
    import networkx as nx

SCALE_NEIGHBOUR = 7  # Zelnik-Manor & Perona 2004 set a point's own scale by its seventh neighbour


def observation_network(points: np.ndarray, neighbours: int) -> nx.Graph:
    """Mutual nearest-neighbour graph of observations.

    Two observations are joined where each is among the other's nearest; the edge's weight is the self-tuning Gaussian
    ``exp(−d(i,j)² / (s_i·s_j))``, s_i the distance to i's seventh neighbour (Zelnik-Manor & Perona, *Self-tuning
    spectral clustering*, NIPS 2004). Fallahzadeh et al. leave edges and weights open; mutual edges leave an
    observation that resembles nothing without a community, and so out of the clustering.

    Args:
        points: one observation a row, float (n, D), n >= 2; its labels are not asked for.
        neighbours: nearest observations looked at, >= 1; at most n − 1 are used.

    Returns:
        Nodes 0..n-1, edges with ``weight`` in (0, 1].

    Raises:
        StudyError: fewer than two observations, or no neighbours asked for.
    """
    import networkx as nx
    from sklearn.neighbors import NearestNeighbors

    if len(points) < 2 or neighbours < 1:
        raise StudyError(
            f"an observation network needs at least 2 observations and 1 neighbour, not {len(points)} and {neighbours}"
        )
    k = min(neighbours, len(points) - 1)
    distance, nearest = NearestNeighbors(n_neighbors=k).fit(points).kneighbors()  # (n, k), a point is not its own
    scale = np.maximum(distance[:, min(SCALE_NEIGHBOUR, k) - 1], 1e-9)
    one = np.repeat(np.arange(len(points)), k)
    other, d = nearest.reshape(-1), distance.reshape(-1)
    chosen = set(zip(one.tolist(), other.tolist()))
    weight = np.maximum(np.exp(-np.square(d) / (scale[one] * scale[other])), 1e-12)
    graph = nx.Graph()
    graph.add_nodes_from(range(len(points)))
    graph.add_weighted_edges_from(
        (i, j, w) for i, j, w in zip(one.tolist(), other.tolist(), weight.tolist()) if i < j and (j, i) in chosen
    )
    return graph


def communities(graph: nx.Graph, resolution: float, smallest: int, seed: int) -> list[np.ndarray]:
    """Communities of a network by Louvain's modularity (Blondel et al., J. Stat. Mech. P10008, 2008).

    Args:
        graph: as :func:`observation_network` makes it.
        resolution: > 0; above 1 finds more and smaller communities.
        smallest: communities with fewer observations are left out: nothing is learnt from them.
        seed: of the order in which nodes are visited.

    Returns:
        Sorted int64 arrays of nodes, disjoint, the largest first.
    """
    import networkx as nx

    found = nx.community.louvain_communities(graph, weight="weight", resolution=resolution, seed=seed)
    kept = [np.array(sorted(group), dtype=np.int64) for group in found if len(group) >= smallest]
    return sorted(kept, key=lambda group: (-len(group), int(group[0])))


def utilisation(groups: list[np.ndarray], observations: int) -> float:
    """Share of all observations that communities hold, in [0, 1]."""
    return sum(len(group) for group in groups) / observations


def clustering_accuracy(groups: list[np.ndarray], labels: np.ndarray) -> float:
    """Share of clustered observations whose class is the commonest of their community, in [0, 1]; for scoring only.

    Args:
        groups: communities.
        labels: true classes, int64 (n,).

    Returns:
        The share; NaN where nothing is clustered.
    """
    clustered = sum(len(group) for group in groups)
    if clustered == 0:
        return float("nan")
    return sum(int(np.bincount(labels[group]).max()) for group in groups) / clustered
