"""The training loop beside a bare one: what a step costs besides its own arithmetic."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from helpers.data.corpus import Corpus
from helpers.methods.method import Method
from helpers.training import TrainingPlan, train
from tests.benchmarks.timing import Row, interleaved

BATCH, WIDTH = 64, 128
OVERHEAD = 0.5e-3  # seconds a step beyond a bare loop's, at most


def run(rounds: int = 5, steps: int = 400) -> list[Row]:
    """Steps a second of a two-layer network, where the loop weighs most, and the seconds that a step costs more."""
    samples = torch.randn(BATCH * steps, WIDTH)
    ours, bare = interleaved(lambda: _steps(_ours, samples), lambda: _steps(_bare, samples), rounds)
    more = max(1 / ours - 1 / bare, 1e-6)
    return [
        Row("two layers: training loop | bare loop", "steps/s", ours, bare),
        Row("  seconds a step more: allowed | measured", "ms a step", 1e3 * OVERHEAD, 1e3 * more, 1.0),
    ]


class _Network(Method):
    """Predicts the sign of a sample's first number."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU())
        self.head = nn.Linear(WIDTH, 2)

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Cross-entropy of a batch."""
        scores = self.head(self.encoder(batch["input"]))
        return {"loss": nn.functional.cross_entropy(scores, (batch["input"][:, 0] > 0).long())}


def _steps(loop: Callable[[Tensor], None], samples: Tensor) -> float:
    started = time.perf_counter()
    loop(samples)
    return len(samples) / BATCH / (time.perf_counter() - started)


def _ours(samples: Tensor) -> None:
    names = [str(i) for i in range(len(samples))]
    table = pd.DataFrame({"sample_id": names, "subject": names})
    corpus = Corpus("noise", table, lambda rows: samples[torch.as_tensor(rows)], (), "none", "a benchmark", True, "0")
    plan = TrainingPlan(epochs=1, batch_size=BATCH, learning_rate=0.01, optimiser="sgd")
    train(_Network(), corpus, np.arange(len(samples)), plan, label="benchmark")


def _bare(samples: Tensor) -> None:
    method = _Network()
    optimiser = torch.optim.SGD(method.parameters(), lr=0.01, momentum=0.9, fused=True)
    for rows in torch.randperm(len(samples)).split(BATCH):
        optimiser.zero_grad()
        method({"input": samples[rows]})["loss"].backward()
        optimiser.step()
