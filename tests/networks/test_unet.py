"""U-Net on encoders of several kinds: shapes, weights carried over, gradients, maps found where they are."""

import copy

import pytest
import torch
from torch import nn

from helpers.errors import StudyError
from helpers.networks.image_encoders import image_encoder
from helpers.networks.unet import UNet, feature_maps

# name, channels, side, sizes of the feature maps from fine to coarse
ENCODERS = [
    ("small", 1, 28, [7, 4, 1]),
    ("small", 3, 48, [12, 6, 4, 1]),
    ("small_stages", 3, 48, [24, 12, 6, 3, 1]),
    ("resnet18_cifar", 3, 32, [16, 8, 4]),
    ("resnet10t", 3, 64, [32, 16, 8, 4, 2]),
    ("mobilenetv3_small_050", 3, 50, [25, 13, 7, 4, 2, 1]),
    ("convnext_atto", 3, 64, [16, 8, 4, 2, 1]),
]


def unet_on(name: str, channels: int, size: int) -> UNet:
    torch.manual_seed(0)
    return UNet(image_encoder(name, channels, size)[0], channels, size)


@pytest.mark.parametrize(("name", "channels", "size", "maps"), ENCODERS)
def test_the_output_has_the_size_of_the_input(name: str, channels: int, size: int, maps: list[int]) -> None:
    unet = unet_on(name, channels, size).eval()
    images = torch.rand(2, channels, size, size)
    heard = {}
    for tap in unet.taps:
        unet.encoder.get_submodule(tap).register_forward_hook(
            lambda _m, _i, out, tap=tap: heard.__setitem__(tap, tuple(out.shape))
        )
    with torch.no_grad():
        assert unet(images).shape == (2, 1, size, size)
    assert [heard[tap][-1] for tap in unet.taps if heard[tap][-1] > 1] == [m for m in maps if m > 1]


def test_another_size_than_the_encoder_was_tried_on_will_do() -> None:
    unet = unet_on("resnet10t", 3, 64).eval()
    with torch.no_grad():
        assert unet(torch.rand(1, 3, 96, 80)).shape == (1, 1, 96, 80)


@pytest.mark.parametrize("name", ["small", "small_stages", "resnet10t"])
def test_every_weight_of_the_pretrained_encoder_is_carried_over(name: str) -> None:
    encoder, _ = image_encoder(name, 3, 48)
    with torch.no_grad():
        for tensor in [*encoder.parameters(), *encoder.buffers()]:
            tensor.add_(1) if tensor.is_floating_point() else tensor.fill_(7)  # as if it had been trained
    pretrained = copy.deepcopy(encoder.state_dict())
    unet = UNet(encoder, 3, 48)
    assert unet.encoder.state_dict().keys() == pretrained.keys()
    for key, tensor in unet.encoder.state_dict().items():
        assert torch.equal(tensor, pretrained[key]), key


@pytest.mark.parametrize("name", ["small", "small_stages", "resnet10t"])
def test_gradients_reach_every_weight(name: str) -> None:
    unet = unet_on(name, 3, 48).train()
    with torch.no_grad():
        for parameter in unet.parameters():  # timm's residual blocks start at 0 and pass nothing on
            parameter.add_(0.05 * torch.randn_like(parameter))
    (unet(torch.rand(4, 3, 48, 48)) * torch.randn(4, 1, 48, 48)).sum().backward()
    for key, parameter in unet.named_parameters():
        assert parameter.grad is not None, key
        assert float(parameter.grad.abs().sum()) > 0, key


def test_a_copy_listens_to_its_own_encoder() -> None:
    unet = unet_on("small_stages", 3, 48).eval()
    twin = copy.deepcopy(unet)
    with torch.no_grad():
        for parameter in unet.encoder.parameters():
            parameter.zero_()
        images = torch.rand(1, 3, 48, 48)
        assert not torch.allclose(unet(images), twin(images))
    assert not any(module._forward_hooks for module in twin.modules())


def test_finding_the_maps_leaves_the_encoder_as_it_was() -> None:
    encoder, _ = image_encoder("small_stages", 3, 48)
    encoder.train()
    before = copy.deepcopy(encoder.state_dict())
    feature_maps(encoder, 3, 48)
    assert encoder.training
    assert all(torch.equal(before[key], tensor) for key, tensor in encoder.state_dict().items())


def test_an_encoder_without_feature_maps_is_refused() -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 8))
    with pytest.raises(StudyError, match="no feature maps to build a U-Net on"):
        UNet(flat, 3, 16)
