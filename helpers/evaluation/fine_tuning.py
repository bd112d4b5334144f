"""Fine-tuning: an encoder with a fresh linear head, trained end to end on the labels there are."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from helpers.data.corpus import Corpus
from helpers.errors import StudyError
from helpers.methods.method import Method
from helpers.training import TrainingPlan, train


class Classifier(Method):
    """Encoder + linear head under cross-entropy. Batches carry the encoder's ``"input"`` and int64 ``"label"`` (B,)."""

    def __init__(self, encoder: nn.Module, features: int, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(features, classes)

    def logits(self, inputs: Tensor) -> Tensor:
        """Class scores (B, C) of inputs (B, ...)."""
        return self.head(self.encoder(inputs))

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"loss": nn.functional.cross_entropy(self.logits(batch["input"]), batch["label"])}


def fine_tune(
    encoder: nn.Module,
    corpus: Corpus,
    labels: np.ndarray,
    rows: dict[str, np.ndarray],
    plan: TrainingPlan,
    features: int,
    checkpoint: Path | None = None,
    device: str = "cpu",
) -> np.ndarray:
    """Fine-tune a copy of an encoder and predict the test rows' classes.

    Args:
        encoder: maps the corpus's tensors to (B, ``features``); it is copied and left as it was.
        corpus: whose ``load`` returns the encoder's input as one tensor.
        labels: class of every row of the corpus, int64 0..C-1; −1 where unknown.
        rows: positions under ``"train"``, ``"validation"`` and ``"test"``; with a patience in the plan, validation
            cross-entropy decides when to stop.
        plan: how to train.
        features: D, the encoder's output dimension.
        checkpoint: file to write to and resume from.
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``.

    Returns:
        Predicted classes of ``rows["test"]``, int64 (m,).

    Raises:
        StudyError: a training or validation row without a label, or what :func:`helpers.training.train` refuses.
    """
    targets = torch.as_tensor(labels).long()
    for split in ("train", "validation"):
        if bool((targets[rows[split]] < 0).any()):
            raise StudyError(f"fine-tuning: rows of {split!r} have no label; leave them out")

    def load(r: np.ndarray) -> dict[str, Tensor]:
        inputs = corpus.load(r)
        if isinstance(inputs, dict):
            inputs = inputs["input"]
        return {"input": inputs, "label": targets[torch.as_tensor(r)]}

    labelled = replace(corpus, load=load)
    torch.manual_seed(plan.seed)
    classifier = Classifier(copy.deepcopy(encoder), features, int(targets.max()) + 1)

    def validation(method: Method) -> dict[str, float]:
        loss = nn.functional.cross_entropy(
            _scores(classifier, labelled, rows["validation"]), targets[rows["validation"]]
        )
        return {"validation_loss": float(loss)}

    train(classifier, labelled, rows["train"], plan, label="fine-tuning", checkpoint=checkpoint, device=device,
          validate=validation if plan.patience is not None else None)  # fmt: skip
    with torch.no_grad():
        return _scores(classifier, labelled, rows["test"]).argmax(dim=1).numpy()


def _scores(classifier: Classifier, corpus: Corpus, rows: np.ndarray) -> Tensor:
    device = classifier.head.weight.device
    parts = []
    for start in range(0, len(rows), 512):
        batch = corpus.load(rows[start : start + 512])
        if not isinstance(batch, dict):
            raise TypeError("a classifier's corpus loads a dict")
        parts.append(classifier.logits(batch["input"].to(device)).float().cpu())
    return torch.cat(parts)
