"""Runs beside one another and what changed between them, as a study's page shows it."""

from datetime import UTC, datetime
from pathlib import Path

from helpers.report.gallery_compared import SIDES, difference_words, run_before, runs_side_by_side
from helpers.report.gallery_run import FinishedRun
from helpers.report.run_difference import run_difference
from helpers.runs.finished import write_gallery
from helpers.runs.lookup import read_run
from tests.report.test_gallery import EVIL, run
from tests.runs.laid_runs import ROW, lay_run


def test_a_column_a_run_and_the_parameters_that_are_not_the_same_in_all() -> None:
    first = run(Path("a"), parameters={"epochs": 3, "rows": 9, "corpus": "flchain"})
    second = run(Path("b"), parameters={"epochs": 5, "rows": 9, "corpus": "flchain", EVIL: EVIL}, corpus=EVIL)
    table = runs_side_by_side([first, second])
    assert '<tr class=""><th scope="row">epochs</th><td>3</td><td>5</td></tr>' in table
    assert ">rows<" not in table
    assert table.count("<td>absent</td>") == 1
    assert 'href="#run-a"' in table
    assert "<script" not in table


def test_one_run_stands_beside_none_and_of_very_many_the_latest_do() -> None:
    assert runs_side_by_side([run(Path("a"))]) == ""
    many = runs_side_by_side([run(Path(f"r{i}")) for i in range(SIDES + 3)])
    assert many.count('<th scope="col">') == SIDES
    assert f"The latest {SIDES} of {SIDES + 3}" in many


def test_the_run_before_is_of_the_same_corpus_and_scale_where_there_is_one() -> None:
    def at(day: int, corpus: str, scale: str = "standard") -> FinishedRun:
        return run(Path(f"{day}"), corpus=corpus, scale=scale, started=datetime(2026, 1, day, tzinfo=UTC))

    runs = [at(5, "a"), at(4, "b"), at(3, "a", "quick"), at(2, "a"), at(1, "a")]
    assert [before and before.folder.name for before in (run_before(one, runs) for one in runs)] == [
        "2", "2", "2", "1", None,
    ]  # fmt: skip


def test_what_changed_is_said_and_what_did_not(outputs: Path) -> None:
    before = lay_run(outputs, "a", rows=[{**ROW, "value": 0.5, "seed": 0}, {**ROW, "method": "same", "value": 1.0}])
    after = lay_run(
        outputs, "b", rows=[{**ROW, "value": 0.25, "seed": 0}, {**ROW, "method": "same", "value": 1.0}],
        parameters={"epochs": 7, "label": EVIL}, version="v2",
    )  # fmt: skip
    words = difference_words(run_difference(read_run(before), read_run(after)))
    for part in ("<td>epochs</td><td>3</td><td>7</td>", "<td>version</td><td>v1</td><td>v2</td>",
                 "<td>0.5</td><td>0.25</td><td>−0.25</td>", "The same: data, packages, machine.",
                 "1 are the same"):  # fmt: skip
        assert part in words
    assert "<script" not in words
    assert "the same, bit for bit" in difference_words(run_difference(read_run(before), read_run(before)))


def test_a_studys_page_in_the_gallery_tells_what_changed_since_the_run_before(outputs: Path) -> None:
    lay_run(outputs, "a")
    lay_run(outputs, "b", parameters={"epochs": 9}, started="2026-02-01T00:00:00+00:00")
    (lay_run(outputs, "c", corpus="mist") / "results.parquet").write_bytes(b"PAR1PAR1")  # not readable as a table
    write_gallery()
    page = (outputs / "ghost" / "index.html").read_text()
    assert page.count("What changed since the run before") == 1
    assert "<td>epochs</td><td>3</td><td>9</td>" in page
