"""Random views of volumes: a whole batch at once, every volume with its own draw, image and mask under one geometry.

As for images, cropping, resizing and mirroring fold into one matrix an axis and sample; the matrices are those of
:mod:`helpers.views.resampling`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from helpers.errors import StudyError
from helpers.views.resampling import check_crop, random_boxes, resize_matrices, uniform


@dataclass(frozen=True)
class VolumeViews:
    """Random augmentation of a batch of volumes; call it twice for two views.

    Args:
        size: side of the output's slices, pixels.
        depth: slices of the output.
        crop_scale: smallest and largest share of a slice's area kept by the crop; (1, 1) keeps whole slices.
        crop_ratio: smallest and largest width / height of the crop.
        depth_scale: smallest and largest share of the slices kept, next to one another; (1, 1) keeps all.
        flip: chance of mirroring each slice left to right (the last axis).
        flip_height, flip_depth: chances of mirroring the other two axes; anatomy has an up and a front, so 0 as is.
        brightness, contrast: the factor is uniform in [max(0, 1 − v), 1 + v].
        gamma: the exponent is exp of a uniform number in [−v, v].
        negative: chance that bright and dark are exchanged.
        noise: largest standard deviation of Gaussian noise.

    Intensities are in [0, 1] before and after.
    """

    size: int
    depth: int
    crop_scale: tuple[float, float] = (0.5, 1.0)
    crop_ratio: tuple[float, float] = (3 / 4, 4 / 3)
    depth_scale: tuple[float, float] = (0.6, 1.0)
    flip: float = 0.5
    flip_height: float = 0.0
    flip_depth: float = 0.0
    brightness: float = 0.3
    contrast: float = 0.3
    gamma: float = 0.3
    negative: float = 0.0
    noise: float = 0.05

    def __post_init__(self) -> None:
        check_crop(self.size, self.crop_scale, self.crop_ratio)
        if self.depth < 1:
            raise StudyError(f"views: depth is {self.depth}; it must be at least 1 slice")
        if not 0 < self.depth_scale[0] <= self.depth_scale[1] <= 1:
            raise StudyError(f"views: depth_scale is {self.depth_scale}; it must be 0 < smallest <= largest <= 1")
        for name in ("flip", "flip_height", "flip_depth", "negative"):
            if not 0 <= getattr(self, name) <= 1:
                raise StudyError(f"views: {name} is {getattr(self, name)}; a chance is between 0 and 1")
        for name in ("brightness", "contrast", "gamma", "noise"):
            if getattr(self, name) < 0:
                raise StudyError(f"views: {name} is {getattr(self, name)}; it must not be negative")

    def __call__(self, volumes: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """One random view of each volume.

        Args:
            volumes: (B, C, D, H, W) float in [0, 1].
            generator: source of randomness, on the CPU whatever the volumes' device; the global one if None.

        Returns:
            (B, C, depth, size, size) float in [0, 1].
        """
        return self._views(volumes, None, generator)[0]

    def with_mask(
        self, volumes: Tensor, masks: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """One random view of each volume, and its masks under the same geometry.

        Args:
            volumes: (B, C, D, H, W) float in [0, 1].
            masks: (B, K, D, H, W) float in [0, 1], a channel a class.
            generator: source of randomness. The views are those that a call without masks makes from it.

        Returns:
            Views (B, C, depth, size, size) and masks (B, K, depth, size, size): the share of each voxel that the class
            covers, by antialiased interpolation.
        """
        if masks.ndim != 5 or masks.shape[0] != volumes.shape[0] or masks.shape[2:] != volumes.shape[2:]:
            raise StudyError(
                f"views: masks {tuple(masks.shape)} do not lie on volumes {tuple(volumes.shape)}; give (B, K, D, H, W)"
            )
        views, moved = self._views(volumes, masks, generator)
        assert moved is not None
        return views, moved

    def scaled(self, strength: float) -> VolumeViews:
        """The same views with every change ``strength`` times as strong (0 none, 1 as is), for exploring."""
        return replace(
            self,
            crop_scale=(max(1e-3, 1 - strength * (1 - self.crop_scale[0])), self.crop_scale[1]),
            depth_scale=(max(1e-3, 1 - strength * (1 - self.depth_scale[0])), self.depth_scale[1]),
            brightness=strength * self.brightness,
            contrast=strength * self.contrast,
            gamma=strength * self.gamma,
            negative=min(1.0, strength * self.negative),
            noise=strength * self.noise,
        )

    def _views(
        self, volumes: Tensor, masks: Tensor | None, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor | None]:
        if volumes.ndim != 5:
            raise StudyError(f"views: expected volumes of shape (B, C, D, H, W), got {tuple(volumes.shape)}")
        batch, _, depth, height, width = volumes.shape
        top, left, box_h, box_w = random_boxes(batch, height, width, self.crop_scale, self.crop_ratio, generator)
        box_d = (depth * uniform(batch, *self.depth_scale, generator)).round().long().clamp(1, depth)
        first = (torch.rand(batch, generator=generator) * (depth - box_d + 1)).long()
        turned = [
            torch.rand(batch, generator=generator) < chance for chance in (self.flip_depth, self.flip_height, self.flip)
        ]
        axes = (
            resize_matrices(first, box_d, depth, self.depth, turned[0]),  # (B, depth, D)
            resize_matrices(top, box_h, height, self.size, turned[1]),  # (B, size, H)
            resize_matrices(left, box_w, width, self.size, turned[2]),  # (B, size, W)
        )
        views = self._relit(_sampled(volumes, axes), generator).clamp_(0, 1)
        return views, None if masks is None else _sampled(masks, axes).clamp_(0, 1)

    def _relit(self, volumes: Tensor, generator: torch.Generator | None) -> Tensor:
        """Brightness, contrast, gamma, negative and noise, each volume with its own."""
        batch = len(volumes)

        def drawn(low: float, high: float) -> Tensor:
            return uniform(batch, low, high, generator).to(volumes)[:, None, None, None, None]

        volumes = volumes * drawn(max(0.0, 1 - self.brightness), 1 + self.brightness)
        mean = volumes.mean(dim=(1, 2, 3, 4), keepdim=True)
        volumes = mean + (volumes - mean) * drawn(max(0.0, 1 - self.contrast), 1 + self.contrast)
        volumes = volumes.clamp(1e-4, 1) ** drawn(-self.gamma, self.gamma).exp()
        exchanged = drawn(0, 1) < self.negative
        volumes = torch.where(exchanged, 1 - volumes, volumes)
        if self.noise:
            grain = torch.randn(volumes.shape, generator=generator).to(volumes)
            volumes = volumes + grain * drawn(0, self.noise)
        return volumes


def _sampled(volumes: Tensor, axes: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """One matrix an axis applied to every sample and channel, (B, C, D, H, W) → (B, C, depth, size, size)."""
    along, rows, columns = (matrix.to(volumes) for matrix in axes)
    batch, channels = volumes.shape[:2]
    thin = along @ volumes.transpose(1, 2).flatten(2)  # (B, depth, C·H·W)
    thin = thin.unflatten(2, (channels, *volumes.shape[3:])).transpose(1, 2)  # (B, C, depth, H, W)
    flat = (thin.reshape(batch, -1, volumes.shape[4]) @ columns.mT).reshape(*thin.shape[:4], -1)  # (B, C, d, H, size)
    return rows[:, None, None] @ flat
