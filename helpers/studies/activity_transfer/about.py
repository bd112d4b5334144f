"""What the activity_transfer study is about: paper, claims, corpora, parameters, cost. Light to import."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from helpers.errors import StudyError
from helpers.evaluation.claims import Claim
from helpers.studies.card import CorpusOption, Paper, StudyCard, StudyParameters


class ActivityTransferParameters(StudyParameters):
    """Parameters of the study; the defaults are those of ``quick``."""

    corpus: str = Field("smartwatch", description="smartwatch, uci_har, pamap2, wisdm, mhealth, hmp or manifest")
    window_seconds: float = Field(2.0, ge=0.5, le=30, description="length of a window, seconds")
    overlap: float = Field(0.5, ge=0, lt=1, description="of neighbouring windows of one recording, in [0, 1)")
    source_every: int = Field(
        2, ge=1, description="every n-th source window trains; 2 at overlap 0.5 is without overlap"
    )
    left_out: int = Field(3, ge=0, description="subjects that are left out in turn, evenly spread; 0 leaves out each")
    target_shares: list[float] = Field(
        [1.0, 0.4],
        min_length=1,
        description="shares of the activities that the new subject does, in (0, 1]; 1 included",
    )
    features: Literal["statistical", "learned"] = Field(
        "statistical",
        description="statistical (142 for six channels) or learned (contrastive encoder on source windows)",
    )
    learner: Literal["forest", "logistic"] = Field("forest", description="base learner of every method")
    trees: int = Field(25, ge=5, le=2000, description="in a forest")
    neighbours: int = Field(8, ge=1, le=200, description="of an observation in the network")
    resolution: float = Field(2.0, gt=0, le=50, description="of the communities; above 1 finds smaller ones")
    smallest: int = Field(8, ge=1, description="observations below which a community is left out")
    inner_subjects: int = Field(
        0, ge=0, description="source subjects on which each method's setting is chosen, in turn; 0 takes the middle one"
    )
    shown_subject: str = Field("", description="subject whose network is drawn; empty takes the first left out")
    encoder_epochs: int = Field(2, ge=0, description="passes over the source windows of the contrastive encoder")
    encoder_features: int = Field(128, ge=16, le=2048, multiple_of=16, description="size of the encoder's embedding")
    batch_size: int = Field(256, ge=2, description="windows a step of the encoder")
    learning_rate: float = Field(2e-3, gt=0, description="of the encoder's AdamW")
    processes: int = Field(1, ge=1, le=1024, description="torchrun processes of the pretraining that is shown")

    @field_validator("target_shares")
    @classmethod
    def _shares(cls, value: list[float]) -> list[float]:
        if not all(0 < share <= 1 for share in value) or 1.0 not in value:
            raise ValueError("each share must be in (0, 1], and 1 must be among them")
        return sorted(set(value), reverse=True)


def data_sources(parameters: ActivityTransferParameters) -> list[Path | str]:
    """What is hashed for the data fingerprint."""
    if parameters.corpus == "smartwatch":
        return ["package:seglearn"]
    root = Path(parameters.data_root)
    if not parameters.data_root or not root.exists():
        where = f"there is nothing at {parameters.data_root}" if parameters.data_root else "it is empty"
        raise StudyError(f"corpus {parameters.corpus} needs data_root, the folder it lies in, but {where}")
    return [root.parent if parameters.corpus == "manifest" else root]


_CITATION = "Fallahzadeh et al., IEEE TMC 22(1), 2023, abstract"
_FIGURE = "up to +22.5 % recognition accuracy over the state of the art, on the paper's own corpora"

CARD = StudyCard(
    name="activity_transfer",
    title="Activity recognition for a new user without labels: OptiMapper",
    paper=Paper(
        authors="Ramin Fallahzadeh, Zhila Esna Ashari, Parastoo Alinia, Hassan Ghasemzadeh",
        title="Personalized Activity Recognition Using Partially Available Target Data",
        venue="IEEE Transactions on Mobile Computing 22(1):374–388",
        year=2023,
        link="https://doi.org/10.1109/TMC.2021.3071434",
    ),
    claims=(
        Claim(
            key="all_activities",
            statement="For a new subject who does all activities, OptiMapper (one-to-one) is more accurate than the "
            "model of the source subjects.",
            citation=_CITATION,
            metric="accuracy (share of a left-out subject's windows)",
            direction="higher",
            method="optimapper_one_to_one",
            baseline="source_only",
            paper_figure=_FIGURE,
        ),
        Claim(
            key="some_activities",
            statement="So is OptiMapper (many-to-one) for a new subject who does only the smallest share (40 %).",
            citation=_CITATION,
            metric="accuracy (share of a left-out subject's windows, smallest share of activities)",
            direction="higher",
            method="optimapper_many_to_one",
            baseline="source_only",
            paper_figure="“high and sustained performance even in presence of partial data”, no number in the abstract",
        ),
    ),
    corpora=(
        CorpusOption(
            "smartwatch", False, True, "10 subjects × 7 shoulder exercises × 2 sides, 50 Hz; BSD, with seglearn"
        ),
        CorpusOption("uci_har", False, False, "30 subjects, 6 activities, phone at the waist, 50 Hz; UCI HAR Dataset/"),
        CorpusOption("pamap2", False, False, "9 subjects, 18 activities, 3 sensors, 100 Hz; subject101.dat …"),
        CorpusOption("wisdm", False, False, "36 subjects, 6 activities, phone, 20 Hz; WISDM_ar_v1.1_raw.txt"),
        CorpusOption("mhealth", False, False, "10 subjects, 12 activities, 3 sensors, 50 Hz; mHealth_subject1.log …"),
        CorpusOption(
            "hmp", False, False, "16 volunteers, 14 activities, wrist, 32 Hz; Accelerometer-DATE-ACTIVITY-VOLUNTEER.txt"
        ),
        CorpusOption("manifest", False, False, "your own: sample_id, subject, activity, path, rate; a row a recording"),
    ),
    cost={
        "quick": "~35 s on 2 CPU cores",
        "standard": "~4 min on 2 CPU cores",
        "paper": "~1 h on 8 CPU cores (PAMAP2)",
    },
    parameters=ActivityTransferParameters,
    data_sources=data_sources,
    minutes={"quick": 5, "standard": 45, "paper": 600},
)
