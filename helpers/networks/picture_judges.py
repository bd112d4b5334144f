"""Networks that tell pictures from made ones: whole pictures, or patch by patch."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class PictureJudge(nn.Module):
    """One score a picture: strided convolutions to 4×4, the batch's spread as a further channel, two linear layers.

    The spread (one number a batch, the mean over channels and pixels of the standard deviation over samples) is Karras
    et al.'s minibatch standard deviation (ICLR 2018, §3): it lets the judge see that all samples look alike.

    Args:
        side: of the pictures, pixels, a power of two of at least 8.
        width: channels of the first layer; they double at each up to four times as many.
    """

    def __init__(self, side: int, width: int = 16) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for stage in range(int(math.log2(side)) - 2):
            after = width * 2 ** min(stage, 2)
            layers += [nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(0.2)]
            before = after
        self.features = nn.Sequential(*layers)
        self.score = nn.Sequential(
            nn.Flatten(), nn.Linear(16 * (before + 1), 4 * width), nn.LeakyReLU(0.2), nn.Linear(4 * width, 1)
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures (B, 3, side, side) → logits (B, 1)."""
        x = self.features(2 * pictures - 1)  # (B, C, 4, 4)
        spread = (x.var(0, unbiased=False) + 1e-8).sqrt().mean()
        return self.score(torch.cat([x, spread.expand(len(x), 1, *x.shape[2:])], dim=1))


class PatchJudge(nn.Module):
    """A score for every patch (PatchGAN; Isola et al., CVPR 2017), for pictures of 8 pixels and more.

    Args:
        width: channels of the first layer.
        halvings: strided layers, >= 0; each halves the map of scores.
    """

    def __init__(self, width: int = 16, halvings: int = 1) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 3, 1, 1), nn.LeakyReLU(0.2)]
        for stage in range(halvings):
            layers += [nn.Conv2d(width * 2**stage, width * 2 ** (stage + 1), 4, 2, 1), nn.LeakyReLU(0.2)]
        last = width * 2**halvings
        layers += [nn.Conv2d(last, last, 3, 1, 1), nn.LeakyReLU(0.2), nn.Conv2d(last, 1, 3, 1, 1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) in [0, 1] → scores (B, 1, H', W')."""
        return self.layers(2 * pictures - 1)
