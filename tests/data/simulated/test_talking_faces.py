"""Simulated faces speak with the voice, show the emotion, move rigidly too, and are lost at times."""

import numpy as np
import pytest

from helpers.data.face_tracks import INTENSITIES, PRESENCES, facial_activation, inter_ocular
from helpers.data.pretext_labels import EMFACS, EMOTIONS, UNLABELLED, activity, emotion_label
from helpers.data.simulated.emotional_speech import SpeechDrawing
from helpers.data.simulated.talking_faces import SHOWN, DrawnTracks, draw_track, face_points, unit_moves


def wave(seconds: float = 2.0, swing: float = 1.0) -> np.ndarray:
    t = np.arange(int(16000 * seconds)) / 16000
    return np.sin(2 * np.pi * 200 * t) * (1 - swing * (np.sin(2 * np.pi * 2 * t) > 0))


def many(emotion: str, arousal: float = 0.0, count: int = 60) -> list:
    return [draw_track(wave(), emotion, arousal, np.random.default_rng((5, i))) for i in range(count)]


def test_the_plain_face_is_symmetric_with_eyes_one_apart() -> None:
    points = face_points()
    assert points.shape == (68, 2)
    assert inter_ocular(points[None])[0] == pytest.approx(1)
    mirrored = points[[*range(16, -1, -1), *range(26, 16, -1)]] * (-1, 1)
    assert np.allclose(mirrored, points[:27], atol=1e-9)


def test_every_unit_moves_the_face_and_a_smile_moves_the_corners_out_and_up() -> None:
    moves = unit_moves()
    assert (np.abs(moves).sum(axis=(1, 2)) > 0).all()
    smile = moves[INTENSITIES.index(12)]
    assert smile[48, 0] < 0 < smile[54, 0]
    assert smile[48, 1] < 0


@pytest.mark.parametrize("emotion", list(SHOWN))
def test_the_pseudo_label_is_most_often_the_emotion_that_is_felt(emotion: str) -> None:
    found = [emotion_label(track) for track in many(emotion)]
    right = EMOTIONS.index(SHOWN[emotion])
    assert np.mean([label == right for label in found if label != UNLABELLED]) > 0.5


def test_a_neutral_face_is_most_often_neutral() -> None:
    found = [emotion_label(track) for track in many("neutral")]
    assert np.mean([label == 0 for label in found if label != UNLABELLED]) > 0.8


def test_some_clips_have_no_face_and_frames_are_lost_with_nothing_in_them() -> None:
    tracks = many("happy", count=200)
    faceless = [track for track in tracks if not track.found.any()]
    assert 1 <= len(faceless) <= 25
    assert all(emotion_label(track) == UNLABELLED for track in faceless)
    lost = [track for track in tracks if 0 < track.seen() < 1]
    assert len(lost) > 20
    assert all((track.landmarks[~track.found] == 0).all() for track in lost)


def test_the_livelier_the_more_the_face_moves() -> None:
    calm, lively = ([facial_activation(t) for t in many("neutral", arousal)] for arousal in (-0.8, 0.8))
    assert np.nanmean(lively) > 1.3 * np.nanmean(calm)


def test_the_jaw_follows_the_voice() -> None:
    track = next(t for t in many("neutral") if t.seen() == 1)
    jaw = track.intensity[:, INTENSITIES.index(26)]
    speaking = np.sin(2 * np.pi * 2 * track.seconds) <= 0
    assert jaw[speaking].mean() > jaw[~speaking].mean() + 0.5
    assert activity(track)[25] > 0.2
    assert track.presence.shape[1] == len(PRESENCES)


def test_tracks_repeat_and_differ_between_rows() -> None:
    drawn = DrawnTracks(SpeechDrawing(speakers=6, sentences=2))
    first, again, other = drawn(0, wave()), drawn(0, wave()), drawn(1, wave())
    assert np.array_equal(first.landmarks, again.landmarks)
    assert not np.array_equal(first.landmarks, other.landmarks)


def test_contempt_is_never_felt_by_simulated_speakers() -> None:
    assert set(SHOWN.values()) == set(EMFACS) - {"contempt"}
