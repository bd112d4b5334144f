"""What the direct_pred study is about: paper, claims, corpora, parameters, cost. Light to import."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from helpers.evaluation.claims import Claim
from helpers.studies.card import LabelFractions, Paper, StudyCard, StudyParameters
from helpers.studies.image_corpora import IMAGE_CORPORA

PREDICTORS = ("two_layer", "linear", "direct_pred", "direct_copy", "none")


class DirectPredParameters(StudyParameters):
    """Parameters of the study; the defaults are those of ``quick``."""

    corpus: str = Field("digits", description="digits, cifar10, stl10, folder or manifest")
    image_size: int = Field(
        0, ge=0, le=512, description="side of the images, pixels; 0 keeps the corpus's own (64 for files)"
    )
    train_limit: int = Field(560, ge=0, description="training images used, a class-stratified share; 0 uses all")
    augmentation: Literal["auto", "grey", "colour"] = Field(
        "auto", description="kind of views: auto, grey (shape changes only) or colour; auto goes by the channels"
    )
    augmentation_strength: float = Field(
        1.0, ge=0, le=2, description="factor on every change of the views; 1 is as designed"
    )
    encoder: str = Field("small", description="small, small_wide, resnet18_cifar or a model of timm")
    encoder_weights: str = Field("", description="local file of start weights; empty starts from scratch")
    hidden: int = Field(256, ge=1, le=8192, description="width of the projector's hidden layer")
    projection: int = Field(64, ge=2, le=4096, description="size of the projection, and of F and W_p")
    predictors: list[Literal["two_layer", "linear", "direct_pred", "direct_copy"]] = Field(
        ["two_layer", "linear", "direct_pred", "direct_copy"],
        description="arms of the main comparison; direct_pred, two_layer and linear must be among them",
    )
    ema: float = Field(0.99, ge=0, lt=1, description="momentum of the target network, in [0, 1)")
    rho: float = Field(0.3, ge=0, lt=1, description="memory of F a step, in [0, 1)")
    epsilon: float = Field(0.1, ge=0, description="DirectPred's floor, relative to the largest eigenvalue's root")
    copy_epsilon: float = Field(0.3, ge=0, description="DirectCopy's floor, relative to F's norm")
    every: int = Field(1, ge=1, description="steps between two settings of the closed-form predictor")
    epochs: int = Field(2, ge=1, description="passes over the training images, main comparison")
    batch_size: int = Field(64, ge=2, description="images a step")
    learning_rate: float = Field(0.1, gt=0, description="of SGD with momentum 0.9, the same for every arm")
    weight_decay: float = Field(4e-4, ge=0, description="of the main comparison")
    warmup_epochs: float = Field(0.0, ge=0, description="epochs of linear warm-up")
    precision: Literal["fp32", "bf16", "auto"] = Field(
        "fp32", description="of pretraining: fp32, bf16 or auto (what one measurement finds faster)"
    )
    ablation_epochs: int = Field(
        1, ge=0, description="passes over the training images in the ablation; 0 leaves the ablation out"
    )
    ablation_seeds: int = Field(1, ge=1, description="repetitions of each cell of the ablation")
    ablation_weight_decays: list[float] = Field(
        [4e-4], min_length=1, description="weight decays of the ablation, each >= 0"
    )
    label_fractions: LabelFractions = Field(
        [0.01, 0.1, 1.0],
        description="shares of the training labels for the probes, in (0, 1]; 1 included",
    )
    scratch_epochs: int = Field(
        6,
        ge=1,
        description="passes of the supervised baseline over all labels; fewer labels get 1/√share times as many",
    )
    processes: int = Field(1, ge=1, le=1024, description="torchrun processes of the pretraining that is shown")

    @field_validator("predictors")
    @classmethod
    def _claims_can_be_judged(cls, value: list[str]) -> list[str]:
        missing = [p for p in ("direct_pred", "two_layer", "linear") if p not in value]
        if missing:
            raise ValueError(f"{', '.join(missing)} must be among them: the claims compare them")
        if len(set(value)) < len(value):
            raise ValueError("an arm stands twice")
        return value

    @field_validator("ablation_weight_decays")
    @classmethod
    def _decays(cls, value: list[float]) -> list[float]:
        if any(decay < 0 for decay in value):
            raise ValueError("each weight decay must be >= 0")
        return sorted(set(value))


def data_sources(parameters: DirectPredParameters) -> list[Path | str]:
    """What is hashed for the data fingerprint."""
    from helpers.data.corpora.images import image_sources

    return image_sources(parameters.corpus, parameters.data_root)


_CITATION = "Tian, Chen & Ganguli, ICML 2021"
_METRIC = "linear_accuracy (share of test images, all training labels)"

CARD = StudyCard(
    name="direct_pred",
    title="Non-contrastive learning with a predictor set in closed form",
    paper=Paper(
        authors="Yuandong Tian, Xinlei Chen, Surya Ganguli",
        title="Understanding self-supervised learning dynamics without contrastive pairs",
        venue="ICML",
        year=2021,
        link="https://arxiv.org/abs/2102.06810",
    ),
    claims=(
        Claim(
            key="matches_two_layer",
            statement="A linear predictor set from statistics (DirectPred) does no worse than BYOL's trained two-layer "
            "one, give or take one point.",
            citation=f"{_CITATION}, §5",
            metric=_METRIC,
            direction="higher",
            method="direct_pred",
            baseline="two_layer",
            paper_figure="ImageNet, ResNet-50, 300 epochs: 72.4 against 72.5 %",
            margin=0.01,
        ),
        Claim(
            key="beats_linear",
            statement="DirectPred beats a linear predictor trained by gradient descent.",
            citation=f"{_CITATION}, §5",
            metric=_METRIC,
            direction="higher",
            method="direct_pred",
            baseline="linear",
            paper_figure="STL-10, ResNet-18, 100 epochs: 77.86 against 75.06 %",
        ),
        Claim(
            key="needs_stop_gradient",
            statement="Taking the stop-gradient away, which lets the projections collapse, costs accuracy (both arms: "
            "DirectPred, no moving average).",
            citation=f"{_CITATION}, §3",
            metric=_METRIC,
            direction="higher",
            method="direct_pred with stop-gradient",
            baseline="direct_pred without stop-gradient",
        ),
        Claim(
            key="needs_predictor",
            statement="Taking the predictor away, which lets the projections collapse, costs accuracy (both arms: "
            "moving average and stop-gradient).",
            citation=f"{_CITATION}, §3",
            metric=_METRIC,
            direction="higher",
            method="direct_pred",
            baseline="no predictor",
        ),
    ),
    corpora=IMAGE_CORPORA,
    cost={
        "quick": "~40 s on 2 CPU cores",
        "standard": "~12 min on 2 CPU cores",
        "paper": "~60 GPU-hours for STL-10, 5 seeds, without the ablation grid",
    },
    parameters=DirectPredParameters,
    data_sources=data_sources,
    minutes={"quick": 10, "standard": 120, "paper": 7 * 24 * 60},
)
