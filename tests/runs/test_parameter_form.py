"""A study's form has a control for each parameter, and gives back what it was filled with."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import ipywidgets
import pytest
from pydantic import Field

from helpers.errors import StudyError
from helpers.places import params_path
from helpers.runs.parameter_form import ParameterForm
from helpers.runs.planning import read_parameters
from helpers.studies.card import StudyCard, StudyParameters
from helpers.studies.catalogue import study_card, study_names
from tests.stub_study.about import CARD, data_sources


class _Parameters(StudyParameters):
    corpus: str = Field("coins", description="coins <or> folder")
    throws: int = Field(100, ge=1, le=1000, description="throws, 1 to 1000")
    rate: float = Field(0.1, gt=0, description="> 0")
    fair: bool = Field(True, description="whether the coin is fair")
    side: Literal["heads", "tails"] = Field("heads", description="what counts")
    sides: list[Literal["heads", "tails", "edge"]] = Field(["tails", "heads"], description="what is counted")
    shares: list[Annotated[float, Field(gt=0, le=1)]] = Field([0.5, 1e-05], description="shares in (0, 1]")
    names: list[str] = Field(["a, b", "no"], description="names")
    most: int | None = Field(None, description="at most; none for all")
    note: str = Field("", description="any words")


_CARD = StudyCard(
    name="typed", title="T", paper=CARD.paper, claims=CARD.claims, corpora=CARD.corpora, cost={},
    parameters=_Parameters, data_sources=data_sources, minutes={},
)  # fmt: skip


def _form(changes: list[int] | None = None) -> ParameterForm:
    form = ParameterForm(_CARD, lambda: changes.append(1) if changes is not None else None)
    form.fill(_Parameters().model_dump())
    return form


def test_each_type_has_a_control_that_suits_it() -> None:
    kinds = {name: type(control) for name, control in _form().controls.items()}
    assert kinds == {
        "corpus": ipywidgets.Dropdown, "data_root": ipywidgets.Text, "seeds": ipywidgets.Text,
        "threads": ipywidgets.IntText, "workers": ipywidgets.IntText, "device": ipywidgets.Dropdown,
        "throws": ipywidgets.IntText, "rate": ipywidgets.FloatText, "fair": ipywidgets.Checkbox,
        "side": ipywidgets.Dropdown, "sides": ipywidgets.SelectMultiple, "shares": ipywidgets.Text,
        "names": ipywidgets.Text, "most": ipywidgets.Text, "note": ipywidgets.Text,
    }  # fmt: skip
    controls = _form().controls
    assert controls["corpus"].options == ("coins", "folder")
    assert controls["device"].options == ("cpu", "cuda", "auto")
    assert controls["seeds"].value == "0"


def test_what_it_was_filled_with_comes_back() -> None:
    wanted = _Parameters(
        seeds=[3, 1], rate=1e-5, fair=False, side="tails", sides=["edge", "heads"], shares=[1.0, 3e-4],
        names=["x: y", "1"], most=7, note="a: b # c",
    )  # fmt: skip
    form = _form()
    form.fill(wanted.model_dump())
    assert _CARD.validated(form.values()) == wanted


@pytest.mark.parametrize("study", study_names())
@pytest.mark.parametrize("scale", ["quick", "standard", "paper"])
def test_every_studys_parameter_files_pass_through_its_form_unchanged(study: str, scale: str) -> None:
    card = study_card(study)
    wanted = card.validated({"scale": scale, **read_parameters(params_path(study, scale))})
    form = ParameterForm(card, lambda: None)
    form.fill(wanted.model_dump())
    assert card.validated({"scale": scale, **form.values()}) == wanted


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [
        ("throws", 0, "form: throws: Input should be greater than or equal to 1, not 0; throws is throws, 1 to 1000"),
        ("shares", "0.5, x", "form: shares.1: Input should be a valid number"),
        ("shares", "0.5, [", "form: shares: Input should be a valid list"),
        ("seeds", "1, 1", "form: seeds: a seed stands twice"),
        ("most", "few", "form: most: Input should be a valid integer"),
    ],
)
def test_a_wrong_value_is_the_one_line_that_the_card_gives(name: str, typed: Any, said: str) -> None:
    form = _form()
    form.controls[name].value = typed
    with pytest.raises(StudyError) as caught:
        _CARD.validated(form.values(), where="form")
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_a_change_is_told_once_and_filling_the_form_once_in_all() -> None:
    changes: list[int] = []
    form = _form(changes)
    assert len(changes) == 1
    form.controls["throws"].value = 7
    assert len(changes) == 2


def test_descriptions_are_escaped() -> None:
    told = [line.children[1].value for line in _form().widget.children]
    assert any("coins &lt;or&gt; folder" in words for words in told)
