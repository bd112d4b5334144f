"""What an encoder of the study is worth: predictions by neighbours, linear probes and fine-tuning at label shares."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from helpers.data.corpus import Corpus
from helpers.data.labelled_rows import LabelledRows, classes_of, label_subset
from helpers.evaluation.fine_tuning import fine_tune
from helpers.evaluation.frozen import Augmented, with_statistics
from helpers.evaluation.probes import knn_predict, linear_probe
from helpers.methods.collapse import spread
from helpers.methods.embedding import embed
from helpers.studies.insect_pests.arms import (
    Settings,
    checkpoint_of,
    gentle_views,
    make_encoder,
    open_input,
    pretraining,
    rows_of,
    transferred,
)
from helpers.training import History, TrainingPlan, train

PENALTIES = (3e-3, 3e-2, 3e-1)  # of linear probes; weaker ones take longest on few images


def measured(
    encoder: nn.Module, features: int, settings: Settings, kind: str, seed: int, frozen: nn.Module | None = None
) -> dict[str, Any]:
    """Test predictions of an encoder under every protocol and share of labels.

    Args:
        encoder: the start of fine-tuning; it is not changed.
        features: size of its embedding.
        settings: the study's.
        kind: ``"raw"`` or ``"segmented"``.
        seed: of the shares' draw and of fine-tuning.
        frozen: what neighbours and linear probes look at, where that is not ``encoder``.

    Returns:
        ``knn``: predicted classes, int16 (m,); ``linear`` and, where the input is fine-tuned, ``fine_tune``: the same
        by share as text; ``validation``: accuracy by protocol and share; ``rank``: effective rank of the test features.
    """
    corpus = open_input(settings, kind)
    rows, classes = rows_of(corpus), classes_of(corpus)[1]
    found = _of_frozen(frozen or encoder, corpus, rows, classes, settings, seed)
    if kind in settings["fine_tune_inputs"]:
        found["fine_tune"] = {}
        for fraction in settings["label_fractions"]:
            predicted, accuracy = _fine_tuned(encoder, features, corpus, rows, classes, settings, fraction, seed)
            found["fine_tune"][str(fraction)] = predicted
            found["validation"][f"fine_tune {fraction}"] = accuracy
    return found


def _of_frozen(
    encoder: nn.Module, corpus: Corpus, rows: LabelledRows, classes: np.ndarray, settings: Settings, seed: int
) -> dict[str, Any]:
    labels = torch.as_tensor(classes)
    x = {part: embed(encoder, corpus, getattr(rows, part)) for part in ("train", "validation", "test")}
    y = {part: labels[getattr(rows, part)] for part in x}
    asked, sizes = torch.cat([x["test"], x["validation"]]), [len(y["test"]), len(y["validation"])]
    test, held = knn_predict(x["train"], y["train"], asked).split(sizes)
    found: dict[str, Any] = {"knn": test.short(), "linear": {}, "rank": spread(x["test"]).effective_rank}
    found["validation"] = {"knn": _share(held == y["validation"])}
    for fraction in settings["label_fractions"]:
        some = torch.as_tensor(label_subset(y["train"].numpy(), fraction, seed))
        few, held = (x["train"][some], y["train"][some]), (x["validation"], y["validation"])
        predicted = linear_probe(few, held, asked, PENALTIES)
        test, held = predicted.split(sizes)
        found["linear"][str(fraction)] = test.short()
        found["validation"][f"linear {fraction}"] = _share(held == y["validation"])
    return found


def _fine_tuned(
    encoder: nn.Module, features: int, corpus: Corpus, rows: LabelledRows, classes: np.ndarray, settings: Settings,
    fraction: float, seed: int,
) -> tuple[Tensor, float]:  # fmt: skip
    """Predicted test classes at the learning rate that is best on validation, and its accuracy there."""
    some = rows.train[label_subset(classes[rows.train], fraction, seed)]
    asked = {"train": some, "validation": rows.validation, "test": np.concatenate([rows.test, rows.validation])}
    batch = min(settings["fine_tune_batch"], len(some))
    steps = settings["fine_tune_steps"] * max(fraction**0.5, 0.25)  # fewer labels, fewer steps, but more passes
    epochs = max(1, round(steps / max(1, len(some) // batch)))
    best: tuple[Tensor, float] | None = None
    for rate in settings["fine_tune_learning_rates"]:
        plan = TrainingPlan(epochs, batch, rate, weight_decay=1e-2, seed=seed)
        start = Augmented(encoder, gentle_views(settings))
        predicted = torch.as_tensor(fine_tune(start, corpus, classes, asked, plan, features))
        test, held = predicted.split([len(rows.test), len(rows.validation)])
        accuracy = _share(held == torch.as_tensor(classes[rows.validation]))
        if best is None or accuracy > best[1]:
            best = test.short(), accuracy
    assert best is not None
    return best


def pretrained(
    settings: Settings, method: str, encoder: str, kind: str, seed: int, checkpoints: str = ""
) -> dict[str, Any]:
    """Pretrain one arm and measure it: one job of the grid."""
    job = pretraining(settings, method, encoder, kind, seed)
    history = train(job.method, job.corpus, job.rows, job.plan, device=job.device, label=method,
                    checkpoint=checkpoint_of(checkpoints, f"{method}-{encoder}-{kind}-{seed}"))  # fmt: skip
    return of_pretrained(job.method.encoder, history, settings, encoder, kind, seed)


def of_pretrained(
    network: nn.Module, history: History, settings: Settings, encoder: str, kind: str, seed: int
) -> dict[str, Any]:
    """What a pretrained encoder is worth, with its history."""
    features = make_encoder(settings, encoder, seed)[1]
    watch = {"history": history.epochs, "watch": history.collapse_watch(),
             "collapsed": bool(history.spread and history.spread.collapsed())}  # fmt: skip
    return measured(network, features, settings, kind, seed) | watch


def baseline(settings: Settings, start: str, encoder: str, kinds: list[str], seed: int) -> dict[str, Any]:
    """The encoder at its start (``"random"``) or trained with labels elsewhere (``"transfer"``), by kind of input.

    Fine-tuned, the random one is the network trained from scratch. Frozen, it has the batch statistics of training
    images.
    """
    found: dict[str, Any] = {}
    if start == "transfer":
        network, features, source = transferred(settings, encoder, seed)
        for kind in kinds:
            found[kind] = measured(network, features, settings, kind, seed) | {"source_accuracy": source}
        return found
    for kind in kinds:
        network, features = make_encoder(settings, encoder, seed)
        frozen = random_encoder(settings, encoder, kind, seed)
        found[kind] = measured(network, features, settings, kind, seed, frozen)
    return found


def random_encoder(settings: Settings, encoder: str, kind: str, seed: int) -> nn.Module:
    """The encoder before any training, its batch norms' statistics taken from training images."""
    corpus = open_input(settings, kind)
    return with_statistics(make_encoder(settings, encoder, seed)[0], corpus, rows_of(corpus).pretrain)


def _share(right: Tensor) -> float:
    return float(right.double().mean())
