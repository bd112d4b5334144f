"""What the fair_faces study is about: paper, claims, corpora, parameters, cost. Light to import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from helpers.evaluation.claims import Claim
from helpers.studies.card import CorpusOption, Paper, StudyCard, StudyParameters

BASELINES = ("simclr", "byol", "supcon")
ABLATIONS = ("no_dedup", "no_retrieval", "no_quality", "no_pseudo_labels", "no_weights")
MARGIN = 0.02  # loss of accuracy that counts as none, stated before any run


class FairFacesParameters(StudyParameters):
    """Parameters of the study; the defaults are those of ``quick``."""

    corpus: str = Field("faces", description="faces, utkface, fairface, celeba, folder or manifest")
    target: str = Field("", description="attribute to be told; empty: facial_hair, gender, Smiling or label")
    group: str = Field("", description="attribute of fairness; empty: tone, race, Male or group")
    image_size: int = Field(48, ge=24, le=512, description="side of the images, pixels, 24 to 512")
    drawn_train: int = Field(400, ge=100, description="drawn faces: training people, a picture each, >= 100")
    drawn_test: int = Field(150, ge=20, description="drawn faces: test people, a picture each, >= 20, tones equal")
    tone_shares: list[Annotated[float, Field(ge=0, le=1)]] = Field(
        [0.42, 0.25, 0.15, 0.1, 0.08],
        min_length=5,
        max_length=5,
        description="drawn faces: shares of the five tones, lightest first, among training people; they sum to 1",
    )
    reference_each: int = Field(6, ge=2, description="labelled reference images of each group and class, >= 2")
    imbalance: float = Field(
        12.0, ge=0, le=1000, description="pool: commonest over rarest group, >= 1; 0 takes the groups as they are"
    )
    copies: float = Field(0.2, ge=0, le=1, description="pool: planted near duplicates, share of the originals")
    poor: float = Field(0.15, ge=0, le=1, description="pool: planted poor pictures, share of the originals")
    least_noise: float = Field(0.05, ge=0, le=1, description="pool: wrong web labels in the commonest group, share")
    most_noise: float = Field(0.4, ge=0, le=1, description="pool: wrong web labels in the rarest group, share")
    one_sided_noise: bool = Field(True, description="pool: whether wrong web labels are all the commonest class")
    encoder: str = Field("small", description="small, small_stages, resnet18_cifar or a model of timm")
    source_faces: int = Field(256, ge=64, description="drawn faces in costume that the curating encoder learns, >= 64")
    source_steps: int = Field(40, ge=1, description="its optimiser steps")
    curating_weights: str = Field("", description="local file of weights of the curating encoder; empty: train it here")
    curating_encoder: str = Field("small", description="the curating encoder: as for encoder")
    neighbours: int = Field(4, ge=1, le=50, description="pool images retrieved for each reference image; paper: < 5")
    augmentation_strength: float = Field(1.0, ge=0, le=2, description="factor on every change of the views")
    hidden: int = Field(256, ge=2, le=8192, description="width of the hidden layers of projectors and predictors")
    projection: int = Field(64, ge=2, le=8192, description="size of the projection")
    temperature: float = Field(0.2, gt=0, description="of SimCLR and SupCon, > 0")
    momentum: float = Field(0.97, ge=0, lt=1, description="BYOL: momentum of the target at the start, in [0, 1)")
    train_steps: int = Field(12, ge=1, description="optimiser steps of every arm")
    epochs: int = Field(4, ge=1, description="parts that the steps are logged in")
    batch_size: int = Field(48, ge=4, description="images a step")
    learning_rate: float = Field(2e-3, gt=0, description="of AdamW, for every arm")
    weight_decay: float = Field(1e-4, ge=0, description="of every arm")
    meta_every: int = Field(4, ge=1, description="steps from one update of the weight network to the next; paper: 1")
    meta_rate: float = Field(1e-3, gt=0, description="learning rate of Adam for the weight network; paper: 1e-3")
    meta_batch: int = Field(48, ge=4, description="clean reference images a virtual step")
    virtual_rate: float = Field(0.1, gt=0, description="step of the virtual gradient descent")

    @field_validator("tone_shares")
    @classmethod
    def _sum_to_one(cls, value: list[float]) -> list[float]:
        if abs(sum(value) - 1) > 1e-6:
            raise ValueError("they must sum to 1")
        return value

    @field_validator("imbalance")
    @classmethod
    def _at_least_one(cls, value: float) -> float:
        if 0 < value < 1:
            raise ValueError("it is 0 or at least 1")
        return value


def data_sources(parameters: FairFacesParameters) -> list[Path | str]:
    """What is hashed for the data fingerprint."""
    from helpers.data.corpora.faces import FaceCrowd, face_sources
    from helpers.data.simulated.faces import GENERATOR

    p = parameters
    crowd = FaceCrowd(p.drawn_train, p.drawn_test, 1, tuple(p.tone_shares))
    sources = face_sources(p.corpus, p.data_root, p.image_size, crowd)
    source = Path(p.curating_weights) if p.curating_weights else f"generator:{GENERATOR}:costume:{p.source_faces}"
    return [*sources, source]


_CITATION = "Ramachandran & Rattani, IJCB 2024 (arXiv 2407.10104), abstract"
_PAPER = (
    "FairFace and CelebA: about +6 to 7 points of accuracy and −3.5 points of STD against other self-supervised ones"
)

CARD = StudyCard(
    name="fair_faces",
    title="Facial attributes that serve every group alike: curation, pseudo-labels and learned weights",
    paper=Paper(
        authors="Sreeraj Ramachandran & Ajita Rattani",
        title="A Self-Supervised Learning Pipeline for Demographically Fair Facial Attribute Classification",
        venue="IJCB",
        year=2024,
        link="https://arxiv.org/abs/2407.10104",
    ),
    claims=(
        Claim(
            key="leaves_random",
            statement="The pipeline's features tell the attribute better than the encoder's before any training.",
            citation="asked of every study here; a comparison says little where it does not hold",
            metric="linear_accuracy (share of test images)",
            direction="higher",
            method="full pipeline, frozen",
            baseline="random encoder, frozen",
        ),
        Claim(
            key="no_loss",
            statement="The pipeline loses no accuracy against the best (on validation images) of SimCLR, BYOL and "
            "SupCon on the uncurated pool.",
            citation=_CITATION,
            metric="linear_accuracy (share of test images)",
            direction="higher",
            method="full pipeline, frozen",
            baseline="SimCLR, BYOL or SupCon on the uncurated pool, whichever is best on validation",
            paper_figure=_PAPER,
            margin=MARGIN,
        ),
        Claim(
            key="narrower",
            statement="The spread of accuracy over groups is smaller under the pipeline than under the same baseline.",
            citation=_CITATION,
            metric="std_over_groups (standard deviation of group accuracies, shares)",
            direction="lower",
            method="full pipeline, frozen",
            baseline="the same as for the accuracy",
            paper_figure=_PAPER,
        ),
    ),
    corpora=(
        CorpusOption(
            "faces",
            True,
            True,
            "drawn faces with exact attributes: facial hair, glasses, long hair, smile; five skin tones",
        ),
        CorpusOption("utkface", False, False, "[age]_[gender]_[race]_[date].jpg; research use"),
        CorpusOption(
            "fairface", False, False, "fairface_label_train.csv, fairface_label_val.csv, train/, val/; CC BY 4.0"
        ),
        CorpusOption("celeba", False, False, "list_attr_celeba.txt, identities, partitions, img_align_celeba/"),
        CorpusOption("folder", False, False, "any faces: <group>/<label>/*.jpg"),
        CorpusOption("manifest", False, False, "a CSV with path, label, group, optionally subject, split"),
    ),
    cost={
        "quick": "~30 s on 2 CPU cores",
        "standard": "~10 min on 2 free CPU cores (1,159 CPU seconds)",
        "paper": "~150 GPU-hours for FairFace and CelebA, 5 seeds, every ablation",
    },
    parameters=FairFacesParameters,
    data_sources=data_sources,
    minutes={"quick": 10, "standard": 120, "paper": 30 * 24 * 60},
)
