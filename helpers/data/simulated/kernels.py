"""Drawn maize kernels under an imager's lamp: embryo up or down, six varieties, exact embryo masks.

A kernel is an implicit outline with a height above the tray. Its normals give light, shade and glare; its face gives
colour. The face with the embryo carries the scutellum, a pale shield near the tip cap with the embryo axis as a ridge
along its middle; the other face is smooth. Pale floury patches, chalk and worn spots lie on both faces, so that
neither mean colour nor the share of pale pixels gives the orientation away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.data.simulated.kernel_faces import Traits, laid_over, mixed, paint, pixel_centres, reach, to_the_lamp
from helpers.errors import StudyError

GENERATOR = "maize_kernels:2"  # change the number with every change of what is drawn
ORIENTATIONS = ("embryo_down", "embryo_up")
NEIGHBOURS = 2  # at most, lying against the kernel in the middle
_CHUNK = 32  # images painted at once
# endosperm, embryo, floury patches (sRGB), share of the face that is speckled, and of what colour.
_VARIETIES: dict[str, tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...], float, tuple[float, ...]]] = {
    "yellow dent": ((0.86, 0.62, 0.17), (0.86, 0.76, 0.52), (0.91, 0.80, 0.50), 0.0, (0.86, 0.62, 0.17)),
    "white dent": ((0.80, 0.76, 0.66), (0.75, 0.68, 0.54), (0.87, 0.84, 0.77), 0.0, (0.80, 0.76, 0.66)),
    "orange flint": ((0.80, 0.43, 0.11), (0.82, 0.66, 0.42), (0.84, 0.60, 0.30), 0.0, (0.80, 0.43, 0.11)),
    "red": ((0.52, 0.14, 0.11), (0.66, 0.47, 0.36), (0.65, 0.36, 0.26), 0.0, (0.52, 0.14, 0.11)),
    "purple": ((0.27, 0.15, 0.27), (0.52, 0.44, 0.44), (0.45, 0.33, 0.42), 0.0, (0.27, 0.15, 0.27)),
    "speckled": ((0.83, 0.70, 0.42), (0.80, 0.72, 0.54), (0.87, 0.80, 0.62), 0.30, (0.38, 0.13, 0.20)),
}
VARIETIES = tuple(_VARIETIES)


@dataclass(frozen=True)
class DrawnKernels:
    """A tray of drawn kernels, one picture each.

    Attributes:
        images: uint8 (n, 3, size, size), RGB.
        masks: bool (n, 1, size, size), the embryo of the kernel in the middle; empty where it lies embryo down.
        embryo_up: bool (n,).
        ear: int64 (n,), which ear the kernel comes from.
        variety: int64 (n,), positions in :data:`VARIETIES`; one an ear.
    """

    images: Tensor
    masks: Tensor
    embryo_up: Tensor
    ear: Tensor
    variety: Tensor


def draw_kernels(ears: int, kernels_each: int, size: int, seed: int, touching: float = 0.3) -> DrawnKernels:
    """Draw kernels; the same arguments give the same pixels.

    Args:
        ears: >= 1; kernels of an ear share variety, colour, shape, lamp and tray, each up to a little of its own.
        kernels_each: kernels an ear, >= 1; half of them lie embryo up.
        size: side of a picture, pixels, >= 16.
        seed: of everything drawn.
        touching: chance of each of the two possible neighbours that lie against the kernel, in [0, 1].

    Raises:
        StudyError: a number out of range.
    """
    if min(ears, kernels_each) < 1 or size < 16 or not 0 <= touching <= 1:
        raise StudyError(
            f"drawn kernels need ears ({ears}) and kernels ({kernels_each}) >= 1, size ({size}) >= 16 pixels and "
            f"touching ({touching}) in [0, 1]"
        )
    draw = _Draw(torch.Generator().manual_seed(seed))
    traits = draw.ears(ears)
    ear = torch.arange(ears).repeat_interleave(kernels_each)
    embryo_up = (torch.arange(kernels_each).repeat(ears) + ear) % 2 == 1
    parts = [
        draw.pictures({name: trait[ear[rows]] for name, trait in traits.items()}, embryo_up[rows], size, touching)
        for rows in torch.arange(len(ear)).split(_CHUNK)
    ]
    images, masks = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    return DrawnKernels(images, masks, embryo_up, ear, traits["variety"][ear].long())


class _Draw:
    """One generator of randomness and everything drawn from it."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=self.generator)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator)

    def chance(self, share: float | Tensor, *shape: int) -> Tensor:
        return (torch.rand(*shape, generator=self.generator) < share).float()

    def ears(self, n: int) -> Traits:
        """What the kernels of an ear have in common, (n, ...) each."""
        order = [torch.randperm(len(VARIETIES), generator=self.generator) for _ in range(0, n, len(VARIETIES))]
        variety = torch.cat(order)[:n]  # every variety gets as many ears
        endosperm, embryo, floury, speckled, speckle = (torch.tensor(list(c)) for c in zip(*_VARIETIES.values()))
        tint = (1 + 0.06 * self.normal(n, 1)) * (1 + 0.025 * self.normal(n, 3))
        return {
            "variety": variety.float(),
            "endosperm": (endosperm[variety] * tint).clamp(0, 1),
            "embryo": (embryo[variety] * tint * (1 + 0.02 * self.normal(n, 3))).clamp(0, 1),
            "floury": (floury[variety] * tint).clamp(0, 1),
            "speckled": speckled[variety] * self.uniform(0.5, 1.3, n),
            "speckle": speckle[variety],
            "width": self.uniform(0.66, 0.84, n),
            "power": self.uniform(2.4, 3.4, n),
            "taper": self.uniform(0.40, 0.58, n),
            "length": self.uniform(0.74, 0.84, n),
            "crown_flour": self.uniform(0.0, 0.9, n) * self.chance(0.7, n),
            "dent": self.uniform(0.0, 0.16, n),
            "embryo_length": self.uniform(0.50, 0.60, n),
            "embryo_width": self.uniform(0.50, 0.62, n),
            "relief": self.uniform(0.6, 1.2, n),
            "lamp": self.uniform(0, 2 * math.pi, n),
            "height": torch.deg2rad(self.uniform(42, 62, n)),
            "ambient": self.uniform(0.35, 0.55, n),
            "glare": self.uniform(0.0, 0.55, n),
            "gloss": self.uniform(14, 50, n),
            "ground": self.uniform(0.02, 0.12, n),
            "ground_tint": 1 + self.uniform(-0.15, 0.15, n, 3),
            "noise": self.uniform(0.008, 0.028, n),
            "white_balance": 1 + 0.025 * self.normal(n, 3),
        }

    def pictures(self, ear: Traits, embryo_up: Tensor, size: int, touching: float) -> tuple[Tensor, Tensor]:
        """Paint one picture a row: uint8 (B, 3, size, size) and its mask, bool (B, 1, size, size)."""
        n = len(embryo_up)
        x, y = pixel_centres(size)
        image = self.ground(ear, size)
        lamp = to_the_lamp(ear)
        middle = self.kernel(ear, embryo_up.float()) | {"centre": 0.04 * self.normal(n, 2)}
        towards = self.uniform(0, 2 * math.pi, n)
        for i in range(NEIGHBOURS):
            here = torch.nonzero(self.chance(touching, n)).flatten()
            mine = {name: trait[here] for name, trait in ear.items()}
            other = self.kernel(mine, self.chance(0.5, len(here)))
            direction = towards[here] + math.pi * i + self.uniform(-0.8, 0.8, len(here))
            held = {name: trait[here] for name, trait in middle.items()}
            gap = reach(held, direction) + reach(other, direction + math.pi) + self.uniform(-0.03, 0.05, len(here))
            step = gap[:, None] * torch.stack([direction.cos(), direction.sin()], dim=1)
            face = paint(other | {"centre": held["centre"] + step}, mine, x, y, lamp[here])
            image[here] = laid_over(image[here], face.colour, face.cover)
        face = paint(middle, ear, x, y, lamp)
        shadow = F.interpolate(F.avg_pool2d(face.cover, size // 8), size=(size, size), mode="bilinear")
        image = laid_over(image * (1 - 0.45 * shadow), face.colour, face.cover)
        image = self.dirt(image, x, y)
        return self.camera(image, ear, size), face.embryo > 0.5

    def kernel(self, ear: Traits, up: Tensor) -> Traits:
        """What one kernel has of its own, (n, ...) each."""
        n = len(up)
        shade = 1 + 0.05 * self.normal(n, 1)
        return {
            "up": up,
            "angle": self.uniform(0, 2 * math.pi, n),
            "scale": ear["length"] * (1 + 0.05 * self.normal(n)),
            "width": ear["width"] * (1 + 0.06 * self.normal(n)),
            "power": ear["power"],
            "taper": (ear["taper"] + 0.05 * self.normal(n)).clamp(0.25, 0.7),
            "wobble": self.normal(n, 4) * torch.tensor([0.022, 0.016, 0.012, 0.008]),
            "phase": self.uniform(0, 2 * math.pi, n, 4),
            "endosperm": ear["endosperm"] * shade,
            "floury": ear["floury"] * shade,
            "embryo": mixed(ear["embryo"] * shade, ear["endosperm"], self.uniform(0.0, 0.3, n, 1)),
            "speckle": ear["speckle"],
            "speckled": ear["speckled"] * self.uniform(0.6, 1.4, n),
            "crown_flour": (ear["crown_flour"] + 0.15 * self.normal(n)).clamp(0, 1),
            "dent": ear["dent"] * self.uniform(0.4, 1.4, n),
            "embryo_length": ear["embryo_length"] * (1 + 0.06 * self.normal(n)),
            "embryo_width": ear["embryo_width"] * (1 + 0.07 * self.normal(n)),
            "embryo_place": self.uniform(0.20, 0.32, n),
            "embryo_aside": 0.03 * self.normal(n),
            "relief": ear["relief"] * self.uniform(0.7, 1.2, n),
            "chalk": mixed(ear["embryo"], ear["floury"], self.uniform(0, 1, n, 1)) * shade,
            "blotch": self.chance(0.85 - 0.65 * up, n) * self.uniform(0.4, 0.95, n),
            "blotch_place": torch.stack([self.uniform(-0.3, 0.3, n), self.uniform(-0.45, 0.5, n)], dim=1),
            "blotch_size": torch.stack([self.uniform(0.22, 0.42, n), self.uniform(0.3, 0.6, n)], dim=1),
            "texture": self.normal(n, 4, 14, 14),
        }

    def ground(self, ear: Traits, size: int) -> Tensor:
        """A dark tray under uneven light with pale dust, (B, 3, size, size)."""
        n = len(ear["ground"])
        cloud = F.interpolate(self.normal(n, 1, 4, 4), size=(size, size), mode="bicubic", align_corners=True)
        shade = ear["ground"][:, None, None, None] * (1 + 0.35 * cloud)
        return (shade * ear["ground_tint"][:, :, None, None]).clamp(0, 1)

    def dirt(self, image: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Specks: dark on kernels, pale on the tray."""
        n, specks = len(image), 7
        place, radius = self.uniform(-1, 1, n, specks, 2), self.uniform(0.006, 0.03, n, specks)
        shade = self.uniform(0.05, 0.5, n, specks)
        pixel = 2 / image.shape[-1]
        for i in range(specks):
            cx, cy = place[:, i, 0, None, None], place[:, i, 1, None, None]
            distance = ((x - cx).square() + (y - cy).square()).sqrt()
            cover = ((radius[:, i, None, None] - distance) / pixel + 0.5).clamp(0, 1)[:, None]
            image = laid_over(image, shade[:, i, None, None, None].expand(-1, 3, 1, 1), 0.8 * cover)
        return image

    def camera(self, image: Tensor, ear: Traits, size: int) -> Tensor:
        """Fall-off of the light, white balance, a little blur and noise; uint8."""
        n = len(image)
        x, y = pixel_centres(size)
        slope = 0.16 * self.normal(n, 2)
        light = 1 + slope[:, 0, None, None] * x + slope[:, 1, None, None] * y - 0.10 * (x.square() + y.square())
        image = image * light[:, None] * ear["white_balance"][:, :, None, None]
        soft = F.avg_pool2d(F.pad(image, (1, 1, 1, 1), mode="replicate"), 3, 1)
        image = mixed(image, soft, self.uniform(0.0, 0.7, n, 1, 1, 1))
        exposure = 1 + 0.08 * self.normal(n, 1, 1, 1)
        image = image * exposure + ear["noise"][:, None, None, None] * self.normal(*image.shape)
        return (image.clamp(0, 1) * 255).round().to(torch.uint8)
