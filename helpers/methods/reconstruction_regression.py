"""Semi-supervised baselines of DeepEmoCluster: an autoencoder, plain or variational, beside the regression."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from helpers.methods.chunk_regression import ChunkRegressor
from helpers.methods.method import ParameterGroup
from helpers.networks.chunk_networks import ChunkDecoder, ChunkEncoder


class AutoencoderRegressor(ChunkRegressor):
    """The regressor with a decoder that gives the chunk back from its embedding: mean squared error + (1 − CCC).

    Adam moves everything in every epoch: plain SGD at the class task's rate hardly moves a decoder.

    Args:
        weight: of the reconstruction beside 1 − CCC.
        options: see :class:`helpers.methods.chunk_regression.ChunkRegressor`.
    """

    def __init__(self, encoder: ChunkEncoder, attributes: int, labelled: int, unlabelled: int = 0,
                 weight: float = 1.0, **options: Any) -> None:  # fmt: skip
        super().__init__(encoder, attributes, labelled, unlabelled, **options)
        self.decoder = ChunkDecoder(encoder, encoder.features)
        self.weight = weight

    def task(self, batch: dict[str, Tensor], embedding: Tensor) -> dict[str, Tensor]:
        return {"reconstruction": self.weight * nn.functional.mse_loss(self.decoder(embedding), batch["input"])}

    def task_parameters(self) -> list[nn.Parameter]:
        return list(self.decoder.parameters())

    def parameter_groups(self) -> list[ParameterGroup]:
        both = [*self.encoder.parameters(), *self.task_parameters(), *self.head.parameters()]
        return [ParameterGroup(both, "adam", self.adam_rate)]


class VariationalRegressor(AutoencoderRegressor):
    """The same with a Gaussian code (Kingma & Welling, ICLR 2014): mean and log variance are linear in the embedding.

    The regression reads the embedding; the decoder reads a draw of the code. The loss adds ``kl_weight`` times the
    divergence from a standard normal, a mean over chunks and code dimensions.

    Args:
        kl_weight: β >= 0.
    """

    def __init__(self, encoder: ChunkEncoder, attributes: int, labelled: int, unlabelled: int = 0,
                 kl_weight: float = 0.01, **options: Any) -> None:  # fmt: skip
        super().__init__(encoder, attributes, labelled, unlabelled, **options)
        self.code = nn.Linear(encoder.features, 2 * encoder.features)
        self.kl_weight = kl_weight

    def task(self, batch: dict[str, Tensor], embedding: Tensor) -> dict[str, Tensor]:
        mean, log_variance = self.code(embedding).chunk(2, dim=1)  # (B, D) each
        log_variance = log_variance.clamp(-10, 10)
        drawn = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
        return {**super().task(batch, drawn), "divergence": self.kl_weight * divergence}

    def task_parameters(self) -> list[nn.Parameter]:
        return [*super().task_parameters(), *self.code.parameters()]
