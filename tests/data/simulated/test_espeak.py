"""eSpeak NG: phones with times that the sound agrees with, prosody that does what it says, the same on every call."""

import numpy as np
import pytest

from helpers.data.simulated import espeak
from helpers.data.simulated.espeak import RATE, Spoken, Utterance, speak
from helpers.errors import StudyError

NORMAL = {"voice": "en-us", "rate": 170, "pitch": 50, "pitch_range": 50, "volume": 80}
PHONES = "s'i: t'A: S'u: s'A: p'i: s'o:"


def said(text: str = "She sees a sunny house.", phones: bool = False, **changes) -> Spoken:
    return speak([Utterance(text, phones=phones, **(NORMAL | changes))])[0]


def loudness(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples**2)))


def part(spoken: Spoken, start: float, end: float) -> np.ndarray:
    return spoken.samples[round(start * RATE) : round(end * RATE)]


def base_frequency(samples: np.ndarray) -> float:
    """Median pitch, Hz, by autocorrelation of 40 ms frames."""
    found = []
    for first in range(0, len(samples) - 640, 320):
        frame = samples[first : first + 640] - samples[first : first + 640].mean()
        r = np.correlate(frame, frame, "full")[639:]
        lag = 40 + int(r[40:220].argmax())
        if r[lag] > 0.5 * r[0] > 0.05:
            found.append(RATE / lag)
    return float(np.median(found))


def test_what_is_said_is_mono_at_16_khz_and_its_phones_follow_one_another():
    spoken = said()
    assert spoken.samples.dtype == np.float32
    assert 0.2 < np.abs(spoken.samples).max() <= 1
    assert 1.0 < len(spoken.samples) / RATE < 2.5
    starts = [p.start_s for p in spoken.phones]
    assert starts == sorted(starts)
    assert all(p.end_s > p.start_s for p in spoken.phones)
    assert all(a.end_s <= b.start_s for a, b in zip(spoken.phones, spoken.phones[1:], strict=False))
    assert spoken.phones[-1].end_s <= len(spoken.samples) / RATE + 0.01


def test_a_string_of_phones_is_said_phone_by_phone():
    spoken = said(PHONES, phones=True)
    assert [p.phone.strip("'") for p in spoken.phones] == [
        *("s", "i:", "t", "A:", "S", "u:"),
        *("s", "A:", "p", "i:", "s", "o:"),
    ]


def sharpness(spoken: Spoken, shift: float) -> tuple[float, float]:
    """How much more the hiss of s and S and the closure of t and p differ from vowels, where times are shifted by s."""
    loud, crossings = {}, {}
    for kind, members in {"hiss": ("s", "S"), "vowel": ("i:", "A:", "u:", "o:"), "stop": ("t", "p")}.items():
        pieces = [
            part(spoken, max(p.start_s + shift, 0), p.start_s + shift + 0.6 * (p.end_s - p.start_s))
            for p in spoken.phones if p.phone.strip("'") in members
        ]  # fmt: skip
        loud[kind] = np.mean([loudness(piece) for piece in pieces])
        crossings[kind] = np.mean([np.mean(np.diff(np.sign(piece)) != 0) for piece in pieces])
    return crossings["hiss"] / crossings["vowel"], loud["vowel"] / loud["stop"]


@pytest.mark.parametrize("rate", [110, 170, 260])
@pytest.mark.parametrize("voice", ["en-us", "en-us+f2", "en-us+m3"])
def test_phone_times_agree_with_the_sound_hissing_in_s_quiet_in_closures_loud_in_vowels(voice, rate):
    spoken = said(PHONES, phones=True, rate=rate, voice=voice)
    hiss, closure = sharpness(spoken, 0.0)
    assert hiss > 3
    assert closure > 3
    for shift in (-0.09, 0.09):  # wrong times would agree less
        wrong = sharpness(spoken, shift)
        assert wrong[0] < hiss / 1.5 or wrong[1] < closure / 1.5


def test_pauses_are_gaps_between_phones_and_silent():
    spoken = said("Yes, we see.")
    gaps = [(a.end_s, b.start_s) for a, b in zip(spoken.phones, spoken.phones[1:], strict=False) if b.start_s > a.end_s]
    start, end = max(gaps, key=lambda gap: gap[1] - gap[0])
    assert end - start > 0.1
    assert loudness(part(spoken, start + 0.02, end - 0.02)) < 0.05 * loudness(spoken.samples)


def test_rate_pitch_range_and_volume_do_what_they_say():
    assert len(said(rate=250).samples) < 0.75 * len(said(rate=150).samples)
    assert base_frequency(said(pitch=80).samples) > 1.3 * base_frequency(said(pitch=20).samples)
    assert loudness(said(volume=100).samples) > 1.8 * loudness(said(volume=50).samples)
    assert not np.array_equal(said(pitch_range=5).samples, said(pitch_range=95).samples)


def test_an_utterance_does_not_depend_on_its_neighbours_in_the_list():
    first, second = Utterance("One boy.", **NORMAL), Utterance("A loud voice.", **(NORMAL | {"voice": "en-us+f3"}))
    together, turned = speak([first, second, first]), speak([second, first])
    assert np.array_equal(together[0].samples, together[2].samples)
    assert np.array_equal(together[0].samples, turned[1].samples)
    assert np.array_equal(together[1].samples, turned[0].samples)
    assert together[1].phones == turned[0].phones


def test_a_list_shared_among_processes_is_said_as_by_one(monkeypatch):
    asked = [Utterance(f"Number {i}.", **NORMAL) for i in range(5)]
    alone = speak(asked)
    monkeypatch.setattr(espeak, "_A_WORKER", 2)
    monkeypatch.setattr(espeak.os, "cpu_count", lambda: 2)
    shared = list(espeak._said(asked))
    for a, b in zip(alone, shared, strict=True):
        assert np.abs(a.samples - b.samples).max() <= 1 / 32767  # the cache holds 16 bits
        assert a.phones == b.phones


def test_a_list_said_before_comes_from_the_disk(monkeypatch):
    asked = [Utterance("A boy.", **NORMAL), Utterance("b'OI", **NORMAL, phones=True)]
    first = speak(asked)
    monkeypatch.setattr(espeak.subprocess, "Popen", None)
    again = speak(asked)
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a.samples, b.samples)
        assert a.phones == b.phones


def test_a_data_path_too_long_for_the_library_is_gone_round(monkeypatch):
    expected = said().samples
    monkeypatch.setattr(espeak, "_LONGEST_PATH", 1)
    found = espeak._said([Utterance("She sees a sunny house.", **NORMAL)])[0].samples
    assert np.abs(found - expected).max() <= 1 / 32767


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"voice": "en-moon"}, "no voice 'en-moon'"),
        ({"rate": 20}, "utterance 0: rate is 20; it must be in 80 to 450"),
        ({"volume": 300}, "volume is 300"),
        ({"text": "  "}, "there is nothing to say"),
        ({"text": "_: _:", "phones": True}, "makes no sound"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(changes, line):
    with pytest.raises(StudyError, match=line):
        said(**changes)
