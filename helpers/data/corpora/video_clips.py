"""Clips of videos as a corpus: a regular grid of short stretches that never leave their video."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from helpers.data.corpus import Corpus
from helpers.errors import StudyError

MEMORY = 2 * 2**30  # bytes of decoded frames kept in memory


@dataclass(frozen=True)
class ClipGrid:
    """How clips are cut from videos of one frame rate.

    Args:
        frames: T, frames a clip, >= 2.
        stride: frames from one of them to the next, >= 1.
        step: frames from one clip's start to the next one's, >= 1.
    """

    frames: int = 8
    stride: int = 2
    step: int = 8

    def __post_init__(self) -> None:
        if self.frames < 2 or self.stride < 1 or self.step < 1:
            raise StudyError(
                f"clips need frames ({self.frames}) >= 2, stride ({self.stride}) and step ({self.step}) >= 1"
            )

    @property
    def span(self) -> int:
        """Frames of the video that a clip covers."""
        return (self.frames - 1) * self.stride + 1

    def starts(self, first: int, last: int) -> np.ndarray:
        """Starts of all clips inside frames ``first`` to ``last`` (inclusive), int64."""
        return np.arange(first, last - self.span + 2, self.step)


@dataclass(frozen=True)
class Videos:
    """Videos of one size and rate, ready to be cut.

    Attributes:
        table: one row a video: ``video`` (unique name), ``subject``, optional ``label``, ``split`` and facts.
        stretches: for each video the inclusive frame ranges that a clip may lie in.
        frames: position of a video -> uint8 (n, 3, size, size).
        rate: frames a second.
        actions: for each video its label frame by frame, where that is known; else ``label`` holds throughout.
    """

    table: pd.DataFrame
    stretches: Sequence[Sequence[tuple[int, int]]]
    frames: Callable[[int], Tensor]
    rate: float
    actions: Sequence[np.ndarray] | None = None


def clip_table(videos: Videos, grid: ClipGrid) -> pd.DataFrame:
    """One row a clip: the video's row and ``sample_id``, ``group`` (the video), ``position`` (of the video), ``start``
    (frame), ``stretch``, ``time`` (of its middle, seconds), ``label`` (at its middle), ``pure`` (one label throughout).

    Raises:
        StudyError: no video is long enough for a clip.
    """
    rows: list[dict[str, Any]] = []
    for position, (stretches, record) in enumerate(zip(videos.stretches, videos.table.to_dict("records"), strict=True)):
        for number, (first, last) in enumerate(stretches):
            for start in grid.starts(first, last):
                middle = int(start) + grid.span // 2
                row = dict(record, sample_id=f"{record['video']}@{start}", group=record["video"], position=position,
                           start=int(start), stretch=number, time=middle / videos.rate, pure=True)  # fmt: skip
                if videos.actions is not None:
                    inside = videos.actions[position][start : start + grid.span]
                    row |= {"label": videos.actions[position][middle], "pure": bool((inside == inside[0]).all())}
                rows.append(row)
    if not rows:
        longest = max((last - first + 1 for ranges in videos.stretches for first, last in ranges), default=0)
        raise StudyError(
            f"no video is long enough: a clip covers {grid.span} frames at {videos.rate:g} a second, the longest video "
            f"has {longest}; lower clip_frames or clip_stride"
        )
    return pd.DataFrame(rows)


def clip_corpus(videos: Videos, grid: ClipGrid, **about: Any) -> Corpus:
    """A corpus of clips; ``load`` gives float32 (B, 3, T, size, size) in [0, 1].

    Args:
        videos: what to cut.
        grid: how.
        about: the remaining fields of :class:`Corpus` (name, licence, source, simulated, fingerprint, notices).
    """
    table = clip_table(videos, grid)
    positions, starts = table["position"].to_numpy(), table["start"].to_numpy()
    steps = torch.arange(grid.frames) * grid.stride

    def load(rows: np.ndarray) -> Tensor:
        chosen = np.asarray(rows)
        clips: list[Tensor] = [torch.empty(0)] * len(chosen)
        for i in np.argsort(positions[chosen], kind="stable"):
            row = chosen[i]
            clips[i] = videos.frames(int(positions[row]))[int(starts[row]) + steps]  # (T, 3, H, W)
        return torch.stack(clips).transpose(1, 2).float().div_(255)  # (B, 3, T, H, W)

    return Corpus(table=table, load=load, labels=("label",), **about)


class RecentlyUsed:
    """Frames of videos, the most recently used of them kept in memory.

    Args:
        read: position of a video -> uint8 (n, 3, size, size).
        memory: bytes to keep.
    """

    def __init__(self, read: Callable[[int], Tensor], memory: int = MEMORY) -> None:
        self._read, self._memory = read, memory
        self._kept: OrderedDict[int, Tensor] = OrderedDict()
        self._bytes = 0

    def __call__(self, position: int) -> Tensor:
        if position in self._kept:
            self._kept.move_to_end(position)
            return self._kept[position]
        frames = self._read(position)
        self._kept[position] = frames
        self._bytes += frames.numel()
        while self._bytes > self._memory and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= dropped.numel()
        return frames
