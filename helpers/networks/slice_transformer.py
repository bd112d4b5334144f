"""From the slices of a volume to one embedding: slice tokens, a transformer over them, their mean.

Nguyen et al., *Joint self-supervised image-volume representation learning with intra-inter contrastive clustering*,
AAAI 2023 (arXiv 2212.01893).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from helpers.networks.deformable_attention import DeformableAttention
from helpers.networks.unet import feature_maps, listening


class SliceTokens(nn.Module):
    """A token a slice: the encoder's feature maps, pooled, and its output, side by side, through one 1×1 convolution.

    Args:
        encoder: images (B, in_channels, H, W) to (B, E), through feature maps; it is held, not copied.
        in_channels: of the slices.
        image_size: side of the slices, pixels.
        embedding_size: E.
        width: of a token; 640 in the paper.
    """

    def __init__(self, encoder: nn.Module, in_channels: int, image_size: int, embedding_size: int, width: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.taps, self.channels = feature_maps(encoder, in_channels, image_size)
        self.mix = nn.Conv1d(sum(self.channels) + embedding_size, width, 1)

    def forward(self, volumes: Tensor) -> Tensor:
        """Tokens of the slices of volumes, (B, C, D, H, W) → (B, D, width)."""
        slices = slices_of(volumes)
        with listening(self.encoder, self.taps) as heard:
            embedding = self.encoder(slices)
        return self.mixed([heard[name] for name in self.taps], embedding, volumes.shape[2])

    def mixed(self, maps: list[Tensor], embedding: Tensor, depth: int) -> Tensor:
        """Tokens from the feature maps (B·D, C, h, w) and the encoder's output (B·D, E) of all slices."""
        pooled = torch.cat([*(found.mean(dim=(2, 3)) for found in maps), embedding], dim=1)  # (B·D, ΣC + E)
        return self.mix(pooled.unflatten(0, (-1, depth)).mT).mT  # (B, D, width)


class SliceTransformer(nn.Module):
    """Pre-norm blocks of deformable attention over the tokens of a volume's slices.

    Args:
        width: of the tokens.
        depth: blocks; 4 in the paper.
        heads: of each attention.
        hidden: width of the feed-forward layers; 720 in the paper.
        stride, offset_scale, offset_kernel: of the attention; 4, 2 and 6 in the paper.
    """

    def __init__(
        self, width: int, depth: int = 2, heads: int = 4, hidden: int = 128, stride: int = 4,
        offset_scale: float = 2.0, offset_kernel: int = 6,
    ) -> None:  # fmt: skip
        super().__init__()
        groups = 2 if heads % 2 == 0 else 1
        self.blocks = nn.ModuleList(
            _Block(width, DeformableAttention(width, heads, groups, stride, offset_scale, offset_kernel), hidden)
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, width) → (B, T, width)."""
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens)


class _Block(nn.Module):
    def __init__(self, width: int, attention: DeformableAttention, hidden: int) -> None:
        super().__init__()
        self.attention, self.before, self.between = attention, nn.LayerNorm(width), nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attention(self.before(tokens))
        return tokens + self.feed_forward(self.between(tokens))


class VolumeEncoder(nn.Module):
    """Slice tokens, transformer, mean over slices: (B, C, D, H, W) → (B, width)."""

    def __init__(self, tokens: SliceTokens, transformer: SliceTransformer) -> None:
        super().__init__()
        self.tokens, self.transformer = tokens, transformer

    def forward(self, volumes: Tensor) -> Tensor:
        return self.transformer(self.tokens(volumes)).mean(dim=1)


def slices_of(volumes: Tensor) -> Tensor:
    """All slices of volumes as images, (B, C, D, H, W) → (B·D, C, H, W)."""
    return volumes.transpose(1, 2).flatten(0, 1)
