"""Sound files as one channel of numbers at one rate; what cannot be used is refused by name and reason."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from helpers.data.cache import cached
from helpers.errors import StudyError
from helpers.progress import bar

if TYPE_CHECKING:
    from torchaudio.transforms import Resample

RATE = 16_000  # Hz, of every speech study
SOUND_ENDINGS = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif", ".au")
VIDEO_ENDINGS = (".mp4", ".flv", ".avi", ".mkv", ".mov", ".webm", ".mpg", ".mpeg")
RATES = (1_000, 768_000)  # Hz; a file that says less or more is damaged
LOUDEST = 1e6  # of full scale; fractions of it, or 16-bit numbers kept as fractions, stay far below
SILENCE = 1e-4  # of full scale; a file that never leaves its mean by more (−80 dB) is silent
_ODD = 4000  # samples that two rates have before they meet again; usual ones have a few hundred
_UNKNOWN_LENGTH = 0xFFFFFFF0  # a WAV that was written to a pipe has this or more as its length


def read_sound(file: Path, rate: int = RATE) -> Tensor:
    """Decode a file.

    Channels are averaged; another sampling rate is resampled with a windowed sinc (torchaudio). A video's first sound
    track is taken.

    Args:
        file: with one of :data:`SOUND_ENDINGS` or :data:`VIDEO_ENDINGS`.
        rate: wanted, Hz.

    Returns:
        float32 (T,), T >= 1, about −1 to 1.

    Raises:
        StudyError: the file is absent, empty, cut short, no sound, silent, or holds a value that is no finite number.
    """
    if not file.is_file():
        raise StudyError(f"there is no sound file {file}")
    if file.stat().st_size == 0:
        raise StudyError(f"{file.name}: is empty")
    samples, found = _decoded_video(file) if file.suffix.lower() in VIDEO_ENDINGS else _decoded(file)
    if len(samples) == 0:
        raise StudyError(f"{file.name}: holds no samples")
    mono = torch.from_numpy(samples.mean(axis=1)) if samples.shape[1] > 1 else torch.from_numpy(samples[:, 0])
    mean, (low, high) = float(mono.mean()), mono.aminmax()
    if not np.isfinite(mean):  # one value that is not finite makes the mean so
        raise StudyError(f"{file.name}: holds values that are not finite numbers")
    if max(float(high), -float(low)) > LOUDEST:
        raise StudyError(f"{file.name}: holds values up to {max(float(high), -float(low)):.3g}; no sound is so loud")
    if not RATES[0] <= found <= RATES[1]:
        raise StudyError(
            f"{file.name}: says that it has {found:,} samples a second; sound has {RATES[0]:,} to {RATES[1]:,}"
        )
    if max(float(high) - mean, mean - float(low)) <= SILENCE:
        raise StudyError(f"{file.name}: is silent")
    return resampled(mono, found, rate)


def resampled(samples: Tensor, found: int, rate: int) -> Tensor:
    """Samples float32 (..., T) at another rate, (..., ⌈T·rate/found⌉), contiguous."""
    if found == rate:
        return samples.contiguous()
    common = math.gcd(found, rate)
    if max(found, rate) // common > _ODD:  # such as 16,001 Hz: a table of all phases would take gigabytes
        from scipy.signal import resample_poly

        made = resample_poly(samples.numpy(), rate // common, found // common, axis=-1)
        return torch.from_numpy(np.ascontiguousarray(made, dtype=np.float32))
    return _resampler(found, rate)(samples).contiguous()


@lru_cache(maxsize=8)
def _resampler(found: int, rate: int) -> Resample:
    from torchaudio.transforms import Resample

    return Resample(found, rate)


def _decoded(file: Path) -> tuple[np.ndarray, int]:
    import soundfile

    missing = _missing_bytes(file)
    if missing:
        raise StudyError(f"{file.name}: is cut short; its header promises {missing:,} bytes more")
    try:
        with soundfile.SoundFile(file) as opened:
            samples = opened.read(dtype="float32", always_2d=True)
            promised, rate = opened.frames, int(opened.samplerate)
    except (soundfile.SoundFileError, RuntimeError) as error:
        words = " ".join(str(error).replace(str(file), file.name).replace(repr(file), file.name).split())
        raise StudyError(f"{file.name}: cannot be decoded: {words}") from None
    if len(samples) < promised:
        raise StudyError(f"{file.name}: is cut short; {len(samples):,} of {promised:,} samples are there")
    return samples, rate


def _missing_bytes(file: Path) -> int:
    """Bytes that a WAV file's header promises and that are not there; libsndfile passes over them in silence."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        head = opened.read(12)
        if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return 0
        while True:
            chunk = opened.read(8)
            if len(chunk) < 8:
                return 0
            name, length = struct.unpack("<4sI", chunk)
            if name == b"data":
                return 0 if length >= _UNKNOWN_LENGTH else max(0, opened.tell() + length - size)
            opened.seek(length + length % 2, 1)


def _decoded_video(file: Path) -> tuple[np.ndarray, int]:
    import av

    try:
        with av.open(str(file), metadata_errors="replace") as opened:
            if not opened.streams.audio:
                raise StudyError(f"{file.name}: has no sound track")
            stream = opened.streams.audio[0]
            if stream.codec_context is None:
                raise StudyError(f"{file.name}: cannot be decoded: the kind of its sound track is unknown or damaged")
            planar = av.AudioResampler(format="fltp", layout=stream.layout.name, rate=stream.rate)
            parts = [made.to_ndarray() for frame in opened.decode(stream) for made in planar.resample(frame)]
            parts += [made.to_ndarray() for made in planar.resample(None)]
            rate = int(stream.rate)
    except (av.FFmpegError, ValueError) as error:
        raise StudyError(f"{file.name}: cannot be decoded: {' '.join(str(error).split())}") from None
    samples = np.concatenate(parts, axis=1).T if parts else np.zeros((0, 1), np.float32)
    return np.ascontiguousarray(samples, dtype=np.float32), rate


@dataclass(frozen=True)
class Examined:
    """What a look at each of many sound files found.

    Attributes:
        seconds: of each file, float64 (n,); NaN where it cannot be used.
        reasons: of each file: empty, or why it cannot be used, led by the file's name.
    """

    seconds: np.ndarray
    reasons: tuple[str, ...]

    @property
    def usable(self) -> np.ndarray:
        """Which can be used, bool (n,)."""
        return np.isfinite(self.seconds)

    def notices(self, at_most: int = 3) -> tuple[str, ...]:
        """One line that names the first of the files that cannot be used; none where all can."""
        broken = [reason for reason in self.reasons if reason]
        if not broken:
            return ()
        more = f" and {len(broken) - at_most} more" if len(broken) > at_most else ""
        plural = "s" if len(broken) > 1 else ""
        return (f"{len(broken)} sound file{plural} left out: {'; '.join(broken[:at_most])}{more}",)


def examine(files: Sequence[Path], rate: int = RATE) -> Examined:
    """Decode every file once and say which can be used and how long they are; what was found is kept on disk.

    Args:
        files: sound or video files.
        rate: that they will be read at, Hz.
    """
    stats = [(file.name, status.st_size, status.st_mtime_ns) for file, status in ((f, f.stat()) for f in files)]
    folder = str(files[0].parent.resolve()) if files else ""
    key = {"what": "examined sound", "version": 1, "files": stats, "folder": folder, "rate": rate}
    found = cached(key, lambda: _examined(files, rate))
    reasons = bytes(found["reasons"].numpy()).decode().split("\n")[: len(files)] if files else []
    return Examined(found["seconds"].numpy().copy(), tuple(reasons))


def _examined(files: Sequence[Path], rate: int) -> dict[str, Tensor]:
    seconds, reasons = np.full(len(files), np.nan), []
    with bar(len(files), "listening to files", "file") as shown:
        for i, file in enumerate(files):
            try:
                seconds[i] = len(read_sound(file, rate)) / rate
                reasons.append("")
            except StudyError as error:
                reasons.append(" ".join(str(error).split()))
            shown.update()
    text = np.frombuffer(("\n".join(reasons) + "\n").encode(), dtype=np.uint8)
    return {"seconds": torch.from_numpy(seconds), "reasons": torch.from_numpy(text.copy())}


def padded(waves: Sequence[Tensor]) -> dict[str, Tensor]:
    """Waveforms of different lengths as a batch: ``input`` float32 (B, T) padded with zeros, ``length`` int64 (B,)."""
    lengths = torch.tensor([len(wave) for wave in waves], dtype=torch.int64)
    if not waves:
        return {"input": torch.zeros(0, 0), "length": lengths}
    return {"input": torch.nn.utils.rnn.pad_sequence(list(waves), batch_first=True).float(), "length": lengths}


def loader(files: Sequence[Path], rate: int = RATE) -> Any:
    """A corpus's ``load`` over one sound file a sample; see :func:`padded`."""

    def load(rows: np.ndarray) -> dict[str, Tensor]:
        return padded([read_sound(files[int(i)], rate) for i in np.asarray(rows)])

    return load
