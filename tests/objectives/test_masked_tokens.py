"""Masked embedding prediction looks at hidden tokens alone."""

import pytest
import torch

from helpers.errors import StudyError
from helpers.objectives.masked_tokens import masked_prediction, token_mask


def test_a_tenth_of_the_tokens_is_hidden_and_never_none_or_all():
    assert (token_mask(50, 20, 0.1).sum(1) == 2).all()
    assert (token_mask(5, 4, 0.1).sum(1) == 1).all()
    assert (token_mask(5, 4, 0.99).sum(1) == 3).all()
    for share in (0.0, 1.0):
        with pytest.raises(StudyError, match="outside"):
            token_mask(2, 4, share)


def test_hidden_tokens_are_drawn_evenly_and_repeat_with_the_generator():
    drawn = token_mask(4000, 10, 0.2, torch.Generator().manual_seed(3))
    assert torch.equal(drawn, token_mask(4000, 10, 0.2, torch.Generator().manual_seed(3)))
    assert drawn.double().mean(0).sub(0.2).abs().max() < 0.03


def test_masked_tokens_alone_carry_the_loss_and_its_gradient():
    torch.manual_seed(0)
    predicted = torch.randn(2, 5, 4, dtype=torch.float64, requires_grad=True)
    target = torch.randn(2, 5, 4, dtype=torch.float64, requires_grad=True)
    hidden = torch.zeros(2, 5, dtype=torch.bool)
    hidden[0, 1] = hidden[1, 4] = True
    loss = masked_prediction(predicted, target, hidden)
    loss.backward()
    assert torch.equal(predicted.grad.abs().sum(-1) > 0, hidden)
    assert target.grad is None
    with torch.no_grad():
        wild = torch.where(hidden[..., None], predicted, 1e3)
        assert masked_prediction(wild, target, hidden) == pytest.approx(loss.item())


def test_it_is_the_mean_squared_error_to_standardised_targets():
    torch.manual_seed(0)
    predicted, target = torch.randn(2, 3, 8, dtype=torch.float64), 5 + 3 * torch.randn(2, 3, 8, dtype=torch.float64)
    everything = torch.ones(2, 3, dtype=torch.bool)
    aim = (target - target.mean(-1, keepdim=True)) / target.std(-1, correction=0, keepdim=True)
    found = float(masked_prediction(predicted, target, everything))
    assert found == pytest.approx(float(((predicted - aim) ** 2).mean()), rel=1e-4)
    assert float(masked_prediction(torch.zeros_like(target), target, everything)) == pytest.approx(1.0, rel=1e-4)
    assert float(masked_prediction(predicted, 7 * target, everything)) == pytest.approx(found, rel=1e-4)
