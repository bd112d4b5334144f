"""A fixed reader of faces that a study measures with: what it sees, and how far apart two pictures look."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.methods.method import Method
from helpers.networks.image_encoders import image_encoder

UNKNOWN = -1  # a label that nobody gave


class FaceReader(Method):
    """An encoder with one linear classifier an attribute, trained on faces that nothing else in a study sees.

    Args:
        side: of the pictures, pixels.
        classes: of each attribute, each >= 2; may be empty, then nothing can be trained and the encoder stays random.
        encoder: name, as :func:`helpers.networks.image_encoders.image_encoder` has it.
        weights: local file of its weights; with one the encoder stays as it is and only the classifiers learn.
    """

    def __init__(self, side: int, classes: Sequence[int], encoder: str = "small_stages", weights: str = "") -> None:
        super().__init__()
        self.encoder, features = image_encoder(encoder, 3, side, weights)
        self.heads = nn.ModuleList(nn.Linear(features, count) for count in classes)
        self.fixed = bool(weights)
        if self.fixed:
            self.encoder.requires_grad_(False)

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Mean cross-entropy over the attributes.

        Args:
            batch: ``"input"`` (B, 3, side, side) in [0, 1], ``"label"`` int64 (B, K), :data:`UNKNOWN` where not known.
        """
        if self.fixed:
            self.encoder.eval()
        logits = self.logits(batch["input"])
        losses = [
            F.cross_entropy(its, batch["label"][:, k], ignore_index=UNKNOWN, reduction="sum")
            / (batch["label"][:, k] != UNKNOWN).sum().clamp(min=1)
            for k, its in enumerate(logits)
        ]
        return {"loss": torch.stack(losses).mean()}

    def logits(self, pictures: Tensor) -> list[Tensor]:
        """Of each attribute, (B, classes)."""
        features = self.encoder(2 * pictures - 1)
        return [head(features) for head in self.heads]

    @torch.no_grad()
    def read(self, pictures: Tensor) -> Tensor:
        """The likeliest class of each attribute, int64 (B, K)."""
        if not self.heads:
            return torch.zeros(len(pictures), 0, dtype=torch.long)
        return torch.stack([its.argmax(1) for its in self.logits(pictures)], dim=1)

    @torch.no_grad()
    def features(self, pictures: Tensor) -> Tensor:
        """The encoder's output, (B, D)."""
        return self.encoder(2 * pictures - 1)

    @torch.no_grad()
    def distance(self, made: Tensor, truth: Tensor) -> Tensor:
        """How far apart two pictures look, (B,), 0 to 2.

        At each stage of the encoder that has a map (after its ReLU), channels are brought to unit length at each pixel
        and the squared difference is averaged over pixels; then over stages. It is LPIPS (Zhang et al., *The
        Unreasonable Effectiveness of Deep Features as a Perceptual Metric*, CVPR 2018, eq. 1) with all weights equal,
        in this encoder. An encoder without such stages is compared at its output.
        """
        found = [
            (F.normalize(a, dim=1) - F.normalize(b, dim=1)).square().sum(1).flatten(1).mean(1)
            for a, b in zip(self._maps(made), self._maps(truth), strict=True)
        ]
        return torch.stack(found).mean(0)

    def _maps(self, pictures: Tensor) -> list[Tensor]:
        network = getattr(self.encoder, "network", None)
        x, maps = 2 * pictures - 1, []
        if not isinstance(network, nn.Sequential):
            return [self.encoder(x)]
        for layer in network:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                maps.append(x)
        return maps
