"""What the joint_2d_3d study is about: paper, claims, corpora, parameters, cost. Light to import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from helpers.evaluation.claims import Claim
from helpers.studies.card import NO_EFFECT, CorpusOption, LabelFractions, Paper, StudyCard, StudyParameters

Arm = Literal["scratch", "image", "image_swav", "volume", "joint", "sequential"]
ARMS: tuple[str, ...] = ("scratch", "image", "image_swav", "volume", "joint", "sequential")
NEEDED = ("scratch", "image", "joint")  # the claims are about these


class Joint2d3dParameters(StudyParameters):
    """Parameters of the study; the defaults are those of ``quick``."""

    corpus: str = Field("brains", description="brains (simulated), decathlon, brats, mmwhs, luna16, folder or manifest")
    image_size: int = Field(48, ge=24, le=512, description="side of the slices, voxels")
    depth: int = Field(32, ge=8, le=512, description="slices of a volume")
    spacing: float = Field(0.0, ge=0, le=20, description="of the voxels, mm; 0: as fine as fits; brains have 192/size")
    channel: int = Field(0, ge=0, le=64, description="channel of files that have several, from 0")
    limit: int = Field(0, ge=0, description="volumes of a real corpus that are used, evenly spread; 0 for all")
    subjects: int = Field(40, ge=12, le=5000, description="simulated subjects; a third of them give slices only")
    deformation: float = Field(6.0, ge=0, le=12, description="of simulated subjects, mm")
    inverted: float = Field(0.0, ge=0, le=1, description="share of simulated subjects with grey brighter than white")
    brain_seed: int = Field(0, ge=0, description="of the simulated subjects and of every split made here")
    encoder: str = Field("small_stages", description="slice encoder: small_stages, resnet18_cifar or a model of timm")
    compared: list[Arm] = Field(
        ["scratch", "image", "volume", "joint"],
        description="arms; scratch, image and joint among them",
    )
    image_task: Literal["deepcluster", "swav"] = Field("deepcluster", description="2-D task of image and joint")
    volume_task: Literal["deepcluster", "swav"] = Field("deepcluster", description="3-D agreement")
    token_width: int = Field(64, ge=8, le=4096, description="of a slice token; 640 in the paper")
    blocks: int = Field(2, ge=1, le=24, description="of the transformer; 4 in the paper")
    heads: int = Field(4, ge=1, le=64, description="of its attention; divides token_width")
    token_hidden: int = Field(128, ge=8, le=8192, description="feed-forward width of the transformer; 720 in the paper")
    attention_stride: int = Field(4, ge=1, le=64, description="slices a sampled place, 4 in the paper")
    offset_scale: float = Field(2.0, ge=0, le=16, description="largest offset, places; 2 in the paper")
    offset_kernel: int = Field(6, ge=1, le=64, description="slices that an offset is computed from; 6 in the paper")
    view_slices: int = Field(16, ge=4, le=512, description="slices of a volume's view in pretraining")
    window_slices: int = Field(8, ge=4, le=512, description="neighbouring slices that are segmented at once")
    masked_share: float = Field(0.1, gt=0, lt=1, description="of the slice tokens that are hidden; 0.1 in the paper")
    masked_weight: float = Field(1.0, ge=0, description="of masked embedding prediction beside the agreement")
    image_weight: float = Field(1.0, ge=0, description="of the 2-D task beside the 3-D ones")
    image_clusters: list[Annotated[int, Field(ge=2)]] = Field(
        [24, 24, 24], min_length=1, description="clusters of each head of DeepCluster-v2 on slices"
    )
    volume_clusters: list[Annotated[int, Field(ge=2)]] = Field(
        [4, 4, 4], min_length=1, description="clusters of each head on volumes; three of 4 in the paper"
    )
    prototypes: int = Field(48, ge=2, le=100_000, description="of SwAV; 3000 in the paper")
    temperature: float = Field(0.1, gt=0, le=5, description="of both clusterings; 0.1 in the paper")
    hidden: int = Field(128, ge=1, le=8192, description="width of the projectors' hidden layers")
    projection: int = Field(64, ge=2, le=4096, description="size of the projections")
    view_strength: float = Field(1.0, ge=0, le=2, description="factor on every change of the views")
    epochs: int = Field(4, ge=1, description="of the joint arm over its volumes; the others get as many slice passes")
    batch_size: int = Field(4, ge=2, description="volumes, each with a portion of slices, a step of pretraining")
    learning_rate: float = Field(3e-3, gt=0, description="of AdamW in pretraining, the same for every arm")
    weight_decay: float = Field(1e-4, ge=0, description="of AdamW in pretraining")
    warmup_epochs: float = Field(0.5, ge=0, description="epochs of linear warm-up")
    label_fractions: LabelFractions = Field(
        [0.1, 1.0], description="shares of the labelled training subjects, in (0, 1]; 1 included"
    )
    fine_tune_steps: int = Field(16, ge=1, description="steps of fine-tuning, the same for every share and arm")
    fine_tune_batch: int = Field(2, ge=1, description="volumes a step of fine-tuning")
    fine_tune_rate: float = Field(6e-3, gt=0, description="learning rate of fine-tuning, the same for every arm")
    foreground_weight: float = Field(
        3.0, gt=0, description="weight of every class but the background in the loss of fine-tuning"
    )
    window_overlap: float = Field(0.25, ge=0, lt=1, description="of the sliding windows of prediction")
    processes: int = Field(
        1, ge=1, le=1024, description="torchrun processes of the pretraining that is shown", json_schema_extra=NO_EFFECT
    )

    @field_validator("compared")
    @classmethod
    def _claims_can_be_judged(cls, value: list[str]) -> list[str]:
        missing = [arm for arm in NEEDED if arm not in value]
        if missing:
            raise ValueError(f"{' and '.join(missing)} must be among them: the claims are about them")
        return [arm for arm in ARMS if arm in value]


def data_sources(parameters: Any) -> list[Path | str]:
    """What is hashed for the data fingerprint."""
    from helpers.data.corpora.volumes import volume_sources
    from helpers.studies.joint_2d_3d.arms import volume_settings

    return volume_sources(parameters.corpus, parameters.data_root, volume_settings(parameters.model_dump()))


_CITATION = "Nguyen et al., AAAI 2023, abstract"
_DICE = "Dice (0 to 1, mean over classes, test subjects and label fractions)"

CARD = StudyCard(
    name="joint_2d_3d",
    title="Joint image-volume pretraining for 3-D segmentation",
    paper=Paper(
        authors="Duy M. H. Nguyen et al.",
        title="Joint self-supervised image-volume representation learning with intra-inter contrastive clustering",
        venue="AAAI",
        year=2023,
        link="https://arxiv.org/abs/2212.01893",
    ),
    claims=(
        Claim(
            key="joint_beats_image",
            statement="Joint 2-D and 3-D pretraining segments volumes better than 2-D pretraining alone.",
            citation=_CITATION,
            metric=_DICE,
            direction="higher",
            method="joint",
            baseline="2-D only, of the same 2-D task, budget and subjects",
        ),
        Claim(
            key="joint_beats_scratch",
            statement="Joint 2-D and 3-D pretraining segments volumes better than training from scratch.",
            citation=_CITATION,
            metric=_DICE,
            direction="higher",
            method="joint",
            baseline="the same network from scratch",
        ),
    ),
    corpora=(
        CorpusOption("brains", True, True, "simulated subjects on the MNI152 brain, exact grey and white matter"),
        CorpusOption("decathlon", False, False, "a task of the Decathlon: dataset.json, imagesTr/, labelsTr/"),
        CorpusOption("brats", False, False, "BraTS: CASE/CASE_flair.nii.gz … CASE/CASE_seg.nii.gz"),
        CorpusOption("mmwhs", False, False, "MM-WHS: ct_train/ct_train_1001_image.nii.gz with _label, mr_train/"),
        CorpusOption("luna16", False, False, "LUNA16: subset0/*.mhd … and seg-lungs-LUNA16/*.mhd"),
        CorpusOption("folder", False, False, "any NIfTI: images/NAME.nii.gz, labels/NAME.nii.gz"),
        CorpusOption("manifest", False, False, "a CSV with path, and optionally mask, subject, group, split"),
    ),
    cost={
        "quick": "~40 s on 2 CPU cores",
        "standard": "~11 min on 2 CPU cores",
        "paper": "~200 GPU-hours (estimated, not run)",
    },
    parameters=Joint2d3dParameters,
    data_sources=data_sources,
    minutes={"quick": 10, "standard": 120, "paper": 14 * 24 * 60},
)
