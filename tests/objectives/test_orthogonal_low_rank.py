"""SSOLE's terms at their closed forms, and gradients where nuclear norms have none."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.errors import StudyError
from helpers.objectives.orthogonal_low_rank import high_rank, low_rank, nuclear_norm, orthogonal_low_rank, ssole


def views(batch: int = 6, count: int = 3, width: int = 8, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(batch, count, width, generator=torch.Generator().manual_seed(4), dtype=dtype)


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (6, 6)])
def test_the_nuclear_norm_is_the_sum_of_singular_values_with_the_gradient_of_finite_differences(shape):
    matrix = torch.randn(2, *shape, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(nuclear_norm(matrix), torch.linalg.svdvals(matrix).sum(-1))
    assert torch.autograd.gradcheck(nuclear_norm, matrix)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_nuclear_norms_gradient_has_nothing_in_directions_of_singular_value_0(dtype):
    u, v = torch.randn(6, 2, dtype=dtype), torch.randn(2, 7, dtype=dtype)
    matrix = (u @ v).requires_grad_()
    (gradient,) = torch.autograd.grad(nuclear_norm(matrix), matrix)
    singular = torch.linalg.svdvals(gradient)
    torch.testing.assert_close(singular, torch.tensor([1, 1, 0, 0, 0, 0], dtype=dtype), atol=1e-4, rtol=0)
    zero = torch.zeros(3, 4, requires_grad=True)
    assert torch.autograd.grad(nuclear_norm(zero), zero)[0].abs().max() == 0


@pytest.mark.parametrize("batch", [2, 5, 8])
def test_high_rank_is_1_at_collapse_and_0_at_orthonormality(batch):
    collapsed = F.normalize(torch.ones(batch, 8, dtype=torch.float64), dim=1)
    assert high_rank(collapsed).item() == pytest.approx(1, abs=1e-6)
    orthonormal = torch.linalg.qr(torch.randn(8, 8, dtype=torch.float64)).Q[:batch]
    assert high_rank(orthonormal).item() == pytest.approx(0, abs=2e-3)  # the cut at 1 − 10⁻⁶ costs √(2·10⁻⁶)


def test_high_rank_falls_as_a_batch_spreads():
    direction, noise = torch.ones(16, 8), torch.randn(16, 8, generator=torch.Generator().manual_seed(0))
    values = [high_rank(F.normalize(direction + share * noise, dim=1)).item() for share in (0.0, 0.3, 1.0, 5.0)]
    assert values == sorted(values, reverse=True)


def test_low_rank_is_0_for_identical_views_and_1_minus_cosine_for_two():
    z = F.normalize(views(), dim=-1)
    assert low_rank(z[:, :1].expand(-1, 4, -1)).item() == pytest.approx(0, abs=1e-9)
    two = z[:, :2]
    assert low_rank(two).item() == pytest.approx((1 - (two[:, 0] * two[:, 1]).sum(-1)).mean().item(), rel=1e-9)


def test_low_rank_tells_a_vector_from_its_opposite_where_ole_cannot():
    z = F.normalize(views(6, 1), dim=-1)
    opposite = torch.cat([z, -z], dim=1)
    assert low_rank(opposite).item() == pytest.approx(2)
    torch.testing.assert_close(orthogonal_low_rank(opposite), orthogonal_low_rank(torch.cat([z, z], dim=1)))


def test_low_ranks_gradient_is_that_of_its_formula_with_the_mean_held_fixed():
    z = F.normalize(views(4, 3), dim=-1).requires_grad_()
    (mine,) = torch.autograd.grad(low_rank(z), z)
    mean = z.detach().mean(1, keepdim=True)
    deviations = (z - mean).requires_grad_()
    u, _, vh = torch.linalg.svd(deviations.detach(), full_matrices=False)
    r = torch.linalg.svdvals(deviations.detach()).sum(-1)
    rank = 2  # three deviations from their mean
    expected = 2 * r[:, None, None] * (u[..., :rank] @ vh[:, :rank]) / 4 / 4
    torch.testing.assert_close(mine, expected)


def test_the_gradient_of_the_whole_is_that_of_finite_differences_for_two_views():
    """With two views the mean that is held fixed has no part in the gradient: deviations are opposite."""
    z = views(5, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: ssole(v)[0], z, atol=1e-5)
    assert torch.autograd.gradcheck(lambda v: orthogonal_low_rank(v), z)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("where", ["collapse", "orthonormal", "identical views", "zero"])
def test_value_and_gradient_are_finite_at_the_singular_points(where, dtype):
    z = {
        "collapse": torch.ones(8, 4, 16, dtype=dtype),
        "orthonormal": torch.eye(16, dtype=dtype)[:8, None].expand(-1, 4, -1).clone(),
        "identical views": views(8, 1, 16, dtype).expand(-1, 4, -1).clone(),
        "zero": torch.zeros(8, 4, 16, dtype=dtype),
    }[where].requires_grad_()
    for loss in (ssole(z)[0], orthogonal_low_rank(z)):
        if where == "zero" and loss.isnan():
            pytest.fail("a zero projection gives no number")
        (gradient,) = torch.autograd.grad(loss, z)
        assert torch.isfinite(loss)
        assert torch.isfinite(gradient).all()


def test_ole_is_never_negative_and_0_for_orthogonal_images_or_at_the_origin():
    assert orthogonal_low_rank(views()).item() > 0
    assert orthogonal_low_rank(views() * 0).item() == 0
    orthogonal = torch.eye(8, dtype=torch.float64)[:6, None].expand(-1, 3, -1)
    assert orthogonal_low_rank(orthogonal).item() == pytest.approx(0, abs=1e-9)
    assert orthogonal_low_rank(views(), bound=100.0) > orthogonal_low_rank(views())


def test_one_view_or_one_image_is_refused():
    with pytest.raises(StudyError, match="N >= 2"):
        low_rank(views(3, 1))
    with pytest.raises(StudyError, match="2 images"):
        high_rank(views(1, 2)[:, 0])
