"""The benchmark of images runs, at a size that says nothing about time."""

import pytest

from tests.benchmarks.__main__ import groups, main
from tests.benchmarks.images import Step, run
from tests.benchmarks.timing import Row, table


def test_the_benchmark_runs_at_toy_size():
    steps = (Step("small", 20, 4, 1.0, counted=1), Step("small", 20, 4, None, share_of_peak=0.5, counted=1))
    rows = run(views=((16, 4, 1.0),), steps=steps, rounds=1, counted=1, workers=0)
    assert [row.unit for row in rows] == ["images/s", "steps/s", "images/s", "images/s", "GFLOP/s"]
    assert all(row.ours > 0 and row.theirs > 0 for row in rows)


def test_the_table_says_which_targets_are_reached():
    lines = table([Row("fast", "images/s", 30.0, 10.0, 2.0), Row("slow", "images/s", 10.0, 10.0, 2.0)]).splitlines()
    assert lines[1].endswith("reached")
    assert "3.00" in lines[1]
    assert lines[2].endswith("missed")


def test_an_unknown_group_is_one_clear_line(capsys: pytest.CaptureFixture[str]):
    assert main(["imags"]) == 2
    assert "images" in capsys.readouterr().out
    assert "images" in groups()
