"""Text files of a corpus, read or refused by name, and the files that they list."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from helpers.errors import StudyError


def text_of(path: Path) -> str:
    """Content of a UTF-8 text file; a byte order mark is passed over.

    Raises:
        StudyError: there is no such file, or it holds bytes that are not text.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise StudyError(
            f"{path.name}, line {line}: bytes that are not UTF-8 text; save it as UTF-8, or fetch it again"
        ) from None
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror}") from None


def text_lines(path: Path) -> list[str]:
    """Lines of a UTF-8 text file, without their ends; raises as :func:`text_of`."""
    return text_of(path).splitlines()


def json_of(path: Path, kind: type) -> Any:
    """Content of a JSON file.

    Args:
        path: the file, UTF-8.
        kind: that its content must be of: ``dict`` or ``list``.

    Raises:
        StudyError: there is no such file, or it is not JSON, or of another kind.
    """
    try:
        found = json.loads(text_of(path))
    except (ValueError, RecursionError) as error:
        raise StudyError(f"{path.name} cannot be read as JSON: {error}") from None
    if not isinstance(found, kind):
        raise StudyError(f"{path.name} holds a {type(found).__name__}, not a {kind.__name__}")
    return found


def listed_file(folder: Path, name: str, where: str) -> Path:
    """The file below a folder that a list of the corpus names; it may be absent.

    Args:
        folder: that all of the list's files lie in.
        name: as the list has it, ``/`` between folders.
        where: the list (and its line), for the error.

    Raises:
        StudyError: the name is absolute or climbs out of the folder.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise StudyError(
            f"{where}: {name[:80]!r} leads outside of the folder {folder.name}; the list is not to be trusted"
        )
    return folder / path


def is_there(path: Path) -> bool:
    """Whether a path is a file; one that no file can have is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # such as a name of thousands of letters
        return False


def once_each(pairs: Iterable[tuple[str, str]], file: str) -> dict[str, str]:
    """(name, value) pairs of a list as a dict.

    Raises:
        StudyError: a name stands twice with different values.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        if found.setdefault(name, value) != value:
            raise StudyError(f"{file}: {name[:80]!r} stands twice, with {found[name][:40]!r} and {value[:40]!r}")
    return found
