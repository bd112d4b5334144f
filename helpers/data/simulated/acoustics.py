"""What happens to a voice between the mouth and the file: formants, timbre, level, room, noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

RATE = 16_000  # Hz
QUIET = 1e-3  # of the loudest moment: below it nobody speaks
USUAL_LEVEL = -26.0  # dB below full scale, RMS of the spoken parts


@dataclass(frozen=True)
class Treatment:
    """What is done to one utterance.

    Attributes:
        formants: factor on all frequencies, pitch included; the speech takes 1/formants of its time.
        tilt: dB an octave above 200 Hz, positive brightens.
        tremor, roughness: depths of a 6 Hz and a 70 Hz swell, in [0, 1).
        breath: level of noise that follows the voice, dB against the voice (negative).
        level: RMS of the spoken parts, dB below full scale (negative).
        reverberation: seconds until the echo has fallen by 60 dB; 0 for none.
        noise: level of the room's noise, dB below full scale (negative).
    """

    formants: float = 1.0
    tilt: float = 0.0
    tremor: float = 0.0
    roughness: float = 0.0
    breath: float = -60.0
    level: float = USUAL_LEVEL
    reverberation: float = 0.0
    noise: float = -90.0


def treat(samples: np.ndarray, treatment: Treatment, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Treat one utterance.

    Args:
        samples: float (T,) at 16 kHz.
        treatment: what to do.
        rng: of the noise and of the room.

    Returns:
        float32 (T',) in [-1, 1], and the factor by which times in it are shorter than in ``samples``, which is
        ``formants`` but for rounding to lengths that transform fast.
    """
    t = treatment
    voice, faster = _timbre(samples, t.formants, t.tilt)
    envelope = _envelope(voice)
    time = np.arange(len(voice), dtype=np.float32) / RATE
    if t.tremor > 0:
        voice = voice * (1 - t.tremor * (0.5 + 0.5 * np.sin(2 * np.pi * 6.0 * time + rng.uniform(0, 6.28))))
    if t.roughness > 0:
        voice = voice * (1 - t.roughness * (0.5 + 0.5 * np.sin(2 * np.pi * 70.0 * time)))
    noise = np.diff(rng.standard_normal(len(voice) + 1, dtype=np.float32))  # rises by 6 dB an octave, as breath does
    voice = voice + noise * envelope * (0.7 * 10 ** (t.breath / 20))
    spoken = envelope > QUIET * envelope.max(initial=0.0)
    power = float(np.mean(voice[spoken] ** 2)) if spoken.any() else 0.0
    voice = voice * (10 ** (t.level / 20) / max(power**0.5, 1e-9))
    if t.reverberation > 0:
        voice = _in_a_room(voice, t.reverberation, rng)
    voice = voice + _room_noise(len(voice), rng) * 10 ** (t.noise / 20)
    return np.clip(voice, -1, 1).astype(np.float32), faster


def _timbre(samples: np.ndarray, formants: float, tilt: float) -> tuple[np.ndarray, float]:
    """Frequencies times ``formants``, by reading the samples faster, and a tilted spectrum, in one transform."""
    size = next_fast_len(len(samples) + 256, real=True)
    wanted = next_fast_len(round(size / formants), real=True)
    faster = size / wanted
    spectrum = rfft(samples.astype(np.float32), size)
    bins = wanted // 2 + 1
    moved = np.zeros(bins, dtype=spectrum.dtype)
    kept = min(bins, len(spectrum))
    moved[:kept] = spectrum[:kept]
    frequency = np.arange(bins) * (RATE / wanted)
    octaves = np.log2(np.clip(frequency, 200, 8000) / 1000)
    moved *= 10 ** (tilt * octaves / 20)
    moved[frequency < 50] = 0
    voice = irfft(moved, wanted) * (wanted / size)
    return voice[: int(len(samples) / faster)], faster


def _envelope(voice: np.ndarray, frame: int = 160) -> np.ndarray:
    """Root mean square around each sample, smooth over 20 ms."""
    squares = np.pad(voice.astype(np.float64) ** 2, (0, -len(voice) % frame)).reshape(-1, frame).mean(axis=1)
    level = np.sqrt(squares)
    at = (np.arange(len(level)) + 0.5) * frame
    return np.interp(np.arange(len(voice)), at, level).astype(np.float32)


def _in_a_room(voice: np.ndarray, reverberation: float, rng: np.random.Generator) -> np.ndarray:
    """The voice and its echo: noise that decays by 60 dB in the given time, 9 dB below the direct sound in all."""
    length = int(min(reverberation, 0.4) * RATE)
    delay = int(0.004 * RATE)
    tail = rng.standard_normal(length).astype(np.float32) * np.exp(-6.9 * np.arange(length) / (reverberation * RATE))
    tail *= 10 ** (-9 / 20) / max(float(np.sqrt((tail**2).sum())), 1e-9)
    echo = np.concatenate([[1.0], np.zeros(delay, np.float32), tail])
    size = next_fast_len(len(voice) + len(echo), real=True)
    return irfft(rfft(voice.astype(np.float32), size) * rfft(echo.astype(np.float32), size), size)[: len(voice)]


def _room_noise(length: int, rng: np.random.Generator) -> np.ndarray:
    """Noise of a quiet room, falling by about 3 dB an octave, RMS 1."""
    white = rng.standard_normal(length, dtype=np.float32)
    slow = np.repeat(rng.standard_normal(length // 16 + 1, dtype=np.float32), 16)[:length]
    mixed = white + 2.0 * slow
    return mixed / np.sqrt(5.0)
