"""One-step super-resolution: a network that learns from pairs which someone's guess at the degradation made."""

from __future__ import annotations

import torch
from torch import Tensor

from helpers.methods.method import Method
from helpers.networks.picture_translation import Enlarger, Lift
from helpers.views.degradation import blurred, shrunk
from helpers.views.resampling import uniform


class OneStep(Method):
    """Regression from low to high resolution under a synthetic degradation.

    Args:
        encoder: the network, which has a ``factor``.
        blur: largest standard deviation of the guessed, round blur, low-resolution pixels.
        noise: largest standard deviation of the guessed noise, in units of the colour range.
    """

    encoder: Enlarger | Lift

    def __init__(self, encoder: Enlarger | Lift, blur: float = 0.5, noise: float = 0.03) -> None:
        super().__init__()
        self.encoder, self.blur, self.noise = encoder, blur, noise

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Mean absolute error of the enlarged pictures; ``batch["input"]`` is (B, 3, H, W) in [0, 1]."""
        pictures = batch["input"]
        return {"loss": (self.encoder(self.guessed(pictures)) - pictures).abs().mean()}

    def guessed(self, pictures: Tensor) -> Tensor:
        """The guess: round blur, mean over blocks of pixels, white noise; colours as they are."""
        sigma = uniform(len(pictures), 0.0, self.blur * self.encoder.factor, None)[:, None].expand(-1, 2)
        small = shrunk(blurred(pictures, sigma, torch.zeros(len(pictures))), self.encoder.factor)
        level = uniform(len(pictures), 0.0, self.noise, None)[:, None, None, None]
        return (small + level.to(small) * torch.randn(small.shape).to(small)).clamp(0, 1)
