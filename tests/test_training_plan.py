"""A method's own parameter groups are optimised as if each had its optimiser to itself."""

import torch
from torch import Tensor, nn

from helpers.methods.method import Method, ParameterGroup
from helpers.training_plan import GroupedOptimiser, TrainingPlan, optimiser_of

PLAN = TrainingPlan(epochs=1, batch_size=2, learning_rate=0.01)


class Two(Method):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder, self.head = nn.Linear(4, 4), nn.Linear(4, 1)
        self.on = True

    def loss(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(x).relu()).square().mean()

    def parameter_groups(self) -> list[ParameterGroup]:
        return [
            ParameterGroup(list(self.encoder.parameters()), "sgd", 10.0),
            ParameterGroup(list(self.parameters()), "adam", 0.5, active=lambda: self.on),
        ]


def steps(method: Two, optimisers: list, on: list[bool]) -> None:
    x = torch.randn(8, 4, generator=torch.Generator().manual_seed(1))
    for active in on:
        method.on = active
        for one in optimisers:
            one.zero_grad()
        method.loss(x).backward()
        for number, one in enumerate(optimisers):
            if active or number == 0 or len(optimisers) == 1:
                one.step()


def test_groups_equal_optimisers_of_their_own_stepped_in_turn_where_active():
    mine, theirs = Two(), Two()
    made = optimiser_of(mine, PLAN)
    assert isinstance(made, GroupedOptimiser)
    for group in made.param_groups:
        group["lr"] = PLAN.learning_rate * group["rate"]
    written_out = [torch.optim.SGD(theirs.encoder.parameters(), 0.1), torch.optim.Adam(theirs.parameters(), 0.005)]
    steps(mine, [made], [True, False, True, True, False])
    steps(theirs, written_out, [True, False, True, True, False])
    for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-7)


def test_a_state_taken_up_goes_on_as_if_never_left():
    whole, half = Two(), Two()
    made = optimiser_of(whole, PLAN)
    steps(whole, [made], [True] * 5)
    first = optimiser_of(half, PLAN)
    steps(half, [first], [True] * 3)
    second = optimiser_of(half, PLAN)
    second.load_state_dict(first.state_dict())
    assert {id(g) for g in second.param_groups} == {id(g) for one in second._each for g in one.param_groups}
    steps(half, [second], [True] * 2)
    for a, b in zip(whole.parameters(), half.parameters(), strict=True):
        assert torch.equal(a, b)
