"""Views of table rows: how raw features reach a network, how gaps are made, and how a pretext hides values.

Rows are (B, F) with numeric features first and categorical codes after them; presence is a (B, F) bool mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


@dataclass(frozen=True)
class FeatureScaler:
    """Raw features → what the network reads, by statistics of the training fold alone.

    A numeric value becomes the normal score of its mid-rank among the training fold's values (ties share a rank), then
    mean 0 and standard deviation 1: skewed laboratory values need no hand-made logarithm. A category that the
    training fold never shows counts as absent.

    Attributes:
        ranks: sorted training values of each numeric feature.
        shift, scale: mean and standard deviation of each feature's normal scores in the training fold.
        seen: for each categorical feature, which codes the training fold shows.
    """

    ranks: tuple[NDArray[np.float64], ...]
    shift: tuple[float, ...]
    scale: tuple[float, ...]
    seen: tuple[NDArray[np.bool_], ...]

    @classmethod
    def fit(cls, features: NDArray[np.float64], numeric: int, cardinalities: list[int]) -> FeatureScaler:
        """From a training fold's (N, F) features, NaN where absent; the first ``numeric`` columns are numbers."""
        ranks, shift, scale = [], [], []
        for column in features[:, :numeric].T:
            known = np.sort(column[~np.isnan(column)])
            score = _normal_score(known, known)
            ranks.append(known)
            shift.append(float(score.mean()) if len(known) else 0.0)
            spread = float(score.std()) if len(known) else 0.0
            scale.append(spread if spread > 1e-6 else 1.0)
        seen = []
        for column, levels in zip(features[:, numeric:].T, cardinalities, strict=True):
            known = column[~np.isnan(column)].astype(int)
            seen.append(np.bincount(known, minlength=levels) > 0)
        return cls(tuple(ranks), tuple(shift), tuple(scale), tuple(seen))

    def __call__(self, features: NDArray[np.float64]) -> tuple[Tensor, Tensor]:
        """(N, F) raw → values (N, F) float32, 0 where absent, and presence (N, F) bool."""
        values, present = np.zeros_like(features), ~np.isnan(features)
        for j, known in enumerate(self.ranks):
            if len(known) == 0:  # never seen in training: nothing can be made of it
                present[:, j] = False
                continue
            here = present[:, j]
            values[here, j] = (_normal_score(features[here, j], known) - self.shift[j]) / self.scale[j]
        for j, shown in enumerate(self.seen, start=len(self.ranks)):
            codes = np.where(present[:, j], features[:, j], 0).astype(int)
            present[:, j] &= shown[codes]
            values[:, j] = np.where(present[:, j], codes, 0)
        return torch.from_numpy(values.astype(np.float32)), torch.from_numpy(present)


def _normal_score(values: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import ndtri

    n = max(1, len(known))
    rank = (np.searchsorted(known, values, "left") + np.searchsorted(known, values, "right")) / 2
    return ndtri(np.clip(rank / n, 0.5 / n, 1 - 0.5 / n))


def missing_completely_at_random(shape: tuple[int, int], fraction: float, seed: int) -> NDArray[np.bool_]:
    """Which values to take away, each with probability ``fraction``: (N, F) bool.

    Masks of one seed are nested: what is gone at 10 % is gone at 30 %.
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"a missing fraction is in [0, 1), not {fraction}")
    return np.random.default_rng([20250132, seed]).random(shape) < fraction


class CorruptedRows(NamedTuple):
    """What a pretext shows the network, and what it asks.

    ``values`` (B, F) float and ``present`` (B, F) bool: the row as shown. ``filled`` (B, F) bool: absent values whose
    place was taken by another row's value. ``hidden`` (B, F) bool: all values made absent, filled or shown as missing.
    """

    values: Tensor
    present: Tensor
    filled: Tensor
    hidden: Tensor


class RowCorruption(nn.Module):
    """Make values absent at random, in one of two disguises.

    *Filled*: the place is taken by a draw from that feature's values in the training fold, so that which features are
    absent must be inferred from the others and is not read off the missing token (as in VIME, Yoon et al. 2020).
    *Shown*: the place holds the learned missing token, as a real gap does.
    """

    pool: Tensor
    counts: Tensor

    def __init__(self, values: Tensor, present: Tensor, fraction: float, filled_share: float) -> None:
        """Marginals from a training fold.

        Args:
            values, present: (N, F) of the training fold.
            fraction: of present values made absent, in (0, 1).
            filled_share: of those, the share that is filled, in [0, 1].
        """
        super().__init__()
        if not 0 < fraction < 1 or not 0 <= filled_share <= 1:
            raise ValueError(f"fraction in (0, 1) and filled_share in [0, 1], not {fraction} and {filled_share}")
        self.fraction, self.filled_share = fraction, filled_share
        order = present.float().argsort(dim=0, descending=True, stable=True)  # known values first
        self.register_buffer("pool", values.gather(0, order), persistent=False)  # (N, F)
        self.register_buffer("counts", present.sum(0), persistent=False)  # (F,)

    def forward(self, values: Tensor, present: Tensor) -> CorruptedRows:
        """(B, F) values and presence → corrupted rows; what is absent already stays so and is never asked for."""
        hidden = (torch.rand_like(values) < self.fraction) & present
        filled = hidden & (torch.rand_like(values) < self.filled_share)
        drawn = (torch.rand_like(values) * self.counts).long().clamp_max((self.counts - 1).clamp_min(0))
        shown = torch.where(filled, self.pool.gather(0, drawn), values)
        return CorruptedRows(shown, present & ~(hidden & ~filled), filled, hidden)


def drop_features(present: Tensor, probability: float) -> Tensor:
    """Feature dropout: (B, F) presence with each feature taken away with the given probability."""
    if probability <= 0:
        return present
    return present & (torch.rand(present.shape, device=present.device) >= probability)
