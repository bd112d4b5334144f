"""What the fine_grained_synthesis study is about: paper, claims, corpora, parameters, cost. Light to import."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from helpers.evaluation.claims import Claim
from helpers.studies.card import CorpusOption, Paper, StudyCard, StudyParameters


class FineGrainedParameters(StudyParameters):
    """Parameters of the study; the defaults are those of ``quick``."""

    corpus: str = Field(
        "butterflies",
        description="butterflies, cub200, fgvc_aircraft, stanford_cars, flowers17, flowers102, oxford_pets, folder or "
        "manifest",
    )
    image_size: int = Field(48, ge=24, le=512, description="side of the images, pixels, 24 to 512")
    drawn_train: int = Field(216, ge=24, description="drawn butterflies: training images, >= 24")
    drawn_test: int = Field(120, ge=24, description="drawn butterflies: test images, >= 24")
    base: Literal["moco", "simclr"] = Field("moco", description="the base method: moco (v2) or simclr")
    encoder: str = Field("small", description="small, small_wide, small_stages, resnet18_cifar or a model of timm")
    encoder_weights: str = Field("", description="local file of weights to start from; empty for a random start")
    augmentation_strength: float = Field(
        1.0, ge=0, le=2, description="factor on every change of the views; 1 is as designed"
    )
    hidden: int = Field(128, ge=2, le=8192, description="width of the projector's hidden layer")
    projection: int = Field(128, ge=2, le=8192, description="size of the projection; 128 in the paper's prototype")
    temperature: float = Field(0.2, gt=0, description="of the contrastive loss, > 0; 0.2 in the paper's prototype")
    queue: int = Field(256, ge=1, description="MoCo: keys held, >= 1")
    momentum: float = Field(0.99, ge=0, lt=1, description="MoCo: of the key network, in [0, 1)")
    variance_share: float = Field(0.5, ge=0, le=1, description="dimensions that count as of low variance, 0 to 1")
    importance_share: float = Field(
        0.5, ge=0, le=1, description="dimensions of an image that count as of low importance, 0 to 1"
    )
    noise: float = Field(1.0, ge=0, le=10, description="perturbation, in standard deviations of the dimension, 0 to 10")
    reconstruction_weight: float = Field(
        0.05, ge=0, description="weight of the decoder's squared error, >= 0; 0.05 in the paper's prototype"
    )
    pair_weight: float = Field(1.0, ge=0, description="weight of the loss on synthesised pairs, >= 0")
    pair_start: float = Field(
        0.2, ge=0, le=1, description="share of the run before the first pair, in which the decoder learns, 0 to 1"
    )
    decoder_width: int = Field(32, ge=8, le=4096, description="channels of the decoder's first map, >= 8")
    decoder_blocks: int = Field(2, ge=1, le=6, description="mirrored residual blocks of the decoder, 1 to 6")
    decoder_learning_rate: float = Field(5e-3, gt=0, description="of Adam for the decoder")
    optimiser: Literal["sgd", "adamw"] = Field("adamw", description="of everything else: sgd or adamw")
    learning_rate: float = Field(2e-3, gt=0, description="of that optimiser")
    weight_decay: float = Field(1e-4, ge=0, description="of pre-training")
    warmup_epochs: float = Field(0.5, ge=0, description="epochs of linear warm-up")
    epochs: int = Field(3, ge=1, description="passes over the training images")
    least_steps: int = Field(
        0, ge=0, description="a small corpus gets as many passes as make this number of steps, >= 0"
    )
    batch_size: int = Field(48, ge=2, description="images a step")
    longer: float = Field(
        2.5, ge=1, le=20, description="passes of the base method with equal compute, in those of the others, >= 1"
    )
    precision: Literal["fp32", "bf16", "auto"] = Field(
        "fp32", description="of pretraining: fp32, bf16 or auto (what one measurement finds faster)"
    )
    ablations: list[Literal["perturb_all", "perturb_random", "no_decoder_loss"]] = Field(
        ["perturb_all"], description="variants of the method to run: perturb_all, perturb_random, no_decoder_loss"
    )
    ablation_seeds: int = Field(1, ge=0, description="seeds that the ablations are run with, the first ones, >= 0")
    tolerance: float = Field(
        0.03, ge=0, le=0.2, description="pointing game: parts are grown by this share of the picture's side, 0 to 0.2"
    )
    processes: int = Field(1, ge=1, le=1024, description="torchrun processes of the pretraining that is shown")

    @field_validator("ablations")
    @classmethod
    def _once(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError("an ablation stands twice")
        return value

    def initialisation(self) -> str:
        """Where every encoder of the run starts, in words."""
        return f"weights from {Path(self.encoder_weights).name}" if self.encoder_weights else "random initialisation"


def data_sources(parameters: FineGrainedParameters) -> list[Path | str]:
    """What is hashed for the data fingerprint."""
    from helpers.data.corpora.fine_grained import ButterflyDrawing, fine_grained_sources

    p = parameters
    drawing = ButterflyDrawing(p.drawn_train, p.drawn_test)
    sources = fine_grained_sources(p.corpus, p.data_root, p.image_size, drawing)
    return [*sources, *([Path(p.encoder_weights)] if p.encoder_weights else [])]


_CITATION = "Wang et al., ECCV 2024, abstract"
_LINEAR, _MAP = "linear_accuracy (share of test images)", "mean_average_precision (of retrieval among test images)"

CARD = StudyCard(
    name="fine_grained_synthesis",
    title="Fine-grained recognition: pairs synthesised from non-discriminative features",
    paper=Paper(
        authors="Zihu Wang, Lingqiao Liu, Scott Ricardo Figueroa Weston, Samuel Tian, Peng Li",
        title="On Learning Discriminative Features from Synthesized Data for Self-Supervised Fine-Grained Visual "
        "Recognition",
        venue="ECCV",
        year=2024,
        link="https://arxiv.org/abs/2407.14676",
    ),
    claims=(
        Claim(
            key="base_leaves_start",
            statement="The base method's features tell the classes apart better than those of the encoder at its "
            "start.",
            citation="asked of every study here; a comparison of methods says little where it does not hold",
            metric=_LINEAR,
            direction="higher",
            method="base method",
            baseline="encoder at its start",
        ),
        Claim(
            key="raises_linear",
            statement="Training on synthesised pairs raises linear accuracy over the base method, at equal updates.",
            citation=_CITATION,
            metric=_LINEAR,
            direction="higher",
            method="base + synthesised pairs",
            baseline="base method",
        ),
        Claim(
            key="raises_retrieval",
            statement="Training on synthesised pairs raises retrieval over the base method, at equal updates.",
            citation=_CITATION,
            metric=_MAP,
            direction="higher",
            method="base + synthesised pairs",
            baseline="base method",
        ),
        Claim(
            key="raises_linear_at_equal_compute",
            statement="It also raises linear accuracy over the base method trained longer, at about equal compute.",
            citation="asked here: the pairs cost further passes through the encoder, and a decoder",
            metric=_LINEAR,
            direction="higher",
            method="base + synthesised pairs",
            baseline="base method, trained longer",
        ),
        Claim(
            key="raises_retrieval_at_equal_compute",
            statement="It also raises retrieval over the base method trained longer, at about equal compute.",
            citation="asked here: the pairs cost further passes through the encoder, and a decoder",
            metric=_MAP,
            direction="higher",
            method="base + synthesised pairs",
            baseline="base method, trained longer",
        ),
        Claim(
            key="looks_at_parts",
            statement="Where parts are marked, the peak of its class saliency lies on a part that tells species apart "
            "more often than a peak anywhere on the object would.",
            citation="asked here; the paper shows saliency maps, its corpora have no part masks",
            metric="pointing_game (share of test images)",
            direction="higher",
            method="base + synthesised pairs",
            baseline="share of the object that the parts cover",
        ),
    ),
    corpora=(
        CorpusOption("butterflies", True, True, "drawn butterflies, 12 species that differ in a few parts; part masks"),
        CorpusOption("cub200", False, False, "11,788 photographs of 200 birds; CUB_200_2011 with images.txt, parts/"),
        CorpusOption("fgvc_aircraft", False, False, "10,000 photographs of 100 aircraft; fgvc-aircraft-2013b/data"),
        CorpusOption("stanford_cars", False, False, "16,185 photographs of 196 cars; stanford_cars with devkit/"),
        CorpusOption("flowers17", False, False, "1,360 photographs of 17 flowers; jpg/image_NNNN.jpg"),
        CorpusOption("flowers102", False, False, "8,189 photographs of 102 flowers; jpg/, imagelabels.mat, setid.mat"),
        CorpusOption("oxford_pets", False, False, "7,349 photographs of 37 breeds; oxford-iiit-pet/annotations"),
        CorpusOption("folder", False, False, "any images: <class>/*.jpg or train/<class>/*.jpg, test/<class>/*.jpg"),
        CorpusOption("manifest", False, False, "a CSV with path and label, optionally subject, group, split"),
    ),
    cost={
        "quick": "~30 s on 2 CPU cores",
        "standard": "~6 min on 2 free CPU cores (719 CPU seconds)",
        "paper": "~60 GPU-hours for CUB-200-2011, 5 seeds",
    },
    parameters=FineGrainedParameters,
    data_sources=data_sources,
    minutes={"quick": 10, "standard": 90, "paper": 14 * 24 * 60},
)
