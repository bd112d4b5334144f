"""The card of the stub study: does a fair coin fall like a fair coin?"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from helpers.errors import StudyError
from helpers.evaluation.claims import Claim
from helpers.studies.card import CorpusOption, Paper, StudyCard, StudyParameters


class Parameters(StudyParameters):
    """Parameters of the stub."""

    corpus: str = Field("coins", description="coins (simulated) or folder (needs data_root)")
    throws: int = Field(100, ge=1, le=10**6, description="throws a seed, 1 to 10^6")
    lr: float = Field(0.1, gt=0, description="a number that is often written 1e-3")
    pause: float = Field(
        0.0, ge=0, description="seconds that each seed takes", json_schema_extra={"affects_results": False}
    )
    trouble: str = Field("", description="what goes wrong, and where")


def data_sources(parameters: Parameters) -> list[Path | str]:
    """The generator, or the folder."""
    if parameters.corpus == "coins":
        return ["generator:coins:1"]
    if not parameters.data_root:
        raise StudyError("data_root: the corpus 'folder' needs it; set it to a folder of coins")
    return [Path(parameters.data_root)]


CARD = StudyCard(
    name="stub",
    title="Does a <script>coin</script> remember?",
    paper=Paper("Stub et al.", "A coin has no memory", "Journal of Stubs", 1713, "doi:10.0000/stub"),
    claims=(
        Claim(
            key="memory",
            statement="The late throws fall higher than the early ones",
            citation="§ 1",
            metric="share of heads",
            direction="higher",
            method="late",
            baseline="early",
            paper_figure="+0.00 on coins",
        ),
    ),
    corpora=(
        CorpusOption("coins", simulated=True, built_in=True, about="a seeded generator"),
        CorpusOption("folder", simulated=False, built_in=False, about="files of coins"),
    ),
    cost={"quick": "~3 s on 1 CPU core", "standard": "~4 s on 1 CPU core", "paper": "~5 s on 1 CPU core"},
    parameters=Parameters,
    data_sources=data_sources,
    minutes={"quick": 10, "standard": 20, "paper": 30},
)
