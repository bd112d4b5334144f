"""OptiMapper: a personalised model for a new user from unlabelled data (Fallahzadeh et al., IEEE TMC 22(1), 2023)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from helpers.errors import StudyError
from helpers.methods.cluster_mapping import many_to_one, one_to_one
from helpers.methods.observation_network import communities, observation_network

if TYPE_CHECKING:
    import networkx as nx

CLIP = 5.0  # standard deviations of the source; a feature further out says no more than "far out"
COST_FLOOR = 0.02  # probability added before the logarithm: a base learner is never surer than 98 %
Learner = Callable[[], Any]  # makes an untrained classifier with fit(X, y), predict_proba(X) and classes_


def base_learner(name: str, seed: int, trees: int = 100) -> Learner:
    """Maker of a base learner.

    Args:
        name: ``"forest"`` (extremely randomised trees, Geurts et al. 2006) or ``"logistic"`` (multinomial, λ = 10/n).
        seed: of the forest.
        trees: in the forest.

    Raises:
        StudyError: another name.
    """
    if name == "forest":
        from sklearn.ensemble import ExtraTreesClassifier

        return lambda: ExtraTreesClassifier(trees, random_state=seed, n_jobs=1)
    if name == "logistic":
        from sklearn.linear_model import LogisticRegression

        return lambda: LogisticRegression(C=0.1, max_iter=400)
    raise StudyError(f"no base learner is called {name!r}; there are forest and logistic")


@dataclass(frozen=True)
class Source:
    """What is known of the source subjects: standardised features, classes, a trained base learner and a metric.

    Attributes:
        features: standardised with the source's own statistics and clipped at ±5, float (n, F).
        labels: classes 0..K-1, int64 (n,); every class occurs.
        mean, std: of the raw features, (F,).
        base: the trained base learner.
        learner: makes an untrained one of the same kind.
        directions: source's discriminant directions, (F, K-1), scaled to unit overall spread.
    """

    features: np.ndarray
    labels: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    base: Any
    learner: Learner
    directions: np.ndarray

    @property
    def shares(self) -> np.ndarray:
        """Share of each class, (K,)."""
        return np.bincount(self.labels) / len(self.labels)

    def standardised(self, raw: np.ndarray) -> np.ndarray:
        """Raw features by the *source's* mean and standard deviation, clipped; no statistic of the target is used."""
        return np.clip((raw - self.mean) / self.std, -CLIP, CLIP)

    def metric_space(self, features: np.ndarray) -> np.ndarray:
        """Coordinates in which observations are compared: all features, and what tells the source's classes apart."""
        every = features / np.sqrt(features.shape[1])
        return np.hstack([every, features @ self.directions / 3.0])


def learn_source(raw: np.ndarray, labels: np.ndarray, learner: Learner) -> Source:
    """Standardise the source subjects' data, train the base learner and find the metric space.

    Args:
        raw: features of all source windows, float (n, F).
        labels: classes, int64 (n,).
        learner: makes the base learner.

    Raises:
        StudyError: a class number between 0 and the largest that has no window.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    counts = np.bincount(labels)
    if (counts == 0).any() or len(counts) < 2:
        raise StudyError(
            f"the source subjects need windows of every class and at least two classes; counts are {counts}"
        )
    mean, std = raw.mean(axis=0), raw.std(axis=0)
    std = np.where(std > 1e-8, std, 1.0)
    features = np.clip((raw - mean) / std, -CLIP, CLIP)
    discriminant = LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.1).fit(features, labels)
    directions = discriminant.scalings_[:, : len(counts) - 1]
    directions = directions / max(float((features @ directions).std()), 1e-12)
    return Source(features, labels, mean, std, learner().fit(features, labels), learner, directions)


@dataclass(frozen=True)
class Settings:
    """OptiMapper's choices; what the paper leaves open is named so.

    Attributes:
        mapping: ``"one_to_one"`` where the target does all activities, ``"many_to_one"`` where it may lack some.
        neighbours: of the observation network (open in the paper).
        resolution: of the communities (open).
        smallest: observations below which a community is left out (open).
        slack: of the transportation problem's capacities (open).
        confidence: base-learner probability above which it overrules a mapping that disagrees (the fusion rule; open).
        keep_source: whether source windows stay in the personalised training set beside the target's (open).
    """

    mapping: Literal["one_to_one", "many_to_one"] = "one_to_one"
    neighbours: int = 8
    resolution: float = 2.0
    smallest: int = 8
    slack: float = 2.0
    confidence: float = 0.9
    keep_source: bool = False


@dataclass(frozen=True)
class Adaptation:
    """What OptiMapper made of one target.

    Attributes:
        graph: the observation network.
        groups: communities, arrays of window positions.
        cost: of each community in each class, (m, K).
        flow: observations mapped, (m, K).
        mapped: class of each community, int64 (m,).
        fused: label of each window in the personalised training set, int64 (n,); -1 where it was left out.
        base: the base learner's prediction, int64 (n,).
        predicted: the personalised model's prediction, int64 (n,).
    """

    graph: nx.Graph
    groups: list[np.ndarray]
    cost: np.ndarray
    flow: np.ndarray
    mapped: np.ndarray
    fused: np.ndarray
    base: np.ndarray
    predicted: np.ndarray

    @property
    def mapped_windows(self) -> np.ndarray:
        """The mapped class of each window, int64 (n,); -1 outside communities."""
        labels = np.full(len(self.base), -1, dtype=np.int64)
        for group, label in zip(self.groups, self.mapped):
            labels[group] = label
        return labels


def adapt(source: Source, target_raw: np.ndarray, settings: Settings, seed: int) -> Adaptation:
    """Personalise to one new user whose windows carry no labels (none can be passed).

    Args:
        source: of :func:`learn_source`.
        target_raw: features of all the user's windows, float (n, F), n >= 2.
        settings: see :class:`Settings`.
        seed: of the community detection.
    """
    features = source.standardised(target_raw)
    probability = source.base.predict_proba(features)  # (n, K)
    graph = observation_network(source.metric_space(features), settings.neighbours)
    groups = communities(graph, settings.resolution, settings.smallest, seed)
    cost = mapping_cost(groups, probability)
    flow = _flow(cost, groups, source.shares, settings)
    mapped = flow.argmax(axis=1)
    fused = fuse(groups, mapped, probability, settings.confidence)
    base = probability.argmax(axis=1)
    predicted = _personalised(source, features, fused, base, settings)
    return Adaptation(graph, groups, cost, flow, mapped, fused, base, predicted)


def mapping_cost(groups: list[np.ndarray], probability: np.ndarray) -> np.ndarray:
    """Edge weights of the bipartite graph, (m, K): −log of a community's mean probability of each class."""
    means = [probability[group].mean(axis=0) for group in groups]
    return -np.log(np.reshape(means, (len(groups), probability.shape[1])) + COST_FLOOR)


def _flow(cost: np.ndarray, groups: list[np.ndarray], shares: np.ndarray, settings: Settings) -> np.ndarray:
    supplies = np.array([len(group) for group in groups], dtype=np.int64)
    if len(groups) == 0:
        return np.zeros(cost.shape)
    if settings.mapping == "one_to_one":
        return one_to_one(cost, supplies, shares)
    return many_to_one(cost, supplies, shares, settings.slack)


def fuse(groups: list[np.ndarray], mapped: np.ndarray, probability: np.ndarray, confidence: float) -> np.ndarray:
    """Conditional fusion of mapped labels with the base learner's.

    A window whose community is mapped to what the base learner says keeps that label. Where they differ, the mapping
    counts unless the base learner is sure (at least ``confidence``), in which case the window is left out of the
    training set: neither is believed. A window outside communities has the base learner's label where that is sure.

    Args:
        groups: communities.
        mapped: their classes, int64 (m,).
        probability: of the base learner, (n, K).
        confidence: in [0, 1]; above 1 the mapping always counts.

    Returns:
        Labels of the personalised training set, int64 (n,); -1 where left out.
    """
    said, sure = probability.argmax(axis=1), probability.max(axis=1) >= confidence
    fused = np.where(sure, said, -1).astype(np.int64)
    for group, label in zip(groups, mapped):
        fused[group] = np.where(sure[group] & (said[group] != label), -1, label)
    return fused


def _personalised(
    source: Source, features: np.ndarray, fused: np.ndarray, base: np.ndarray, settings: Settings
) -> np.ndarray:
    used = fused >= 0
    x, y = features[used], fused[used]
    if settings.keep_source:
        x, y = np.vstack([source.features, x]), np.concatenate([source.labels, y])
    if len(y) == 0:
        return base
    if len(np.unique(y)) == 1:
        return np.full(len(features), y[0])
    return source.learner().fit(x, y).predict(features)
