"""A panel of controls that redraws one picture; without a front end, the picture alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from helpers.errors import StudyError
from helpers.progress import front_end_attached
from helpers.report.style import picture, png

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Slider:
    """A number to slide over, from ``low`` to ``high`` in steps; whole numbers where ``step`` is an int."""

    label: str
    low: float
    high: float
    step: float
    start: float


@dataclass(frozen=True)
class Choice:
    """One of several named options."""

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
    made = {name: _widget(control) for name, control in controls.items()}

    def redraw(_change: Any = None) -> None:
        try:
            drawn = png(draw(**{name: widget.value for name, widget in made.items()}))
        except StudyError as error:
            shown.value = f"<p>{html.escape(str(error))}</p>"
            return
        shown.value = f'<img alt="{html.escape(alt, quote=True)}" src="{_data_uri(drawn)}" style="max-width:100%">'

    for widget in made.values():
        widget.observe(redraw, names="value")
    redraw()
    return ipywidgets.VBox([*made.values(), shown])


def _widget(control: Control) -> Any:
    import ipywidgets

    wide = {"style": {"description_width": "14em"}, "layout": {"width": "36em"}}
    if isinstance(control, Slider):
        whole = all(isinstance(number, int) for number in (control.low, control.high, control.step, control.start))
        kind = ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
        return kind(value=control.start, min=control.low, max=control.high, step=control.step,
                    description=control.label, continuous_update=False, **wide)  # fmt: skip
    if isinstance(control, Choice):
        return ipywidgets.Dropdown(
            options=list(control.options), value=control.start, description=control.label, **wide
        )
    return ipywidgets.Checkbox(value=control.start, description=control.label, **wide)


def _data_uri(drawn: bytes) -> str:
    import base64

    return "data:image/png;base64," + base64.b64encode(drawn).decode()
