"""Simulated learners: errors that fit their first language and accent, phones with times, the same on every call."""

import numpy as np
import pytest

from helpers.data.phones import ARPABET, VOWELS
from helpers.data.simulated import l2_speech
from helpers.data.simulated.espeak import RATE, Spoken, TimedPhone
from helpers.data.simulated.l2_errors import ERROR_MODELS, FIRST_LANGUAGES, NEAR, mispronounce
from helpers.data.simulated.l2_sentences import LEXICON, draw_sentence
from helpers.data.simulated.l2_speech import ESPEAK, draw_learners, read_sentences, timed
from helpers.errors import StudyError

COUNTS, SENTENCES = {"train": 6, "test": 6}, {"train": 3, "test": 2}


@pytest.fixture(scope="module")
def readings(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIES_OUTPUTS", str(tmp_path_factory.mktemp("speech")))
        yield read_sentences(draw_learners(COUNTS, 0), SENTENCES, 0)


def test_the_lexicon_holds_every_phone_and_every_word_has_a_stressed_vowel_or_is_a_small_one():
    words = [word for kind in LEXICON.values() for word in kind]
    assert {phone for word in words for phone in word.phones} == set(ARPABET) == set(ESPEAK)
    assert all(any(word.stressed) for word in words if word.written not in ("the", "a"))
    assert all(len(word.phones) == len(word.stressed) for word in words)


def test_rules_are_of_arpabet_and_a_phones_weights_in_one_context_do_not_exceed_one():
    for rules in ERROR_MODELS.values():
        for rule in rules:
            assert rule.phone in ARPABET
            assert set(rule.said) <= set(ARPABET)
            assert rule.said != (rule.phone,)
            assert sum(r.weight for r in rules if r.phone == rule.phone) <= 1.2
    assert all(set(near) < set(ARPABET) and phone not in near for phone, near in NEAR.items())


def rate(language: str, strength: float, word: tuple[str, ...], position: int, said: tuple[str, ...]) -> float:
    rng = np.random.default_rng(0)
    return float(np.mean([mispronounce(word, language, strength, rng)[position] == said for _ in range(2000)]))


def test_errors_come_at_the_rate_of_their_rule_times_the_accents_strength():
    word = ("TH", "IH", "NG", "K", "S")
    assert rate("Hindi", 1.0, word, 0, ("T",)) == pytest.approx(0.7, abs=0.04)
    assert rate("Hindi", 0.5, word, 0, ("T",)) == pytest.approx(0.35, abs=0.04)
    assert rate("Hindi", 0.0, word, 0, ("TH",)) == 1


def test_context_decides_insertions_before_initial_clusters_and_deletions_at_the_end():
    street = ("S", "T", "R", "IY", "T")
    assert rate("Spanish", 1.0, street, 0, ("EH", "S")) == pytest.approx(0.7, abs=0.04)
    assert rate("Spanish", 1.0, ("S", "IY", "S", "T"), 0, ("EH", "S")) == 0
    assert rate("Vietnamese", 1.0, street, 4, ()) == pytest.approx(0.45, abs=0.04)
    assert rate("Vietnamese", 1.0, street, 1, ()) == 0


def test_a_word_never_loses_all_its_phones_and_unknown_languages_are_refused():
    rng = np.random.default_rng(0)
    assert all(any(mispronounce(("S",), "Vietnamese", 1.0, rng)) for _ in range(300))
    with pytest.raises(StudyError, match="no error model for 'Klingon'"):
        mispronounce(("S",), "Klingon", 0.5, rng)
    with pytest.raises(StudyError, match="strength is 2"):
        mispronounce(("S",), "Hindi", 2, rng)


def test_learners_have_every_language_spread_accents_and_scores_that_follow_them():
    learners = draw_learners({"train": 24, "test": 12}, 3)
    assert len({learner.name for learner in learners}) == 36
    for split, count in (("train", 24), ("test", 12)):
        mine = [learner for learner in learners if learner.split == split]
        assert {learner.first_language for learner in mine} == set(FIRST_LANGUAGES)
        assert np.histogram([learner.strength for learner in mine], bins=3, range=(0.25, 1))[0].min() >= count // 4
    score = [learner.accentedness for learner in learners]
    assert np.corrcoef(score, [learner.strength for learner in learners])[0, 1] > 0.9
    assert draw_learners({"train": 24, "test": 12}, 3) == learners


def test_perceived_phones_are_those_said_with_times_in_order_inside_the_recording(readings):
    assert len(readings) == 6 * 3 + 6 * 2
    for one in readings:
        said = tuple(phone for made in one.said for phone in made)
        assert len(one.perceived) == len(said) == len(one.segments)
        differing = [(a, b) for a, b in zip(said, one.perceived, strict=True) if a != b]
        assert all(pair == ("N", "NG") for pair in differing)
        edges = [edge for segment in one.segments for edge in segment]
        assert edges == sorted(edges)
        assert all(end > start for start, end in one.segments)
        assert edges[-1] <= len(one.wave) / RATE + 0.02
        assert one.wave.dtype == np.float32
        assert 0.01 < np.abs(one.wave).max() <= 1


def test_vowels_are_louder_than_what_lies_outside_all_phones_and_than_stops(readings):
    loud: dict[str, list[float]] = {"vowel": [], "stop": []}
    for one in readings:
        for phone, (start, end) in zip(one.perceived, one.segments, strict=True):
            kind = "vowel" if phone in VOWELS else "stop" if phone in ("P", "T", "K") else ""
            piece = one.wave[round(start * RATE) : round((start + 0.6 * (end - start)) * RATE)]
            if kind and len(piece) > 200:
                loud[kind].append(float(np.sqrt(np.mean(piece**2)) / np.abs(one.wave).max()))
    assert len(loud["stop"]) > 20
    assert np.median(loud["vowel"]) > 2.5 * np.median(loud["stop"])


def test_the_same_learners_say_the_same_and_another_seed_something_else(readings):
    again = read_sentences(draw_learners(COUNTS, 0), SENTENCES, 0)
    assert all(
        np.array_equal(a.wave, b.wave) and a.perceived == b.perceived for a, b in zip(readings, again, strict=True)
    )
    other = read_sentences(draw_learners(COUNTS, 0)[:2], SENTENCES, 1)
    assert [one.sentence for one in other] != [one.sentence for one in readings[: len(other)]]


def test_sentences_hold_four_to_six_words():
    rng = np.random.default_rng(0)
    assert {len(draw_sentence(rng)) for _ in range(100)} == {4, 5, 6}


def spoken(*events: tuple[str, float, float]) -> Spoken:
    return Spoken(np.zeros(16000, np.float32), tuple(TimedPhone(*event) for event in events))


def test_glides_between_vowels_belong_to_the_phone_before_and_n_before_k_is_ng():
    found = timed(
        ["ER", "IY", "N", "K"], ["3:", "i:", "n", "k"],
        spoken(("'3:", 0, 0.1), ("r-", 0.1, 0.15), ("i:", 0.15, 0.3), ("N", 0.3, 0.3), ("k", 0.3, 0.5)),
    )  # fmt: skip
    assert found[0] == ["ER", "IY", "NG", "K"]
    assert found[1] == [(0, 0.15), (0.15, 0.3), (0.3, 0.4), (0.4, 0.5)]  # two that begin together share the time


def test_last_phones_that_get_no_time_share_that_of_the_one_before():
    events = spoken(("s", 0, 0.1), ("i:", 0.1, 0.3), ("l", 0.3, 0.3), ("d", 0.3, 0.3))
    found = timed(["S", "IY", "L", "D"], ["s", "i:", "l", "d"], events)[1]
    assert [start for start, _ in found] == pytest.approx([0, 0.1, 0.1 + 0.2 / 3, 0.1 + 0.4 / 3])
    assert [end for _, end in found] == pytest.approx([0.1, 0.1 + 0.2 / 3, 0.1 + 0.4 / 3, 0.3])


def test_phones_that_are_missing_or_too_many_are_refused():
    with pytest.raises(StudyError, match="said 1 of 2 phones"):
        timed(["S", "T"], ["s", "t"], spoken(("s", 0, 0.1)))
    with pytest.raises(StudyError, match="said 't' after all 1 phones"):
        timed(["S"], ["s"], spoken(("s", 0, 0.1), ("t", 0.1, 0.2)))


def test_no_learners_or_no_sentences_are_refused():
    with pytest.raises(StudyError, match="at least one learner"):
        read_sentences([], {}, 0)
    with pytest.raises(StudyError, match="one sentence a learner"):
        read_sentences(draw_learners({"train": 1}, 0), {"test": 3}, 0)


def test_the_recording_of_a_longer_vocal_tract_is_slower_and_noise_has_the_level_asked_for():
    from dataclasses import replace

    tone = (0.3 * np.sin(np.arange(RATE) * 0.2)).astype(np.float32)
    learner = replace(draw_learners({"train": 1}, 0)[0], length=1.08, echo=0.0, noise=20.0)
    made = l2_speech._in_a_room(tone, learner, np.random.default_rng(0))
    assert len(made) == pytest.approx(1.08 * len(tone), abs=2)
    spectrum = np.abs(np.fft.rfft(made * np.hanning(len(made)))) ** 2
    peak = int(spectrum.argmax())
    assert peak / len(made) == pytest.approx(0.2 / 1.08 / 2 / np.pi, rel=0.01)
    outside = spectrum.sum() - spectrum[peak - 4 : peak + 5].sum()
    assert 10 * np.log10(spectrum.sum() / outside) == pytest.approx(20, abs=1.5)
