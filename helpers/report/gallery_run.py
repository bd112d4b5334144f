"""What the gallery knows of finished runs and of the studies that they belong to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class FinishedRun:
    """One finished run.

    Attributes:
        folder: where it lies; its name is the run's.
        study, title, paper: of the study.
        scale, corpus, simulated, seeds: as it was run.
        changed: parameters that differ from the file of the scale, such as ``("epochs=1",)``.
        verdicts: as :class:`helpers.evaluation.claims.Verdict` writes them.
        notes: sentences that a reader must know.
        picture, alt: PNG file of the key figure and its text; None where there is none.
        seconds: wall time. mebibytes: peak memory.
        started: UTC.
        dirty: whether code was changed and not committed. earlier_code: whether the code has changed since.
        seed_values: the seeds themselves. code: version of the code, as provenance names it.
        parameters, provenance: as ``params.yaml`` and ``provenance.json`` have them.
    """

    folder: Path
    study: str
    title: str
    paper: str
    scale: str
    corpus: str
    simulated: bool
    seeds: int
    changed: tuple[str, ...]
    verdicts: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]
    picture: Path | None
    alt: str
    seconds: float
    mebibytes: float
    started: datetime
    dirty: bool
    earlier_code: bool
    seed_values: tuple[int, ...] = ()
    code: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class GalleryStudy:
    """One study, with its finished runs.

    Attributes:
        name, title: of the study.
        paper, link: its citation, and a web address of the paper (anything else is not linked).
        claims: statements, shown where it has not run yet.
        cost: of a quick run, in words.
        runs: the newest of each kind, the leading one first.
    """

    name: str
    title: str
    paper: str
    link: str
    claims: tuple[str, ...]
    cost: str
    runs: tuple[FinishedRun, ...]
