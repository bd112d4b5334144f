"""What the maize_kernels study is about: paper, claims, corpora, parameters, cost. Light to import."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from helpers.evaluation.claims import Claim
from helpers.studies.card import NO_EFFECT, CorpusOption, LabelFractions, Paper, StudyCard, StudyParameters

ARMS = ("scratch", "transfer", "simclr", "nnclr")


class MaizeKernelsParameters(StudyParameters):
    """Parameters of the study; the defaults are those of ``quick``."""

    corpus: str = Field("kernels", description="kernels (drawn), orientation, folder or manifest")
    image_size: int = Field(48, ge=24, le=512, description="side of the images, pixels")
    ears: int = Field(48, ge=12, le=5000, description="ears of drawn kernels; a split keeps an ear whole")
    kernels_each: int = Field(8, ge=2, le=1000, description="drawn kernels an ear")
    touching: float = Field(0.3, ge=0, le=1, description="chance of each of two drawn neighbours that touch the kernel")
    kernel_seed: int = Field(0, ge=0, description="of the drawn kernels")
    encoder: str = Field("small_stages", description="small_stages, small, resnet18_cifar or a model of timm")
    transfer_images: int = Field(
        220, ge=22, le=1_000_000, description="drawn pests that the transfer encoder learns to name"
    )
    transfer_weights: str = Field(
        "", description="local file of weights to transfer instead, e.g. timm's of ImageNet; empty trains on pests"
    )
    transfer_rate: float = Field(4e-3, gt=0, description="learning rate of the transfer encoder's own training")
    hidden: int = Field(256, ge=1, le=8192, description="width of the projectors' hidden layers")
    projection: int = Field(64, ge=2, le=4096, description="size of the projections")
    simclr_temperature: float = Field(0.2, gt=0, le=5, description="of SimCLR's softmax")
    nnclr_temperature: float = Field(0.2, gt=0, le=5, description="of NNCLR's softmax")
    queue: int = Field(256, ge=1, le=1_000_000, description="projections that NNCLR looks for neighbours among")
    view_strength: float = Field(1.0, ge=0, le=2, description="factor on every change of the two views")
    epochs: int = Field(10, ge=1, description="passes over the unlabelled images")
    batch_size: int = Field(64, ge=4, description="images a step of pretraining")
    learning_rate: float = Field(4e-3, gt=0, description="of AdamW in pretraining, the same for both methods")
    weight_decay: float = Field(1e-4, ge=0, description="of AdamW in pretraining")
    warmup_epochs: float = Field(1.0, ge=0, description="epochs of linear warm-up")
    precision: Literal["fp32", "bf16", "auto"] = Field(
        "fp32", description="of pretraining: fp32, bf16 or auto (what one measurement finds faster)"
    )
    label_fractions: LabelFractions = Field(
        [0.05, 1.0], description="shares of the labels and masks, in (0, 1], at least two; 1 included"
    )
    orientation_steps: int = Field(40, ge=1, description="steps of fine-tuning on labels, the same for every share")
    orientation_batch: int = Field(16, ge=2, description="images a step of fine-tuning on labels")
    orientation_rate: float = Field(1e-3, gt=0, description="learning rate of fine-tuning on labels")
    segmentation_steps: int = Field(40, ge=1, description="steps of fine-tuning on masks, the same for every share")
    segmentation_batch: int = Field(8, ge=2, description="images a step of fine-tuning on masks, 8 in the paper")
    segmentation_rate: float = Field(1e-3, gt=0, description="learning rate of fine-tuning on masks")
    processes: int = Field(
        1, ge=1, le=1024, description="torchrun processes of the pretraining that is shown", json_schema_extra=NO_EFFECT
    )

    @field_validator("label_fractions")
    @classmethod
    def _some_and_all(cls, value: list[float]) -> list[float]:
        if len(value) < 2:
            raise ValueError("give at least one share below 1: a claim is about few labels")
        return value


def data_sources(parameters: Any) -> list[Path | str]:
    """What is hashed for the data fingerprint: the kernels and what the transfer encoder learns from."""
    from helpers.data.corpora.kernels import KernelDrawing, kernel_sources
    from helpers.data.simulated.pests import GENERATOR

    p = parameters
    drawing = KernelDrawing(p.ears, p.kernels_each, p.touching, p.kernel_seed)
    sources = kernel_sources(p.corpus, p.data_root, p.image_size, drawing)
    if p.transfer_weights:
        return [*sources, Path(p.transfer_weights)]
    return [*sources, f"generator:{GENERATOR}:{p.transfer_images}:{p.image_size}"]


_CITATION = "Dong et al., Frontiers in Plant Science 2023"
_ACCURACY = "accuracy (share of test kernels, mean over label fractions)"
_DICE = "Dice (0 to 1, mean over test kernels and label fractions)"
_SSL = "ssl (mean of simclr and nnclr)"


def _claim(key: str, statement: str, metric: str, baseline: str, figure: str | None = None) -> Claim:
    return Claim(key, statement, _CITATION, metric, "higher", _SSL, baseline, figure)


CARD = StudyCard(
    name="maize_kernels",
    title="Orientation and embryos of maize kernels from few labels",
    paper=Paper(
        authors="David Dong, Koushik Nagasubramanian, Ruidong Wang, Ursula K. Frei, Talukder Z. Jubery, "
        "Thomas Lübberstedt, Baskar Ganapathysubramanian",
        title="Self-supervised maize kernel classification and segmentation for embryo identification",
        venue="Frontiers in Plant Science",
        year=2023,
        link="https://doi.org/10.3389/fpls.2023.1108355",
    ),
    claims=(
        _claim(
            "orientation_transfer",
            "Self-supervised pretraining tells the orientation of kernels better than supervised transfer.",
            _ACCURACY, "transfer",
        ),
        _claim(
            "orientation_scratch",
            "Self-supervised pretraining tells the orientation of kernels better than training from scratch.",
            _ACCURACY, "scratch",
        ),
        _claim(
            "embryo_transfer", "Self-supervised pretraining marks embryos better than supervised transfer.",
            _DICE, "transfer", "Dice 0.81 against 0.78 (ImageNet)",
        ),
        _claim(
            "embryo_scratch", "Self-supervised pretraining marks embryos better than training from scratch.",
            _DICE, "scratch", "Dice 0.81 against 0.73 (random start)",
        ),
        _claim(
            "orientation_gap",
            "In orientation its lead over supervised transfer is larger at the smallest share of labels than at all.",
            "difference of accuracy leads", "transfer",
        ),
        _claim(
            "embryo_gap",
            "On embryos its lead over supervised transfer is larger at the smallest share of masks than at all.",
            "difference of Dice leads", "transfer",
        ),
    ),
    corpora=(
        CorpusOption("kernels", True, True, "drawn kernels of six varieties, embryo up or down, exact embryo masks"),
        CorpusOption("orientation", False, False, "orientation/<class>/*.png and masks/*.png of the same names"),
        CorpusOption("folder", False, False, "any images: <class>/*.jpg or train/<class>/*.jpg …; no masks"),
        CorpusOption("manifest", False, False, "a CSV with path and label, optionally mask, subject, group, split"),
    ),
    cost={
        "quick": "~40 s on 2 CPU cores",
        "standard": "~10 min on 2 free CPU cores (1,142 CPU seconds)",
        "paper": "~40 GPU-hours (estimated, not run)",
    },
    parameters=MaizeKernelsParameters,
    data_sources=data_sources,
    minutes={"quick": 10, "standard": 120, "paper": 4 * 24 * 60},
)  # fmt: skip
