"""The panels: every clip of an emotion can be reached, and labels are told from the median they are beside."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.studies.ser_pretext import explore, figures, speech, steps
from helpers.studies.study import Study
from tests.studies.ser_pretext.test_speech import tiny


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> Study:
    data = tiny(speakers=7, each=5)  # five clips a speaker: the first of four emotions twice
    monkeypatch.setattr(explore, "open_speech", lambda _settings: data)
    monkeypatch.setenv("JPY_SESSION_NAME", "notebook")
    return Study("ser_pretext")


def test_the_clip_slider_ends_at_the_emotions_last_clip(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    data, seen = explore.open_speech({}), []
    drawn = explore.clip_over_time
    monkeypatch.setattr(explore, "clip_over_time", lambda s, row, *more: (seen.append(row), drawn(s, row, *more))[1])
    emotion, clip, _picture = explore.explore_clip(study).children
    for name in ("happy", "sad"):
        mine = np.flatnonzero(data.classes == data.names.index(name))
        emotion.value = name
        assert (clip.min, clip.max) == (1, len(mine))
        clip.value = clip.max
        assert seen[-1] == mine[-1]
        clip.value = 1
        assert seen[-1] == mine[0]


def test_a_label_beside_its_median_shows_that_they_differ_and_no_label_shows_no_number() -> None:
    from matplotlib.figure import Figure

    axis = Figure().subplots()
    figures._say(axis, 0.5, 7.36, 7.41, "dB")
    figures._say(axis, 0.5, float("nan"), 7.41, "dB")
    assert [text.get_text() for text in axis.texts] == ["low (7.36 dB, median 7.41)", "unlabelled"]


def test_the_views_start_as_the_run_saw_them(study: Study) -> None:
    data = explore.open_speech({})
    settings = steps.settings_of(study)
    scale = speech.scaling(data, settings["standardise"], np.flatnonzero(data.classes >= 0))
    strength, _number, picture = explore.explore_views(study, 0, scale).children
    assert strength.value == settings["augmentation_strength"]
    before = picture.value
    strength.value = 0.0
    assert picture.value != before
