"""Hashes that tell whether the data behind a run are the same data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from helpers.errors import StudyError

WHOLE_FILE_LIMIT = 256 * 2**20  # bytes in all; above it names, sizes and times stand for the content


def fingerprint(sources: Iterable[Path | str]) -> str:
    """Hash data sources into 16 hex digits.

    Args:
        sources: files and folders (``Path``), or ``"package:NAME"`` / ``"generator:NAME:VERSION"`` strings for data
            that a package carries or a generator makes. Up to 256 MiB of files are read whole; of more, relative
            names, sizes and modification times are hashed. The order of the sources does not matter.

    Raises:
        StudyError: a path does not exist or cannot be read, or a package is not installed.
    """
    parts: list[bytes] = []
    files: list[tuple[str, Path]] = []
    for source in sources:
        if isinstance(source, Path):
            files += _files(source)
        elif source.startswith("package:"):
            parts.append(f"{source}=={_version(source.removeprefix('package:'))}".encode())
        else:
            parts.append(source.encode())
    try:
        whole = sum(path.stat().st_size for _, path in files) <= WHOLE_FILE_LIMIT
        parts += [name.encode() + b"\0" + _content(path, whole) for name, path in files]
    except OSError as error:
        raise StudyError(f"{error.filename} cannot be read: {error.strerror}") from error
    digest = hashlib.sha256()
    for part in sorted(parts):  # the order of sources says nothing of the data
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:16]


def _content(path: Path, whole: bool) -> bytes:
    if not whole:
        status = path.stat()
        return f"{status.st_size}:{status.st_mtime_ns}".encode()
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").digest()


def _files(path: Path) -> list[tuple[str, Path]]:
    if path.is_file():
        return [(path.name, path)]
    if path.is_dir():
        return [(str(p.relative_to(path)), p) for p in path.rglob("*") if p.is_file()]
    raise StudyError(f"{path} does not exist; set data_root (or the path that names it) to where the corpus lies")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        raise StudyError(f"the package {package}, which carries this corpus, is not installed") from None
