"""Three-dimensional convolutional encoders of video clips: (B, 3, T, H, W) in [0, 1] to (B, D)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from helpers.errors import StudyError

ENCODERS = ("conv3d_small", "c3d", "r3d_18")


class Conv3dSmall(nn.Module):
    """Four 3×3×3 convolutions with batch norm, stride 2 in space each, mean over space and time: C3D, small.

    Args:
        widths: channels of the four convolutions; the last is the embedding size.
        time_strides: strides in time.
    """

    def __init__(self, widths: Sequence[int] = (16, 32, 64, 128), time_strides: Sequence[int] = (1, 2, 2, 1)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width, stride in zip(widths, time_strides, strict=True):
            layers += [
                nn.Conv3d(before, width, 3, stride=(stride, 2, 2), padding=1, bias=False),
                nn.BatchNorm3d(width),
                nn.ReLU(inplace=True),
            ]
            before = width
        self.features = nn.Sequential(*layers)
        self.embedding_size = before

    def forward(self, clips: Tensor) -> Tensor:
        x = (clips - 0.5) * 4
        x = self.features(x.contiguous(memory_format=torch.channels_last_3d))
        return x.mean(dim=(2, 3, 4))  # (B, D)


class C3D(nn.Module):
    """The layers of C3D (Tran et al., ICCV 2015): eight 3×3×3 convolutions, five poolings, the first in space only.

    Two changes: batch norm after each convolution, and a mean over what is left of space and time in place of the
    fully connected layers, so that any clip of at least 16×32×32 is taken.
    """

    embedding_size = 512

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width, convolutions, pool in ((64, 1, (1, 2, 2)), (128, 1, 2), (256, 2, 2), (512, 2, 2), (512, 2, 2)):
            for _ in range(convolutions):
                layers += [
                    nn.Conv3d(before, width, 3, padding=1, bias=False),
                    nn.BatchNorm3d(width),
                    nn.ReLU(inplace=True),
                ]
                before = width
            layers.append(nn.MaxPool3d(pool, ceil_mode=True))
        self.features = nn.Sequential(*layers)

    def forward(self, clips: Tensor) -> Tensor:
        return self.features((clips - 0.5) * 4).mean(dim=(2, 3, 4))  # (B, 512)


class ResNet3d(nn.Module):
    """torchvision's r3d_18 (Tran et al., CVPR 2018) without its classifier, randomly initialised."""

    embedding_size = 512

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models.video import r3d_18

        self.trunk = r3d_18(weights=None)
        self.trunk.fc = nn.Identity()

    def forward(self, clips: Tensor) -> Tensor:
        return self.trunk((clips - 0.5) * 4)  # (B, 512)


class WhatMoves(nn.Module):
    """An encoder that sees each clip less its own mean over time: a still background vanishes, what moves stays."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, clips: Tensor) -> Tensor:
        return self.encoder(clips - clips.mean(dim=2, keepdim=True) + 0.5)


def clip_encoder(name: str, what_moves: bool = False) -> tuple[nn.Module, int]:
    """An encoder by name and its embedding size D; weights from torch's generator.

    Args:
        name: ``"conv3d_small"`` (D = 128), ``"c3d"`` or ``"r3d_18"`` (D = 512).
        what_moves: whether each clip's mean over time is taken off first (:class:`WhatMoves`).

    Raises:
        StudyError: an unknown name.
    """
    if name not in ENCODERS:
        raise StudyError(f"no clip encoder is called {name!r}; there are: {', '.join(ENCODERS)}")
    made: Conv3dSmall | C3D | ResNet3d = {"conv3d_small": Conv3dSmall, "c3d": C3D, "r3d_18": ResNet3d}[name]()
    return (WhatMoves(made) if what_moves else made), made.embedding_size
