"""The benchmarks' groups run at a size that says nothing about time."""

import pytest

from tests.benchmarks import growth, loop, losses, probes, start, survival
from tests.benchmarks.timing import Row


def _sound(rows: list[Row]) -> None:
    assert rows
    assert all(row.ours > 0 and row.theirs > 0 for row in rows)


def test_losses_run_at_toy_size() -> None:
    rows = losses.run(batches=(8,), rounds=1, repeats=1)
    assert len(rows) == 6
    _sound(rows)


def test_probes_run_at_toy_size() -> None:
    rows = probes.run(counts=(200,), rounds=1, linear=200)
    assert [row.unit for row in rows] == ["answers/s", "probes/s"]
    _sound(rows)


def test_the_loop_runs_at_toy_size() -> None:
    _sound(loop.run(rounds=1, steps=4))


def test_starts_run_once() -> None:
    _sound(start.run(rounds=1))


def test_survival_runs_at_toy_size() -> None:
    rows = survival.run(rows=300, epochs=1, rounds=1)
    assert len(rows) == 4
    _sound(rows)


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_law_is_found(power: float) -> None:
    sizes = [10, 20, 40, 80]
    assert growth.exponent(sizes, [3 * size**power for size in sizes]) == pytest.approx(power)


def test_growth_runs_at_toy_size() -> None:
    rows = growth.run(axes=("batch of NT-Xent",), shrink=32, points=2)
    assert [row.unit for row in rows] == ["exponent"] * 2
    _sound(rows)
