"""Where in an image an encoder's features come from, and whether that is where it should be."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from helpers.errors import StudyError

LEAST_SIDE = 5  # positions a side that a feature map needs to say where something is


def saliency_maps(
    encoder: nn.Module, images: Tensor, score: Callable[[Tensor], Tensor], least_side: int = LEAST_SIDE
) -> Tensor:
    r"""Grad-CAM-like maps: gradient times activation, summed over channels, where positive.

    .. math:: S = \mathrm{ReLU}\Big(\sum_k \frac{\partial y}{\partial A^k} \odot A^k\Big)

    Grad-CAM (Selvaraju et al., ICCV 2017) averages the gradient over the map first; element by element (HiResCAM,
    Draelos & Carin 2020) it is exact for a network whose following layer weighs positions apart, as small encoders'
    do. A is the last feature map of at least ``least_side`` positions a side.

    Args:
        encoder: images to features (B, D); it is evaluated, not changed.
        images: (B, C, H, W).
        score: features (B, D) to a score a sample, (B,): what is asked about.

    Returns:
        Maps at the images' size, bilinear, float (B, H, W), >= 0; 0 everywhere where nothing speaks for the score.

    Raises:
        StudyError: the encoder has no feature map so large.
    """
    modes = [(module, module.training) for module in encoder.modules()]
    encoder.eval()
    try:
        with torch.enable_grad(), _LastMap(encoder, least_side) as kept:
            y = score(encoder(images.detach().requires_grad_()))
            if not kept:
                raise StudyError(f"the encoder has no feature map of {least_side} positions a side; enlarge the images")
            (gradient,) = torch.autograd.grad(y.sum(), kept[-1])
    finally:
        for module, training in modes:
            module.training = training
    found = (gradient * kept[-1]).sum(1, keepdim=True).relu().detach()
    return nn.functional.interpolate(found.float(), images.shape[-2:], mode="bilinear", align_corners=False)[:, 0]


class _LastMap:
    """Keeps a copy of the last leaf module's output that is a map large enough, while the encoder runs."""

    def __init__(self, encoder: nn.Module, least_side: int) -> None:
        self.kept: list[Tensor] = []
        self._least = least_side
        leaves = [module for module in encoder.modules() if not list(module.children())]
        self._handles = [leaf.register_forward_hook(self._keep) for leaf in leaves]

    def _keep(self, module: nn.Module, given: object, out: object) -> Tensor | None:
        if not isinstance(out, Tensor) or out.ndim != 4 or min(out.shape[-2:]) < self._least:
            return None
        if not out.requires_grad:
            return None
        copied = out.clone()  # a later layer that works in place must not change what is kept
        self.kept[:] = [copied]
        return copied

    def __enter__(self) -> list[Tensor]:
        return self.kept

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()


def peaks(maps: Tensor) -> Tensor:
    """Row and column of each map's largest value, int64 (B, 2); the first of several."""
    flat = maps.flatten(1).argmax(1)
    return torch.stack([flat // maps.shape[-1], flat % maps.shape[-1]], dim=1)


def grown(masks: Tensor, tolerance: int) -> Tensor:
    """Masks (B, H, W), 0 or 1, with all that lies within so many pixels (in a square) of them."""
    if tolerance == 0:
        return masks
    return nn.functional.max_pool2d(masks[:, None], 2 * tolerance + 1, 1, tolerance)[:, 0]


def pointing_game(maps: Tensor, targets: Tensor, objects: Tensor, tolerance: int = 0) -> dict[str, Tensor]:
    """Whether each map's peak lies on its target, and how often chance would (Zhang et al., ECCV 2016, section 4).

    Args:
        maps: (B, H, W).
        targets: masks of the same images, (B, H, W), 0 or 1.
        objects: masks of the whole objects, (B, H, W).
        tolerance: pixels by which targets are grown, alike for hits and for chance.

    Returns:
        Float (B,) each: ``hit`` 0 or 1; ``picture_chance``, the target's share of the picture; ``object_chance``, the
        share of the object that it covers, what a peak falling anywhere on the object would reach; ``other_chance``,
        how often the peaks of the other images' maps would hit, which knows where in a picture targets usually lie.
        A map that is 0 everywhere has no peak: its hit is its ``picture_chance``.
    """
    target = grown(targets, tolerance)
    at = peaks(maps)
    silent = maps.flatten(1).amax(1) <= 0
    picture = target.flatten(1).mean(1)
    hit = torch.where(silent, picture, target[torch.arange(len(maps)), at[:, 0], at[:, 1]])
    inside = (target * objects).flatten(1).sum(1) / objects.flatten(1).sum(1).clamp_min(1)
    all_hits = target[:, at[:, 0], at[:, 1]]  # (images, peaks)
    all_hits = torch.where(silent[None], picture[:, None], all_hits)
    others = (all_hits.sum(1) - all_hits.diagonal()) / max(1, len(maps) - 1)
    return {"hit": hit, "picture_chance": picture, "object_chance": inside, "other_chance": others}
