"""Image encoders by name: a small one for CPUs, ResNet-18 with CIFAR's stem, and anything timm knows."""

from __future__ import annotations

from itertools import chain, pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from helpers.errors import StudyError
from helpers.networks.weight_files import state_dict, stored


class SmallConvNet(nn.Sequential):
    """Overlapping 6-pixel patches, a strided convolution, and one that sees the whole 4×4 map.

    (B, in_channels, H, W) → (B, embedding_size), for images of about 20 to 64 pixels. Made for one CPU core: the patch
    layer takes the resolution down by 4 at once, where a first layer at full resolution would be most of the cost.

    Args:
        in_channels: 1 for grey images, 3 for colour.
        width: channels of the first layer; the embedding has four times as many.
    """

    def __init__(self, in_channels: int = 1, width: int = 32) -> None:
        super().__init__(
            *_convolution(in_channels, width, 6, stride=4, padding=1),  # 28 → 7
            *_convolution(width, 2 * width, 3, stride=2, padding=1),  # → 4
            nn.AdaptiveAvgPool2d(4),  # nothing at 28 and 32 pixels
            *_convolution(2 * width, 4 * width, 4),  # → 1
            nn.Flatten(),
        )
        self.embedding_size = 4 * width


class StagedConvNet(nn.Sequential):
    """Four strided 3×3 convolutions and the mean over the map, for dense tasks: a feature map at every halving.

    (B, in_channels, H, W) → (B, embedding_size), for images of about 32 to 128 pixels. A step costs about twice that
    of :class:`SmallConvNet`.

    Args:
        in_channels: 1 for grey images, 3 for colour.
        width: channels of the first layer; they double at each, so the embedding has eight times as many.
    """

    def __init__(self, in_channels: int = 3, width: int = 16) -> None:
        channels = [in_channels, *(width * 2**stage for stage in range(4))]
        stages = [_convolution(before, after, 3, stride=2, padding=1) for before, after in pairwise(channels)]
        super().__init__(*chain(*stages), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.embedding_size = channels[-1]


def _convolution(before: int, after: int, kernel: int, stride: int = 1, padding: int = 0) -> list[nn.Module]:
    return [
        nn.Conv2d(before, after, kernel, stride, padding, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    ]


def cifar_resnet18(in_channels: int = 3) -> nn.Module:
    """ResNet-18 (He et al., CVPR 2016) with the stem for small images: 3×3 stride 1, no pooling (SimCLR, app. B.9).

    (B, in_channels, H, W) → (B, 512).
    """
    import timm

    network = timm.create_model("resnet18", num_classes=0, in_chans=in_channels)
    network.conv1 = nn.Conv2d(in_channels, 64, 3, 1, 1, bias=False)
    nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
    network.maxpool = nn.Identity()
    return network


class ChannelsLast(nn.Module):
    """An encoder whose input is laid out channels-last, which convolutions on CPUs are fastest with."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images.contiguous(memory_format=torch.channels_last))


def image_encoder(name: str, in_channels: int, image_size: int, weights: str = "") -> tuple[nn.Module, int]:
    """An encoder by name, and the size of its embedding.

    Args:
        name: ``"small"``, ``"small_wide"`` (twice the channels), ``"small_stages"``, ``"resnet18_cifar"``, or any of
            ``timm.list_models()``, such as ``"resnet18"``.
        in_channels: 1 for grey images, 3 for colour.
        image_size: side of the images, pixels; the network is tried on one such image.
        weights: file of weights, ``.safetensors`` or what ``torch.save`` wrote of a state dict; empty for none.
            Nothing is ever downloaded.

    Returns:
        The encoder, (B, in_channels, image_size, image_size) → (B, D), and D.

    Raises:
        StudyError: an unknown name, images too small for the network, or weights that are absent, damaged or of
            another network.
    """
    network = _network(name, in_channels)
    if weights:
        load_weights(network, Path(weights))
    encoder = ChannelsLast(network)
    encoder.eval()
    try:
        with torch.no_grad():
            features = encoder(torch.zeros(1, in_channels, image_size, image_size))
    except (RuntimeError, AssertionError, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StudyError(f"encoder {name} cannot take images of {image_size} pixels: {first}") from None
    return encoder.train(), features.shape[1]


def load_weights(network: nn.Module, file: Path) -> None:
    """Fill a network from a file; heads that only the file has are passed over, whatever else differs is an error.

    Args:
        network: is changed in place.
        file: ``.safetensors``, or a pickle that is read with ``weights_only=True``, so that it can run no code.

    Raises:
        StudyError: the file is absent, cannot be read, or does not fit the network.
    """
    held = stored(file, "weights")
    if isinstance(held, dict) and isinstance(held.get("state_dict"), dict):
        held = held["state_dict"]
    tensors = state_dict(held, file, "weights")
    state = {key.removeprefix("network."): tensor for key, tensor in tensors.items()}
    own = network.state_dict()
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    other = [key for key in own if key in state and own[key].shape != state[key].shape]
    if missing or other:
        example = missing[0] if missing else f"{other[0]} of shape {tuple(state[other[0]].shape)}"
        raise StudyError(
            f"weights: {file.name} does not fit the encoder: {len(missing)} tensors missing, {len(other)} of another "
            f"shape, e.g. {example}"
        )
    network.load_state_dict({key: t for key, t in state.items() if key in own}, strict=False)


def _network(name: str, in_channels: int) -> nn.Module:
    if name in ("small", "small_wide"):
        return SmallConvNet(in_channels, 32 if name == "small" else 64)
    if name == "small_stages":
        return StagedConvNet(in_channels)
    if name == "resnet18_cifar":
        return cifar_resnet18(in_channels)
    import timm

    if name not in timm.list_models():
        import difflib

        ours = ["small", "small_wide", "small_stages", "resnet18_cifar"]
        close = difflib.get_close_matches(name, ours + timm.list_models(), n=1)
        hint = f"did you mean {close[0]}?" if close else f"give {', '.join(ours)} or a model of timm"
        raise StudyError(f"no image encoder is called {name!r}; {hint}")
    return timm.create_model(name, num_classes=0, in_chans=in_channels)
