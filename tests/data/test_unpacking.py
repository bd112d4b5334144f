"""An archive can put files into its own folder and do nothing else."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from helpers.data.unpacking import renamed_when_whole, unpack
from helpers.errors import StudyError

GOOD = {"corpus/a.txt": b"first", "corpus/deep/b.txt": b"second"}


def tar(path: Path, members: dict[str, bytes], mode: str = "w:gz", odd: tarfile.TarInfo | None = None) -> Path:
    with tarfile.open(path, mode) as opened:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o4777
            opened.addfile(info, io.BytesIO(content))
        if odd is not None:
            opened.addfile(odd)
    return path


def zipped(path: Path, members: dict[str, bytes], link: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
        if link:
            info = zipfile.ZipInfo(link)
            info.external_attr = 0o120777 << 16
            opened.writestr(info, "/etc/passwd")
    return path


def odd(name: str, kind: bytes, to: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


@pytest.fixture
def into(tmp_path: Path) -> Path:
    """An empty folder inside another, so that what escapes is seen."""
    folder = tmp_path / "outer" / "into"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("kind", ["w", "w:gz", "w:xz", "zip"])
def test_files_arrive_whole_with_the_rights_of_new_files(kind: str, into: Path, tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", GOOD) if kind == "zip" else tar(tmp_path / "a.tar", GOOD, kind)
    unpack(archive, into, 100)
    found = {path.relative_to(into).as_posix(): path.read_bytes() for path in into.rglob("*") if path.is_file()}
    assert found == GOOD
    assert not any(path.stat().st_mode & 0o7111 for path in into.rglob("*") if path.is_file())


EVIL = {
    "a path upwards": {"../escaped.txt": b"x"},
    "a path upwards in the middle": {"corpus/../../escaped.txt": b"x"},
    "an absolute path": {"/tmp/escaped.txt": b"x"},
    "a path upwards as Windows writes it": {"..\\escaped.txt": b"x"},
}


@pytest.mark.parametrize("form", ["tar", "zip"])
@pytest.mark.parametrize("what", EVIL)
def test_a_member_that_leads_outside_is_refused(what: str, form: str, into: Path, tmp_path: Path) -> None:
    members = {**GOOD, **EVIL[what]}
    archive = tar(tmp_path / "evil.tar.gz", members) if form == "tar" else zipped(tmp_path / "evil.zip", members)
    with pytest.raises(StudyError, match="leads outside its folder; such archives are not unpacked"):
        unpack(archive, into, 100)
    assert not list(tmp_path.rglob("escaped*"))
    assert not Path("/tmp/escaped.txt").exists()


ODD = {
    "a link to outside": (odd("corpus/link", tarfile.SYMTYPE, "/etc/passwd"), "is a link"),
    "a link to inside": (odd("corpus/link", tarfile.SYMTYPE, "a.txt"), "is a link"),
    "a hard link": (odd("corpus/link", tarfile.LNKTYPE, "../../secret"), "is a link"),
    "a character device": (odd("corpus/dev", tarfile.CHRTYPE), "is neither a file nor a folder"),
    "a pipe": (odd("corpus/pipe", tarfile.FIFOTYPE), "is neither a file nor a folder"),
}


@pytest.mark.parametrize("what", ODD)
def test_links_and_devices_are_refused(what: str, into: Path, tmp_path: Path) -> None:
    member, line = ODD[what]
    with pytest.raises(StudyError, match=line):
        unpack(tar(tmp_path / "evil.tar.gz", GOOD, odd=member), into, 100)
    assert all(path.is_dir() or (path.is_file() and not path.is_symlink()) for path in into.rglob("*"))


def test_a_link_in_a_zip_is_refused(into: Path, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"evil\.zip: link is a link"):
        unpack(zipped(tmp_path / "evil.zip", GOOD, link="link"), into, 100)


@pytest.mark.parametrize("form", ["tar", "zip"])
def test_more_bytes_than_there_should_be_are_not_written(form: str, into: Path, tmp_path: Path) -> None:
    bomb = {"zeros": bytes(50_000_000)}  # 50 kB packed
    archive = tar(tmp_path / "bomb.tar.gz", bomb) if form == "tar" else zipped(tmp_path / "bomb.zip", bomb)
    assert archive.stat().st_size < 100_000
    with pytest.raises(StudyError, match="holds more than the 5,000,000 bytes that it should"):
        unpack(archive, into, 5_000_000)
    assert sum(path.stat().st_size for path in into.rglob("*")) <= 5_000_000


@pytest.mark.parametrize("damage", ["cut short", "not an archive", "empty"])
def test_a_damaged_archive_is_one_clear_line(damage: str, into: Path, tmp_path: Path) -> None:
    archive = tar(tmp_path / "a.tar.gz", {"corpus/a": bytes(range(256)) * 400})
    whole = archive.read_bytes()
    archive.write_bytes({"cut short": whole[: len(whole) // 2], "not an archive": b"<html>", "empty": b""}[damage])
    with pytest.raises(StudyError, match=r"a\.tar\.gz: is damaged or no archive"):
        unpack(archive, into, 10**6)


def test_a_folder_takes_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    def break_off() -> None:
        with renamed_when_whole(tmp_path / "c") as partial:
            (partial / "half").touch()
            assert not (tmp_path / "c").exists()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    assert list(tmp_path.iterdir()) == []
    with renamed_when_whole(tmp_path / "c") as partial:
        (partial / "all").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["c", "all"]
    with pytest.raises(StudyError, match="is there already"), renamed_when_whole(tmp_path / "c"):
        pass
    assert [path.name for path in tmp_path.rglob("*")] == ["c", "all"]


def test_a_zip_in_a_compression_nobody_knows_is_refused_in_one_line(tmp_path: Path) -> None:
    archive = tmp_path / "odd.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("a.txt", "words")
    content = bytearray(archive.read_bytes())
    for at in (8, content.index(b"PK\x01\x02") + 10):  # the method of the member, in its own header and in the list
        content[at : at + 2] = (77).to_bytes(2, "little")
    archive.write_bytes(content)
    with pytest.raises(StudyError, match=r"odd.zip: is damaged or no archive"):
        unpack(archive, tmp_path / "into", 100)
