"""Reading video files with PyAV: any frame exactly, at any rate, and as much as is whole of a file cut short."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from helpers.errors import StudyError

ENDINGS = frozenset({".avi", ".mp4", ".mkv", ".mov", ".webm", ".mpg", ".mpeg", ".m4v", ".wmv", ".flv"})
BAR_LUMA = 28  # a row or column that is never brighter than this (of 255) along an edge is a bar
BAR_LIMIT = 0.4  # share of the frame beyond which a dark edge is taken for a dark picture, not a bar


@dataclass(frozen=True)
class FrameIndex:
    """Where the frames of a video stream stand, found without decoding.

    Attributes:
        pts: presentation time stamps in order, units of ``time_base``, int64 (n,); empty where the container gives
            none (AVI with B-frames), so that frames have to be counted.
        keys: the time stamps at which decoding can start, int64 (k,), ascending.
        time_base: seconds a unit.
        promised: frames that the header promises; 0 where it does not say.
    """

    pts: np.ndarray
    keys: np.ndarray
    time_base: Fraction
    promised: int


@dataclass(frozen=True)
class DecodedVideo:
    """A video brought to one size and one rate.

    Attributes:
        frames: uint8 (n, 3, size, size).
        width, height: of the file's frames as shown, pixels.
        rate: of the file, frames a second.
        bars: share of the frame's area that was black bars, in [0, 1).
        missing: whether the file holds fewer frames than its header promises, or damaged ones.
    """

    frames: Tensor
    width: int
    height: int
    rate: float
    bars: float
    missing: bool


def frame_index(path: Path) -> FrameIndex:
    """Index a file's frames by reading its packets.

    Raises:
        StudyError: the file cannot be opened or has no video.
    """
    with _opened(path) as (container, stream):
        stamps: list[int | None] = []
        keys: list[int] = []
        try:
            for packet in container.demux(stream):
                if packet.size == 0 or packet.is_discard:
                    continue
                stamps.append(packet.pts)
                if packet.is_keyframe and packet.pts is not None:
                    keys.append(packet.pts)
        except _av_error():  # cut short: what was read is what there is
            pass
        known = [stamp for stamp in stamps if stamp is not None]
        whole = known if len(known) == len(stamps) and len(set(known)) == len(known) else []
        return FrameIndex(
            pts=np.array(sorted(whole), dtype=np.int64),
            keys=np.array(sorted(keys), dtype=np.int64),
            time_base=stream.time_base or Fraction(1, 1000),
            promised=int(stream.frames or 0),
        )


def read_frames(path: Path, positions: Sequence[int] | np.ndarray) -> np.ndarray:
    """Frames by their number, exactly, whatever the codec's reordering; seeks to the key frame before each.

    Args:
        path: a video file.
        positions: frame numbers from 0 in order of presentation, any order, repeats allowed.

    Returns:
        uint8 (len(positions), height, width, 3), RGB, at the file's size.

    Raises:
        StudyError: the file cannot be opened, or a frame is not there or cannot be decoded.
    """
    wanted = sorted({int(p) for p in positions})
    if not wanted:
        raise StudyError(f"{path.name}: no frame was asked for; give at least one frame number")
    index = frame_index(path)
    count = len(index.pts)
    if wanted[0] < 0 or (count and wanted[-1] >= count):
        short = f" of the {index.promised} that its header promises" if index.promised > count else ""
        raise StudyError(f"{path.name} holds frames 0 to {count - 1}{short}; frame {wanted[-1]} is not there")
    found = _sought(path, index, wanted) if count else _counted(path, wanted)
    absent = [p for p in wanted if p not in found]
    if absent:
        raise StudyError(
            f"{path.name}: frame {absent[0]} cannot be decoded; the file is damaged or cut short: fetch it anew"
        )
    return np.stack([found[int(p)] for p in positions])


def _sought(path: Path, index: FrameIndex, wanted: list[int]) -> dict[int, np.ndarray]:
    number_of = {int(stamp): i for i, stamp in enumerate(index.pts)}
    found: dict[int, np.ndarray] = {}
    with _opened(path) as (container, stream):
        frames: Iterator[Any] = iter(())
        at = -1  # number of the frame decoded last
        for target in wanted:
            stamp = int(index.pts[target])
            if at < 0 or np.any((index.keys > index.pts[at]) & (index.keys <= stamp)):
                frames = _frames_from(container, stream, stamp)
            for frame in frames:
                at = number_of.get(frame.pts, at)
                if frame.pts is not None and frame.pts >= stamp:
                    if frame.pts == stamp and not frame.is_corrupt:
                        found[target] = _upright(frame, frame.to_ndarray(format="rgb24"))
                    break
    lost = [target for target in wanted if target not in found]
    return found | (_in_order(path, index, lost) if lost else {})


def _in_order(path: Path, index: FrameIndex, wanted: list[int]) -> dict[int, np.ndarray]:
    """Without seeking, for streams whose key frames do not stand where the container says."""
    stamps = {int(index.pts[target]): target for target in wanted}
    with _opened(path) as (container, stream):
        return {
            stamps[frame.pts]: _upright(frame, frame.to_ndarray(format="rgb24"))
            for frame in _frames(container, stream)
            if frame.pts in stamps and not frame.is_corrupt
        }


def _counted(path: Path, wanted: list[int]) -> dict[int, np.ndarray]:
    targets, found = set(wanted), {}
    with _opened(path) as (container, stream):
        for i, frame in enumerate(_frames(container, stream)):
            if i in targets and not frame.is_corrupt:
                found[i] = _upright(frame, frame.to_ndarray(format="rgb24"))
            if i >= wanted[-1]:
                break
    return found


def decode_video(path: Path, size: int, frame_rate: float) -> DecodedVideo:
    """Decode a whole file: each moment's nearest frame, black bars cut off, centre square scaled to one size.

    Args:
        path: a video file.
        size: side of the frames returned, pixels.
        frame_rate: frames a second returned; the frame nearest in time stands for each moment, so a slower file
            repeats frames and a faster one skips some.

    Raises:
        StudyError: the file cannot be opened, or none of its frames can be decoded.
    """
    index = frame_index(path)
    kept: list[np.ndarray] = []
    decoded, damaged, first = 0, False, 0.0
    before: tuple[float, np.ndarray] | None = None
    with _opened(path) as (container, stream):
        rate = float(stream.average_rate or stream.guessed_rate or 25)
        aspect = float(stream.sample_aspect_ratio or 1) or 1.0  # width of a pixel over its height
        height, width = 0, 0
        for number, frame in enumerate(_frames(container, stream)):
            if frame.is_corrupt:
                damaged = True
                continue
            time = float(frame.pts * index.time_base) if len(index.pts) and frame.pts is not None else number / rate
            small, (height, width) = _small(frame, size, aspect)
            first = time if before is None else first
            while before is not None and first + len(kept) / frame_rate <= time:
                moment = first + len(kept) / frame_rate
                kept.append(before[1] if moment - before[0] <= time - moment else small)
            before = (time, small)
            decoded += 1
    if before is None:
        raise StudyError(f"{path.name}: no frame can be decoded; the file is damaged or cut short")
    if first + len(kept) / frame_rate <= before[0] + 0.5 / frame_rate:
        kept.append(before[1])
    pixels, bars = _without_bars(np.stack(kept))
    promised = max(index.promised, len(index.pts))
    return DecodedVideo(_square(pixels, size), width, height, rate, bars, damaged or decoded < promised)


def _frames(container: Any, stream: Any) -> Iterator[Any]:
    """Frames in order of presentation until the file ends or breaks."""
    try:
        yield from container.decode(stream)
    except _av_error():
        return


def _frames_from(container: Any, stream: Any, stamp: int) -> Iterator[Any]:
    """Frames from the last key frame at or before a time stamp."""
    try:
        container.seek(stamp, stream=stream, backward=True, any_frame=False)
    except _av_error():
        return iter(())
    return _frames(container, stream)


class _opened:
    """A container and its first video stream, closed at the end; a StudyError where there is none."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> tuple[Any, Any]:
        import av

        if not self.path.is_file():
            raise StudyError(f"no video file at {self.path}; check the path or data_root")
        try:
            self.container = av.open(str(self.path), metadata_errors="replace")
        except (av.FFmpegError, OSError, ValueError) as error:
            raise StudyError(
                f"{self.path.name} cannot be opened as a video: it is damaged, cut short or no video"
            ) from error
        if not self.container.streams.video:
            self.container.close()
            raise StudyError(f"{self.path.name} has no video stream; leave it out")
        stream = self.container.streams.video[0]
        if stream.codec_context is None:
            self.container.close()
            raise StudyError(f"{self.path.name} cannot be decoded: the kind of its video stream is unknown or damaged")
        return self.container, stream

    def __exit__(self, *_: object) -> None:
        self.container.close()


def _av_error() -> type[Exception]:
    import av

    return av.FFmpegError


def _upright(frame: Any, pixels: np.ndarray) -> np.ndarray:
    """Turned as the file says it is to be shown."""
    return np.rot90(pixels, int(getattr(frame, "rotation", 0)) // 90)


def _small(frame: Any, size: int, aspect: float) -> tuple[np.ndarray, tuple[int, int]]:
    """A frame upright, shorter side at most twice ``size``: uint8 (h, w, 3), and its shown (height, width)."""
    width, height = max(1, round(frame.width * aspect)), frame.height
    shrink = min(1.0, 2 * size / min(width, height))
    reduced = frame.reformat(
        max(2, round(width * shrink)), max(2, round(height * shrink)), "rgb24", interpolation="AREA"
    )
    pixels = _upright(frame, reduced.to_ndarray())
    turned = int(getattr(frame, "rotation", 0)) % 180 != 0
    return np.ascontiguousarray(pixels), (width, height) if turned else (height, width)


def _without_bars(pixels: np.ndarray) -> tuple[np.ndarray, float]:
    """Cut black bars off frames (n, h, w, 3); the share of the area that they were."""
    brightest = pixels.max(axis=(0, 3))  # (h, w)
    top, bottom = _edges(brightest.max(axis=1))
    left, right = _edges(brightest.max(axis=0))
    inside = pixels[:, top:bottom, left:right]
    return inside, 1 - inside.shape[1] * inside.shape[2] / (pixels.shape[1] * pixels.shape[2])


def _edges(brightest: np.ndarray) -> tuple[int, int]:
    """First and one past the last lit position; the whole length where dark edges are too wide to be bars."""
    lit = np.flatnonzero(brightest > BAR_LUMA)
    n = len(brightest)
    if len(lit) == 0 or lit[0] > BAR_LIMIT * n or n - 1 - lit[-1] > BAR_LIMIT * n:
        return 0, n
    # a ramp of one pixel, where scaling has mixed bar and picture, goes with the bar
    top, bottom = int(lit[0]), int(lit[-1]) + 1
    return top + (top > 0), bottom - (bottom < n)


def _square(pixels: np.ndarray, size: int) -> Tensor:
    """The centre square of frames (n, h, w, 3), scaled: uint8 (n, 3, size, size)."""
    side = min(pixels.shape[1:3])
    top, left = (pixels.shape[1] - side) // 2, (pixels.shape[2] - side) // 2
    square = torch.from_numpy(np.ascontiguousarray(pixels[:, top : top + side, left : left + side]))
    scaled = torch.nn.functional.interpolate(
        square.permute(0, 3, 1, 2).float(), size=(size, size), mode="bilinear", antialias=True, align_corners=False
    )
    return scaled.round().clamp(0, 255).to(torch.uint8)
