"""Random views of images: a whole batch at once, every sample with its own draw.

Two views of one image are two calls. The distributions are torchvision's (`RandomResizedCrop`, `ColorJitter`,
`GaussianBlur`, `RandomAffine`), the arithmetic is not: cropping, flipping and blurring are separable and linear, so
they fold into one pair of matrices a sample, `out = R @ image @ C.T`, and the colour changes fold into one affine
3×3 map a sample. Nothing is clipped in between, only at the end; without clipping the colour changes commute, so
torchvision's random order has no counterpart here. Hue turns the chroma plane of YIQ rather than the hue of HSV,
which is linear and keeps luma.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.errors import StudyError

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as torchvision's rgb_to_grayscale
_CROP_ATTEMPTS = 10  # torchvision's number of tries before it falls back to the centre


@dataclass(frozen=True)
class ImageViews:
    """Random augmentation of a batch of images; call it twice for two views.

    Args:
        size: side of the output, pixels.
        crop_scale: smallest and largest share of the image's area kept by the crop; (1, 1) keeps the whole image.
        crop_ratio: smallest and largest width / height of the crop.
        flip: chance of a horizontal flip.
        rotation: largest rotation, degrees either way.
        shear: largest horizontal shear, degrees either way.
        brightness, contrast, saturation: the factor is uniform in [max(0, 1 − v), 1 + v]; grey has no saturation.
        hue: largest turn of hue, in turns, 0 to 0.5; idle on grey images.
        jitter: chance that brightness, contrast, saturation and hue are changed at all.
        gray: chance that a colour image loses its colour.
        blur: chance of a Gaussian blur.
        blur_sigma: smallest and largest standard deviation of the blur, output pixels.

    Colour values are in [0, 1] before and after.
    """

    size: int
    crop_scale: tuple[float, float] = (0.2, 1.0)
    crop_ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.5
    rotation: float = 0.0
    shear: float = 0.0
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    hue: float = 0.1
    jitter: float = 0.8
    gray: float = 0.2
    blur: float = 0.5
    blur_sigma: tuple[float, float] = (0.1, 2.0)

    def __post_init__(self) -> None:
        if self.size < 1:
            raise StudyError(f"views: size is {self.size}; it must be at least 1 pixel")
        if not 0 < self.crop_scale[0] <= self.crop_scale[1] <= 1:
            raise StudyError(f"views: crop_scale is {self.crop_scale}; it must be 0 < smallest <= largest <= 1")
        if not 0 < self.crop_ratio[0] <= self.crop_ratio[1]:
            raise StudyError(f"views: crop_ratio is {self.crop_ratio}; it must be 0 < smallest <= largest")
        if not 0 < self.blur_sigma[0] <= self.blur_sigma[1]:
            raise StudyError(f"views: blur_sigma is {self.blur_sigma}; it must be 0 < smallest <= largest, pixels")
        for name in ("flip", "jitter", "gray", "blur"):
            if not 0 <= getattr(self, name) <= 1:
                raise StudyError(f"views: {name} is {getattr(self, name)}; a chance is between 0 and 1")
        for name in ("rotation", "shear", "brightness", "contrast", "saturation", "hue"):
            if getattr(self, name) < 0:
                raise StudyError(f"views: {name} is {getattr(self, name)}; it must not be negative")
        if self.hue > 0.5:
            raise StudyError(f"views: hue is {self.hue}; half a turn, 0.5, is the most")

    def __call__(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """One random view of each image.

        Args:
            images: (B, C, H, W) float in [0, 1]; C is 1 (grey) or 3 (RGB).
            generator: source of randomness, on the CPU whatever the images' device; the global one if None.

        Returns:
            (B, C, size, size) float in [0, 1].
        """
        if images.ndim != 4 or images.shape[1] not in (1, 3):
            raise StudyError(f"views: expected images of shape (B, 1 or 3, H, W), got {tuple(images.shape)}")
        if self.rotation or self.shear:
            images = self._turn(images, generator)
        rows, columns = self._sampling(images.shape, generator)  # (B, size, H), (B, size, W)
        rows, columns = rows.to(images)[:, None], columns.to(images)[:, None]
        views = rows @ images @ columns.mT  # (B, C, size, size)
        return self._recolour(views, generator).clamp_(0, 1)

    def scaled(self, strength: float) -> ImageViews:
        """The same views with every change made `strength` times as strong (0 none, 1 as is), for exploring."""
        return replace(
            self,
            crop_scale=(max(1e-3, 1 - strength * (1 - self.crop_scale[0])), self.crop_scale[1]),
            rotation=strength * self.rotation,
            shear=min(80.0, strength * self.shear),
            brightness=strength * self.brightness,
            contrast=strength * self.contrast,
            saturation=strength * self.saturation,
            hue=min(0.5, strength * self.hue),
            gray=min(1.0, strength * self.gray),
            blur=min(1.0, strength * self.blur),
        )

    def _sampling(self, shape: torch.Size, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """Crop, flip and blur as one row matrix (B, size, H) and one column matrix (B, size, W)."""
        batch, _, height, width = shape
        top, left, crop_h, crop_w = random_boxes(batch, height, width, self.crop_scale, self.crop_ratio, generator)
        rows = resize_matrices(top, crop_h, height, self.size)
        columns = resize_matrices(left, crop_w, width, self.size)
        flipped = torch.rand(batch, generator=generator) < self.flip
        columns = torch.where(flipped[:, None, None], columns.flip(1), columns)
        sigma = _uniform(batch, *self.blur_sigma, generator)
        blurred = torch.rand(batch, generator=generator) < self.blur
        if self.blur > 0:
            kernel = blur_matrices(torch.where(blurred, sigma, 0.0), self.size)  # (B, size, size)
            rows, columns = kernel @ rows, kernel @ columns
            rows[rows.abs() < 1e-20] = 0  # denormals halve the speed of every product that meets them
            columns[columns.abs() < 1e-20] = 0
        return rows, columns

    def _turn(self, images: Tensor, generator: torch.Generator | None) -> Tensor:
        """Rotate and shear about the centre; what comes from outside is black."""
        batch, _, height, width = images.shape
        angle = torch.deg2rad(_uniform(batch, -self.rotation, self.rotation, generator))
        slant = torch.tan(torch.deg2rad(_uniform(batch, -self.shear, self.shear, generator)))
        cos, sin, zero = angle.cos(), angle.sin(), torch.zeros(batch)
        aspect = height / width  # affine_grid's axes both run from −1 to 1
        theta = torch.stack(
            [
                torch.stack([cos - sin * slant, (-sin - cos * slant) * aspect, zero], -1),
                torch.stack([sin / aspect, cos, zero], -1),
            ],
            dim=1,
        )  # (B, 2, 3)
        grid = F.affine_grid(theta.to(images), list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)

    def _recolour(self, images: Tensor, generator: torch.Generator | None) -> Tensor:
        """Brightness, contrast, saturation, hue and grey as one affine map of the colours a sample."""
        batch, channels = images.shape[:2]
        jittered = torch.rand(batch, generator=generator) < self.jitter
        brightness = torch.where(jittered, _factor(batch, self.brightness, generator), 1.0).to(images)
        contrast = torch.where(jittered, _factor(batch, self.contrast, generator), 1.0).to(images)
        if channels == 1:
            mean = images.mean((1, 2, 3))
            gain, offset = brightness * contrast, (1 - contrast) * brightness * mean  # (B,)
            return images * gain[:, None, None, None] + offset[:, None, None, None]
        saturation = torch.where(jittered, _factor(batch, self.saturation, generator), 1.0)
        turns = torch.where(jittered, _uniform(batch, -self.hue, self.hue, generator), 0.0)
        saturation = torch.where(torch.rand(batch, generator=generator) < self.gray, 0.0, saturation)
        colour = (_saturate(saturation) @ _turn_hue(turns)).to(images)  # (B, 3, 3), keeps luma
        luma = images.new_tensor(LUMA)
        mean = torch.einsum("bc,c->b", images.mean((2, 3)), luma)
        gain, offset = brightness * contrast, (1 - contrast) * brightness * mean  # (B,)
        colour = colour * gain[:, None, None]
        return torch.einsum("bdc,bchw->bdhw", colour, images) + offset[:, None, None, None]


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
    area = height * width * _uniform(tries, *scale, generator)
    aspect = torch.exp(_uniform(tries, math.log(ratio[0]), math.log(ratio[1]), generator))
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


def resize_matrices(start: Tensor, length: Tensor, source: int, size: int) -> Tensor:
    """Antialiased linear interpolation from `length` pixels at `start` to `size` pixels, one matrix a sample.

    Args:
        start, length: (B,) first pixel of the crop and its length, pixels.
        source: length of the image along this axis, pixels.
        size: length of the output, pixels.

    Returns:
        (B, size, source) float32, rows summing to 1 and zero outside the crop; the weights are those of
        `torchvision.transforms.functional.resized_crop` with `antialias=True`.
    """
    scale = (length / size)[:, None, None]  # source pixels an output pixel
    support = scale.clamp(min=1.0)
    centre = (torch.arange(size) + 0.5)[None, :, None] * scale + start[:, None, None]
    position = (torch.arange(source) + 0.5)[None, None, :]
    weight = (1 - (position - centre).abs() / support).clamp(min=0)
    inside = (position > start[:, None, None]) & (position < (start + length)[:, None, None])
    weight = weight * inside
    return weight / weight.sum(-1, keepdim=True)


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
    weight[weight < 1e-20] = 0  # denormals
    weight = weight / weight.sum(1, keepdim=True)
    target = torch.arange(size)[:, None] + taps  # (size, taps)
    target = target.abs()
    target = torch.where(target > size - 1, 2 * (size - 1) - target, target)  # mirrored, edge not repeated
    matrix = torch.zeros(len(sigma), size, size)
    return matrix.scatter_add_(2, target.expand(len(sigma), -1, -1), weight[:, None].expand(-1, size, -1).contiguous())


def _uniform(shape: int | tuple[int, int], low: float, high: float, generator: torch.Generator | None) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator)


def _factor(batch: int, strength: float, generator: torch.Generator | None) -> Tensor:
    return _uniform(batch, max(0.0, 1 - strength), 1 + strength, generator)


def _saturate(factor: Tensor) -> Tensor:
    """(B,) saturation factors to (B, 3, 3): `factor · colour + (1 − factor) · luma`."""
    luma = torch.tensor(LUMA).expand(3, 3)
    return factor[:, None, None] * torch.eye(3) + (1 - factor)[:, None, None] * luma


def _turn_hue(turns: Tensor) -> Tensor:
    """(B,) turns to (B, 3, 3): rotation of the chroma plane of YIQ."""
    to_yiq = torch.tensor([list(LUMA), [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    angle = 2 * math.pi * turns
    rotation = torch.zeros(len(turns), 3, 3)
    rotation[:, 0, 0] = 1
    rotation[:, 1, 1] = rotation[:, 2, 2] = angle.cos()
    rotation[:, 1, 2], rotation[:, 2, 1] = -angle.sin(), angle.sin()
    return torch.linalg.inv(to_yiq) @ rotation @ to_yiq
