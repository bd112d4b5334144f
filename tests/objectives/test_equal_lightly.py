"""Every objective that lightly has too: the same value and the same gradients, to 1e-6 in float64."""

from collections.abc import Callable, Sequence

import lightly.loss as theirs
import pytest
import torch
from torch import Tensor

from helpers.objectives.barlow_twins import barlow_twins
from helpers.objectives.nt_xent import nt_xent, queue_contrast
from helpers.objectives.prototypes import sinkhorn, swapped_prediction
from helpers.objectives.similarity import cosine_regression
from helpers.objectives.vicreg import vicreg

Loss = Callable[..., Tensor]


def views(count: int = 2, rows: int = 16, width: int = 12, seed: int = 0) -> list[Tensor]:
    """Correlated views, as a network gives them, none of them centred."""
    source = torch.Generator().manual_seed(seed)
    image = torch.randn(rows, width, generator=source, dtype=torch.float64) + 0.3
    made = [image + 0.5 * torch.randn(rows, width, generator=source, dtype=torch.float64) for _ in range(count)]
    return [view.requires_grad_() for view in made]


def assert_equal(ours: Loss, other: Loss, inputs: Sequence[Tensor]) -> None:
    mine, lightlys = ours(*inputs), other(*inputs).squeeze()
    torch.testing.assert_close(mine, lightlys, rtol=1e-6, atol=1e-9)
    gradients = zip(torch.autograd.grad(mine, inputs), torch.autograd.grad(lightlys, inputs), strict=True)
    for gradient, expected in gradients:
        assert expected.abs().max() > 1e-6
        torch.testing.assert_close(gradient, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_nt_xent(temperature: float) -> None:
    assert_equal(lambda a, b: nt_xent([a, b], temperature), theirs.NTXentLoss(temperature), views())


def test_queue_contrast() -> None:
    criterion = theirs.NTXentLoss(0.2, memory_bank_size=(20, 12))
    queue = torch.nn.functional.normalize(torch.randn(20, 12, dtype=torch.float64), dim=1)

    def lightlys(queries: Tensor, keys: Tensor) -> Tensor:
        criterion.memory_bank.bank = queue.clone()
        return criterion(queries, keys)

    assert_equal(lambda q, k: queue_contrast(q, k, queue, 0.2), lightlys, views())


@pytest.mark.parametrize("redundancy", [5e-3, 0.1])
def test_barlow_twins(redundancy: float) -> None:
    assert_equal(lambda a, b: barlow_twins(a, b, redundancy), theirs.BarlowTwinsLoss(redundancy), views())


def test_vicreg() -> None:
    inputs = [(0.6 * view).detach().requires_grad_() for view in views()]  # so that the hinge is at work
    assert_equal(vicreg, theirs.VICRegLoss(), inputs)
    assert_equal(lambda a, b: vicreg(a, b, 1.0, 2.0, 3.0), theirs.VICRegLoss(1.0, 2.0, 3.0), inputs)


@pytest.mark.parametrize("small", [0, 3])
@pytest.mark.parametrize("queue", [False, True])
def test_swapped_prediction(small: int, queue: bool) -> None:
    scores = [(view / view.detach().norm(dim=1, keepdim=True)).detach().requires_grad_() for view in views(2 + small)]
    queued = [view.detach() / 4 for view in views(2, rows=24, seed=5)] if queue else None
    assert_equal(
        lambda *s: swapped_prediction(s[:2], s[2:], queued),
        lambda *s: theirs.SwaVLoss()(list(s[:2]), list(s[2:]), queued),
        scores,
    )


def test_sinkhorn() -> None:
    from lightly.loss.swav_loss import sinkhorn as lightlys

    scores = torch.tanh(views()[0].detach())
    torch.testing.assert_close(sinkhorn(scores), lightlys(scores), rtol=1e-9, atol=1e-12)


def test_cosine_regression_is_2_plus_twice_lightlys_negative_cosine() -> None:
    assert_equal(cosine_regression, lambda p, t: 2 + 2 * theirs.NegativeCosineSimilarity()(p, t), views())
