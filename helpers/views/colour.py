"""Brightness, contrast, saturation, hue and grey as one affine map of the colours of each sample."""

from __future__ import annotations

import math

import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as torchvision's rgb_to_grayscale
_TO_YIQ = (LUMA, (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))


def relit(images: Tensor, brightness: Tensor, contrast: Tensor) -> Tensor:
    """Grey images with new brightness and contrast.

    Args:
        images: (B, 1, H, W) float.
        brightness, contrast: (B,) factors; contrast is about the image's mean.
    """
    mean = images.mean((1, 2, 3))
    gain, offset = brightness * contrast, (1 - contrast) * brightness * mean  # (B,)
    return images * gain[:, None, None, None] + offset[:, None, None, None]


def recoloured(images: Tensor, brightness: Tensor, contrast: Tensor, colour: Tensor) -> Tensor:
    """Colour images under a colour matrix, then with new brightness and contrast.

    Args:
        images: (B, 3, H, W) float.
        brightness, contrast: (B,) factors; contrast is about the image's mean luma.
        colour: (B, 3, 3), keeps luma.
    """
    flat = images.flatten(2)  # (B, 3, HW)
    mean = flat.mean(2) @ images.new_tensor(LUMA)  # (B,)
    gain, offset = brightness * contrast, (1 - contrast) * brightness * mean
    return torch.baddbmm(offset[:, None, None], colour * gain[:, None, None], flat).view(images.shape)


def colour_matrices(saturation: Tensor, turns: Tensor) -> Tensor:
    """Change of saturation after a turn of hue, (B, 3, 3).

    Args:
        saturation: (B,) factors; 0 is grey.
        turns: (B,) turns of the chroma plane of YIQ, which keeps luma.
    """
    return _saturate(saturation) @ _turn_hue(turns)


def solarised(images: Tensor, chosen: Tensor, threshold: float = 0.5) -> Tensor:
    """Invert all values at or above a threshold in the chosen samples (PIL's `ImageOps.solarize`).

    Args:
        images: (B, C, H, W) float in [0, 1].
        chosen: (B,) bool.
        threshold: in [0, 1].
    """
    inverted = chosen[:, None, None, None].to(images.device) & (images >= threshold)
    return torch.where(inverted, 1 - images, images)


def _saturate(factor: Tensor) -> Tensor:
    """(B,) saturation factors to (B, 3, 3): `factor · colour + (1 − factor) · luma`."""
    luma = torch.tensor(LUMA).expand(3, 3)
    return factor[:, None, None] * torch.eye(3) + (1 - factor)[:, None, None] * luma


def _turn_hue(turns: Tensor) -> Tensor:
    """(B,) turns to (B, 3, 3): rotation of the chroma plane of YIQ."""
    to_yiq = torch.tensor(_TO_YIQ)
    angle = 2 * math.pi * turns
    rotation = torch.zeros(len(turns), 3, 3)
    rotation[:, 0, 0] = 1
    rotation[:, 1, 1] = rotation[:, 2, 2] = angle.cos()
    rotation[:, 1, 2], rotation[:, 2, 1] = -angle.sin(), angle.sin()
    return torch.linalg.inv(to_yiq) @ rotation @ to_yiq
