"""Unpacking an archive that is not trusted: nothing in it can reach outside its folder or fill the disk."""

from __future__ import annotations

import lzma
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from helpers.errors import StudyError

MOST_MEMBERS = 5_000_000
_CHUNK = 2**20
_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError,
           ValueError, LookupError)  # fmt: skip


def unpack(archive: Path, into: Path, limit: int) -> None:
    """Unpack a tar (plain or compressed) or zip archive.

    Files and folders alone are made, with the rights that new files have here.

    Args:
        archive: the file.
        into: a folder that exists.
        limit: bytes that all files may have together.

    Raises:
        StudyError: the archive is damaged or is none; or a member of it has an absolute path or ``..``, is a link or a
            device, or there is more in it than ``limit``. What was unpacked until then is left in ``into``.
    """
    try:
        if zipfile.is_zipfile(archive):
            _unpack_zip(archive, into, limit)
        else:
            _unpack_tar(archive, into, limit)
    except _DAMAGE as error:
        raise StudyError(f"{archive.name}: is damaged or no archive ({error})") from None
    except OSError as error:
        raise StudyError(f"{archive.name}: cannot be unpacked: {error.strerror or error}") from None


def _unpack_tar(archive: Path, into: Path, limit: int) -> None:
    with tarfile.open(archive, "r:*") as opened:
        room = _Room(archive.name, limit)
        for member in opened:
            target = _target(member.name, into, archive.name)
            if member.isdir():
                room.take(0)
                target.mkdir(parents=True, exist_ok=True)
            elif member.isreg() and not member.issparse():
                source = opened.extractfile(member)
                assert source is not None
                with source:
                    _write(source, target, room)
            else:
                kind = "a link" if member.islnk() or member.issym() else "neither a file nor a folder"
                raise StudyError(f"{archive.name}: {member.name} is {kind}; such archives are not unpacked")


def _unpack_zip(archive: Path, into: Path, limit: int) -> None:
    with zipfile.ZipFile(archive) as opened:
        room = _Room(archive.name, limit)
        for info in opened.infolist():
            target = _target(info.filename, into, archive.name)
            kind = info.external_attr >> 28  # Unix file type: 0 not said, 4 folder, 8 file, 10 link
            if kind not in (0, 4, 8):
                words = "a link" if kind == 10 else "neither a file nor a folder"
                raise StudyError(f"{archive.name}: {info.filename} is {words}; such archives are not unpacked")
            if info.is_dir():
                room.take(0)
                target.mkdir(parents=True, exist_ok=True)
            else:
                with opened.open(info) as source:
                    _write(source, target, room)


class _Room:
    """Counts members and bytes, and refuses what is beyond the limit."""

    def __init__(self, archive: str, limit: int) -> None:
        self._archive, self._limit, self._bytes, self._members = archive, limit, 0, 0

    def take(self, size: int, new: bool = True) -> None:
        self._bytes += size
        self._members += new
        if self._bytes > self._limit:
            raise StudyError(f"{self._archive}: holds more than the {self._limit:,} bytes that it should; not unpacked")
        if self._members > MOST_MEMBERS:
            raise StudyError(f"{self._archive}: holds more than {MOST_MEMBERS:,} files; not unpacked")


def _target(name: str, into: Path, archive: str) -> Path:
    """Where a member goes; refuses a name that leads outside."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise StudyError(f"{archive}: {name!r} leads outside its folder; such archives are not unpacked")
    return into.joinpath(*path.parts)


def _write(source: IO[bytes], target: Path, room: _Room) -> None:
    room.take(0)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        while chunk := source.read(_CHUNK):
            room.take(len(chunk), new=False)
            file.write(chunk)


@contextmanager
def renamed_when_whole(folder: Path) -> Iterator[Path]:
    """A hidden folder beside ``folder`` to fill, which takes its name at the end and is removed if that is not reached.

    Raises:
        StudyError: something of that name is there already, or the place cannot be written.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        if folder.exists():
            raise StudyError(f"{folder} is there already; move it away")
        partial.rename(folder)
    except OSError as error:
        raise StudyError(f"{folder.parent} cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
