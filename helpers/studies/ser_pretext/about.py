"""What the ser_pretext study is about: paper, claims, corpora, parameters, cost. Light to import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from helpers.evaluation.claims import Claim
from helpers.studies.card import CorpusOption, LabelFractions, Paper, StudyCard, StudyParameters

TASKS = ("energy", "activation", "emotion")


class SerPretextParameters(StudyParameters):
    """Parameters of the study; the defaults are those of ``quick``."""

    corpus: str = Field("talking_faces", description="talking_faces, ravdess, crema_d, emo_db, msp_face or manifest")
    speakers: int = Field(20, ge=8, description="talking_faces: people, >= 8")
    sentences: int = Field(8, ge=1, description="talking_faces: sentences that each says, >= 1")
    unlabelled_share: float = Field(0.5, ge=0, lt=1, description="talking_faces: share of the speakers without labels")
    mels: int = Field(64, ge=8, le=128, description="mel bands of the spectrograms, 8 to 128")
    standardise: Literal["speaker", "corpus"] = Field(
        "speaker", description="spectrograms by each speaker's own clips (without labels) or by the training clips"
    )
    chunk_seconds: float = Field(1.2, ge=0.2, le=10, description="length of a stretch with pretext labels, seconds")
    tasks: list[Literal["energy", "activation", "emotion"]] = Field(
        ["energy", "activation", "emotion"],
        min_length=1,
        description="pretext tasks; activation and emotion need face tracks and drop out without",
    )
    alone: bool = Field(False, description="whether each task is also pre-trained alone, beside all together")
    byol: bool = Field(True, description="whether BYOL on spectrogram views is pre-trained under the same steps")
    encoder: str = Field(
        "patch_small",
        description="patch_small or patch_wide on spectrograms; wav2vec2_small or wav2vec2_base on samples",
    )
    encoder_weights: str = Field(
        "", description="local file of wav2vec 2.0's start weights (torchaudio's state dict); empty: none"
    )
    dropout: float = Field(0.3, ge=0, lt=1, description="of the embedding while training, in [0, 1)")
    augmentation_strength: float = Field(
        1.0, ge=0, le=2, description="factor on every change of the views; 1 is as designed"
    )
    pretrain_steps: int = Field(40, ge=1, description="optimiser steps of every pre-training")
    pretrain_batch: int = Field(64, ge=2, description="stretches a step")
    pretrain_learning_rate: float = Field(2e-3, gt=0, description="of AdamW")
    hidden: int = Field(256, ge=2, le=8192, description="BYOL: width of projector and predictor")
    projection: int = Field(64, ge=2, le=8192, description="BYOL: size of the projection")
    momentum: float = Field(0.98, ge=0, lt=1, description="BYOL: momentum of the target at the start, in [0, 1)")
    folds: int = Field(4, ge=2, le=100, description="parts that the labelled speakers are dealt into, anew each seed")
    folds_per_seed: int = Field(1, ge=1, le=100, description="of them tested in turn, at most folds")
    label_fractions: LabelFractions = Field([0.25, 1.0], description="shares of the training labels; 1 included")
    claim_fraction: float = Field(
        0.2, gt=0, le=1, description="the claim on few labels is judged at the one of label_fractions nearest to this"
    )
    fine_tune_epochs: int = Field(
        14, ge=1, description="passes over the labelled clips; few of them are repeated within a pass"
    )
    fine_tune_patience: int = Field(
        0, ge=0, description="passes without a better loss on validation speakers before it stops; 0: all passes"
    )
    fine_tune_batch: int = Field(32, ge=2, description="clips a step")
    fine_tune_learning_rate: float = Field(3e-3, gt=0, description="of AdamW, for every start alike")
    crop_seconds: float = Field(1.6, ge=0.2, le=30, description="stretch of a clip that is seen in training, seconds")
    svm_penalties: list[Annotated[float, Field(gt=0)]] = Field(
        [0.003, 0.01, 0.03, 0.1], min_length=1, description="C of the linear SVM on functionals; chosen on validation"
    )
    processes: int = Field(1, ge=1, le=1024, description="torchrun processes of the pretraining that is shown")

    @field_validator("tasks")
    @classmethod
    def _once_in_order(cls, value: list[str]) -> list[str]:
        return [task for task in TASKS if task in value]

    def judged_fraction(self) -> float:
        """The share of the labels at which the claim on few labels is judged."""
        return min(self.label_fractions, key=lambda share: abs(share - self.claim_fraction))


def data_sources(parameters: SerPretextParameters) -> list[Path | str]:
    """What is hashed for the data fingerprint."""
    p = parameters
    weights: list[Path | str] = [Path(p.encoder_weights)] if p.encoder_weights else []
    if p.corpus == "talking_faces":
        from helpers.data.simulated.emotional_speech import SpeechDrawing, speech_sources
        from helpers.data.simulated.talking_faces import GENERATOR

        return [*speech_sources(SpeechDrawing(p.speakers, p.sentences, p.unlabelled_share)), GENERATOR, *weights]
    from helpers.data.corpora.roots import corpus_root

    root = corpus_root(p.corpus, p.data_root)
    return [root.parent if p.corpus == "manifest" else root, *weights]


_CITATION = "Goncalves & Busso, Interspeech 2022, abstract"
_METRIC = "macro_f1 (mean over emotions, 0 to 1, speakers never heard in training)"
_PAPER = "CREMA-D, pre-trained on 60.92 h: precision up to +5.1, recall up to +4.5, F1 up to +4.9 points"

CARD = StudyCard(
    name="ser_pretext",
    title="Speech emotion: pretext tasks that voice and face label for nothing",
    paper=Paper(
        authors="Lucas Goncalves, Carlos Busso",
        title="Improving Speech Emotion Recognition Using Self-Supervised Learning with Domain-Specific Audiovisual "
        "Tasks",
        venue="Interspeech",
        year=2022,
        link="https://doi.org/10.21437/Interspeech.2022-11012",
    ),
    claims=(
        Claim(
            key="raises_f1",
            statement="Fine-tuned on all labels, an encoder pre-trained on the domain-specific tasks together has a "
            "higher macro-F1 than the same encoder from scratch.",
            citation=_CITATION,
            metric=_METRIC,
            direction="higher",
            method="pretext tasks together",
            baseline="scratch",
            paper_figure=_PAPER,
        ),
        Claim(
            key="few_labels",
            statement="So it has with few labels.",
            citation="asked of every study here; the paper fine-tunes on all labels",
            metric=_METRIC + ", at the few labels of claim_fraction",
            direction="higher",
            method="pretext tasks together",
            baseline="scratch",
        ),
        Claim(
            key="beats_generic",
            statement="With few labels, the domain-specific tasks beat a generic pre-training (BYOL on spectrogram "
            "views) of as many steps.",
            citation="asked here; the paper compares with other corpora's figures",
            metric=_METRIC + ", at the few labels of claim_fraction",
            direction="higher",
            method="pretext tasks together",
            baseline="BYOL",
        ),
    ),
    corpora=(
        CorpusOption("talking_faces", True, True, "simulated speakers with emotion in voice and face, eight emotions"),
        CorpusOption("ravdess", False, False, "24 actors, 8 emotions; Actor_NN/03-01-EE-II-SS-RR-AA.wav or .mp4"),
        CorpusOption("crema_d", False, False, "91 actors, 6 emotions; AudioWAV/1001_DFA_ANG_XX.wav or VideoFlash/"),
        CorpusOption("emo_db", False, False, "10 German actors, 7 emotions; wav/03a01Wa.wav"),
        CorpusOption("msp_face", False, False, "online videos, 491 speakers; MSP-FACE_*.mp4, label_consensus.json"),
        CorpusOption("manifest", False, False, "a CSV with path, label, subject, optionally tracks (OpenFace 2.x CSV)"),
    ),
    cost={
        "quick": "~40 s on 2 CPU cores",
        "standard": "~8 min on 2 CPU cores",
        "paper": "~40 GPU-hours for CREMA-D with MSP-Face's faces, 5 seeds",
    },
    parameters=SerPretextParameters,
    data_sources=data_sources,
    minutes={"quick": 10, "standard": 120, "paper": 3 * 24 * 60},
)
