"""A player carries its sound in the page."""

import base64
import io
import re

import numpy as np
import soundfile

from helpers.report.players import players


def test_the_sound_in_the_page_is_the_sound_and_small():
    time = np.arange(32_000) / 16_000
    tone = 0.1 * np.sin(2 * np.pi * 440 * time)
    shown = players([("A & B", tone)])
    page = shown._repr_html_()
    assert "A &amp; B" in page
    assert "http" not in page
    coded = re.search(r'base64,([^"]+)"', page)[1]
    assert len(coded) < 30_000
    heard, rate = soundfile.read(io.BytesIO(base64.b64decode(coded)))
    assert rate == 16_000
    assert len(heard) == len(tone)
    assert 0.8 < np.abs(heard).max() <= 1
    assert np.corrcoef(heard, tone)[0, 1] > 0.98
    assert repr(shown) == "A & B (2.0 s of sound)"
