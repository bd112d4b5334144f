"""The panel: each step of its sliders is a step of the clips, and at its start it shows the run's own pairs."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.studies.study import Study
from helpers.studies.video_siamese import explore
from helpers.studies.video_siamese.explore import panel
from helpers.studies.video_siamese.steps import mined, settings_of


def test_a_step_of_near_or_far_changes_the_pairs_and_the_start_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    study = Study("video_siamese", people=6, videos_each=2, video_seconds=8.0, pairs=60, frame_size=16)
    caught = {}
    monkeypatch.setattr(explore, "explore", lambda draw, alt, **controls: caught.update(controls))
    panel(study)
    near, far = caught["near"], caught["far"]

    def pairs(near_seconds: float, far_seconds: float) -> np.ndarray:
        settings = {**settings_of(study), "near_seconds": near_seconds, "far_seconds": far_seconds}
        found = mined(settings, 0)
        return np.stack([found.first, found.second])

    own = pairs(study.parameters.near_seconds, study.parameters.far_seconds)
    assert np.array_equal(pairs(near.start, far.start), own)
    assert not np.array_equal(pairs(near.start + near.step, far.start), own)
    assert not np.array_equal(pairs(near.start, far.start + far.step), own)
    for slider in (near, far):
        assert slider.low <= slider.start <= slider.high
