"""Barlow Twins and VICReg: what they do not depend on, and where they are 0. (Against lightly: test_equal_lightly.)"""

import pytest
import torch

from helpers.errors import StudyError
from helpers.objectives.barlow_twins import barlow_twins
from helpers.objectives.vicreg import vicreg


def batch(rows: int = 12, width: int = 5) -> torch.Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def whitened(rows: int = 12, width: int = 5) -> torch.Tensor:
    """Columns of mean 0 and unbiased variance 1 that are uncorrelated."""
    q, _ = torch.linalg.qr(torch.cat([torch.ones(rows, 1, dtype=torch.float64), batch(rows, width)], 1))
    return q[:, 1:] * (rows - 1) ** 0.5


def test_both_are_0_for_identical_views_whose_features_are_uncorrelated_and_of_variance_1():
    z = whitened()
    assert barlow_twins(z, z, epsilon=1e-12).item() == pytest.approx(0, abs=1e-12)
    assert vicreg(z, z).item() == pytest.approx(0, abs=1e-9)


def test_barlow_twins_does_not_change_with_shift_and_scale_of_features():
    a, b = batch(), batch() + 0.1 * torch.randn(12, 5, dtype=torch.float64)
    scale, shift = torch.rand(5) + 0.5, torch.randn(5)
    moved = barlow_twins(a * scale + shift, b * scale + shift, epsilon=1e-12)
    torch.testing.assert_close(moved, barlow_twins(a, b, epsilon=1e-12))


def test_vicreg_does_not_change_with_a_shift_of_both_views_but_presses_a_collapsed_batch_apart():
    a, b = batch(), 0.5 * batch()
    torch.testing.assert_close(vicreg(a + 3, b + 3), vicreg(a, b))
    z = (1e-3 * batch()).requires_grad_()
    vicreg(z, z.detach(), 0.0, 25.0, 0.0).backward()
    assert (z.grad * (z - z.mean(0))).sum() < 0  # moving along the deviations lowers the loss


@pytest.mark.parametrize("loss", [barlow_twins, vicreg])
def test_gradients_are_finite_at_collapse_and_those_of_finite_differences_elsewhere(loss):
    flat = torch.ones(6, 4, requires_grad=True)
    loss(flat, flat).backward()
    assert torch.isfinite(flat.grad).all()
    z = batch(6, 4).requires_grad_(), (0.5 * batch(6, 4)).requires_grad_()
    assert torch.autograd.gradcheck(loss, z)


@pytest.mark.parametrize("loss", [barlow_twins, vicreg])
def test_a_single_image_or_views_of_two_shapes_are_refused(loss):
    with pytest.raises(StudyError, match="2 images"):
        loss(torch.randn(1, 4), torch.randn(1, 4))
    with pytest.raises(StudyError, match=r"\(B, d\)"):
        loss(torch.randn(3, 4), torch.randn(3, 5))
