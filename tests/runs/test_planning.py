"""What the words of a command line become."""

from pathlib import Path

import pytest

from helpers.errors import StudyError
from helpers.runs.planning import read_pair, read_parameters, read_seeds


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
