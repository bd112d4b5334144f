"""Networks over chunks of mel spectrograms: DeepEmoCluster's VGG-like encoder, and its mirror for reconstruction."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from helpers.errors import StudyError

WIDTHS = (32, 32, 64, 64, 128, 128, 128)  # of the paper


class ChunkEncoder(nn.Module):
    """Seven 3×3 convolutions with batch norm, the first two at full size, the others with stride 2; then one layer.

    Lin, Sridhar & Busso, *DeepEmoCluster*, ICASSP 2021.

    Args:
        frames, mels: of a chunk.
        widths: channels of the convolutions, seven in the paper; at least three.
        features: size of the embedding, 256 in the paper.
        dropout: of the embedding, in [0, 1).
        stride: of the first convolution, 1 in the paper; 2 makes everything after it four times cheaper.
    """

    def __init__(
        self, frames: int, mels: int, widths: Sequence[int] = WIDTHS, features: int = 256, dropout: float = 0.5,
        stride: int = 1,
    ) -> None:  # fmt: skip
        super().__init__()
        if len(widths) < 3:
            raise StudyError(f"the chunk encoder needs at least 3 convolutions, not {len(widths)}")
        strides = [stride, 1] + [2] * (len(widths) - 2)
        layers: list[nn.Module] = []
        self.sizes, channels = [(frames, mels)], 1
        for width, step in zip(widths, strides, strict=True):
            layers += [nn.Conv2d(channels, width, 3, step, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            channels = width
            self.sizes.append(tuple((n - 1) // step + 1 for n in self.sizes[-1]))  # type: ignore[arg-type]
        self.convolutions = nn.Sequential(*layers)
        height, width = self.sizes[-1]
        self.widths, self.features = tuple(widths), features
        self.layer = nn.Sequential(
            nn.Flatten(), nn.Linear(channels * height * width, features), nn.ReLU(inplace=True), nn.Dropout(dropout)
        )

    def forward(self, chunks: Tensor | dict[str, Tensor]) -> Tensor:
        """Embeddings (B, features) of chunks (B, 1, frames, mels), or of a batch that holds them as ``input``."""
        x = chunks["input"] if isinstance(chunks, dict) else chunks
        return self.layer(self.convolutions(x))  # (B, D)


class ChunkDecoder(nn.Module):
    """The encoder's mirror: one layer, then 3×3 convolutions, each followed by enlarging to the size that the encoder
    had there; the last one, at full size, has one channel.

    Args:
        encoder: to mirror.
        features: size of the code.
    """

    def __init__(self, encoder: ChunkEncoder, features: int) -> None:
        super().__init__()
        self.first = (encoder.widths[-1], *encoder.sizes[-1])
        first = self.first[0] * self.first[1] * self.first[2]
        self.layer = nn.Sequential(nn.Linear(features, first), nn.ReLU(inplace=True))
        layers: list[nn.Module] = []
        channels = encoder.widths[-1]
        for width, size in zip(encoder.widths[-2::-1], encoder.sizes[-2:0:-1], strict=True):
            layers += [nn.Conv2d(channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True),
                       nn.Upsample(size=size, mode="nearest")]  # fmt: skip
            channels = width
        layers += [nn.Upsample(size=encoder.sizes[0], mode="nearest"), nn.Conv2d(channels, 1, 3, 1, 1)]
        self.convolutions = nn.Sequential(*layers)

    def forward(self, code: Tensor) -> Tensor:
        """Chunks (B, 1, frames, mels) from codes (B, features)."""
        return self.convolutions(self.layer(code).reshape(-1, *self.first))


class AttributeHead(nn.Module):
    """One hidden layer of the embedding's size, then one output an attribute."""

    def __init__(self, features: int, attributes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(features, features), nn.ReLU(inplace=True), nn.Linear(features, attributes)
        )

    def forward(self, embedding: Tensor) -> Tensor:
        """Attributes (B, A), standardised, of embeddings (B, D)."""
        return self.layers(embedding)


def mean_of_chunks(values: Tensor, chunks: int) -> Tensor:
    """A sentence's prediction is the mean of its chunks': (S·C, A) to (S, A)."""
    return values.reshape(-1, chunks, *values.shape[1:]).mean(dim=1)
