"""What the mispronunciation study is about: paper, claims, corpora, parameters, cost. Light to import."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from helpers.evaluation.claims import Claim
from helpers.studies.card import CorpusOption, Paper, StudyCard, StudyParameters

ARMS = ("labelled_only", "offline", "momentum", "frozen")


class MispronunciationParameters(StudyParameters):
    """Parameters of the study; the defaults are those of ``quick``."""

    corpus: str = Field("learners", description="learners, l2_arctic, speechocean762 or manifest")
    train_learners: int = Field(6, ge=2, le=1000, description="simulated learners: labelled ones, >= 2")
    validation_learners: int = Field(3, ge=1, le=1000, description="simulated learners: for validation, >= 1")
    unlabelled_learners: int = Field(6, ge=1, le=1000, description="simulated learners: unlabelled ones, >= 1")
    test_learners: int = Field(4, ge=2, le=1000, description="simulated learners: for the test, >= 2")
    sentences: int = Field(16, ge=1, le=1000, description="simulated learners: sentences a labelled learner reads")
    unlabelled_sentences: int = Field(
        20, ge=1, le=1000, description="simulated learners: those an unlabelled one reads"
    )
    labelled_share: float = Field(
        1.0,
        gt=0,
        le=1,
        description="share of the labelled training speakers whose labels are used; the others' are hidden",
    )
    encoder: Literal["log_mel", "wav2vec2_small", "wav2vec2_base"] = Field(
        "log_mel", description="log_mel (small, convolutional), wav2vec2_small or wav2vec2_base"
    )
    encoder_weights: str = Field("", description="wav2vec 2.0: local file of torchaudio weights; empty: from scratch")
    frozen_extractor: bool = Field(False, description="wav2vec 2.0: whether its convolutions are kept as they are")
    width: int = Field(96, ge=8, le=1024, description="log_mel: channels")
    blocks: int = Field(5, ge=1, le=30, description="log_mel: residual blocks")
    stride: int = Field(4, ge=1, le=8, description="log_mel: spectrogram frames of 10 ms a frame of the recogniser")
    hidden: int = Field(128, ge=8, le=4096, description="width of the head's two hidden layers")
    dropout: float = Field(0.05, ge=0, lt=1, description="in encoder (log_mel) and head, in [0, 1)")
    augmentation_strength: float = Field(0.5, ge=0, le=2, description="factor on every change of the augmentation")
    stage1_epochs: int = Field(25, ge=1, description="passes over the labelled speech before pseudo-labels")
    stage2_epochs: int = Field(4, ge=1, description="passes over the unlabelled speech, with as much labelled")
    offline_start: Literal["stage1", "untrained"] = Field(
        "stage1",
        description="where the offline arm starts: stage1, as the others; or untrained, with stage 1's updates on top",
    )
    batch_size: int = Field(8, ge=2, description="utterances of a kind a step: stage 1 has one kind, stage 2 two")
    learning_rate: float = Field(0.005, gt=0, description="of AdamW in stage 1")
    stage2_learning_rate: float = Field(1e-3, gt=0, description="of AdamW in stage 2")
    weight_decay: float = Field(1e-2, ge=0, description="of AdamW")
    arms: list[Literal["labelled_only", "offline", "momentum", "frozen"]] = Field(
        ["labelled_only", "offline", "momentum", "frozen"],
        description="what is compared; labelled_only, offline and momentum must be among them",
    )
    processes: int = Field(1, ge=1, le=1024, description="torchrun processes of the training that is shown")

    @field_validator("arms")
    @classmethod
    def _claims_can_be_judged(cls, value: list[str]) -> list[str]:
        missing = [arm for arm in ("labelled_only", "offline", "momentum") if arm not in value]
        if missing:
            raise ValueError(f"{', '.join(missing)} must be among them: the claims compare them")
        if len(set(value)) < len(value):
            raise ValueError("an arm stands twice")
        return value


def learner_counts(settings: dict[str, Any]) -> Any:
    """How many simulated learners the settings ask for."""
    from helpers.data.corpora.pronunciation import LearnerCounts

    return LearnerCounts(
        settings["train_learners"], settings["validation_learners"], settings["unlabelled_learners"],
        settings["test_learners"], settings["sentences"], settings["unlabelled_sentences"],
    )  # fmt: skip


def data_sources(parameters: MispronunciationParameters) -> list[Path | str]:
    """What is hashed for the data fingerprint."""
    from helpers.data.corpora.pronunciation import pronunciation_sources

    p = parameters
    sources = pronunciation_sources(p.corpus, p.data_root, learner_counts(p.model_dump()))
    return [*sources, *([Path(p.encoder_weights)] if p.encoder_weights else [])]


_CITATION = "Yang, Hirschi, Looney, Kang & Hansen, Interspeech 2022"
_PER = "phone_error_rate (against the human's phones, mean over test speakers)"
_F1 = "f1 (of detected mispronunciations, mean over test speakers)"

CARD = StudyCard(
    name="mispronunciation",
    title="Finding and naming mispronunciations with momentum pseudo-labels",
    paper=Paper(
        authors="Mu Yang, Kevin Hirschi, Stephen D. Looney, Okim Kang, John H. L. Hansen",
        title="Improving Mispronunciation Detection with Wav2vec2-based Momentum Pseudo-Labeling for Accentedness and "
        "Intelligibility Assessment",
        venue="Interspeech",
        year=2022,
        link="https://arxiv.org/abs/2203.15937",
    ),
    claims=(
        Claim(
            key="lowers_per",
            statement="Momentum pseudo-labels lower the phone error rate below that of labelled speech alone.",
            citation=f"{_CITATION}, abstract",
            metric=_PER,
            direction="lower",
            method="momentum",
            baseline="labelled_only",
            paper_figure="L2-ARCTIC: 14.36 %, about 5.35 % (relative) below labelled only",
        ),
        Claim(
            key="raises_f1",
            statement="Momentum pseudo-labels raise the F1 of mispronunciation detection over labelled speech alone.",
            citation=f"{_CITATION}, abstract",
            metric=_F1,
            direction="higher",
            method="momentum",
            baseline="labelled_only",
            paper_figure="L2-ARCTIC: +2.48 %",
        ),
        Claim(
            key="lower_per_than_offline",
            statement="Labels from a momentum teacher lead to a lower phone error rate than labels made once.",
            citation=f"{_CITATION}, results",
            metric=_PER,
            direction="lower",
            method="momentum",
            baseline="offline",
        ),
        Claim(
            key="higher_f1_than_offline",
            statement="Labels from a momentum teacher lead to a higher F1 than labels made once.",
            citation=f"{_CITATION}, results",
            metric=_F1,
            direction="higher",
            method="momentum",
            baseline="offline",
        ),
    ),
    corpora=(
        CorpusOption("learners", True, True, "simulated learners of six first languages, spoken by eSpeak NG"),
        CorpusOption("l2_arctic", False, False, "24 learners, 27 h; SPEAKER/{wav,transcript,textgrid,annotation}/"),
        CorpusOption(
            "speechocean762", False, False, "250 Mandarin learners; WAVE/, train/, test/, resource/scores.json"
        ),
        CorpusOption(
            "manifest", False, False, "a CSV with path, canonical, perceived; optionally subject, group, split"
        ),
    ),
    cost={
        "quick": "~40 s on 2 CPU cores",
        "standard": "~7 min on 2 free CPU cores (735 CPU seconds)",
        "paper": "~60 GPU-hours for L2-ARCTIC, 5 seeds, 4 arms",
    },
    parameters=MispronunciationParameters,
    data_sources=data_sources,
    minutes={"quick": 10, "standard": 90, "paper": 14 * 24 * 60},
)
