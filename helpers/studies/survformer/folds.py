"""One fold of a survival corpus as models see it: values taken away, scaled on the training part."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from helpers.data.corpora.survival import SurvivalCorpus, SurvivalFold
from helpers.evaluation.survival_baselines import Outcomes
from helpers.views.tables import FeatureScaler, missing_completely_at_random


@dataclass(frozen=True)
class FoldData:
    """One fold as models see it, after values were taken away completely at random.

    ``features`` (N, F) raw with NaN; ``values``, ``present`` (N, F) as the network reads them, scaled on the training
    part; ``corpus`` loads ``values``, ``present``, ``time``, ``event`` of rows.
    """

    fold: SurvivalFold
    features: np.ndarray
    values: Tensor
    present: Tensor
    time: np.ndarray
    event: np.ndarray
    corpus: SurvivalCorpus

    def outcomes(self, rows: np.ndarray) -> Outcomes:
        """Times and events of rows."""
        return Outcomes(self.time[rows], self.event[rows])


def fold_data(corpus: SurvivalCorpus, fold: SurvivalFold, missing: float, seed: int) -> FoldData:
    """Take values away (the same ones for every method and fold), then scale on the training part alone."""
    loaded = corpus.load(np.arange(len(corpus)))
    assert isinstance(loaded, dict)
    features = loaded["features"].numpy().copy()
    features[missing_completely_at_random(features.shape, missing, seed)] = np.nan
    scaler = FeatureScaler.fit(features[fold.train], len(corpus.numeric), cardinalities(corpus))
    values, present = scaler(features)
    time, event = loaded["time"], loaded["event"]

    def load(rows: np.ndarray) -> dict[str, Tensor]:
        chosen = torch.as_tensor(np.asarray(rows))
        return {"values": values[chosen], "present": present[chosen], "time": time[chosen], "event": event[chosen]}

    return FoldData(fold, features, values, present, time.numpy(), event.numpy(), replace(corpus, load=load))


def cardinalities(corpus: SurvivalCorpus) -> list[int]:
    """Levels of each categorical feature."""
    return [len(levels) for levels in corpus.categorical.values()]
