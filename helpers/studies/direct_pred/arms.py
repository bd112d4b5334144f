"""One arm of the study: its data, views, encoder and method, as a recipe that any process can follow."""

from __future__ import annotations

import torch
from torch import nn

from helpers.data.corpus import Corpus
from helpers.data.labelled_rows import classes_of as classes_of
from helpers.data.labelled_rows import image_shape
from helpers.data.labelled_rows import one_a_class as one_a_class
from helpers.methods.direct_pred import Arm, DirectPred, alignment, matched_eigenvectors
from helpers.methods.method import Method
from helpers.networks.heads import LinearPredictor
from helpers.networks.image_encoders import image_encoder
from helpers.processes import Job
from helpers.studies.image_settings import Settings, open_corpus, rows_of
from helpers.training import TrainingPlan
from helpers.views.images import ImageViews
from helpers.views.usual import usual_views


def make_views(settings: Settings, channels: int, size: int) -> ImageViews:
    """The study's augmentation: for grey images shape and light, for colour SimCLR's."""
    return usual_views(settings["augmentation"], channels, size, settings["augmentation_strength"])


def arm_of(settings: Settings, predictor: str, target: str = "ema") -> Arm:
    """An arm by its predictor and its target: ``"ema"``, ``"no_ema"`` (stop-gradient alone) or ``"no_stop"``."""
    return Arm(
        predictor=predictor,  # type: ignore[arg-type]
        ema=settings["ema"] if target == "ema" else None,
        stop_gradient=target != "no_stop",
        rho=settings["rho"],
        epsilon=settings["copy_epsilon" if predictor == "direct_copy" else "epsilon"],
        every=settings["every"],
    )


def make_encoder(settings: Settings, corpus: Corpus, seed: int) -> tuple[nn.Module, int]:
    """The run's encoder at its start, the same for every arm of a seed, and the size of its embedding."""
    torch.manual_seed(seed)
    return image_encoder(settings["encoder"], *image_shape(corpus), settings["encoder_weights"])


def pretraining(settings: Settings, predictor: str, target: str, seed: int, epochs: int, weight_decay: float) -> Job:
    """The recipe of one arm, for any process."""
    corpus = open_corpus(settings)
    channels, size = image_shape(corpus)
    encoder, embedding_size = make_encoder(settings, corpus, seed)
    method = DirectPred(
        encoder, embedding_size, make_views(settings, channels, size), arm_of(settings, predictor, target),
        hidden=settings["hidden"], projection=settings["projection"],
    )  # fmt: skip
    plan = TrainingPlan(
        epochs=epochs, batch_size=settings["batch_size"], learning_rate=settings["learning_rate"], optimiser="sgd",
        weight_decay=weight_decay, warmup_epochs=settings["warmup_epochs"], seed=seed,
        precision=settings["precision"],
    )  # fmt: skip
    return Job(method, corpus, rows_of(corpus, settings).pretrain, plan, eigenspaces, settings["device"])


def eigenspaces(method: Method) -> dict[str, float]:
    """How far a linear predictor's eigenspaces agree with F's, logged after every epoch."""
    if not isinstance(method, DirectPred) or not isinstance(method.predictor, LinearPredictor):
        return {}
    weight, moment = method.predictor.weight.detach().cpu(), method.moment.cpu()
    s = torch.linalg.eigvalsh(moment).flip(0).clamp(min=0)
    share = s / s.sum().clamp(min=1e-12)
    cosine = float((share * matched_eigenvectors(weight, moment)).sum())
    return {"alignment": alignment(weight, moment), "cosine": cosine}
