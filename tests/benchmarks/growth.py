"""How time and memory grow with samples, batch and the length of a video: exponents of a fitted power law."""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch

from tests.benchmarks.timing import Row


@dataclass(frozen=True)
class Axis:
    """Something that grows.

    Attributes:
        name: what.
        sizes: four or more, each twice the one before.
        prepare: makes the work of a size; what it returns is timed.
        time, memory: exponents allowed: 1 is proportional, 0 does not grow.
    """

    name: str
    sizes: Sequence[int]
    prepare: Callable[[int], Callable[[], object]]
    time: float
    memory: float


def run(axes: Sequence[str] = (), shrink: int = 1, points: int = 4) -> list[Row]:
    """Exponents of all axes.

    Args:
        axes: names to keep; all by default.
        shrink: divides all sizes, for a look at whether it runs.
        points: sizes of each axis, at least 2.
    """
    rows = []
    for axis in AXES:
        if axes and axis.name not in axes:
            continue
        sizes = [size // shrink for size in axis.sizes[:points]]
        seconds, memory = zip(*(_measured(axis.name, size) for size in sizes), strict=True)
        for what, allowed, amounts in (("time", axis.time, seconds), ("memory", axis.memory, memory)):
            fitted = max(exponent(sizes, amounts), 0.01)
            rows.append(Row(f"{axis.name}, {what}: allowed | fitted", "exponent", allowed, fitted, 1.0))
    return rows


def exponent(sizes: Sequence[int], amounts: Sequence[float]) -> float:
    """Slope of log amount over log size by least squares."""
    return float(np.polyfit(np.log(sizes), np.log(amounts), 1)[0])


def _measured(name: str, size: int) -> tuple[float, float]:
    """Seconds, and peak memory in MiB above what was there before (at least 1), in a process of its own."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_measure, args=(name, size, there))
    process.start()
    there.close()
    seconds, memory = here.recv()
    process.join()
    return seconds, memory


def _measure(name: str, size: int, answer: Connection) -> None:
    (axis,) = [one for one in AXES if one.name == name]
    axis.prepare(min(axis.sizes) // 8)()  # what is imported and allocated once does not count
    work = axis.prepare(size)
    before = _peak()
    started = time.perf_counter()
    work()
    answer.send((time.perf_counter() - started, max(_peak() - before, 1.0)))


def _peak() -> float:
    """Most memory that this process has had so far, MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _epoch(samples: int) -> Callable[[], object]:
    """A pass of SimCLR over so many images of 32 pixels."""
    import pandas as pd

    from helpers.data.corpus import Corpus
    from helpers.methods.simclr import SimCLR
    from helpers.networks.image_encoders import image_encoder
    from helpers.training import TrainingPlan, train
    from helpers.views.images import ImageViews

    pixels = torch.rand(samples, 3, 32, 32)
    names = [str(i) for i in range(samples)]
    table = pd.DataFrame({"sample_id": names, "subject": names})
    corpus = Corpus("pictures", table, lambda rows: pixels[torch.as_tensor(rows)], (), "none", "noise", True, "0")
    encoder, features = image_encoder("small", 3, 32)
    method = SimCLR(encoder, features, ImageViews(32))
    plan = TrainingPlan(epochs=1, batch_size=64, learning_rate=0.01)
    return lambda: train(method, corpus, np.arange(samples), plan, label="benchmark")


def _neighbours(samples: int) -> Callable[[], object]:
    """1,000 questions to so many features."""
    from helpers.evaluation.probes import knn_predict

    bank, labels, asked = torch.randn(samples, 128), torch.arange(samples) % 10, torch.randn(1000, 128)
    return lambda: knn_predict(bank, labels, asked)


def _contrast(batch: int) -> Callable[[], object]:
    """NT-Xent and its gradient, ten times."""
    from helpers.objectives.nt_xent import nt_xent

    views = [torch.randn(batch, 128).requires_grad_() for _ in range(2)]
    return lambda: [torch.autograd.grad(nt_xent(views, 0.2), views) for _ in range(10)]


def _video(frames: int) -> Callable[[], object]:
    """Decode a video of so many frames to 32 pixels at its own rate."""
    from helpers.data.corpora.video_files import decode_video

    path = Path(tempfile.mkdtemp()) / "long.mp4"
    writer = multiprocessing.get_context("spawn").Process(target=_write_video, args=(path, frames))
    writer.start()  # a process of its own: encoding takes more memory than decoding, and would hide it
    writer.join()
    return lambda: decode_video(path, 32, 25.0)


def _write_video(path: Path, frames: int) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25))
        stream.height = stream.width = 96
        stream.pix_fmt = "yuv420p"
        still = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
        for i in range(frames):
            shifted = av.VideoFrame.from_ndarray(np.roll(still, i, axis=1), format="rgb24")
            for packet in stream.encode(shifted):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


AXES = (
    Axis("training samples", (2048, 4096, 8192, 16384), _epoch, time=1.1, memory=0.3),
    Axis("features of the kNN probe", (16384, 32768, 65536, 131072), _neighbours, time=1.2, memory=1.1),
    Axis("batch of NT-Xent", (512, 1024, 2048, 4096), _contrast, time=2.2, memory=2.1),
    Axis("frames of a video", (512, 1024, 2048, 4096), _video, time=1.1, memory=1.1),
)
