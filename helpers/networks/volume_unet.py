"""A U-Net that marks a volume slice by slice, each slice knowing of the others."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from helpers.networks.slice_transformer import SliceTokens, SliceTransformer, slices_of
from helpers.networks.unet import UNet


class VolumeUNet(nn.Module):
    """Slices, intensities in [0, 1], through a 2-D U-Net, with two ways from one slice to the others.

    The transformer reads all slice tokens, and what it says of a slice is added to the slice's coarsest feature map;
    and every slice gives logits for itself and for its two neighbours, which are summed (a 3×1×1 convolution). Both
    ways start at zero, so that a slice's own features count first.

    Args:
        tokens: slice tokens on the encoder that the U-Net is built on. Neither is copied.
        transformer: over the tokens.
        in_channels: of the volumes.
        image_size: side of the slices, pixels.
        classes: of voxels, background included, >= 2.
        width, widest: channels of the decoder at full size, and at most.
    """

    def __init__(
        self, tokens: SliceTokens, transformer: SliceTransformer, in_channels: int, image_size: int, classes: int,
        width: int = 8, widest: int = 32,
    ) -> None:  # fmt: skip
        super().__init__()
        if classes < 2:
            raise ValueError(f"a voxel is of one of at least two classes, background included, not {classes}")
        self.tokens, self.transformer, self.classes = tokens, transformer, classes
        self.slices = UNet(tokens.encoder, in_channels, image_size, 3 * classes, width, widest)
        self.context = nn.Linear(tokens.mix.out_channels, tokens.channels[-1])
        with torch.no_grad():
            for parameter in (self.context.weight, self.context.bias, self.slices.head.weight[classes:]):
                parameter.zero_()
            if self.slices.head.bias is not None:
                self.slices.head.bias[classes:].zero_()

    def forward(self, volumes: Tensor) -> Tensor:
        """Logits, (B, in_channels, D, H, W) → (B, classes, D, H, W)."""
        depth = volumes.shape[2]
        maps, embedding = self.slices.encode(slices_of(volumes))
        context = self.transformer(self.tokens.mixed(maps[1:], embedding, depth))  # (B, D, token width)
        maps[0] = 4 * (maps[0] - 0.5)  # intensities in [0, 1], on the scale of the normed maps that they meet
        maps[-1] = maps[-1] + self.context(context).flatten(0, 1)[:, :, None, None]
        votes = self.slices.decode(maps).unflatten(0, (-1, depth))  # (B, D, 3·classes, H, W)
        own, above, below = votes.split(self.classes, dim=2)
        nothing = torch.zeros_like(own[:, :1])
        summed = own + torch.cat([nothing, above[:, :-1]], dim=1) + torch.cat([below[:, 1:], nothing], dim=1)
        return summed.transpose(1, 2)
