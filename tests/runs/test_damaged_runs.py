"""Files of finished runs that are not as a run writes them: left out and counted, or one line; shown as text alone."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.errors import StudyError
from helpers.report.run_difference import run_difference
from helpers.report.run_table import over_seeds, run_table
from helpers.runs import estimate
from helpers.runs.finished import all_finished_runs, write_gallery
from helpers.runs.lookup import last_two_runs, read_run
from helpers.runs.summary import verdict_words
from helpers.studies.results import read_results, tidy, write_results
from tests.data.corpora.damage import Damage, damages
from tests.data.corpora.list_damage import _places
from tests.runs.laid_runs import ROW, lay_run

EVIL = "<script>alert(1)</script>"
STRANGE = (None, [], {}, "", EVIL, [EVIL], {EVIL: EVIL}, -1, 0, 0.5, 1e999, float("nan"), 10**400, True, [[]], [None],
           "2026-13-01", "../../../etc/passwd", "0001-01-01T00:00:00+14:00")  # fmt: skip
FILES = ("verdict.json", "provenance.json", "params.yaml")


def _read_everything(outputs: Path) -> None:
    """What `studies results`, `compare` and the gallery read."""
    runs, damaged = all_finished_runs()
    assert len(runs) + damaged == 2
    table = run_table(runs)
    over_seeds(table)
    for folder in sorted(outputs.glob("ghost/*/")):
        verdict_words(folder)
    estimate._past_runs("ghost")
    try:
        folders = last_two_runs("ghost")
        run_difference(*(read_run(folder) for folder in folders))
    except StudyError:
        pass
    write_gallery()
    pages = [path.read_text() for path in outputs.rglob("index.html")]
    assert pages
    assert not any(EVIL in page for page in pages)


@given(file=st.sampled_from(FILES), place=st.floats(0, 1, exclude_max=True), value=st.sampled_from(STRANGE),
       gone=st.integers(0, 5))  # fmt: skip
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_any_value_in_a_runs_files_is_shown_as_text_or_costs_that_run_alone(
    file: str, place: float, value: object, gone: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        outputs = Path(folder)
        patch.setenv("STUDIES_OUTPUTS", str(outputs))
        lay_run(outputs, "aaa")
        path = lay_run(outputs, "bbb", started="2026-01-02T00:00:00+00:00") / file
        told = yaml.safe_load(path.read_text())
        places = list(_places(told))
        parent, key = places[int(place * len(places))]
        if gone:
            parent[key] = value
        else:
            del parent[key]
        path.write_text(json.dumps(told) if path.suffix == ".json" else yaml.safe_dump(told))
        _read_everything(outputs)


@given(damage=damages)
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
def test_a_damaged_file_of_a_run_costs_that_run_alone(damage: Damage) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        outputs = Path(folder)
        patch.setenv("STUDIES_OUTPUTS", str(outputs))
        lay_run(outputs, "aaa")
        damage.do(lay_run(outputs, "bbb", started="2026-01-02T00:00:00+00:00"))
        _read_everything(outputs)


@given(damage=damages)
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
def test_damaged_results_are_those_that_were_written_or_refused(damage: Damage) -> None:
    rows = [{**ROW, "value": i / 7, "seed": i, "method": f"m{i % 3}"} for i in range(40)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.parquet"
        write_results(tidy(rows), path)
        damage.do(Path(folder))
        try:
            found = read_results(path)
        except StudyError as error:
            assert "results.parquet" in str(error)  # noqa: PT017
        else:
            pd.testing.assert_frame_equal(found, tidy(rows))


def test_results_of_other_kinds_are_refused(tmp_path: Path) -> None:
    table = tidy([{**ROW, "value": 0.5, "seed": 0}])
    table.assign(value="much").to_parquet(tmp_path / "results.parquet", index=False)
    with pytest.raises(StudyError, match=r"results\.parquet holds other values than results do"):
        read_results(tmp_path / "results.parquet")
