"""The diagnosis figure: phones that are said close together stay readable, and in their order."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.studies.mispronunciation.diagnosis import apart


@pytest.mark.parametrize("at", [[0.0, 0.01, 0.5, 0.51, 0.52, 2.0], [1.97, 1.98, 1.99], [1.0] * 30, [], [0.7]])
def test_phones_are_a_box_apart_and_within_the_utterance(at: list[float]) -> None:
    places = np.array(apart(at, 0.06, 2.0))
    assert (np.diff(places) >= 0.06 - 1e-9).all()
    assert ((places >= -1e-9) & (places <= 2.0 + 1e-9)).all()


def test_phones_that_have_room_stay_where_they_are() -> None:
    at = [0.1, 0.3, 0.36, 1.9]
    assert apart(at, 0.06, 2.0) == pytest.approx(at)


def test_more_phones_than_there_is_room_for_share_it_evenly() -> None:
    assert np.diff(apart([1.0] * 50, 0.06, 2.0)) == pytest.approx(2.0 / 49)
