"""A moving average moves as its formula says, and carries no gradient."""

import copy

import pytest
import torch
from torch import nn

from helpers.methods.method import Method, update_average


def networks() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    source = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    target = copy.deepcopy(source)
    for p in source.parameters():
        p.data += torch.randn_like(p)
    source(torch.randn(16, 3))
    return target, source


@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.99, 1.0])
def test_parameters_move_by_momentum_and_buffers_are_copied(momentum: float) -> None:
    target, source = networks()
    old = copy.deepcopy(target)
    update_average(target, source, momentum)
    for mine, was, theirs in zip(target.parameters(), old.parameters(), source.parameters(), strict=True):
        torch.testing.assert_close(mine, momentum * was + (1 - momentum) * theirs)
    for mine, theirs in zip(target.buffers(), source.buffers(), strict=True):
        assert torch.equal(mine, theirs)


def test_the_source_is_untouched_and_no_gradient_flows() -> None:
    target, source = networks()
    before = copy.deepcopy(source.state_dict())
    update_average(target, source, 0.5)
    assert all(torch.equal(t, before[name]) for name, t in source.state_dict().items())
    assert all(p.is_leaf and p.grad_fn is None for p in target.parameters())


def test_networks_of_another_structure_are_refused() -> None:
    with pytest.raises(RuntimeError):
        update_average(nn.Linear(3, 4), nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 4)), 0.5)


def test_a_method_without_a_training_step_says_so() -> None:
    with pytest.raises(TypeError, match="Method has no training_step"):
        Method()({})
