"""What one encoder is worth on both tasks: fine-tuned on labels and on masks, at every label fraction, and frozen."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from helpers.data.corpora.masks import only_images
from helpers.data.corpus import Corpus
from helpers.data.labelled_rows import LabelledRows, classes_of, label_subset
from helpers.evaluation.fine_tuning import fine_tune
from helpers.evaluation.frozen import Augmented, probe_frozen, with_statistics
from helpers.evaluation.segmentation import dice, fine_tune_unet, iou
from helpers.studies.maize_kernels.arms import Settings, fine_tune_views, make_encoder, masked, repeated, varied
from helpers.training import History, TrainingPlan

FINE_TUNE_DECAY = 1e-2  # weight decay of fine-tuning, every arm, both tasks
SHOWN = 5  # test kernels whose predicted masks are kept for the figures


def worth(encoder: nn.Module, corpus: Corpus, rows: LabelledRows, settings: Settings, seed: int) -> dict[str, Any]:
    """Both tasks from one encoder.

    Returns:
        ``orientation``, ``dice``, ``iou``: test results by label fraction as text, float or bool (m,); ``shown``:
        probabilities of :func:`shown_rows` as uint8, by fraction; ``frozen``: kNN and linear
        probe of the frozen encoder.
    """
    found: dict[str, Any] = {"orientation": {}, "dice": {}, "iou": {}, "shown": {}}
    for fraction in settings["label_fractions"]:
        found["orientation"][str(fraction)] = orientation(encoder, corpus, rows, settings, fraction, seed)
        if can_segment(corpus, rows):
            probabilities = embryos(encoder, corpus, rows, settings, fraction, seed)
            tested = masked(corpus, rows.test)
            marked = true_masks(corpus, tested)
            shown = np.isin(tested, shown_rows(corpus, rows))
            found["dice"][str(fraction)] = dice(probabilities > 0.5, marked)
            found["iou"][str(fraction)] = iou(probabilities > 0.5, marked)
            found["shown"][str(fraction)] = (255 * probabilities[torch.as_tensor(shown)]).round().to(torch.uint8)
    found["frozen"] = probe_frozen(encoder, only_images(corpus), rows, classes_of(corpus)[1], [1.0], seed)
    return found


def shown_rows(corpus: Corpus, rows: LabelledRows) -> np.ndarray:
    """The test kernels whose predicted masks are kept, at most :data:`SHOWN`, of several varieties, ascending."""
    return np.sort(varied(corpus, masked(corpus, rows.test), SHOWN))


def true_masks(corpus: Corpus, rows: np.ndarray) -> Tensor:
    """The masks of these rows, 0 or 1, (n, 1, H, W)."""
    loaded = corpus.load(rows)
    if not isinstance(loaded, dict):
        raise TypeError(f"{corpus.name} loads no masks")
    return loaded["mask"]


def can_segment(corpus: Corpus, rows: LabelledRows) -> bool:
    """Whether there are masks to train on and to test on."""
    return len(masked(corpus, rows.train)) > 0 and len(masked(corpus, rows.test)) > 0


def orientation(
    encoder: nn.Module, corpus: Corpus, rows: LabelledRows, settings: Settings, fraction: float, seed: int
) -> Tensor:
    """Which test kernels' orientation is told right after fine-tuning on a share of the labels, bool (m,)."""
    classes = classes_of(corpus)[1]
    size = settings["image_size"]
    some = rows.train[label_subset(classes[rows.train], fraction, seed)]
    steps, batch = settings["orientation_steps"], settings["orientation_batch"]
    parts = {"train": repeated(some, steps * batch, seed), "validation": rows.validation, "test": rows.test}
    plan = _plan(settings["orientation_rate"], batch, seed)
    with torch.no_grad():
        features = encoder.eval()(only_images(corpus).load(rows.test[:1])).shape[1]
    predicted = fine_tune(Augmented(encoder, fine_tune_views(size)), only_images(corpus), classes, parts, plan,
                          features, device=settings["device"])  # fmt: skip
    return torch.as_tensor(predicted == classes[rows.test])


def embryos(
    encoder: nn.Module, corpus: Corpus, rows: LabelledRows, settings: Settings, fraction: float, seed: int
) -> Tensor:
    """Probabilities of the masked test kernels' pixels after fine-tuning on a share of the masks, (m, 1, H, W)."""
    train = masked(corpus, rows.train)
    some = train[label_subset(np.zeros(len(train)), fraction, seed, at_least=min(2, len(train)))]
    steps, batch = settings["segmentation_steps"], settings["segmentation_batch"]
    parts = {"train": repeated(some, steps * batch, seed), "test": masked(corpus, rows.test)}
    plan = _plan(settings["segmentation_rate"], batch, seed)
    return fine_tune_unet(encoder, corpus, parts, plan, fine_tune_views(settings["image_size"]),
                          device=settings["device"])  # fmt: skip


def start(settings: Settings, corpus: Corpus, rows: LabelledRows, seed: int) -> nn.Module:
    """The encoder before any training, its batch norms' statistics taken from training images."""
    return with_statistics(make_encoder(settings, corpus, seed)[0], only_images(corpus), rows.pretrain)


def collapse(history: History) -> dict[str, Any]:
    """What the collapse watch saw of a pretraining."""
    return {
        "history": history.epochs, "watch": history.collapse_watch(),
        "collapsed": bool(history.spread and history.spread.collapsed()),
        "spread": asdict(history.spread) if history.spread else {},
    }  # fmt: skip


def _plan(rate: float, batch: int, seed: int) -> TrainingPlan:
    """One pass over rows that repeat as often as the budget says."""
    return TrainingPlan(1, batch, rate, weight_decay=FINE_TUNE_DECAY, seed=seed)
