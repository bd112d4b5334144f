"""eSpeak NG's C interface, in a process of its own: the library keeps global state and may end the process it is in.

The state (phase of the voice, flutter) lives on from one utterance to the next, and starting the library anew does not
reset it. So every utterance is said by a fork of the process in its first state, which makes it independent of what was
said before; where the system has no fork, it depends on the utterances before it in the list.

Run by :mod:`helpers.data.simulated.espeak` as a script; it needs the standard library alone. The structures and numbers
are those of eSpeak NG's public header ``speak_lib.h``.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

_SYNCHRONOUS, _PHONEME_EVENTS, _DO_NOT_EXIT = 2, 0x0001, 0x8000
_UTF8, _PHONES_IN_BRACKETS = 1, 0x100
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_LIST_TERMINATED, _PHONEME = 0, 7


class _Name(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Name),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class Synthesiser:
    """The library, opened.

    Args:
        library: path of the shared library.
        data: path of the folder ``espeak-ng-data``.

    Attributes:
        rate: samples a second.
    """

    def __init__(self, library: str, data: str) -> None:
        self._library = ctypes.CDLL(library)
        self.rate = int(
            self._library.espeak_Initialize(_SYNCHRONOUS, 200, data.encode(), _PHONEME_EVENTS | _DO_NOT_EXIT)
        )
        if self.rate <= 0:
            raise RuntimeError(f"eSpeak NG finds no data in {data}")
        self._samples = bytearray()
        self._events: list[tuple[str, int]] = []
        self._callback = _Callback(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)

    def _receive(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self._samples += ctypes.string_at(samples, 2 * count)
        i = 0
        while events and events[i].type != _LIST_TERMINATED:
            if events[i].type == _PHONEME:
                self._events.append((events[i].id.string.decode("utf-8", "replace"), events[i].sample))
            i += 1
        return 0

    def say(
        self, text: str, voice: str, rate: int, pitch: int, pitch_range: int, volume: int, phones: bool
    ) -> tuple[bytes, list[tuple[str, int]]]:
        """Samples (16-bit, native order) and (phone, first sample) of every phone event, pauses included."""
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise RuntimeError(f"eSpeak NG has no voice {voice!r}")
        for parameter, value in ((_RATE, rate), (_VOLUME, volume), (_PITCH, pitch), (_RANGE, pitch_range)):
            self._library.espeak_SetParameter(parameter, value, 0)
        if hasattr(self._library, "espeak_ng_SetRandSeed"):
            self._library.espeak_ng_SetRandSeed(1)
        self._samples, self._events = bytearray(), []
        written = (f"[[{text}]]" if phones else text).encode()
        flags = _UTF8 | (_PHONES_IN_BRACKETS if phones else 0)
        self._library.espeak_Synth(written, len(written) + 1, 0, 1, 0, flags, None, None)
        self._library.espeak_Synchronize()
        return bytes(self._samples), list(self._events)


def _say_all(synthesiser: Synthesiser, asked: list[list[Any]], out: BinaryIO) -> None:
    for arguments in asked:
        child = os.fork() if hasattr(os, "fork") else -1
        if child <= 0:
            failed = 0
            try:
                samples, events = synthesiser.say(*arguments)
                _write(out, {"rate": synthesiser.rate, "bytes": len(samples), "events": events}, samples)
            except RuntimeError as error:
                _write(out, {"error": str(error)})
                failed = 1
            out.flush()
            if child == 0:
                os._exit(failed)
        else:
            failed = os.waitpid(child, 0)[1]
            if os.WIFSIGNALED(failed):
                _write(out, {"error": f"eSpeak NG died of signal {os.WTERMSIG(failed)} at {arguments[0]!r}"})
                out.flush()
        if failed:
            return


def _write(out: BinaryIO, head: dict[str, Any], samples: bytes = b"") -> None:
    text = json.dumps(head).encode()
    out.write(len(text).to_bytes(4, "little") + text + samples)


def main(library: str, data: str, asked: str, answer: str) -> None:
    """Read utterances as JSON lists from ``asked`` and write, for each, a JSON head and its samples to ``answer``."""
    with Path(answer).open("wb") as out:
        try:
            synthesiser = Synthesiser(library, data)
            _say_all(synthesiser, json.loads(Path(asked).read_text()), out)
        except (RuntimeError, OSError) as error:
            _write(out, {"error": str(error)})


if __name__ == "__main__":
    main(*sys.argv[1:])
