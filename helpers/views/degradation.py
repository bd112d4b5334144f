"""How a picture loses its resolution: a camera with its own colours, blur, noise and JPEG, a whole batch at once.

A camera is drawn once; each picture that it takes then varies a little about it. Nothing here is ever shown to a method
that has to undo it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.errors import StudyError
from helpers.views.jpeg import jpeg
from helpers.views.resampling import uniform


@dataclass(frozen=True)
class Camera:
    """One degradation, random about fixed means.

    Attributes:
        factor: how many times smaller the picture becomes, along each side, >= 1.
        blur: standard deviations along and across the blur's direction, shares of a low-resolution pixel.
        direction: of the blur, radians.
        gain: factor of each colour, R, G, B.
        gamma: exponent of all colours, > 0; below 1 is brighter.
        noise: standard deviation of white noise after down-sampling, in units of the colour range [0, 1].
        quality: of JPEG, 1 to 100.
        vary: share by which each picture's blur, gain, noise and quality vary about these, 0 to 1.
    """

    factor: int
    blur: tuple[float, float]
    direction: float
    gain: tuple[float, float, float]
    gamma: float
    noise: float
    quality: float
    vary: float = 0.2

    def __post_init__(self) -> None:
        if self.factor < 1 or min(self.blur) < 0 or self.gamma <= 0 or min(self.gain) <= 0 or self.noise < 0:
            raise StudyError(f"camera: factor must be >= 1, blur and noise >= 0, gain and gamma > 0, not {self}")
        if not 1 <= self.quality <= 100 or not 0 <= self.vary < 1:
            raise StudyError(f"camera: quality is {self.quality} (1 to 100), vary {self.vary} (0 to below 1)")

    def __call__(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Low-resolution pictures: colour, blur, down-sampling by area, noise, JPEG.

        Args:
            images: (B, 3, H, W) float in [0, 1]; H and W are multiples of ``factor``.
            generator: source of randomness, on the CPU; the global one if None.

        Returns:
            (B, 3, H / factor, W / factor) float in [0, 1].
        """
        batch = len(images)
        gain = torch.tensor(self.gain) * (1 + 0.25 * self._around((batch, 3), generator))  # (B, 3)
        degraded = (images.clamp(0, 1) ** self.gamma * gain[..., None, None].to(images)).clamp(0, 1)
        sigma = torch.tensor(self.blur) * self.factor * (1 + self._around((batch, 2), generator))  # (B, 2), pixels
        degraded = blurred(degraded, sigma, self.direction + math.pi * self._around(batch, generator))
        small = shrunk(degraded, self.factor)
        level = self.noise * (1 + self._around(batch, generator))
        small = small + level[:, None, None, None].to(small) * torch.randn(small.shape, generator=generator).to(small)
        quality = (self.quality * (1 + self._around(batch, generator))).clamp(1, 100)
        return jpeg(small.clamp(0, 1), quality)

    def _around(self, shape: int | tuple[int, int], generator: torch.Generator | None) -> Tensor:
        return uniform(shape, -self.vary, self.vary, generator)


def draw_camera(factor: int, generator: torch.Generator, strength: float = 1.0) -> Camera:
    """A camera that nobody knows: every part of it drawn.

    Args:
        factor: of down-sampling, >= 1.
        generator: all that is drawn comes from it.
        strength: factor on how far the camera is from one that only averages pixels, 0 to 2; 1 is as designed.

    Returns:
        Blur of 0.2 to 0.7 low-resolution pixels along and 0.1 to 0.4 across a random direction, gains of 0.75 to 1.1
        with a colour cast of up to 8 %, gamma of 0.8 to 1.25, noise of 1 to 4 % and JPEG of quality 40 to 80.
    """
    if not 0 <= strength <= 2:
        raise StudyError(f"camera: strength is {strength}; it must be between 0 and 2")
    u = torch.rand(10, generator=generator).tolist()
    light = 1 - strength * (0.25 - 0.35 * u[0])
    cast = [1 + strength * 0.16 * (value - 0.5) for value in u[1:4]]
    red, green, blue = (max(0.1, light * c) for c in cast)
    return Camera(
        factor=factor,
        blur=(strength * (0.2 + 0.5 * u[4]), strength * (0.1 + 0.3 * u[5])),
        direction=math.pi * u[6],
        gain=(red, green, blue),
        gamma=math.exp(strength * (math.log(0.8) + u[7] * math.log(1.25 / 0.8))),
        noise=strength * (0.01 + 0.03 * u[8]),
        quality=max(1.0, 100 - strength * (20 + 40 * u[9])),
        vary=0.2 * strength,
    )


def shrunk(images: Tensor, factor: int) -> Tensor:
    """Means of ``factor`` × ``factor`` pixels, (B, C, H, W) → (B, C, H / factor, W / factor)."""
    if images.shape[-1] % factor or images.shape[-2] % factor:
        raise StudyError(f"pictures of {images.shape[-2]}×{images.shape[-1]} pixels cannot be shrunk by {factor}")
    return F.avg_pool2d(images, factor)


def enlarged(images: Tensor, size: int) -> Tensor:
    """Bicubic up-sampling to ``size`` × ``size`` pixels, within [0, 1]: the plainest super-resolution."""
    if images.shape[-1] == size:
        return images
    return F.interpolate(images, (size, size), mode="bicubic", align_corners=False).clamp(0, 1)


def blurred(images: Tensor, sigma: Tensor, direction: Tensor) -> Tensor:
    """Anisotropic Gaussian blur, each picture with its own kernel, edges repeated.

    Args:
        images: (B, C, H, W) float.
        sigma: (B, 2) standard deviations along and across the direction, pixels; 0 for none.
        direction: (B,) radians from the rows' direction.
    """
    radius = max(1, math.ceil(2.5 * float(sigma.max())))
    batch, channels = images.shape[:2]
    kernel = _kernels(sigma, direction, radius).to(images)  # (B, k, k)
    padded = F.pad(images.flatten(0, 1)[None], (radius,) * 4, mode="replicate")  # (1, B·C, H + 2r, W + 2r)
    weight = kernel.repeat_interleave(channels, 0)[:, None]  # (B·C, 1, k, k)
    return F.conv2d(padded, weight, groups=batch * channels).view_as(images)


def _kernels(sigma: Tensor, direction: Tensor, radius: int) -> Tensor:
    """Normalised Gaussian kernels, (B, 2r + 1, 2r + 1)."""
    at = torch.arange(-radius, radius + 1).float()
    y, x = torch.meshgrid(at, at, indexing="ij")
    cos, sin = direction.cos()[:, None, None], direction.sin()[:, None, None]
    along, across = x * cos + y * sin, y * cos - x * sin
    wide = sigma.clamp(min=1e-3)[..., None, None]  # (B, 2, 1, 1)
    kernel = torch.exp(-0.5 * ((along / wide[:, 0]) ** 2 + (across / wide[:, 1]) ** 2))
    kernel = torch.where(kernel < 1e-20, 0.0, kernel)
    return kernel / kernel.sum((1, 2), keepdim=True)
