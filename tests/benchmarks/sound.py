"""Log-mel features of a corpus, from files: batched, and beside a plain loop over torchaudio's MelSpectrogram."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import torch

from helpers.data.corpus import Corpus
from helpers.data.sound import loader, padded
from helpers.data.spectrograms import LOG_MEL, mel_spectrograms, with_mels
from tests.benchmarks.timing import Row, interleaved, rate_of

TARGET = 200.0  # times real time, on one core


def run(clips: int = 64, seconds: float = 4.0, rounds: int = 3) -> list[Row]:
    """The transform alone, files and transform, and the same at half the clips' rate; all on one thread.

    Args:
        clips: files of noise, 16 kHz and 48 kHz.
        seconds: of each.
        rounds: turns of ours and theirs, whose medians are taken.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return [*_transform(clips, seconds, rounds), *_files(Path(folder), clips, seconds, rounds)]
    finally:
        torch.set_num_threads(threads)


def _noise(clips: int, seconds: float, rate: int = 16000) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, (clips, round(seconds * rate))).astype(np.float32)


def _plain() -> Callable[[torch.Tensor], torch.Tensor]:
    from torchaudio.transforms import MelSpectrogram

    s = LOG_MEL
    mel = MelSpectrogram(s.rate, s.n_fft, s.window, s.hop, s.low, s.high, n_mels=s.mels, center=False)
    return lambda wave: (mel(wave) + s.floor).log()


def _transform(clips: int, seconds: float, rounds: int) -> list[Row]:
    waves = [torch.from_numpy(wave) for wave in _noise(clips, seconds)]
    batch, plain = padded(waves), _plain()
    size = max(1, int(200 / seconds))

    def ours() -> None:
        for first in range(0, clips, size):
            mel_spectrograms(batch["input"][first : first + size], batch["length"][first : first + size])

    def theirs() -> None:
        for wave in waves:
            plain(wave)

    amount = clips * seconds
    rates = interleaved(lambda: rate_of(ours, amount, 3), lambda: rate_of(theirs, amount, 3), rounds)
    return [Row("log-mel, transform alone, one thread", "s of sound/s", *rates), _real_time(rates[0])]


def _files(folder: Path, clips: int, seconds: float, rounds: int) -> list[Row]:
    rows = []
    for rate in (16000, 48000):
        files = [folder / f"{rate}_{i}.wav" for i in range(clips)]
        for file, wave in zip(files, _noise(clips, seconds, rate), strict=True):
            soundfile.write(file, wave, rate)
        ours, theirs = partial(_ours, files, seconds, count()), partial(_theirs, files)
        amount = clips * seconds
        rates = interleaved(partial(rate_of, ours, amount, 1), partial(rate_of, theirs, amount, 1), rounds)
        name = f"files of {rate / 1000:g} kHz to a cached corpus"
        rows += [Row(name, "s of sound/s", *rates), _real_time(rates[0])]
    return rows


def _ours(files: list[Path], seconds: float, number: Iterator[int]) -> None:
    """A new corpus each time, so that nothing lies in the cache yet."""
    with_mels(_corpus(files, seconds, next(number)), folder=files[0].parent / "cache")


def _theirs(files: list[Path]) -> None:
    from torchaudio.functional import resample

    plain = _plain()
    for file in files:
        wave, found = soundfile.read(file, dtype="float32")
        tensor = torch.from_numpy(wave)
        plain(tensor if found == LOG_MEL.rate else resample(tensor, found, LOG_MEL.rate))


def _real_time(rate: float) -> Row:
    return Row("  in times real time", "×", rate, 1.0, TARGET)


def _corpus(files: list[Path], seconds: float, number: int) -> Corpus:
    names = [f.stem for f in files]
    table = pd.DataFrame({"sample_id": names, "subject": names, "seconds": seconds})
    return Corpus("noise", table, loader(files), (), "none", "a benchmark", True, f"benchmark {number}")
