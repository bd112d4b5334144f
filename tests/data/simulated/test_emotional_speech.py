"""Simulated emotional speech sounds as it says, is the same each time, and keeps speakers and labels apart."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.data.circumplex import ATTRIBUTES, PLACES
from helpers.data.simulated.emotional_speech import (
    NAME,
    SpeechDrawing,
    emotional_speech,
    lines,
    render,
    splits,
)
from helpers.data.simulated.prosody import draw_feeling, draw_ratings, draw_speaker, express
from helpers.errors import StudyError

RATE = 16_000


def loudness(samples: np.ndarray) -> float:
    """dB of the spoken part: the louder half of 20 ms frames."""
    frames = samples[: len(samples) // 320 * 320].reshape(-1, 320)
    power = np.sort((frames**2).mean(axis=1))
    return float(10 * np.log10(power[len(power) // 2 :].mean()))


def pitch(samples: np.ndarray) -> float:
    """Median fundamental frequency in Hz of the louder frames, by autocorrelation."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, 1024)[::512]
    frames = frames - frames.mean(axis=1, keepdims=True)
    frames = frames[frames.std(axis=1) > np.quantile(frames.std(axis=1), 0.6)]
    found = np.fft.irfft(np.abs(np.fft.rfft(frames, 2048)) ** 2)[:, :1024]
    shortest, longest = RATE // 400, RATE // 60
    return float(np.median(RATE / (shortest + found[:, shortest:longest].argmax(axis=1))))


@pytest.fixture(scope="module")
def acted():
    """A sentence of each of 16 speakers, said angrily and sadly: [(line, said), (line, said)] a speaker."""
    asked = []
    for number in range(16):
        line = lines(SpeechDrawing(speakers=number + 4, sentences=1, unlabelled_share=0, seed=5))[number]
        for emotion in ("angry", "sad"):
            attributes = np.array(PLACES[emotion])
            prosody = express(line.speaker, attributes)
            asked.append(replace(line, emotion=emotion, attributes=attributes, prosody=prosody))
    said = render(asked)
    return [list(zip(asked[i : i + 2], said[i : i + 2], strict=True)) for i in range(0, len(asked), 2)]


def test_angry_is_louder_faster_and_higher_than_sad_in_the_rendered_sound(acted):
    louder = [loudness(angry.samples) - loudness(sad.samples) for (_, angry), (_, sad) in acted]
    higher = [12 * np.log2(pitch(angry.samples) / pitch(sad.samples)) for (_, angry), (_, sad) in acted]
    faster = [sad.phones[-1].end_s / angry.phones[-1].end_s for (_, angry), (_, sad) in acted]
    assert np.mean(louder) > 3
    assert np.mean(np.array(louder) > 0) >= 0.9
    assert np.mean(higher) > 1
    assert np.mean(np.array(higher) > 0) >= 0.75
    assert np.mean(faster) > 1.1
    assert np.mean(np.array(faster) > 1) >= 0.9


def test_the_energy_changes_where_phones_do(acted):
    """A stop is quieter than its vowels, silence outside all phones is quieter than speech inside them."""
    gaps, closures = [], []
    for (_, said), _ in acted:
        level = 10 * np.log10(np.convolve(said.samples**2, np.ones(160) / 160, "same") + 1e-12)
        inside = np.zeros(len(level), bool)
        vowels, stops = [], []
        for phone in said.phones:
            first, last = int(phone.start_s * RATE), int(phone.end_s * RATE)
            assert 0 <= first <= last <= len(level) + RATE * 0.02
            inside[first:last] = True
            if last - first > 320:
                (vowels if phone.phone[0] in "aeiouAEIOU@0V3" else stops if phone.phone[0] in "ptkbdg" else []).append(
                    level[first:last].mean()
                )
        closures.append(np.mean(vowels) - np.mean(stops))
        gaps.append(level[inside].mean() - level[~inside].mean() if (~inside).sum() > 800 else np.nan)
    assert np.mean(closures) > 4
    assert np.nanmean(gaps) > 6


def test_shifted_phone_times_fit_the_energy_worse(acted):
    def contrast(said, shift: float) -> float:
        level = 10 * np.log10(np.convolve(said.samples**2, np.ones(160) / 160, "same") + 1e-12)
        parts: dict[bool, list[float]] = {True: [], False: []}
        for phone in said.phones:
            first, last = (int((t + shift) * RATE) for t in (phone.start_s, phone.end_s))
            kind = True if phone.phone[0] in "aeiouAEIOU@0V3" else False if phone.phone[0] in "ptkbdgsfTS" else None
            if kind is not None and 0 <= first < last <= len(level):
                parts[kind].append(float(level[first:last].mean()))
        return float(np.mean(parts[True]) - np.mean(parts[False]))

    right = np.mean([contrast(said, 0.0) for (_, said), _ in acted])
    for shift in (-0.08, 0.08):
        assert right > np.mean([contrast(said, shift) for (_, said), _ in acted]) + 1


def test_speakers_differ_more_in_pitch_than_one_speaker_does_by_emotion(acted):
    found = np.log2([[pitch(said.samples) for _, said in pair] for pair in acted])
    assert found.mean(axis=1).std() > found.std(axis=1).mean()


def test_it_is_the_same_each_time_and_however_lines_are_put_together():
    drawing = SpeechDrawing(speakers=4, sentences=2, unlabelled_share=0, seconds=2.0, seed=3)
    asked = lines(drawing)
    together = render(asked)
    for line, said in zip(asked[3:5], together[3:5], strict=True):
        assert np.array_equal(render([line])[0].samples, said.samples)


def test_a_speaker_does_not_depend_on_how_many_others_there_are():
    few, many = (lines(SpeechDrawing(speakers=n, sentences=2, unlabelled_share=0.25, seed=1)) for n in (4, 9))
    for mine, same in zip(few[:8], many[:8], strict=True):
        assert mine.text == same.text
        assert mine.prosody == same.prosody


def test_the_corpus_has_labels_where_it_says_and_no_speaker_in_two_splits():
    corpus = emotional_speech(speakers=8, sentences_per_speaker=3, unlabelled_share=0.5, seconds=2.0, seed=2)
    assert corpus.name == NAME
    assert corpus.simulated
    assert len(corpus) == 24
    table = corpus.table
    assert table.groupby("subject")["split"].nunique().max() == 1
    unlabelled = table["split"] == "unlabelled"
    assert unlabelled.sum() == 12
    assert table.loc[unlabelled, ["label", *ATTRIBUTES]].isna().all(axis=None)
    assert table.loc[~unlabelled, list(ATTRIBUTES)].apply(lambda c: c.between(1, 7)).all(axis=None)
    loaded = corpus.load(np.array([5, 0]))
    assert loaded["input"].shape == (2, int(loaded["length"].max()))
    assert (loaded["length"].numpy() / RATE == table["seconds"].to_numpy()[[5, 0]]).all()
    short = int(loaded["length"].argmin())
    assert (loaded["input"][short, int(loaded["length"][short]) :] == 0).all()
    assert 0.01 < loaded["input"].abs().max() <= 1


def test_ratings_follow_attributes_but_are_not_they():
    rng = np.random.default_rng(0)
    felt = np.array([draw_feeling(rng)[1] for _ in range(400)])
    rated = np.array([draw_ratings(rng, one) for one in felt])
    for i in range(3):
        assert 0.85 < np.corrcoef(felt[:, i], rated[:, i])[0, 1] < 0.99


def test_two_speakers_express_the_same_feeling_differently():
    happy = np.array(PLACES["happy"])
    first, second = (express(draw_speaker(0, n), happy) for n in (0, 1))
    assert first != second
    assert express(draw_speaker(0, 0), happy) == first


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"speakers": 4, "unlabelled_share": 0.5}, "at least 3 must be labelled"),
        ({"seconds": 9.0}, "seconds in 1.5 to 6"),
        ({"unlabelled_share": 1.5}, "labelled"),
        ({"sentences_per_speaker": 0}, "at least one sentence"),
    ],
)
def test_impossible_drawings_are_refused(values, words):
    with pytest.raises(StudyError, match=words):
        emotional_speech(**values)


def test_every_split_has_speakers():
    found = splits(SpeechDrawing(speakers=6, unlabelled_share=0.5))
    assert set(found) == {"train", "validation", "test", "unlabelled"}
    assert len(found) == 6
