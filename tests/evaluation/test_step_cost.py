"""A step's cost: time of all methods in turn, memory counted the same on every machine."""

import torch
from torch import nn

from helpers.evaluation.step_cost import step_costs
from helpers.methods.byol import BYOL
from helpers.methods.simclr import SimCLR
from helpers.training_plan import TrainingPlan

PLAN = TrainingPlan(epochs=1, batch_size=8, learning_rate=1e-3)


def method(kind: type, count: int = 2) -> nn.Module:
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU())
    return kind(encoder, 32, lambda x: x, hidden=16, projection=8, count=count)


def test_memory_is_the_same_at_every_call_and_grows_with_batch_and_views():
    def kept(batch: int, count: int) -> int:
        made = {"m": method(SimCLR, count)}
        return step_costs(made, {"m": {"input": torch.rand(batch, 1, 8, 8)}}, PLAN, 1)["m"].kept_bytes

    assert kept(8, 2) == kept(8, 2)
    assert kept(8, 2) < kept(16, 2)
    assert kept(8, 2) < kept(8, 4)


def test_what_is_kept_is_every_layers_input_once():
    made = {"m": method(SimCLR)}
    found = step_costs(made, {"m": {"input": torch.rand(8, 1, 8, 8)}}, PLAN, 1)["m"]
    rows = 16  # two views of 8 images
    layers = 64 + 32 + 16 + 16  # inputs of the linear layers, and of the batch norm
    assert 4 * rows * layers <= found.kept_bytes < 4 * rows * (layers + 8 * 8) + 4 * rows * rows * 4


def test_a_second_network_is_counted_with_neither_gradient_nor_moments():
    made = {"one": method(SimCLR), "two": method(BYOL)}
    found = step_costs(made, {name: {"input": torch.rand(8, 1, 8, 8)} for name in made}, PLAN, 2)
    one, two = made["one"], made["two"]
    trained = sum(p.numel() for p in one.parameters())
    assert found["one"].state_bytes >= 4 * 4 * trained
    extra = (
        sum(p.numel() for p in two.predictor.parameters()) * 4 * 4 + sum(p.numel() for p in two.target.parameters()) * 4
    )
    difference = found["two"].state_bytes - found["one"].state_bytes
    assert extra <= difference < extra + 1024  # and the buffers of the predictor and the target
    assert all(cost.seconds > 0 for cost in found.values())
