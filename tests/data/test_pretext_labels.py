"""The labels that sound and face give for nothing hold what they promise."""

import numpy as np
import pytest

from helpers.data.face_tracks import INTENSITIES, PRESENCES, FaceTrack
from helpers.data.pretext_labels import (
    EMFACS,
    EMOTIONS,
    UNLABELLED,
    activity,
    emotion_label,
    energy_variation,
    high_or_low,
    shown_emotion,
    unit_intensity,
)


def active(*units: int) -> dict[int, float]:
    return {unit: float(unit in units) for unit in PRESENCES}


def track(units: tuple[int, ...], found: np.ndarray) -> FaceTrack:
    frames = len(found)
    presence = np.tile([unit in units for unit in PRESENCES], (frames, 1))
    intensity = np.tile([3.0 * (unit in units) for unit in INTENSITIES], (frames, 1)).astype(np.float32)
    return FaceTrack(np.arange(frames) / 30, found.astype(np.float32), found, np.zeros((frames, 68, 2), np.float32),
                     intensity, presence)  # fmt: skip


@pytest.mark.parametrize("gain", [1e-6, 0.04, 1e4])
def test_volume_changes_no_energy_variation(gain: float) -> None:
    power = np.random.default_rng(0).exponential(1.0, 200) * np.linspace(0, 1, 200) ** 3
    assert energy_variation(gain * power) == pytest.approx(energy_variation(power), rel=1e-9)


def test_energy_variation_of_a_steady_sound_is_none_and_of_silence_unknown() -> None:
    assert energy_variation(np.full(50, 0.3)) == pytest.approx(0, abs=1e-12)
    assert np.isnan(energy_variation(np.zeros(50)))
    assert np.isnan(energy_variation(np.zeros(0)))
    square = np.where(np.arange(100) % 2, 1.0, 0.01)
    assert energy_variation(square) == pytest.approx(10)  # half at 0 dB, half at −20 dB


@pytest.mark.parametrize("emotion", list(EMFACS))
def test_each_combination_of_units_maps_to_its_emotion(emotion: str) -> None:
    assert shown_emotion(active(*EMFACS[emotion])) == emotion
    assert emotion_label(track(EMFACS[emotion], np.ones(10, dtype=bool))) == EMOTIONS.index(emotion)


def test_no_unit_or_units_of_nothing_are_neutral() -> None:
    assert shown_emotion(active()) == "neutral"
    assert shown_emotion(active(25, 26)) == "neutral"  # speech alone
    assert emotion_label(track((), np.ones(10, dtype=bool))) == 0


def test_ties_are_decided_the_same_way_whatever_the_order() -> None:
    both = active(*EMFACS["happiness"], *EMFACS["contempt"])  # 6, 12, 14: both whole, both of two units
    assert shown_emotion(both) == "happiness"
    assert shown_emotion(dict(reversed(both.items()))) == "happiness"
    everything = active(*PRESENCES)
    assert shown_emotion(everything) == shown_emotion(dict(reversed(everything.items()))) == "fear"  # of most units


def test_a_face_that_is_not_found_is_unlabelled_and_never_neutral() -> None:
    for units in ((), EMFACS["anger"]):
        assert emotion_label(track(units, np.zeros(10, dtype=bool))) == UNLABELLED
        assert emotion_label(track(units, np.arange(10) < 4)) == UNLABELLED
    assert emotion_label(track((), np.zeros(0, dtype=bool))) == UNLABELLED


def test_frames_without_a_face_do_not_count_in_the_activity() -> None:
    found = np.arange(10) < 6
    seen = track((6, 12), found)
    seen.presence[6:] = False
    assert activity(seen)[12] == 1.0
    assert emotion_label(seen) == EMOTIONS.index("happiness")
    assert np.isnan(unit_intensity(seen, 12)).tolist() == (~found).tolist()


def test_high_and_low_are_told_by_each_subjects_training_median_alone() -> None:
    values = np.array([1.0, 2, 3, 10, 20, 30, 100, np.nan])
    subjects = np.array(["a", "a", "a", "b", "b", "b", "b", "b"])
    training = np.array([0, 1, 2, 3, 4, 5])
    assert high_or_low(values, subjects, training).tolist() == [0, 0, 1, 0, 0, 1, 1, UNLABELLED]
    values[6] = -5.0  # a stretch outside the training part moves no threshold
    assert high_or_low(values, subjects, training).tolist() == [0, 0, 1, 0, 0, 1, 0, UNLABELLED]


def test_a_subject_without_training_stretches_has_everybodys_median() -> None:
    values, subjects = np.array([1.0, 2, 3, 2.5]), np.array(["a", "a", "a", "new"])
    assert high_or_low(values, subjects, np.array([0, 1, 2])).tolist() == [0, 0, 1, 1]


def test_labels_are_about_balanced_within_every_subject() -> None:
    rng = np.random.default_rng(0)
    subjects = np.repeat(["a", "b", "c"], 100)
    values = rng.normal(np.repeat([0, 5, 50], 100), 1)
    label = high_or_low(values, subjects, np.arange(300))
    assert [int(label[subjects == s].sum()) for s in "abc"] == [50, 50, 50]
