"""Recipes that the tests of :mod:`helpers.processes` train, importable from any process."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from helpers.data.corpus import Corpus
from helpers.errors import StudyError
from helpers.methods.method import Method
from helpers.objectives.gathering import gather
from helpers.processes import Job
from helpers.training import TrainingPlan


def line_of_samples(n: int = 64, features: int = 6) -> Corpus:
    """A corpus of ``n`` random rows (n, features), one subject each."""
    x = torch.randn(n, features, generator=torch.Generator().manual_seed(7))
    names = [str(i) for i in range(n)]
    table = pd.DataFrame({"sample_id": names, "subject": names})
    return Corpus("line", table, lambda rows: x[torch.as_tensor(rows)], (), "none", "a test", True, "0")


class Decorrelate(Method):
    """A loss that looks across the whole batch: off-diagonal covariance of the embedding."""

    def __init__(self, features: int = 6) -> None:
        super().__init__()
        self.encoder = nn.Linear(features, 4)

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        z = gather(self.encoder(batch["input"]))
        z = z - z.mean(dim=0)
        covariance = z.T @ z / len(z)
        loss = (covariance - torch.eye(covariance.shape[0])).square().sum()
        return {"loss": loss, "embedding": z}


def decorrelation(epochs: int = 2, fail: bool = False) -> Job:
    """A small job over the whole batch; ``fail`` makes it refuse."""
    if fail:
        raise StudyError("the recipe refuses: set fail: false")
    torch.manual_seed(0)
    plan = TrainingPlan(epochs=epochs, batch_size=16, learning_rate=0.05, optimiser="sgd", schedule="constant")
    return Job(Decorrelate(), line_of_samples(), np.arange(64), plan)
