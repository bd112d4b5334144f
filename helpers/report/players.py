"""Sound in a notebook: a player that carries its own sound, compressed, and needs no file beside it."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Players:
    """Players one below the other, each with its words; as text, the words and lengths."""

    sounds: tuple[tuple[str, bytes, float], ...]

    def _repr_html_(self) -> str:
        return "".join(
            f'<figure style="display:inline-block;margin:0 1em 0.5em 0"><figcaption>{html.escape(words)}</figcaption>'
            f'<audio controls preload="none" src="data:audio/ogg;base64,{base64.b64encode(sound).decode()}"></audio>'
            "</figure>"
            for words, sound, _ in self.sounds
        )

    def __repr__(self) -> str:
        return "\n".join(f"{words} ({seconds:.1f} s of sound)" for words, _, seconds in self.sounds)


def players(sounds: Sequence[tuple[str, np.ndarray]], rate: int = 16_000) -> Players:
    """Players for some sounds.

    Args:
        sounds: (words, samples), float (T,) in [-1, 1]. Each is scaled to the same peak.
        rate: of the samples, Hz.
    """
    return Players(tuple((words, ogg(samples, rate), len(samples) / rate) for words, samples in sounds))


def ogg(samples: np.ndarray, rate: int = 16_000) -> bytes:
    """Samples float (T,) as Ogg Vorbis, about 6 kB a second."""
    import soundfile

    peak = float(np.abs(samples).max(initial=0.0))
    scaled = np.asarray(samples, dtype=np.float32) * (0.9 / peak if peak > 0 else 1.0)
    written = io.BytesIO()
    soundfile.write(written, scaled, rate, format="OGG", subtype="VORBIS")
    return written.getvalue()
