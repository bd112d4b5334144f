"""Finding the styles that draw a given small picture, and going between styles found in two ways.

Every search is over a whole batch of pictures at once: each picture's loss depends on its own styles alone, and Adam
scales each number by itself, so that a picture's result does not depend on what stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.networks.style_generator import Mapping, StyleGenerator
from helpers.views.degradation import shrunk

Degrade = Callable[[Tensor], Tensor]  # middle resolution (B, 3, m, m) → low (B, 3, l, l)


@dataclass(frozen=True)
class Bank:
    """Styles drawn from a prior, and what they draw: where searches start.

    Attributes:
        styles: (K, D).
        pictures: (K, 3, side, side) in [0, 1].
    """

    styles: Tensor
    pictures: Tensor

    def nearest(self, targets: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """The k styles whose pictures, shrunk to the targets' size, are nearest by mean squared error.

        Args:
            targets: (B, 3, s, s).
            k: >= 1.

        Returns:
            Errors, (B, k), smallest first, and positions in the bank, int64 (B, k).
        """
        small = shrunk(self.pictures, self.pictures.shape[-1] // targets.shape[-1]).flatten(1)
        errors = torch.cdist(targets.flatten(1), small).square() / small.shape[1]
        found = errors.topk(k, dim=1, largest=False)
        return found.values, found.indices

    def between(self, targets: Tensor, k: int) -> Tensor:
        """The weighted mean style of the k nearest, (B, D); weights fall with the error, over the least one."""
        errors, at = self.nearest(targets, k)
        weights = torch.softmax(-2 * errors / errors[:, :1].clamp(min=1e-8), dim=1)
        return (weights[..., None] * self.styles[at]).sum(1)


@torch.no_grad()
def draw_bank(mapping: Mapping, generator: StyleGenerator, count: int, truncation: float, seed: int) -> Bank:
    """``count`` styles of the prior under a truncation, drawn in small batches."""
    device = generator.constant.device
    z = torch.randn(count, mapping.size, generator=torch.Generator().manual_seed(seed)).to(device)
    styles = generator.truncated(mapping(z), truncation)
    pictures = torch.cat([generator(part).clamp(0, 1) for part in styles.split(64)])
    return Bank(styles, pictures)


@dataclass(frozen=True)
class SearchSettings:
    """How styles are searched.

    Attributes:
        steps: of Adam, >= 1.
        learning_rate: at the start; it falls to 0 by a cosine.
        low_weight: of the error at low resolution, under the learned degradation.
        prior_weight: of the styles' squared length, each dimension in units of the bank's standard deviation.
        apart_weight: of the variance of a picture's styles over layers, same units.
        geodesic_weight: of PULSE's cross loss.
    """

    steps: int = 60
    learning_rate: float = 0.1
    low_weight: float = 1.0
    prior_weight: float = 2e-3
    apart_weight: float = 2e-3
    geodesic_weight: float = 1e-3


def search(
    generator: StyleGenerator, bank: Bank, middle: Tensor, low: Tensor, degrade: Degrade | None, s: SearchSettings
) -> tuple[Tensor, list[float]]:
    """Styles, one a layer, whose picture gives the middle resolution back, and through the camera the low one.

    Minimises ‖↓G(w) − m‖² + λ‖C(↓G(w)) − l‖² + the prior's terms over w, from the nearest style of the bank.

    Args:
        generator: in evaluation mode; its weights are not changed.
        bank: of the prior.
        middle: m, (B, 3, side, side).
        low: l, (B, 3, side', side').
        degrade: C, the learned camera; None leaves its term out.
        s: settings.

    Returns:
        Styles (B, L, D), and the mean loss at each step.
    """
    start = bank.styles[bank.nearest(middle, 1)[1][:, 0]]  # (B, D)
    centre, spread = bank.styles.mean(0), bank.styles.std(0).clamp(min=1e-3)
    factor = generator.side // middle.shape[-1]
    offset = torch.zeros(len(start), generator.layers, start.shape[1], device=start.device, requires_grad=True)

    def loss_of(offset: Tensor) -> Tensor:
        at = (start - centre)[:, None] / spread + offset  # (B, L, D) in standard deviations
        small = shrunk(generator(centre + spread * at), factor)
        loss = 100 * _error(small, middle)
        if degrade is not None:
            loss = loss + 100 * s.low_weight * _error(degrade(small), low)
        loss = loss + s.prior_weight * at.square().sum(-1).mean(1)
        return loss + s.apart_weight * at.var(1, unbiased=False).sum(-1)

    losses = _descend(loss_of, offset, s, lambda: None)
    found = start[:, None] + spread * offset.detach()
    return found, losses


def pulse_search(
    generator: StyleGenerator, mapping: Mapping, low: Tensor, s: SearchSettings, candidates: int, seed: int
) -> tuple[Tensor, list[float]]:
    """Styles found from the low resolution alone, by PULSE's principle.

    Menon et al., *PULSE: Self-Supervised Photo Upsampling via Latent Space Exploration of Generative Models*, CVPR
    2020: one z a layer, each kept on the sphere of radius √D, minimises ‖↓G(f(z)) − l‖² + geodesic cross loss, with ↓
    the plain mean over blocks of pixels. As the other search it starts from the best of ``candidates`` draws.

    Returns:
        Styles (B, L, D), and the mean loss at each step.
    """
    drawn = torch.randn(candidates, mapping.size, generator=torch.Generator().manual_seed(seed)).to(low.device)
    with torch.no_grad():
        bank = Bank(drawn, torch.cat([generator(mapping(part)).clamp(0, 1) for part in drawn.split(64)]))
    start = bank.styles[bank.nearest(low, 1)[1][:, 0]]
    z = on_sphere(start[:, None].repeat(1, generator.layers, 1)).requires_grad_()
    factor = generator.side // low.shape[-1]

    def loss_of(z: Tensor) -> Tensor:
        small = shrunk(generator(mapping(on_sphere(z))), factor)
        return 100 * _error(small, low) + s.geodesic_weight * geodesic_cross(z)

    def back() -> None:
        with torch.no_grad():
            z.copy_(on_sphere(z))

    losses = _descend(loss_of, z, s, back)
    with torch.no_grad():
        return mapping(z), losses


def interpolated(found: Tensor, other: Tensor, share: Tensor) -> Tensor:
    """Per layer l: (1 − α_l)·found_l + α_l·other, (B, L, D).

    Args:
        found: (B, L, D).
        other: (B, D).
        share: α, (L,) in [0, 1].
    """
    return found + share[:, None].to(found) * (other[:, None] - found)


def on_sphere(z: Tensor) -> Tensor:
    """z at length √D, (…, D): where a standard normal's mass lies."""
    return F.normalize(z, dim=-1) * z.shape[-1] ** 0.5


def geodesic_cross(z: Tensor) -> Tensor:
    """Sum over pairs of layers of the squared angle between their z, (B, L, D) → (B,) (PULSE, eq. 7)."""
    unit = F.normalize(z, dim=-1)
    cosine = (unit @ unit.mT).clamp(-1 + 1e-6, 1 - 1e-6)
    above = torch.triu(torch.ones(z.shape[1], z.shape[1], dtype=torch.bool, device=z.device), 1)
    return torch.where(above, cosine.acos().square(), 0.0).sum((1, 2))


def _descend(
    loss_of: Callable[[Tensor], Tensor], at: Tensor, s: SearchSettings, back: Callable[[], None]
) -> list[float]:
    adam = torch.optim.Adam([at], lr=s.learning_rate)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(adam, s.steps)
    losses = []
    for _ in range(s.steps):
        adam.zero_grad()
        loss = loss_of(at)  # (B,)
        loss.sum().backward()
        adam.step()
        falling.step()
        back()
        losses.append(float(loss.detach().mean()))
    return losses


def _error(made: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared error a picture, (B,)."""
    return (made - wanted).square().mean((1, 2, 3))
