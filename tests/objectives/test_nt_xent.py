"""Contrastive losses against their definitions, and what they do not depend on; test_equal_lightly has the rest."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.errors import StudyError
from helpers.objectives.nt_xent import neighbour_contrast, nt_xent, queue_contrast
from helpers.objectives.supervised_contrastive import supervised_contrastive


def views(count: int = 2, rows: int = 5, width: int = 4) -> list[Tensor]:
    source = torch.Generator().manual_seed(1)
    return [torch.randn(rows, width, generator=source, dtype=torch.float64, requires_grad=True) for _ in range(count)]


def by_hand(z: list[Tensor], classes: list[int], temperature: float) -> float:
    """Eq. 2 of Khosla et al., term by term."""
    rows = np.concatenate([view.detach().numpy() for view in z])
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    label = classes * len(z)
    total = 0.0
    for i in range(len(rows)):
        others = [a for a in range(len(rows)) if a != i]
        below = sum(math.exp(rows[i] @ rows[a] / temperature) for a in others)
        positives = [a for a in others if label[a] == label[i]]
        total -= sum(math.log(math.exp(rows[i] @ rows[p] / temperature) / below) for p in positives) / len(positives)
    return total / len(rows)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_nt_xent_of_any_number_of_views_is_the_definition_with_every_image_a_class(count):
    z = views(count)
    assert nt_xent(z, 0.3).item() == pytest.approx(by_hand(z, list(range(5)), 0.3), rel=1e-9)


def test_supervised_contrastive_is_the_definition():
    z, classes = views(3), [0, 2, 0, 1, 2]
    ours = supervised_contrastive(z, torch.tensor(classes), 0.2)
    assert ours.item() == pytest.approx(by_hand(z, classes, 0.2), rel=1e-9)


def test_without_labels_supervised_contrastive_is_nt_xent_in_value_and_gradient():
    z = views(2)
    unknown = torch.full((5,), -1)
    ours, other = supervised_contrastive(z, unknown, 0.2), nt_xent(z, 0.2)
    torch.testing.assert_close(ours, other)
    for mine, expected in zip(torch.autograd.grad(ours, z), torch.autograd.grad(other, z), strict=True):
        torch.testing.assert_close(mine, expected)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_gradients_are_those_of_finite_differences(temperature):
    z, keys = views(3), F.normalize(torch.randn(6, 4, dtype=torch.float64), dim=1)
    assert torch.autograd.gradcheck(lambda *v: nt_xent(v, temperature), z)
    assert torch.autograd.gradcheck(lambda *v: supervised_contrastive(v, torch.tensor([0, 1, 0, -1, -1])), z)
    assert torch.autograd.gradcheck(lambda a, b: neighbour_contrast(a, b, temperature), z[:2])
    assert torch.autograd.gradcheck(lambda a, b: queue_contrast(a, b, keys, temperature), z[:2])


def test_the_lengths_of_projections_and_the_order_of_views_and_of_images_do_not_matter():
    z, order = views(3), torch.randperm(5)
    loss = nt_xent(z, 0.5)
    torch.testing.assert_close(nt_xent([3 * view for view in z], 0.5), loss)
    torch.testing.assert_close(nt_xent(z[::-1], 0.5), loss)
    torch.testing.assert_close(nt_xent([view[order] for view in z], 0.5), loss)


def test_nt_xent_stays_finite_at_a_low_temperature_in_float32():
    z = [view.detach().float().requires_grad_() for view in views()]
    loss = nt_xent(z, 1e-3)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(view.grad).all() for view in z)


def test_neighbour_contrast_is_cross_entropy_over_the_other_views_predictions():
    nearest, predicted = (F.normalize(view.detach(), dim=1).numpy() for view in views())
    similarity = np.exp(nearest @ predicted.T / 0.1)
    expected = -np.log(np.diag(similarity) / similarity.sum(axis=1)).mean()
    assert neighbour_contrast(*views(), 0.1).item() == pytest.approx(expected, rel=1e-9)


def test_queue_contrast_is_reckoned_in_float32_under_autocast_and_at_a_low_temperature():
    (q, k), queue = (view.detach().float() for view in views()), F.normalize(torch.randn(6, 4), dim=1)
    q, k = q.bfloat16().requires_grad_(), k.bfloat16().requires_grad_()
    for temperature in (0.2, 1e-3):
        expected = queue_contrast(q.float(), k.float(), queue, temperature)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = queue_contrast(q, k, queue, temperature)
        torch.testing.assert_close(loss, expected)
        wanted, found = (torch.autograd.grad(value, [q, k]) for value in (expected, loss))
        torch.testing.assert_close(found, wanted)
        assert all(torch.isfinite(gradient).all() for gradient in found)


def test_an_empty_queue_asks_nothing():
    q, k = views()
    loss = queue_contrast(q, k, torch.zeros(0, 4))
    assert loss.item() == 0
    assert torch.autograd.grad(loss, q)[0].abs().max() == 0


def test_one_view_is_refused():
    with pytest.raises(StudyError, match="two views"):
        nt_xent(views(1))
    with pytest.raises(StudyError, match="two views"):
        supervised_contrastive(views(1), torch.zeros(5))
