"""Cosine regression against its definition, an independent gradient and its extremes."""

import pytest
import torch

from helpers.errors import StudyError
from helpers.objectives.similarity import cosine_regression, symmetric_cosine_regression


def test_equals_the_squared_distance_of_normalised_vectors_in_value_and_gradient():
    prediction = torch.randn(7, 5, dtype=torch.double, requires_grad=True)
    target = torch.randn(7, 5, dtype=torch.double, requires_grad=True)
    ours = torch.autograd.grad(cosine_regression(prediction, target), [prediction, target])
    q = prediction / prediction.norm(dim=1, keepdim=True)
    z = target / target.norm(dim=1, keepdim=True)
    definition = (q - z).square().sum(1).mean()
    theirs = torch.autograd.grad(definition, [prediction, target])
    assert cosine_regression(prediction, target).item() == pytest.approx(definition.item(), abs=1e-12)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other)


def test_gradient_is_that_of_finite_differences():
    inputs = torch.randn(3, 4, dtype=torch.double, requires_grad=True), torch.randn(3, 4, dtype=torch.double)
    assert torch.autograd.gradcheck(cosine_regression, inputs)


def test_is_0_for_parallel_and_4_for_opposite_vectors_whatever_their_lengths():
    z = torch.randn(6, 3)
    assert cosine_regression(5 * z, z).item() == pytest.approx(0, abs=1e-6)
    assert cosine_regression(-0.1 * z, z).item() == pytest.approx(4, abs=1e-6)


def test_lengths_however_small_do_not_matter_and_a_vector_of_length_0_is_at_right_angles_to_all():
    z = torch.randn(6, 3)
    assert cosine_regression(1e-6 * z, -1e-6 * z).item() == pytest.approx(4, abs=1e-6)
    silent = torch.zeros(2, 3, requires_grad=True)
    loss = cosine_regression(silent, torch.randn(2, 3))
    assert loss.item() == 2
    assert torch.isfinite(torch.autograd.grad(loss, silent)[0]).all()


def test_symmetric_form_does_not_change_when_the_views_are_swapped():
    a, b, c, d = torch.randn(4, 6, 3).unbind()
    one, two = symmetric_cosine_regression((a, b), (c, d)), symmetric_cosine_regression((b, a), (d, c))
    assert one.item() == pytest.approx(two.item(), abs=1e-6)
    assert one.item() == pytest.approx((cosine_regression(a, d) + cosine_regression(b, c)).item() / 2)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(StudyError, match="same shape"):
        cosine_regression(torch.randn(3, 4), torch.randn(3, 5))
