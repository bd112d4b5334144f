"""Stain augmentation: new amounts of haematoxylin, eosin and DAB in every sample, and views of stained tissue.

Tellez et al., *Whole-slide mitosis detection in H&E breast histology using PHH3 as a reference to train distilled
stain-invariant convolutional networks*, IEEE TMI 37(9), 2018: each stain's amount c becomes α·c + β.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from helpers.errors import StudyError
from helpers.views.images import ImageViews
from helpers.views.resampling import uniform

# Optical densities in red, green and blue of haematoxylin, eosin and DAB (Ruifrok & Johnston 2001).
HED = ((0.65, 0.70, 0.29), (0.07, 0.99, 0.11), (0.27, 0.57, 0.78))
_DARKEST = 1 / 255


def restained(images: Tensor, factor: Tensor, offset: Tensor) -> Tensor:
    """Images with other amounts of the three stains.

    Args:
        images: (B, 3, H, W) float, light in [0, 1].
        factor: α of haematoxylin, eosin and DAB, (B, 3).
        offset: β, (B, 3), optical density (base 10).

    Returns:
        (B, 3, H, W) float in [0, 1]: with D = −log10(light) and c = D·M⁻¹ the stains' amounts, 10^−((α·c + β)·M).
    """
    stains, colours = _matrices()
    mixing = stains * factor[:, None, :] @ colours  # (B, 3, 3): D' = D·mixing + shift, colours as rows
    shift = offset @ colours  # (B, 3)
    density = images.clamp(min=_DARKEST).log10().neg_().flatten(2)  # (B, 3, HW)
    changed = torch.baddbmm(shift[..., None].to(images), mixing.mT.to(images), density)
    return changed.mul_(-2.302585092994046).exp_().clamp_(0, 1).view(images.shape)


@lru_cache(maxsize=1)
def _matrices() -> tuple[Tensor, Tensor]:
    """Colours to stains (M⁻¹) and stains to colours (M), float32 (3, 3)."""
    colours = torch.tensor(HED, dtype=torch.float64)
    return torch.linalg.inv(colours).float(), colours.float()


@dataclass(frozen=True)
class StainViews:
    """Random views of stained tissue.

    Attributes:
        geometry: crops, turns, light and blur; made first.
        factor: α of each stain is uniform in [1 − factor, 1 + factor], in [0, 1].
        offset: β of each stain is uniform in [−offset, offset], optical density, >= 0.
        chance: of a sample being restained, in [0, 1].
        cutout: side of a grey square laid somewhere over every view, as a share of the view's side, in [0, 1).
    """

    geometry: ImageViews
    factor: float = 0.3
    offset: float = 0.03
    chance: float = 1.0
    cutout: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.factor <= 1 and self.offset >= 0 and 0 <= self.chance <= 1 and 0 <= self.cutout < 1):
            raise StudyError(
                f"views: stains need factor ({self.factor}) and chance ({self.chance}) in [0, 1], offset "
                f"({self.offset}) >= 0 and cutout ({self.cutout}) in [0, 1)"
            )

    def __call__(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """One random view of each image, (B, 3, H, W) float in [0, 1] → (B, 3, size, size)."""
        if images.ndim != 4 or images.shape[1] != 3:
            raise StudyError(f"views: stains are in colour images (B, 3, H, W), not {tuple(images.shape)}")
        views = self.geometry(images, generator)
        batch = len(views)
        factor = uniform((batch, 3), 1 - self.factor, 1 + self.factor, generator)
        offset = uniform((batch, 3), -self.offset, self.offset, generator)
        kept = torch.rand(batch, generator=generator) >= self.chance
        factor[kept], offset[kept] = 1.0, 0.0
        if self.factor or self.offset:
            views = restained(views, factor, offset)
        return _cut_out(views, self.cutout, generator) if self.cutout else views

    def scaled(self, strength: float) -> StainViews:
        """The same views with every change ``strength`` times as strong (0 none, 1 as is)."""
        return replace(self, geometry=self.geometry.scaled(strength), factor=min(1.0, strength * self.factor),
                       offset=strength * self.offset, cutout=min(0.9, strength * self.cutout))  # fmt: skip


def _cut_out(views: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    """A mid-grey square in each view, its middle anywhere in it (DeVries & Taylor 2017)."""
    size = views.shape[-1]
    half = share * size / 2
    middle = size * torch.rand((len(views), 2), generator=generator)
    at = torch.arange(size) + 0.5
    rows, columns = ((at - middle[:, k, None]).abs() < half for k in range(2))  # (B, size) each
    return views.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None].to(views.device), 0.5)
