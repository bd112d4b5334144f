"""The benchmark of whole slides runs, at a size that says nothing about time."""

from tests.benchmarks.__main__ import groups
from tests.benchmarks.slides import ALLOWED, run


def test_the_benchmark_of_slides_runs_at_toy_size():
    rows = run(side=1100, plain=300)
    assert [row.unit for row in rows] == ["tiles/s", "MiB", "MiB"]
    assert rows[0].ours > 0
    assert rows[0].theirs > 0
    assert 0 < rows[1].theirs < ALLOWED
    assert "slides" in groups()
