"""Simulated subjects from a real brain: the MNI152 template, bent, recoloured and degraded, with exact tissue masks.

The recipe is SynthSeg's (Billot et al., Medical Image Analysis 86, 2023, arXiv 2107.09559): a smooth random deformation
of an anatomy with known tissues, a random intensity for each tissue, a bias field, noise and a random resolution. The
anatomy, ICBM152 2009a (Fonov et al., NeuroImage 54, 2011) with its grey- and white-matter maps, is carried by nilearn.
All subjects thus share one anatomy: they differ as much as the deformations do, not as much as people.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.errors import StudyError

GENERATOR = "brains-4"
TISSUES = ("grey matter", "white matter")  # classes 1 and 2; 0 is everything else, fluid included
FIELD_OF_VIEW = 192.0  # mm, across and front to back; the brain is 145 × 181 mm
_TOP = 84.0  # mm of MNI space that the highest slice reaches
_FINE = 2  # the template's voxels are half as wide as the subjects'
_CHUNK = 12  # subjects at once; a part of the recipe, as noise is drawn by chunks
_COARSE = (4, 5, 5)  # control points of a deformation
_COARSE_BIAS = (3, 3, 3)


@dataclass(frozen=True)
class Brains:
    """Drawn subjects.

    Attributes:
        images: uint8 (n, 1, D, H, W); axes run up, to the front and to the right.
        masks: uint8 (n, D, H, W): 0 other, 1 grey matter, 2 white matter.
        contrast: intensity of white less grey matter, float32 (n,), in [-1, 1].
        spacing: of the voxels, mm, the same along every axis.
        affine: array index (d, h, w, 1) to MNI millimetres (right, front, up, 1), float64 (4, 4).
    """

    images: Tensor
    masks: Tensor
    contrast: Tensor
    spacing: float
    affine: Tensor


def draw_brains(
    subjects: int, depth: int = 32, size: int = 48, seed: int = 0, deformation: float = 6.0, inverted: float = 0.0,
    noise: float = 0.06,
) -> Brains:  # fmt: skip
    """Draw subjects, under 0.1 s each on one core at 32×48×48.

    Args:
        subjects: n >= 1.
        depth: slices, from the top of the brain down as far as they reach, >= 4.
        size: side of the slices, voxels, >= 16; a voxel is 192/size mm wide.
        seed: of the drawing.
        deformation: standard deviation of the control points' displacements, mm, in [0, 12].
        inverted: share of subjects that are brightest in fluid and darkest in white matter, as under T2 weighting,
            in [0, 1]; the others the other way round.
        noise: largest standard deviation of the noise, as a share of the intensity range.

    Raises:
        StudyError: an impossible size, or nilearn is not installed.
    """
    if subjects < 1 or depth < 4 or size < 16 or not 0 <= deformation <= 12 or not 0 <= inverted <= 1:
        raise StudyError(
            f"brains: {subjects} subjects of {depth}×{size}×{size} voxels, deformation {deformation:g} mm; give >= 1, "
            "depth >= 4, size >= 16, deformation 0 to 12, inverted 0 to 1"
        )
    spacing = FIELD_OF_VIEW / size
    fine = _template(depth * _FINE, size * _FINE, spacing / _FINE)
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for start in range(0, subjects, _CHUNK):
        parts.append(_drawn(fine, min(_CHUNK, subjects - start), spacing, deformation, inverted, noise, generator))
    images, masks, contrast = (torch.cat(part) for part in zip(*parts, strict=True))
    bottom = _TOP - spacing * depth
    affine = torch.zeros(4, 4, dtype=torch.float64)
    affine[2, 0] = affine[1, 1] = affine[0, 2] = spacing
    affine[:, 3] = torch.tensor([*_corner(size, spacing), bottom + spacing / 2, 1.0], dtype=torch.float64)
    return Brains(images, masks, contrast, spacing, affine)


def _corner(size: int, spacing: float) -> tuple[float, float]:
    """Right and front of the first voxel's centre, mm of MNI space; the brain's middle is at (0, −18)."""
    return -spacing * (size - 1) / 2, -18.0 - spacing * (size - 1) / 2


@lru_cache(maxsize=2)
def _template(depth: int, size: int, spacing: float) -> Tensor:
    """Fluid, grey, white and the T1 picture on a grid, float32 (4, depth, size, size) in [0, 1]."""
    maps = [_carried(kind) for kind in ("gm", "wm", "t1")]  # (R, A, S) each
    grey, white, t1 = (torch.from_numpy(array).permute(2, 1, 0)[None, None] for array, _ in maps)  # (1, 1, S, A, R)
    affine = maps[0][1]
    fluid = ((t1 > 0).float() - grey - white).clamp(0, 1)
    reach = max(1, round(spacing))  # voxels of 1 mm
    whole = torch.cat([fluid, grey, white, t1], dim=1)
    deep, high, wide = (count - count % reach for count in whole.shape[2:])
    whole = whole[..., :deep, :high, :wide]
    right, front = _corner(size, spacing)
    up = _TOP - spacing * depth + spacing / 2
    axes = []  # where the grid's points lie in the template, in grid_sample's −1 to 1
    for first, count, axis in ((up, depth, 2), (front, size, 1), (right, size, 0)):
        voxel = (first + spacing * torch.arange(count) - affine[axis, 3]) / affine[axis, axis]
        axes.append((2 * voxel + 1) / whole.shape[{2: 2, 1: 3, 0: 4}[axis]] - 1)
    up_at, front_at, right_at = torch.meshgrid(*axes, indexing="ij")
    grid = torch.stack([right_at, front_at, up_at], dim=-1)[None].float()
    return F.grid_sample(F.avg_pool3d(whole, reach), grid, align_corners=False)[0]  # no finer than the grid


def _carried(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """A map that nilearn carries, float32 (197, 233, 189) in [0, 1], and its affine."""
    import nibabel

    found = importlib.util.find_spec("nilearn")
    if found is None or found.origin is None:
        raise StudyError("the package nilearn, which carries the brain template, is not installed")
    file = Path(found.origin).parent / "datasets" / "data" / f"mni_icbm152_{kind}_tal_nlin_sym_09a_converted.nii.gz"
    if not file.is_file():
        raise StudyError(f"this nilearn does not carry {file.name}; install the version in requirements.lock")
    image = nibabel.load(file)
    return np.asarray(image.dataobj, dtype=np.float32) / 255, np.asarray(image.affine)


def _drawn(
    template: Tensor, count: int, spacing: float, deformation: float, inverted: float, noise: float,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Images, masks and contrasts of one chunk."""

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=generator)

    grid = _deformed_grid(template.shape, count, spacing, deformation, generator)
    maps = F.grid_sample(template[None].expand(count, -1, -1, -1, -1), grid, align_corners=False)  # (n, 4, D, H, W)
    tissue, (_, grey, white) = maps[:, :3], maps[:, :3].unbind(1)
    other = 1 - grey - white  # what is outside and fluid
    masks = ((grey > other) | (white > other)).to(torch.uint8) * (1 + (white > grey).to(torch.uint8))

    grey_mean, gap, fluid_gap = uniform(0.4, 0.7), uniform(0.12, 0.3), uniform(0.15, 0.35)
    way = torch.where(torch.rand(count, generator=generator) < inverted, -1.0, 1.0)  # T1: fluid < grey < white
    means = torch.stack([grey_mean - way * fluid_gap, grey_mean, grey_mean + way * gap], dim=1)
    usual = (template[:3] * template[3]).sum(dim=(1, 2, 3)) / template[:3].sum(dim=(1, 2, 3)).clamp(min=1e-6)
    texture = maps[:, 3] - (tissue * usual[:, None, None, None]).sum(1)  # what the real T1 adds to three flat tissues
    image = (tissue * means[:, :, None, None, None]).sum(1) + (way * uniform(0.2, 0.8))[:, None, None, None] * texture
    image = image * _smooth_field(image.shape[1:], _COARSE_BIAS, uniform(0.0, 0.15, 1), generator)[:, 0].exp()
    for axis in (1, 2, 3):
        image = _blurred(image, axis, uniform(0.0, 0.7))
    image = image[:, None]  # (n, 1, D, H, W)
    grain = torch.randn(image.shape, generator=generator) * uniform(0.2 * noise, noise, 1, 1, 1, 1)
    image = (image + grain).clamp(min=0)
    top = image.flatten(1).quantile(0.998, dim=1).clamp(min=1e-3)[:, None, None, None, None]
    return (255 * (image / top).clamp(0, 1)).round().to(torch.uint8), masks, means[:, 2] - means[:, 1]


def _deformed_grid(
    fine: torch.Size, count: int, spacing: float, deformation: float, generator: torch.Generator
) -> Tensor:
    """Where each voxel of each subject is taken from, (n, D, H, W, 3) in grid_sample's −1 to 1."""
    depth, height, width = (voxels // _FINE for voxels in fine[1:])
    half = torch.tensor([width, height, depth]) * spacing / 2  # mm from the middle to the edge
    turn = 0.12 * torch.randn(count, 3, generator=generator)  # radians
    scale = (1 + 0.07 * torch.randn(count, 3, generator=generator)).clamp(0.8, 1.25)
    shift = 3.0 * torch.randn(count, 3, generator=generator)  # mm
    skew = torch.zeros(count, 3, 3)
    for i, (a, b) in enumerate(((1, 2), (0, 2), (0, 1))):
        skew[:, a, b], skew[:, b, a] = -turn[:, i], turn[:, i]
    matrix = torch.linalg.matrix_exp(skew) * scale[:, None]  # of millimetres
    theta = torch.cat([matrix * half[None, None] / half[None, :, None], (shift / half)[..., None]], dim=2)  # (n, 3, 4)
    grid = F.affine_grid(theta, [count, 1, depth, height, width], align_corners=False)
    bend = _smooth_field((depth, height, width), _COARSE, torch.full((count, 1), deformation), generator, channels=3)
    return grid + (bend / half[None, :, None, None, None]).permute(0, 2, 3, 4, 1)


def _smooth_field(
    shape: torch.Size | tuple[int, ...], coarse: tuple[int, int, int], scale: Tensor, generator: torch.Generator,
    channels: int = 1,
) -> Tensor:  # fmt: skip
    """Noise on a coarse grid of control points times ``scale`` (n, 1), interpolated, (n, channels, D, H, W)."""
    points = torch.randn(len(scale), channels, *coarse, generator=generator) * scale[:, :, None, None, None]
    return F.interpolate(points, size=tuple(shape), mode="trilinear", align_corners=True)


def _blurred(volumes: Tensor, axis: int, sigma: Tensor) -> Tensor:
    """Gaussian blur of volumes (n, D, H, W) along one axis, each with its own standard deviation (n,), voxels."""
    at = torch.arange(volumes.shape[axis], dtype=torch.float32)
    weight = torch.exp(-0.5 * ((at[:, None] - at) / sigma.clamp(min=0.05)[:, None, None]) ** 2)
    weight = torch.where(weight < 1e-6, 0.0, weight)  # denormals are slow
    weight = weight / weight.sum(-1, keepdim=True)  # (n, L, L)
    moved = volumes.movedim(axis, -1)
    return (moved.flatten(1, 2) @ weight.mT).reshape(moved.shape).movedim(-1, axis)
