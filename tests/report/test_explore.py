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


def test_the_longest_label_has_room_and_all_end_in_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "x.ipynb")
    long = "a label that is longer than a control's usual label"
    panel = explore(
        lambda **_: _draw(1, "a", False), "a line", level=Slider("level", 0, 1, 1, 0), more=Toggle(long, True)
    )
    widths = {control.style.description_width for control in panel.children[:-1]}
    assert len(widths) == 1
    assert float(widths.pop().removesuffix("em")) >= 0.5 * len(long)  # a letter is about half an em wide


def test_a_slider_ends_where_the_other_controls_value_lets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "x.ipynb")
    ends = {"a": 3, "b": 8}
    seen = []

    def draw(kind: str, level: int) -> object:
        seen.append((kind, level))
        return _draw(level, kind, False)

    panel = explore(draw, "a line", kind=CONTROLS["kind"], level=Slider("level", 0, ends["a"], 1, 3, ("kind", ends)))
    kind, level = panel.children[:2]
    kind.value = "b"
    assert level.max == 8
    level.value = 8
    kind.value = "a"
    assert (level.max, level.value) == (3, 3)
    assert all(shown <= ends[which] for which, shown in seen)


def test_an_option_may_have_a_name_beside_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "x.ipynb")
    seen = []

    def draw(share: float) -> object:
        seen.append(share)
        return _draw(1, "a", False)

    panel = explore(draw, "a line", share=Choice("share", [("5 %", 0.05), ("all", 1.0)], 1.0))
    panel.children[0].label = "5 %"
    assert seen == [1.0, 0.05]


def test_a_live_picture_of_a_small_figure_is_magnified(monkeypatch: pytest.MonkeyPatch) -> None:
    import base64
    import io

    from PIL import Image

    static = explore(_draw, "a line", **CONTROLS).data
    monkeypatch.setenv("JPY_SESSION_NAME", "x.ipynb")
    shown = explore(_draw, "a line", **CONTROLS).children[-1].value
    live = base64.b64decode(shown.split("base64,")[1].split('"')[0])
    assert Image.open(io.BytesIO(live)).width == 2 * Image.open(io.BytesIO(static)).width


def test_a_sliders_number_shows_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "x.ipynb")
    sliders = {
        "a": Slider("a", 0.0, 1.0, 0.005, 0.5),
        "b": Slider("b", 0.0, 1.0, 0.1, 0.5),
        "c": Slider("c", 0, 9, 1, 5),
    }
    panel = explore(lambda **_: _draw(1, "a", False), "a line", **sliders)
    for slider, control in zip(panel.children[:-1], sliders.values(), strict=True):
        shown = {format(control.start + k * control.step, slider.readout_format) for k in range(4)}
        assert len(shown) == 4
