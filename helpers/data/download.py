"""Downloading a corpus: checked against its published checksum, resumed where it broke off, unpacked safely."""

from __future__ import annotations

import fcntl
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from helpers.data.catalogue.entry import CatalogueEntry, Download
from helpers.data.catalogue.lookup import find_on_disk
from helpers.data.unpacking import renamed_when_whole, unpack
from helpers.errors import StudyError
from helpers.progress import bar

ATTEMPTS = 5
_PAUSE = 1.0  # seconds before the second attempt, doubled before each further one
_TIMEOUT = 60.0  # seconds without a byte
_CHUNK = 2**18
_MIB = 2**20


def fetch(entry: CatalogueEntry, root: Path) -> Path:
    """Download and unpack a corpus.

    Args:
        entry: of the catalogue, with a ``download``.
        root: the folder of all corpora; this one goes to a folder of its name in it.

    Returns:
        The folder to give as ``data_root``; at once where the corpus is there already.

    Raises:
        StudyError: it is not openly downloadable, the place cannot be written or is too small, the connection breaks
            off again and again (the next call goes on from there), the checksum is not the published one, or the
            archive is not what it should be. Nothing that looks like the corpus is left then.
    """
    folder = root / entry.name
    if find_on_disk([entry], folder).get(entry.full_name) == folder:
        return folder
    if entry.download is None:
        raise StudyError(f"{entry.full_name} is not openly downloadable with a published checksum: {entry.how}")
    if folder.exists():
        raise StudyError(f"{folder} is there but does not hold {entry.name}; move it away")
    with _alone(root, entry.name):
        _refuse_small_disk(root, entry.download)
        with renamed_when_whole(folder) as partial:
            archive = _archive(entry.name, entry.download, root)
            try:
                unpack(archive, partial, entry.download.unpacked)
            finally:
                archive.unlink(missing_ok=True)
            if find_on_disk([entry], partial).get(entry.full_name) != partial:
                raise StudyError(
                    f"{archive.name}: does not hold {' or '.join(entry.looks_like)}; it is not {entry.name}"
                )
    return folder


def _archive(name: str, download: Download, root: Path) -> Path:
    """The downloaded archive, its checksum verified."""
    import pooch

    file = f".{name}.archive"
    resumed = _Resuming(name, download.size, root / f".{name}.part")
    pooch.get_logger().setLevel("CRITICAL")
    try:
        return Path(pooch.retrieve(download.url, download.checksum, file, root, downloader=resumed))
    except ValueError:  # pooch's word for another checksum; it has removed the file
        raise StudyError(
            f"{name}: the checksum of what {download.url} sends is not the published one ({download.checksum}); "
            "nothing of it is kept"
        ) from None
    except OSError as error:
        raise StudyError(f"{root} cannot be written: {error.strerror or error}") from None


class _Resuming:
    """A downloader for pooch that goes on from where an earlier attempt, or an earlier call, broke off."""

    def __init__(self, name: str, size: int, part: Path) -> None:
        self._name, self._size, self._part = name, size, part

    def __call__(self, url: str, output_file: str, _: Any) -> None:
        with bar(max(self._size // _MIB, 1), f"downloading {self._name}", "MiB") as shown:
            told = 0

            def tell() -> None:
                nonlocal told
                now = self._have() // _MIB
                shown.update(now - told)
                told = now

            for attempt in range(ATTEMPTS):
                if attempt:
                    time.sleep(_PAUSE * 2 ** (attempt - 1))
                tell()
                if self._attempt(url, tell):
                    shutil.move(self._part, output_file)
                    return
        raise StudyError(
            f"{self._name}: the connection to {url} breaks off again and again; {self._have():,} of {self._size:,} "
            "bytes are here, and the next call goes on from there"
        )

    def _have(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _attempt(self, url: str, tell: Any) -> bool:
        """Download what is missing; False where the connection broke off."""
        import requests
        import urllib3

        have = self._have()
        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
        try:
            with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
                if answer.status_code == 416:  # no bytes beyond what is here: whole, or of something else
                    whole = answer.headers.get("Content-Range", "").endswith(f"/{have}")
                    if not whole:
                        self._part.unlink()
                    return whole
                if answer.status_code >= 500:
                    return False
                if not answer.ok:
                    raise StudyError(f"{self._name}: {url} answers {answer.status_code} {answer.reason}")
                resumed = answer.status_code == 206 and _first_byte(answer.headers) == have
                if have and not resumed:
                    self._part.unlink()
                    have = 0
                told = answer.headers.get("Content-Length", "")
                expected = have + int(told) if told.isdigit() else None
                self._refuse_more(expected or 0, url)
                with self._part.open("ab") as file:
                    while chunk := answer.raw.read1(_CHUNK):  # as it arrives: what broke off is kept to the last byte
                        file.write(chunk)
                        have += len(chunk)
                        self._refuse_more(have, url)
                        tell()
                return expected is None or have >= expected
        except requests.exceptions.InvalidURL:
            raise StudyError(f"{self._name}: {url} is no address") from None
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError):
            return False

    def _refuse_more(self, size: int, url: str) -> None:
        if size > self._size + max(self._size // 50, _MIB):
            self._part.unlink(missing_ok=True)
            raise StudyError(f"{self._name}: {url} sends more than the {self._size:,} bytes that it should; not kept")


def _first_byte(headers: Any) -> int:
    """The position that a partial answer starts at; -1 where it does not say."""
    said = headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return int(said) if said.isdigit() else -1


def _refuse_small_disk(root: Path, download: Download) -> None:
    free = shutil.disk_usage(root).free
    needed = download.size + download.unpacked
    if free < needed:
        raise StudyError(f"{root}: {needed / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free; give another --root")


@contextmanager
def _alone(root: Path, name: str) -> Iterator[None]:
    """One process at a time downloads a corpus to a place."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = (root / f".{name}.lock").open("w")
    except OSError as error:
        raise StudyError(f"{root} cannot be written: {error.strerror}; give another --root") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StudyError(f"{name}: another process is downloading it to {root}; wait for it") from None
        yield
        (root / f".{name}.lock").unlink(missing_ok=True)
