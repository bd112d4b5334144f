"""What one training step of a method costs: processor time, and the memory it holds."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from helpers.methods.method import Method
from helpers.training_plan import TrainingPlan, optimiser_of

MOMENTS = {"sgd": 1, "adam": 2, "adamw": 2}  # numbers that the optimiser keeps a trained parameter


@dataclass(frozen=True)
class StepCost:
    """Cost of a step of optimisation, views included.

    Attributes:
        seconds: of processor time, summed over threads; median over steps.
        kept_bytes: tensors kept from the forward pass for the backward pass, each storage once. The same on every
            machine.
        state_bytes: weights, their gradients and the optimiser's moments, and all buffers: a second network and a
            queue are counted here.
    """

    seconds: float
    kept_bytes: int
    state_bytes: int


def step_costs(
    methods: Mapping[str, Method], batches: Mapping[str, dict[str, Tensor]], plan: TrainingPlan, steps: int = 5
) -> dict[str, StepCost]:
    """Measure methods in turn, one step of each a round, so that a busy moment of the machine meets all of them.

    Args:
        methods: what is measured, in training mode afterwards and a few steps further.
        batches: by the same names, what each step sees.
        plan: whose optimiser is stepped.
        steps: rounds, >= 1; one more at the start is not counted.
    """
    optimisers = {name: optimiser_of(method, plan) for name, method in methods.items()}
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    kept: dict[str, int] = {}
    for turn in range(steps + 1):
        for name, method in methods.items():
            method.train()
            if turn == 0:
                if not method.wants_features():
                    method.on_epoch_start(None)
                kept[name] = _step_and_count(method, batches[name], optimisers[name])
                continue
            started = time.process_time()
            _step(method, batches[name], optimisers[name])
            seconds[name].append(time.process_time() - started)
    return {
        name: StepCost(float(np.median(seconds[name])), kept[name], _state_bytes(method, MOMENTS[plan.optimiser]))
        for name, method in methods.items()
    }


def _step(method: Method, batch: dict[str, Tensor], optimiser: torch.optim.Optimizer) -> None:
    optimiser.zero_grad()
    method.training_step(batch)["loss"].backward()
    optimiser.step()
    method.after_step()


def _step_and_count(method: Method, batch: dict[str, Tensor], optimiser: torch.optim.Optimizer) -> int:
    """Bytes of the storages that the forward pass keeps and that are not the method's own or the batch."""
    own = {t.untyped_storage().data_ptr() for t in [*method.parameters(), *method.buffers(), *batch.values()]}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        pointer = tensor.untyped_storage().data_ptr()
        if pointer not in own:
            kept[pointer] = tensor  # holding it, so that no later tensor is given the same address
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        optimiser.zero_grad()
        loss = method.training_step(batch)["loss"]
    loss.backward()
    optimiser.step()
    method.after_step()
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def _state_bytes(method: Method, moments: int) -> int:
    trained = [p for p in method.parameters() if p.requires_grad]
    held = [*method.parameters(), *method.buffers()]
    return _bytes(held) + (1 + moments) * _bytes(trained)


def _bytes(tensors: Sequence[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
