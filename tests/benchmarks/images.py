"""SimCLR's views, loss and whole step beside lightly's transform, DataLoader with two workers, and loss."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import torch
from lightly.loss import NTXentLoss
from lightly.transforms import SimCLRTransform
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from helpers.allocation import keep_freed_memory
from helpers.data.corpus import Corpus
from helpers.methods.simclr import SimCLR
from helpers.networks.heads import Projector
from helpers.networks.image_encoders import image_encoder
from helpers.objectives.nt_xent import nt_xent
from helpers.training import TrainingPlan, train
from helpers.views.images import ImageViews
from tests.benchmarks.timing import Row, interleaved, rate_of

LIGHTLYS = {"crop_scale": (0.08, 1.0), "brightness": 0.8, "contrast": 0.8, "saturation": 0.8, "hue": 0.2, "blur": 0.5}


@dataclass(frozen=True)
class Step:
    """A whole step to time.

    Attributes:
        encoder: name for :func:`image_encoder`.
        side: of the images, pixels.
        batch: images a step.
        target: ratio asked for.
        share_of_peak: share of the machine's matmul rate asked for instead, for an encoder bound by arithmetic.
        counted: steps a turn, after two that are not counted.
        measured: whether to time it also in the precision that is measured to be faster.
    """

    encoder: str
    side: int
    batch: int
    target: float | None
    share_of_peak: float | None = None
    counted: int = 8
    measured: bool = False


VIEWS = ((32, 256, 12.0), (64, 128, 3.5), (96, 128, 4.0))  # pixels, batch, target
STEPS = (
    Step("resnet10t", 32, 256, 1.7),
    Step("resnet10t", 64, 128, 1.4, measured=True),
    Step("convnext_atto", 32, 256, 1.6),
    Step("resnet18_cifar", 32, 128, None, share_of_peak=0.6, counted=3, measured=True),
)


def run(
    views: tuple[tuple[int, int, float], ...] = VIEWS, steps: tuple[Step, ...] = STEPS, rounds: int = 3,
    counted: int = 8, workers: int = 2,
) -> list[Row]:  # fmt: skip
    """All comparisons of the group.

    Args:
        views: side in pixels, batch and target of each comparison of views alone.
        steps: whole steps.
        rounds: turns of ours and theirs, whose medians are taken.
        counted: batches of views a turn, after two that are not counted.
        workers: of lightly's DataLoader; 0 only to see that the benchmark runs.
    """
    keep_freed_memory()  # as the training loop does
    rows = [_views(*each, rounds, counted, workers) for each in views]
    rows.append(_loss(256 if rounds > 1 else 8, rounds))
    for step in steps:
        rows += _step(step, rounds, workers)
    return rows


def _pictures(side: int, count: int) -> Tensor:
    """Random smooth pictures, uint8 (count, 3, side, side)."""
    coarse = torch.rand(count, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    fine = nn.functional.interpolate(coarse, (side, side), mode="bilinear", align_corners=True)
    return (255 * fine).round().to(torch.uint8)


class _Pictures(Dataset[tuple[Tensor, Tensor]]):
    """Theirs: PIL pictures, two views of each, as often as asked for."""

    def __init__(self, pixels: Tensor, side: int, length: int) -> None:
        self.pictures = [Image.fromarray(each.permute(1, 2, 0).numpy()) for each in pixels]
        self.transform = SimCLRTransform(input_size=side, normalize=None)
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        first, second = self.transform(self.pictures[index % len(self.pictures)])
        return first, second


def _loader(pixels: Tensor, side: int, batch: int, batches: int, workers: int) -> DataLoader[tuple[Tensor, Tensor]]:
    """Theirs, with more batches than are counted, so that the workers are never done before the clock stops."""
    data = _Pictures(pixels, side, batch * (batches + 4 * max(workers, 1)))
    return DataLoader(data, batch_size=batch, num_workers=workers, drop_last=True, shuffle=True)


def _corpus(pixels: Tensor, seen: Callable[[], None]) -> Corpus:
    names = [str(i) for i in range(len(pixels))]

    def load(rows: np.ndarray) -> Tensor:
        seen()
        return pixels[torch.as_tensor(rows)].float() / 255

    table = pd.DataFrame({"sample_id": names, "subject": names})
    return Corpus("pictures", table, load, (), "none", "a benchmark", True, "0")


def _views(side: int, batch: int, target: float, rounds: int, counted: int, workers: int) -> Row:
    pixels = _pictures(side, 2 * batch)
    corpus, make = _corpus(pixels, lambda: None), ImageViews(side, **LIGHTLYS)  # type: ignore[arg-type]
    rows = np.arange(batch)

    def two_views() -> None:
        images = corpus.load(rows)
        assert isinstance(images, Tensor)
        make(images)
        make(images)

    def theirs() -> float:
        batches = iter(_loader(pixels, side, batch, counted + 2, workers))
        for _ in range(2):  # the first after the workers start is slow
            next(batches)
        started = time.perf_counter()
        for _ in range(counted):
            next(batches)
        return batch * counted / (time.perf_counter() - started)

    ours, other = interleaved(lambda: rate_of(two_views, batch, counted), theirs, rounds)
    return Row(f"two views, {side} px, batch {batch}", "images/s", ours, other, target)


def _loss(batch: int, rounds: int) -> Row:
    projections = torch.randn(2, batch, 128).requires_grad_()
    criterion = NTXentLoss(0.2)

    def ours() -> None:
        nt_xent(list(projections), 0.2).backward()

    def theirs() -> None:
        criterion(*projections).backward()

    rates = interleaved(lambda: rate_of(ours, 1, 10), lambda: rate_of(theirs, 1, 10), max(rounds, 1))
    return Row(f"NT-Xent with gradient, batch {batch}, 128 dimensions", "steps/s", *rates)


def _step(step: Step, rounds: int, workers: int) -> list[Row]:
    name = f"SimCLR step, {step.encoder}, {step.side} px, batch {step.batch}"
    pixels = _pictures(step.side, 2 * step.batch)
    arithmetic = _operations(step)
    peaks: list[float] = []

    def ours() -> float:
        if step.share_of_peak is not None:
            peaks.append(matmul_rate())
        return step.batch * _our_steps(step, pixels, step.counted)

    def low() -> float:
        return step.batch * _our_steps(step, pixels, step.counted, "auto")

    def theirs() -> float:
        return step.batch * _their_steps(step, pixels, step.counted, workers)

    rates = interleaved(ours, theirs, rounds)
    rows = [Row(name, "images/s", *rates, step.target)]
    if step.measured:
        rows.append(Row("  the same, precision: auto", "images/s", *interleaved(low, theirs, rounds), step.target))
    if step.share_of_peak is not None:
        reached = rates[0] / step.batch * arithmetic / 1e9
        rows.append(Row(f"  its arithmetic beside a matmul's, {step.encoder}", "GFLOP/s", reached,
                        float(np.median(peaks)), step.share_of_peak))  # fmt: skip
    return rows


def _our_steps(step: Step, pixels: Tensor, counted: int, precision: Literal["fp32", "auto"] = "fp32") -> float:
    """Steps a second of our training loop."""
    at: list[float] = []
    encoder, features = image_encoder(step.encoder, 3, step.side)
    method = SimCLR(encoder, features, ImageViews(step.side, **LIGHTLYS), hidden=features)  # type: ignore[arg-type]
    corpus = _corpus(pixels.repeat(-(-(counted + 3) // 2), 1, 1, 1), lambda: at.append(time.perf_counter()))
    plan = TrainingPlan(epochs=1, batch_size=step.batch, learning_rate=0.01, optimiser="sgd", precision=precision)
    train(method, corpus, np.arange((counted + 3) * step.batch), plan, label="benchmark")
    return counted / (at[-1] - at[-1 - counted])  # each stamp is the beginning of a step


def _their_steps(step: Step, pixels: Tensor, counted: int, workers: int) -> float:
    """Steps a second of a plain loop over lightly's parts, with the same encoder in torch's own memory format."""
    model = _plain(step)
    criterion, optimiser = NTXentLoss(0.2), torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    at: list[float] = []
    for number, (first, second) in enumerate(_loader(pixels, step.side, step.batch, counted + 3, workers)):
        at.append(time.perf_counter())
        if number == counted + 2:
            break
        loss = criterion(model(first), model(second))
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    return counted / (at[-1] - at[2])


def _plain(step: Step) -> nn.Module:
    encoder, features = image_encoder(step.encoder, 3, step.side)
    network = encoder.network.to(memory_format=torch.contiguous_format)
    assert isinstance(network, nn.Module)
    return nn.Sequential(network, Projector(features, features, 128)).train()


def _operations(step: Step) -> int:
    """Floating-point operations of forward and backward pass of two views through encoder and projector."""
    model = _plain(step)
    with FlopCounterMode(display=False) as counter, _two_at_least(step) as images:
        model(images).sum().backward()
    return counter.get_total_flops() // len(images) * 2 * step.batch


@contextlib.contextmanager
def _two_at_least(step: Step) -> Iterator[Tensor]:
    yield torch.rand(4, 3, step.side, step.side)


def matmul_rate(size: int = 1536) -> float:
    """GFLOP/s of a float32 matrix product, the best of five."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    return max(rate_of(lambda: torch.mm(a, b), 2e-9 * size**3, 2) for _ in range(5))
