"""A fingerprint changes with the content of the data and with nothing else."""

import os
from pathlib import Path

import pytest

import helpers.data.fingerprint as module
from helpers.data.fingerprint import fingerprint
from helpers.errors import StudyError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.csv", "deep/b.csv", "deep/c.csv"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "data"


def test_one_changed_byte_or_name_or_file_more_changes_it(folder: Path) -> None:
    seen = {fingerprint([folder])}
    (folder / "a.csv").write_text("a.csw")
    seen.add(fingerprint([folder]))
    (folder / "a.csv").rename(folder / "z.csv")
    seen.add(fingerprint([folder]))
    (folder / "d.csv").write_text("")
    seen.add(fingerprint([folder]))
    assert len(seen) == 4


def test_content_that_moves_from_one_file_to_another_changes_it(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("ab")
    (tmp_path / "y").write_text("c")
    before = fingerprint([tmp_path])
    (tmp_path / "x").write_text("a")
    (tmp_path / "y").write_text("bc")
    assert fingerprint([tmp_path]) != before
    assert fingerprint(["generator:a:1", "2"]) != fingerprint(["generator:a:12"])


def test_times_place_and_order_do_not_change_it(folder: Path, tmp_path: Path) -> None:
    before = fingerprint([folder])
    os.utime(folder / "a.csv", (1, 1))
    assert fingerprint([folder]) == before
    assert fingerprint([folder.rename(tmp_path / "elsewhere")]) == before
    moved = tmp_path / "elsewhere"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.csv").write_text("another of the same name")
    sources = [moved / "a.csv", tmp_path / "other" / "a.csv", "generator:x:1", "package:numpy"]
    assert fingerprint(sources) == fingerprint(sources[::-1])


def test_above_the_limit_size_and_time_stand_for_the_content(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WHOLE_FILE_LIMIT", 3)
    before = fingerprint([folder])
    os.utime(folder / "a.csv", (1, 1))
    after = fingerprint([folder])
    assert after != before
    assert fingerprint([folder]) == after


def test_what_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"nowhere does not exist; set data_root"):
        fingerprint([tmp_path / "nowhere"])
    with pytest.raises(StudyError, match="the package no-such-package, which carries this corpus, is not installed"):
        fingerprint(["package:no-such-package"])
    assert fingerprint(["package:numpy"]) != fingerprint(["package:scipy"])
