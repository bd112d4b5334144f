"""Speech from eSpeak NG with exact phone times: batched, cached on disk, the same samples on every call.

The synthesiser (GPL-3, carried by ``espeakng-loader``) runs in a process of its own
(:mod:`helpers.data.simulated.espeak_worker`), several side by side where there is much to say.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from helpers.data.cache import Tensors, cached
from helpers.errors import StudyError

RATE = 16_000  # samples a second of what speak returns
GENERATOR = "espeak:1"  # name and version: change it and all speech is made anew
_LONGEST_PATH = 120  # characters; eSpeak NG cuts longer data paths off
_A_WORKER = 64  # utterances below which a further process does not pay


@dataclass(frozen=True)
class Utterance:
    """What is to be said, and how.

    Attributes:
        text: words; or phones in eSpeak's own notation, where ``phones`` is set.
        voice: of eSpeak NG, with a variant, such as ``"en-us"``, ``"en-us+f2"``, ``"en-us+m3"``.
        rate: words a minute, 80 to 450.
        pitch: base pitch, 0 to 99; 50 is the voice's own.
        pitch_range: how far the melody moves, 0 (monotone) to 99; 50 is the voice's own.
        volume: 0 to 200; 100 is normal.
        phones: whether ``text`` is a string of phones, as between eSpeak's ``[[`` and ``]]``.
    """

    text: str
    voice: str
    rate: int
    pitch: int
    pitch_range: int
    volume: int
    phones: bool = False


@dataclass(frozen=True)
class TimedPhone:
    """A phone in eSpeak's notation, from ``start_s`` to ``end_s``, seconds."""

    phone: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Spoken:
    """What was said: samples, float32 (T,) in [-1, 1] at 16 kHz, and its phones in order; pauses are the gaps."""

    samples: np.ndarray
    phones: tuple[TimedPhone, ...]


def speak(utterances: Sequence[Utterance]) -> list[Spoken]:
    """Say utterances, each independent of the others in the list.

    Args:
        utterances: what to say, in any number.

    Returns:
        What was said, in the same order, from the disk's cache where this list was said before.

    Raises:
        StudyError: a value out of range, an empty text, an unknown voice, a text without sound, or the synthesiser
            is absent or died.
    """
    for number, utterance in enumerate(utterances):
        _check(number, utterance)
    if not utterances:
        return []
    written = json.dumps([astuple(utterance) for utterance in utterances])
    key: dict[str, object] = {
        "speech": GENERATOR, "library": _library_version(), "utterances": hashlib.sha256(written.encode()).hexdigest(),
    }  # fmt: skip
    return _unpacked(cached(key, lambda: _packed(_said(utterances))))


def _check(number: int, utterance: Utterance) -> None:
    limits = {"rate": (80, 450), "pitch": (0, 99), "pitch_range": (0, 99), "volume": (0, 200)}
    for name, (low, high) in limits.items():
        value = getattr(utterance, name)
        if not low <= value <= high:
            raise StudyError(f"utterance {number}: {name} is {value}; it must be in {low} to {high}")
    if not utterance.text.strip():
        raise StudyError(f"utterance {number}: there is nothing to say; give a text")


def _library_version() -> str:
    try:
        return version("espeakng-loader")
    except ImportError:
        raise StudyError("the package espeakng-loader, which carries eSpeak NG, is not installed") from None


def _said(utterances: Sequence[Utterance]) -> list[Spoken]:
    """Say utterances in as many processes as pay."""
    import espeakng_loader

    workers = max(1, min(os.cpu_count() or 1, 4, len(utterances) // _A_WORKER))
    share = -(-len(utterances) // workers)
    parts = [utterances[first : first + share] for first in range(0, len(utterances), share)]
    with tempfile.TemporaryDirectory(prefix="espeak-") as folder:
        data = str(espeakng_loader.get_data_path())
        if len(data) > _LONGEST_PATH:
            short = Path(folder) / "espeak-ng-data"
            short.symlink_to(data, target_is_directory=True)
            data = str(short)
        started = []
        for i, part in enumerate(parts):
            asked, answer = Path(folder) / f"{i}.json", Path(folder) / f"{i}.said"
            asked.write_text(json.dumps([astuple(utterance) for utterance in part]))
            worker = Path(__file__).with_name("espeak_worker.py")
            command = [sys.executable, str(worker), str(espeakng_loader.get_library_path()), data, str(asked)]
            process = subprocess.Popen([*command, str(answer)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            started.append((process, answer, part))
        found: list[Spoken] = []
        for process, answer, part in started:
            said = process.communicate()[1].decode(errors="replace").strip().splitlines()
            if process.returncode != 0:
                last = said[-1] if said else "it said nothing"
                raise StudyError(f"the speech synthesiser ended with {process.returncode}: {last}")
            found += _answers(answer.read_bytes(), part)
    return found


def _answers(content: bytes, utterances: Sequence[Utterance]) -> Iterator[Spoken]:
    from scipy.signal import resample_poly

    at = 0
    for utterance in utterances:
        size = int.from_bytes(content[at : at + 4], "little")
        head = json.loads(content[at + 4 : at + 4 + size])
        if "error" in head:
            raise StudyError(head["error"])
        at += 4 + size
        native = np.frombuffer(content[at : at + head["bytes"]], dtype=np.int16)
        at += head["bytes"]
        if len(native) == 0:
            native = np.zeros(1, dtype=np.int16)
        common = math.gcd(head["rate"], RATE)
        samples = resample_poly(native.astype(np.float32) / 32768, RATE // common, head["rate"] // common)
        starts = [first / head["rate"] for _, first in head["events"]]
        ends = [*starts[1:], len(native) / head["rate"]]
        phones = tuple(
            TimedPhone(name, start, end)
            for (name, _), start, end in zip(head["events"], starts, ends, strict=True)
            if name.strip() and not name.startswith("_")
        )
        if not phones:
            raise StudyError(f"the text {utterance.text!r} makes no sound in the voice {utterance.voice}")
        yield Spoken(np.clip(samples, -1, 1).astype(np.float32), phones)


def _packed(spoken: Sequence[Spoken]) -> Tensors:
    phones = json.dumps([[[p.phone, p.start_s, p.end_s] for p in one.phones] for one in spoken])
    samples = torch.from_numpy(np.concatenate([one.samples for one in spoken]))
    return {
        "samples": (samples * 32767).round().to(torch.int16),
        "lengths": torch.tensor([len(one.samples) for one in spoken]),
        "phones": torch.frombuffer(bytearray(phones.encode()), dtype=torch.uint8),
    }


def _unpacked(tensors: Tensors) -> list[Spoken]:
    phones = json.loads(tensors["phones"].numpy().tobytes())
    samples = (tensors["samples"].float() / 32767).split(tensors["lengths"].tolist())
    return [Spoken(one.numpy(), tuple(TimedPhone(*p) for p in its)) for one, its in zip(samples, phones, strict=True)]
