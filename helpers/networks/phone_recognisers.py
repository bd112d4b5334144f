"""Acoustic models that write phones: an encoder of sound and a two-layer head over CTC's tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from helpers.data.phones import TOKENS
from helpers.errors import StudyError
from helpers.networks.weight_files import state_dict, stored


class LogMelEncoder(nn.Module):
    """Residual dilated convolutions over log-mel frames, for one CPU core: (B, T, mels) → (B, ⌈T/stride⌉, width).

    A strided convolution lowers the frame rate; each block is norm, ReLU, convolution of three frames, dropout, added
    to its input; the dilations 1, 2, 4, 1, 2, 4 … make a phone's neighbours visible. Frames beyond a clip's end stay
    zero, so that padding has no effect.

    Args:
        mels: bands of the input.
        width: channels.
        blocks: residual blocks.
        stride: frames of the input a frame of the output, >= 1.
        dropout: share of channels dropped in training.
    """

    def __init__(
        self, mels: int = 40, width: int = 128, blocks: int = 5, stride: int = 3, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.width = width
        self.stride = stride
        self.start = nn.Conv1d(mels, width, 2 * stride + 1, stride=stride, padding=stride)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(blocks + 1))
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, width, 3, padding=2 ** (i % 3), dilation=2 ** (i % 3)) for i in range(blocks)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, mels: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, T', width) and frames (B,) of clips (B, T, mels) of ``lengths`` frames."""
        frames = (lengths + self.stride - 1) // self.stride
        x = self.start(mels.transpose(1, 2)).transpose(1, 2)  # (B, T', W)
        there = (torch.arange(x.shape[1], device=x.device) < frames[:, None])[..., None].to(x)
        x = x * there
        for norm, convolution in zip(self.norms, self.convolutions, strict=False):
            inside = (norm(x).relu() * there).transpose(1, 2)
            x = x + self.dropout(convolution(inside).transpose(1, 2)) * there
        return self.norms[-1](x) * there, frames


class Wav2Vec2Encoder(nn.Module):
    """wav2vec 2.0 (Baevski et al., NeurIPS 2020) in torchaudio's code: waveforms (B, T) at 16 kHz → (B, T/320, width).

    Every waveform is standardised first, as the published weights want where the feature extractor has layer norms; it
    does no harm where that has group norms.

    Args:
        size: ``"small"`` (0.7 M parameters, for CPUs) or ``"base"`` (94 M, the paper's).
        weights: local file of start weights, a state dict of ``torchaudio.models.Wav2Vec2Model`` in ``.safetensors`` or
            ``.pt`` (read as tensors only); empty starts from scratch. A pre-training head in it is passed over.
        frozen_extractor: whether the convolutions are kept as they are (Yang et al. 2022); only sensible with weights.

    Raises:
        StudyError: an unknown size, or a file that does not hold such weights.
    """

    def __init__(self, size: str = "small", weights: str = "", frozen_extractor: bool = False) -> None:
        super().__init__()
        from torchaudio.models import wav2vec2_model

        if size not in _SIZES:
            raise StudyError(f"no wav2vec 2.0 of size {size!r}; there are {', '.join(_SIZES)}")
        self.model = wav2vec2_model(**_SIZES[size], aux_num_out=None)
        self.width = int(_SIZES[size]["encoder_embed_dim"])
        if weights:
            _load(self.model, Path(weights))
        if frozen_extractor:
            self.model.feature_extractor.requires_grad_(False)

    def forward(self, waves: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, T', width) and frames (B,) of waveforms (B, T) of ``lengths`` samples."""
        there = torch.arange(waves.shape[1], device=waves.device) < lengths[:, None]
        count = lengths.clamp_min(1)[:, None]
        x = (waves - waves.sum(dim=1, keepdim=True) / count) * there
        x = x / (x.square().sum(dim=1, keepdim=True) / count).sqrt().clamp_min(1e-7)
        features, frames = self.model(x, lengths)
        return features, frames


def _wav2vec2(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "extractor_mode": "group_norm", "extractor_conv_bias": False, "encoder_projection_dropout": 0.1,
        "encoder_pos_conv_kernel": 128, "encoder_pos_conv_groups": 16, "encoder_attention_dropout": 0.1,
        "encoder_ff_interm_dropout": 0.1, "encoder_dropout": 0.1, "encoder_layer_norm_first": False,
        "encoder_layer_drop": 0.05,
        "extractor_conv_layer_config": [(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512, 2, 2)] * 2,
        "encoder_embed_dim": 768, "encoder_num_layers": 12, "encoder_num_heads": 12,
        "encoder_ff_interm_features": 3072,
    }  # fmt: skip
    return base | changes


_SIZES = {
    "base": _wav2vec2(),
    "small": _wav2vec2(
        extractor_conv_layer_config=[(64, 10, 5)] + [(64, 3, 2)] * 4 + [(64, 2, 2)] * 2, encoder_embed_dim=96,
        encoder_num_layers=3, encoder_num_heads=4, encoder_ff_interm_features=192, encoder_pos_conv_kernel=32,
        encoder_pos_conv_groups=8, encoder_layer_drop=0.0,
    ),
}  # fmt: skip


def _load(model: nn.Module, file: Path) -> None:
    held = state_dict(stored(file, "encoder_weights"), file, "encoder_weights")
    state = {name.removeprefix("wav2vec2."): tensor for name, tensor in held.items()}
    own = model.state_dict()
    kept = {name: tensor for name, tensor in state.items() if name in own and tensor.shape == own[name].shape}
    missing = [name for name in own if name not in kept]
    if missing:
        raise StudyError(
            f"encoder_weights: {file.name} lacks {len(missing)} of {len(own)} tensors of this wav2vec 2.0, such as "
            f"{missing[0]}; give torchaudio's state dict of the same size"
        )
    model.load_state_dict(kept)


class PhoneRecogniser(nn.Module):
    """An encoder of sound and a head of two hidden LeakyReLU layers over :data:`~helpers.data.phones.TOKENS`.

    (B, …) and lengths (B,) → natural logarithms of token probabilities (B, T', 42), frames (B,).

    Args:
        encoder: gives (B, T', width) and frames (B,), with an attribute ``width``.
        hidden: width of the head's layers (384 in Yang et al. 2022).
        dropout: before the head.
    """

    def __init__(self, encoder: nn.Module, hidden: int = 384, dropout: float = 0.1) -> None:
        super().__init__()
        self.encoder = encoder
        width = encoder.width
        assert isinstance(width, int)
        self.head = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(width, hidden), nn.LeakyReLU(), nn.Linear(hidden, hidden),
            nn.LeakyReLU(), nn.Linear(hidden, len(TOKENS)),
        )  # fmt: skip

    def forward(self, sound: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        features, frames = self.encoder(sound, lengths)
        return self.head(features).log_softmax(dim=2), frames
