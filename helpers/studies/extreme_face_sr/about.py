"""What the extreme_face_sr study is about: paper, claims, corpora, parameters, cost. Light to import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from helpers.evaluation.claims import Claim
from helpers.studies.card import CorpusOption, Paper, StudyCard, StudyParameters

METHODS = ("bicubic", "one_step", "latent_search", "without_step_one", "without_interpolation", "two_steps")


class ExtremeFaceParameters(StudyParameters):
    """Parameters of the study; the defaults are those of ``quick``."""

    corpus: str = Field("faces", description="faces, celeba, ffhq, fairface, utkface, folder or manifest")
    image_size: int = Field(64, ge=32, le=1024, description="side of the high resolution, pixels, a power of two")
    middle_size: int = Field(16, ge=8, le=256, description="side of the middle resolution, pixels, a power of two")
    factors: list[Annotated[int, Field(ge=4, le=64)]] = Field(
        [8], min_length=1, description="how many times smaller the low resolution is; powers of two, 4 to 64"
    )
    high_faces: int = Field(200, ge=40, description="people whose high resolution is learned from, >= 40")
    low_faces: int = Field(72, ge=16, description="other people, seen at low resolution only, >= 16; drawn a seed")
    reader_faces: int = Field(128, ge=16, description="further people whom the reader of attributes learns from, >= 16")
    test_faces: int = Field(10, ge=4, description="people who are restored and compared with the truth, >= 4")
    camera_strength: float = Field(
        1.0, ge=0, le=2, description="how far the hidden camera is from plain averaging, 0 to 2"
    )
    channels: list[Annotated[int, Field(ge=2, le=1024)]] = Field(
        [48, 48, 32, 16, 8], min_length=2, description="of the generator, at 4, 8, 16 … image_size pixels"
    )
    style_size: int = Field(96, ge=4, le=1024, description="size of a style, w, and of z")
    mapping_layers: int = Field(3, ge=1, le=16, description="layers of the mapping from z to w")
    prior_weights: str = Field("", description="local file of StyleGAN2 weights; empty: the generator is trained here")
    prior_epochs: int = Field(3, ge=1, description="passes over the high-resolution faces, generator")
    prior_batch: int = Field(8, ge=4, description="faces a step, generator and one-step network")
    prior_learning_rate: float = Field(5e-3, gt=0, description="of Adam, generator and mapping")
    adversarial_share: float = Field(
        0.1, ge=0, le=1, description="last share of the generator's steps that have a discriminator"
    )
    adversarial_weight: float = Field(0.02, ge=0, description="of the generator's adversarial loss")
    r1: float = Field(1.0, ge=0, description="γ of the R1 penalty on the discriminator")
    lift_steps: int = Field(48, ge=1, description="steps in which step 1 learns to lift a guessed camera's pictures")
    cycle_steps: int = Field(24, ge=1, description="further steps, of CycleGAN, a factor and seed")
    cycle_batch: int = Field(12, ge=2, description="faces a step, CycleGAN")
    cycle_learning_rate: float = Field(2e-3, gt=0, description="of Adam, CycleGAN")
    cycle_width: int = Field(16, ge=4, le=512, description="channels of CycleGAN's translators")
    cycle_weight: float = Field(5.0, ge=0, description="λ of the cycle losses")
    identity_weight: float = Field(0.3, ge=0, description="of the identity losses, a share of λ")
    one_step_width: int = Field(48, ge=8, le=512, description="channels of the one-step network")
    one_step_learning_rate: float = Field(2e-3, gt=0, description="of Adam, one-step network")
    bank: int = Field(96, ge=8, description="faces drawn from the generator, from whose best a search starts")
    candidates: int = Field(8, ge=1, description="of these, that the found styles are interpolated with")
    truncation: float = Field(0.7, ge=0, le=1, description="ψ of the faces drawn, 0 to 1")
    search_steps: int = Field(16, ge=1, description="steps of each latent search")
    search_learning_rate: float = Field(0.1, gt=0, description="of Adam, in standard deviations of the styles")
    calibration_faces: int = Field(
        4, ge=2, description="high-resolution faces on which the interpolation is chosen, by the learned camera"
    )
    reader_epochs: int = Field(6, ge=1, description="passes of the reader of attributes")
    feature_encoder: str = Field("small_stages", description="the reader's encoder, or a model of timm")
    feature_weights: str = Field("", description="local file of the encoder's weights; empty: it is trained here")
    processes: int = Field(1, ge=1, le=1024, description="torchrun processes of the generator's training")

    @field_validator("factors")
    @classmethod
    def _powers(cls, value: list[int]) -> list[int]:
        if any(factor & (factor - 1) for factor in value) or len(set(value)) < len(value):
            raise ValueError("each must be a power of two, once")
        return sorted(value)

    @model_validator(mode="after")
    def _sizes_fit(self) -> ExtremeFaceParameters:
        if any(size & (size - 1) for size in (self.image_size, self.middle_size)):
            raise ValueError("image_size and middle_size must be powers of two")
        if not self.prior_weights and self.image_size != 2 ** (1 + len(self.channels)):
            raise ValueError(
                f"channels: {len(self.channels)} of them draw {2 ** (1 + len(self.channels))} pixels, not image_size"
            )
        lowest = self.image_size // max(self.factors)
        if lowest < 2 or self.middle_size <= self.image_size // min(self.factors) or self.middle_size > self.image_size:
            raise ValueError(
                "middle_size must lie above the low resolution (image_size / factor, at least 2 pixels) and not above "
                "image_size"
            )
        return self


def data_sources(parameters: ExtremeFaceParameters) -> list[Path | str]:
    """What is hashed for the data fingerprint."""
    from helpers.studies.extreme_face_sr.people import people_sources

    p = parameters
    files = [Path(file) for file in (p.prior_weights, p.feature_weights) if file]
    return [*people_sources(p.corpus, p.data_root), *files]


_CITATION = "Cheikh Sidiya & Li, Frontiers in Computer Science 4, 2022"
_METRIC = "feature_distance (0 to 2, in the encoder of the study's reader)"

CARD = StudyCard(
    name="extreme_face_sr",
    title="Faces from a few pixels, in two steps",
    paper=Paper(
        authors="Ahmed Cheikh Sidiya, Xin Li",
        title="Toward extreme face super-resolution in the wild: A self-supervised learning approach",
        venue="Frontiers in Computer Science 4",
        year=2022,
        link="https://doi.org/10.3389/fcomp.2022.1037435",
    ),
    claims=(
        Claim(
            key="beats_one_step",
            statement="At the largest factor, two steps give a face that looks nearer to the truth than one-step "
            "regression does.",
            citation=_CITATION,
            metric=_METRIC,
            direction="lower",
            method="two steps",
            baseline="one-step regression",
        ),
        Claim(
            key="beats_latent_search",
            statement="At the largest factor, two steps give a face that looks nearer to the truth than latent search "
            "from the low resolution does.",
            citation=_CITATION,
            metric=_METRIC,
            direction="lower",
            method="two steps",
            baseline="latent search from the low resolution (as PULSE)",
        ),
        Claim(
            key="gains_with_factor",
            statement="What two steps gain over both (mean of the two gains) grows from the smallest factor to the "
            "largest.",
            citation=f"{_CITATION}: most at ×64",
            metric="gain in feature_distance (over one-step regression and latent search, mean)",
            direction="higher",
            method="gain at the largest factor",
            baseline="gain at the smallest factor",
        ),
        Claim(
            key="needs_step_one",
            statement="At the largest factor, leaving out the first step (the learned camera and the lift to middle "
            "resolution) costs likeness.",
            citation=_CITATION,
            metric=_METRIC,
            direction="lower",
            method="two steps",
            baseline="without step 1",
        ),
        Claim(
            key="needs_interpolation",
            statement="At the largest factor, leaving out the interpolation of the found styles costs likeness.",
            citation=_CITATION,
            metric=_METRIC,
            direction="lower",
            method="two steps",
            baseline="without interpolation",
        ),
    ),
    corpora=(
        CorpusOption("faces", True, True, "drawn faces, any resolution, exact attributes and five skin tones"),
        CorpusOption("celeba", False, False, "202,599 photographs, 10,177 people, 40 attributes; aligned crops"),
        CorpusOption("ffhq", False, False, "70,000 photographs of faces without labels; any folder of them"),
        CorpusOption("fairface", False, False, "97,698 photographs with age, gender and race"),
        CorpusOption("utkface", False, False, "23,708 photographs; age, gender and race in the names"),
        CorpusOption("folder", False, False, "any faces in folders of groups and labels, <group>/<label>/*.jpg"),
        CorpusOption("manifest", False, False, "a CSV with path, label and group, optionally subject and split"),
    ),
    cost={
        "quick": "~30 s on 2 CPU cores",
        "standard": "~4 min on 2 CPU cores",
        "paper": "~200 GPU-hours for CelebA at 256 pixels, ×16 and ×64, 5 seeds",
    },
    parameters=ExtremeFaceParameters,
    data_sources=data_sources,
    minutes={"quick": 10, "standard": 120, "paper": 14 * 24 * 60},
)
