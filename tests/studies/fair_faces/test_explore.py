"""The panel: the threshold is drawn, and each group's share of copies above it is counted."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from helpers.report.explore import Slider
from helpers.studies.fair_faces import explore
from helpers.studies.fair_faces.steps import Curated
from helpers.studies.study import Study


@pytest.fixture
def caught(monkeypatch: pytest.MonkeyPatch) -> dict:
    """What the panel was made of: ``draw`` and the controls."""
    pool = pd.DataFrame({"kind": ["copy"] * 4 + ["web"], "group": ["light", "light", "dark", "dark", "dark"]})
    monkeypatch.setattr(explore, "pool_of", lambda settings, seed: SimpleNamespace(table=pool))
    monkeypatch.setattr(explore, "open_faces", lambda settings: None)
    monkeypatch.setattr(explore, "groups_ranked", lambda faces: ["light", "dark"])
    found: dict = {}
    monkeypatch.setattr(explore, "explore", lambda draw, alt, **controls: found.update(controls, draw=draw))
    likeness = {"copies": torch.tensor([0.99, 0.95, 0.9, 0.7]), "distinct": torch.linspace(-0.5, 0.89, 1000)}
    explore.explore_duplicates(
        Study("fair_faces"), Curated({0: {"likeness": likeness, "threshold": 0.884}}, {0: ""}, {})
    )
    return found


@pytest.mark.parametrize(("threshold", "shares"), [(0.5, [100, 100]), (0.92, [100, 0]), (0.8, [100, 50])])
def test_each_groups_bar_is_its_share_of_copies_above_the_threshold(caught, threshold, shares):
    figure = caught["draw"](threshold)
    assert [bar.get_height() for bar in figure.axes[1].patches] == pytest.approx(shares)
    assert any(line.get_xdata()[0] == threshold for line in figure.axes[0].lines)


def test_the_slider_starts_at_the_threshold_the_curation_used(caught):
    slider = caught["threshold"]
    assert isinstance(slider, Slider)
    assert slider.start == pytest.approx(0.884, abs=slider.step / 2)


def test_nothing_is_written_beyond_the_figure(caught):
    figure = caught["draw"](0.9)
    figure.draw_without_rendering()
    for axis in figure.axes:
        for text in (axis.yaxis.label, axis.title):
            box = text.get_window_extent()
            assert figure.bbox.y0 <= box.y0
            assert box.y1 <= figure.bbox.y1
