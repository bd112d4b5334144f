"""A transformer over the features of a table row, absent features included.

After FT-Transformer (Gorishniy et al., *Revisiting Deep Learning Models for Tabular Data*, NeurIPS 2021): a token
a feature, a CLS token, pre-norm blocks. A feature that is absent is not imputed: it has a learned token of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class RowDropout(nn.Module):
    """Dropout whose mask is shared by all tokens of a row: (B, L, D) with a (B, 1, D) mask.

    As variational dropout (Gal & Ghahramani 2016) has it over time steps; here also because drawing a mask an
    element is a third of a small transformer's time on a CPU.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        if not 0 <= probability < 1:
            raise ValueError(f"dropout is in [0, 1), not {probability}")
        self.probability = probability

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, L, D) → (B, L, D)."""
        if not self.training or self.probability == 0:
            return tokens
        keep = torch.rand(len(tokens), 1, tokens.shape[2], device=tokens.device) >= self.probability
        return tokens * (keep / (1 - self.probability))


class FeatureTokenizer(nn.Module):
    """Row → one token a feature.

    Numeric: value × weight + bias. Categorical: an embedding. Absent: a learned token of that feature plus an
    indicator vector shared by all absent features. Features are ordered numeric first, then categorical.
    """

    def __init__(self, numeric: int, cardinalities: Sequence[int], width: int) -> None:
        """``numeric``: how many numeric features; ``cardinalities``: levels of each categorical one."""
        super().__init__()
        self.numeric, self.cardinalities = numeric, tuple(cardinalities)
        features = numeric + len(self.cardinalities)
        scale = width**-0.5
        self.weight = nn.Parameter(torch.randn(numeric, width) * scale)
        self.bias = nn.Parameter(torch.randn(features, width) * scale)
        self.levels = nn.Embedding(max(1, sum(self.cardinalities)), width)
        nn.init.normal_(self.levels.weight, std=scale)
        offsets = torch.tensor((0, *self.cardinalities), dtype=torch.long).cumsum(0)[:-1]
        self.register_buffer("offsets", offsets, persistent=False)
        self.absent = nn.Parameter(torch.randn(features, width) * scale)
        self.indicator = nn.Parameter(torch.zeros(width))

    @property
    def features(self) -> int:
        """Number of features, numeric and categorical."""
        return self.numeric + len(self.cardinalities)

    def forward(self, values: Tensor, present: Tensor) -> Tensor:
        """Rows → tokens.

        Args:
            values: (B, F) float; standardised numbers, then category codes 0 … K−1 as floats; ignored where absent.
            present: (B, F) bool.

        Returns:
            (B, F, D) tokens.
        """
        tokens = values[:, : self.numeric, None] * self.weight  # (B, Fn, D)
        if self.cardinalities:
            codes = values[:, self.numeric :].long() + self.get_buffer("offsets")
            tokens = torch.cat([tokens, self.levels(codes)], dim=1)  # (B, F, D)
        seen = present[..., None]
        return torch.where(seen, tokens + self.bias, self.absent + self.indicator)


class TransformerBlock(nn.Module):
    """Pre-norm self-attention and a GELU feed-forward layer, each with a residual path."""

    def __init__(self, width: int, heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is not a multiple of heads {heads}")
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.attention_out = nn.Linear(width, width)
        self.feed_norm = nn.LayerNorm(width)
        self.feed = nn.Sequential(
            nn.Linear(width, feed_forward), nn.GELU(), RowDropout(dropout), nn.Linear(feed_forward, width)
        )
        self.attention_dropout, self.feed_dropout = RowDropout(dropout), RowDropout(dropout)

    def forward(self, tokens: Tensor, queries: int | None = None) -> Tensor:
        """(B, L, D) → (B, L, D), or of the first ``queries`` tokens alone where only those are read."""
        batch, length, _ = tokens.shape
        normed = self.attention_norm(tokens)
        tokens = tokens[:, :queries]
        q = self.query(normed[:, :queries]).unflatten(2, (self.heads, -1)).transpose(1, 2)  # (B, H, Q, d)
        k, v = self.key_value(normed).view(batch, length, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)  # (B, Q, D)
        tokens = tokens + self.attention_dropout(self.attention_out(mixed))
        return tokens + self.feed_dropout(self.feed(self.feed_norm(tokens)))


class FeatureTransformer(nn.Module):
    """Tokens of a row, mixed by attention: the encoder of SurvFormer."""

    def __init__(
        self,
        numeric: int,
        cardinalities: Sequence[int],
        width: int = 32,
        layers: int = 2,
        heads: int = 4,
        feed_forward: int = 64,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.width = width
        self.tokenizer = FeatureTokenizer(numeric, cardinalities, width)
        self.cls = nn.Parameter(torch.randn(width) * width**-0.5)
        self.blocks = nn.ModuleList(TransformerBlock(width, heads, feed_forward, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def tokens(self, values: Tensor, present: Tensor, queries: int | None = None) -> Tensor:
        """(B, F) values and presence → (B, 1 + F, D) contextual tokens, CLS first, or the first ``queries``."""
        tokens = self.tokenizer(values, present)
        tokens = torch.cat([self.cls.expand(len(tokens), 1, -1), tokens], dim=1)
        for block in self.blocks[:-1]:
            tokens = block(tokens)
        return self.norm(self.blocks[-1](tokens, queries))

    def forward(self, values: Tensor, present: Tensor) -> Tensor:
        """(B, F) values and presence → (B, D) embedding of the row: its CLS token."""
        return self.tokens(values, present, queries=1)[:, 0]
