"""The card of the study refuses what cannot be run, in one line."""

import pytest
import yaml

from helpers.errors import StudyError
from helpers.places import ROOT
from helpers.studies.survformer.about import CARD, SurvFormerParameters


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"epochs": -1}, "epochs"),
        ({"learning_rat": 1}, "did you mean learning_rate"),
        ({"missing_fractions": [0.0, 1.0]}, "in \\[0, 1\\)"),
        ({"missing_fractions": [0.3]}, "must hold 0"),
        ({"missing_fractions": [0.0, 0.5]}, "must hold 0.3"),
        ({"missing_fractions": [0.0, 0.3, 0.3]}, "twice"),
        ({"variants": ["scratch"]}, "'both' is needed"),
        ({"variants": ["scratch", "both", "bert"]}, "'bert' is unknown"),
        ({"baselines": ["Cox"]}, "'Kaplan-Meier' is needed"),
        ({"folds": 3, "folds_run": 4}, "at most folds"),
        ({"width": 30, "heads": 4}, "multiple of heads"),
        ({"corpus": "titanic"}, "allowed: flchain"),
    ],
)
def test_an_impossible_parameter_is_one_clear_line(given: dict, words: str) -> None:
    with pytest.raises(StudyError, match=words) as caught:
        CARD.validated(given)
    assert "\n" not in str(caught.value)


def test_a_corpus_by_file_asks_for_data_root() -> None:
    for corpus in ("metabric", "support", "manifest"):
        with pytest.raises(StudyError, match="data_root"):
            CARD.data_sources(SurvFormerParameters(corpus=corpus))


@pytest.mark.parametrize("scale", ["quick", "standard", "paper"])
def test_parameter_files_are_valid_and_say_what_they_cost(scale: str) -> None:
    path = ROOT / "params" / "survformer" / f"{scale}.yaml"
    text = path.read_text()
    parameters = CARD.validated(yaml.safe_load(text), where=path.name)
    assert parameters.scale == scale
    assert "Cost:" in text
    assert "reach" in text.lower()


def test_defaults_are_quick_s() -> None:
    quick = yaml.safe_load((ROOT / "params" / "survformer" / "quick.yaml").read_text())
    assert SurvFormerParameters(**quick) == SurvFormerParameters()
