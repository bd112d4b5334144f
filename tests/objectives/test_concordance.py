"""CCC is Lin's closed form, and its gradient is the derivative of that form."""

import numpy as np
import pytest
import torch

from helpers.objectives.concordance import concordance, concordance_loss


def pair(seed: int = 0, columns: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(1, 2, (40, columns))
    predicted = 0.6 * truth + rng.normal(0.5, 1, truth.shape)
    return torch.tensor(predicted, requires_grad=True), torch.tensor(truth)


def test_it_is_the_closed_form():
    predicted, truth = pair()
    found = concordance(predicted, truth)
    for i in range(3):
        x, y = predicted.detach().numpy()[:, i], truth.numpy()[:, i]
        r = np.corrcoef(x, y)[0, 1]
        form = 2 * r * x.std() * y.std() / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
        assert found[i].item() == pytest.approx(form, abs=1e-12)


def test_its_gradient_is_that_of_the_closed_form():
    """d CCC/dx_i = 2/(n·D)·[(y_i − ȳ) − CCC·((x_i − x̄) + (x̄ − ȳ))], D the denominator."""
    predicted, truth = pair(1, 1)
    concordance(predicted, truth).sum().backward()
    x, y = predicted.detach().numpy()[:, 0], truth.numpy()[:, 0]
    apart = x.var() + y.var() + (x.mean() - y.mean()) ** 2
    c = 2 * ((x - x.mean()) * (y - y.mean())).mean() / apart
    form = 2 / (len(x) * apart) * ((y - y.mean()) - c * ((x - x.mean()) + (x.mean() - y.mean())))
    assert np.allclose(predicted.grad.numpy()[:, 0], form, atol=1e-12)
    assert torch.autograd.gradcheck(concordance_loss, (predicted, truth))


def test_shift_and_scale_cost_what_they_do_not_cost_pearson():
    truth = torch.linspace(-1, 1, 50)
    assert concordance(truth, truth).item() == pytest.approx(1)
    assert concordance(-truth, truth).item() == pytest.approx(-1)
    shifted = concordance(truth + 1, truth).item()
    assert shifted == pytest.approx(2 * truth.var(correction=0) / (2 * truth.var(correction=0) + 1))
    assert concordance(0.5 * truth, truth).item() == pytest.approx(2 * 0.5 / 1.25)


def test_constant_predictions_give_zero_and_finite_gradients():
    predicted = torch.zeros(8, 2, requires_grad=True)
    loss = concordance_loss(predicted, torch.zeros(8, 2))
    loss.backward()
    assert loss.item() == pytest.approx(1)
    assert torch.isfinite(predicted.grad).all()


def test_the_loss_is_the_mean_over_attributes():
    predicted, truth = pair(2)
    assert concordance_loss(predicted, truth).item() == pytest.approx(1 - concordance(predicted, truth).mean().item())
