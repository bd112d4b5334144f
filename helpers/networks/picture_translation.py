"""Networks from pictures to pictures: one that changes what is there, one that makes it larger."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, 1, 1), nn.LeakyReLU(0.2), nn.Conv2d(width, width, 3, 1, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class Translator(nn.Module):
    """A picture plus what residual blocks add to it, of the same size; at the start it adds nothing.

    CycleGAN's generator (Zhu et al., ICCV 2017, app. 7.2) without its strided layers, as the pictures are small, and
    without instance normalisation, which takes the mean colour out of every picture: here it carries the light and the
    skin tone.

    Args:
        width: channels.
        blocks: residual blocks, >= 1.
        extra: input channels besides R, G, B, such as one of noise.
    """

    def __init__(self, width: int = 24, blocks: int = 2, extra: int = 0) -> None:
        super().__init__()
        last = nn.Conv2d(width, 3, 3, 1, 1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        self.layers = nn.Sequential(
            nn.Conv2d(3 + extra, width, 3, 1, 1),
            nn.LeakyReLU(0.2),
            *(_Residual(width) for _ in range(blocks)),
            nn.LeakyReLU(0.2),
            last,
        )
        self.extra = extra

    def forward(self, pictures: Tensor, extra: Tensor | None = None) -> Tensor:
        """Pictures (B, 3, H, W), and (B, extra, H, W) where the network takes more → (B, 3, H, W)."""
        seen = pictures if extra is None else torch.cat([pictures, extra], dim=1)
        return pictures + self.layers(seen)


class Lift(nn.Module):
    """Low resolution to middle: bicubic enlargement, then a translator at the middle resolution.

    Args:
        factor: of enlargement.
        translator: what refines the enlarged picture.
    """

    def __init__(self, factor: int, translator: Translator) -> None:
        super().__init__()
        self.factor, self.translator = factor, translator

    def forward(self, low: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) → (B, 3, factor·H, factor·W)."""
        large = F.interpolate(low, scale_factor=float(self.factor), mode="bicubic", align_corners=False)
        return self.translator(large.clamp(0, 1))


class Enlarger(nn.Module):
    """Low resolution to high in one go: residual blocks at the low resolution, doublings by pixel shuffle, on bicubic.

    The generator of SRResNet (Ledig et al., CVPR 2017) at a small width, without batch norm (Lim et al., EDSR, CVPRW
    2017).

    Args:
        factor: a power of two.
        width: channels at the low resolution; a doubling halves them, down to 8.
        blocks: residual blocks, >= 1.
    """

    def __init__(self, factor: int, width: int = 48, blocks: int = 4) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 3, 1, 1), *(_Residual(width) for _ in range(blocks))]
        for _ in range(int(math.log2(factor))):
            after = max(8, width // 2)
            layers += [nn.Conv2d(width, 4 * after, 3, 1, 1), nn.PixelShuffle(2), nn.LeakyReLU(0.2)]
            width = after
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, 3, 3, 1, 1))
        self.factor = factor

    def forward(self, low: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) → (B, 3, factor·H, factor·W)."""
        plain = F.interpolate(low, scale_factor=float(self.factor), mode="bicubic", align_corners=False)
        return plain + self.layers(low)
