"""What a study says of itself before it runs: paper, claims, corpora, parameters, cost. Light to import."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from helpers.errors import StudyError
from helpers.evaluation.claims import Claim

_BRIEF = reprlib.Repr()
_BRIEF.maxlevel = 2
_BRIEF.maxstring = _BRIEF.maxother = _BRIEF.maxlong = 120
_BRIEF.maxlist = _BRIEF.maxdict = 12
NO_EFFECT: dict[str, Any] = {"affects_results": False}  # json_schema_extra of a parameter that cannot change a number


def _shares_with_all(value: list[float]) -> list[float]:
    if not all(0 < f <= 1 for f in value) or 1.0 not in value:
        raise ValueError("each share must be in (0, 1], and 1 must be among them: the claims are judged there")
    return sorted(set(value))


LabelFractions = Annotated[list[float], Field(min_length=1), AfterValidator(_shares_with_all)]
"""Shares of the training labels, sorted, each once; 1 is among them."""


class StudyParameters(BaseModel):
    """Parameters that every study has; each study adds its own, with unit and range in the description."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    scale: str = Field("quick", pattern="^(quick|standard|paper)$", description="quick, standard or paper")
    corpus: str = Field(description="which corpus to look at")
    data_root: str = Field(
        "", description="folder of the real corpus, or the manifest file", json_schema_extra=NO_EFFECT
    )
    seeds: list[Annotated[int, Field(ge=0, lt=2**32)]] = Field(
        [0], min_length=1, description="one repetition a seed, each once, 0 to 2^32 - 1; >= 5 for a verdict"
    )
    threads: int = Field(1, ge=1, le=256, description="CPU threads of each worker")
    workers: int = Field(2, ge=1, le=256, description="runs of the grid side by side", json_schema_extra=NO_EFFECT)
    device: str = Field("cpu", pattern="^(cpu|cuda|auto)$", description="cpu, cuda or auto")

    @field_validator("seeds")
    @classmethod
    def _once_each(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("a seed stands twice; the same numbers twice are no further evidence")
        return seeds

    def affecting_results(self) -> dict[str, Any]:
        """The parameters that can change a number, in order of declaration."""
        left_out = {
            name
            for name, field in type(self).model_fields.items()
            if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("affects_results") is False
        }
        return self.model_dump(exclude=left_out)


@dataclass(frozen=True)
class Paper:
    """The published study."""

    authors: str
    title: str
    venue: str
    year: int
    link: str

    def citation(self) -> str:
        """One line."""
        return f"{self.authors}, {self.title}, {self.venue} {self.year}"


@dataclass(frozen=True)
class CorpusOption:
    """One value of the parameter ``corpus``.

    Attributes:
        name: the value.
        simulated: whether a generator makes it.
        built_in: whether it is there without ``data_root``.
        about: size, licence and layout or source, in one line.
    """

    name: str
    simulated: bool
    built_in: bool
    about: str


@dataclass(frozen=True)
class StudyCard:
    """A study, as ``studies list`` and ``studies show`` tell of it.

    Attributes:
        name: of the study, its notebook and its folder of parameter files.
        title: in plain words.
        paper: the published study.
        claims: what its runs give verdicts on.
        corpora: what it can look at.
        cost: scale -> cost in words, such as ``{"quick": "~30 s on 2 CPU cores"}``.
        parameters: the typed parameters.
        data_sources: parameters -> files and folders (``Path``) or ``"package:NAME"`` strings that hold the data, for
            the fingerprint; raises StudyError where ``data_root`` lacks what the corpus needs.
        minutes: scale -> minutes after which a run is stopped.
        settings: environment of the kernel, by parameters, besides threads (rarely needed).
    """

    name: str
    title: str
    paper: Paper
    claims: tuple[Claim, ...]
    corpora: tuple[CorpusOption, ...]
    cost: dict[str, str]
    parameters: type[StudyParameters]
    data_sources: Callable[[Any], list[Path | str]]
    minutes: dict[str, float]

    def claim(self, key: str) -> Claim:
        """The claim of that key."""
        return next(claim for claim in self.claims if claim.key == key)

    def corpus(self, name: str) -> CorpusOption:
        """The corpus of that name."""
        return next(option for option in self.corpora if option.name == name)

    def validated(self, values: dict[str, Any], where: str = "parameters") -> StudyParameters:
        """Typed parameters from plain values.

        Args:
            values: parameter name -> value, as YAML or a notebook gives them.
            where: the file or command that they come from, for the error.

        Raises:
            StudyError: one line that names where, the key, what is wrong and what is allowed.
        """
        try:
            parameters = self.parameters.model_validate(values)
        except ValidationError as error:
            raise StudyError(f"{where}: {_first_problem(error, self)}") from None
        names = [option.name for option in self.corpora]
        if parameters.corpus not in names:
            raise StudyError(f"{where}: corpus: {parameters.corpus!r} is unknown; allowed: {', '.join(names)}")
        return parameters


def brief(value: Any) -> str:
    """A value as it would be written, cut short where it is long (a few lines of YAML can stand for gigabytes)."""
    return _BRIEF.repr(value)


def _first_problem(error: ValidationError, card: StudyCard) -> str:
    problems = error.errors()
    problem = problems[0]
    key = ".".join(str(part) for part in problem["loc"]) or "parameters"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    if problem["type"] == "extra_forbidden":
        import difflib

        fields = list(card.parameters.model_fields)
        close = difflib.get_close_matches(key, fields, n=1)
        hint = f"did you mean {close[0]}?" if close else f"allowed: {', '.join(fields)}"
        return f"{key}: {card.name} has no such parameter; {hint}{more}"
    field = card.parameters.model_fields.get(str(problem["loc"][0])) if problem["loc"] else None
    allowed = f"; {key.split('.')[0]} is {field.description}" if field is not None and field.description else ""
    if problem["type"] == "missing":
        return f"{key}: is missing{allowed}{more}"
    return f"{key}: {problem['msg'].removeprefix('Value error, ')}, not {brief(problem['input'])}{allowed}{more}"
