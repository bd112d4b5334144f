"""Every metric of every method on one fold's validation and test parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from helpers.evaluation.survival_baselines import Outcomes
from helpers.evaluation.survival_metrics import (
    CensoringWeights,
    concordance_td,
    d_calibration,
    evaluation_grid,
    integrated_brier_score,
    integrated_log_likelihood,
    kaplan_meier,
)
from helpers.studies.survformer.folds import FoldData


class FoldScores:
    """Scores of several methods on one fold's validation and test parts."""

    def __init__(self, data: FoldData) -> None:
        self.data = data
        train_part = data.outcomes(data.fold.train)
        self.weights = CensoringWeights.fit(train_part.time, train_part.event)
        self.rows: list[dict[str, Any]] = []
        self.counts: dict[str, Tensor] = {}
        self.gaps: dict[str, Tensor] = {}
        test = data.outcomes(data.fold.test)
        self.grid = evaluation_grid(test.time)
        self.observed = kaplan_meier(test.time, test.event)(self.grid)

    def add(self, method: str, survival: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
        """Score ``survival(rows, times) -> (N, T)`` under the method's name."""
        for split, chosen in (("validation", self.data.fold.validation), ("test", self.data.fold.test)):
            truth = self.data.outcomes(chosen)
            grid = evaluation_grid(truth.time)
            event_times = np.unique(truth.time[truth.event])
            on_grid = survival(chosen, grid)
            scores = {
                "C-td": concordance_td(survival(chosen, event_times), truth.time, truth.event, event_times),
                "IBS": integrated_brier_score(on_grid, truth.time, truth.event, grid, self.weights),
                "IBLL": integrated_log_likelihood(on_grid, truth.time, truth.event, grid, self.weights),
            }
            if split == "test":
                times, place = np.unique(truth.time, return_inverse=True)
                own = survival(chosen, times)[np.arange(len(chosen)), place]
                calibration = d_calibration(own, truth.event)
                scores["D-calibration p"] = calibration.p_value
                scores["C Harrell"] = _harrell(on_grid.mean(axis=1), truth)
                self.counts[method] = torch.from_numpy(calibration.counts)
                self.gaps[method] = torch.from_numpy(on_grid.mean(axis=0) - self.observed)
            self.rows += [
                {"method": method, "split": split, "metric": metric, "value": float(value), "n": len(chosen)}
                for metric, value in scores.items()
            ]

    def result(self) -> dict[str, Any]:
        """What a job of the grid returns: rows of scores, bins of D-calibration, and the gap to Kaplan-Meier."""
        return {"rows": self.rows, "d_calibration": self.counts, "gap": self.gaps, "grid": torch.from_numpy(self.grid)}


def _harrell(mean_survival: np.ndarray, truth: Outcomes) -> float:
    from sksurv.metrics import concordance_index_censored

    return float(concordance_index_censored(truth.event, truth.time, -mean_survival)[0])
