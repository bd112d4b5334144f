"""The one loop that pretrains and fine-tunes every method, on Hugging Face accelerate."""

from __future__ import annotations

import hashlib
import json
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from helpers.allocation import keep_freed_memory
from helpers.checkpoints import fits, read_checkpoint, write_checkpoint
from helpers.data.corpus import Batch, Corpus
from helpers.errors import StudyError
from helpers.methods.collapse import Spread, spread
from helpers.methods.embedding import embed
from helpers.methods.method import Method
from helpers.objectives.gathering import mean_over_processes, processes
from helpers.precision import faster_precision
from helpers.progress import bar
from helpers.training_plan import TrainingPlan, learning_rate_at, optimiser_of

Validate = Callable[[Method], dict[str, float]]


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
    every batch. An interrupted run called again with the same plan, samples and checkpoint goes on where it stopped
    and ends with the same weights as an uninterrupted one; Ctrl-C leaves a checkpoint after the step under way.
    torch's generator is seeded anew at each epoch: alike in all processes for ``on_epoch_start``, differently for
    the steps.

    Args:
        method: what to train.
        corpus: whose ``load`` decodes the batches.
        rows: positions of the training samples, int64 (n,), n >= 2.
        plan: see :class:`TrainingPlan`.
        validate: called after each epoch with the method in evaluation mode; what it returns is logged, and its
            ``"validation_loss"`` decides early stopping where the plan has a patience.
        checkpoint: file to write to and resume from. One that is damaged, or of another plan, method or set of
            samples, is passed over.
        label: shown beside the progress bar.
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``.

    Returns:
        The history of all epochs, resumed ones included.

    Raises:
        StudyError: an impossible plan, a loss that is not finite, an absent device, or no space for a checkpoint.
    """
    _check(method, plan, rows, validate)
    keep_freed_memory()
    run = _Run(method, plan, _accelerator(plan, device), checkpoint, _key(method, corpus, rows, plan))
    run.resume()
    steps_of = [max(1, len(_positions(method, epoch, len(rows))) // plan.batch_size) for epoch in range(plan.epochs)]
    with bar(sum(steps_of), label) as shown, _interrupt_between_steps(run):
        shown.update(sum(steps_of[: run.epoch]) + run.step)
        while run.epoch < plan.epochs and not run.stopped():
            at, steps = _positions(method, run.epoch, len(rows)), steps_of[run.epoch]
            size = min(plan.batch_size, len(at))
            if run.step == 0:
                run.seed(process=0)
                method.on_epoch_start(embed(method.encoder, corpus, rows[at]) if method.wants_features() else None)
                run.seed(process=1 + run.accelerator.process_index)
            run.wrapped.train()
            order = _order(method, at, size, np.random.default_rng((plan.seed, run.epoch)))
            run.choose_precision(corpus, rows, order[:size])
            started, first = time.monotonic(), run.step
            for step in range(first, steps):
                positions = order[step * size : (step + 1) * size]
                logged = run.take_step(corpus, rows, positions, run.epoch + step / steps)
                run.step = step + 1
                speed = (run.step - first) * size / max(time.monotonic() - started, 1e-9)
                shown.update(loss=logged["loss"], samples_per_s=speed)
                run.checkpoint_if_due()
            run.close_epoch(_validated(method, plan, validate, run.accelerator))
    run.finish()
    return run.history


class _Run:
    """The state of one call of :func:`train`: everything that a checkpoint must hold."""

    def __init__(self, method: Method, plan: TrainingPlan, accelerator: Any, checkpoint: Path | None, key: str) -> None:
        self.method, self.plan, self.accelerator, self.file, self.key = method, plan, accelerator, checkpoint, key
        if accelerator.num_processes > 1 and accelerator.device.type == "cuda":
            nn.SyncBatchNorm.convert_sync_batchnorm(method)  # replaces the layers inside the method
        method.to(accelerator.device)
        self.optimiser = optimiser_of(method, plan)
        # Only the method is accelerate's to wrap: its optimiser wrapper looks for packages on the disk at every step.
        self.wrapped = accelerator.prepare_model(method) if accelerator.num_processes > 1 else method
        self.history = History()
        self.epoch = self.step = 0
        self.best: dict[str, Tensor] | None = None
        self.best_loss = math.inf
        self.sums: dict[str, float] = {}
        self.embedding: Tensor | None = None
        self.saved_at = time.monotonic()
        self.interrupted = False
        self.precision = plan.precision

    def seed(self, process: int) -> None:
        """Seed torch for what follows in this epoch."""
        words = np.random.SeedSequence((self.plan.seed, self.epoch, process)).generate_state(2)
        seed = int(words[0]) << 31 | int(words[1]) >> 1
        torch.default_generator.manual_seed(seed)  # torch.manual_seed formats a stack for every kind of device
        if self.accelerator.device.type == "cuda":
            torch.cuda.manual_seed(seed)

    def take_step(self, corpus: Corpus, rows: np.ndarray, positions: np.ndarray, epoch: float) -> dict[str, float]:
        """One optimiser step on one batch of the training rows, in as many parts as the plan accumulates."""
        rate = learning_rate_at(self.plan, epoch)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group.get("rate", 1.0)
        parts = _parts(positions, self.plan.accumulation, self.accelerator)
        logged: dict[str, float] = {}
        self.optimiser.zero_grad()
        for number, part in enumerate(parts, start=1):
            batch = self._batch(corpus, rows, part)
            last = number == len(parts)
            with nullcontext() if last else self.accelerator.no_sync(self.wrapped):
                with self._precision():
                    out = self.wrapped(batch)
                embedding = out.pop("embedding", None)
                for name, value in out.items():
                    logged[name] = logged.get(name, 0.0) + float(value.detach()) / len(parts)
                if not math.isfinite(logged["loss"]):
                    raise self._diverged(f"the loss became {float(out['loss'].detach())}", self.step + 1)
                (out["loss"] / len(parts)).backward()
        if embedding is not None:
            self.embedding = embedding.detach()
        if self.plan.clip is not None:
            nn.utils.clip_grad_norm_(self.method.parameters(), self.plan.clip)
        self.optimiser.step()
        self.method.after_step()
        for name, value in logged.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        return logged

    def choose_precision(self, corpus: Corpus, rows: np.ndarray, positions: np.ndarray) -> None:
        """Settle what ``"auto"`` means, by the first part of a batch; the main process measures for all."""
        if self.precision != "auto":
            return
        part = _parts(positions, self.plan.accumulation, self.accelerator)[0]
        chosen = [faster_precision(self.method, self._batch(corpus, rows, part))]
        if self.accelerator.num_processes > 1:
            torch.distributed.broadcast_object_list(chosen, 0)
        self.precision = chosen[0]

    def _batch(self, corpus: Corpus, rows: np.ndarray, part: np.ndarray) -> dict[str, Tensor]:
        """The samples at some positions among the training rows, on the device."""
        batch = _as_batch(corpus.load(rows[part]), self.accelerator.device)
        if self.method.wants_features():
            batch["position"] = torch.as_tensor(part, device=self.accelerator.device)
        return batch

    def _precision(self) -> Any:
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.accelerator.device.type, dtype=torch.bfloat16)

    def _diverged(self, what: str, step: int) -> StudyError:
        kept = f"; the last good checkpoint is {self.file.name}" if self.file and self.file.exists() else ""
        return StudyError(
            f"{what} in epoch {self.epoch + 1}, step {step}: lower learning_rate ({self.plan.learning_rate:g}) or "
            f"set a gradient clip{kept}"
        )

    def close_epoch(self, validated: dict[str, float]) -> None:
        """Log the epoch, watch for collapse, remember the best weights."""
        names = sorted(self.sums)
        means = torch.tensor([self.sums[name] / max(self.step, 1) for name in names], dtype=torch.float64)
        means = mean_over_processes(means.to(self.accelerator.device)).cpu()
        row = dict(zip(names, means.tolist(), strict=True))
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
        if self.plan.patience is None:
            return False
        return self.epoch - (self.history.best_epoch or 0) >= max(self.plan.patience, 1)

    def finish(self) -> None:
        """Return to the best weights and leave a checkpoint that says so."""
        if self.best is not None:
            self.method.load_state_dict(self.best)
        self.method.eval()
        if not self._finite():
            self.epoch = max(self.epoch - 1, 0)
            raise self._diverged("the weights stopped being finite numbers", len(self.history.epochs))
        self.save()

    def checkpoint_if_due(self) -> None:
        """Write a checkpoint when the last one is old enough (the main process's clock decides for all)."""
        if self.file is not None:
            due = time.monotonic() - self.saved_at >= self.plan.checkpoint_seconds or self.interrupted
            if self.accelerator.num_processes > 1:
                told = torch.tensor(due, device=self.accelerator.device)
                torch.distributed.broadcast(told, 0)
                due = bool(told)
            if due:
                self.save()
        if self.interrupted:
            raise KeyboardInterrupt

    def save(self) -> None:
        """Write the checkpoint whole or not at all; weights that are not finite never replace good ones."""
        if self.file is None:
            return
        device = self.accelerator.device
        rng = [torch.get_rng_state()] + ([torch.cuda.get_rng_state(device)] if device.type == "cuda" else [])
        gathered = [self.accelerator.gather(state[None].to(device)).cpu() for state in rng]
        self.saved_at = time.monotonic()
        if not self.accelerator.is_main_process or not self._finite():
            return
        state = {
            "key": self.key,
            "epoch": self.epoch,
            "step": self.step,
            "method": self.method.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "rng": gathered,
            "history": json.dumps([self.history.epochs, self.history.best_epoch]),
            "spread": asdict(self.history.spread) if self.history.spread else {},
            "embedding": self.embedding if self.embedding is not None else torch.empty(0),
            "sums": self.sums,
            "best": self.best or {},
            "best_loss": self.best_loss,
        }
        write_checkpoint(self.file, state)

    def _finite(self) -> bool:
        return all(bool(torch.isfinite(p).all()) for p in self.method.parameters())

    def resume(self) -> None:
        """Take up a checkpoint of the same plan, method and samples, where there is a whole one."""
        state = read_checkpoint(self.file) if self.file is not None else None
        if state is None or state.get("key") != self.key or not fits(state["method"], self.method.state_dict()):
            return
        self.method.load_state_dict(state["method"])
        self.optimiser.load_state_dict(state["optimiser"])
        rank = min(self.accelerator.process_index, len(state["rng"][0]) - 1)
        torch.set_rng_state(state["rng"][0][rank])
        if len(state["rng"]) > 1 and self.accelerator.device.type == "cuda":
            torch.cuda.set_rng_state(state["rng"][1][rank], self.accelerator.device)
        self.epoch, self.step, self.sums = state["epoch"], state["step"], state["sums"]
        self.history.epochs, self.history.best_epoch = json.loads(state["history"])
        self.history.spread = Spread(**state["spread"]) if state["spread"] else None
        self.embedding = state["embedding"] if state["embedding"].numel() else None
        self.best, self.best_loss = state["best"] or None, state["best_loss"]


@contextmanager
def _interrupt_between_steps(run: _Run) -> Iterator[None]:
    """Let Ctrl-C wait for the step under way and its checkpoint; a second one interrupts at once.

    Processes that train together, and threads other than the main one, keep the interpreter's own handling.
    """
    ours = threading.current_thread() is threading.main_thread() and run.accelerator.num_processes == 1
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def wait_for_the_step(number: int, frame: Any) -> None:
        run.interrupted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, wait_for_the_step)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _check(method: Method, plan: TrainingPlan, rows: np.ndarray, validate: Validate | None) -> None:
    if plan.epochs < 0 or plan.batch_size < 1 or plan.accumulation < 1:
        raise StudyError(
            f"epochs ({plan.epochs}) must be >= 0, batch_size ({plan.batch_size}) and accumulation "
            f"({plan.accumulation}) >= 1"
        )
    if not (math.isfinite(plan.learning_rate) and plan.learning_rate > 0):
        raise StudyError(f"learning_rate ({plan.learning_rate}) must be a number above 0")
    if len(rows) < 2:
        raise StudyError(f"training needs at least 2 samples; there are {len(rows)}")
    if plan.patience is not None and validate is None:
        raise StudyError("a plan with patience needs a validation function")
    if not any(p.requires_grad for p in method.parameters()):
        raise StudyError(f"{type(method).__name__} has no parameters to train; do not freeze all of them")


def _accelerator(plan: TrainingPlan, device: str) -> Any:
    if device == "cuda" and not torch.cuda.is_available():
        raise StudyError("device: cuda was asked for, but torch finds no GPU here; set device: cpu or device: auto")
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    # Runs on different devices may follow one another in one process; precision and accumulation are the loop's own.
    AcceleratorState._reset_state(reset_partial_state=processes() == 1)
    return Accelerator(cpu=device == "cpu" or not torch.cuda.is_available(), mixed_precision="no")


def _positions(method: Method, epoch: int, count: int) -> np.ndarray:
    """Which of the training rows an epoch looks at."""
    asked = method.positions(epoch, count)
    return np.arange(count) if asked is None else asked


def _order(method: Method, positions: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """An epoch's positions, batch after batch."""
    asked = method.order(positions, size, rng)
    return positions[rng.permutation(len(positions))] if asked is None else asked


def _parts(positions: np.ndarray, accumulation: int, accelerator: Any) -> list[np.ndarray]:
    """This process's share of each accumulated part of a batch, all of one size."""
    count = accumulation * accelerator.num_processes
    if count == 1:
        return [positions]
    if len(positions) < count:
        raise StudyError(f"a batch of {len(positions)} cannot be cut into {count} parts; raise batch_size")
    size = len(positions) // count
    mine = positions[: size * count].reshape(accumulation, accelerator.num_processes, size)
    return list(mine[:, accelerator.process_index])


def _as_batch(loaded: Batch, device: torch.device) -> dict[str, Tensor]:
    named = loaded if isinstance(loaded, dict) else {"input": loaded}
    return {name: tensor.to(device, non_blocking=True) for name, tensor in named.items()}


def _validated(method: Method, plan: TrainingPlan, validate: Validate | None, accelerator: Any) -> dict[str, float]:
    if validate is None:
        return {}
    method.eval()
    with torch.no_grad():
        found = [{name: float(value) for name, value in validate(method).items()}]
    if plan.patience is not None and "validation_loss" not in found[0]:
        raise StudyError("a plan with patience needs a validation function that returns a 'validation_loss'")
    if accelerator.num_processes > 1:  # one process decides for all when to stop
        torch.distributed.broadcast_object_list(found, 0)
    return found[0]


def _key(method: Method, corpus: Corpus, rows: np.ndarray, plan: TrainingPlan) -> str:
    """What a checkpoint must share with the call that resumes from it."""
    shown = {name: value for name, value in asdict(plan).items() if name != "checkpoint_seconds"}
    samples = hashlib.sha256(np.ascontiguousarray(rows, dtype=np.int64).tobytes()).hexdigest()
    return json.dumps([type(method).__name__, corpus.name, corpus.fingerprint, samples, shown], sort_keys=True)
