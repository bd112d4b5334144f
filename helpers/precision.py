"""Which precision a method's steps are faster in on this machine: measured once, kept on disk."""

from __future__ import annotations

import copy
import hashlib
import platform
import time
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from helpers.data.cache import cached
from helpers.methods.method import Method

Precision = Literal["fp32", "bf16"]

WORTH = 1.2  # how many times as fast bf16 must be: below, its rounding buys too little
_TURNS = 3


def faster_precision(method: Method, batch: dict[str, Tensor], folder: Path | None = None) -> Precision:
    """``"bf16"`` where a step under autocast takes less than 1/:data:`WORTH` of its time in fp32, else ``"fp32"``.

    Processors with matrix units for bf16 (AMX) gain on wide convolutions and lose on narrow ones, others lose
    throughout, so that only a measurement tells. It is made on a copy of the method, leaves all random numbers as they
    were, and is kept by machine, threads, method and shapes: asked again, the answer is the same.

    Args:
        method: whose ``training_step`` is timed with its gradients.
        batch: one batch as the training loop gives it.
        folder: of the kept answers; ``outputs/.cache`` by default.
    """
    shapes = [(name, tuple(p.shape)) for name, p in method.named_parameters()]
    key: dict[str, object] = {
        "what": "seconds a step in fp32 and bf16",
        "machine": [platform.node(), platform.processor(), torch.__version__, torch.get_num_threads()],
        "method": [type(method).__name__, hashlib.sha256(repr(shapes).encode()).hexdigest()],
        "batch": {name: [list(t.shape), str(t.dtype), str(t.device)] for name, t in batch.items()},
    }
    fp32, bf16 = cached(key, lambda: {"seconds": torch.tensor(step_seconds(method, batch))}, folder)["seconds"].tolist()
    return "bf16" if fp32 > WORTH * bf16 else "fp32"


def step_seconds(method: Method, batch: dict[str, Tensor]) -> tuple[float, float]:
    """Seconds of a step and its gradients in fp32 and in bf16: the quickest of a few turns, after one not counted."""
    trial = copy.deepcopy(method).train()
    found: tuple[list[float], list[float]] = ([], [])
    kind = next(iter(batch.values())).device.type
    with torch.random.fork_rng(devices=None if kind == "cuda" else []):
        for _ in range(1 + _TURNS):
            for times, low in zip(found, (False, True), strict=True):
                started = time.perf_counter()
                with torch.autocast(kind, dtype=torch.bfloat16, enabled=low):
                    loss = trial.training_step(dict(batch))["loss"]
                loss.backward()
                trial.zero_grad()
                if kind == "cuda":
                    torch.cuda.synchronize()
                times.append(time.perf_counter() - started)
    return min(found[0][1:]), min(found[1][1:])
