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

from helpers.errors import StudyError

GENERATOR = "maize_kernels:1"  # change the number with every change of what is drawn
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


def draw_kernels(ears: int, kernels_each: int, size: int, seed: int, touching: float = 0.4) -> DrawnKernels:
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


Traits = dict[str, Tensor]  # one row a kernel (or a picture), by name


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
            "length": self.uniform(0.66, 0.76, n),
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
        x, y = _pixels(size)
        image = self.ground(ear, size)
        lamp = _lamp(ear)
        middle = self.kernel(ear, embryo_up.float()) | {"centre": 0.06 * self.normal(n, 2)}
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
            image[here] = _over(image[here], face.colour, face.cover)
        face = paint(middle, ear, x, y, lamp)
        shadow = F.interpolate(F.avg_pool2d(face.cover, size // 8), size=(size, size), mode="bilinear")
        image = _over(image * (1 - 0.45 * shadow), face.colour, face.cover)
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
            "embryo": _mixed(ear["embryo"] * shade, ear["endosperm"], self.uniform(0.0, 0.5, n, 1)),
            "speckle": ear["speckle"],
            "speckled": ear["speckled"] * self.uniform(0.6, 1.4, n),
            "crown_flour": (ear["crown_flour"] + 0.15 * self.normal(n)).clamp(0, 1),
            "dent": ear["dent"] * self.uniform(0.4, 1.4, n),
            "embryo_length": ear["embryo_length"] * (1 + 0.06 * self.normal(n)),
            "embryo_width": ear["embryo_width"] * (1 + 0.07 * self.normal(n)),
            "embryo_place": self.uniform(0.20, 0.32, n),
            "embryo_aside": 0.03 * self.normal(n),
            "relief": ear["relief"] * self.uniform(0.7, 1.2, n),
            "chalk": _mixed(ear["embryo"], ear["floury"], self.uniform(0, 1, n, 1)) * shade,
            "blotch": self.chance(0.8 - 0.6 * up, n) * self.uniform(0.4, 1.0, n),
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
            image = _over(image, shade[:, i, None, None, None].expand(-1, 3, 1, 1), 0.8 * cover)
        return image

    def camera(self, image: Tensor, ear: Traits, size: int) -> Tensor:
        """Fall-off of the light, white balance, a little blur and noise; uint8."""
        n = len(image)
        x, y = _pixels(size)
        slope = 0.16 * self.normal(n, 2)
        light = 1 + slope[:, 0, None, None] * x + slope[:, 1, None, None] * y - 0.10 * (x.square() + y.square())
        image = image * light[:, None] * ear["white_balance"][:, :, None, None]
        soft = F.avg_pool2d(F.pad(image, (1, 1, 1, 1), mode="replicate"), 3, 1)
        image = _mixed(image, soft, self.uniform(0.0, 0.7, n, 1, 1, 1))
        exposure = 1 + 0.08 * self.normal(n, 1, 1, 1)
        image = image * exposure + ear["noise"][:, None, None, None] * self.normal(*image.shape)
        return (image.clamp(0, 1) * 255).round().to(torch.uint8)


@dataclass(frozen=True)
class Face:
    """A painted kernel.

    Attributes:
        colour: (n, 3, H, W).
        cover: share of each pixel that the kernel covers, (n, 1, H, W).
        embryo: share of each pixel that its embryo covers, (n, 1, H, W); 0 where it lies embryo down.
    """

    colour: Tensor
    cover: Tensor
    embryo: Tensor


def paint(kernel: Traits, ear: Traits, x: Tensor, y: Tensor, lamp: Tensor) -> Face:
    """Paint kernels at their centres.

    Args:
        kernel: traits of the kernels, with ``centre``, in half frames.
        ear: ``ambient``, ``glare`` and ``gloss`` of their ears.
        x, y: pixel centres in [−1, 1], (1, H, W).
        lamp: direction to the light, unit vectors (n, 3).
    """
    u, v = _local(kernel, x, y)  # across, and along from crown (−1) to tip (+1); (n, H, W)
    pixel = 2 / x.shape[-1]
    r = _radius(kernel, u, v)
    tip = ((u / (0.19 - 0.06 * (v - 0.9)).clamp(min=0.1)).abs() ** 3 + ((v - 0.94) / 0.19).abs() ** 3 + 1e-9) ** (1 / 3)
    body, cap = _cover(r, pixel), _cover(tip, pixel)
    cover = torch.maximum(body, cap)
    fine, coarse, streak, spots = _texture(kernel, u, v)

    up = kernel["up"][:, None, None]
    e = _embryo_radius(kernel, u, v)
    embryo = _cover(e, pixel) * up * body
    axis = (((u - _wide(kernel["embryo_aside"])) / 0.085).square()
            + ((v - _wide(kernel["embryo_place"]) - 0.03) / 0.34).square()).sqrt()  # fmt: skip

    # height above the tray, in half lengths of the kernel
    dome = (1 - r.clamp(0, 1) ** 4).clamp(min=1e-4).sqrt() * 0.40 * (1 - 0.22 * v)
    dome = torch.maximum(dome, 0.20 * (1 - tip.clamp(0, 1) ** 2).clamp(min=1e-4).sqrt())
    dent = _wide(kernel["dent"]) * _bump(((u / 0.30).square() + ((v + 0.72) / 0.16).square()).sqrt())
    relief = up * _wide(kernel["relief"])
    basin = 0.075 * torch.sigmoid((1 - e) / 0.09) + 0.03 * _bump((e - 1) / 0.10)
    ridge = 0.085 * (1 - axis.clamp(0, 1).square()) + 0.045 * (1 - (e / 0.8).clamp(0, 1).square())
    height = dome - dent + relief * (ridge - basin) + 0.012 * fine + 0.010 * streak

    colour = _wide(kernel["endosperm"], 2).expand(-1, -1, *x.shape[1:])
    rim = (r.clamp(0, 1) ** 5)[:, None]  # the edge is glassy and darker
    colour = colour * (1 - 0.22 * rim) * (1 + 0.05 * fine + 0.06 * coarse + 0.05 * streak)[:, None]
    crown = _wide(kernel["crown_flour"]) * torch.sigmoid((-v - 0.50 + 0.12 * coarse) / 0.12)
    place, extent = kernel["blotch_place"][:, :, None, None], kernel["blotch_size"][:, :, None, None]
    away = (((u - place[:, 0]) / extent[:, 0]).square() + ((v - place[:, 1]) / extent[:, 1]).square()).sqrt()
    blotch = _wide(kernel["blotch"]) * torch.sigmoid((1 - away + 0.25 * coarse) / 0.10)
    colour = _mixed(colour, _wide(kernel["floury"], 2), crown[:, None])
    colour = _mixed(colour, _wide(kernel["chalk"], 2), blotch[:, None])
    speckles = (
        torch.sigmoid((spots - 1.6 + 2.4 * _wide(kernel["speckled"])) / 0.15) * (kernel["speckled"] > 0)[:, None, None]
    )
    colour = _mixed(colour, _wide(kernel["speckle"], 2), 0.9 * speckles[:, None])

    germ = _wide(kernel["embryo"], 2) * (1 + 0.05 * coarse + 0.04 * fine)[:, None]
    germ = germ * (1 - 0.20 * _bump((axis - 1) / 0.22) * (e < 1))[:, None]  # furrow beside the axis
    germ = _mixed(germ, germ * torch.tensor([1.04, 0.99, 0.88])[:, None, None], (axis < 1).float()[:, None])
    colour = _mixed(colour, germ, (embryo * 0.95)[:, None])
    groove = 0.22 * up * _bump((e - 1.03) / 0.06)
    brown = torch.tensor([0.52, 0.38, 0.22])[:, None, None] * (1 + 0.15 * fine)[:, None]
    colour = _mixed(colour * (1 - groove)[:, None], brown, (0.85 * cap * torch.sigmoid((v - 0.86) / 0.03))[:, None])

    light, glare = _lit(height, pixel / kernel["scale"], kernel["angle"], lamp, ear)
    colour = colour * light[:, None] + glare[:, None]
    return Face(colour.clamp(0, 1), cover[:, None], embryo[:, None])


def reach(kernel: Traits, direction: Tensor) -> Tensor:
    """Distance from a kernel's centre to its outline in a direction of the frame, half frames (n,)."""
    turned = direction - kernel["angle"]
    low, high = torch.zeros_like(turned), torch.full_like(turned, 2.0)
    for _ in range(12):  # bisection: the radius grows outwards
        half = (low + high) / 2
        u, v = (half * turned.cos())[:, None, None], (half * turned.sin())[:, None, None]
        inside = _radius(kernel, u, v)[:, 0, 0] < 1
        low, high = torch.where(inside, half, low), torch.where(inside, high, half)
    return low * kernel["scale"]


def _radius(kernel: Traits, u: Tensor, v: Tensor) -> Tensor:
    """1 on the outline, less inside: a superellipse that narrows towards the tip, with low harmonics."""
    narrowing = F.softplus(6 * (v + 0.45)) / 9
    across = u.abs() / (_wide(kernel["width"]) * (1 - _wide(kernel["taper"]) * narrowing).clamp(min=0.2))
    power = _wide(kernel["power"])
    r = ((across + 1e-6) ** power + (v.abs() + 1e-6) ** power) ** (1 / power)
    theta = torch.atan2(v, u + 1e-6)
    wobble = sum(kernel["wobble"][:, k, None, None] * torch.cos((k + 2) * theta + kernel["phase"][:, k, None, None])
                 for k in range(4))  # fmt: skip
    return r / (1 + wobble)


def _embryo_radius(kernel: Traits, u: Tensor, v: Tensor) -> Tensor:
    """1 on the scutellum's outline, less inside: a shield, broad towards the crown, pointed towards the tip."""
    along = (v - _wide(kernel["embryo_place"])) / _wide(kernel["embryo_length"])
    broad = _wide(kernel["embryo_width"] * kernel["width"])
    across = (u - _wide(kernel["embryo_aside"])).abs() / (broad * (1 - 0.34 * along.clamp(-0.4, 1)))
    theta = torch.atan2(along, u + 1e-6)
    wobble = 1 + 0.8 * sum(kernel["wobble"][:, k, None, None] * torch.sin((k + 2) * theta) for k in range(3))
    return ((across + 1e-6) ** 2.3 + (along.abs() + 1e-6) ** 2.0).sqrt() / wobble


def _texture(kernel: Traits, u: Tensor, v: Tensor) -> tuple[Tensor, ...]:
    """Four random fields that move with the kernel, about N(0, 1): fine, coarse, streaks along it, spots."""
    fields = kernel["texture"]
    scales = ((0.9, 0.9), (0.28, 0.28), (0.9, 0.10), (0.6, 0.42))
    smooth = F.interpolate(fields, scale_factor=3, mode="bicubic")  # once a kernel, so that bilinear lookups do
    found = []
    for i, (across, along) in enumerate(scales):
        grid = torch.stack([u * across, v * along], dim=-1) * 0.75
        found.append(F.grid_sample(smooth[:, i : i + 1], grid, mode="bilinear", align_corners=False)[:, 0])
    return tuple(found)


def _lit(height: Tensor, step: Tensor, angle: Tensor, lamp: Tensor, ear: Traits) -> tuple[Tensor, Tensor]:
    """Lambert's light in about [0, 1.2] and Blinn and Phong's glare, (n, H, W) each."""
    padded = F.pad(height[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    dx = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / (2 * step[:, None, None])
    dy = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / (2 * step[:, None, None])
    slope = (1 + dx.square() + dy.square()).rsqrt()
    lx, ly, lz = (lamp[:, i, None, None] for i in range(3))
    facing = ((lz - lx * dx - ly * dy) * slope).clamp(min=0)
    half = F.normalize(lamp + torch.tensor([0.0, 0.0, 1.0]), dim=1)
    hx, hy, hz = (half[:, i, None, None] for i in range(3))
    mirrored = ((hz - hx * dx - hy * dy) * slope).clamp(0, 1)
    ambient = _wide(ear["ambient"])
    return ambient + (1.12 - ambient) * facing, _wide(ear["glare"]) * mirrored ** _wide(ear["gloss"])


def _lamp(ear: Traits) -> Tensor:
    """Direction to the light, unit vectors (n, 3)."""
    flat = ear["height"].cos()
    return torch.stack([flat * ear["lamp"].cos(), flat * ear["lamp"].sin(), ear["height"].sin()], dim=1)


def _pixels(size: int) -> tuple[Tensor, Tensor]:
    """Pixel centres, (1, 1, W) and (1, H, 1) broadcast to (1, H, W) each, in [−1, 1]."""
    line = (torch.arange(size) + 0.5) * 2 / size - 1
    return line[None, None, :].expand(1, size, size), line[None, :, None].expand(1, size, size)


def _local(kernel: Traits, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    cos, sin, scale = (_wide(t) for t in (kernel["angle"].cos(), kernel["angle"].sin(), kernel["scale"]))
    dx, dy = x - kernel["centre"][:, 0, None, None], y - kernel["centre"][:, 1, None, None]
    return (dx * cos + dy * sin) / scale, (dy * cos - dx * sin) / scale


def _cover(r: Tensor, pixel: float) -> Tensor:
    """Share of each pixel inside the line r = 1, from its distance (r − 1)/|∇r|."""
    padded = F.pad(r[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    dx = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / 2
    dy = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / 2
    return (0.5 - (r - 1) / (dx.square() + dy.square()).sqrt().clamp(min=1e-4)).clamp(0, 1)


def _bump(x: Tensor) -> Tensor:
    """exp(−x²), cut off before it becomes a denormal number, which is slow to handle."""
    return torch.exp(-x.square().clamp(max=25))


def _wide(trait: Tensor, trailing: int = 2) -> Tensor:
    """(n,) or (n, C) to (n, 1, 1) or (n, C, 1, 1)."""
    return trait.reshape(*trait.shape, *([1] * trailing))


def _mixed(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    return first + share * (second - first)


def _over(below: Tensor, above: Tensor, cover: Tensor) -> Tensor:
    return below + cover * (above - below)
