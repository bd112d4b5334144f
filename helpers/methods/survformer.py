"""SSL-SurvFormer: a monotone survival transformer, and its two self-supervised tasks on table rows.

Le, Patel, Adjeroh, Doretto & Le, *SSL-SurvFormer*, Informatics 12(1):32, 2025. The paper leaves layers and losses open;
what is chosen here is said where it is chosen.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from helpers.methods.method import Method, update_average
from helpers.networks.feature_transformer import FeatureTransformer
from helpers.networks.monotone import HazardClock, HazardTerms, MonotoneHead
from helpers.objectives.survival import (
    mask_prediction_loss,
    reconstruction_loss,
    survival_negative_log_likelihood,
)
from helpers.views.tables import RowCorruption, drop_features

PretextTask = Literal["mask", "reconstruct", "both"]


@dataclass(frozen=True)
class SurvFormerSize:
    """The network's measures.

    Attributes:
        width: of a token, a multiple of ``heads``.
        layers, heads, feed_forward: of the transformer.
        hidden: units of the survival head's hidden layer.
        windows: smooth time windows of the head; 0 = proportional hazards.
        dropout: in [0, 1), in transformer and head.
    """

    width: int = 32
    layers: int = 1
    heads: int = 2
    feed_forward: int = 64
    hidden: int = 32
    windows: int = 6
    dropout: float = 0.1

    def encoder(self, numeric: int, cardinalities: list[int]) -> FeatureTransformer:
        """A fresh encoder for so many numeric features and categorical ones of so many levels."""
        return FeatureTransformer(
            numeric, cardinalities, self.width, self.layers, self.heads, self.feed_forward, self.dropout
        )


class SurvFormerPretext(Method):
    """Self-supervised pre-training on rows without their outcomes.

    Present values are made absent at random by :class:`~helpers.views.tables.RowCorruption`.

    - ``"mask"``: all are filled with draws from the training marginals; say of each visible value whether
      it is made up.
    - ``"reconstruct"``: all are shown as missing; recover each from the rest of its row.
    - ``"both"``: half are filled, half shown as missing; both questions, their losses added.
    """

    encoder: FeatureTransformer

    def __init__(self, encoder: FeatureTransformer, corruption: RowCorruption, task: PretextTask) -> None:
        super().__init__()
        self.encoder, self.corruption, self.task = encoder, corruption, task
        tokenizer, width = encoder.tokenizer, encoder.width
        self.mask_weight = nn.Parameter(torch.randn(tokenizer.features, width) * width**-0.5)
        self.mask_bias = nn.Parameter(torch.zeros(tokenizer.features))
        self.number_weight = nn.Parameter(torch.randn(tokenizer.numeric, width) * width**-0.5)
        self.number_bias = nn.Parameter(torch.zeros(tokenizer.numeric))
        self.levels = nn.ModuleList(nn.Linear(width, max(1, k)) for k in tokenizer.cardinalities)

    @staticmethod
    def filled_share(task: PretextTask) -> float:
        """Share of the absent values that are filled rather than shown as missing."""
        return {"mask": 1.0, "reconstruct": 0.0, "both": 0.5}[task]

    def answers(self, values: Tensor, present: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Rows as shown (B, F) → logits of "made up" (B, F), numbers (B, Fn), logits of levels, (B, K_j) each."""
        tokens = self.encoder.tokens(values, present)[:, 1:]  # (B, F, D)
        numeric = self.encoder.tokenizer.numeric
        made_up = (tokens * self.mask_weight).sum(-1) + self.mask_bias
        numbers = (tokens[:, :numeric] * self.number_weight).sum(-1) + self.number_bias
        levels = [layer(tokens[:, numeric + j]) for j, layer in enumerate(self.levels)]
        return made_up, numbers, levels

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """``batch``: ``values`` (B, F) and ``present`` (B, F). Logs each task's loss beside their sum."""
        values = batch["values"]
        seen = self.corruption(values, batch["present"])
        made_up, numbers, levels = self.answers(seen.values, seen.present)
        logged: dict[str, Tensor] = {}
        if self.task != "reconstruct":
            logged["mask_loss"] = mask_prediction_loss(made_up, seen.filled, seen.present)
        if self.task != "mask":  # filled values are recovered too: the network must first doubt them
            logged["reconstruction_loss"] = reconstruction_loss(numbers, levels, values, seen.hidden)
        loss = torch.stack(list(logged.values())).sum()
        return {"loss": loss, **logged}


class SurvFormer(Method):
    """Transformer over features + monotone head, trained by the censored likelihood.

    Predictions come from a moving average of the weights over the steps, which steadies small
    cohorts at no cost.
    """

    encoder: FeatureTransformer
    steps_taken: Tensor

    def __init__(
        self,
        encoder: FeatureTransformer,
        clock: HazardClock,
        size: SurvFormerSize,
        feature_dropout: float = 0.2,
        momentum: float = 0.97,
    ) -> None:
        """SurvFormer around an encoder, fresh or pre-trained.

        Args:
            encoder: trained on in place.
            clock: fitted on the training fold.
            size: the head's measures are read from it.
            feature_dropout: chance in [0, 1) that a present feature is shown as missing in a training step.
            momentum: of the weight average, in [0, 1); it is shorter in the first steps.
        """
        super().__init__()
        self.encoder, self.clock = encoder, clock
        self.head = MonotoneHead(size.width, size.hidden, size.windows, size.dropout)
        self.feature_dropout, self.momentum = feature_dropout, momentum
        self.average = copy.deepcopy(nn.ModuleDict({"encoder": encoder, "head": self.head})).requires_grad_(False)
        self.register_buffer("steps_taken", torch.tensor(0))

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """``batch``: ``values``, ``present`` (B, F), ``time`` (B,) in the corpus's unit, ``event`` (B,) bool."""
        present = drop_features(batch["present"], self.feature_dropout)
        embedding = self.encoder(batch["values"], present)
        terms = self.head(embedding, self.clock(batch["time"])[0])
        loss = survival_negative_log_likelihood(terms.cumulative, terms.log_hazard, batch["event"])
        return {"loss": loss, "embedding": embedding.detach()}

    def after_step(self) -> None:
        """Move the weight average."""
        self.steps_taken += 1
        steps = int(self.steps_taken)
        momentum = min(self.momentum, (1 + steps) / (10 + steps))
        update_average(self.average["encoder"], self.encoder, momentum)
        update_average(self.average["head"], self.head, momentum)

    def _terms(self, values: Tensor, present: Tensor, scaled_time: Tensor) -> HazardTerms:
        self.average.eval()
        return self.average["head"](self.average["encoder"](values, present), scaled_time)

    @torch.no_grad()
    def likelihood_loss(self, batch: dict[str, Tensor]) -> float:
        """The averaged weights' negative log-likelihood of a batch."""
        terms = self._terms(batch["values"], batch["present"], self.clock(batch["time"])[0])
        return float(survival_negative_log_likelihood(terms.cumulative, terms.log_hazard, batch["event"]))

    @torch.no_grad()
    def survival(self, values: Tensor, present: Tensor, times: Tensor) -> Tensor:
        """Rows (N, F) and times (T,) in the corpus's unit → S(t|x) (N, T) float64."""
        scaled = self.clock(times)[0][None]  # (1, T)
        parts = [
            torch.exp(-self._terms(values[i : i + 2048], present[i : i + 2048], scaled).cumulative.double())
            for i in range(0, len(values), 2048)
        ]
        return torch.cat(parts)

    @torch.no_grad()
    def embed(self, values: Tensor, present: Tensor) -> Tensor:
        """Rows (N, F) → embeddings (N, D) of the averaged encoder."""
        self.average.eval()
        return torch.cat(
            [self.average["encoder"](values[i : i + 2048], present[i : i + 2048]) for i in range(0, len(values), 2048)]
        )
