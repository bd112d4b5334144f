"""FixMatch: labels where there are some, and elsewhere what a weak view is sure of (Sohn et al., NeurIPS 2020).

It classifies; a slide is segmented with it tile by tile.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from helpers.data.corpus import Corpus
from helpers.errors import StudyError
from helpers.methods.method import Method, update_average
from helpers.objectives.pseudo_labels import pseudo_label_loss

Views = Callable[[Tensor], Tensor]


class FixMatch(Method):
    """Cross-entropy on labelled samples plus consistency on unlabelled ones; a moving average of the network predicts.

    Batches carry ``"input"`` (B, C, H, W), ``"label"`` int64 (B,) and, unless the weight is 0, ``"unlabelled"``
    (μB, C, H, W): see :func:`with_unlabelled`. Labelled and strong views go through the network together, as in the
    authors' code; the weak ones, without gradient, by themselves.

    Args:
        encoder: images to embeddings (B, features).
        features: size of the embedding.
        classes: K >= 2.
        labelled: makes the view of a labelled sample; the paper's is weak.
        weak, strong: make the two views of an unlabelled one.
        threshold: τ, least probability of a pseudo-label; 0.95 in the paper.
        weight: λ of the unlabelled loss; 1 in the paper. 0 is supervised training, with the same moving average.
        momentum: of the average, in [0, 1); 0.999 in the paper. Step t uses min(momentum, (1 + t)/(10 + t)), so that
            a short run's average is not its random start.
    """

    steps_taken: Tensor

    def __init__(
        self, encoder: nn.Module, features: int, classes: int, labelled: Views, weak: Views, strong: Views,
        threshold: float = 0.95, weight: float = 1.0, momentum: float = 0.999,
    ) -> None:  # fmt: skip
        super().__init__()
        if not 0 <= threshold <= 1 or weight < 0 or not 0 <= momentum < 1 or classes < 2:
            raise StudyError(
                f"FixMatch needs threshold ({threshold}) in [0, 1], weight ({weight}) >= 0, momentum ({momentum}) in "
                f"[0, 1) and classes ({classes}) >= 2"
            )
        self.encoder, self.head = encoder, nn.Linear(features, classes)
        self.labelled, self.weak, self.strong = labelled, weak, strong
        self.threshold, self.weight, self.momentum = threshold, weight, momentum
        self.average = copy.deepcopy(nn.Sequential(encoder, self.head)).requires_grad_(False)
        self.register_buffer("steps_taken", torch.zeros((), dtype=torch.long))

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        images = self.labelled(batch["input"])
        if self.weight == 0:
            loss = nn.functional.cross_entropy(self._logits(images), batch["label"])
            return {"loss": loss, "labelled_loss": loss.detach()}
        if "unlabelled" not in batch:
            raise StudyError("FixMatch: the batches hold no 'unlabelled' samples; give them, or set the weight to 0")
        with torch.no_grad():
            weak = self._logits(self.weak(batch["unlabelled"]))
        logits = self._logits(torch.cat([images, self.strong(batch["unlabelled"])]))
        seen, strong = logits.split([len(images), len(weak)])
        labelled = nn.functional.cross_entropy(seen, batch["label"])
        unlabelled, sure = pseudo_label_loss(weak, strong, self.threshold)
        return {
            "loss": labelled + self.weight * unlabelled, "labelled_loss": labelled.detach(),
            "unlabelled_loss": unlabelled.detach(), "pseudo_labelled": sure.float().mean(),
        }  # fmt: skip

    def after_step(self) -> None:
        """Move the average."""
        t = int(self.steps_taken)
        update_average(self.average, nn.Sequential(self.encoder, self.head), min(self.momentum, (1 + t) / (10 + t)))
        self.steps_taken += 1

    def _logits(self, images: Tensor) -> Tensor:
        return self.head(self.encoder(images))

    @torch.no_grad()
    def classify(self, images: Tensor) -> Tensor:
        """Probabilities of the moving average, images (B, C, H, W) → float32 (B, K), on the CPU."""
        self.average.eval()
        return self.average(images.to(self.head.weight.device)).softmax(dim=1).float().cpu()


def with_unlabelled(corpus: Corpus, labels: np.ndarray, unlabelled: np.ndarray | None, ratio: int) -> Corpus:
    """A corpus whose batches carry labels and, for each sample, some random unlabelled ones.

    Args:
        corpus: whose ``load`` gives one tensor.
        labels: class of every sample, int64 (n,); −1 where unknown.
        unlabelled: positions that unlabelled samples are drawn from, with replacement; None for none.
        ratio: μ, unlabelled samples a labelled one, >= 1.

    Returns:
        ``load(rows) -> {"input", "label"}`` and ``"unlabelled"`` (μB, …), drawn by torch's global generator.

    Raises:
        StudyError: no unlabelled samples, or a ratio below 1.
    """
    if unlabelled is not None and (len(unlabelled) == 0 or ratio < 1):
        raise StudyError(f"FixMatch needs unlabelled samples (there are {len(unlabelled)}) and a ratio ({ratio}) >= 1")
    targets, images = torch.tensor(labels).long(), corpus.load

    def load(rows: np.ndarray) -> dict[str, Tensor]:
        seen = images(rows)
        assert isinstance(seen, Tensor)
        batch = {"input": seen, "label": targets[torch.as_tensor(np.asarray(rows))]}
        if unlabelled is not None:
            drawn = images(unlabelled[torch.randint(len(unlabelled), (ratio * len(rows),)).numpy()])
            assert isinstance(drawn, Tensor)
            batch["unlabelled"] = drawn
        return batch

    return replace(corpus, load=load)
