"""Finding a finished run by what a person calls it, and reading all that it wrote down."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from helpers.errors import StudyError
from helpers.places import outputs_folder
from helpers.report.run_difference import RunRecord
from helpers.runs.verdict_file import checked_origin, checked_verdict
from helpers.studies.results import read_results
from helpers.studies.run_folder import is_whole


def run_folders(study: str = "*") -> list[Path]:
    """Folders of all finished runs, of one study or of all, the oldest first."""
    folders = (folder for folder in outputs_folder().glob(f"{study}/*/") if not folder.parent.name.startswith("."))
    return sorted(filter(is_whole, folders), key=_started)


def find_run(name: str) -> Path:
    """The folder of the run of that identity.

    Args:
        name: a run's identity (the name of its folder), a beginning of it that no other run has, either of them after
            ``STUDY/``, or the path of its folder.

    Raises:
        StudyError: no run, or more than one, has that name.
    """
    if is_whole(Path(name).absolute()):
        return Path(name).absolute()
    study, _, identity = name.rstrip("/").rpartition("/")
    folders = [folder for folder in run_folders() if study in ("", folder.parent.name)]
    found = [folder for folder in folders if folder.name == identity]
    found = found or [folder for folder in folders if identity and folder.name.startswith(identity)]
    if not found:
        raise StudyError(f"no finished run is called {name!r}; `studies results` lists them")
    if len(found) > 1:
        names = ", ".join(f"{folder.parent.name}/{folder.name}" for folder in found[:5])
        raise StudyError(f"{name!r} begins the names of {len(found)} runs: {names}; say more of it")
    return found[0]


def last_two_runs(study: str) -> tuple[Path, Path]:
    """Folders of a study's last two runs, the older first.

    Raises:
        StudyError: there are not two.
    """
    folders = run_folders(study)
    if len(folders) < 2:
        raise StudyError(f"{study}: it has {len(folders)} finished run{'s' * (len(folders) != 1)}; two are compared")
    return folders[-2], folders[-1]


def read_run(folder: Path) -> RunRecord:
    """Read all that a finished run wrote down.

    Raises:
        StudyError: a file of it is damaged.
    """
    try:
        told, origin = (json.loads((folder / name).read_text()) for name in ("verdict.json", "provenance.json"))
        parameters = yaml.safe_load((folder / "params.yaml").read_text())
        if not all(isinstance(one, dict) for one in (told, origin, parameters)):
            raise ValueError("of another shape")
        told = {**told, "study": str(told["study"]), "verdicts": [checked_verdict(one) for one in told["verdicts"]]}
        origin = checked_origin(origin)
    except (OSError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError, yaml.YAMLError) as error:
        raise StudyError(f"{folder}: the run's files are damaged ({error}); run it again with --force") from None
    return RunRecord(folder, told, parameters, origin, read_results(folder / "results.parquet"))


def _started(folder: Path) -> str:
    try:
        return str(json.loads((folder / "provenance.json").read_text()).get("started", ""))
    except (OSError, ValueError, RecursionError):
        return ""
