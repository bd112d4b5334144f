"""An archive damaged anywhere is unpacked as it was, or refused by name; nothing comes to lie outside its folder."""

from __future__ import annotations

import io
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings

from helpers.data.unpacking import unpack
from helpers.errors import StudyError
from tests.data.corpora.damage import Damage, damages
from tests.data.test_unpacking import GOOD, tar

MODES = {"a.tar": "w", "b.tar.gz": "w:gz", "c.tar.xz": "w:xz", "d.tar.bz2": "w:bz2"}
METHODS = {"e.zip": zipfile.ZIP_STORED, "f.zip": zipfile.ZIP_DEFLATED, "g.zip": zipfile.ZIP_BZIP2,
           "h.zip": zipfile.ZIP_LZMA}  # fmt: skip
CONTENT = {**GOOD, "corpus/c.bin": bytes(range(256)) * 8}


def _archives(root: Path) -> None:
    for name, mode in MODES.items():
        tar(root / name, CONTENT, mode)
    for name, method in METHODS.items():
        with zipfile.ZipFile(root / name, "w", method) as opened:
            for member, content in CONTENT.items():
                opened.writestr(member, content)


@given(damage=damages)
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_a_damaged_archive_is_unpacked_as_it_was_or_refused(damage: Damage) -> None:
    with tempfile.TemporaryDirectory() as folder:
        archives, into = Path(folder) / "archives", Path(folder) / "outer" / "into"
        archives.mkdir()
        into.mkdir(parents=True)
        _archives(archives)
        file = damage.do(archives)
        refusal = ""
        try:
            unpack(file, into, 100_000)
        except StudyError as error:
            refusal = str(error)
        outside = [path for path in Path(folder).rglob("*") if path.is_file() and into not in path.parents]
        assert {path.parent for path in outside} <= {archives}
        if refusal:
            assert file.name in refusal
        elif file.suffix != ".tar":  # a plain tar has no checksum of its files' content
            found = {path.relative_to(into).as_posix(): path.read_bytes() for path in into.rglob("*") if path.is_file()}
            assert all(CONTENT.get(name, content) == content for name, content in found.items())


@pytest.mark.parametrize("name", ["/etc/passwd", "../../x", "a/../../x", "..\\x", "x" * 300, ".", ""])
def test_a_members_name_can_lead_nowhere_else(name: str, tmp_path: Path) -> None:
    into = tmp_path / "outer" / "into"
    into.mkdir(parents=True)
    with tarfile.open(tmp_path / "a.tar", "w") as opened:
        info = tarfile.TarInfo(name)
        info.size = 1
        opened.addfile(info, io.BytesIO(b"x"))
    with pytest.raises(StudyError, match=r"^a\.tar: "):
        unpack(tmp_path / "a.tar", into, 100)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "a.tar"]
