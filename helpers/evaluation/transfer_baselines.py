"""What OptiMapper is compared with: other ways to bring a model to a new, unlabelled user, and a labelled ceiling.

Every function but :func:`target_supervised` sees the target's features only.
"""

from __future__ import annotations

import warnings

import numpy as np

from helpers.errors import StudyError
from helpers.methods.optimapper import Source


def source_only(source: Source, target_raw: np.ndarray) -> np.ndarray:
    """The base learner as it is: classes int64 (n,) for raw features (n, F)."""
    return source.base.predict(source.standardised(target_raw))


def self_training(source: Source, target_raw: np.ndarray, confidence: float, rounds: int = 1) -> np.ndarray:
    """Train again with the target's own confident predictions as labels (Yarowsky 1995).

    Args:
        source: with its base learner.
        target_raw: (n, F).
        confidence: probability in [0, 1] from which a prediction becomes a label.
        rounds: of predicting and training, >= 1.

    Returns:
        Classes, int64 (n,).
    """
    features = source.standardised(target_raw)
    model = source.base
    for _ in range(rounds):
        probability = model.predict_proba(features)
        sure = probability.max(axis=1) >= confidence
        labels = probability.argmax(axis=1)[sure]
        model = source.learner().fit(
            np.vstack([source.features, features[sure]]), np.concatenate([source.labels, labels])
        )
    return model.predict(features)


def coral(source: Source, target_raw: np.ndarray, ridge: float) -> np.ndarray:
    """Correlation alignment (Sun, Feng & Saenko, AAAI 2016): whiten the source, colour it as the target, retrain.

    Args:
        source: its features are aligned.
        target_raw: (n, F).
        ridge: λ > 0 added to the diagonals of both covariances; the larger, the less is aligned.

    Returns:
        Classes, int64 (n,).
    """
    if ridge <= 0:
        raise StudyError(f"CORAL's ridge must be > 0, not {ridge}")
    target = source.standardised(target_raw)
    whiten = _power(np.cov(source.features, rowvar=False), ridge, -0.5)
    colour = _power(np.cov(target, rowvar=False), ridge, 0.5)
    aligned = (source.features - source.features.mean(axis=0)) @ whiten @ colour + target.mean(axis=0)
    return source.learner().fit(aligned, source.labels).predict(target)


def _power(covariance: np.ndarray, ridge: float, power: float) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.power(np.maximum(values, 0) + ridge, power)) @ vectors.T


def optimal_transport(
    source: Source, target_raw: np.ndarray, regularisation: float, largest_source: int = 700
) -> np.ndarray:
    """Class-regularised optimal transport (Courty et al., TPAMI 39(9), 2017): carry source windows over and train.

    Args:
        source: its windows are carried; an evenly spaced share of them where there are more than ``largest_source``.
        target_raw: (n, F).
        regularisation: of the classes' group sparsity, >= 0; the entropy's is 1, costs are divided by their median.
        largest_source: source windows carried at most.

    Returns:
        Classes, int64 (n,).
    """
    import ot

    target = source.standardised(target_raw)
    chosen = np.linspace(0, len(source.labels) - 1, min(largest_source, len(source.labels))).round().astype(int)
    transport = ot.da.SinkhornLpl1Transport(reg_e=1.0, reg_cl=regularisation, norm="median")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Sinkhorn says when it stops at its limit of iterations; the plan is usable
        transport.fit(Xs=source.features[chosen], ys=source.labels[chosen], Xt=target)
        carried = transport.transform(Xs=source.features[chosen])
    if not np.isfinite(carried).all():
        return source.base.predict(target)
    return source.learner().fit(carried, source.labels[chosen]).predict(target)


def target_supervised(source: Source, target_raw: np.ndarray, labels: np.ndarray, recordings: np.ndarray) -> np.ndarray:
    """A reference with labels: source windows and *labelled* windows of the user's other recordings train the model.

    It must recognise recordings it has not seen, whereas a method that adapts to the very windows it labels need not:
    it can be beaten by one that clusters well.

    Recordings of each class are dealt to two folds, so that no recording is on both sides. A class of one recording is
    known from the source alone when that is predicted.

    Args:
        source: other subjects.
        target_raw: (n, F).
        labels: true classes, int64 (n,).
        recordings: of each window, (n,).

    Returns:
        Classes, int64 (n,), each predicted by the fold that did not train on its recording.
    """
    features = source.standardised(target_raw)
    fold = np.zeros(len(labels), dtype=int)
    for label in np.unique(labels):
        for number, recording in enumerate(np.unique(recordings[labels == label])):
            fold[recordings == recording] = number % 2
    predicted = source.base.predict(features)
    for held in np.unique(fold):
        known = fold != held
        model = source.learner().fit(
            np.vstack([source.features, features[known]]), np.concatenate([source.labels, labels[known]])
        )
        predicted[~known] = model.predict(features[~known])
    return predicted
