"""Parameters that cannot be are refused in one line that says where, which, and what is allowed."""

from typing import Any

import pytest

from helpers.errors import StudyError
from tests.stub_study.about import CARD


def test_defaults_are_those_of_a_quick_run() -> None:
    parameters = CARD.validated({})
    assert (parameters.scale, parameters.seeds, parameters.device) == ("quick", [0], "cpu")


@pytest.mark.parametrize("value", ["1e-3", 1e-3, "0.001"])
def test_a_number_written_as_yaml_text_is_the_number(value: Any) -> None:
    assert CARD.validated({"lr": value}).lr == 0.001  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"thorws": 3}, "x.yaml: thorws: stub has no such parameter; did you mean throws?"),
        ({"zzz": 3}, "x.yaml: zzz: stub has no such parameter; allowed: scale, corpus, data_root"),
        ({"throws": "many"}, r"x.yaml: throws: .*integer.*, not 'many'; throws is throws a seed, 1 to 10\^6"),
        ({"throws": 2.5}, "x.yaml: throws: .*, not 2.5"),
        ({"throws": 0}, "x.yaml: throws: .*greater than or equal to 1, not 0"),
        ({"throws": None}, "x.yaml: throws: .*, not None"),
        ({"lr": "nan"}, "x.yaml: lr: .*finite"),
        ({"lr": "inf"}, "x.yaml: lr: .*finite"),
        ({"seeds": []}, "x.yaml: seeds: .*at least 1 item"),
        ({"seeds": [0, "a"]}, "x.yaml: seeds.1: .*integer"),
        ({"seeds": [-1]}, "x.yaml: seeds.0: .*greater than or equal to 0"),
        ({"seeds": [1, 2, 1]}, "x.yaml: seeds: a seed stands twice"),
        ({"scale": "huge"}, "x.yaml: scale: .*quick, standard or paper"),
        ({"corpus": "dice"}, "x.yaml: corpus: 'dice' is unknown; allowed: coins, folder"),
        ({"device": "tpu"}, "x.yaml: device: .*cpu, cuda or auto"),
        ({"throws": 0, "lr": -1}, r"x.yaml: throws: .* \(and 1 more\)"),
        ({3: 4}, "x.yaml: "),
    ],
)
def test_impossible_parameters_are_one_line(values: dict[Any, Any], said: str) -> None:
    with pytest.raises(StudyError, match=f"^{said}") as caught:
        CARD.validated(values, where="x.yaml")
    assert "\n" not in str(caught.value)


def test_what_cannot_change_a_number_is_not_among_what_affects_results() -> None:
    one = CARD.validated({"data_root": "/a", "workers": 1, "pause": 1.0})
    two = CARD.validated({"data_root": "/b", "workers": 4})
    assert one.affecting_results() == two.affecting_results()
    assert {"seeds", "throws", "lr", "threads", "device"} <= set(one.affecting_results())


def test_a_card_finds_its_claims_and_corpora() -> None:
    assert CARD.claim("memory").metric == "share of heads"
    assert CARD.corpus("coins").simulated
    assert CARD.paper.citation() == "Stub et al., A coin has no memory, Journal of Stubs 1713"
