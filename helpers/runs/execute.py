"""One run in a process of its own: ``python -m helpers.runs.execute STUDY RUN_ID PARAMETERS.yaml SIGNS [--fresh]``.

SIGNS is a folder for signs of life: ``progress.json`` and ``cells.json`` while at work, ``outcome.json`` at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

import yaml

from helpers.errors import StudyError
from helpers.places import notebook_path
from helpers.progress import PROGRESS_FILE
from helpers.runs.process_tree import kill_descendants
from helpers.runs.quick_start import skip_slow_checks
from helpers.studies.catalogue import study_card
from helpers.studies.run_folder import (
    RUN_FOLDER,
    finish,
    finished_folder,
    is_whole,
    open_partial,
    set_aside,
    write_whole,
)


def main() -> int:
    """Run it; 0 when the run's folder is whole and in its place, else 1."""
    asked = argparse.ArgumentParser(prog="python -m helpers.runs.execute", description=__doc__)
    asked.add_argument("study")
    asked.add_argument("identity")
    asked.add_argument("parameters", type=Path)
    asked.add_argument("signs", type=Path)
    asked.add_argument("--fresh", action="store_true", help="do not go on from checkpoints")
    a = asked.parse_args()
    _end_with_parent()
    skip_slow_checks()
    try:
        folder = open_partial(a.study, a.identity)
    except StudyError as error:
        return _close(a.signs, "failed", str(error), None)
    try:
        if a.fresh:
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        elif is_whole(finished_folder(a.study, a.identity)):  # by another process, since the launcher looked
            return _close(a.signs, "done", "", _already(folder, a.study, a.identity))
        values = yaml.safe_load(a.parameters.read_text())
        _run(a.study, a.identity, values, folder, a.signs)
        done = finish(folder, a.study, a.identity)
        shutil.rmtree(done.with_name(f".failed-{a.identity}"), ignore_errors=True)
    except Exception as error:
        return _fail(error, a.study, a.identity, folder, a.signs)
    return _close(a.signs, "done", "", done)


def _run(study: str, identity: str, values: dict[str, Any], folder: Path, signs: Path) -> None:
    """Execute the notebook into the partial folder and export it as HTML."""
    parameters = study_card(study).validated(values, where=f"parameters of {study}")
    plain = parameters.model_dump(mode="json")
    write_whole(folder / "params.yaml", yaml.safe_dump(plain, sort_keys=False))

    import nbformat

    from helpers.report.notebook_html import notebook_html
    from helpers.runs.engine import prepare_environment, run_notebook

    prepare_environment(parameters.threads)
    os.environ |= {RUN_FOLDER: str(folder), PROGRESS_FILE: str(signs / "progress.json")}
    notebook = nbformat.read(notebook_path(study), as_version=4)
    executed = run_notebook(notebook, folder / "notebook.ipynb", plain, signs / "cells.json")
    write_whole(folder / "notebook.ipynb", nbformat.writes(executed))
    _refuse_other_run(folder, identity, plain)
    write_whole(folder / "notebook.html", notebook_html(executed, study))


def _already(folder: Path, study: str, identity: str) -> Path:
    """Drop the empty partial folder of a run that turned out to be done."""
    shutil.rmtree(set_aside(folder, study, identity), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    return finished_folder(study, identity)


def _refuse_other_run(folder: Path, identity: str, asked: dict[str, Any]) -> None:
    """The notebook must have closed the very run that was asked for."""
    try:
        closed = json.loads((folder / "verdict.json").read_text())["run_id"]
        ran = yaml.safe_load((folder / "params.yaml").read_text())
    except FileNotFoundError:
        raise StudyError("the notebook ended without a verdict, so the run does not count as finished") from None
    except (ValueError, KeyError, TypeError, yaml.YAMLError):
        raise StudyError("the notebook left a damaged verdict.json") from None
    for key, value in asked.items():
        if ran.get(key) != value:
            raise StudyError(
                f"{key}: the notebook ran with {ran.get(key)!r} where {value!r} was asked for; does an import or a "
                "function of its first cells have that name?"
            )
    if closed != identity:
        raise StudyError("the code or the data changed while the run was under way; run it again")


def _fail(error: Exception, study: str, identity: str, folder: Path, signs: Path) -> int:
    """Leave the notebook up to the failing cell and the one clear line in ``.failed-…``."""
    line = failure_line(error)
    failed: Path | None = None
    try:
        failed = set_aside(folder, study, identity)
        write_whole(failed / "error.txt", line + "\n")
    except (OSError, StudyError):
        print("what the failed run left could not be kept: the disk is full or not writable", file=sys.stderr)
    return _close(signs, "failed", line, failed, lost=getattr(error, "lost", False))


def failure_line(error: Exception) -> str:
    """What went wrong, as one line."""
    if isinstance(error, StudyError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        named = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror}{named}"
    line = getattr(error, "line", None)  # CellError, whose module is heavy
    return line() if callable(line) else f"{type(error).__name__}: {' '.join(str(error).split())}"


def _close(signs: Path, state: str, message: str, folder: Path | None, lost: bool = False) -> int:
    outcome = {"state": state, "message": message, "folder": str(folder) if folder else None, "lost": lost}
    write_whole(signs / "outcome.json", json.dumps(outcome))
    return 0 if state == "done" else 1


def _end_with_parent() -> None:
    """Do not outlive the launcher: when it is gone, end the kernel and this process, leaving a partial folder."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        kill_descendants(os.getpid())
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
