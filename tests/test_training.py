"""The loop: broken off and taken up it ends as if never broken, and it refuses to go on with nonsense."""

import copy
import dataclasses
import itertools
import math
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from helpers import precision
from helpers.data.corpus import Corpus
from helpers.errors import StudyError
from helpers.methods.method import Method, update_average
from helpers.training import History, TrainingPlan, learning_rate_at, train

N = 60
X = torch.randn(N, 6, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] + 0.5 * X[:, 1] > 0).long()
ROWS = np.arange(48)
PLAN = TrainingPlan(epochs=3, batch_size=12, learning_rate=0.01, warmup_epochs=0.5, clip=1.0, checkpoint_seconds=0.0)


def corpus_of(fingerprint: str = "0") -> Corpus:
    names = [str(i) for i in range(N)]
    table = pd.DataFrame({"sample_id": names, "subject": names})
    return Corpus("toy", table, lambda r: {"x": X[r], "y": Y[r]}, (), "none", "a test", True, fingerprint)


class Student(Method):
    """A student with dropout that follows its own moving average, kept in buffers: all the state a method may have."""

    def __init__(self, stop_after: int | None = None) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2))
        self.head = nn.Linear(16, 2)
        self.teacher = copy.deepcopy(self.encoder).requires_grad_(False)
        self.register_buffer("queue", torch.zeros(32, 16))
        self.register_buffer("centre", torch.zeros(16))
        self.steps, self.stop_after, self.seen = 0, stop_after, 0
        self.at_epoch_start: list[float] = []

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        if self.steps == self.stop_after:
            raise InterruptedError("power cut")
        self.seen += len(batch["x"])
        z = self.encoder(batch["x"] + 0.1 * torch.randn_like(batch["x"]))
        with torch.no_grad():
            target = self.teacher(batch["x"])
            self.queue.copy_(torch.cat([target, self.queue])[:32])
        distance = (z - target + self.centre).square().mean() + 0.1 * (z @ self.queue.T).square().mean()
        loss = nn.functional.cross_entropy(self.head(z), batch["y"]) + distance
        return {"loss": loss, "distance": distance.detach(), "embedding": z}

    def after_step(self) -> None:
        self.steps += 1
        update_average(self.teacher, self.encoder, 0.9)

    def on_epoch_start(self, features: Tensor | None) -> None:
        self.at_epoch_start.append(float(torch.rand(())))
        self.centre.copy_(0.01 * torch.randn(16))


def student(stop_after: int | None = None) -> Student:
    torch.manual_seed(1)
    return Student(stop_after)


def validation(method: Method) -> dict[str, float]:
    assert isinstance(method, Student)
    torch.rand(3)  # a validation that draws random numbers must not matter
    return {"validation_loss": float(nn.functional.cross_entropy(method.head(method.encoder(X[48:])), Y[48:]))}


def assert_same(one: Method, two: Method) -> None:
    for (name, a), b in zip(one.state_dict().items(), two.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def assert_same_history(one: History, two: History) -> None:
    assert (one.epochs, one.best_epoch, one.spread) == (two.epochs, two.best_epoch, two.spread)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"accumulation": 3, "optimiser": "sgd"},
        {"patience": 1, "epochs": 6, "learning_rate": 0.2},
        {"precision": "bf16", "decay_vectors": False, "weight_decay": 0.1},
    ],
    ids=["plain", "accumulated", "patience", "bf16"],
)
@pytest.mark.parametrize("stops", [[0], [1], [4], [5, 7], [11], [2, 3, 9]])
def test_broken_off_and_resumed_equals_uninterrupted_bit_for_bit(
    tmp_path: Path, change: dict[str, Any], stops: list[int]
) -> None:
    plan = dataclasses.replace(PLAN, **change)
    validate = validation if plan.patience else None
    whole = student()
    told = train(whole, corpus_of(), ROWS, plan, validate=validate)
    done = 0
    for stop in stops:
        broken = student(stop_after=stop - done)
        torch.manual_seed(stop)
        if stop >= whole.steps:
            break
        with pytest.raises(InterruptedError):
            train(broken, corpus_of(), ROWS, plan, validate=validate, checkpoint=tmp_path / "c.pt")
        done = stop
    resumed = student()
    told_again = train(resumed, corpus_of(), ROWS, plan, validate=validate, checkpoint=tmp_path / "c.pt")
    assert resumed.steps == whole.steps - done
    assert_same(resumed, whole)
    assert_same_history(told_again, told)


def test_a_finished_run_asked_again_trains_no_step_and_says_the_same(tmp_path: Path) -> None:
    plan = dataclasses.replace(PLAN, patience=1, epochs=8, learning_rate=0.5)
    first, second = student(), student()
    told = train(first, corpus_of(), ROWS, plan, validate=validation, checkpoint=tmp_path / "c.pt")
    again = train(second, corpus_of(), ROWS, plan, validate=validation, checkpoint=tmp_path / "c.pt")
    assert len(told.epochs) < 8
    assert second.steps == 0
    assert_same(first, second)
    assert_same_history(told, again)


def test_two_runs_of_one_seed_are_the_same_and_of_two_are_not() -> None:
    one, two, other = student(), student(), student()
    train(one, corpus_of(), ROWS, PLAN)
    torch.rand(17)
    train(two, corpus_of(), ROWS, PLAN)
    train(other, corpus_of(), ROWS, dataclasses.replace(PLAN, seed=1))
    assert_same(one, two)
    assert not torch.equal(one.head.weight, other.head.weight)
    assert len(set(one.at_epoch_start)) == 3


def damaged(content: bytes, how: str) -> bytes:
    half = len(content) // 2
    return {
        "empty": b"", "cut short": content[:half], "by one byte": content[:-1], "other": b"not a checkpoint" * 99,
        "flipped": content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :],
    }[how]  # fmt: skip


@pytest.mark.parametrize("how", ["empty", "cut short", "by one byte", "other", "flipped"])
def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, how: str) -> None:
    whole, again, file = student(), student(), tmp_path / "c.pt"
    train(whole, corpus_of(), ROWS, PLAN)
    with pytest.raises(InterruptedError):
        train(student(stop_after=7), corpus_of(), ROWS, PLAN, checkpoint=file)
    file.write_bytes(damaged(file.read_bytes(), how))
    train(again, corpus_of(), ROWS, PLAN, checkpoint=file)
    assert again.steps == 12
    assert_same(again, whole)


@pytest.mark.parametrize("change", ["learning_rate", "rows", "corpus", "seed", "method", "shape"])
def test_a_checkpoint_of_another_plan_method_or_sample_is_passed_over(tmp_path: Path, change: str) -> None:
    train(student(), corpus_of(), ROWS, PLAN, checkpoint=tmp_path / "c.pt")
    plan = dataclasses.replace(PLAN, **({change: 7} if change in ("learning_rate", "seed") else {}))
    rows = ROWS[::-1] if change == "rows" else ROWS
    method: Any = student()
    if change == "method":
        method.__class__ = type("Other", (Student,), {})
    if change == "shape":
        method.head = nn.Linear(16, 3)
    plain = copy.deepcopy(method)
    corpus = corpus_of("1" if change == "corpus" else "0")
    train(method, corpus, rows, plan, checkpoint=tmp_path / "c.pt")
    train(plain, corpus, rows, plan)
    assert method.steps == 12
    assert_same(method, plain)


def test_how_often_checkpoints_are_written_may_change_between_attempts(tmp_path: Path) -> None:
    train(student(), corpus_of(), ROWS, PLAN, checkpoint=tmp_path / "c.pt")
    again = student()
    train(again, corpus_of(), ROWS, dataclasses.replace(PLAN, checkpoint_seconds=60.0), checkpoint=tmp_path / "c.pt")
    assert again.steps == 0


class Plain(Method):
    """A loss that is the mean over samples: no sample sees another. What happens at a step can be hooked in."""

    def __init__(self, hook: Callable[["Plain", Tensor], Tensor] = lambda method, loss: loss) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.encoder = nn.Sequential(nn.Linear(6, 8), nn.Tanh())
        self.head = nn.Linear(8, 2)
        self.hook, self.step, self.dtypes = hook, 0, set[torch.dtype]()

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        scores = self.head(self.encoder(batch["x"]))
        self.dtypes.add(scores.dtype)
        self.step += 1
        loss = nn.functional.cross_entropy(scores, batch["y"])
        return {"loss": self.hook(self, loss), "size": torch.tensor(float(len(batch["x"])))}


@pytest.mark.parametrize("optimiser", ["sgd", "adam", "adamw"])
def test_accumulated_parts_equal_one_large_batch(optimiser: Any) -> None:
    plan = TrainingPlan(epochs=2, batch_size=12, learning_rate=0.01, optimiser=optimiser, clip=0.5)
    one, parts = Plain(), Plain()
    told = train(one, corpus_of(), ROWS, plan)
    told_parts = train(parts, corpus_of(), ROWS, dataclasses.replace(plan, accumulation=4))
    assert parts.step == 4 * one.step
    for a, b in zip(one.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
    for mine, theirs in zip(told.epochs, told_parts.epochs, strict=True):
        assert mine["loss"] == pytest.approx(theirs["loss"], rel=1e-4)
        assert (mine["size"], theirs["size"]) == (12, 3)


@pytest.mark.parametrize("optimiser", ["sgd", "adam", "adamw"])
def test_the_loop_takes_the_steps_of_a_loop_written_out(optimiser: Any) -> None:
    plan = TrainingPlan(epochs=3, batch_size=10, learning_rate=0.05, optimiser=optimiser, weight_decay=0.01)
    ours, theirs = Plain(), Plain()
    train(ours, corpus_of(), ROWS, plan)
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[optimiser]
    extra = {"momentum": 0.9} if optimiser == "sgd" else {}
    oracle = kind(theirs.parameters(), lr=0.05, weight_decay=0.01, **extra)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(oracle, T_max=12)
    for epoch in range(3):
        order = np.random.default_rng((0, epoch)).permutation(ROWS)
        for step in range(4):  # 48 rows hold four batches of 10; the rest of each epoch is left out
            rows = order[10 * step : 10 * step + 10]
            oracle.zero_grad()
            theirs({"x": X[rows], "y": Y[rows]})["loss"].backward()
            oracle.step()
            schedule.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_fewer_rows_than_a_batch_make_one_step_an_epoch_with_all_of_them() -> None:
    method = Plain()
    told = train(method, corpus_of(), ROWS[:5], TrainingPlan(epochs=2, batch_size=64, learning_rate=0.1))
    assert method.step == 2
    assert told.epochs[0]["size"] == 5


@pytest.mark.parametrize(("seconds", "meant"), [((1.0, 0.5), "bf16"), ((1.0, 0.9), "fp32"), ((0.5, 1.0), "fp32")])
def test_auto_is_the_precision_measured_to_be_faster_and_changes_nothing_else(
    seconds: tuple[float, float], meant: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STUDIES_OUTPUTS", str(tmp_path))
    monkeypatch.setattr(precision, "step_seconds", lambda *_: seconds)
    ends = []
    for asked in ("auto", meant):
        method = Plain()
        plan = TrainingPlan(epochs=2, batch_size=12, learning_rate=0.05, precision=asked)  # type: ignore[arg-type]
        train(method, corpus_of(), ROWS, plan)
        ends.append(method.state_dict())
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())


def test_measuring_a_precision_leaves_method_and_random_numbers_as_they_were_and_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    method = Plain()
    batch = {"x": X, "y": Y}
    before, state = copy.deepcopy(method.state_dict()), torch.get_rng_state()
    first = precision.faster_precision(method, batch, tmp_path)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())
    assert all(p.grad is None for p in method.parameters())
    other = {"fp32": (1.0, 0.1), "bf16": (0.1, 1.0)}[first]
    monkeypatch.setattr(precision, "step_seconds", lambda *_: other)
    assert precision.faster_precision(method, batch, tmp_path) == first
    assert precision.faster_precision(method, {"x": X[:5], "y": Y[:5]}, tmp_path) != first


def test_bf16_computes_in_bf16_and_leaves_the_method_as_it_was() -> None:
    method = Plain()
    plan = TrainingPlan(epochs=4, batch_size=12, learning_rate=0.05, precision="bf16")
    told = train(method, corpus_of(), ROWS, plan)
    assert method.dtypes == {torch.bfloat16}
    assert told.epochs[-1]["loss"] < told.epochs[0]["loss"]
    assert all(p.dtype == torch.float32 for p in method.parameters())
    assert method({"x": X, "y": Y})["loss"].dtype == torch.float32
    copy.deepcopy(method)


def nan_at(step: int) -> Callable[[Plain, Tensor], Tensor]:
    return lambda method, loss: loss * (math.nan if method.step == step else 1.0)


def test_a_loss_that_is_no_number_names_epoch_and_step_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    plan = TrainingPlan(epochs=3, batch_size=12, learning_rate=0.01, checkpoint_seconds=0)
    said = r"^the loss became nan in epoch 2, step 3: lower learning_rate \(0.01\) .* the last good checkpoint is c.pt$"
    with pytest.raises(StudyError, match=said):
        train(Plain(nan_at(7)), corpus_of(), ROWS, plan, checkpoint=tmp_path / "c.pt")
    whole, resumed = Plain(), Plain()
    train(whole, corpus_of(), ROWS, plan)
    train(resumed, corpus_of(), ROWS, plan, checkpoint=tmp_path / "c.pt")
    assert resumed.step == 6
    assert_same(resumed, whole)


def test_weights_that_are_no_numbers_never_replace_a_good_checkpoint(tmp_path: Path) -> None:
    def explode(method: Plain, loss: Tensor) -> Tensor:  # the loss is finite, its gradient is not
        return loss + (0 * method.head.weight.sum()).sqrt() if method.step == 6 else loss

    plan = TrainingPlan(epochs=3, batch_size=12, learning_rate=0.01, checkpoint_seconds=0)
    with pytest.raises(StudyError, match="the loss became nan in epoch 2, step 3"):
        train(Plain(explode), corpus_of(), ROWS, plan, checkpoint=tmp_path / "c.pt")
    whole, resumed = Plain(), Plain()
    train(whole, corpus_of(), ROWS, plan)
    train(resumed, corpus_of(), ROWS, plan, checkpoint=tmp_path / "c.pt")
    assert resumed.step == 7
    assert_same(resumed, whole)


def test_weights_that_break_in_the_very_last_step_are_not_handed_out() -> None:
    def explode(method: Plain, loss: Tensor) -> Tensor:
        return loss + (0 * method.head.weight.sum()).sqrt() if method.step == 12 else loss

    with pytest.raises(StudyError, match="the weights stopped being finite numbers in epoch 3"):
        train(Plain(explode), corpus_of(), ROWS, TrainingPlan(epochs=3, batch_size=12, learning_rate=0.01))


def scripted(losses: list[float], seen: list[Tensor]) -> Callable[[Method], dict[str, float]]:
    given = itertools.chain(losses, itertools.repeat(losses[-1]))

    def validate(method: Method) -> dict[str, float]:
        assert not method.training
        assert not torch.is_grad_enabled()
        seen.append(next(method.parameters()).detach().clone())
        return {"validation_loss": next(given)}

    return validate


@pytest.mark.parametrize(
    ("losses", "patience", "epochs", "best"),
    [([3, 2, 1, 2, 2, 2], 2, 5, 3), ([1, 2, 3], 1, 2, 1), ([3, 2, 3, 1, 2, 0], 3, 6, 6), ([5, 4, 3, 2, 1, 0], 1, 6, 6)],
)
def test_early_stopping_returns_to_the_best_weights(losses: list[float], patience: int, epochs: int, best: int) -> None:
    seen: list[Tensor] = []
    method = Plain()
    plan = TrainingPlan(epochs=6, batch_size=12, learning_rate=0.01, patience=patience)
    told = train(method, corpus_of(), ROWS, plan, validate=scripted(losses, seen))
    assert (len(told.epochs), told.best_epoch) == (epochs, best)
    assert torch.equal(next(method.parameters()), seen[best - 1])


def test_without_patience_the_last_weights_stay_and_validation_is_logged() -> None:
    seen: list[Tensor] = []
    method = Plain()
    plan = TrainingPlan(epochs=4, batch_size=12, learning_rate=0.01)
    told = train(method, corpus_of(), ROWS, plan, validate=scripted([1, 2, 3, 4], seen))
    assert [row["validation_loss"] for row in told.epochs] == [1, 2, 3, 4]
    assert told.best_epoch is None
    assert torch.equal(next(method.parameters()), seen[-1])


def test_a_validation_that_never_gives_a_number_stops_after_patience() -> None:
    plan = TrainingPlan(epochs=9, batch_size=12, learning_rate=0.01, patience=2)
    told = train(Plain(), corpus_of(), ROWS, plan, validate=scripted([math.nan], []))
    assert len(told.epochs) == 2


def test_learning_rates_rise_linearly_and_fall_with_the_cosine() -> None:
    plan = TrainingPlan(epochs=10, batch_size=1, learning_rate=2.0, warmup_epochs=2.0)
    assert learning_rate_at(plan, 0.0) == pytest.approx(0.001)
    assert learning_rate_at(plan, 1.0) == pytest.approx(1.0, rel=2e-3)
    assert learning_rate_at(plan, 2.0) == pytest.approx(2.0)
    assert learning_rate_at(plan, 6.0) == pytest.approx(1.0)
    assert learning_rate_at(plan, 10.0) == pytest.approx(0.0, abs=1e-12)
    steady = dataclasses.replace(plan, schedule="constant")
    assert [learning_rate_at(steady, e) for e in (2.0, 5.0, 9.9)] == [2.0] * 3
    assert max(learning_rate_at(plan, e) for e in np.linspace(0, 10, 5001)) <= 2.0
    bare = TrainingPlan(epochs=0, batch_size=1, learning_rate=2.0)
    assert learning_rate_at(bare, 0.0) == 2.0


def test_weight_decay_spares_vectors_where_asked() -> None:
    class Still(Plain):
        def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
            return {"loss": 0.0 * super().training_step(batch)["loss"]}

    for spared in (True, False):
        method, before = Still(), Still()
        plan = TrainingPlan(2, 12, 0.1, weight_decay=0.5, decay_vectors=not spared, schedule="constant")
        train(method, corpus_of(), ROWS, plan)
        assert torch.equal(method.head.bias, before.head.bias) == spared
        torch.testing.assert_close(method.head.weight, before.head.weight * (1 - 0.1 * 0.5) ** 8)


def test_no_epochs_leave_the_weights_and_an_empty_history(tmp_path: Path) -> None:
    method = Plain()
    told = train(method, corpus_of(), ROWS, TrainingPlan(0, 12, 0.1), checkpoint=tmp_path / "c.pt")
    assert_same(method, Plain())
    assert told.epochs == []
    assert told.collapse_watch() == "not watched: the method shows no embedding"
    assert not method.training


def test_the_collapse_watch_sees_the_last_embedding() -> None:
    told = train(student(), corpus_of(), ROWS, PLAN)
    assert told.spread is not None
    assert told.spread.dimensions == 16
    assert told.epochs[-1]["effective_rank"] == told.spread.effective_rank
    assert told.collapse_watch() == told.spread.words()
    assert {"epoch", "loss", "distance", "relative_std", "effective_rank"} == set(told.epochs[-1])


def test_features_of_all_rows_in_order_come_to_a_method_that_wants_them() -> None:
    class Clustering(Plain):
        features: Tensor | None = None

        def wants_features(self) -> bool:
            return True

        def on_epoch_start(self, features: Tensor | None) -> None:
            self.features = features

    method = Clustering()
    encoder = method.encoder
    method.encoder = nn.Sequential(encoder)
    corpus = dataclasses.replace(corpus_of(), load=lambda r: X[r])
    method.training_step = lambda batch: {"loss": encoder(batch["input"]).square().mean()}  # type: ignore[method-assign]
    rows = ROWS[::-1].copy()
    with torch.no_grad():
        expected = encoder(X[rows])
    train(method, corpus, rows, TrainingPlan(1, 12, 0.1))
    assert method.features is not None
    torch.testing.assert_close(method.features, expected)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"epochs": -1}, r"epochs \(-1\) must be >= 0"),
        ({"batch_size": 0}, r"batch_size \(0\)"),
        ({"accumulation": 0}, r"accumulation \(0\)"),
        ({"learning_rate": 0.0}, r"learning_rate \(0.0\) must be a number above 0"),
        ({"learning_rate": math.nan}, r"learning_rate \(nan\)"),
        ({"patience": 1}, "needs a validation function"),
        ({"accumulation": 13}, "a batch of 12 cannot be cut into 13 parts; raise batch_size"),
    ],
)
def test_an_impossible_plan_is_one_clear_line(change: dict[str, Any], said: str) -> None:
    with pytest.raises(StudyError, match=said):
        train(Plain(), corpus_of(), ROWS, dataclasses.replace(PLAN, **change))


def test_what_cannot_be_trained_is_one_clear_line() -> None:
    with pytest.raises(StudyError, match="at least 2 samples; there are 1"):
        train(Plain(), corpus_of(), ROWS[:1], PLAN)
    frozen = Plain()
    frozen.requires_grad_(False)
    with pytest.raises(StudyError, match="Plain has no parameters to train"):
        train(frozen, corpus_of(), ROWS, PLAN)
    with pytest.raises(StudyError, match="returns a 'validation_loss'"):
        train(Plain(), corpus_of(), ROWS, dataclasses.replace(PLAN, patience=1), validate=lambda method: {"auc": 1.0})


def test_an_absent_gpu_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(StudyError, match=r"^device: cuda was asked for, but torch finds no GPU here"):
        train(Plain(), corpus_of(), ROWS, PLAN, device="cuda")
    train(Plain(), corpus_of(), ROWS, PLAN, device="auto")


def test_an_interrupt_waits_for_the_step_and_leaves_a_checkpoint_to_go_on_from(tmp_path: Path) -> None:
    plan = dataclasses.replace(PLAN, checkpoint_seconds=3600.0)

    class Interrupted(Student):
        def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
            if self.steps == 6:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.05)
            return super().training_step(batch)

    torch.manual_seed(1)
    broken = Interrupted()
    broken.__class__.__name__ = "Student"
    with pytest.raises(KeyboardInterrupt):
        train(broken, corpus_of(), ROWS, plan, checkpoint=tmp_path / "c.pt")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert broken.steps == 7
    whole, resumed = student(), student()
    train(whole, corpus_of(), ROWS, plan)
    train(resumed, corpus_of(), ROWS, plan, checkpoint=tmp_path / "c.pt")
    assert resumed.steps == 5
    assert_same(resumed, whole)


def test_training_works_in_a_thread() -> None:
    method = Plain()
    thread = threading.Thread(target=train, args=(method, corpus_of(), ROWS, PLAN))
    thread.start()
    thread.join(60)
    assert method.step == 12


def test_a_checkpoint_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StudyError, match=r"the checkpoint c.pt cannot be written: (Not a directory|File exists)"):
        train(Plain(), corpus_of(), ROWS, PLAN, checkpoint=tmp_path / "file" / "c.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


class _Counted(TorchDispatchMode):
    """Counts what torch is asked to do, and how often a number is read out of a tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = self.read = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.asked += 1
        self.read += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


def _operations(epochs: int) -> tuple[int, int]:
    plan = TrainingPlan(epochs=epochs, batch_size=12, learning_rate=0.01, optimiser="sgd", schedule="constant")
    with _Counted() as counted:
        train(Plain(), corpus_of(), ROWS, plan)
    return counted.asked, counted.read


def test_a_step_asks_torch_for_little_more_than_a_bare_step_does() -> None:
    steps = len(ROWS) // 12
    epochs = 5
    asked, read = (b - a for a, b in zip(_operations(1), _operations(1 + epochs), strict=True))
    bare = Plain()
    optimiser = torch.optim.SGD(bare.parameters(), lr=0.01, momentum=0.9, fused=True)
    with _Counted() as counted:
        for _ in range(epochs * steps):
            optimiser.zero_grad()
            bare({"x": X[ROWS[:12]], "y": Y[ROWS[:12]]})["loss"].backward()
            optimiser.step()
    assert asked - counted.asked <= 8 * epochs * steps, (
        "operations beyond a bare loop's: 8 a step, an epoch's few included"
    )
    assert read <= 2 * epochs * steps, "numbers read from tensors: the loss of a step, and an epoch's few"
