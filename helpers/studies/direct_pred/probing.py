"""What an encoder of the study is worth: probes, collapse watch, and the two baselines."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from helpers.data.corpus import Corpus
from helpers.evaluation.fine_tuning import fine_tune
from helpers.evaluation.probes import knn_predict, label_subset, linear_probe
from helpers.methods.collapse import spread
from helpers.methods.direct_pred import DirectPred
from helpers.methods.embedding import embed
from helpers.methods.method import Method
from helpers.networks.heads import LinearPredictor
from helpers.studies.direct_pred.arms import (
    Settings,
    classes_of,
    image_shape,
    make_encoder,
    make_views,
    open_corpus,
    rows_of,
)
from helpers.training import History, TrainingPlan
from helpers.views.images import ImageViews


def measured(method: Method, history: History, settings: Settings, seed: int, probes: bool) -> dict[str, Any]:
    """What a pretrained arm is worth: correct test predictions, collapse watch, eigenvalues, history."""
    corpus = open_corpus(settings)
    found = probed(method.encoder, corpus, settings, seed, probes)
    if isinstance(method, DirectPred):
        s, u = torch.linalg.eigh(method.moment.cpu())
        found["s"] = s.clamp(min=0)
        if isinstance(method.predictor, LinearPredictor):
            weight = method.predictor.weight.detach().cpu()
            found["p"] = (u * (weight @ u)).sum(0)
    projections = asdict(history.spread) if history.spread else {}
    collapsed = bool(history.spread and history.spread.collapsed())
    return found | {
        "history": history.epochs, "watch": history.collapse_watch(), "collapsed": collapsed, "spread": projections,
    }  # fmt: skip


def probed(encoder: nn.Module, corpus: Corpus, settings: Settings, seed: int, probes: bool) -> dict[str, Any]:
    """kNN and, with ``probes``, linear probes at every label fraction of a frozen encoder."""
    rows = rows_of(corpus, settings)
    labels = torch.as_tensor(classes_of(corpus)[1])
    x = {part: embed(encoder, corpus, getattr(rows, part)) for part in ("train", "validation", "test")}
    y = {part: labels[getattr(rows, part)] for part in x}
    found: dict[str, Any] = {"knn": knn_predict(x["train"], y["train"], x["test"]) == y["test"], "linear": {}}
    found["embedding_rank"] = spread(x["test"]).effective_rank
    for fraction in settings["label_fractions"] if probes else []:
        some = torch.as_tensor(label_subset(y["train"].numpy(), fraction, seed))
        predicted = linear_probe((x["train"][some], y["train"][some]), (x["validation"], y["validation"]), x["test"])
        found["linear"][str(fraction)] = predicted == y["test"]
    return found


def random_encoder(settings: Settings, seed: int) -> nn.Module:
    """The encoder at its start, its batch norms' statistics taken from training images."""
    corpus = open_corpus(settings)
    encoder, _ = make_encoder(settings, corpus, seed)
    encoder.train()
    with torch.no_grad():
        for part in np.array_split(rows_of(corpus, settings).pretrain[:4096], 16):
            encoder(corpus.load(part))
    return encoder.eval()


class _Augmented(nn.Module):
    """An encoder that sees random views while it is trained and the images themselves afterwards."""

    def __init__(self, encoder: nn.Module, views: ImageViews) -> None:
        super().__init__()
        self.encoder, self.views = encoder, views

    def forward(self, images: Tensor) -> Tensor:
        return self.encoder(self.views(images) if self.training else images)


def baseline(settings: Settings, seed: int) -> dict[str, Any]:
    """The frozen random encoder, and the same network trained on the labels alone, with the same views."""
    corpus = open_corpus(settings)
    rows, labels = rows_of(corpus, settings), classes_of(corpus)[1]
    found = probed(random_encoder(settings, seed), corpus, settings, seed, probes=True)
    scratch = {}
    for fraction in settings["label_fractions"]:
        encoder, features = make_encoder(settings, corpus, seed)
        some = rows.train[label_subset(labels[rows.train], fraction, seed)]
        parts = {"train": some, "validation": rows.validation, "test": rows.test}
        epochs = round(settings["scratch_epochs"] / fraction**0.5)  # fewer labels, more passes
        plan = TrainingPlan(epochs, min(settings["batch_size"], len(some)), 1e-3, weight_decay=1e-2, seed=seed)
        augmented = _Augmented(encoder, make_views(settings, *image_shape(corpus)))
        predicted = fine_tune(augmented, corpus, labels, parts, plan, features)
        scratch[str(fraction)] = torch.as_tensor(predicted == labels[rows.test])
    return found | {"scratch": scratch}
