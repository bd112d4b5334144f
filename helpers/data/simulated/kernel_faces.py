"""How a maize kernel looks: outline, embryo, height, colour, light. Batched, a row a kernel.

Outlines are implicit: a function of the place that is 1 on the line and less inside; its distance over its slope gives
the share of each pixel that is covered. Lengths are in half lengths of the kernel (u across, v along it, the crown at
−1, the tip at +1) or in half frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

Traits = dict[str, Tensor]  # by name, one row a kernel


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
    r = outline(kernel, u, v)
    tip = ((u / (0.19 - 0.06 * (v - 0.9)).clamp(min=0.1)).abs() ** 3 + ((v - 0.94) / 0.19).abs() ** 3 + 1e-9) ** (1 / 3)
    body, cap = cover_inside(r, pixel), cover_inside(tip, pixel)
    cover = torch.maximum(body, cap)
    fine, coarse, streak, spots = _texture(kernel, u, v)

    up = kernel["up"][:, None, None]
    e = embryo_outline(kernel, u, v)
    embryo = cover_inside(e, pixel) * up * body
    axis = (((u - _wide(kernel["embryo_aside"])) / 0.085).square()
            + ((v - _wide(kernel["embryo_place"]) - 0.03) / 0.34).square()).sqrt()  # fmt: skip

    # height above the tray, in half lengths of the kernel
    dome = (1 - r.clamp(0, 1) ** 4).clamp(min=1e-4).sqrt() * 0.40 * (1 - 0.22 * v)
    dome = torch.maximum(dome, 0.20 * (1 - tip.clamp(0, 1) ** 2).clamp(min=1e-4).sqrt())
    dent = _wide(kernel["dent"]) * _bump(((u / 0.30).square() + ((v + 0.72) / 0.16).square()).sqrt())
    relief = up * _wide(kernel["relief"])
    basin = 0.085 * torch.sigmoid((1 - e) / 0.09) + 0.04 * _bump((e - 1) / 0.10)
    ridge = 0.11 * (1 - axis.clamp(0, 1).square()) + 0.045 * (1 - (e / 0.8).clamp(0, 1).square())
    height = dome - dent + relief * (ridge - basin) + 0.012 * fine + 0.010 * streak

    colour = _wide(kernel["endosperm"], 2).expand(-1, -1, *x.shape[1:])
    rim = (r.clamp(0, 1) ** 5)[:, None]  # the edge is glassy and darker
    colour = colour * (1 - 0.22 * rim) * (1 + 0.05 * fine + 0.06 * coarse + 0.05 * streak)[:, None]
    crown = _wide(kernel["crown_flour"]) * torch.sigmoid((-v - 0.50 + 0.12 * coarse) / 0.12)
    place, extent = kernel["blotch_place"][:, :, None, None], kernel["blotch_size"][:, :, None, None]
    away = (((u - place[:, 0]) / extent[:, 0]).square() + ((v - place[:, 1]) / extent[:, 1]).square()).sqrt()
    blotch = _wide(kernel["blotch"]) * torch.sigmoid((1 - away + 0.25 * coarse) / 0.16)
    colour = mixed(colour, _wide(kernel["floury"], 2), crown[:, None])
    colour = mixed(colour, _wide(kernel["chalk"], 2), blotch[:, None])
    speckled = _wide(kernel["speckled"])
    speckles = torch.sigmoid((spots - 1.6 + 2.4 * speckled) / 0.15) * (speckled > 0)
    colour = mixed(colour, _wide(kernel["speckle"], 2), 0.9 * speckles[:, None])

    germ = _wide(kernel["embryo"], 2) * (1 + 0.05 * coarse + 0.04 * fine)[:, None]
    germ = germ * (1 - 0.30 * _bump((axis - 1) / 0.25) * (e < 1))[:, None]  # furrow beside the axis
    germ = mixed(germ, germ * torch.tensor([1.04, 0.99, 0.88])[:, None, None], (axis < 1).float()[:, None])
    colour = mixed(colour, germ, (embryo * 0.95)[:, None])
    groove = 0.32 * up * _bump((e - 1.03) / 0.06)
    brown = torch.tensor([0.52, 0.38, 0.22])[:, None, None] * (1 + 0.15 * fine)[:, None]
    colour = mixed(colour * (1 - groove)[:, None], brown, (0.85 * cap * torch.sigmoid((v - 0.86) / 0.03))[:, None])

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
        inside = outline(kernel, u, v)[:, 0, 0] < 1
        low, high = torch.where(inside, half, low), torch.where(inside, high, half)
    return low * kernel["scale"]


def outline(kernel: Traits, u: Tensor, v: Tensor) -> Tensor:
    """1 on the outline, less inside: a superellipse that narrows towards the tip, with low harmonics."""
    narrowing = F.softplus(6 * (v + 0.45)) / 9
    across = u.abs() / (_wide(kernel["width"]) * (1 - _wide(kernel["taper"]) * narrowing).clamp(min=0.2))
    power = _wide(kernel["power"])
    r = ((across + 1e-6) ** power + (v.abs() + 1e-6) ** power) ** (1 / power)
    theta = torch.atan2(v, u + 1e-6)
    wobble = sum(kernel["wobble"][:, k, None, None] * torch.cos((k + 2) * theta + kernel["phase"][:, k, None, None])
                 for k in range(4))  # fmt: skip
    return r / (1 + wobble)


def embryo_outline(kernel: Traits, u: Tensor, v: Tensor) -> Tensor:
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


def to_the_lamp(ear: Traits) -> Tensor:
    """Direction to the light, unit vectors (n, 3)."""
    flat = ear["height"].cos()
    return torch.stack([flat * ear["lamp"].cos(), flat * ear["lamp"].sin(), ear["height"].sin()], dim=1)


def pixel_centres(size: int) -> tuple[Tensor, Tensor]:
    """Pixel centres, (1, 1, W) and (1, H, 1) broadcast to (1, H, W) each, in [−1, 1]."""
    line = (torch.arange(size) + 0.5) * 2 / size - 1
    return line[None, None, :].expand(1, size, size), line[None, :, None].expand(1, size, size)


def _local(kernel: Traits, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    cos, sin, scale = (_wide(t) for t in (kernel["angle"].cos(), kernel["angle"].sin(), kernel["scale"]))
    dx, dy = x - kernel["centre"][:, 0, None, None], y - kernel["centre"][:, 1, None, None]
    return (dx * cos + dy * sin) / scale, (dy * cos - dx * sin) / scale


def cover_inside(r: Tensor, pixel: float) -> Tensor:
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


def mixed(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    return first + share * (second - first)


def laid_over(below: Tensor, above: Tensor, cover: Tensor) -> Tensor:
    return below + cover * (above - below)
