"""Text files of a corpus, read or refused by name."""

from __future__ import annotations

from pathlib import Path

from helpers.errors import StudyError


def text_lines(path: Path) -> list[str]:
    """Lines of a UTF-8 text file (a byte order mark is passed over), without their ends.

    Raises:
        StudyError: there is no such file, or it holds bytes that are not text.
    """
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise StudyError(f"{path.name}, line {line}: bytes that are not UTF-8 text; the file is damaged") from error
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror}") from error
