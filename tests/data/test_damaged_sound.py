"""Sound of every format, damaged anywhere: finite numbers at the rate asked for, or one line with the file's name."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings

from helpers.data.sound import RATE, read_sound, resampled
from helpers.errors import StudyError
from tests.data.corpora.damage import Damage, damages

KINDS = {"a.wav": "PCM_16", "b.wav": "FLOAT", "c.flac": "PCM_16", "d.ogg": "VORBIS", "e.aiff": "PCM_16",
         "f.au": "PCM_16", "g.mp3": "MPEG_LAYER_III", "h.wav": "PCM_24"}  # fmt: skip


def _tone(rate: int, seconds: float = 0.1) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)


@given(damage=damages)
@settings(max_examples=50, deadline=None, derandomize=True, database=None)
def test_a_damaged_file_of_any_format_is_finite_sound_or_named(damage: Damage) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, subtype in KINDS.items():
            soundfile.write(Path(folder) / name, _tone(16_000), 16_000, subtype=subtype)
        file = damage.do(Path(folder))
        refusal = ""
        try:
            sound = read_sound(file)
            assert sound.dtype == torch.float32
            assert len(sound) > 0
            assert bool(torch.isfinite(sound).all())
            assert float(sound.abs().max()) < 1e7
        except StudyError as error:
            refusal = str(error)
        assert not refusal or file.name in refusal


@pytest.mark.parametrize("rate", [8_000, 11_127, 16_001, 22_255, 44_100, 47_999, 96_000])
def test_a_tone_keeps_its_frequency_at_any_rate_that_a_header_may_say(rate: int) -> None:
    found = resampled(torch.from_numpy(_tone(rate, 0.5).astype(np.float32)), rate, RATE)
    assert len(found) == pytest.approx(RATE // 2, abs=2)
    expected = torch.from_numpy(_tone(RATE, 0.5).astype(np.float32))[: len(found)]
    middle = slice(400, 7600)  # filters ring at the ends
    assert float((found[: len(expected)] - expected)[middle].abs().max()) < 0.01


def test_a_rate_that_no_sound_has_and_values_that_none_reaches_are_refused(tmp_path: Path) -> None:
    for rate in (3, 2_000_000):
        soundfile.write(tmp_path / "a.wav", _tone(16_000), rate)
        with pytest.raises(StudyError, match=r"a\.wav: says that it has .* samples a second"):
            read_sound(tmp_path / "a.wav")
    soundfile.write(tmp_path / "b.wav", _tone(16_000) * 1e20, 16_000, subtype="FLOAT")
    with pytest.raises(StudyError, match=r"b\.wav: holds values up to 3e\+19"):
        read_sound(tmp_path / "b.wav")
