"""Multi-crop: a few large views of an image and several small ones (SwAV: Caron et al., NeurIPS 2020, §3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from helpers.errors import StudyError
from helpers.views.images import ImageViews


class SizedViews(Protocol):
    """Any maker of random views: of images, or of volumes."""

    @property
    def size(self) -> int:
        """Side of its views, pixels."""

    def __call__(self, samples: Tensor, generator: torch.Generator | None = None, /) -> Tensor:
        """One random view of each sample."""


@dataclass(frozen=True)
class MultiCrop:
    """Crops of a batch at several sizes, the large ones first.

    Args:
        views: one kind of view a size, largest first.
        counts: crops of each kind, >= 1 each.
    """

    views: tuple[SizedViews, ...]
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        sizes = [view.size for view in self.views]
        if not sizes or len(sizes) != len(self.counts) or min(self.counts) < 1:
            raise StudyError(f"multi-crop: {len(sizes)} kinds of view and counts {self.counts} do not fit")
        if sizes != sorted(sizes, reverse=True):
            raise StudyError(f"multi-crop: sizes {sizes} must not grow; the first are the large crops")

    def __call__(self, images: Tensor, generator: torch.Generator | None = None) -> list[list[Tensor]]:
        """Random crops of each image.

        Args:
            images: (B, C, H, W) float in [0, 1].
            generator: source of randomness, on the CPU; the global one if None.

        Returns:
            For each size its crops, (B, C, size, size) each.
        """
        return [
            [view(images, generator) for _ in range(count)] for view, count in zip(self.views, self.counts, strict=True)
        ]


def multi_crop(
    views: ImageViews, sizes: Sequence[int], counts: Sequence[int], scales: Sequence[tuple[float, float]]
) -> MultiCrop:
    """Multi-crop from one kind of view.

    Args:
        views: everything but size and crop.
        sizes: sides of the crops, pixels, largest first; 224 and 96 in the paper.
        counts: of each size; 2 and 6 in the paper.
        scales: smallest and largest share of the area of each size; (0.14, 1) and (0.05, 0.14) in the paper.
    """
    if not len(sizes) == len(counts) == len(scales):
        raise StudyError(f"multi-crop: {len(sizes)} sizes, {len(counts)} counts and {len(scales)} scales do not fit")
    made = [
        replace(views, size=size, crop_scale=(scale[0], scale[1])) for size, scale in zip(sizes, scales, strict=True)
    ]
    return MultiCrop(tuple(made), tuple(counts))
