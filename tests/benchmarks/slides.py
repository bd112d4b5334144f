"""Whole slides: peak memory and speed of streaming one of 20,000 × 20,000 pixels, beside a plain OpenSlide loop.

``python -m tests.benchmarks slides`` draws and writes two slides first: about 5 minutes and 300 MB of disk in all;
``python -m tests.benchmarks.slides FOLDER`` keeps them there for the next time.
Each prediction runs in a process of its own. Its peak is that of resident memory above what it holds once the
model has classified a first batch.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from helpers.data.corpora.slide_files import WholeSlide
from helpers.data.simulated.slides import SimulatedSlide
from helpers.data.slide_writing import write_slide
from helpers.data.tissue import Tissue, find_tissue
from helpers.evaluation.slide_maps import predict_slide
from helpers.methods.fixmatch import FixMatch
from helpers.networks.image_encoders import image_encoder
from helpers.places import ROOT
from helpers.views.images import ImageViews
from tests.benchmarks.timing import Row, table

SIDE = 20_000  # pixels; the other slide has half the side, a quarter of the area
TILE, STRIDE = 48, 24
ALLOWED = 1536  # MiB above the model's own
PLAIN = 20_000  # tiles of the plain loop
_MIB = 2**20


def run(side: int = SIDE, plain: int = PLAIN, folder: Path | None = None) -> list[Row]:
    """Speed and peak of the large slide, and the peak of the small one.

    Args:
        side: of the large slide, pixels.
        plain: tiles that the plain loop reads.
        folder: where the slides are kept, and taken from where they are there; None for a temporary one.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-") as temporary:
        files = {}
        for pixels in (side, side // 2):
            files[pixels] = (folder or Path(temporary)) / f"{pixels}.ome.tiff"
            if not files[pixels].exists():
                write_slide(SimulatedSlide(3, pixels, pixels), files[pixels])
        large, small = (_measured("streaming", files[pixels], 0) for pixels in (side, side // 2))
        loop = _measured("plain", files[side], plain)
    name = f"{side:,} × {side:,}"
    return [
        Row(f"{name}: streaming | plain OpenSlide loop", "tiles/s", large["rate"], loop["rate"]),
        Row(f"{name}: peak allowed | measured", "MiB", ALLOWED, large["peak"], 1.0),
        Row(
            "the two peaks, lower | higher (equal: within a tenth)", "MiB", *sorted((small["peak"], large["peak"])), 0.9
        ),
    ]


def _measured(how: str, file: Path, tiles: int) -> dict[str, float]:
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.slides",
        how,
        str(file),
        str(tiles),
        str(torch.get_num_threads()),
    ]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise RuntimeError(f"{how} on {file.name} ended with {done.returncode}: {done.stderr[-2000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    print(f"   {how}, {file.name}: {found['tiles']:,} tiles in {found['seconds']:.1f} s, {found['rate']:,.0f} tiles/s, "
          f"peak {found['peak']:.0f} MiB above the model's own", flush=True)  # fmt: skip
    return found


def _one(how: str, file: Path, tiles: int) -> dict[str, float]:
    """What one process does: load the model, classify a batch, then stream or loop over a slide."""
    torch.manual_seed(0)
    encoder, features = image_encoder("small_stages", 3, TILE)
    views = ImageViews(TILE)
    method = FixMatch(encoder, features, 3, views, views, views)
    for _ in range(2):
        method.classify(torch.rand(256, 3, TILE, TILE))
    slide = WholeSlide(file)
    before = _resident()
    _forget_peak()
    tissue = find_tissue(slide, TILE // 4)
    started = time.monotonic()
    if how == "streaming":
        found = predict_slide(method.classify, slide, 3, TILE, STRIDE, tissue)
        count = found.tiles
    else:
        count = _plain_loop(method.classify, file, tissue, tiles)
    seconds = time.monotonic() - started
    return {"tiles": count, "seconds": seconds, "rate": count / seconds, "peak": (_peak() - before) / _MIB}


def _plain_loop(classify: Callable[[torch.Tensor], torch.Tensor], file: Path, tissue: Tissue, tiles: int) -> int:
    """What one writes first: a ``read_region`` a tile, in batches of 256; rows about the slide's middle."""
    import openslide

    slide = openslide.OpenSlide(file)
    width, height = slide.dimensions
    x, y = (a.ravel() for a in np.meshgrid(np.arange(0, width - TILE, STRIDE), np.arange(0, height - TILE, STRIDE)))
    wanted = np.flatnonzero(tissue.under(x, y, TILE) > 0)
    first = max(0, len(wanted) // 2 - tiles // 2)
    batch: list[Any] = []
    found = []
    for i in wanted[first : first + tiles]:
        tile = slide.read_region((int(x[i]), int(y[i])), 0, (TILE, TILE)).convert("RGB")
        batch.append(torch.from_numpy(np.asarray(tile).copy()).permute(2, 0, 1).float() / 255)
        if len(batch) == 256:
            found.append(classify(torch.stack(batch)))
            batch.clear()
    if batch:
        found.append(classify(torch.stack(batch)))
    return sum(len(part) for part in found)


def _resident() -> int:
    import psutil

    return psutil.Process().memory_info().rss


def _forget_peak() -> None:
    """Start the kernel's count of the peak anew (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    """Largest resident memory since, bytes."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


if __name__ == "__main__":
    if len(sys.argv) == 5:
        torch.set_num_threads(int(sys.argv[4]))
        print(json.dumps(_one(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))))
    else:
        print(table(run(folder=Path(sys.argv[1]) if len(sys.argv) == 2 else None)))
