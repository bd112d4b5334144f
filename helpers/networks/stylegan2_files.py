"""StyleGAN2 weights from a local file.

One layout is read: the state dict of the generator of the PyTorch re-implementation that most published weights come in
(`stylegan2-pytorch`, its ``g_ema``): ``style.1.weight`` … (mapping), ``input.input``, ``conv1.*``, ``to_rgb1.*``,
``convs.0.*`` …, ``to_rgbs.0.*`` …, ``noises.noise_0`` …, optionally with ``latent_avg`` beside it. NVIDIA's own
``.pkl`` files hold code as well as weights and are not opened.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor

from helpers.errors import StudyError
from helpers.networks.style_generator import Mapping, StyleGenerator
from helpers.networks.weight_files import state_dict, stored

LAYOUT = "a state dict with style.1.weight, input.input, conv1.*, to_rgb1.*, convs.*, to_rgbs.*, noises.*"
_LAYER = {
    "conv.weight": "convolution.weight",
    "conv.modulation.weight": "convolution.affine.weight",
    "conv.modulation.bias": "convolution.affine.bias",
    "noise.weight": "strength",
    "activate.bias": "bias",
}


def stylegan2(file: Path) -> tuple[Mapping, StyleGenerator]:
    """A trained mapping and generator.

    Args:
        file: ``.safetensors`` of the state dict, or what ``torch.save`` wrote of it or of a dict with it under
            ``"g_ema"``; read with ``weights_only=True``, so that it can run no code.

    Returns:
        Mapping and generator; the mean style is the file's ``latent_avg``, or the mean of 4,096 mapped z.

    Raises:
        StudyError: the file is absent, cannot be read, or is not of that layout.
    """
    state, mean = _read(file)
    try:
        return _built(state, mean)
    except (KeyError, IndexError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StudyError(
            f"prior_weights: {file.name} is not StyleGAN2 in the layout read here ({LAYOUT}): {first}"
        ) from None


def _built(state: dict[str, Tensor], mean: Tensor | None) -> tuple[Mapping, StyleGenerator]:
    depth = len({key for key in state if re.fullmatch(r"style\.\d+\.weight", key)})
    style = state["style.1.weight"].shape[0]
    blocks = len({key for key in state if re.fullmatch(r"to_rgbs\.\d+\.bias", key)})
    channels = [_shape(state["conv1.conv.weight"])[0]]
    channels += [_shape(state[f"convs.{2 * i}.conv.weight"])[0] for i in range(blocks)]
    mapping, generator = Mapping(style, depth, rate=0.01), StyleGenerator(channels, style)
    mapping.load_state_dict(
        {f"layers.{i}.{part}": state[f"style.{i + 1}.{part}"] for i in range(depth) for part in ("weight", "bias")}
    )
    if mean is None:
        with torch.no_grad():
            mean = mapping(torch.randn(4096, style, generator=torch.Generator().manual_seed(0))).mean(0)
    own = {"constant": state["input.input"], "mean_style": mean.reshape(style)}
    own |= _layer(state, "conv1", "first", state["noises.noise_0"]) | _colour(state, "to_rgb1", "first_colour")
    for i in range(blocks):
        own |= _layer(state, f"convs.{2 * i}", f"ups.{i}", state[f"noises.noise_{2 * i + 1}"])
        own |= _layer(state, f"convs.{2 * i + 1}", f"stays.{i}", state[f"noises.noise_{2 * i + 2}"])
        own |= _colour(state, f"to_rgbs.{i}", f"colours.{i}")
    generator.load_state_dict(own | {name: t for name, t in generator.state_dict().items() if name.startswith("base_")})
    return mapping, generator


def _layer(state: dict[str, Tensor], theirs: str, ours: str, noise: Tensor) -> dict[str, Tensor]:
    found = {f"{ours}.{mine}": state[f"{theirs}.{key}"] for key, mine in _LAYER.items()}
    found[f"{ours}.convolution.weight"] = found[f"{ours}.convolution.weight"][0]  # they keep a batch axis of one
    return found | {f"{ours}.fixed_noise": noise}


def _colour(state: dict[str, Tensor], theirs: str, ours: str) -> dict[str, Tensor]:
    found = {f"{ours}.{mine}": state[f"{theirs}.{key}"] for key, mine in _LAYER.items() if key.startswith("conv.")}
    found[f"{ours}.convolution.weight"] = found[f"{ours}.convolution.weight"][0]
    return found | {f"{ours}.bias": state[f"{theirs}.bias"].reshape(3)}


def _shape(weight: Tensor) -> tuple[int, ...]:
    if weight.ndim != 5:
        raise ValueError(f"a convolution's weight has {weight.ndim} axes, not 5")
    return tuple(weight.shape[1:])


def _read(file: Path) -> tuple[dict[str, Tensor], Tensor | None]:
    state = stored(file, "prior_weights")
    if not isinstance(state, dict):
        raise StudyError(f"prior_weights: {file.name} holds no state dict; the layout read here is {LAYOUT}")
    mean = state.get("latent_avg")
    if isinstance(state.get("g_ema"), dict):
        state = state["g_ema"]
    tensors = {k: t for k, t in state.items() if isinstance(t, Tensor)}
    if isinstance(mean, Tensor):
        tensors |= {"latent_avg": mean}
    return state_dict(tensors, file, "prior_weights"), mean if isinstance(mean, Tensor) else None
