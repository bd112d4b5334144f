"""Random views of video clips: every clip with its own draw, every frame of a clip with the same one.

Nothing changes over time, and nothing turns time round: a view keeps what a clip's movement says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from helpers.errors import StudyError
from helpers.views.colour import LUMA
from helpers.views.resampling import check_crop, random_boxes, resize_matrices


@dataclass(frozen=True)
class ClipViews:
    """Random augmentation of a batch of clips; call it twice for two views.

    Args:
        size: side of the output, pixels.
        crop_scale: smallest and largest share of the frame's area kept by the crop; (1, 1) keeps the whole frame.
        crop_ratio: smallest and largest width / height of the crop.
        flip: chance of a horizontal flip.
        gain: each colour channel is multiplied by a factor uniform in [1 − gain, 1 + gain], 0 to 1.
        contrast: factor about the clip's mean uniform in [1 − v, 1 + v], 0 to 1.
        grey: chance that a clip loses its colour.
        negative: chance that a clip is shown as its negative, so that dark on light and light on dark are one.

    Values are in [0, 1] before and after.
    """

    size: int
    crop_scale: tuple[float, float] = (0.6, 1.0)
    crop_ratio: tuple[float, float] = (0.8, 1.25)
    flip: float = 0.5
    gain: float = 0.3
    contrast: float = 0.3
    grey: float = 0.3
    negative: float = 0.0

    def __post_init__(self) -> None:
        check_crop(self.size, self.crop_scale, self.crop_ratio)
        for name in ("flip", "gain", "contrast", "grey", "negative"):
            if not 0 <= getattr(self, name) <= 1:
                raise StudyError(f"views: {name} is {getattr(self, name)}; it must be between 0 and 1")

    def __call__(self, clips: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """One random view of each clip.

        Args:
            clips: (B, 3, T, H, W) float in [0, 1].
            generator: source of randomness, on the CPU; the global one if None.

        Returns:
            (B, 3, T, size, size) float in [0, 1].
        """
        if clips.ndim != 5 or clips.shape[1] != 3:
            raise StudyError(f"views: expected clips of shape (B, 3, T, H, W), got {tuple(clips.shape)}")
        batch, height, width = len(clips), clips.shape[3], clips.shape[4]
        top, left, box_h, box_w = random_boxes(batch, height, width, self.crop_scale, self.crop_ratio, generator)
        rows = resize_matrices(top, box_h, height, self.size)  # (B, size, H)
        columns = resize_matrices(left, box_w, width, self.size)  # (B, size, W)
        turned = torch.rand(batch, generator=generator) < self.flip
        columns = torch.where(turned[:, None, None], columns.flip(1), columns)
        rows, columns = rows.to(clips)[:, None, None], columns.to(clips)[:, None, None]
        return self._recolour(rows @ clips @ columns.mT, generator).clamp_(0, 1)

    def scaled(self, strength: float) -> ClipViews:
        """The same views with every change ``strength`` times as strong (0 none, 1 as is), for exploring."""
        return replace(
            self,
            crop_scale=(max(1e-3, 1 - strength * (1 - self.crop_scale[0])), self.crop_scale[1]),
            gain=min(1.0, strength * self.gain),
            contrast=min(1.0, strength * self.contrast),
            grey=min(1.0, strength * self.grey),
            negative=min(1.0, strength * self.negative),
        )

    def _recolour(self, clips: Tensor, generator: torch.Generator | None) -> Tensor:
        def uniform(*shape: int) -> Tensor:
            return (2 * torch.rand(*shape, generator=generator) - 1).to(clips)

        batch = len(clips)
        luma = (clips * torch.tensor(LUMA).to(clips)[None, :, None, None, None]).sum(dim=1, keepdim=True)
        colourless = (torch.rand(batch, generator=generator) < self.grey).to(clips.device)
        clips = torch.where(colourless[:, None, None, None, None], luma, clips)
        clips = clips * (1 + self.gain * uniform(batch, 3))[:, :, None, None, None]
        mean = clips.mean(dim=(1, 2, 3, 4), keepdim=True)
        clips = mean + (clips - mean) * (1 + self.contrast * uniform(batch, 1, 1, 1, 1))
        inverted = (torch.rand(batch, generator=generator) < self.negative).to(clips.device)
        return torch.where(inverted[:, None, None, None, None], 1 - clips, clips)
