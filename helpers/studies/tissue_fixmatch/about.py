"""What the tissue_fixmatch study is about: paper, claims, corpora, parameters, cost. Light to import."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from helpers.evaluation.claims import Claim
from helpers.studies.card import NO_EFFECT, CorpusOption, Paper, StudyCard, StudyParameters

ARMS = ("supervised", "fixmatch", "ssl_fine_tune", "ssl_fixmatch")
BUDGETS = ("few", "many")


class TissueFixMatchParameters(StudyParameters):
    """Parameters of the study; the defaults are those of ``quick``."""

    corpus: str = Field("amyloid_slides", description="amyloid_slides (drawn), whole_slides, folder or manifest")
    drawn_train: int = Field(4, ge=2, le=1000, description="drawn slides that labels may come from, >= 2")
    drawn_unlabelled: int = Field(1, ge=0, le=1000, description="drawn slides without labels")
    drawn_validation: int = Field(1, ge=1, le=1000, description="drawn slides to choose by, >= 1")
    drawn_test: int = Field(3, ge=1, le=1000, description="drawn slides to test on, >= 1; each is one test subject")
    drawn_side: int = Field(1024, ge=256, le=200_000, description="side of a drawn slide, pixels of 2 µm, >= 256")
    slide_seed: int = Field(0, ge=0, description="of the drawn slides")
    downsample: float = Field(
        1.0, ge=1, le=256, description="pixels of the file, along an axis, to one that the network sees, >= 1"
    )
    tile: int = Field(48, ge=16, le=1024, description="side of a tile, pixels that the network sees")
    tiles_each: int = Field(120, ge=8, le=1_000_000, description="tiles drawn from a slide, at most")
    purity: float = Field(0.8, gt=0.5, le=1, description="share of a tile that one region must cover to be its label")
    few_slides: int = Field(2, ge=1, description="slides that the few labelled tiles come from; 2 in the paper")
    few_tiles: int = Field(36, ge=6, description="labelled tiles in the small budget; 600 in the paper")
    many_tiles: int = Field(180, ge=6, description="labelled tiles in the large budget; 6,000 in the paper")
    encoder: str = Field(
        "small_stages", description="small_stages, small, small_wide, resnet18_cifar or a model of timm"
    )
    ssl: Literal["simclr", "nnclr", "moco", "byol", "barlow_twins", "vicreg"] = Field(
        "simclr", description="stage 1: simclr, nnclr, moco, byol, barlow_twins or vicreg"
    )
    hidden: int = Field(256, ge=2, le=8192, description="width of the projector's hidden layers")
    projection: int = Field(64, ge=2, le=8192, description="size of the projection")
    temperature: float = Field(0.2, gt=0, le=5, description="of SimCLR's, NNCLR's and MoCo's softmax")
    queue: int = Field(512, ge=1, description="NNCLR and MoCo: rows of the queue")
    ssl_strength: float = Field(1.0, ge=0, le=2, description="factor on every change of stage 1's views")
    epochs: int = Field(4, ge=1, description="stage 1: passes over the unlabelled tiles")
    batch_size: int = Field(64, ge=4, description="stage 1: tiles a step")
    learning_rate: float = Field(2e-3, gt=0, description="stage 1: of AdamW")
    weight_decay: float = Field(1e-4, ge=0, description="of both stages")
    updates: int = Field(40, ge=1, description="stage 2: optimiser steps, the same for every arm and budget")
    labelled_batch: int = Field(16, ge=2, description="stage 2: labelled tiles a step, the same for every arm")
    ratio: int = Field(2, ge=1, le=64, description="FixMatch's μ: unlabelled tiles a labelled one; 7 in the paper")
    threshold: float = Field(0.95, ge=0, le=1, description="FixMatch's τ: least probability of a pseudo-label")
    weight: float = Field(1.0, gt=0, description="FixMatch's λ: weight of the unlabelled loss")
    average: float = Field(0.999, ge=0, lt=1, description="momentum of the moving average that predicts, every arm")
    rate: float = Field(
        0.05, gt=0, description="stage 2: learning rate of SGD with momentum 0.9, the same for every arm"
    )
    labelled_strength: float = Field(
        0.5, ge=0, le=2, description="factor on the stain changes of labelled tiles, the same for every arm"
    )
    strong_strength: float = Field(0.5, ge=0, le=2, description="factor on every change of FixMatch's strong views")
    stride: int = Field(
        48, ge=1, le=1024, description="pixels from tile to tile in test slides; divides tile, smaller overlaps"
    )
    processes: int = Field(
        1, ge=1, le=1024, description="torchrun processes of the pretraining that is shown", json_schema_extra=NO_EFFECT
    )

    @model_validator(mode="after")
    def _fits_together(self) -> TissueFixMatchParameters:
        if self.tile % self.stride:
            raise ValueError(f"stride ({self.stride}) must divide tile ({self.tile})")
        if self.few_tiles >= self.many_tiles:
            raise ValueError(f"few_tiles ({self.few_tiles}) must be below many_tiles ({self.many_tiles})")
        return self


def data_sources(parameters: Any) -> list[Path | str]:
    """What is hashed for the data fingerprint."""
    from helpers.data.corpora.slide_drawing import SlideDrawing
    from helpers.data.corpora.slides import slide_sources

    p = parameters
    drawing = SlideDrawing(
        p.drawn_train, p.drawn_validation, p.drawn_test, p.drawn_unlabelled, p.drawn_side, p.slide_seed
    )
    return slide_sources(p.corpus, p.data_root, drawing)


_CITATION = "Lai et al., EMBC 2021, abstract"
_METRIC = "mIoU (0 to 1, mean over the regions of a test slide, then over slides)"

CARD = StudyCard(
    name="tissue_fixmatch",
    title="Grey and white matter in gigapixel slides from few labelled tiles",
    paper=Paper(
        authors="Zhengfeng Lai, Chao Wang, Zin Hu, Brittany N. Dugger, Sen-Ching Cheung, Chen-Nee Chuah",
        title="A semi-supervised learning for segmentation of gigapixel histopathology images from brain tissues",
        venue="EMBC",
        year=2021,
        link="https://doi.org/10.1109/EMBC46164.2021.9629715",
    ),
    claims=(
        Claim(
            key="stage_one_few",
            statement="With few labelled tiles of two slides, FixMatch from a self-supervised encoder segments slides "
            "better than FixMatch from scratch.",
            citation=_CITATION,
            metric=_METRIC,
            direction="higher",
            method="ssl_fixmatch, few",
            baseline="fixmatch, few",
            paper_figure="over +10 % with 600 tiles of 2 slides",
        ),
        Claim(
            key="stage_one_many",
            statement="With ten times as many labelled tiles it still does.",
            citation=_CITATION,
            metric=_METRIC,
            direction="higher",
            method="ssl_fixmatch, many",
            baseline="fixmatch, many",
            paper_figure="around +2 % with 6,000 tiles",
        ),
        Claim(
            key="most_at_few",
            statement="The self-supervised start gives FixMatch more at few labelled tiles than at many.",
            citation=_CITATION,
            metric="difference of mIoU leads",
            direction="higher",
            method="lead of ssl_fixmatch over fixmatch, few",
            baseline="the same, many",
            paper_figure="over 10 against around 2 %",
        ),
    ),
    corpora=(
        CorpusOption("amyloid_slides", True, True, "drawn amyloid-β slides, exact regions, any size up to gigapixels"),
        CorpusOption(
            "whole_slides", False, False, "slides/*.svs|.ndpi|.tiff with masks/*.png or annotations/*.geojson"
        ),
        CorpusOption("folder", False, False, "tiles: <slide>/<class>/*.png or train/<slide>/<class>/*.png …"),
        CorpusOption("manifest", False, False, "a CSV of slides with path, split and, optionally, annotation, group"),
    ),
    cost={
        "quick": "~35 s on 2 CPU cores",
        "standard": "~11 min on 2 CPU cores",
        "paper": "~60 GPU-hours (estimated, not run)",
    },
    parameters=TissueFixMatchParameters,
    data_sources=data_sources,
    minutes={"quick": 10, "standard": 120, "paper": 5 * 24 * 60},
)
