"""Cropping, resizing, mirroring and blurring as one matrix an axis and sample; turning as a grid."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.errors import StudyError

_CROP_ATTEMPTS = 10  # torchvision's number of tries before it falls back to the centre


def check_crop(size: int, scale: tuple[float, float], ratio: tuple[float, float]) -> None:
    """Refuse an output side or a crop's bounds that cannot be.

    Raises:
        StudyError: says which.
    """
    if size < 1:
        raise StudyError(f"views: size is {size}; it must be at least 1 pixel")
    if not 0 < scale[0] <= scale[1] <= 1:
        raise StudyError(f"views: crop_scale is {scale}; it must be 0 < smallest <= largest <= 1")
    if not 0 < ratio[0] <= ratio[1]:
        raise StudyError(f"views: crop_ratio is {ratio}; it must be 0 < smallest <= largest")


def random_boxes(
    batch: int,
    height: int,
    width: int,
    scale: tuple[float, float],
    ratio: tuple[float, float],
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Boxes as torchvision's `RandomResizedCrop.get_params` draws them: uniform area, log-uniform ratio.

    Returns:
        top, left, box height, box width: (B,) int64 each, pixels; every box lies inside the image.
    """
    tries = (batch, _CROP_ATTEMPTS)
    area = height * width * uniform(tries, *scale, generator)
    aspect = torch.exp(uniform(tries, math.log(ratio[0]), math.log(ratio[1]), generator))
    box_h, box_w = (area / aspect).sqrt().round().long(), (area * aspect).sqrt().round().long()
    fits = (box_h > 0) & (box_h <= height) & (box_w > 0) & (box_w <= width)  # (B, tries)
    first = fits.int().argmax(1, keepdim=True)
    box_h, box_w = box_h.gather(1, first)[:, 0], box_w.gather(1, first)[:, 0]
    centre_w = min(width, round(height * ratio[1]))  # where no try fits: the largest box of an allowed ratio
    centre_h = min(height, round(width / ratio[0]))
    none_fits = ~fits.any(1)
    box_h = torch.where(none_fits, centre_h, box_h)
    box_w = torch.where(none_fits, centre_w, box_w)
    top = (torch.rand(batch, generator=generator) * (height - box_h + 1)).long()
    left = (torch.rand(batch, generator=generator) * (width - box_w + 1)).long()
    top = torch.where(none_fits, (height - box_h) // 2, top)
    left = torch.where(none_fits, (width - box_w) // 2, left)
    return top, left, box_h, box_w


def resize_matrices(start: Tensor, length: Tensor, source: int, size: int, mirrored: Tensor | None = None) -> Tensor:
    """Antialiased linear interpolation from `length` pixels at `start` to `size` pixels, one matrix a sample.

    Args:
        start, length: (B,) first pixel of the crop and its length, pixels.
        source: length of the image along this axis, pixels.
        size: length of the output, pixels.
        mirrored: (B,) bool, samples whose output runs the other way; None for none.

    Returns:
        (B, size, source) float32, rows summing to 1 and zero outside the crop; the weights are those of
        `torchvision.transforms.functional.resized_crop` with `antialias=True`.
    """
    scale = (length / size)[:, None]  # source pixels an output pixel
    support = scale.clamp(min=1.0)
    centre = (torch.arange(size) + 0.5) * scale + start[:, None]  # (B, size)
    if mirrored is not None:
        centre = torch.where(mirrored[:, None], centre.flip(1), centre)
    taps = int(2 * float(support.max())) + 1
    index = (centre - support + 0.5).floor().long()[..., None] + torch.arange(taps)  # (B, size, taps)
    position = index + 0.5
    weight = (1 - (position - centre[..., None]).abs() / support[..., None]).clamp(min=0)
    first, end = start[:, None, None], (start + length)[:, None, None]
    weight = weight * ((position > first) & (position < end))
    weight = weight / weight.sum(-1, keepdim=True)
    matrix = torch.zeros(len(start), size, source)
    return matrix.scatter_add_(2, index.clamp(0, source - 1), weight)  # what lies outside weighs nothing


def blur_matrices(sigma: Tensor, size: int) -> Tensor:
    """Gaussian blur along an axis of `size` pixels with mirrored edges, one matrix a sample.

    Args:
        sigma: (B,) standard deviation, pixels; 0 leaves the axis as it is.

    Returns:
        (B, size, size) float32, rows summing to 1. The kernel is cut at 3 of the largest sigma in the batch.
    """
    radius = min(size - 1, max(1, math.ceil(3 * float(sigma.max()))))
    taps = torch.arange(-radius, radius + 1)
    weight = torch.exp(-0.5 * (taps / sigma.clamp(min=1e-3)[:, None]) ** 2)  # (B, taps)
    weight[weight < 1e-20] = 0  # denormals halve the speed of every product that meets them
    weight = weight / weight.sum(1, keepdim=True)
    target = torch.arange(size)[:, None] + taps  # (size, taps)
    target = target.abs()
    target = torch.where(target > size - 1, 2 * (size - 1) - target, target)  # mirrored, edge not repeated
    matrix = torch.zeros(len(sigma), size, size)
    return matrix.scatter_add_(2, target.expand(len(sigma), -1, -1), weight[:, None].expand(-1, size, -1).contiguous())


def turned(images: Tensor, degrees: Tensor, slant: Tensor) -> Tensor:
    """Rotate and shear about the centre; what comes from outside is black.

    Args:
        images: (B, C, H, W) float.
        degrees: (B,) angle of the rotation.
        slant: (B,) angle of the horizontal shear, degrees.
    """
    batch, _, height, width = images.shape
    angle, tangent = torch.deg2rad(degrees), torch.tan(torch.deg2rad(slant))
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros(batch)
    aspect = height / width  # affine_grid's axes both run from −1 to 1
    theta = torch.stack(
        [
            torch.stack([cos - sin * tangent, (-sin - cos * tangent) * aspect, zero], -1),
            torch.stack([sin / aspect, cos, zero], -1),
        ],
        dim=1,
    )  # (B, 2, 3)
    grid = F.affine_grid(theta.to(images), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def uniform(shape: int | tuple[int, int], low: float, high: float, generator: torch.Generator | None) -> Tensor:
    """Uniform numbers in [low, high), float32 on the CPU."""
    return low + (high - low) * torch.rand(shape, generator=generator)
