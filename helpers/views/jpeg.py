"""What JPEG compression does to pictures, on tensors: a batch at once, without writing a file."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.errors import StudyError

# ITU-T T.81 (1992), tables K.1 and K.2.
_LUMA = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
_CHROMA = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99, *(99,) * 32,
)  # fmt: skip
# JFIF 1.02: Y, Cb, Cr from R, G, B.
_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


def jpeg(images: Tensor, quality: Tensor) -> Tensor:
    """Pictures after JPEG compression without chroma subsampling.

    Colours are turned to YCbCr; each block of 8 × 8 pixels is transformed (DCT), divided by the standard's tables at
    the Independent JPEG Group's scale for the quality, rounded and taken back. Sides that 8 does not divide are padded
    by repeating the edge.

    Args:
        images: (B, 3, H, W) float in [0, 1].
        quality: (B,) 1 to 100, each picture's own.

    Returns:
        (B, 3, H, W) float in [0, 1], in steps of 1/255 as a decoder gives them.
    """
    if images.ndim != 4 or images.shape[1] != 3:
        raise StudyError(f"jpeg: expected pictures of shape (B, 3, H, W), got {tuple(images.shape)}")
    height, width = images.shape[2:]
    to_ycc = images.new_tensor(_TO_YCC)
    ycc = torch.einsum("kc,bchw->bkhw", to_ycc, (255 * images).round())
    ycc = ycc - images.new_tensor([128.0, 0.0, 0.0])[:, None, None]
    padded = F.pad(ycc.round(), (0, -width % 8, 0, -height % 8), mode="replicate")
    blocks = padded.unfold(2, 8, 8).unfold(3, 8, 8)  # (B, 3, H/8, W/8, 8, 8)
    dct = _dct().to(images)
    table = _tables(quality).to(images)[:, :, None, None]  # (B, 3, 1, 1, 8, 8)
    kept = dct.T @ ((dct @ blocks @ dct.T / table).round() * table) @ dct
    whole = kept.permute(0, 1, 2, 4, 3, 5).reshape_as(padded)[:, :, :height, :width]
    whole = whole + images.new_tensor([128.0, 0.0, 0.0])[:, None, None]
    rgb = torch.einsum("ck,bkhw->bchw", torch.linalg.inv(to_ycc), whole)
    return rgb.round().clamp(0, 255) / 255


def _tables(quality: Tensor) -> Tensor:
    """Quantisation tables at a quality, (B, 3, 8, 8), whole numbers from 1 to 255."""
    q = quality.round().clamp(1, 100)
    scale = torch.where(q < 50, (5000 / q).floor(), 200 - 2 * q)[:, None, None]  # (B, 1, 1)
    standard = torch.tensor([_LUMA, _CHROMA, _CHROMA]).float()  # (3, 64)
    return ((standard * scale + 50) / 100).floor().clamp(1, 255).unflatten(-1, (8, 8))


def _dct() -> Tensor:
    """The orthonormal DCT-II of 8 values, (8, 8)."""
    at = torch.arange(8).float()
    rows = torch.cos(math.pi * at[:, None] * (2 * at + 1) / 16) / 2
    rows[0] /= math.sqrt(2)
    return rows
