"""Baselines of survival studies: Kaplan-Meier, Cox, random survival forest, gradient boosting, DeepSurv.

All read the same imputed, one-hot rows and answer with S(t|x). Discrete answers (steps) are right-continuous and 1
before the first event; they never extrapolate a slope past the last training time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from helpers.evaluation.cox_boosting import CoxBoosting
from helpers.evaluation.survival_metrics import StepCurve, kaplan_meier
from helpers.objectives.survival import cox_negative_log_likelihood

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FOREST_TIMES = 150  # steps of a forest's curves: quantiles of the training times; memory and time go with it


@dataclass(frozen=True)
class Outcomes:
    """Follow-up of N subjects: ``time`` (N,) ≥ 0 and ``event`` (N,) bool."""

    time: Floats
    event: Bools


class SurvivalModel(Protocol):
    """Anything that answers with survival curves."""

    def survival(self, design: Floats, times: Floats) -> Floats:
        """Design rows (N, P) and times (T,) → S(t|x) (N, T)."""
        ...


Fit = Callable[[Floats, Outcomes, Floats, Outcomes, int], SurvivalModel]


@dataclass(frozen=True)
class DesignMatrix:
    """Raw rows → imputed, one-hot, standardised rows, by statistics of the training fold alone.

    Numbers: mean for absent ones, then standardised. Categories: the most frequent level for absent ones, then one
    column a level but the first. A missing indicator for every feature that has gaps in the training fold.
    """

    numeric: int
    centre: Floats
    scale: Floats
    modes: NDArray[np.int64]
    cardinalities: tuple[int, ...]
    gaps: Bools

    @classmethod
    def fit(cls, features: Floats, numeric: int, cardinalities: list[int]) -> DesignMatrix:
        """From a training fold's (N, F) features, NaN where absent."""
        numbers = features[:, :numeric]
        known = ~np.isnan(numbers)
        count = np.maximum(known.sum(0), 1)
        centre = np.where(known, numbers, 0).sum(0) / count
        spread = np.sqrt((np.where(known, numbers - centre, 0) ** 2).sum(0) / count)
        modes = [
            int(np.bincount(codes[~np.isnan(codes)].astype(int), minlength=levels).argmax())
            for codes, levels in zip(features[:, numeric:].T, cardinalities, strict=True)
        ]
        gaps: Bools = np.asarray(np.isnan(features).any(0))
        return cls(numeric, centre, np.where(spread > 1e-9, spread, 1.0), np.array(modes, dtype=np.int64),
                   tuple(cardinalities), gaps)  # fmt: skip

    def __call__(self, features: Floats) -> Floats:
        """(N, F) raw → (N, P)."""
        absent = np.isnan(features)
        numbers = (
            np.where(absent[:, : self.numeric], self.centre, features[:, : self.numeric]) - self.centre
        ) / self.scale
        columns = [numbers]
        for j, levels in enumerate(self.cardinalities):
            codes = features[:, self.numeric + j]
            codes = np.where(np.isnan(codes), self.modes[j], codes)
            columns.append((codes[:, None] == np.arange(1, levels)).astype(float))
        columns.append(absent[:, self.gaps].astype(float))
        return np.concatenate(columns, axis=1)


@dataclass(frozen=True)
class Steps:
    """Curves with common steps: ``values`` (N, T) at ``times`` (T,), 1 before the first."""

    times: Floats
    values: Floats

    def at(self, times: Floats) -> Floats:
        """(N, T')."""
        before = np.ones((len(self.values), 1))
        return np.concatenate([before, self.values], axis=1)[:, np.searchsorted(self.times, times, side="right")]


def breslow_cumulative_hazard(log_risk: Floats, outcomes: Outcomes) -> StepCurve:
    """Breslow's estimate of the baseline cumulative hazard; :class:`StepCurve` holds S = exp(−H₀)."""
    times, where = np.unique(outcomes.time, return_inverse=True)
    deaths = np.bincount(where, weights=outcomes.event, minlength=len(times))
    risk = np.bincount(where, weights=np.exp(log_risk), minlength=len(times))
    at_risk = np.cumsum(risk[::-1])[::-1]  # everyone still followed at each time
    return StepCurve(times, np.exp(-np.cumsum(deaths / at_risk)))


@dataclass(frozen=True)
class ProportionalHazards:
    """S(t|x) = S₀(t)^exp(r(x)), with Breslow's S₀ on the training fold."""

    log_risk: Callable[[Floats], Floats]
    baseline: StepCurve

    @classmethod
    def around(cls, log_risk: Callable[[Floats], Floats], design: Floats, outcomes: Outcomes) -> ProportionalHazards:
        """Complete a risk score to curves."""
        return cls(log_risk, breslow_cumulative_hazard(log_risk(design), outcomes))

    def survival(self, design: Floats, times: Floats) -> Floats:
        """(N, P) and (T,) → (N, T)."""
        cumulative = -np.log(np.maximum(self.baseline(times), 1e-300))
        return np.exp(-np.exp(self.log_risk(design))[:, None] * cumulative)


@dataclass(frozen=True)
class _Population:
    curve: StepCurve

    def survival(self, design: Floats, times: Floats) -> Floats:
        return np.tile(self.curve(times), (len(design), 1))


def fit_kaplan_meier(design: Floats, train: Outcomes, _: Floats, __: Outcomes, seed: int = 0) -> SurvivalModel:
    """The same curve for everyone."""
    return _Population(kaplan_meier(train.time, train.event))


def fit_cox(design: Floats, train: Outcomes, _: Floats, __: Outcomes, seed: int = 0) -> SurvivalModel:
    """Cox proportional hazards with a small ridge (scikit-survival, Breslow ties); constant columns are left out."""
    from sksurv.linear_model import CoxPHSurvivalAnalysis

    kept = design.std(0) > 1e-9
    model = CoxPHSurvivalAnalysis(alpha=1.0).fit(design[:, kept], _structured(train))
    return ProportionalHazards.around(lambda x: x[:, kept] @ model.coef_, design, train)


@dataclass(frozen=True)
class _Forest:
    trees: object
    times: Floats

    def survival(self, design: Floats, times: Floats) -> Floats:
        parts = [
            self.trees.predict_survival_function(design[i : i + 1000], return_array=True)  # type: ignore[attr-defined]
            for i in range(0, len(design), 1000)
        ]
        return Steps(self.times, np.concatenate(parts)).at(times)


def fit_forest(design: Floats, train: Outcomes, _: Floats, __: Outcomes, seed: int = 0) -> SurvivalModel:
    """Random survival forest (Ishwaran et al. 2008; scikit-survival), 100 trees of leaves of 15.

    Training times are rounded up to :data:`FOREST_TIMES` quantiles: a forest keeps a curve in every node.
    """
    from sksurv.ensemble import RandomSurvivalForest

    grid = np.unique(np.quantile(train.time, np.linspace(0, 1, FOREST_TIMES + 1), method="higher"))
    coarse = grid[np.searchsorted(grid, train.time)]
    forest = RandomSurvivalForest(n_estimators=100, min_samples_leaf=15, max_features="sqrt", random_state=seed)
    forest.fit(design, _structured(Outcomes(coarse, train.event)))
    return _Forest(forest, np.asarray(forest.unique_times_, float))


def fit_boosting(design: Floats, train: Outcomes, _: Floats, __: Outcomes, seed: int = 0) -> SurvivalModel:
    """Gradient-boosted trees on the Cox partial likelihood: 100 trees of depth 2 on half samples."""
    trees = CoxBoosting(seed=seed).fit(design, train.time, train.event)
    return ProportionalHazards.around(trees.predict, design, train)


def fit_deepsurv(
    design: Floats, train: Outcomes, validation_design: Floats, validation: Outcomes, seed: int = 0
) -> SurvivalModel:
    """DeepSurv (Katzman et al. 2018): two layers of 64, Cox partial likelihood, best of 60 epochs by validation."""
    x, held_out = (torch.from_numpy(d.astype(np.float32)) for d in (design, validation_design))
    time, event = torch.from_numpy(train.time), torch.from_numpy(train.event)
    late, seen = torch.from_numpy(validation.time), torch.from_numpy(validation.event)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Linear(x.shape[1], 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.3),
            nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 1, bias=False),
        )  # fmt: skip
        optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-2)
        best, best_loss, since = None, np.inf, 0
        for _ in range(60):
            network.train()
            for rows in torch.randperm(len(x)).split(256):
                if len(rows) < 2 or not event[rows].any():
                    continue
                loss = cox_negative_log_likelihood(network(x[rows])[:, 0], time[rows], event[rows])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            network.eval()
            with torch.no_grad():
                held = float(cox_negative_log_likelihood(network(held_out)[:, 0], late, seen))
            since += 1
            if held < best_loss:
                best, best_loss, since = {k: v.clone() for k, v in network.state_dict().items()}, held, 0
            if since >= 10:
                break
    if best is not None:
        network.load_state_dict(best)
    network.eval()

    def log_risk(rows: Floats) -> Floats:
        with torch.no_grad():
            return network(torch.from_numpy(rows.astype(np.float32)))[:, 0].double().numpy()

    return ProportionalHazards.around(log_risk, design, train)


BASELINES: dict[str, Fit] = {
    "Kaplan-Meier": fit_kaplan_meier,
    "Cox": fit_cox,
    "random forest": fit_forest,
    "boosting": fit_boosting,
    "DeepSurv": fit_deepsurv,
}


def _structured(outcomes: Outcomes) -> NDArray[np.void]:
    from sksurv.util import Surv

    return Surv.from_arrays(event=outcomes.event, time=outcomes.time)
