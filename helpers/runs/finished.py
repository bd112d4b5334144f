"""Finished runs, read back, and the gallery of results that is made from them."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from helpers.errors import StudyError
from helpers.places import outputs_folder, params_path
from helpers.report.gallery import gallery_page
from helpers.report.gallery_compared import difference_words, run_before, runs_side_by_side
from helpers.report.gallery_run import FinishedRun, GalleryStudy
from helpers.report.gallery_study import RUNS_SHOWN, study_page
from helpers.runs.verdict_file import checked_origin, checked_verdict, finite
from helpers.studies.card import StudyCard
from helpers.studies.catalogue import study_card, study_names
from helpers.studies.run_folder import code_version, is_whole, write_whole

SCALES = ("paper", "standard", "quick")  # the best first


def write_gallery() -> Path:
    """Write ``outputs/index.html`` from the catalogue and all finished runs, and a page for each study that has run.

    Returns:
        The first page's path.

    Raises:
        StudyError: it cannot be written.
    """
    every, damaged = all_finished_runs()
    shown = gallery_studies(every)
    made = datetime.now(UTC)
    for study in shown:
        own = sorted((run for run in every if run.study == study.name), key=lambda run: run.started, reverse=True)
        if own:
            page = study_page(study, own, runs_side_by_side(own), _changes(own), made)
            write_whole(outputs_folder() / study.name / "index.html", page)
    path = outputs_folder() / "index.html"
    write_whole(path, gallery_page(shown, damaged, made))
    return path


def gallery_studies(every: list[FinishedRun]) -> list[GalleryStudy]:
    """All studies of the catalogue, and those that only runs know of, each with the newest run of each kind."""
    newest = newest_of_each_kind(every)
    return [_gallery_study(name, newest) for name in dict.fromkeys([*study_names(), *(run.study for run in newest)])]


def _changes(runs: list[FinishedRun]) -> dict[str, str]:
    """Run -> what changed since the one before it; without those whose files cannot be read."""
    found = {}
    for run in runs[:RUNS_SHOWN]:
        before = run_before(run, runs)
        if before is not None:
            from helpers.report.run_difference import run_difference  # pandas: only where it is needed
            from helpers.runs.lookup import read_run

            with suppress(StudyError):
                found[run.folder.name] = difference_words(run_difference(read_run(before.folder), read_run(run.folder)))
    return found


def _gallery_study(name: str, runs: list[FinishedRun]) -> GalleryStudy:
    own = tuple(run for run in runs if run.study == name)
    card = _card(name)
    if card is None:
        return GalleryStudy(name, own[0].title, own[0].paper, "", (), "", own)
    claims = tuple(claim.statement for claim in card.claims)
    cost = card.cost.get("quick", "")
    return GalleryStudy(name, card.title, card.paper.citation(), card.paper.link, claims, cost, own)


def finished_runs() -> tuple[list[FinishedRun], int]:
    """:func:`newest_of_each_kind` of all finished runs, and how many folders are damaged."""
    every, damaged = all_finished_runs()
    return newest_of_each_kind(every), damaged


def all_finished_runs() -> tuple[list[FinishedRun], int]:
    """Every finished run, also those that a newer one like them replaces in the gallery; and how many are damaged.

    Returns:
        The runs in the order of :func:`newest_of_each_kind`, and the number of folders that hold no whole run though
        they look like one.
    """
    found: list[FinishedRun] = []
    damaged = 0
    versions: dict[str, str] = {}
    for folder in sorted(outputs_folder().glob("*/*/")):
        if folder.name.startswith(".") or folder.parent.name.startswith("."):
            continue
        try:
            found.append(_read(folder, versions))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError,
                yaml.YAMLError):  # fmt: skip
            damaged += 1
    return sorted(found, key=_rank), damaged


def newest_of_each_kind(runs: list[FinishedRun]) -> list[FinishedRun]:
    """The newest run per study, scale, corpus and changed parameters.

    Best scale first, unchanged parameters before changed ones, real data before simulated, newest first.
    """
    newest: dict[tuple[Any, ...], FinishedRun] = {}
    for run in runs:
        key = (run.study, run.scale, run.corpus, run.changed)
        if key not in newest or newest[key].started < run.started:
            newest[key] = run
    return sorted(newest.values(), key=_rank)


def _rank(run: FinishedRun) -> tuple[Any, ...]:
    return (run.study, SCALES.index(run.scale), bool(run.changed), run.simulated, -run.started.timestamp())


def _read(folder: Path, versions: dict[str, str]) -> FinishedRun:
    if not is_whole(folder):
        raise ValueError("not whole")
    told = json.loads((folder / "verdict.json").read_text())
    origin = checked_origin(json.loads((folder / "provenance.json").read_text()))
    study, scale = str(told["study"]), str(told["scale"])
    if scale not in SCALES or study != folder.parent.name:
        raise ValueError("of another shape")
    figure = told.get("key_figure") or {}
    ran = yaml.safe_load((folder / "params.yaml").read_text())
    if not isinstance(ran, dict):
        raise ValueError("no parameters")
    card = _card(study)
    if study not in versions:
        versions[study] = code_version(study)
    return FinishedRun(
        folder=folder,
        study=study,
        title=str(told["title"]),
        paper=str(told["paper"]),
        scale=scale,
        corpus=str(told["corpus"]),
        simulated=bool(told["simulated"]),
        seeds=len(told["seeds"]),
        changed=_changed(ran, card, study, scale),
        verdicts=tuple(checked_verdict(verdict) for verdict in told["verdicts"]),
        notes=tuple(str(note) for note in told.get("notes", ())),
        picture=_inside(folder, figure.get("file")),
        alt=str(figure.get("alt", "")),
        seconds=finite(origin["wall_seconds"]),
        mebibytes=finite(origin["peak_memory_mib"]),
        started=datetime.fromisoformat(origin["started"]).astimezone(UTC),
        dirty=bool(origin["code"].get("dirty")),
        earlier_code=origin["code"]["version"] != versions[study],
        seed_values=tuple(int(seed) for seed in told["seeds"]),
        code=str(origin["code"]["version"]),
        parameters=ran,
        provenance=origin,
    )


def _inside(folder: Path, name: Any) -> Path | None:
    """A PNG that lies in the run's own folder."""
    if not isinstance(name, str):
        return None
    path = (folder / name).resolve()
    good = path.is_relative_to(folder.resolve()) and path.suffix == ".png" and path.is_file()
    return path if good else None


def _card(study: str) -> StudyCard | None:
    try:
        return study_card(study)
    except StudyError:
        return None


def _changed(ran: dict[str, Any], card: StudyCard | None, study: str, scale: str) -> tuple[str, ...]:
    """Parameters of the run that differ from those of the scale's file, but for corpus and what changes no number."""
    if card is None:
        return ()
    try:
        file = yaml.safe_load(params_path(study, scale).read_text()) or {}
        usual = card.validated({**file, "scale": scale, "corpus": ran.get("corpus")}).affecting_results()
        here = card.validated(ran).affecting_results()
    except (OSError, StudyError, yaml.YAMLError):
        return ()
    return tuple(f"{key}={_short(value)}" for key, value in here.items() if value != usual[key])


def _short(value: Any) -> str:
    if isinstance(value, list) and len(value) > 6:
        return f"{len(value)} values"
    return str(value)
