"""SurvFormer's fit and predictions beside scikit-survival's forest and a Cox network under torchsurv's loss."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torchsurv.loss.cox import neg_partial_log_likelihood

from helpers.data.corpora.survival import survival_folds
from helpers.evaluation.survival_baselines import BASELINES, DesignMatrix
from helpers.studies.survformer import steps
from helpers.studies.survformer.about import SurvFormerParameters
from helpers.studies.survformer.folds import FoldData, cardinalities, fold_data
from tests.benchmarks.timing import Row, interleaved

TIMES = 100  # of each predicted curve


@dataclass(frozen=True)
class _Rates:
    """Patients a second: fitted over all passes, and predicted."""

    fitted: float
    predicted: float


def run(rows: int = 2000, epochs: int = 5, rounds: int = 3) -> list[Row]:
    """Fit and predict on FLCHAIN.

    Args:
        rows: patients; 60 % of them are fitted on, a fifth is predicted.
        epochs: passes of both networks, without early stopping.
        rounds: turns of ours and theirs, whose medians are taken.
    """
    p = SurvFormerParameters(rows=rows, epochs=epochs, patience=epochs)
    corpus = steps.read_corpus(p)
    data = fold_data(corpus, survival_folds(corpus, 5, 0)[0], 0.0, 0)
    design = DesignMatrix.fit(data.features[data.fold.train], len(corpus.numeric), cardinalities(corpus))
    found = []
    for name, other in (("forest", _forest), ("torchsurv Cox network", _cox_network)):
        for what in ("fitted", "predicted"):
            rates = interleaved(
                lambda what=what: getattr(_survformer(data, p), what),
                lambda what=what, other=other: getattr(other(data, design(data.features), p), what),
                rounds,
            )
            found.append(Row(f"SurvFormer | {name}: {what}", "patients/s", *rates))
    return found


def _survformer(data: FoldData, p: SurvFormerParameters) -> _Rates:
    torch.manual_seed(0)
    encoder = steps.pretext(data, "both", p).encoder
    started = time.perf_counter()
    model, history = steps.fine_tune(encoder, data, p, 0)
    fitted = time.perf_counter()
    test = data.fold.test
    times = torch.linspace(0, float(data.time[data.fold.train].max()), TIMES, dtype=torch.float64)
    model.survival(data.values[test], data.present[test], times)
    ended = time.perf_counter()
    return _Rates(len(data.fold.train) * len(history.epochs) / (fitted - started), len(test) / (ended - fitted))


def _forest(data: FoldData, design: np.ndarray, p: SurvFormerParameters) -> _Rates:
    part = data.fold
    started = time.perf_counter()
    model = BASELINES["random forest"](
        design[part.train], data.outcomes(part.train), design[part.validation], data.outcomes(part.validation), 0
    )
    fitted = time.perf_counter()
    model.survival(design[part.test], np.linspace(0, float(data.time[part.train].max()), TIMES))
    ended = time.perf_counter()
    return _Rates(len(part.train) / (fitted - started), len(part.test) / (ended - fitted))


def _cox_network(data: FoldData, design: np.ndarray, p: SurvFormerParameters) -> _Rates:
    """Two hidden layers, as many passes in batches of the same size."""
    part = data.fold
    passes, batch = steps.budget(p.epochs, p.batch_size, len(part.train))
    x = torch.from_numpy(design).float()
    network = nn.Sequential(nn.Linear(x.shape[1], 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    optimiser = torch.optim.AdamW(network.parameters(), p.learning_rate)
    event = torch.as_tensor(np.asarray(data.event), dtype=torch.bool)
    followed = torch.as_tensor(np.asarray(data.time), dtype=torch.float32)
    started = time.perf_counter()
    for _ in range(passes):
        for rows in torch.as_tensor(part.train)[torch.randperm(len(part.train))].split(batch):
            if not event[rows].any():
                continue
            optimiser.zero_grad()
            neg_partial_log_likelihood(network(x[rows]), event[rows], followed[rows]).backward()
            optimiser.step()
    fitted = time.perf_counter()
    with torch.no_grad():
        network(x[torch.as_tensor(part.test)])
    ended = time.perf_counter()
    return _Rates(len(part.train) * passes / (fitted - started), len(part.test) / (ended - fitted))
