"""FixMatch's unlabelled loss: only sure pseudo-labels teach, and nothing flows into the weak views."""

import numpy as np
import pytest
import torch

from helpers.objectives.pseudo_labels import pseudo_label_loss


@pytest.fixture
def logits() -> tuple[torch.Tensor, torch.Tensor]:
    weak = torch.tensor([[6.0, 0.0, 0.0], [1.0, 0.5, 0.0], [0.0, 0.0, 8.0], [0.2, 0.1, 0.0]], requires_grad=True)
    strong = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    return weak, strong


def test_pseudo_labels_below_the_threshold_give_no_gradient(logits):
    weak, strong = logits
    loss, sure = pseudo_label_loss(weak, strong, 0.95)
    loss.backward()
    assert sure.tolist() == [True, False, True, False]
    assert (strong.grad[~sure] == 0).all()
    assert (strong.grad[sure].abs().sum(1) > 0).all()
    assert weak.grad is None


def test_value_and_gradient_are_those_of_the_formula(logits):
    weak, strong = logits
    loss, sure = pseudo_label_loss(weak, strong, 0.95)
    loss.backward()
    q = np.exp(strong.detach().double().numpy())
    q /= q.sum(1, keepdims=True)
    label, n = weak.detach().argmax(1).numpy(), len(weak)
    assert loss.item() == pytest.approx(-np.log(q[np.arange(n), label])[sure.numpy()].sum() / n, rel=1e-5)
    expected = (q - np.eye(3)[label]) * sure.numpy()[:, None] / n
    np.testing.assert_allclose(strong.grad.numpy(), expected, atol=1e-6)


def test_a_threshold_of_none_lets_every_sample_count(logits):
    weak, strong = logits
    loss, sure = pseudo_label_loss(weak, strong, 0.0)
    assert sure.all()
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(strong, weak.argmax(1)))


def test_where_nothing_is_sure_the_loss_is_zero_and_finite(logits):
    weak, strong = logits
    loss, sure = pseudo_label_loss(0 * weak, 1e4 * strong, 0.95)
    loss.backward()
    assert not sure.any()
    assert loss.item() == 0
    assert (strong.grad == 0).all()
