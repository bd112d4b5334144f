"""What an encoder of the study is worth: probes, collapse watch, and the two baselines."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch
from torch import nn

from helpers.data.corpus import Corpus
from helpers.data.labelled_rows import classes_of, image_shape
from helpers.evaluation.frozen import Augmented, from_scratch, probe_frozen, with_statistics
from helpers.methods.direct_pred import DirectPred
from helpers.methods.method import Method
from helpers.networks.heads import LinearPredictor
from helpers.studies.direct_pred.arms import (
    Settings,
    make_encoder,
    make_views,
    open_corpus,
    rows_of,
)
from helpers.training import History


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
    fractions = settings["label_fractions"] if probes else []
    return probe_frozen(encoder, corpus, rows_of(corpus, settings), classes_of(corpus)[1], fractions, seed)


def random_encoder(settings: Settings, seed: int) -> nn.Module:
    """The encoder at its start, its batch norms' statistics taken from training images."""
    corpus = open_corpus(settings)
    return with_statistics(make_encoder(settings, corpus, seed)[0], corpus, rows_of(corpus, settings).pretrain)


def baseline(settings: Settings, seed: int) -> dict[str, Any]:
    """The frozen random encoder, and the same network trained on the labels alone, with the same views."""
    corpus = open_corpus(settings)
    rows, classes = rows_of(corpus, settings), classes_of(corpus)[1]
    found = probed(random_encoder(settings, seed), corpus, settings, seed, probes=True)
    scratch = {}
    for fraction in settings["label_fractions"]:
        encoder, features = make_encoder(settings, corpus, seed)
        augmented = Augmented(encoder, make_views(settings, *image_shape(corpus)))
        scratch[str(fraction)] = from_scratch(
            augmented, features, corpus, rows, classes, fraction, seed, settings["scratch_epochs"],
            settings["batch_size"],
        )  # fmt: skip
    return found | {"scratch": scratch}
