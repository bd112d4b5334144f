"""How well a map of regions agrees with the truth: confusion, and intersection over union by class."""

from __future__ import annotations

import numpy as np

from helpers.data.corpora.slide_regions import UNKNOWN, RegionMap
from helpers.evaluation.slide_maps import SlideMap

_BAND = 512  # rows compared at once


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts by true class (rows) and predicted class, int64 (K, K); what is truly :data:`UNKNOWN` does not count.

    Args:
        truth, predicted: classes, integer arrays of one shape.
        classes: K.

    Raises:
        ValueError: other shapes.
    """
    if truth.shape != predicted.shape:
        raise ValueError(f"maps of the shapes {truth.shape} and {predicted.shape} do not pair")
    known = truth != UNKNOWN
    pairs = truth[known].astype(np.int64) * classes + predicted[known]
    return np.bincount(pairs.ravel(), minlength=classes**2).reshape(classes, classes)


def map_confusion(found: SlideMap, truth: RegionMap, classes: int) -> np.ndarray:
    """The same of a predicted map, compared at every cell of the true one, in bands: (K, K)."""
    rows, columns = truth.labels.shape
    y = (np.arange(rows) + 0.5) * truth.height / rows
    x = (np.arange(columns) + 0.5) * truth.width / columns
    total = np.zeros((classes, classes), dtype=np.int64)
    for start in range(0, rows, _BAND):
        part = slice(start, start + _BAND)
        total += confusion(truth.labels[part], found.labels_at(y[part], x), classes)
    return total


def overlap(counts: np.ndarray) -> np.ndarray:
    """Intersection over union of each class from a confusion, float64 (K,); NaN for one that is nowhere."""
    hit = np.diag(counts).astype(float)
    either = counts.sum(0) + counts.sum(1) - hit
    return np.where(either > 0, hit / np.maximum(either, 1), np.nan)


def mean_overlap(counts: np.ndarray) -> float:
    """Mean intersection over union of the classes that are there, in truth or prediction; NaN where nothing is."""
    shares = overlap(counts)
    return float(np.nanmean(shares)) if np.isfinite(shares).any() else float("nan")
