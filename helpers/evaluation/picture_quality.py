"""How near a picture is to the truth: error, structure, colour; and how near a set of pictures is to another."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


def psnr(made: Tensor, truth: Tensor) -> Tensor:
    """Peak signal-to-noise ratio, 10·log10(1 / mean squared error), dB; at most 100.

    Args:
        made, truth: (B, C, H, W) in [0, 1].

    Returns:
        (B,).
    """
    error = (made - truth).square().mean((1, 2, 3))
    return -10 * torch.log10(error.clamp(min=1e-10))


def ssim(made: Tensor, truth: Tensor, sigma: float = 1.5) -> Tensor:
    """Structural similarity, mean over pixels whose window lies inside, and over channels, (B,) in [−1, 1].

    Wang et al., *Image Quality Assessment: From Error Visibility to Structural Similarity*, IEEE TIP 13, 2004, eq. 13,
    with K1 = 0.01, K2 = 0.03 and a Gaussian window of 11 × 11.

    Args:
        made, truth: (B, C, H, W) in [0, 1], sides of at least 11 pixels.
        sigma: standard deviation of the window, pixels.
    """
    at = torch.arange(11).to(made) - 5
    line = torch.exp(-0.5 * (at / sigma) ** 2)
    line = line / line.sum()

    def windowed(x: Tensor) -> Tensor:
        flat = x.flatten(0, 1)[:, None]  # (B·C, 1, H, W)
        return F.conv2d(F.conv2d(flat, line[None, None, :, None]), line[None, None, None, :])

    a, b = windowed(made), windowed(truth)
    var_a, var_b = windowed(made**2) - a**2, windowed(truth**2) - b**2
    cov = windowed(made * truth) - a * b
    c1, c2 = 0.01**2, 0.03**2
    quality = (2 * a * b + c1) * (2 * cov + c2) / ((a**2 + b**2 + c1) * (var_a + var_b + c2))
    return quality.mean((1, 2, 3)).view(made.shape[:2]).mean(1)


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Fréchet distance of two clouds of features taken as Gaussian, ‖μa − μb‖² + tr(Σa + Σb − 2(ΣaΣb)^½).

    Heusel et al., *GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium*, NeurIPS 2017,
    eq. 6. With few samples it is too large; compare only values of equally many.

    Args:
        a, b: features, (n, D) and (m, D), n, m >= 2.
    """
    mean = np.square(a.mean(0) - b.mean(0)).sum()
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    return float(mean + np.trace(cov_a) + np.trace(cov_b) - 2 * _trace_of_root(cov_a, cov_b))


def _trace_of_root(a: np.ndarray, b: np.ndarray) -> float:
    """tr((ab)^½) of two covariances, by the symmetric a^½ b a^½, whose eigenvalues are ab's."""
    values, vectors = np.linalg.eigh(a)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    return float(np.sqrt(np.maximum(np.linalg.eigvalsh(root @ b @ root), 0)).sum())


def central_lab(pictures: Tensor) -> Tensor:
    """Mean colour of a face's middle (rows 40 to 70 %, columns 35 to 65 %) in CIELAB, D65, (B, 3).

    Args:
        pictures: sRGB (B, 3, H, W) in [0, 1].
    """
    height, width = pictures.shape[2:]
    middle = pictures[:, :, round(0.4 * height) : round(0.7 * height), round(0.35 * width) : round(0.65 * width)]
    return lab(middle.clamp(0, 1).mean((2, 3)))


def lab(colours: Tensor) -> Tensor:
    """sRGB (…, 3) in [0, 1] to CIELAB under D65 (IEC 61966-2-1; CIE 15:2004, eq. 8.3 to 8.6)."""
    linear = torch.where(colours <= 0.04045, colours / 12.92, ((colours.clamp(min=0) + 0.055) / 1.055) ** 2.4)
    to_xyz = colours.new_tensor(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    )
    xyz = linear @ to_xyz.T / colours.new_tensor([0.95047, 1.0, 1.08883])
    f = torch.where(xyz > (6 / 29) ** 3, xyz.clamp(min=1e-9) ** (1 / 3), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    return torch.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], dim=-1)


def colour_difference(made: Tensor, truth: Tensor) -> Tensor:
    """CIE 1976 colour difference ΔE of the faces' middles, (B,); about 2 is just noticeable."""
    return (central_lab(made) - central_lab(truth)).norm(dim=1)
