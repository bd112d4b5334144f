"""The benchmark of sound runs, at a size that says nothing about time."""

from tests.benchmarks.sound import TARGET, run


def test_the_benchmark_runs_at_toy_size() -> None:
    rows = run(clips=2, seconds=0.2, rounds=1)
    assert [row.unit for row in rows] == ["s of sound/s", "×"] * 3
    assert all(row.ours > 0 and row.theirs > 0 for row in rows)
    assert [row.target for row in rows if row.unit == "×"] == [TARGET] * 3
