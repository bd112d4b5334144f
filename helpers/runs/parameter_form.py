"""A form for a study's parameters, made from their types."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

import ipywidgets
import yaml

from helpers.studies.card import StudyCard

_ONE_OF = re.compile(r"\^\((\w+(?:\|\w+)+)\)\$")  # a pattern that is a choice of words
_WIDE = {"style": {"description_width": "13em"}, "layout": {"width": "30em"}}


@dataclass(frozen=True)
class _Field:
    """A control, and how its state becomes a parameter's value and back."""

    control: Any
    read: Callable[[], Any]
    write: Callable[[Any], None]


class ParameterForm:
    """Controls for all parameters of a study but its scale.

    Args:
        card: of the study.
        on_change: called after a control was changed by a person or by :meth:`fill`.

    Attributes:
        widget: the form.
        controls: parameter -> its control.
    """

    def __init__(self, card: StudyCard, on_change: Callable[[], None]) -> None:
        self._on_change, self._filling = on_change, False
        self._fields: dict[str, _Field] = {}
        lines = []
        for name, field in card.parameters.model_fields.items():
            if name == "scale":
                continue
            options = [option.name for option in card.corpora] if name == "corpus" else _words(field)
            made = _field(name, field.annotation, options)
            made.control.observe(self._changed, names="value")
            self._fields[name] = made
            words = html.escape(field.description or "")
            told = ipywidgets.HTML(f'<span style="opacity:.75">{words}</span>', layout={"flex": "1 1 14em"})
            lines.append(ipywidgets.HBox([made.control, told], layout={"flex_flow": "row wrap"}))
        self.widget = ipywidgets.VBox(lines)
        self.controls = {name: field.control for name, field in self._fields.items()}

    def values(self) -> dict[str, Any]:
        """Plain values by parameter, as a YAML file would give them; not validated."""
        return {name: field.read() for name, field in self._fields.items()}

    def fill(self, values: Mapping[str, Any]) -> None:
        """Set the controls; a parameter that is not named keeps its value."""
        self._filling = True
        try:
            for name, value in values.items():
                if name in self._fields:
                    self._fields[name].write(value)
        finally:
            self._filling = False
        self._on_change()

    def lock(self, locked: bool) -> None:
        """Keep the controls from being changed while a run is under way."""
        for field in self._fields.values():
            field.control.disabled = locked

    def _changed(self, _change: Any) -> None:
        if not self._filling:
            self._on_change()


def _words(field: Any) -> list[str]:
    """The words that a text must be one of; empty where it may be any."""
    patterns = [getattr(limit, "pattern", None) for limit in field.metadata]
    found = next((_ONE_OF.fullmatch(str(pattern)) for pattern in patterns if pattern), None)
    return found[1].split("|") if found else []


def _field(name: str, kind: Any, words: Sequence[str]) -> _Field:
    kind = _plain(kind)
    if get_origin(kind) is Literal:
        words = list(get_args(kind))
    if words:
        return _as_it_is(ipywidgets.Dropdown(options=list(words), description=name, **_WIDE))
    if kind is bool:
        return _as_it_is(ipywidgets.Checkbox(description=name, indent=True, **_WIDE))
    if kind is int:
        return _as_it_is(ipywidgets.IntText(description=name, **_WIDE))
    if kind is float:
        return _as_it_is(ipywidgets.FloatText(description=name, **_WIDE))
    text = ipywidgets.Text(description=name, **_WIDE)
    if kind is str:
        return _as_it_is(text)
    if get_origin(kind) is list:
        inside = _plain(get_args(kind)[0])
        return _several(name, list(get_args(inside))) if get_origin(inside) is Literal else _list(text)
    return _Field(text, lambda: _yaml(text.value), lambda value: setattr(text, "value", _flow(value)))


def _plain(kind: Any) -> Any:
    """A type without its annotations."""
    return _plain(get_args(kind)[0]) if get_origin(kind) is Annotated else kind


def _as_it_is(control: Any) -> _Field:
    return _Field(control, lambda: control.value, lambda value: setattr(control, "value", value))


def _several(name: str, options: list[Any]) -> _Field:
    """Several of a few; in the order in which the form was filled, and what was not among those after them."""
    control = ipywidgets.SelectMultiple(options=options, rows=len(options), description=name, **_WIDE)
    order = list(options)

    def write(value: Any) -> None:
        order[:] = [*value, *(option for option in options if option not in value)]
        control.value = tuple(value)

    return _Field(control, lambda: sorted(control.value, key=order.index), write)


def _list(text: Any) -> _Field:
    """A list as text, its values between commas."""
    return _Field(
        text, lambda: _yaml(f"[{text.value}]"), lambda value: setattr(text, "value", _flow(list(value))[1:-1])
    )


def _yaml(text: str) -> Any:
    """What YAML makes of a text; the text itself where it is none, which the validation then refuses."""
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return text


def _flow(value: Any) -> str:
    """A value as YAML on one line."""
    return yaml.safe_dump(value, default_flow_style=True, width=10**6).removesuffix("\n...\n").strip()
