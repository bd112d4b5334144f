"""The explore panel: live where somebody watches, a picture where nobody does."""

import pytest

from helpers.errors import StudyError
from helpers.report.explore import Choice, Slider, Toggle, explore
from helpers.report.style import new_figure

CONTROLS = {
    "level": Slider("level", 0, 10, 1, 3),
    "kind": Choice("kind", ("a", "b"), "a"),
    "dots": Toggle("dots", False),
}


def _draw(level: int, kind: str, dots: bool) -> object:
    if level == 9:
        raise StudyError("level 9 is <empty>")
    figure, axes = new_figure(height=1.0, width=2.0)
    axes.plot([0, level], marker="o" if dots else None, label=kind)
    return figure


def test_without_a_front_end_the_panel_is_the_picture_at_the_start_values() -> None:
    shown = explore(_draw, "a line", **CONTROLS)
    assert shown.data.startswith(b"\x89PNG")
    assert shown.alt == "a line"


def test_moving_a_slider_changes_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "x.ipynb")
    panel = explore(_draw, 'a "line"', **CONTROLS)
    slider, shown = panel.children[0], panel.children[-1]
    before = shown.value
    slider.value = 7
    assert shown.value != before
    assert 'alt="a &quot;line&quot;"' in shown.value


def test_what_cannot_be_drawn_is_said_in_place_of_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "x.ipynb")
    panel = explore(_draw, "a line", **CONTROLS)
    panel.children[0].value = 9
    assert panel.children[-1].value == "<p>level 9 is &lt;empty&gt;</p>"
