"""The contrastive loss: values, gradients, and an independent formula."""

import pytest
import torch

from helpers.objectives.contrastive import pair_contrastive


def by_hand(a: torch.Tensor, b: torch.Tensor, same: list[bool], margin: float) -> float:
    """Hadsell, Chopra & LeCun, eq. 4, pair by pair."""
    total = 0.0
    for x, y, s in zip(a.tolist(), b.tolist(), same, strict=True):
        distance = sum((p - q) ** 2 for p, q in zip(x, y, strict=True)) ** 0.5
        total += 0.5 * distance**2 if s else 0.5 * max(0.0, margin - distance) ** 2
    return total / len(same)


def test_equals_the_formula_pair_by_pair() -> None:
    torch.manual_seed(0)
    a, b = torch.randn(20, 3), torch.randn(20, 3)
    same = [i % 3 == 0 for i in range(20)]
    for margin in (0.5, 1.0, 3.0):
        assert float(pair_contrastive(a, b, torch.tensor(same), margin)) == pytest.approx(
            by_hand(a, b, same, margin), rel=1e-5
        )


def test_gradient_is_that_of_finite_differences() -> None:
    torch.manual_seed(1)
    a = torch.randn(8, 4, dtype=torch.double, requires_grad=True)
    b = torch.randn(8, 4, dtype=torch.double, requires_grad=True)
    same = torch.arange(8) % 2 == 0
    assert torch.autograd.gradcheck(lambda x, y: pair_contrastive(x, y, same, 3.0), (a, b))


def test_same_pairs_attract_different_pairs_repel_and_far_ones_are_left_alone() -> None:
    a = torch.tensor([[0.0, 0.0]] * 3, requires_grad=True)
    b = torch.tensor([[0.5, 0.0], [0.5, 0.0], [5.0, 0.0]])
    pair_contrastive(a, b, torch.tensor([True, False, False]), 1.0).backward()
    assert a.grad is not None
    step = -a.grad[:, 0]
    assert step[0] > 0 > step[1]
    assert step[2] == 0


def test_two_clips_at_one_point_give_a_finite_gradient() -> None:
    a = torch.zeros(2, 3, requires_grad=True)
    loss = pair_contrastive(a, torch.zeros(2, 3), torch.tensor([True, False]), 1.0)
    loss.backward()
    assert loss.item() == pytest.approx(0.25)
    assert torch.isfinite(a.grad).all()
