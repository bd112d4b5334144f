"""Encoders of sound (B, T, M), whose frames that are all 0 are absent, to one embedding a clip."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from helpers.errors import StudyError
from helpers.networks.phone_recognisers import Wav2Vec2Encoder

ENCODERS = {"patch_small": (64, 2), "patch_wide": (256, 4)}  # name -> width, residual layers
WAVE_ENCODERS = {"wav2vec2_small": "small", "wav2vec2_base": "base"}
STEP = 4  # frames a patch
LEAST_SAMPLES = 800  # that wav2vec 2.0's convolutions need; shorter sound is padded with silence


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
        self.score = nn.Sequential(nn.Linear(features, hidden), nn.Tanh(), nn.Linear(hidden, 1))

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        steps = x.mT  # (B, T, D)
        score = self.score(steps)[..., 0].masked_fill(~there, -1e4)
        weight = (score.softmax(dim=1) * there)[:, None]  # (B, 1, T)
        mean = (weight @ steps)[:, 0]
        spread = ((weight @ steps.square())[:, 0] - mean.square()).clamp_min(1e-5).sqrt()
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
        there = x.abs().amax(dim=2).view(len(x), -1, STEP).amax(dim=2) > 0  # (B, T/4)
        kept = there[:, None].to(x.dtype)  # absent steps stay 0, so that padding has no effect
        x = self.patches(x.mT) * kept  # (B, W, T/4)
        for layer in self.deeper:
            x = (x + layer(x)) * kept
        return self.drop(self.pool(x, there))  # (B, 2·W)


class WaveEncoder(nn.Module):
    """wav2vec 2.0 over raw sound, attentive pooling: (B, T, S) frames of S samples to (B, 2·width).

    A frame of spectrograms becomes one of samples, so that crops, stretches and absent frames are the same for both.
    The published network's first norm runs over the whole length, so that padding is not quite without effect.

    Args:
        size: ``"small"`` or ``"base"``; see :class:`helpers.networks.phone_recognisers.Wav2Vec2Encoder`.
        weights: local file of start weights; empty starts from scratch.
        dropout: of the embedding, while training.
    """

    def __init__(self, size: str, weights: str = "", dropout: float = 0.3) -> None:
        super().__init__()
        self.model = Wav2Vec2Encoder(size, weights, frozen_extractor=bool(weights))
        self.pool = AttentiveStatistics(self.model.width)
        self.drop = nn.Dropout(dropout)
        self.embedding_size = 2 * self.model.width

    def forward(self, frames: Tensor) -> Tensor:
        time, samples = frames.shape[1:]
        there = frames.abs().amax(dim=2) > 0  # (B, T)
        lengths = (there * torch.arange(1, time + 1, device=frames.device)).amax(dim=1) * samples
        waves = nn.functional.pad(frames.flatten(1), (0, max(0, LEAST_SAMPLES - time * samples)))
        features, steps = self.model(waves, lengths.clamp_min(LEAST_SAMPLES))  # (B, T', W)
        inside = torch.arange(features.shape[1], device=frames.device) < steps[:, None]
        inside &= (lengths > 0)[:, None]
        return self.drop(self.pool(features.mT, inside))


def _layer(before: int, after: int, kernel: int, stride: int, padding: int) -> nn.Sequential:
    convolution = nn.Conv1d(before, after, kernel, stride=stride, padding=padding, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm1d(after), nn.ReLU())


def hears_samples(name: str) -> bool:
    """Whether an encoder takes frames of samples rather than of mel bands."""
    return name in WAVE_ENCODERS


def sound_encoder(name: str, mels: int, dropout: float = 0.3, weights: str = "") -> tuple[nn.Module, int]:
    """An encoder by name and its embedding size D; weights from torch's generator, or a file.

    Args:
        name: ``"patch_small"`` (D = 128) or ``"patch_wide"`` (D = 512) on spectrograms; ``"wav2vec2_small"`` (D = 192)
            or ``"wav2vec2_base"`` (D = 1536) on frames of samples.
        mels: bands of the spectrograms.
        dropout: of the embedding.
        weights: local file of wav2vec 2.0's start weights; empty for none.

    Raises:
        StudyError: an unknown name, or weights that do not fit or are given for another encoder.
    """
    if name in WAVE_ENCODERS:
        waves = WaveEncoder(WAVE_ENCODERS[name], weights, dropout)
        return waves, waves.embedding_size
    if name not in ENCODERS:
        raise StudyError(f"no encoder of sound is called {name!r}; there are: {', '.join((*ENCODERS, *WAVE_ENCODERS))}")
    if weights:
        raise StudyError(f"encoder_weights are for wav2vec 2.0; {name} has none")
    width, layers = ENCODERS[name]
    made = PatchEncoder(mels, width, layers, dropout)
    return made, made.embedding_size
