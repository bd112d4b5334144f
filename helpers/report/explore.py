"""A panel of controls that redraws one picture; without a front end, the picture alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from helpers.errors import StudyError
from helpers.progress import front_end_attached
from helpers.report.style import picture, png

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Slider:
    """A number to slide over, from ``low`` to ``high`` in steps; whole numbers where ``step`` is an int.

    Attributes:
        high_by: another control's name and, for each of its values, this slider's high end; ``high`` is its start's.
    """

    label: str
    low: float
    high: float
    step: float
    start: float
    high_by: tuple[str, Mapping[Any, float]] | None = None


@dataclass(frozen=True)
class Choice:
    """One of several options: each its own name, or a pair of name and value."""

    label: str
    options: Sequence[Any]
    start: Any


@dataclass(frozen=True)
class Toggle:
    """Yes or no."""

    label: str
    start: bool


Control = Slider | Choice | Toggle


def explore(draw: Callable[..., Figure], alt: str, **controls: Control) -> Any:
    """Show ``draw(**values)`` under the controls that set the values.

    Args:
        draw: returns a figure in the house style; called with one argument a control. A :class:`StudyError` that it
            raises is shown as a line in place of the picture.
        alt: what the picture shows, in one sentence.
        controls: argument name -> control.

    Returns:
        A widget where a front end is attached to the kernel, else the picture at the controls' start values.
    """
    start = {name: control.start for name, control in controls.items()}
    if not front_end_attached():
        return picture(png(draw(**start)), alt)
    return _panel(draw, alt, controls)


def _panel(draw: Callable[..., Figure], alt: str, controls: dict[str, Control]) -> Any:
    import html

    import ipywidgets

    shown = ipywidgets.HTML()
    longest = max(len(control.label) for control in controls.values())
    made = {name: _widget(control, longest) for name, control in controls.items()}

    def redraw(_change: Any = None) -> None:
        try:
            figure = draw(**{name: widget.value for name, widget in made.items()})
            drawn = png(_magnified(figure))
        except StudyError as error:
            shown.value = f"<p>{html.escape(str(error))}</p>"
            return
        shown.value = f'<img alt="{html.escape(alt, quote=True)}" src="{_data_uri(drawn)}" style="max-width:100%">'

    for name, control in controls.items():
        if isinstance(control, Slider) and control.high_by:
            _follow(made[name], made[control.high_by[0]], control.high_by[1])
    for widget in made.values():
        widget.observe(redraw, names="value")
    redraw()
    return ipywidgets.VBox([*made.values(), shown])


def _follow(slider: Any, other: Any, highs: Mapping[Any, float]) -> None:
    """Give a slider the high end that goes with another control's value, whenever that changes."""

    def fit(change: Any) -> None:
        slider.max = highs[change["new"]]

    other.observe(fit, names="value")


def _magnified(figure: Figure) -> Figure:
    """A small figure up to twice as large, its letters as they are: only a committed notebook has to be lean."""
    width, height = figure.get_size_inches()
    factor = min(2.0, max(1.0, 6.4 / width))
    figure.set_size_inches(factor * width, factor * height)
    return figure


def _widget(control: Control, longest: int) -> Any:
    import ipywidgets

    label = max(14.0, 0.55 * longest)  # em; wide enough for the longest label of the panel, so that all end in line
    wide = {"style": {"description_width": f"{label:g}em"}, "layout": {"width": f"{label + 22:g}em"}}
    if isinstance(control, Slider):
        whole = all(isinstance(number, int) for number in (control.low, control.high, control.step, control.start))
        kind = ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
        digits = 0 if whole else max(2, -math.floor(math.log10(control.step)))  # so that a step shows in the number
        named = {"description": control.label, "readout_format": f".{digits}f"}
        return kind(value=control.start, min=control.low, max=control.high, step=control.step,
                    continuous_update=False, **named, **wide)  # fmt: skip
    if isinstance(control, Choice):
        return ipywidgets.Dropdown(
            options=list(control.options), value=control.start, description=control.label, **wide
        )
    return ipywidgets.Checkbox(value=control.start, description=control.label, **wide)


def _data_uri(drawn: bytes) -> str:
    import base64

    return "data:image/png;base64," + base64.b64encode(drawn).decode()
