"""A run is found by what a person calls it, and never by a name that fits two."""

from pathlib import Path

import pytest

from helpers.errors import StudyError
from helpers.runs.lookup import find_run, last_two_runs, read_run
from tests.runs.laid_runs import lay_run


def test_an_identity_a_beginning_of_it_and_a_path_find_the_run(outputs: Path) -> None:
    run = lay_run(outputs, "abc123")
    lay_run(outputs, "ab9999")
    assert {find_run(name) for name in ("abc123", "abc", "ghost/abc", "ghost/abc123/", str(run))} == {run}


def test_a_whole_identity_wins_over_a_longer_one_that_it_begins(outputs: Path) -> None:
    run = lay_run(outputs, "abc")
    lay_run(outputs, "abcd")
    assert find_run("abc") == run


def test_a_name_that_fits_two_runs_or_none_is_refused(outputs: Path) -> None:
    lay_run(outputs, "abc")
    lay_run(outputs, "abd", study="spook")
    with pytest.raises(StudyError, match=r"'ab' begins the names of 2 runs: ghost/abc, spook/abd; say more"):
        find_run("ab")
    for name in ("zz", "", "ghost/abd", ".partial"):
        with pytest.raises(StudyError, match="no finished run is called"):
            find_run(name)


def test_runs_under_way_and_damaged_ones_are_not_found(outputs: Path) -> None:
    lay_run(outputs, ".partial-abc")
    (lay_run(outputs, "abc") / "results.parquet").write_bytes(b"PAR1...")
    with pytest.raises(StudyError, match="no finished run"):
        find_run("abc")


def test_the_last_two_runs_are_in_the_order_they_were_started(outputs: Path) -> None:
    first = lay_run(outputs, "z", started="2026-01-02T00:00:00+00:00")
    with pytest.raises(StudyError, match="ghost: it has 1 finished run; two are compared"):
        last_two_runs("ghost")
    second = lay_run(outputs, "a", started="2026-01-03T00:00:00+00:00")
    lay_run(outputs, "m", started="2026-01-01T00:00:00+00:00")
    assert last_two_runs("ghost") == (first, second)


def test_a_run_whose_files_are_of_another_shape_is_one_clear_line(outputs: Path) -> None:
    run = lay_run(outputs, "abc")
    (run / "params.yaml").write_text("[1")
    with pytest.raises(StudyError, match="the run's files are damaged"):
        read_run(run)
