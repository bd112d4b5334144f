"""Expected times: as such runs took before, else as the card says, on the cores that the run has."""

import json
from pathlib import Path

import pytest

from helpers.runs.estimate import Estimate, estimates, stated_seconds, total_seconds
from helpers.runs.planning import plan
from helpers.studies.catalogue import study_card
from tests.runs.laid_runs import lay_run


@pytest.mark.parametrize(
    ("cost", "cores", "seconds"),
    [
        ("~40 s on 2 CPU cores", 2, 40),
        ("~40 s on 2 CPU cores", 1, 80),
        ("~40 s on 2 CPU cores", 8, 40),
        ("~8 min on 2 CPU cores (FLCHAIN)", 1, 960),
        ("~1.5 h on one GPU", 1, 5400),
        ("~60 GPU-hours for STL-10, 5 seeds", 4, 216_000),
        ("who knows", 1, None),
    ],
)
def test_the_cards_words_are_read_as_seconds(cost: str, cores: int, seconds: float | None) -> None:
    assert stated_seconds(cost, cores) == seconds


def test_without_past_runs_the_card_is_asked() -> None:
    run = plan("survformer", pairs=["workers=2"])
    (found,) = estimates([run])
    assert found == Estimate(stated_seconds(study_card("survformer").cost["quick"], 2), "the card")


def test_past_runs_on_the_same_corpus_with_as_many_seeds_count_before_others(outputs: Path) -> None:
    told = {"study": "survformer", "scale": "quick"}
    past = (
        ("a", "flchain", [0], 10.0),
        ("b", "flchain", [7], 30.0),
        ("c", "flchain", [0, 1], 100.0),
        ("d", "gbsg2", [0], 7.0),
    )
    for name, corpus, seeds, seconds in past:
        lay_run(outputs, name, **told, corpus=corpus, seeds=seeds, wall_seconds=seconds)
    lay_run(outputs, "e", **{**told, "scale": "standard"}, corpus="flchain", wall_seconds=999.0)
    runs = [plan("survformer", pairs=["workers=1", *pairs]) for pairs in ([], ["corpus=gbsg2"], ["corpus=whas500"])]
    found = estimates(runs)
    assert found[:2] == [Estimate(20.0, "2 past runs"), Estimate(7.0, "1 past run")]
    assert found[2] == Estimate(20.0, "4 past runs")  # of any corpus, none being the same


def test_a_run_on_half_the_cores_is_expected_to_take_twice_as_long(outputs: Path) -> None:
    folder = lay_run(outputs, "a", study="survformer", scale="quick", corpus="flchain", seeds=[0], workers=2)
    assert json.loads((folder / "provenance.json").read_text())["workers"] == 2
    runs = [plan("survformer", pairs=[f"workers={workers}"]) for workers in (1, 2, 4)]
    assert [one.seconds for one in estimates(runs)] == [6.0, 3.0, 3.0]


def test_damaged_runs_are_passed_over(outputs: Path) -> None:
    (lay_run(outputs, "a", study="survformer") / "verdict.json").write_text("{}")
    assert estimates([plan("survformer")])[0].source == "the card"


def test_the_sum_is_shared_among_the_workers_but_no_less_than_the_longest() -> None:
    found = [Estimate(seconds, "") for seconds in (10.0, 20.0, 60.0)]
    assert [total_seconds(found, workers) for workers in (1, 2, 9)] == [90.0, 60.0, 60.0]
    assert total_seconds([*found, Estimate(None, "the card")], 2) is None
    assert total_seconds([], 2) == 0.0
