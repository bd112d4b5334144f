"""What the words of a command line become."""

import types
from pathlib import Path

import pytest

import helpers.cli_runs
from helpers.cli_runs import crowded, fitting_workers
from helpers.errors import StudyError
from helpers.runs.planning import plan, read_pair, read_parameters, read_seeds


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("0-4", [0, 1, 2, 3, 4]), ("0,2,5", [0, 2, 5]), ("7", [7]), ("0-2, 5", [0, 1, 2, 5]), ("1,1-2", [1, 2])],
)
def test_seeds_are_read_as_ranges_and_lists(text: str, seeds: list[int]) -> None:
    assert read_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "4-0", "-1", "1-", "0.5", "1,,2", "0-99999999"])
def test_other_seeds_are_refused(text: str) -> None:
    with pytest.raises(StudyError, match="--seeds: "):
        read_seeds(text)


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("a=3", 3),
        ("a=0.5", 0.5),
        ("a=[0, 1]", [0, 1]),
        ("a=x=y", "x=y"),
        ("a=true", True),
        ("a=", None),
        (" a = b", "b"),
    ],
)
def test_a_pair_is_a_key_and_a_yaml_value(pair: str, value: object) -> None:
    assert read_pair(pair) == ("a", value)


@pytest.mark.parametrize("pair", ["a", "=3", "a={", "a='"])
def test_other_pairs_are_refused(pair: str) -> None:
    with pytest.raises(StudyError, match="-p: "):
        read_pair(pair)


def test_an_empty_file_of_parameters_is_no_parameters(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("# nothing\n")
    assert read_parameters(tmp_path / "a.yaml") == {}


@pytest.mark.parametrize(
    "text", ["!!python/object/apply:os.system [ls]", "a: 1\na: 2", "[1]", "3: 4", "a: &x [*x]\nb: *y"]
)
def test_a_file_that_is_not_plain_parameters_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(StudyError, match=r"a\.yaml: "):
        read_parameters(tmp_path / "a.yaml")


def test_beside_others_a_run_has_one_worker_more_time_and_the_same_identity() -> None:
    alone, beside = plan("survformer"), plan("survformer", beside_others=True)
    assert (alone.parameters.workers, beside.parameters.workers) == (2, 1)
    assert beside.identity == alone.identity
    assert beside.minutes == 2 * alone.minutes
    chosen = plan("survformer", pairs=["workers=3"], beside_others=True)
    assert (chosen.parameters.workers, chosen.minutes) == (3, alone.minutes)
    assert plan("survformer", minutes=5, beside_others=True).minutes == 5


@pytest.mark.parametrize(("cores", "several", "at_once"), [(1, True, 1), (2, True, 1), (3, True, 1), (4, False, 2)])
def test_runs_are_crowded_where_they_ask_for_more_cores_than_there_are(
    cores: int, several: bool, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [plan("survformer", pairs=["workers=2"])] * 2
    monkeypatch.setattr(helpers.cli_runs.os, "cpu_count", lambda: cores)
    assert crowded(runs) is several
    assert not crowded(runs[:1])
    assert fitting_workers(runs) == at_once


def test_no_more_runs_are_side_by_side_than_the_memory_carries(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [plan("survformer", pairs=["workers=1"])] * 8
    monkeypatch.setattr(helpers.cli_runs.os, "cpu_count", lambda: 8)
    for free, at_once in ((1, 1), (7, 3), (64, 8)):
        monkeypatch.setattr("psutil.virtual_memory", lambda free=free: types.SimpleNamespace(available=free * 2**30))
        assert fitting_workers(runs) == at_once
