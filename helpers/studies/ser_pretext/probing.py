"""What a start is worth: emotions of unheard speakers after fine-tuning at label shares, and from frozen features."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from helpers.data.corpus import Corpus
from helpers.data.functionals import corpus_functionals
from helpers.data.labelled_rows import label_subset
from helpers.evaluation.fine_tuning import fine_tune
from helpers.evaluation.frozen import Augmented, with_statistics
from helpers.evaluation.probes import knn_predict, linear_probe
from helpers.methods.embedding import embed
from helpers.studies.ser_pretext.arms import (
    clips,
    fold_of,
    make_encoder,
    pretraining,
    training_views,
)
from helpers.studies.ser_pretext.speech import Fold, Settings, Speech, open_speech
from helpers.training import History, TrainingPlan, train

PENALTIES = (3e-2, 3e-1)  # of linear probes; weaker ones take longest on few clips
LEAST_CLIPS = 96  # seen in a pass of fine-tuning; fewer labelled ones are repeated

Predictions = dict[str, Any]


def measured(
    encoder: nn.Module, size: int, settings: Settings, fold: Fold, seed: int, frozen: nn.Module | None = None
) -> Predictions:
    """Test predictions of an encoder.

    Args:
        encoder: the start of fine-tuning; it is not changed.
        size: of its embedding.
        settings: the study's.
        fold: who is trained on and tested on.
        seed: of the shares' draw and of fine-tuning.
        frozen: what neighbours and the linear probe look at, where that is not ``encoder``.

    Returns:
        ``fine_tune``: predicted classes by share as text, int16 (m,) each; ``validation``: unweighted accuracy on
        validation speakers, by the same; ``knn``, ``linear``: from frozen features, all labels.
    """
    speech, corpus = open_speech(settings), clips(settings, fold)
    found: Predictions = {"fine_tune": {}, "validation": {}} | _frozen(frozen or encoder, corpus, speech, fold)
    for fraction in settings["label_fractions"]:
        test, held = _fine_tuned(encoder, size, settings, corpus, fold, seed, fraction)
        found["fine_tune"][str(fraction)] = test
        found["validation"][str(fraction)] = unweighted_accuracy(speech.classes[fold.validation], held.numpy())
    return found


def _frozen(encoder: nn.Module, corpus: Corpus, speech: Speech, fold: Fold) -> Predictions:
    labels = torch.from_numpy(speech.classes)
    x = {part: embed(encoder, corpus, getattr(fold, part), 64) for part in ("train", "validation", "test")}
    train, held = (x["train"], labels[fold.train]), (x["validation"], labels[fold.validation])
    linear = linear_probe(train, held, x["test"], PENALTIES)
    return {"knn": knn_predict(*train, x["test"]).short(), "linear": linear.short()}


def _fine_tuned(
    encoder: nn.Module, size: int, settings: Settings, corpus: Corpus, fold: Fold, seed: int, fraction: float
) -> tuple[Tensor, Tensor]:
    """Predicted classes of test and of validation clips, int16."""
    speech = open_speech(settings)
    some = few_clips(speech, fold, fraction, seed)
    repeated = np.tile(some, max(1, -(-LEAST_CLIPS // len(some))))
    rows = {"train": repeated, "validation": fold.validation, "test": np.concatenate([fold.test, fold.validation])}
    batch = min(settings["fine_tune_batch"], len(repeated))
    plan = TrainingPlan(
        settings["fine_tune_epochs"], batch, settings["fine_tune_learning_rate"], weight_decay=1e-2, warmup_epochs=1.0,
        seed=seed, patience=settings["fine_tune_patience"] or None,
    )  # fmt: skip
    start = Augmented(encoder, training_views(settings, speech.hop))
    predicted = fine_tune(start, corpus, speech.classes, rows, plan, size, device=settings["device"])
    test, held = torch.from_numpy(predicted).short().split([len(fold.test), len(fold.validation)])
    return test.clone(), held.clone()


def few_clips(speech: Speech, fold: Fold, fraction: float, seed: int) -> np.ndarray:
    """Training clips whose labels are used: a share of each emotion's, the same for every start."""
    return fold.train[label_subset(speech.classes[fold.train], fraction, seed)]


def unweighted_accuracy(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Mean recall of the emotions that occur (UA), 0 to 1."""
    from sklearn.metrics import recall_score

    return float(recall_score(truth, predicted, labels=np.unique(truth), average="macro", zero_division=0))


def pretrained(settings: Settings, arm: str, seed: int, fold: int) -> Predictions:
    """Pre-train one arm on one fold and measure it: one job of the grid."""
    job = pretraining(settings, arm, seed, fold)
    history = train(job.method, job.corpus, job.rows, job.plan, device=job.device, label=arm)
    return of_pretrained(job.method.encoder, history, settings, seed, fold)


def of_pretrained(network: nn.Module, history: History, settings: Settings, seed: int, fold: int) -> Predictions:
    """What a pre-trained encoder is worth, with its history."""
    size = make_encoder(settings, seed)[1]
    watch = {"history": history.epochs, "collapsed": bool(history.spread and history.spread.collapsed())}
    return measured(network, size, settings, fold_of(settings, seed, fold), seed) | watch


def scratch(settings: Settings, seed: int, fold: int) -> Predictions:
    """The encoder at its start: fine-tuned it is the network from scratch; frozen it is the random encoder."""
    parts = fold_of(settings, seed, fold)
    network, size = make_encoder(settings, seed)
    frozen = with_statistics(make_encoder(settings, seed)[0], clips(settings, parts), parts.train)
    return measured(network, size, settings, parts, seed, frozen)


def functionals_svm(settings: Settings, seed: int, fold: int) -> Predictions:
    """The baseline: functionals and a linear SVM, standardised by training clips and by each speaker's own clips.

    Returns:
        ``corpus`` and ``speaker``: predicted test classes by share as text, int16 (m,) each. By speaker, the test
        speaker's clips are seen without their labels.
    """
    speech, parts = open_speech(settings), fold_of(settings, seed, fold)
    x = labelled_functionals(speech)
    own = x.copy()
    for subject in np.unique(speech.subjects[speech.classes >= 0]):
        mine = (speech.subjects == subject) & (speech.classes >= 0)
        own[mine] = (x[mine] - x[mine].mean(axis=0)) / np.maximum(x[mine].std(axis=0), 1e-6)
    found: Predictions = {"corpus": {}, "speaker": {}}
    for fraction in settings["label_fractions"]:
        some = few_clips(speech, parts, fraction, seed)
        for name, features in (("corpus", x), ("speaker", own)):
            found[name][str(fraction)] = _svm(features, speech.classes, some, parts, settings["svm_penalties"])
    return found


def labelled_functionals(speech: Speech) -> np.ndarray:
    """Functionals of the labelled clips, float64 (n, F); 0 in the rows of the others, which nobody asks for."""
    labelled = np.flatnonzero(speech.classes >= 0)
    measured = corpus_functionals(speech.corpus.select(labelled)).numpy()
    found = np.zeros((len(speech.classes), measured.shape[1]))
    found[labelled] = measured
    return found


def _svm(x: np.ndarray, classes: np.ndarray, some: np.ndarray, fold: Fold, penalties: list[float]) -> Tensor:
    from sklearn.svm import SVC

    mean, std = x[some].mean(axis=0), np.maximum(x[some].std(axis=0), 1e-6)
    z = np.clip((x - mean) / std, -10, 10)
    best, best_score = None, -1.0
    for penalty in sorted(penalties):
        machine = SVC(kernel="linear", C=penalty, class_weight="balanced").fit(z[some], classes[some])
        score = unweighted_accuracy(classes[fold.validation], machine.predict(z[fold.validation]))
        if score > best_score:
            best, best_score = machine, score
    assert best is not None
    return torch.from_numpy(best.predict(z[fold.test])).short()
