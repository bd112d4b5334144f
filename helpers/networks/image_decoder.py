"""From a feature vector back to an image: a residual network mirrored, nearest neighbours in place of strides."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from helpers.errors import StudyError


class ImageDecoder(nn.Module):
    """A linear layer to a small map, residual blocks that double its side, a last convolution to colours.

    (B, features) → (B, channels, image_size, image_size) in (0, 1). Where ResNet's block halves the map by its first
    convolution, this one doubles it before its last, by nearest neighbours, which leaves no chequered pattern as
    transposed convolutions do.

    Args:
        features: size of the vector.
        image_size: side of the images, pixels, >= 8.
        channels: of the images.
        width: channels of the first map; halved by every block, never below 8.
        blocks: that double the side, >= 1; the side doubles once more before the last convolution.
    """

    def __init__(self, features: int, image_size: int, channels: int = 3, width: int = 32, blocks: int = 2) -> None:
        super().__init__()
        if image_size < 8 or blocks < 1:
            raise StudyError(f"a decoder needs images of at least 8 pixels and a block, not {image_size} and {blocks}")
        self.image_size = image_size
        self.side = max(1, -(-image_size // 2 ** (blocks + 1)))
        unfolded = nn.Unflatten(1, (width, self.side, self.side))
        to_map = nn.Linear(features, width * self.side**2, bias=False)
        self.first = nn.Sequential(to_map, unfolded, nn.BatchNorm2d(width), nn.ReLU())
        sizes = [max(8, width // 2**i) for i in range(blocks + 1)]
        self.blocks = nn.Sequential(*(MirroredBlock(sizes[i], sizes[i + 1]) for i in range(blocks)))
        self.last = nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(sizes[-1], channels, 3, 1, 1))
        self.to(memory_format=torch.channels_last)

    def forward(self, features: Tensor) -> Tensor:
        first = self.first(features).contiguous(memory_format=torch.channels_last)  # what convolutions are fastest with
        image = self.last(self.blocks(first)).contiguous()
        if image.shape[-1] != self.image_size:
            image = nn.functional.interpolate(image, (self.image_size, self.image_size), mode="nearest")
        return image.sigmoid()


class MirroredBlock(nn.Module):
    """ResNet's basic block (He et al., CVPR 2016) run backwards: (B, before, H, W) → (B, after, 2H, 2W)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv2d(before, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(),
            nn.Upsample(scale_factor=2, mode="nearest"),
            nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after),
        )  # fmt: skip
        self.shortcut = nn.Sequential(
            nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after), nn.Upsample(scale_factor=2, mode="nearest")
        )

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.inner(x) + self.shortcut(x))
