"""One grid for all volumes of a corpus: same axes, same spacing, same shape; and back to each volume's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.data.corpora.volume_files import Header, Volume

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Grid:
    """Where voxels of all volumes lie.

    Attributes:
        shape: (D, H, W), voxels; axes run up, to the front and to the right of the patient (axial slices).
        spacing: mm, the same along every axis.
    """

    shape: Shape
    spacing: float


def canonical(volume: Volume) -> Volume:
    """The same volume with its axes turned and swapped so that they run up, to the front, to the right.

    Voxels are not interpolated; what is oblique stays oblique, in the affine.
    """
    axes, flips = _turns(volume.affine)
    array, affine = volume.array, volume.affine.copy()
    for axis, flipped in enumerate(flips):
        if flipped:
            affine[:, 3] += affine[:, axis] * (array.shape[axis] - 1)
            affine[:, axis] *= -1
            array = np.flip(array, axis)
    return Volume(array.transpose(axes), affine[:, [*axes, 3]])


def _turns(affine: np.ndarray) -> tuple[tuple[int, int, int], tuple[bool, bool, bool]]:
    """Which array axis runs up, to the front and to the right, and which axes run the other way."""
    from nibabel.orientations import io_orientation

    found = io_orientation(affine)  # (array axis) -> world axis, direction
    axes = [int(np.flatnonzero(found[:, 0] == world)[0]) for world in (2, 1, 0)]
    return (axes[0], axes[1], axes[2]), (found[0, 1] < 0, found[1, 1] < 0, found[2, 1] < 0)


def fitting_spacing(headers: Sequence[Header], shape: Shape) -> float:
    """The finest spacing, mm, at which every volume lies whole on a grid of that shape; none finer than the files' own.

    "Their own" is the median over volumes of the finest of the three spacings.
    """
    needed, own = 0.0, []
    for header in headers:
        axes, _ = _turns(header.affine)
        spacing = np.linalg.norm(header.affine[:3, :3], axis=0)
        extent = np.array(header.shape[:3]) * spacing
        needed = max(needed, *(extent[axis] / count for axis, count in zip(axes, shape, strict=True)))
        own.append(spacing.min())
    return float(max(needed, np.median(own)))


def to_grid(volume: Volume, grid: Grid, classes: Sequence[int] = ()) -> tuple[Tensor, np.ndarray]:
    """A volume on the grid: axes turned, resampled, padded and cropped about its middle.

    Shrinking averages, growing interpolates linearly (labels: by the nearest). Of labels each class is resampled on its
    own and a voxel goes to the class that covers most of it.

    Args:
        volume: intensities, or labels where ``classes`` are given.
        grid: to lay it on.
        classes: the label values, background first.

    Returns:
        float32 (D, H, W) intensities, the volume's smallest where there is nothing; or the position of each voxel's
        label in ``classes``, int64 (D, H, W), 0 where there is nothing. And the affine of the result, index (d, h, w,
        1) to millimetres.
    """
    turned = canonical(volume)
    before = turned.array.shape
    between = tuple(max(1, round(n * s / grid.spacing)) for n, s in zip(before, turned.spacing, strict=True))
    array = np.ascontiguousarray(turned.array)
    if classes:
        parts = torch.stack([_resampled(torch.from_numpy((array == value).astype(np.float32)), between, "nearest-exact")
                             for value in classes])  # fmt: skip
        values, empty = parts.argmax(dim=0), 0.0
    else:
        finite = np.nan_to_num(array.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        values = _resampled(torch.from_numpy(finite), between, "trilinear")
        empty = float(finite.min())
    factor = np.array(before) / np.array(between)
    first = [(have - want) // 2 for have, want in zip(between, grid.shape, strict=True)]  # < 0: padded
    step = np.eye(4)
    step[:3, :3] = np.diag(factor)
    step[:3, 3] = factor * first + (factor - 1) / 2
    return _framed(values, first, grid.shape, empty), turned.affine @ step


def from_grid(labels: Tensor, grid_affine: np.ndarray, header: Header) -> Volume:
    """Labels on a corpus's grid back on the voxels of a volume's own file, its orientation and affine included.

    The inverse of :func:`to_grid` up to the resolution of the grid: each voxel takes the label of the grid voxel that
    it lies in, 0 outside of the grid.

    Args:
        labels: (D, H, W) integers.
        grid_affine: that :func:`to_grid` returned for this volume.
        header: of the volume's file.
    """
    shape = header.shape[:3]
    across = np.linalg.inv(grid_affine) @ header.affine  # file index -> grid index
    index = np.indices(shape).reshape(3, -1)
    at = np.rint(across[:3, :3] @ index + across[:3, 3:]).astype(np.int64)  # (3, voxels)
    inside = ((at >= 0) & (at < np.array(labels.shape)[:, None])).all(axis=0)
    found = np.zeros(index.shape[1], dtype=np.uint8)
    found[inside] = labels.numpy()[tuple(at[:, inside])]
    return Volume(found.reshape(shape), header.affine)


def _resampled(values: Tensor, shape: tuple[int, ...], growing: str) -> Tensor:
    """(D, H, W) float32 to another shape over the same extent; ``growing``: F.interpolate's mode."""
    depth, height, width = (min(have, want) for have, want in zip(values.shape, shape, strict=True))
    smaller = (depth, height, width)
    values = (
        F.adaptive_avg_pool3d(values[None, None], smaller) if smaller != tuple(values.shape) else values[None, None]
    )
    if smaller != tuple(shape):
        values = F.interpolate(values, size=shape, mode=growing)  # half-pixel centres in both modes
    return values[0, 0]


def _framed(values: Tensor, first: list[int], shape: Shape, empty: float) -> Tensor:
    """Padded and cropped so that voxel 0 of the result is voxel ``first`` of ``values``."""
    framed = torch.full(shape, empty, dtype=values.dtype)
    to, taken = [], []
    for start, want, have in zip(first, shape, values.shape, strict=True):
        low, high = max(start, 0), min(start + want, have)
        taken.append(slice(low, high))
        to.append(slice(low - start, high - start))
    framed[tuple(to)] = values[tuple(taken)]
    return framed
