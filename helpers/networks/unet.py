"""U-Net on any encoder: a decoder fed from the encoder's own feature maps.

Ronneberger, Fischer & Brox, *U-Net: Convolutional networks for biomedical image segmentation*, MICCAI 2015.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.errors import StudyError


class UNet(nn.Module):
    """An encoder and a decoder that leads its feature maps, coarse to fine, back to the size of the input.

    The encoder is taken as it is, weights included, and listened to: at each resolution that it passes through, the
    last map of that resolution is a skip connection; the image itself is the finest. Where the paper crops, maps are
    resized, so any size will do. One 3×3 convolution a level instead of two, with batch norm.

    Args:
        encoder: maps (B, in_channels, H, W) to anything, through feature maps (B, C, h, w) of falling size: ours, a
            pretrained one, or any convolutional model of timm. It is not copied.
        in_channels: of the images.
        image_size: side of the images, pixels; the encoder is tried on one of this size.
        out_channels: maps of the output, >= 1.
        width: channels of the decoder at the size of the input; coarser levels have as many as their skip, at most
            ``widest``.
        widest: most channels of a level of the decoder.

    Raises:
        StudyError: the encoder shows no feature map that is smaller than the image and larger than one pixel.
    """

    def __init__(
        self, encoder: nn.Module, in_channels: int, image_size: int, out_channels: int = 1, width: int = 16,
        widest: int = 256,
    ) -> None:  # fmt: skip
        super().__init__()
        self.encoder = encoder
        self.taps, channels = feature_maps(encoder, in_channels, image_size)  # module names, fine to coarse
        levels: list[nn.Module] = []
        deep = channels[-1]
        for skip in reversed([in_channels, *channels[:-1]]):
            out = width if skip == in_channels and len(levels) == len(channels) - 1 else min(skip, widest)
            levels.append(_level(deep + skip, out))
            deep = out
        self.levels = nn.ModuleList(levels)
        self.head = nn.Conv2d(deep, out_channels, 1)
        for decoder in (self.levels, self.head):
            decoder.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the images, (B, in_channels, H, W) → (B, out_channels, H, W)."""
        return self.decode(self.encode(images)[0])

    def encode(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """The image and the encoder's feature maps, fine to coarse, (B, C, h, w) each, and the encoder's output."""
        images = images.contiguous(memory_format=torch.channels_last)
        with listening(self.encoder, self.taps) as heard:
            embedding = self.encoder(images)
        return [images, *(heard[name] for name in self.taps)], embedding

    def decode(self, maps: list[Tensor]) -> Tensor:
        """Logits (B, out_channels, H, W) from what :meth:`encode` gives first."""
        skips = list(maps)
        x = skips.pop()  # (B, C, h, w)
        for level in self.levels:
            skip = skips.pop()
            x = level(torch.cat([F.interpolate(x, skip.shape[-2:], mode="nearest"), skip], dim=1))
        return self.head(x)


def feature_maps(encoder: nn.Module, in_channels: int, image_size: int) -> tuple[list[str], list[int]]:
    """Where an encoder's feature maps are: the last module that gives a map of each size, from fine to coarse.

    Args:
        encoder: is run once, in evaluation mode, on one black image.
        in_channels: of the images.
        image_size: side of the images, pixels.

    Returns:
        Names of the encoder's modules, and the channels of their maps. Maps as large as the image are left out.

    Raises:
        StudyError: there is no map between the image's size and one pixel.
    """
    names = [name for name, _ in encoder.named_modules() if name]
    modes = [(module, module.training) for module in encoder.modules()]
    parameter = next(encoder.parameters(), None)
    image = torch.zeros(
        1, in_channels, image_size, image_size, device=parameter.device if parameter is not None else None
    )
    encoder.eval()
    try:
        with torch.no_grad(), listening(encoder, names) as heard:
            encoder(image)
    finally:
        for module, training in modes:
            module.training = training
    last: dict[int, tuple[str, int]] = {}  # by size; in the order in which the modules ended
    for name, found in heard.items():
        if found.shape[-1] < image_size:
            last[found.shape[-1]] = (name, found.shape[1])
    sizes = sorted(last, reverse=True)
    if not sizes or sizes[0] == 1:
        raise StudyError(
            f"{type(encoder).__name__} shows no feature maps to build a U-Net on; give a convolutional encoder"
        )
    return [last[size][0] for size in sizes], [last[size][1] for size in sizes]


@contextmanager
def listening(encoder: nn.Module, names: list[str]) -> Iterator[dict[str, Tensor]]:
    """The (B, C, h, w) outputs of an encoder's modules by name, in the order in which the modules end."""
    heard: dict[str, Tensor] = {}

    def hook_of(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and output.ndim == 4:
                heard.pop(name, None)
                heard[name] = output

        return hook

    modules = dict(encoder.named_modules())
    handles = [modules[name].register_forward_hook(hook_of(name)) for name in names]
    try:
        yield heard
    finally:
        for handle in handles:
            handle.remove()


def _level(before: int, after: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
    )
