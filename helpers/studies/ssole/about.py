"""What the ssole study is about: paper, claims, corpora, parameters, cost. Light to import."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from helpers.evaluation.claims import Claim
from helpers.studies.card import Paper, StudyCard, StudyParameters
from helpers.studies.image_corpora import IMAGE_CORPORA

RIVALS = ("simclr", "byol", "barlow_twins", "vicreg")


class SsoleParameters(StudyParameters):
    """Parameters of the study; the defaults are those of ``quick``."""

    corpus: str = Field("digits", description="digits, cifar10, stl10, folder or manifest")
    image_size: int = Field(
        0, ge=0, le=512, description="side of the images, pixels; 0 keeps the corpus's own (64 for files)"
    )
    train_limit: int = Field(500, ge=0, description="training images used, a class-stratified share; 0 uses all")
    augmentation: Literal["auto", "grey", "colour"] = Field(
        "auto", description="kind of views: auto, grey (shape changes only) or colour; auto goes by the channels"
    )
    augmentation_strength: float = Field(
        1.0, ge=0, le=2, description="factor on every change of the views; 1 is as designed"
    )
    encoder: str = Field("small", description="small, small_wide, resnet18_cifar or a model of timm")
    encoder_weights: str = Field("", description="local file of start weights; empty starts from scratch")
    hidden: int = Field(256, ge=1, le=8192, description="width of the projectors' hidden layers")
    projection: int = Field(64, ge=2, le=8192, description="size of the projections")
    methods: list[Literal["ssole", "simclr", "byol", "barlow_twins", "vicreg", "naive_ole"]] = Field(
        ["ssole", "simclr", "byol", "barlow_twins", "vicreg", "naive_ole"],
        description="what is compared; ssole, naive_ole and a rival must be among them",
    )
    rank_weight: float = Field(0.6, ge=0, description="λ of SSOLE's high-rank term, 0.6 in the paper")
    temperature: float = Field(0.2, gt=0, description="of SimCLR")
    ema: float = Field(0.99, ge=0, lt=1, description="momentum of BYOL's target, in [0, 1)")
    epochs: int = Field(2, ge=1, description="passes over the training images, the same for every run")
    batch_size: int = Field(32, ge=4, description="images a step of the main comparison: the small batch")
    views: int = Field(2, ge=2, le=16, description="views of an image in the main comparison, for every method")
    optimiser: Literal["sgd", "adam", "adamw"] = Field("adamw", description="sgd (momentum 0.9), adam or adamw")
    learning_rate: float = Field(
        2e-3, gt=0, description="at batch_size, for every method; other batch sizes get √(size / batch_size) times it"
    )
    weight_decay: float = Field(1e-4, ge=0, description="of the optimiser")
    warmup_epochs: float = Field(0.0, ge=0, description="epochs of linear warm-up")
    precision: Literal["fp32", "bf16", "auto"] = Field(
        "fp32", description="of pretraining: fp32, bf16 or auto (what one measurement finds faster)"
    )
    batch_sizes: list[int] = Field(
        [128], description="images a step of the runs over batch size, each 4 to 4096; may be empty"
    )
    view_counts: list[int] = Field(
        [4], description="views of the runs over the number of views, each 2 to 16; may be empty"
    )
    axis_seeds: int = Field(1, ge=1, description="repetitions of the runs over batch size and views")
    timed_steps: int = Field(3, ge=1, le=100, description="steps that a method's time is the median of")
    label_fractions: list[float] = Field(
        [0.01, 0.1, 1.0],
        min_length=1,
        description="shares of the training labels for the probes, in (0, 1]; 1 included",
    )
    scratch_epochs: int = Field(
        20,
        ge=1,
        description="passes of the supervised baseline over all labels; fewer labels get 1/√share times as many",
    )
    processes: int = Field(1, ge=1, le=1024, description="torchrun processes of the pretraining that is shown")

    @field_validator("methods")
    @classmethod
    def _claims_can_be_judged(cls, value: list[str]) -> list[str]:
        missing = [m for m in ("ssole", "naive_ole") if m not in value]
        if missing or not set(value) & set(RIVALS):
            raise ValueError(
                f"ssole, naive_ole and one of {', '.join(RIVALS)} must be among them: the claims compare them"
            )
        if len(set(value)) < len(value):
            raise ValueError("a method stands twice")
        return value

    @field_validator("label_fractions")
    @classmethod
    def _fractions(cls, value: list[float]) -> list[float]:
        if not all(0 < f <= 1 for f in value) or 1.0 not in value:
            raise ValueError("each share must be in (0, 1], and 1 must be among them: the claims are judged there")
        return sorted(set(value))

    @field_validator("batch_sizes")
    @classmethod
    def _batches(cls, value: list[int]) -> list[int]:
        if any(not 4 <= size <= 4096 for size in value):
            raise ValueError("each batch size must be in 4 to 4096")
        return sorted(set(value))

    @field_validator("view_counts")
    @classmethod
    def _views(cls, value: list[int]) -> list[int]:
        if any(not 2 <= count <= 16 for count in value):
            raise ValueError("each number of views must be in 2 to 16")
        return sorted(set(value))


def data_sources(parameters: SsoleParameters) -> list[Path | str]:
    """What is hashed for the data fingerprint."""
    from helpers.data.corpora.images import image_sources

    return image_sources(parameters.corpus, parameters.data_root)


_METRIC = "linear_accuracy (share of test images, all training labels)"

CARD = StudyCard(
    name="ssole",
    title="Self-supervised learning by low rank for an image and high rank for a batch",
    paper=Paper(
        authors="Lun Huang, Qiang Qiu, Guillermo Sapiro",
        title="SSOLE: Rethinking orthogonal low-rank embedding for self-supervised learning",
        venue="ICLR",
        year=2025,
        link="https://github.com/husthuaan/ssole",
    ),
    claims=(
        Claim(
            key="competitive_at_small_batch",
            statement="At a small batch, without memory bank or second encoder, SSOLE does no worse than the best of "
            "SimCLR, BYOL, Barlow Twins and VICReg (the one best on validation images), give or take one point.",
            citation="Huang et al., ICLR 2025, abstract",
            metric=_METRIC,
            direction="higher",
            method="ssole",
            baseline="the best rival",
            paper_figure="ImageNet-100, ResNet-18, 100 epochs: 82.5 % with 8 views (second-hand), BYOL 80.3 %",
            margin=0.01,
        ),
        Claim(
            key="needs_its_changes",
            statement="SSOLE's two changes are needed: orthogonal low-rank embedding as it stands, every image a "
            "class, learns less.",
            citation="Huang et al., ICLR 2025, abstract",
            metric=_METRIC,
            direction="higher",
            method="ssole",
            baseline="naive OLE",
        ),
    ),
    corpora=IMAGE_CORPORA,
    cost={
        "quick": "~30 s on 2 CPU cores",
        "standard": "~8 min on 2 free CPU cores (894 CPU seconds)",
        "paper": "~150 GPU-hours for ImageNet-100, 3 seeds, without the axes",
    },
    parameters=SsoleParameters,
    data_sources=data_sources,
    minutes={"quick": 10, "standard": 120, "paper": 14 * 24 * 60},
)
