"""The one loop that pretrains and fine-tunes every method, on Hugging Face accelerate."""

from __future__ import annotations

import io
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from helpers.data.corpus import Batch, Corpus
from helpers.errors import StudyError
from helpers.methods.collapse import Spread, spread
from helpers.methods.embedding import embed
from helpers.methods.method import Method
from helpers.progress import bar

Validate = Callable[[Method], dict[str, float]]


@dataclass(frozen=True)
class TrainingPlan:
    """How long, how fast and from which seed a method is trained.

    Attributes:
        epochs: passes over the training rows, >= 0.
        batch_size: samples a step over all processes and accumulated parts together; a last, smaller batch is dropped
            unless it is the only one.
        learning_rate: peak learning rate.
        optimiser: ``"sgd"`` (momentum 0.9), ``"adam"`` or ``"adamw"``.
        weight_decay: as the optimiser has it.
        decay_vectors: whether weight decay also falls on biases, norms and other parameters of one dimension.
        schedule: ``"constant"`` or ``"cosine"`` (to 0 over all steps).
        warmup_epochs: epochs of linear warm-up.
        clip: largest gradient norm; None for no clipping.
        accumulation: parts that a batch is computed in, >= 1.
        precision: ``"fp32"`` or ``"bf16"`` (autocast).
        seed: of the order of samples and of all randomness inside the method.
        patience: epochs without a better ``validation_loss`` before training stops and the best weights return;
            None to train to the end and keep the last weights.
        checkpoint_seconds: time between checkpoints, where a checkpoint file is given.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    optimiser: Literal["sgd", "adam", "adamw"] = "adamw"
    weight_decay: float = 0.0
    decay_vectors: bool = True
    schedule: Literal["constant", "cosine"] = "cosine"
    warmup_epochs: float = 0.0
    clip: float | None = None
    accumulation: int = 1
    precision: Literal["fp32", "bf16"] = "fp32"
    seed: int = 0
    patience: int | None = None
    checkpoint_seconds: float = 20.0


@dataclass
class History:
    """What training logged, a dict an epoch, and how spread out the last embedding was."""

    epochs: list[dict[str, float]] = field(default_factory=list)
    spread: Spread | None = None
    best_epoch: int | None = None

    def collapse_watch(self) -> str:
        """The collapse watch's sentence on the last epoch."""
        return self.spread.words() if self.spread else "not watched: the method shows no embedding"


def train(
    method: Method,
    corpus: Corpus,
    rows: np.ndarray,
    plan: TrainingPlan,
    *,
    validate: Validate | None = None,
    checkpoint: Path | None = None,
    label: str = "training",
    device: str = "cpu",
) -> History:
    """Train a method in place.

    Runs in every process of a ``torchrun`` launch alike; gradients are averaged and each process takes its share of
    every batch. An interrupted run called again with the same plan and checkpoint goes on where it stopped and ends
    with the same weights as an uninterrupted one.

    Args:
        method: what to train.
        corpus: whose ``load`` decodes the batches.
        rows: positions of the training samples, int64 (n,), n >= 2.
        plan: see :class:`TrainingPlan`.
        validate: called after each epoch with the method in evaluation mode; what it returns is logged, and its
            ``"validation_loss"`` decides early stopping where the plan has a patience.
        checkpoint: file to write to and resume from.
        label: shown beside the progress bar.
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``.

    Returns:
        The history of all epochs, resumed ones included.

    Raises:
        StudyError: an impossible plan, a loss that is not finite, an absent device, or no space for a checkpoint.
    """
    _check(plan, rows, validate)
    torch.manual_seed(plan.seed)
    run = _Run(method, plan, _accelerator(plan, device), checkpoint)
    run.resume()
    steps = max(1, len(rows) // plan.batch_size)
    size = min(plan.batch_size, len(rows))
    with bar(plan.epochs * steps, label) as shown:
        shown.update(run.epoch * steps + run.step)
        while run.epoch < plan.epochs and not run.stopped():
            if run.step == 0:
                method.on_epoch_start(embed(method.encoder, corpus, rows) if method.wants_features() else None)
            order = _order(rows, plan.seed, run.epoch)
            started, first = time.monotonic(), run.step
            for step in range(first, steps):
                logged = run.take_step(corpus, order[step * size : (step + 1) * size], run.epoch + step / steps)
                run.step = step + 1
                speed = (run.step - first) * size / max(time.monotonic() - started, 1e-9)
                shown.update(loss=logged["loss"], samples_per_s=speed)
                run.checkpoint_if_due()
            run.close_epoch(_validated(method, validate))
    run.finish()
    return run.history


def learning_rate_at(plan: TrainingPlan, epoch: float) -> float:
    """Learning rate at a fractional epoch in [0, epochs)."""
    if epoch < plan.warmup_epochs:
        return plan.learning_rate * (epoch + 1e-3) / plan.warmup_epochs
    if plan.schedule == "constant":
        return plan.learning_rate
    share = (epoch - plan.warmup_epochs) / max(plan.epochs - plan.warmup_epochs, 1e-9)
    return plan.learning_rate * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))


class _Run:
    """The state of one call of :func:`train`: everything that a checkpoint must hold."""

    def __init__(self, method: Method, plan: TrainingPlan, accelerator: Any, checkpoint: Path | None) -> None:
        self.method, self.plan, self.accelerator, self.file = method, plan, accelerator, checkpoint
        if accelerator.num_processes > 1 and accelerator.device.type == "cuda":
            nn.SyncBatchNorm.convert_sync_batchnorm(method)
        method.to(accelerator.device)
        self.optimiser = _optimiser(method, plan)
        self.wrapped, self.prepared = accelerator.prepare(method, self.optimiser)
        self.history = History()
        self.epoch = self.step = 0
        self.best: dict[str, Tensor] | None = None
        self.best_loss = math.inf
        self.sums: dict[str, float] = {}
        self.embedding: Tensor | None = None
        self.saved_at = time.monotonic()

    def take_step(self, corpus: Corpus, rows: np.ndarray, epoch: float) -> dict[str, float]:
        """One optimiser step on one batch, in as many parts as the plan accumulates."""
        self.wrapped.train()
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate_at(self.plan, epoch)
        logged: dict[str, float] = {}
        for part in _parts(rows, self.plan.accumulation, self.accelerator):
            batch = _as_batch(corpus.load(part), self.accelerator.device)
            with self.accelerator.accumulate(self.wrapped), self.accelerator.autocast():
                out = self.wrapped(batch)
                self._demand_finite(out["loss"], epoch)
                self.accelerator.backward(out["loss"])
                if self.plan.clip is not None and self.accelerator.sync_gradients:
                    self.accelerator.clip_grad_norm_(self.method.parameters(), self.plan.clip)
                self.prepared.step()
                self.prepared.zero_grad()
            self.embedding = out.pop("embedding", self.embedding)
            for name, value in out.items():
                logged[name] = logged.get(name, 0.0) + float(value.detach()) / self.plan.accumulation
        self.method.after_step()
        for name, value in logged.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        return logged

    def _demand_finite(self, loss: Tensor, epoch: float) -> None:
        if not torch.isfinite(loss):
            kept = f"; the last good checkpoint is {self.file.name}" if self.file and self.file.exists() else ""
            raise StudyError(
                f"the loss became {float(loss.detach())} in epoch {int(epoch) + 1}, step {self.step + 1}: lower "
                f"learning_rate ({self.plan.learning_rate:g}) or set a gradient clip{kept}"
            )

    def close_epoch(self, validated: dict[str, float]) -> None:
        """Log the epoch, watch for collapse, remember the best weights."""
        row = {name: total / max(self.step, 1) for name, total in self.sums.items()}
        if self.embedding is not None and len(self.embedding) > 1:
            self.history.spread = spread(self.embedding)
            row |= {
                "relative_std": self.history.spread.relative_std,
                "effective_rank": self.history.spread.effective_rank,
            }
        self.history.epochs.append({"epoch": self.epoch + 1, **row, **validated})
        loss = validated.get("validation_loss", math.nan)
        if self.plan.patience is not None and loss < self.best_loss:
            self.best_loss, self.history.best_epoch = loss, self.epoch + 1
            self.best = {name: t.detach().clone() for name, t in self.method.state_dict().items()}
        self.epoch, self.step, self.sums = self.epoch + 1, 0, {}
        self.checkpoint_if_due()

    def stopped(self) -> bool:
        """Whether patience has run out."""
        if self.plan.patience is None or self.history.best_epoch is None:
            return False
        return self.epoch - self.history.best_epoch >= self.plan.patience

    def finish(self) -> None:
        """Return to the best weights and leave a checkpoint that says so."""
        if self.best is not None:
            self.method.load_state_dict(self.best)
        self.method.eval()
        self.save()

    def checkpoint_if_due(self) -> None:
        """Write a checkpoint when the last one is old enough (the main process's clock decides for all)."""
        due = torch.tensor(time.monotonic() - self.saved_at >= self.plan.checkpoint_seconds)
        if self.accelerator.num_processes > 1:
            torch.distributed.broadcast(due, 0)
        if due:
            self.save()

    def save(self) -> None:
        """Write the checkpoint whole or not at all."""
        if self.file is None:
            return
        rng = self.accelerator.gather(torch.get_rng_state()[None].to(self.accelerator.device)).cpu()
        self.saved_at = time.monotonic()
        if not self.accelerator.is_main_process:
            return
        state = {
            "plan": _plan_key(self.plan),
            "epoch": self.epoch,
            "step": self.step,
            "method": self.method.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "rng": rng,
            "history": json.dumps([self.history.epochs, self.history.best_epoch]),
            "spread": asdict(self.history.spread) if self.history.spread else {},
            "embedding": self.embedding.detach() if self.embedding is not None else torch.empty(0),
            "sums": self.sums,
            "best": self.best or {},
            "best_loss": self.best_loss,
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        partial = self.file.with_suffix(".partial")
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(buffer.getbuffer())
            os.replace(partial, self.file)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise StudyError(f"the checkpoint {self.file.name} cannot be written: {error.strerror}") from error

    def resume(self) -> None:
        """Take up a checkpoint of the same plan, where there is a whole one."""
        if self.file is None or not self.file.exists():
            return
        try:
            state = torch.load(self.file, map_location="cpu", weights_only=True)
            if state["plan"] != _plan_key(self.plan):
                return
            self.method.load_state_dict(state["method"])
        except Exception:  # damaged, or of another method: whatever is wrong with it, it cannot be resumed from
            return
        self.optimiser.load_state_dict(state["optimiser"])
        rank = self.accelerator.process_index
        torch.set_rng_state(state["rng"][min(rank, len(state["rng"]) - 1)])
        self.epoch, self.step, self.sums = state["epoch"], state["step"], state["sums"]
        self.history.epochs, self.history.best_epoch = json.loads(state["history"])
        self.history.spread = Spread(**state["spread"]) if state["spread"] else None
        self.embedding = state["embedding"] if state["embedding"].numel() else None
        self.best, self.best_loss = state["best"] or None, state["best_loss"]


def _check(plan: TrainingPlan, rows: np.ndarray, validate: Validate | None) -> None:
    if plan.epochs < 0 or plan.batch_size < 1 or plan.accumulation < 1:
        raise StudyError(
            f"epochs ({plan.epochs}) must be >= 0, batch_size ({plan.batch_size}) and accumulation "
            f"({plan.accumulation}) >= 1"
        )
    if len(rows) < 2:
        raise StudyError(f"training needs at least 2 samples; there are {len(rows)}")
    if plan.patience is not None and validate is None:
        raise StudyError("a plan with patience needs a validation function")


def _accelerator(plan: TrainingPlan, device: str) -> Any:
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    if device == "cuda" and not torch.cuda.is_available():
        raise StudyError("device: cuda was asked for, but torch finds no GPU here; set device: cpu or device: auto")
    AcceleratorState._reset_state()  # runs of different precision follow one another in one process
    return Accelerator(
        cpu=device == "cpu" or not torch.cuda.is_available(),
        mixed_precision="bf16" if plan.precision == "bf16" else "no",
        gradient_accumulation_steps=plan.accumulation,
    )


def _optimiser(method: nn.Module, plan: TrainingPlan) -> torch.optim.Optimizer:
    trained = [p for p in method.parameters() if p.requires_grad]
    matrices = [p for p in trained if p.ndim > 1 or plan.decay_vectors]
    vectors = [p for p in trained if p.ndim <= 1 and not plan.decay_vectors]
    groups: list[dict[str, Any]] = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    if plan.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=plan.learning_rate, momentum=0.9, weight_decay=plan.weight_decay)
    kind = torch.optim.Adam if plan.optimiser == "adam" else torch.optim.AdamW
    return kind(groups, lr=plan.learning_rate, weight_decay=plan.weight_decay)


def _order(rows: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng((seed, epoch)).permutation(rows)


def _parts(rows: np.ndarray, accumulation: int, accelerator: Any) -> list[np.ndarray]:
    """This process's share of each accumulated part of a batch, all of one size."""
    count = accumulation * accelerator.num_processes
    if len(rows) < count:
        raise StudyError(f"a batch of {len(rows)} cannot be cut into {count} parts; raise batch_size")
    size = len(rows) // count
    mine = rows[: size * count].reshape(accumulation, accelerator.num_processes, size)
    return list(mine[:, accelerator.process_index])


def _as_batch(loaded: Batch, device: torch.device) -> dict[str, Tensor]:
    named = loaded if isinstance(loaded, dict) else {"input": loaded}
    return {name: tensor.to(device, non_blocking=True) for name, tensor in named.items()}


def _validated(method: Method, validate: Validate | None) -> dict[str, float]:
    if validate is None:
        return {}
    method.eval()
    with torch.no_grad():
        return validate(method)


def _plan_key(plan: TrainingPlan) -> str:
    return json.dumps({k: v for k, v in asdict(plan).items() if k != "checkpoint_seconds"}, sort_keys=True)
