"""Encoders of spectrograms (B, T, M), whose frames that are all 0 are absent, to one embedding a clip."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from helpers.errors import StudyError

ENCODERS = {"patch_small": (96, 2), "patch_wide": (256, 4)}  # name -> width, residual layers
STEP = 4  # frames a patch


class AttentiveStatistics(nn.Module):
    """Weighted mean and standard deviation over time, weights by attention (Okabe, Koshinaka & Shinoda, 2018).

    (B, D, T) and which steps are there, bool (B, T), to (B, 2·D). Absent steps have weight 0; a clip without any step
    gives 0.

    Args:
        features: D.
        hidden: size of the attention's hidden layer.
    """

    def __init__(self, features: int, hidden: int = 32) -> None:
        super().__init__()
        self.score = nn.Sequential(nn.Conv1d(features, hidden, 1), nn.Tanh(), nn.Conv1d(hidden, features, 1))

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        score = self.score(x).masked_fill(~there[:, None], -1e4)
        weight = score.softmax(dim=2) * there[:, None]  # (B, D, T)
        mean = (weight * x).sum(dim=2)
        spread = ((weight * x.square()).sum(dim=2) - mean.square()).clamp_min(1e-5).sqrt()
        return torch.cat([mean, spread], dim=1) * there.any(dim=1, keepdim=True)


class PatchEncoder(nn.Module):
    """Patches of four frames, residual convolutions over time, attentive pooling.

    Args:
        mels: M.
        width: W, channels; the embedding has twice as many.
        layers: residual convolutions.
        dropout: of the embedding, while training.
    """

    def __init__(self, mels: int = 64, width: int = 96, layers: int = 2, dropout: float = 0.3) -> None:
        super().__init__()
        self.patches = _layer(mels, width, 2 * STEP, STEP, STEP // 2)
        self.deeper = nn.ModuleList([_layer(width, width, 3, 1, 1) for _ in range(layers)])
        self.pool = AttentiveStatistics(width)
        self.drop = nn.Dropout(dropout)
        self.embedding_size = 2 * width

    def forward(self, spectrograms: Tensor) -> Tensor:
        short = -spectrograms.shape[1] % STEP
        x = nn.functional.pad(spectrograms, (0, 0, 0, short))  # (B, T, M)
        there = (x != 0).any(dim=2).view(len(x), -1, STEP).any(dim=2)  # (B, T/4)
        kept = there[:, None].to(x.dtype)  # absent steps stay 0, so that padding has no effect
        x = self.patches(x.mT) * kept  # (B, W, T/4)
        for layer in self.deeper:
            x = (x + layer(x)) * kept
        return self.drop(self.pool(x, there))  # (B, 2·W)


def _layer(before: int, after: int, kernel: int, stride: int, padding: int) -> nn.Sequential:
    convolution = nn.Conv1d(before, after, kernel, stride=stride, padding=padding, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm1d(after), nn.ReLU())


def sound_encoder(name: str, mels: int, dropout: float = 0.3) -> tuple[nn.Module, int]:
    """An encoder by name and its embedding size D; weights from torch's generator.

    Args:
        name: ``"patch_small"`` (D = 192) or ``"patch_wide"`` (D = 512).
        mels: bands of the spectrograms.
        dropout: of the embedding.

    Raises:
        StudyError: an unknown name.
    """
    if name not in ENCODERS:
        raise StudyError(f"no encoder of sound is called {name!r}; there are: {', '.join(ENCODERS)}")
    width, layers = ENCODERS[name]
    made = PatchEncoder(mels, width, layers, dropout)
    return made, made.embedding_size
