"""Sweep files: many runs in a few lines of YAML, every one of them checked before the first is started."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from helpers.errors import StudyError
from helpers.places import params_path
from helpers.runs.planning import (
    PlannedRun,
    chosen_studies,
    plan_layers,
    read_parameters,
    read_seeds,
    read_yaml,
    shown,
)
from helpers.studies.card import StudyParameters, brief
from helpers.studies.catalogue import study_card

MOST_RUNS = 10_000
Scale = Literal["quick", "standard", "paper"]


class Block(BaseModel):
    """One grid: a run for every combination of study, scale, corpus, seed, label fraction, ``grid`` and ``runs``.

    Attributes:
        studies: names of studies, or ``all``.
        scales: whose parameter files the runs start from.
        corpora: names of corpora; ``built_in`` stands for those that the study has without ``data_root``. Not given:
            what the scale's file has.
        seeds: a run for each of these seeds, such as ``0-4``. (For one run of many seeds, set ``seeds`` in ``set``.)
        label_fractions: a run for each, with that share of the labels, beside all of them.
        set: parameters that all runs have.
        grid: parameter -> values; a run for every combination.
        runs: lists of parameters that belong together; a run for each.
        minutes: time limit of a run, in place of its study's own (which is longer here for runs of fewer workers or
            more seeds than the scale's file has).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    studies: list[str] = Field(min_length=1)
    scales: list[Scale] = Field(["quick"], min_length=1)
    corpora: list[str] = Field([], validate_default=False)
    seeds: list[int] = []
    label_fractions: list[float] = []
    set: dict[str, Any] = {}
    grid: dict[str, list[Any]] = {}
    runs: list[dict[str, Any]] = Field([{}], min_length=1)
    minutes: float | None = Field(None, gt=0)

    @field_validator("studies", "scales", "corpora", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("label_fractions", mode="before")
    @classmethod
    def _number_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, int | float) else value

    @field_validator("seeds", mode="before")
    @classmethod
    def _range(cls, value: Any) -> Any:
        if isinstance(value, str):
            try:
                return read_seeds(value)
            except StudyError:
                raise ValueError("must read like 0-4 or 0,2,5, or be a list") from None
        return [value] if isinstance(value, int) else value

    @field_validator("grid")
    @classmethod
    def _filled(cls, value: dict[str, list[Any]]) -> dict[str, list[Any]]:
        for name, values in value.items():
            if not values:
                raise ValueError(f"{name} has no values")
        return value


def planned_sweep(path: Path, minutes: float | None = None) -> list[PlannedRun]:
    """All runs of a sweep file, each once, every one's parameters validated.

    A run has one worker (``workers: 1``) unless the file sets it: a sweep fills the cores with runs side by side.

    Args:
        path: a YAML file that holds a :class:`Block` or a list of them.
        minutes: time limit of every run, in place of what the file and the studies say.

    Raises:
        StudyError: one line that names the file, the key and what is allowed.
    """
    found = read_yaml(path)
    several = isinstance(found, list)
    if not found or not isinstance(found, list | dict):
        raise StudyError(
            f"{shown(path)}: a sweep is `key: value` lines, at least `studies: …`, or a list of such blocks"
        )
    runs: dict[tuple[str, str], PlannedRun] = {}
    for number, values in enumerate(found if several else [found], start=1):
        where = f"{shown(path)}: block {number}" if several else shown(path)
        for run in _runs(_block(values, where), where, minutes):
            runs.setdefault((run.study, run.identity), run)
            if len(runs) > MOST_RUNS:
                raise StudyError(f"{where}: makes more than {MOST_RUNS:,} runs")
    return list(runs.values())


def _block(values: Any, where: str) -> Block:
    if not isinstance(values, dict):
        raise StudyError(f"{where}: must hold `key: value` lines, not a {type(values).__name__}")
    try:
        return Block.model_validate(values)
    except ValidationError as error:
        problem = error.errors()[0]
    key = ".".join(map(str, problem["loc"]))
    allowed = list(Block.model_fields)
    if problem["type"] == "extra_forbidden":
        close = difflib.get_close_matches(key, allowed, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise StudyError(f"{where}: {key}: a sweep has no such key; {hint}allowed: {', '.join(allowed)}")
    if problem["type"] == "missing":
        raise StudyError(f"{where}: {key}: is missing")
    message = problem["msg"].removeprefix("Value error, ")
    raise StudyError(f"{where}: {key}: {message}, not {brief(problem['input'])}")


def _runs(block: Block, where: str, minutes: float | None) -> Iterator[PlannedRun]:
    """The runs of one block, in the order of its keys."""
    _refuse_given_twice(block, where)
    try:
        studies = chosen_studies(block.studies)
    except StudyError as error:
        raise StudyError(f"{where}: studies: {error}") from None
    for study, scale in itertools.product(studies, block.scales):
        usual = study_card(study).validated({"scale": scale, **read_parameters(params_path(study, scale))})
        axes = list(_axes(block, study))
        for values in itertools.product(*(choices for _, choices in axes)):
            varied = {name: value for (name, _), value in zip(axes, values, strict=True)}
            together = {name: value for name, value in varied.items() if name != "runs"}
            together |= varied.get("runs", {})
            layer = {"workers": 1, **block.set, **together}
            detail = ", ".join(_words(name, value) for name, value in together.items() if name != "corpus")
            run = plan_layers(study, scale, [(where, layer)], minutes or block.minutes, detail)
            yield (
                run if minutes or block.minutes else replace(run, minutes=run.minutes * _longer(run.parameters, usual))
            )


def _longer(here: StudyParameters, usual: StudyParameters) -> float:
    """How much longer than at its scale's own settings a run may take: it has fewer workers, or more seeds."""
    return max(usual.workers / here.workers, 1.0) * max(len(here.seeds) / len(usual.seeds), 1.0)


def _axes(block: Block, study: str) -> Iterator[tuple[str, list[Any]]]:
    """Names of what is varied, with the values, for one study."""
    if block.corpora:
        built_in = [option.name for option in study_card(study).corpora if option.built_in]
        named = [built_in if name == "built_in" else [name] for name in block.corpora]
        yield "corpus", list(dict.fromkeys(itertools.chain(*named)))
    if block.seeds:
        yield "seeds", [[seed] for seed in block.seeds]
    if block.label_fractions:
        yield "label_fractions", [sorted({share, 1.0}) for share in block.label_fractions]
    yield from block.grid.items()
    if block.runs != [{}]:
        yield "runs", list(block.runs)


def _refuse_given_twice(block: Block, where: str) -> None:
    axes = {"corpora": "corpus", "seeds": "seeds", "label_fractions": "label_fractions"}
    homes = {parameter: axis for axis, parameter in axes.items() if getattr(block, axis)}
    in_runs = dict.fromkeys(itertools.chain(*block.runs))
    for home, names in (("set", block.set), ("grid", block.grid), ("runs", in_runs)):
        for name in names:
            if name == "scale":
                raise StudyError(f"{where}: {home}: scale: belongs under scales")
            if name in homes:
                raise StudyError(f"{where}: {name}: is given twice, in {homes[name]} and in {home}")
            homes[name] = home


def _words(name: str, value: Any) -> str:
    if name == "seeds" and isinstance(value, list) and len(value) == 1:
        return f"seed {value[0]}"
    if name == "label_fractions" and isinstance(value, list):
        return f"labels {value[0]:g}"
    return f"{name} {value}"
