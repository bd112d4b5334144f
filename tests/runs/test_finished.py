"""Reading finished runs back for the gallery: the newest of each kind, and never a damaged one."""

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.runs.finished import finished_runs, write_gallery


def lay(outputs: Path, identity: str, **changed: Any) -> Path:
    """A finished run of a study that is in no catalogue, as its files lie there."""
    folder = outputs / "ghost" / identity
    folder.mkdir(parents=True)
    told = {
        "study": "ghost", "title": "A <i>ghost</i>", "paper": "Nobody", "scale": "standard", "corpus": "fog",
        "simulated": False, "seeds": [0, 1], "notes": [], "key_figure": None,
        "verdicts": [
            {"claim": "c", "statement": "It is there", "metric": "m", "effect": 0.1, "low": 0.05, "high": 0.15,
             "p_value": 0.01, "word": "supported", "interval": "BCa", "pairs": 10, "margin": 0.0, "paper_figure": None}
        ],
    }  # fmt: skip
    origin = {
        "wall_seconds": 3.0, "peak_memory_mib": 100.0, "started": "2026-01-01T00:00:00+00:00",
        "code": {"version": "0", "dirty": False},
    }  # fmt: skip
    for key, value in changed.items():
        (origin if key in origin else told)[key] = value
    (folder / "verdict.json").write_text(json.dumps(told))
    (folder / "provenance.json").write_text(json.dumps(origin))
    (folder / "params.yaml").write_text("scale: standard\n")
    (folder / "results.parquet").write_bytes(b"PAR1PAR1")
    return folder


def test_of_runs_alike_the_newest_is_shown(outputs: Path) -> None:
    lay(outputs, "a", started="2026-01-02T00:00:00+00:00")
    newest = lay(outputs, "b", started="2026-01-03T00:00:00+01:00")
    lay(outputs, "c", started="2026-01-01T00:00:00+00:00")
    runs, damaged = finished_runs()
    assert ([run.folder for run in runs], damaged) == ([newest], 0)


def test_the_best_scale_and_real_data_come_first(outputs: Path) -> None:
    lay(outputs, "a", scale="quick", started="2026-02-01T00:00:00+00:00")
    lay(outputs, "b", corpus="drawn", simulated=True, started="2026-02-01T00:00:00+00:00")
    lay(outputs, "c")
    lay(outputs, "d", scale="paper", corpus="drawn", simulated=True)
    assert [run.folder.name for run in finished_runs()[0]] == ["d", "c", "b", "a"]


DAMAGE = {
    "a table cut short": lambda folder: (folder / "results.parquet").write_bytes(b"PAR1..."),
    "a verdict cut short": lambda folder: (folder / "verdict.json").write_text('{"study": "gh'),
    "a verdict that is a list": lambda folder: (folder / "verdict.json").write_text("[]"),
    "no provenance": lambda folder: (folder / "provenance.json").unlink(),
    "an empty provenance": lambda folder: (folder / "provenance.json").write_text("{}"),
    "an effect that is no number": lambda folder: (folder / "verdict.json").write_text(
        (folder / "verdict.json").read_text().replace("0.1,", "NaN,")
    ),
    "an unknown word": lambda folder: (folder / "verdict.json").write_text(
        (folder / "verdict.json").read_text().replace("supported", "proven")
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_folder_is_left_out_and_counted(damage: str, outputs: Path) -> None:
    whole = lay(outputs, "whole")
    DAMAGE[damage](lay(outputs, "broken", corpus="mist"))
    runs, damaged = finished_runs()
    assert [run.folder for run in runs] == [whole]
    assert damaged == 1
    assert "1 folder skipped" in write_gallery().read_text()


def test_runs_under_way_failed_runs_and_caches_are_neither_shown_nor_damaged(outputs: Path) -> None:
    for name in ("ghost/.partial-a", "ghost/.failed-b", ".cache/decoded"):
        (outputs / name).mkdir(parents=True)
    assert finished_runs() == ([], 0)


def test_a_key_figure_outside_the_runs_folder_is_not_read(outputs: Path) -> None:
    (outputs / "secret.png").write_bytes(b"\x89PNG")
    lay(outputs, "a", key_figure={"file": "../../secret.png", "alt": "x"})
    (run,) = finished_runs()[0]
    assert run.picture is None


def test_the_gallery_names_every_study_of_the_catalogue_and_escapes_titles(outputs: Path) -> None:
    lay(outputs, "a")
    path = write_gallery()
    page = path.read_text()
    assert path == outputs / "index.html"
    assert "A &lt;i&gt;ghost&lt;/i&gt;" in page
    assert "<code>studies run direct_pred</code>" in page
