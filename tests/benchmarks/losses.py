"""Objectives with their gradients beside lightly's, at batches of 256 to 4,096."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import lightly.loss as theirs
import torch
from torch import Tensor

from helpers.objectives.barlow_twins import barlow_twins
from helpers.objectives.nt_xent import nt_xent, queue_contrast
from helpers.objectives.prototypes import swapped_prediction
from helpers.objectives.similarity import cosine_regression
from helpers.objectives.vicreg import vicreg
from tests.benchmarks.timing import Row, interleaved, rate_of

WIDTH = 128  # of the projections; prototypes and queue entries are as many as written below
PROTOTYPES, QUEUED = 512, 4096


def run(batches: Sequence[int] = (256, 1024, 4096), rounds: int = 5, repeats: int = 5) -> list[Row]:
    """Every objective that lightly has too.

    Args:
        batches: images of a batch; each has two views.
        rounds: turns of ours and theirs, whose medians are taken.
        repeats: losses a turn, after one that is not counted.
    """
    rows = []
    for batch in batches:
        for name, ours, other, inputs in _pairs(batch):
            mine, lightlys = _step(ours, inputs), _step(other, inputs)
            rates = interleaved(
                lambda mine=mine: rate_of(mine, 1, repeats), lambda one=lightlys: rate_of(one, 1, repeats), rounds
            )
            rows.append(Row(f"{name} with gradient, batch {batch}", "losses/s", *rates, target=1.0))
    return rows


Loss = Callable[..., Tensor]


def _pairs(batch: int) -> list[tuple[str, Loss, Loss, list[Tensor]]]:
    source = torch.Generator().manual_seed(0)
    views = [torch.randn(batch, WIDTH, generator=source).requires_grad_() for _ in range(2)]
    scores = [torch.tanh(torch.randn(batch, PROTOTYPES, generator=source)).requires_grad_() for _ in range(2)]
    queue = torch.nn.functional.normalize(torch.randn(QUEUED, WIDTH, generator=source), dim=1)
    banked = theirs.NTXentLoss(0.2, memory_bank_size=(QUEUED, WIDTH))
    banked(*views)  # its bank starts as noise at the first call
    return [
        ("NT-Xent", lambda a, b: nt_xent([a, b], 0.2), theirs.NTXentLoss(0.2), views),
        ("contrast with a queue of 4,096", lambda a, b: queue_contrast(a, b, queue, 0.2), banked, views),
        ("Barlow Twins", barlow_twins, theirs.BarlowTwinsLoss(), views),
        ("VICReg", vicreg, theirs.VICRegLoss(), views),
        ("SwAV, 512 prototypes", lambda *s: swapped_prediction(s),
         lambda *s: theirs.SwaVLoss()(list(s), []), scores),
        ("cosine regression (BYOL)", cosine_regression, theirs.NegativeCosineSimilarity(), views),
    ]  # fmt: skip


def _step(loss: Loss, inputs: list[Tensor]) -> Callable[[], None]:
    def step() -> None:
        torch.autograd.grad(loss(*inputs).sum(), inputs, allow_unused=True)

    return step
