"""What the video_siamese study is about: paper, claims, corpora, parameters, cost. Light to import."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from helpers.evaluation.claims import Claim
from helpers.studies.card import NO_EFFECT, CorpusOption, LabelFractions, Paper, StudyCard, StudyParameters


class VideoSiameseParameters(StudyParameters):
    """Parameters of the study; the defaults are those of ``quick``."""

    corpus: str = Field("drawn_studio", description="corpus that pairs are mined from; see its options")
    transfer_corpus: str = Field("drawn_street", description="other corpus, on which the same features are probed")
    transfer_root: str = Field(
        "", description="folder (or manifest) of the transfer corpus", json_schema_extra=NO_EFFECT
    )
    frame_size: int = Field(32, ge=16, le=256, description="side of the frames, pixels")
    clip_frames: int = Field(8, ge=4, le=64, description="frames a clip")
    clip_stride: int = Field(
        2, ge=1, le=16, description="frames (of 12.5 a second) from one frame of a clip to the next"
    )
    clip_step: int = Field(8, ge=1, le=1000, description="frames (of 12.5 a second) from one clip's start to the next")
    people: int = Field(16, ge=6, le=2000, description="persons in a drawn world")
    videos_each: int = Field(2, ge=1, le=100, description="videos a drawn person")
    video_seconds: float = Field(6.0, ge=1.5, le=120, description="length of a drawn video, seconds")
    change_rate: float = Field(0.15, ge=0, le=5, description="changes of action a second in a drawn video")
    world_seed: int = Field(0, ge=0, description="of the drawn worlds")
    near_seconds: float = Field(1.0, gt=0, le=60, description="clips of a video this near are a positive pair, seconds")
    far_seconds: float = Field(
        3.0, gt=0, le=600, description="clips of a video this far apart are a negative pair, seconds"
    )
    far_share: float = Field(0.5, ge=0, le=1, description="share of the negative pairs from far within one video")
    pairs: int = Field(384, ge=8, description="pairs mined, half of them positive")
    error_rates: list[float] = Field(
        [0.4], description="shares of the pairs turned wrong on purpose, each in (0, 0.5]; [] leaves that out"
    )
    encoder: str = Field(
        "conv3d_small", pattern="^(conv3d_small|c3d|r3d_18)$", description="conv3d_small, c3d or r3d_18"
    )
    what_moves: bool = Field(True, description="take each clip's mean over time off first, for every method")
    projection: int = Field(64, ge=2, le=4096, description="dimensions on which distances of a pair are taken")
    margin: float = Field(1.0, gt=0, le=2, description="distance up to which different clips are pushed apart, 0 to 2")
    epochs: int = Field(2, ge=0, description="passes over the pairs, the same for every pretext")
    batch_size: int = Field(32, ge=2, description="pairs a step")
    learning_rate: float = Field(2e-3, gt=0, description="of AdamW, the same for every pretext")
    weight_decay: float = Field(1e-4, ge=0, description="of AdamW")
    label_fractions: LabelFractions = Field([1.0], description="shares of the training labels, in (0, 1]; 1 included")
    neighbours: int = Field(10, ge=1, description="k of the nearest-neighbour probe")
    fine_tune_epochs: int = Field(
        10, ge=0, description="passes over all labels, 1/√share times as many over a share; 0 leaves fine-tuning out"
    )
    fine_tune_rate: float = Field(2e-3, gt=0, description="learning rate of fine-tuning and of training from scratch")
    processes: int = Field(1, ge=1, le=1024, description="torchrun processes of the pretraining that is shown")

    @field_validator("error_rates")
    @classmethod
    def _rates(cls, value: list[float]) -> list[float]:
        if not all(0 < rate <= 0.5 for rate in value):
            raise ValueError("each rate must be in (0, 0.5]; at 0.5 the pairs say nothing")
        return sorted(set(value))

    @model_validator(mode="after")
    def _fit_together(self) -> VideoSiameseParameters:
        if self.near_seconds >= self.far_seconds:
            raise ValueError(f"near_seconds ({self.near_seconds:g}) must be below far_seconds ({self.far_seconds:g})")
        if (self.corpus, self.data_root) == (self.transfer_corpus, self.transfer_root):
            raise ValueError("corpus and transfer_corpus are one and the same; transfer needs another")
        if self.transfer_corpus not in {option.name for option in CORPORA}:
            raise ValueError(f"transfer_corpus must be one of {', '.join(option.name for option in CORPORA)}")
        return self


def data_sources(parameters: Any) -> list[Path | str]:
    """What is hashed for the data fingerprint: both corpora."""
    from helpers.data.corpora.video import Drawing, video_sources

    p = parameters
    drawing = Drawing(p.people, p.videos_each, p.video_seconds, p.change_rate, p.world_seed)
    home = video_sources(p.corpus, p.data_root, drawing)
    return [*home, *video_sources(p.transfer_corpus, p.transfer_root, drawing)]


CORPORA = (
    CorpusOption(
        "drawn_studio", True, True, "drawn people, six KTH-like actions, plain studio, dark clothes, side view"
    ),
    CorpusOption("drawn_street", True, True, "the same actions before patterned walls, bright clothes, swaying camera"),
    CorpusOption("kth", False, False, "KTH: 25 persons, 6 actions, person01_walking_d1_uncomp.avi and 00sequences.txt"),
    CorpusOption(
        "ucf101", False, False, "UCF101: <class>/v_<Class>_g01_c01.avi and the train/test lists; split by group"
    ),
    CorpusOption("hmdb51", False, False, "HMDB51: <class>/*.avi and <class>_test_split1.txt; split by source film"),
    CorpusOption("folder", False, False, "any <class>/*.mp4 (avi, mkv, mov, webm, mpg …); split by video"),
    CorpusOption("manifest", False, False, "a CSV or Parquet file: path, label, optional subject and split"),
)

_CITATION = "Paul, Roy & Roy-Chowdhury, ICASSP 2018, abstract"
_LINEAR = "linear_accuracy (mean over test subjects, all training labels)"

CARD = StudyCard(
    name="video_siamese",
    title="Spatio-temporal embedding from clip pairs mined in unlabelled video",
    paper=Paper(
        authors="Sujoy Paul, Sourya Roy, Amit K. Roy-Chowdhury",
        title="Incorporating scalability in unsupervised spatio-temporal feature learning",
        venue="ICASSP",
        year=2018,
        link="https://arxiv.org/abs/1808.01727",
    ),
    claims=(
        Claim(
            key="same_corpus",
            statement="Features learnt from mined clip pairs raise linear-probe accuracy over a frozen random encoder "
            "in the corpus that they were learnt on.",
            citation=_CITATION,
            metric=_LINEAR,
            direction="higher",
            method="siamese",
            baseline="random",
        ),
        Claim(
            key="other_corpus",
            statement="The same features raise linear-probe accuracy over a frozen random encoder in another corpus.",
            citation=_CITATION,
            metric=_LINEAR,
            direction="higher",
            method="siamese",
            baseline="random",
        ),
        Claim(
            key="start",
            statement="Fine-tuning from the mined-pair features beats training from scratch under the same budget.",
            citation=_CITATION,
            metric="fine_tune_accuracy (mean over test subjects, smallest share of labels)",
            direction="higher",
            method="siamese",
            baseline="scratch",
        ),
    ),
    corpora=CORPORA,
    cost={
        "quick": "~35 s on 2 CPU cores",
        "standard": "~6 min on 2 CPU cores",
        "paper": "~60 GPU-hours (estimated), UCF101 with transfer to HMDB51",
    },
    parameters=VideoSiameseParameters,
    data_sources=data_sources,
    minutes={"quick": 5, "standard": 90, "paper": 6000},
)
