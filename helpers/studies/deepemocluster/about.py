"""What the deepemocluster study is about: paper, claims, corpora, parameters, cost. Light to import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from helpers.evaluation.claims import Claim
from helpers.studies.card import CorpusOption, LabelFractions, Paper, StudyCard, StudyParameters

Arm = Literal["regressor", "clusters", "clusters_unlabelled", "autoencoder", "variational"]


class DeepEmoClusterParameters(StudyParameters):
    """Parameters of the study; the defaults are those of ``quick``."""

    corpus: str = Field(
        "simulated_speech", description="simulated_speech, msp_podcast, msp_face, ravdess, crema_d or manifest"
    )
    speakers: int = Field(36, ge=4, description="simulated speech: people, >= 4")
    sentences: int = Field(6, ge=1, description="simulated speech: sentences that each says, >= 1")
    seconds: float = Field(2.2, ge=1.5, le=6, description="simulated speech: usual length of a sentence, 1.5 to 6 s")
    unlabelled_share: float = Field(
        0.5, gt=0, lt=1, description="simulated speech: share of the speakers who are unlabelled, in (0, 1)"
    )
    hidden_share: float = Field(
        0.25,
        gt=0,
        lt=1,
        description="other corpora without an unlabelled part: speakers whose labels are hidden, in (0, 1)",
    )
    unlabelled_limit: int = Field(0, ge=0, description="MSP-Podcast: unlabelled sentences at most; 0 for all")
    hop: int = Field(512, ge=64, le=2048, description="between frames, samples at 16 kHz; 256 in the paper")
    mels: int = Field(32, ge=8, le=256, description="mel bands; 128 in the paper")
    chunks: int = Field(3, ge=1, le=64, description="chunks a sentence, C; 11 in the paper")
    frames: int = Field(31, ge=8, description="frames a chunk, m, about 1 s; 62 in the paper")
    widths: list[Annotated[int, Field(ge=1, le=1024)]] = Field(
        [12, 12, 24, 24, 48, 48, 48], min_length=3, description="channels of the convolutions"
    )
    first_stride: int = Field(2, ge=1, le=4, description="stride of the first convolution; 1 in the paper")
    features: int = Field(64, ge=4, le=2048, description="size of the embedding; 256 in the paper")
    dropout: float = Field(0.5, ge=0, lt=1, description="of the embedding, in [0, 1); 0.5 in the paper")
    together: bool = Field(True, description="one model for all three attributes; false: one each, as in the paper")
    clusters: int = Field(10, ge=2, description="K where the attributes are together, and for arousal alone")
    clusters_valence: int = Field(30, ge=2, description="K of valence's own model")
    clusters_dominance: int = Field(30, ge=2, description="K of dominance's own model")
    methods: list[Arm] = Field(
        ["regressor", "clusters", "clusters_unlabelled", "autoencoder", "variational"],
        description="arms that are trained; the first three and one of the others must be among them",
    )
    fraction_methods: list[Arm] = Field(
        ["regressor", "clusters_unlabelled"], description="arms that are also trained with a share of the labels"
    )
    epochs: int = Field(8, ge=1, description="passes over unlabelled and labelled chunks each")
    batch_size: int = Field(48, ge=4, description="chunks a step; 704 in the paper, of 64 sentences")
    learning_rate: float = Field(0.02, gt=0, description="of SGD on encoder and heads; 0.001 in the paper")
    class_learning_rate: float = Field(1.0, gt=0, description="of SGD on the class layer; 0.05 in the paper")
    adam_learning_rate: float = Field(2e-3, gt=0, description="of Adam; 0.0005 in the paper")
    adam_on_encoder: bool = Field(True, description="whether Adam moves the encoder too, as in the released code")
    reconstruction_weight: float = Field(1.0, gt=0, description="of the mean squared error beside 1 - CCC, > 0")
    kl_weight: float = Field(0.01, ge=0, description="of the variational code's divergence, a mean, >= 0")
    label_fractions: LabelFractions = Field(
        [0.25, 1.0], description="shares of the labelled training sentences, in (0, 1]; 1 included"
    )
    processes: int = Field(1, ge=1, le=1024, description="torchrun processes of the training that is shown")

    @model_validator(mode="after")
    def _claims_can_be_judged(self) -> DeepEmoClusterParameters:
        missing = [m for m in ("regressor", "clusters", "clusters_unlabelled") if m not in self.methods]
        if missing:
            raise ValueError(f"{', '.join(missing)} must be among the methods: the claims compare them")
        if not {"autoencoder", "variational"} & set(self.methods):
            raise ValueError("autoencoder or variational must be among the methods: a claim compares with them")
        if len(set(self.methods)) < len(self.methods) or set(self.fraction_methods) - set(self.methods):
            raise ValueError("each method stands once, and fraction_methods are among the methods")
        return self


def data_sources(parameters: DeepEmoClusterParameters) -> list[Path | str]:
    """What is hashed for the data fingerprint."""
    from helpers.data.corpora.speech_attributes import attribute_sources
    from helpers.data.simulated.emotional_speech import SpeechDrawing

    p = parameters
    return attribute_sources(
        p.corpus, p.data_root, SpeechDrawing(p.speakers, p.sentences, p.unlabelled_share, p.seconds)
    )


_CITATION = "Lin, Sridhar & Busso, ICASSP 2021, 7263-7267"
_METRIC = "ccc (mean over arousal, valence and dominance, test sentences)"

CARD = StudyCard(
    name="deepemocluster",
    title="DeepEmoCluster: clusters of speech beside emotional attributes",
    paper=Paper(
        authors="Wei-Cheng Lin, Kusha Sridhar, Carlos Busso",
        title="DeepEmoCluster: a semi-supervised framework for latent cluster representation of speech emotions",
        venue="ICASSP",
        year=2021,
        link="https://doi.org/10.1109/ICASSP39728.2021.9414035",
    ),
    claims=(
        Claim(
            key="clusters_help",
            statement="Classifying chunks into clusters of themselves beside the regression raises CCC over the "
            "regressor alone, on the same labelled sentences.",
            citation=_CITATION,
            metric=_METRIC,
            direction="higher",
            method="DeepEmoCluster, labelled sentences alone",
            baseline="regressor alone",
        ),
        Claim(
            key="unlabelled_help",
            statement="Unlabelled sentences raise DeepEmoCluster's CCC further.",
            citation=_CITATION,
            metric=_METRIC,
            direction="higher",
            method="DeepEmoCluster with unlabelled sentences",
            baseline="DeepEmoCluster, labelled sentences alone",
            paper_figure="MSP-Podcast 1.6, 40,000 unlabelled sentences (authors' README): CCC .673 arousal, .555 "
            "dominance, .190 valence",
        ),
        Claim(
            key="beats_autoencoders",
            statement="With the same unlabelled sentences DeepEmoCluster's CCC is above that of the better (on "
            "validation) of an autoencoder and a variational one.",
            citation=_CITATION,
            metric=_METRIC,
            direction="higher",
            method="DeepEmoCluster with unlabelled sentences",
            baseline="autoencoder or variational autoencoder, whichever is better on validation",
        ),
    ),
    corpora=(
        CorpusOption("simulated_speech", True, True, "eSpeak NG's voices with simulated emotion, rooms, microphones"),
        CorpusOption("msp_podcast", False, False, "podcast sentences with ratings; Audio/ and labels_consensus.csv"),
        CorpusOption("msp_face", False, False, "online videos with ratings; label_consensus.json and the segments"),
        CorpusOption("ravdess", False, False, "24 actors; emotions placed on the circumplex as a proxy for ratings"),
        CorpusOption("crema_d", False, False, "91 actors; emotions placed on the circumplex as a proxy for ratings"),
        CorpusOption("manifest", False, False, "a CSV with path, label, subject, arousal, valence, dominance"),
    ),
    cost={
        "quick": "~40 s on 2 CPU cores",
        "standard": "~6 min on 2 free CPU cores (about 11 CPU minutes)",
        "paper": "~150 GPU-hours for MSP-Podcast 1.6, 5 seeds, estimated, not run",
    },
    parameters=DeepEmoClusterParameters,
    data_sources=data_sources,
    minutes={"quick": 10, "standard": 120, "paper": 14 * 24 * 60},
)
