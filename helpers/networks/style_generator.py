"""A generator that is told what to draw by a style at every layer: mapping, modulation, noise, truncation.

Karras et al., *Analyzing and Improving the Image Quality of StyleGAN*, CVPR 2020 (StyleGAN2), in its "skip" form, at
any number of channels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.errors import StudyError

_MOST_BASE = 64  # pixels a side of a linear base
_FIR = (0.25, 0.75, 0.75, 0.25)  # [1, 3, 3, 1] / 8, twice: up-sampling by zeros halves the values


class EqualLinear(nn.Module):
    """A linear layer with the learning rate equalised: weights of unit variance, scaled when used (Karras et al. 2018).

    Args:
        before, after: sizes.
        bias: start value of the bias.
        rate: learning-rate multiplier λ: weights are stored 1/λ times as large and scaled by λ.
        activate: whether a leaky ReLU of slope 0.2 and gain √2 follows.
    """

    def __init__(self, before: int, after: int, bias: float = 0.0, rate: float = 1.0, activate: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before) / rate)
        self.bias = nn.Parameter(torch.full((after,), bias))
        self.scale, self.rate, self.activate = rate / math.sqrt(before), rate, activate

    def forward(self, x: Tensor) -> Tensor:
        out = F.linear(x, self.weight * self.scale, self.bias * self.rate)
        return F.leaky_relu(out, 0.2) * math.sqrt(2) if self.activate else out


class Mapping(nn.Module):
    """z → w: z brought to length √D, then fully connected layers (B, D) → (B, D).

    Args:
        size: D, of z and w.
        layers: >= 1.
        rate: learning-rate multiplier; StyleGAN2's is 0.01.
    """

    def __init__(self, size: int, layers: int = 4, rate: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.layers = nn.Sequential(*(EqualLinear(size, size, rate=rate, activate=True) for _ in range(layers)))

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z * torch.rsqrt(z.square().mean(-1, keepdim=True) + 1e-8))


class ModulatedConvolution(nn.Module):
    """A convolution whose weights each sample scales by its style, and that keeps the activations' scale.

    StyleGAN2, eq. 1 and 3: w'_ijk = s_i·w_ijk, w''_ijk = w'_ijk / √(Σ_ik w'_ijk² + ε). Computed for the whole batch at
    once as: scale the input's channels by s, convolve with the shared w, scale the output's channels by the root above.

    Args:
        before, after: channels.
        kernel: side, odd.
        style: size of w.
        demodulate: whether the second equation is applied.
        up: whether the output is twice as large (by zeros, then the filter [1, 3, 3, 1]).
    """

    def __init__(
        self, before: int, after: int, kernel: int, style: int, demodulate: bool = True, up: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before, kernel, kernel))
        self.affine = EqualLinear(style, before, bias=1.0)
        self.scale = 1 / math.sqrt(before * kernel**2)
        self.demodulate, self.up = demodulate, up

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Features (B, before, H, W) under styles (B, style) → (B, after, H or 2H, W or 2W)."""
        x, demodulation = self.parts(x, w)
        return x if demodulation is None else x * demodulation

    def parts(self, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor | None]:
        """The convolution before demodulation, and the factor (B, after, 1, 1) of each of its channels, if any."""
        style = self.affine(w)  # (B, before): s
        weight = self.weight * self.scale
        x = x * style[..., None, None]
        if self.up:
            x = F.pixel_shuffle(F.conv2d(x, up_weights(weight), padding=1), 2)
        else:
            x = F.conv2d(x, weight, padding=weight.shape[-1] // 2)
        if not self.demodulate:
            return x, None
        total = style.square() @ weight.square().sum((2, 3)).T  # (B, after): Σ_ik (s_i·w_ijk)²
        return x, torch.rsqrt(total + 1e-8)[..., None, None]


def up_weights(weight: Tensor) -> Tensor:
    """Weights of up-sampling in one go, for `pixel_shuffle` after a convolution of padding 1.

    A transposed convolution of stride 2 with a 3×3 kernel and then the 4×4 filter is one with their 6×6 convolution; of
    that, each of the four kinds of output pixel sees 3×3 taps.

    Args:
        weight: (after, before, 3, 3).

    Returns:
        (4·after, before, 3, 3).
    """
    after, before = weight.shape[:2]
    line = weight.new_tensor(_FIR)
    wide = F.conv2d(weight.flatten(0, 1)[:, None], torch.outer(line, line)[None, None], padding=3)  # (…, 1, 6, 6)
    phases = wide.view(after, before, 3, 2, 3, 2).flip(2, 4)  # taps 4, 2, 0 of even and 5, 3, 1 of odd pixels
    return phases.permute(0, 3, 5, 1, 2, 4).reshape(4 * after, before, 3, 3)


def doubled(x: Tensor) -> Tensor:
    """Twice the size by zeros and the filter [1, 3, 3, 1], (B, C, H, W) → (B, C, 2H, 2W)."""
    line = x.new_tensor(_FIR)
    kernel = torch.outer(line, line).expand(x.shape[1], 1, 4, 4)
    return F.conv_transpose2d(x, kernel, stride=2, padding=1, groups=x.shape[1])


class StyledLayer(nn.Module):
    """Modulated convolution, noise with a learned strength, bias, leaky ReLU of slope 0.2 and gain √2."""

    def __init__(self, before: int, after: int, style: int, side: int, up: bool = False) -> None:
        super().__init__()
        self.convolution = ModulatedConvolution(before, after, 3, style, up=up)
        self.strength = nn.Parameter(torch.zeros(1))
        self.bias = nn.Parameter(torch.zeros(after))
        self.register_buffer("fixed_noise", torch.randn(1, 1, side, side))

    def forward(self, x: Tensor, w: Tensor, random_noise: bool) -> Tensor:
        x, demodulation = self.convolution.parts(x, w)
        assert demodulation is not None
        fixed: Tensor = self.get_buffer("fixed_noise")
        noise = torch.randn(len(x), 1, *x.shape[2:], device=x.device) if random_noise else fixed
        gain = math.sqrt(2)  # within the ReLU, which it commutes with
        added = gain * (self.strength * noise + self.bias[:, None, None])
        return F.leaky_relu_(torch.addcmul(added, x, gain * demodulation), 0.2)


class ToColour(nn.Module):
    """Features to R, G, B under a style: 1×1, not demodulated."""

    def __init__(self, before: int, style: int) -> None:
        super().__init__()
        self.convolution = ModulatedConvolution(before, 3, 1, style, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        return self.convolution(x, w) + self.bias[:, None, None]


class StyleGenerator(nn.Module):
    """Styles → pictures.

    Args:
        channels: at 4, 8, 16 … pixels a side; their number sets the picture's side.
        style: size of w.
        base: whether a linear picture of the first layer's style is added (eigenfaces; not in StyleGAN2). It is 0 until
            :meth:`set_base`, and is not trained.

    Attributes:
        side: of the pictures, pixels.
        layers: L, styles that a picture takes: one a convolution, the colours of the last resolution one more.
    """

    def __init__(self, channels: Sequence[int], style: int, base: bool = False) -> None:
        super().__init__()
        if len(channels) < 2:
            raise StudyError("a style-based generator needs channels for at least 4 and 8 pixels")
        self.side, self.style = 2 ** (1 + len(channels)), style
        self.constant = nn.Parameter(torch.randn(1, channels[0], 4, 4))
        self.first = StyledLayer(channels[0], channels[0], style, 4)
        self.first_colour = ToColour(channels[0], style)
        self.ups, self.stays, self.colours = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for i in range(1, len(channels)):
            side = 2 ** (2 + i)
            self.ups.append(StyledLayer(channels[i - 1], channels[i], style, side, up=True))
            self.stays.append(StyledLayer(channels[i], channels[i], style, side))
            self.colours.append(ToColour(channels[i], style))
        self.layers = 2 * len(channels)
        self.register_buffer("mean_style", torch.zeros(style))
        self.base_side = min(self.side, _MOST_BASE) if base else 0
        self.register_buffer("base_mean", torch.zeros(3 * self.base_side**2))
        self.register_buffer("base_slopes", torch.zeros(style, 3 * self.base_side**2))

    def forward(self, w: Tensor, random_noise: bool = False, side: int | None = None) -> Tensor:
        """Pictures (B, 3, side, side), about [0, 1] (not clipped).

        Args:
            w: (B, D), one style for all layers, or (B, L, D), one a layer.
            random_noise: fresh noise at every layer; else the generator's fixed one.
            side: at which drawing ends, pixels: the colours of all layers up to there; the whole picture's if None.
        """
        if w.ndim == 2:
            w = w[:, None].expand(-1, self.layers, -1)
        x = self.first(self.constant.expand(len(w), -1, -1, -1), w[:, 0], random_noise)
        colour = self.first_colour(x, w[:, 1])
        blocks = zip(self.ups, self.stays, self.colours, strict=True)
        for i, (up, stay, to_colour) in enumerate(blocks):
            if colour.shape[-1] == side:
                break
            x = up(x, w[:, 2 * i + 1], random_noise)
            x = stay(x, w[:, 2 * i + 2], random_noise)
            colour = doubled(colour) + to_colour(x, w[:, 2 * i + 3])
        if not self.base_side:
            return (colour + 1) / 2
        return colour / 2 + self._base(w[:, 0], colour.shape[-1])

    @torch.no_grad()
    def set_base(self, styles: Tensor, pictures: Tensor) -> None:
        """Make the base the least-squares picture of a style.

        Args:
            styles: (n, D), uncorrelated, of mean 0 and variance 1, as :class:`.principal_codes.PrincipalCodes` gives.
            pictures: of these styles, (n, 3, side, side).
        """
        flat = F.adaptive_avg_pool2d(pictures, self.base_side).flatten(1)
        self.get_buffer("base_mean").copy_(flat.mean(0))
        self.get_buffer("base_slopes").copy_(styles.T @ (flat - flat.mean(0)) / len(flat))

    def _base(self, style: Tensor, side: int) -> Tensor:
        flat = self.get_buffer("base_mean") + style @ self.get_buffer("base_slopes")
        pictures = flat.view(len(style), 3, self.base_side, self.base_side)
        if side <= self.base_side:
            return F.avg_pool2d(pictures, self.base_side // side)
        return F.interpolate(pictures, (side, side), mode="bilinear", align_corners=False)

    def truncated(self, w: Tensor, truncation: float) -> Tensor:
        """w̄ + ψ(w − w̄): at ψ = 0 the mean style, at 1 the style itself (Karras et al., CVPR 2019, §B)."""
        mean: Tensor = self.get_buffer("mean_style")
        return mean + truncation * (w - mean)

    def layers_up_to(self, side: int) -> int:
        """How many of the first styles bear on resolutions up to ``side`` pixels."""
        return min(self.layers, 2 * int(math.log2(side)) - 2)
