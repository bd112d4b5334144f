"""One run, one folder: filled under a hidden name, and renamed when it is whole."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from helpers.errors import StudyError
from helpers.places import ROOT, notebook_path, outputs_folder

RUN_FOLDER = "STUDIES_RUN_FOLDER"  # environment variable: the folder that a launcher has opened for this run
WHOLE = ("params.yaml", "results.parquet", "verdict.json", "provenance.json")  # what every finished run holds
_LAUNCHERS_ALONE = (
    "runs/",
    "report/gallery.py",
    "report/gallery_",
    "report/notebook_html.py",
    "report/math_pictures.py",
    "report/run_",
    "data/catalogue/",
    "data/download.py",
    "data/unpacking.py",
    "data/check.py",
    "cli.py",
    "cli_",
)  # code that shows or starts runs but computes no number

_locks: dict[Path, IO[str]] = {}


def code_version(study: str) -> str:
    """Hash of the code that a study's numbers come from, 16 hex digits.

    It covers the package but for other studies' folders and for code that only launches or shows, and the notebook's
    code cells but for its parameters.
    """
    digest = hashlib.sha256()
    package = ROOT / "helpers"
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package).as_posix()
        parts = name.split("/")
        if name.startswith(_LAUNCHERS_ALONE) or (parts[0] == "studies" and len(parts) > 2 and parts[1] != study):
            continue
        digest.update(name.encode() + b"\0" + path.read_bytes())
    notebook = notebook_path(study)
    if notebook.exists():
        for cell in json.loads(notebook.read_text())["cells"]:
            if cell["cell_type"] == "code" and "parameters" not in cell["metadata"].get("tags", []):
                digest.update("".join(cell["source"]).encode())
    return digest.hexdigest()[:16]


def run_id(study: str, parameters: dict[str, Any], data: str) -> str:
    """Name of the run that these parameters on these data under this code make, 12 hex digits."""
    text = json.dumps([study, parameters, data, code_version(study)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def finished_folder(study: str, identity: str) -> Path:
    """Where a finished run lies (or will lie)."""
    return outputs_folder() / study / identity


def is_whole(folder: Path) -> bool:
    """Whether a folder holds a finished run, none of its files cut short."""
    if folder.name.startswith(".") or not all((folder / name).is_file() for name in WHOLE):
        return False
    try:
        with (folder / "results.parquet").open("rb") as table:
            head = table.read(4)
            table.seek(-4, os.SEEK_END)
            told = [json.loads((folder / name).read_text()) for name in ("verdict.json", "provenance.json")]
            return head == table.read(4) == b"PAR1" and all(isinstance(one, dict) for one in told)
    except (OSError, ValueError, RecursionError):
        return False


def open_partial(study: str, identity: str) -> Path:
    """Open, lock and clear the folder of a run under way; checkpoints of a broken-off attempt stay.

    Raises:
        StudyError: another process is at work on the same run, or the folder cannot be written.
    """
    folder = outputs_folder() / study / f".partial-{identity}"
    try:
        if folder not in _locks:
            _locks[folder] = _lock(folder)
    except BlockingIOError:
        raise StudyError(f"{study} {identity}: this very run is under way in another process; wait for it") from None
    except OSError as error:
        raise StudyError(
            f"{folder} cannot be written: {error.strerror}; set STUDIES_OUTPUTS to a folder that can"
        ) from error
    for entry in folder.iterdir():
        if entry.name not in ("checkpoints", ".lock"):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    return folder


def _lock(folder: Path) -> IO[str]:
    """Make a folder one's own; a lock on a file that its former owner took away meanwhile does not count."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            handle = (folder / ".lock").open("w")
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(handle.fileno()).st_ino == (folder / ".lock").stat().st_ino:
                return handle
        except FileNotFoundError:
            continue


def under_way(study: str, identity: str) -> bool:
    """Whether a process is at work on a run right now."""
    try:
        with (outputs_folder() / study / f".partial-{identity}" / ".lock").open() as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def finish(folder: Path, study: str, identity: str) -> Path:
    """Rename a whole partial folder to its final name, replacing an older run of the same name."""
    final = finished_folder(study, identity)
    for name in WHOLE:
        if not (folder / name).is_file():
            raise StudyError(f"{study} {identity}: the run ended without {name}; it does not count as finished")
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    if final.exists():
        older = final.with_name(f".old-{identity}")
        shutil.rmtree(older, ignore_errors=True)
        os.replace(final, older)
        os.replace(folder, final)
        shutil.rmtree(older, ignore_errors=True)
    else:
        os.replace(folder, final)
    _release(folder, final)
    return final


def set_aside(folder: Path, study: str, identity: str) -> Path:
    """Keep what a failed run leaves for reading, under ``.failed-…``; its checkpoints stay for the next attempt."""
    failed = outputs_folder() / study / f".failed-{identity}"
    shutil.rmtree(failed, ignore_errors=True)
    failed.mkdir(parents=True)
    for entry in folder.iterdir():
        if entry.name not in ("checkpoints", ".lock"):
            os.replace(entry, failed / entry.name)
    _release(folder, folder)
    if not any(folder.iterdir()):
        folder.rmdir()
    return failed


def _release(folder: Path, now_at: Path) -> None:
    """Give up the lock of a folder, which may have been renamed since."""
    (now_at / ".lock").unlink(missing_ok=True)
    handle = _locks.pop(folder, None)
    if handle is not None:
        handle.close()


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file whole or not at all.

    Raises:
        StudyError: the disk is full or the folder cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(partial, path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise StudyError(f"{path.name} cannot be written to {path.parent}: {error.strerror}") from error
