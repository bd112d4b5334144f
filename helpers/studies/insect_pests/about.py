"""What the insect_pests study is about: paper, claims, corpora, parameters, cost. Light to import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from helpers.evaluation.claims import Claim
from helpers.studies.card import CorpusOption, Paper, StudyCard, StudyParameters

METHODS = ("nnclr", "byol", "barlow_twins")


class InsectPestsParameters(StudyParameters):
    """Parameters of the study; the defaults are those of ``quick``."""

    corpus: str = Field("pests", description="pests, ip102, folder or manifest")
    image_size: int = Field(48, ge=16, le=512, description="side of the images, pixels, 16 to 512")
    drawn_train: int = Field(400, ge=22, description="drawn pests: training images, >= 22")
    drawn_test: int = Field(180, ge=22, description="drawn pests: test images, >= 22; at least 8 a species")
    imbalance: float = Field(
        20.0, ge=1, le=1000, description="drawn pests: count of the commonest species over that of the rarest"
    )
    inputs: list[Literal["raw", "segmented"]] = Field(
        ["raw", "segmented"],
        min_length=1,
        description="pictures as they are and with the ground blacked out; raw first",
    )
    segmentation: Literal["saliency", "grabcut"] = Field(
        "saliency", description="how the ground is found: saliency or grabcut"
    )
    methods: list[Literal["nnclr", "byol", "barlow_twins"]] = Field(
        ["nnclr", "byol", "barlow_twins"],
        min_length=2,
        description="pre-trainings to compare; nnclr and at least one other",
    )
    encoders: list[str] = Field(
        ["small"],
        min_length=1,
        description="small, small_wide, resnet18_cifar or models of timm; the claims are about the first",
    )
    wider_inputs: list[Literal["raw", "segmented"]] = Field(
        ["raw"], description="inputs on which the encoders after the first are pre-trained"
    )
    wider_methods: list[Literal["nnclr", "byol", "barlow_twins"]] = Field(
        ["nnclr"], description="those of the methods that go beyond raw pictures and the first encoder"
    )
    fine_tune_inputs: list[Literal["raw", "segmented"]] = Field(
        ["raw"], min_length=1, description="inputs on which encoders are also fine-tuned; raw among them"
    )
    augmentation_strength: float = Field(
        1.0, ge=0, le=2, description="factor on every change of the views; 1 is as designed"
    )
    hidden: int = Field(256, ge=2, le=8192, description="width of the hidden layers of projectors and predictors")
    projection: int = Field(64, ge=2, le=8192, description="size of the projection")
    queue: int = Field(512, ge=1, description="NNCLR: rows of the queue, >= 1")
    temperature: float = Field(0.1, gt=0, description="NNCLR: temperature, > 0")
    momentum: float = Field(0.99, ge=0, lt=1, description="BYOL: momentum of the target at the start, in [0, 1)")
    redundancy: float = Field(5e-3, ge=0, description="Barlow Twins: weight of the off-diagonal terms, >= 0")
    epochs: int = Field(4, ge=1, description="passes over the pretraining images")
    least_steps: int = Field(
        0, ge=0, description="a small corpus gets as many passes as make this number of steps, >= 0"
    )
    batch_size: int = Field(64, ge=2, description="images a step")
    nnclr_learning_rate: float = Field(2e-3, gt=0, description="of AdamW for NNCLR")
    byol_learning_rate: float = Field(2e-3, gt=0, description="of AdamW for BYOL")
    barlow_twins_learning_rate: float = Field(2e-3, gt=0, description="of AdamW for Barlow Twins")
    weight_decay: float = Field(1e-4, ge=0, description="of pre-training")
    warmup_epochs: float = Field(0.5, ge=0, description="epochs of linear warm-up")
    precision: Literal["fp32", "bf16", "auto"] = Field(
        "fp32", description="of pretraining: fp32, bf16 or auto (what one measurement finds faster)"
    )
    transfer_corpus: Literal["kernels", "digits"] = Field(
        "kernels", description="drawn kernels (variety × side) or digits: what the transferred encoder learned"
    )
    transfer_weights: str = Field(
        "", description="local file of the transferred weights, for the first encoder; empty: train them here"
    )
    transfer_images: int = Field(240, ge=24, description="labelled images of the transfer corpus, >= 24")
    label_fractions: list[Annotated[float, Field(gt=0, le=1)]] = Field(
        [0.05, 1.0], min_length=1, description="shares of the training labels, in (0, 1]; 1 included"
    )
    claim_fraction: float = Field(
        0.05, gt=0, le=1, description="end-to-end claims are judged at the one of label_fractions nearest to this"
    )
    fine_tune_steps: int = Field(
        60,
        ge=4,
        description="steps of fine-tuning with all labels; a share gets √share of them, at least a quarter",
    )
    fine_tune_batch: int = Field(32, ge=2, description="images a step of fine-tuning, at most")
    fine_tune_learning_rates: list[Annotated[float, Field(gt=0)]] = Field(
        [4e-3], min_length=1, description="tried for every start alike; the best on validation images counts"
    )
    processes: int = Field(1, ge=1, le=1024, description="torchrun processes of the pretraining that is shown")

    @field_validator("inputs", "fine_tune_inputs")
    @classmethod
    def _raw_is_there(cls, value: list[str]) -> list[str]:
        if "raw" not in value:
            raise ValueError("raw must be among them: the claims are about raw pictures")
        return sorted(set(value))

    @field_validator("methods")
    @classmethod
    def _claims_can_be_judged(cls, value: list[str]) -> list[str]:
        if "nnclr" not in value:
            raise ValueError("nnclr must be among them: the claims are about it")
        if len(set(value)) < len(value):
            raise ValueError("a method stands twice")
        return value

    @field_validator("encoders")
    @classmethod
    def _once(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError("an encoder stands twice")
        return value

    @field_validator("label_fractions")
    @classmethod
    def _all_labels(cls, value: list[float]) -> list[float]:
        if 1.0 not in value:
            raise ValueError("1 must be among them")
        return sorted(set(value))

    def judged_fraction(self) -> float:
        """The share of the labels at which end-to-end claims are judged."""
        return min(self.label_fractions, key=lambda share: abs(share - self.claim_fraction))


def data_sources(parameters: InsectPestsParameters) -> list[Path | str]:
    """What is hashed for the data fingerprint."""
    from helpers.data.corpora.pests import PestDrawing, pest_sources

    p = parameters
    drawing = PestDrawing(p.drawn_train, p.drawn_test, p.imbalance)
    sources = pest_sources(p.corpus, p.data_root, p.image_size, drawing)
    return [*sources, *([Path(p.transfer_weights)] if p.transfer_weights else [])]


_CITATION = "Kar et al., The Plant Phenome Journal 2023, abstract"

CARD = StudyCard(
    name="insect_pests",
    title="Insect pests from few labels: NNCLR, BYOL and Barlow Twins",
    paper=Paper(
        authors="Soumyashree Kar et al.",
        title="Self-supervised learning improves classification of agriculturally important insect pests in plants",
        venue="The Plant Phenome Journal",
        year=2023,
        link="https://doi.org/10.1002/ppj2.20079",
    ),
    claims=(
        Claim(
            key="leaves_random",
            statement="By k nearest neighbours, NNCLR's features tell pests apart better than those of the encoder "
            "before any training.",
            citation="asked of every study here; a comparison of methods says little where it does not hold",
            metric="knn_accuracy (share of test images, all training labels)",
            direction="higher",
            method="NNCLR, frozen",
            baseline="random encoder, frozen",
        ),
        Claim(
            key="nnclr_best",
            statement="Fine-tuned end to end on few labels, NNCLR beats the better (on validation images) of BYOL and "
            "Barlow Twins.",
            citation=_CITATION,
            metric="fine_tune_accuracy (share of test images, at the few labels of claim_fraction)",
            direction="higher",
            method="NNCLR",
            baseline="BYOL or Barlow Twins, whichever is better on validation",
        ),
        Claim(
            key="beats_transfer",
            statement="Fine-tuned end to end on few labels, NNCLR beats a supervised start from another corpus.",
            citation=_CITATION,
            metric="fine_tune_accuracy (share of test images, at the few labels of claim_fraction)",
            direction="higher",
            method="NNCLR",
            baseline="supervised transfer",
            paper_figure="22 pests, 5 % of the labels: 79 % against 74 % from ImageNet",
        ),
    ),
    corpora=(
        CorpusOption("pests", True, True, "drawn insects of 22 species on leaves and soil, long tail, exact masks"),
        CorpusOption("ip102", False, False, "75,222 photographs, 102 pests; train.txt, val.txt, test.txt and images/"),
        CorpusOption("folder", False, False, "any images: <class>/*.jpg or train/<class>/*.jpg, test/<class>/*.jpg"),
        CorpusOption("manifest", False, False, "a CSV with path and label, optionally mask, subject, group, split"),
    ),
    cost={
        "quick": "~40 s on 2 CPU cores",
        "standard": "~9 min on 2 free CPU cores (1,084 CPU seconds)",
        "paper": "~300 GPU-hours for IP102, 5 seeds, 2 encoders, raw and segmented",
    },
    parameters=InsectPestsParameters,
    data_sources=data_sources,
    minutes={"quick": 10, "standard": 120, "paper": 30 * 24 * 60},
)
