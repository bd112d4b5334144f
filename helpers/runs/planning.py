"""What is to be run: parameter files and command-line values merged, validated and named. Light to import."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from helpers.data.fingerprint import fingerprint
from helpers.errors import StudyError
from helpers.places import ROOT, notebook_path, params_path
from helpers.studies.card import StudyParameters
from helpers.studies.catalogue import study_card, study_names
from helpers.studies.run_folder import finished_folder, is_whole, run_id

Layer = tuple[str, dict[str, Any]]  # (the file or option that the values come from, the values)


@dataclass(frozen=True)
class PlannedRun:
    """One run, not yet started.

    Attributes:
        study: its name.
        identity: hash of parameters, data and code; the name of its folder.
        parameters: resolved and validated.
        minutes: after which it is stopped.
        detail: what sets it apart from the other runs of a sweep, such as ``"seed 3, epochs 2"``.
    """

    study: str
    identity: str
    parameters: StudyParameters
    minutes: float
    detail: str = ""

    @property
    def label(self) -> str:
        """Study, scale and corpus, and the detail, for a person."""
        return " ".join(filter(None, [self.study, self.parameters.scale, self.parameters.corpus, self.detail]))

    @property
    def folder(self) -> Path:
        """Where the finished run lies, or will lie."""
        return finished_folder(self.study, self.identity)

    @property
    def done(self) -> bool:
        """Whether this run lies there finished."""
        return is_whole(self.folder)

    @property
    def cores(self) -> int:
        """CPU cores that the run asks for."""
        return self.parameters.threads * self.parameters.workers


def plan(
    study: str,
    scale: str = "quick",
    files: Sequence[Path] = (),
    pairs: Sequence[str] = (),
    seeds: str | None = None,
    minutes: float | None = None,
    beside_others: bool = False,
) -> PlannedRun:
    """Merge the values for a run; what comes later wins: file of the scale, ``files``, ``pairs``, ``seeds``.

    Args:
        study: its name.
        scale: quick, standard or paper.
        files: YAML files of parameters.
        pairs: ``"key=value"``, the value a YAML scalar or list.
        seeds: such as ``"0-4"`` or ``"0,2,5"``.
        minutes: time limit in place of the card's own.
        beside_others: one worker unless ``files`` or ``pairs`` say how many, and the longer for it: runs side by side
            fill the cores better than one after the other, each of which has parts that only one core can do.

    Raises:
        StudyError: one line that names the file or option, the key and what is allowed.
    """
    layers: list[Layer] = [("beside others", {"workers": 1})] if beside_others else []
    layers += [(shown(file), read_parameters(file)) for file in files]
    layers += [("-p", dict([read_pair(pair)])) for pair in pairs]
    if seeds is not None:
        layers.append(("--seeds", {"seeds": read_seeds(seeds)}))
    run = plan_layers(study, scale, layers, minutes)
    if minutes is not None or not beside_others:
        return run
    usual = study_card(study).validated({"scale": scale, **read_parameters(params_path(study, scale))})
    return replace(run, minutes=run.minutes * max(usual.workers / run.parameters.workers, 1.0))


def plan_layers(
    study: str, scale: str, layers: Sequence[Layer], minutes: float | None = None, detail: str = ""
) -> PlannedRun:
    """Lay the values for a run over those of the scale's file; what comes later wins.

    Args:
        study: its name.
        scale: quick, standard or paper.
        layers: further values, each with the file or option that they come from.
        minutes: time limit in place of the card's own.
        detail: what sets the run apart from the others of a sweep.

    Raises:
        StudyError: one line that names the file or option, the key and what is allowed.
    """
    card = study_card(study)
    scale_file = params_path(study, scale)
    merged: dict[str, Any] = {}
    for where, values in [(shown(scale_file), {"scale": scale, **read_parameters(scale_file)}), *layers]:
        merged |= values
        parameters = card.validated(merged, where=where)
    if parameters.data_root:
        rooted = str(Path(os.path.expanduser(parameters.data_root)).absolute())
        parameters = parameters.model_copy(update={"data_root": rooted})
    if not notebook_path(study).is_file():
        raise StudyError(f"{study}: its notebook {shown(notebook_path(study))} is absent")
    try:
        data = fingerprint(card.data_sources(parameters))
    except StudyError as error:
        raise StudyError(f"{study}: {error}") from None
    identity = run_id(study, parameters.affecting_results(), data)
    return PlannedRun(study, identity, parameters, minutes or card.minutes[parameters.scale], detail)


def chosen_studies(words: Sequence[str]) -> list[str]:
    """The studies that the words on a command line mean; ``all`` is all of them.

    Raises:
        StudyError: a word is no study, or there are none.
    """
    chosen: list[str] = []
    for word in words:
        chosen += study_names() if word == "all" else [study_card(word).name]
    if not chosen:
        raise StudyError("name a study, or say all; `studies list` shows them")
    return list(dict.fromkeys(chosen))


def read_yaml(path: Path) -> Any:
    """Read a YAML file; a key that stands twice is refused.

    Raises:
        StudyError: the file is absent or is not YAML.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_OnceEach)
    except FileNotFoundError:
        raise StudyError(f"{shown(path)}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{shown(path)}: cannot be read as text: {error}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f"line {mark.line + 1}: " if mark else ""
        raise StudyError(f"{shown(path)}: {line}{error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: such as the date 2020-13-01
        raise StudyError(f"{shown(path)}: is not YAML: {error}") from None


def read_parameters(path: Path) -> dict[str, Any]:
    """Read a YAML file of parameters.

    Raises:
        StudyError: the file is absent, is not YAML, or is not one ``key: value`` a parameter.
    """
    found = read_yaml(path)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise StudyError(f"{shown(path)}: must hold `key: value` lines, not a {type(found).__name__}")
    for key in found:
        if not isinstance(key, str):
            raise StudyError(f"{shown(path)}: {key}: is not the name of a parameter")
    return found


def read_pair(pair: str) -> tuple[str, Any]:
    """``"key=value"`` as a key and a typed value.

    Raises:
        StudyError: there is no ``=``, or the value is not YAML.
    """
    key, equals, text = pair.partition("=")
    key = key.strip()
    if not equals or not key:
        raise StudyError(f"-p: {pair!r} must read key=value")
    try:
        return key, yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise StudyError(f"-p: {key}: {text!r} is not a YAML value") from None


def read_seeds(text: str) -> list[int]:
    """``"0-4"`` or ``"0,2,5"`` (or both mixed) as seeds, in order, each once.

    Raises:
        StudyError: anything else.
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or int(last or first) < int(first):
            raise StudyError(f"--seeds: {text!r} must read like 0-4 or 0,2,5")
        if int(last or first) - int(first) >= 10_000:
            raise StudyError(f"--seeds: {text!r} is more than 10,000 seeds")
        seeds += range(int(first), int(last or first) + 1)
    return list(dict.fromkeys(seeds))


def shown(path: Path) -> str:
    """A path as short as it can be said: from the working directory or the project, where it lies in one."""
    for start in (Path.cwd(), ROOT):
        if path.absolute().is_relative_to(start):
            return str(path.absolute().relative_to(start))
    return str(path)


class _OnceEach(yaml.SafeLoader):
    """YAML that refuses the same key twice, where the standard silently takes the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping, each of its keys once."""
        found = super().construct_mapping(node, deep)
        if len(found) < len(node.value):
            names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            twice = next((name for name in names if names.count(name) > 1), "a key")
            raise yaml.MarkedYAMLError(problem=f"{twice}: is given twice", problem_mark=node.start_mark)
        return found
