"""Contrastive pretraining on sensor windows: the learned alternative to statistical features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from helpers.methods.method import Method
from helpers.networks.sequence_encoders import WindowEncoder
from helpers.objectives.gathering import gather
from helpers.views.windows import random_views


class WindowContrast(Method):
    """SimCLR (Chen et al., ICML 2020, eq. 1) on windows: two random views of one window agree, those of others do not.

    Args:
        encoder: of windows.
        temperature: τ > 0.
        projection: size of the space in which views are compared.
    """

    def __init__(self, encoder: WindowEncoder, temperature: float = 0.2, projection: int = 64) -> None:
        super().__init__()
        self.encoder = encoder
        self.projector = nn.Sequential(nn.Linear(encoder.features, 128), nn.ReLU(), nn.Linear(128, projection))
        self.temperature = temperature

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Loss of a batch ``input`` (B, T, C), B >= 2."""
        windows = batch["input"]
        views = torch.cat([random_views(windows), random_views(windows)])
        embedding = self.encoder(views)  # (2B, D)
        projected = nn.functional.normalize(self.projector(embedding), dim=1)
        first, second = (gather(half) for half in projected.chunk(2))
        both = torch.cat([first, second])  # (2B, P)
        similarity = both @ both.T / self.temperature
        similarity = similarity.masked_fill(torch.eye(len(both), dtype=torch.bool, device=both.device), -torch.inf)
        partner = torch.arange(len(both), device=both.device).roll(len(first))
        loss = nn.functional.cross_entropy(similarity, partner)
        return {"loss": loss, "embedding": embedding}
