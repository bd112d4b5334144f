"""Heads: shapes, and a linear predictor that gradient descent reaches only where it should."""

import torch
from torch import nn

from helpers.networks.heads import LinearPredictor, Projector, TwoLayerPredictor


def test_projector_and_two_layer_predictor_have_the_papers_layers():
    assert [type(layer) for layer in Projector(20)] == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear]
    assert Projector(20)(torch.randn(4, 20)).shape == (4, 128)
    assert TwoLayerPredictor(16, 32)(torch.randn(4, 16)).shape == (4, 16)


def test_a_trained_linear_predictor_is_a_linear_map_with_a_gradient():
    predictor = LinearPredictor(5)
    z = torch.randn(3, 5)
    torch.testing.assert_close(predictor(z), z @ predictor.weight.T)
    predictor(z).sum().backward()
    assert [name for name, _ in predictor.named_parameters()] == ["weight"]
    torch.testing.assert_close(predictor.weight.grad, z.sum(0).expand(5, 5))


def test_a_set_linear_predictor_has_no_parameter_but_passes_the_gradient_on():
    predictor = LinearPredictor(5, trained=False)
    assert list(predictor.parameters()) == []
    weight = torch.randn(5, 5)
    predictor.set_weight(weight)
    assert torch.equal(predictor.state_dict()["weight"], weight)
    z = torch.randn(3, 5, requires_grad=True)
    predictor(z).sum().backward()
    assert predictor.weight.grad is None
    torch.testing.assert_close(z.grad, weight.sum(0).expand(3, 5))
