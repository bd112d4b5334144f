"""Attention over a line of tokens that looks at a few learned places instead of at all of them.

Xia et al., *Vision transformer with deformable attention*, CVPR 2022 (arXiv 2201.00520), in one dimension, as Nguyen et
al. (AAAI 2023, arXiv 2212.01893) use it over the slices of a volume.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DeformableAttention(nn.Module):
    """Queries at every token; keys and values at every ``stride``-th place, each moved by a learned offset.

    With n = ⌊(T + 2p − k)/r⌋ + 1 places at ``(j + ½)·r − ½`` (r the stride, k the offset kernel, p = ⌊(k − r)/2⌋),
    each group of heads has offsets of its own, ``offset_scale · r · tanh(·)`` tokens at most. Features between two
    tokens are interpolated linearly; places outside the line are those of its ends.

    Args:
        width: D, of the tokens.
        heads: of the attention; divides ``width``.
        groups: of heads that share their places; divides ``heads``.
        stride: r >= 1, tokens a place; 4 in the paper.
        offset_scale: largest offset, places; 2 in the paper. 0 leaves the places where they are.
        offset_kernel: k >= r, tokens that an offset is computed from; 6 in the paper.
    """

    def __init__(
        self, width: int, heads: int = 4, groups: int = 2, stride: int = 4, offset_scale: float = 2.0,
        offset_kernel: int = 6,
    ) -> None:  # fmt: skip
        super().__init__()
        if width % heads or heads % groups or offset_kernel < stride or stride < 1:
            raise ValueError(
                f"deformable attention: {heads} heads must divide width {width}, {groups} groups the heads, and the "
                f"offset kernel {offset_kernel} must be >= the stride {stride} >= 1"
            )
        self.heads, self.groups, self.stride, self.offset_scale = heads, groups, stride, offset_scale
        self.query, self.key, self.value = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.out = nn.Linear(width, width)
        each = width // groups
        self.offsets = nn.Sequential(
            nn.Conv1d(each, each, offset_kernel, stride, (offset_kernel - stride) // 2, groups=each),
            nn.GELU(),
            nn.Conv1d(each, 1, 1, bias=False),
        )
        self.distance_bias = nn.Sequential(nn.Linear(1, 16), nn.ReLU(), nn.Linear(16, heads // groups))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, D) → (B, T, D); T >= ``stride``."""
        batch, length, _ = tokens.shape
        query = self.query(tokens)  # (B, T, D)
        places = self.places(query)  # (B, G, n)
        sampled = sample_line(self._grouped(tokens), places.flatten(0, 1))  # (B·G, n, D/G)
        sampled = sampled.unflatten(0, (batch, self.groups)).transpose(1, 2).flatten(2)  # (B, n, D)
        bias = self._bias(places, length)  # (B, heads, T, n)
        q, k, v = (
            x.unflatten(2, (self.heads, -1)).transpose(1, 2) for x in (query, self.key(sampled), self.value(sampled))
        )
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)  # (B, heads, T, D/heads)
        return self.out(attended.transpose(1, 2).flatten(2))

    def places(self, query: Tensor) -> Tensor:
        """Where keys and values are taken, in tokens from 0, (B, T, D) → (B, groups, n)."""
        batch = len(query)
        raw = self.offsets(self._grouped(query).mT)[:, 0]  # (B·G, n)
        still = (torch.arange(raw.shape[1], device=raw.device) + 0.5) * self.stride - 0.5
        moved = still + self.offset_scale * self.stride * raw.tanh()
        return moved.unflatten(0, (batch, self.groups))

    def _grouped(self, tokens: Tensor) -> Tensor:
        """(B, T, D) → (B·G, T, D/G)."""
        return tokens.unflatten(2, (self.groups, -1)).transpose(1, 2).flatten(0, 1)

    def _bias(self, places: Tensor, length: int) -> Tensor:
        """A bias for the signed distance of query and place, (B, heads, T, n)."""
        at = torch.arange(length, device=places.device, dtype=places.dtype)
        distance = at[:, None] - places[:, :, None]  # (B, G, T, n)
        squeezed = distance.sign() * distance.abs().log1p()
        return self.distance_bias(squeezed[..., None]).movedim(-1, 2).flatten(1, 2)


def sample_line(features: Tensor, places: Tensor) -> Tensor:
    """Features at places between tokens, by linear interpolation; beyond the ends, the ends'.

    Args:
        features: (B, T, C) float.
        places: (B, n) float, in tokens from 0.

    Returns:
        (B, n, C), with gradients to both.
    """
    last = features.shape[1] - 1
    at = places.clamp(0, last)
    left = at.detach().floor().long().clamp(max=max(last - 1, 0))
    share = (at - left)[..., None]  # (B, n, 1)
    width = features.shape[2]

    def taken(index: Tensor) -> Tensor:
        return features.gather(1, index[..., None].expand(-1, -1, width))

    return (1 - share) * taken(left) + share * taken((left + 1).clamp(max=last))
