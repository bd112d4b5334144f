"""Random views of images: a whole batch at once, every sample with its own draw.

Two views of one image are two calls. The distributions are torchvision's (`RandomResizedCrop`, `ColorJitter`,
`GaussianBlur`, `RandomAffine`), the arithmetic is not: cropping, flipping and blurring are separable and linear, so
they fold into one pair of matrices a sample, `out = R @ image @ C.T`, and the colour changes fold into one affine
3×3 map a sample. Nothing is clipped in between, only at the end; without clipping the colour changes commute, so
torchvision's random order has no counterpart here. Hue turns the chroma plane of YIQ rather than the hue of HSV,
which is linear and keeps luma.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from helpers.errors import StudyError
from helpers.views.colour import colour_matrices, recoloured, relit, solarised
from helpers.views.resampling import blur_matrices, check_crop, random_boxes, resize_matrices, turned, uniform


@dataclass(frozen=True)
class ImageViews:
    """Random augmentation of a batch of images; call it twice for two views.

    Args:
        size: side of the output, pixels.
        crop_scale: smallest and largest share of the image's area kept by the crop; (1, 1) keeps the whole image.
        crop_ratio: smallest and largest width / height of the crop.
        flip: chance of a horizontal flip.
        rotation: largest rotation, degrees either way; 180 for every angle. Corners from outside are black.
        right_angles: whether an image is turned by 0, 90, 180 or 270 degrees, each as likely: with a flip, all eight
            ways a square lies on a table. For pictures taken from above.
        shear: largest horizontal shear, degrees either way.
        brightness, contrast, saturation: the factor is uniform in [max(0, 1 − v), 1 + v]; grey has no saturation.
        hue: largest turn of hue, in turns, 0 to 0.5; idle on grey images.
        jitter: chance that brightness, contrast, saturation and hue are changed at all.
        gray: chance that a colour image loses its colour.
        blur: chance of a Gaussian blur.
        blur_sigma: smallest and largest standard deviation of the blur, output pixels.
        solarise: chance that values of 0.5 and above are inverted, after everything else.

    Colour values are in [0, 1] before and after.
    """

    size: int
    crop_scale: tuple[float, float] = (0.2, 1.0)
    crop_ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.5
    rotation: float = 0.0
    right_angles: bool = False
    shear: float = 0.0
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    hue: float = 0.1
    jitter: float = 0.8
    gray: float = 0.2
    blur: float = 0.5
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    solarise: float = 0.0

    def __post_init__(self) -> None:
        check_crop(self.size, self.crop_scale, self.crop_ratio)
        if not 0 < self.blur_sigma[0] <= self.blur_sigma[1]:
            raise StudyError(f"views: blur_sigma is {self.blur_sigma}; it must be 0 < smallest <= largest, pixels")
        for name in ("flip", "jitter", "gray", "blur", "solarise"):
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
        return self._views(images, None, generator)[0]

    def with_mask(
        self, images: Tensor, masks: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """One random view of each image, and its mask under the same geometry: no colour, no blur.

        Args:
            images: (B, C, H, W) float in [0, 1]; C is 1 (grey) or 3 (RGB).
            masks: (B, K, H, W) float in [0, 1], a channel a class.
            generator: source of randomness, on the CPU; the global one if None. The views are those that a call
                without masks makes from it.

        Returns:
            Views (B, C, size, size), and masks (B, K, size, size): the share of each pixel that the class covers, by
            antialiased interpolation; 0 where the view shows what lies outside the image. At 0.5 and above a pixel is
            the class's.
        """
        if masks.ndim != 4 or masks.shape[0] != images.shape[0] or masks.shape[2:] != images.shape[2:]:
            raise StudyError(
                f"views: masks {tuple(masks.shape)} do not lie on images {tuple(images.shape)}; give (B, K, H, W)"
            )
        views, turned_masks = self._views(images, masks, generator)
        assert turned_masks is not None
        return views, turned_masks

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
            solarise=min(1.0, strength * self.solarise),
        )

    def _views(
        self, images: Tensor, masks: Tensor | None, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor | None]:
        with torch.autocast(images.device.type, enabled=False):  # in fp32, whatever the method computes in
            return self._drawn(images, masks, generator)

    def _drawn(
        self, images: Tensor, masks: Tensor | None, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor | None]:
        if images.ndim != 4 or images.shape[1] not in (1, 3):
            raise StudyError(f"views: expected images of shape (B, 1 or 3, H, W), got {tuple(images.shape)}")
        batch, _, height, width = images.shape
        if self.rotation or self.shear:
            angle = uniform(batch, -self.rotation, self.rotation, generator)
            slant = uniform(batch, -self.shear, self.shear, generator)
            images = turned(images, angle, slant)
            masks = None if masks is None else turned(masks, angle, slant)
        top, left, crop_h, crop_w = random_boxes(batch, height, width, self.crop_scale, self.crop_ratio, generator)
        mirrored = torch.rand(batch, generator=generator) < self.flip
        sigma = uniform(batch, *self.blur_sigma, generator)
        blurred = (torch.rand(batch, generator=generator) < self.blur).nonzero()[:, 0]
        upside_down, on_its_side = None, None
        if self.right_angles:
            turns = (4 * torch.rand(batch, generator=generator)).long()
            mirrored, upside_down = mirrored ^ (turns == 1) ^ (turns == 2), turns >= 2
            on_its_side = (turns % 2 == 1)[:, None, None, None]
        rows = resize_matrices(top, crop_h, height, self.size, upside_down)  # (B, size, H)
        columns = resize_matrices(left, crop_w, width, self.size, mirrored)  # (B, size, W)
        if masks is not None:
            masks = _laid(_sampled(masks, rows, columns), on_its_side)
        if len(blurred):
            kernel = blur_matrices(sigma[blurred], self.size)  # (blurred, size, size)
            rows[blurred], columns[blurred] = kernel @ rows[blurred], kernel @ columns[blurred]
        views = self._recolour(_sampled(images, rows, columns), generator).clamp_(0, 1)
        if self.solarise:
            views = solarised(views, torch.rand(batch, generator=generator) < self.solarise)
        return _laid(views, on_its_side), masks

    def _recolour(self, images: Tensor, generator: torch.Generator | None) -> Tensor:
        """Brightness, contrast, saturation, hue and grey, each sample with its own."""
        batch, channels = images.shape[:2]
        jittered = torch.rand(batch, generator=generator) < self.jitter
        brightness = torch.where(jittered, _factor(batch, self.brightness, generator), 1.0).to(images)
        contrast = torch.where(jittered, _factor(batch, self.contrast, generator), 1.0).to(images)
        if channels == 1:
            return relit(images, brightness, contrast)
        saturation = torch.where(jittered, _factor(batch, self.saturation, generator), 1.0)
        turns = torch.where(jittered, uniform(batch, -self.hue, self.hue, generator), 0.0)
        saturation = torch.where(torch.rand(batch, generator=generator) < self.gray, 0.0, saturation)
        return recoloured(images, brightness, contrast, colour_matrices(saturation, turns).to(images))


def _sampled(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """`rows @ image @ columns.T` for every sample and channel, (B, C, size, size)."""
    rows, columns = rows.to(images), columns.to(images)
    if images.shape[1] == 1:
        return (rows @ images[:, 0] @ columns.mT)[:, None]
    wide = (images.flatten(1, 2) @ columns.mT).unflatten(1, images.shape[1:3])  # (B, C, H, size)
    return rows[:, None] @ wide


def _laid(images: Tensor, on_its_side: Tensor | None) -> Tensor:
    """Squares turned over their diagonal where said so."""
    return images if on_its_side is None else torch.where(on_its_side.to(images.device), images.mT, images)


def _factor(batch: int, strength: float, generator: torch.Generator | None) -> Tensor:
    return uniform(batch, max(0.0, 1 - strength), 1 + strength, generator)
