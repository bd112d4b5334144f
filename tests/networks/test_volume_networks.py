"""Slice tokens, the transformer over them and the U-Net: shapes, what a slice knows of others, gradients."""

import pytest
import torch

from helpers.networks.image_encoders import image_encoder
from helpers.networks.slice_transformer import SliceTokens, SliceTransformer, VolumeEncoder, slices_of
from helpers.networks.volume_unet import VolumeUNet


def encoder(depth: int = 1) -> VolumeEncoder:
    torch.manual_seed(0)
    slices, features = image_encoder("small_stages", 1, 32)
    return VolumeEncoder(SliceTokens(slices, 1, 32, features, 16), SliceTransformer(16, depth, 4, 32)).eval()


def test_slices_of_a_volume_come_in_order():
    volumes = torch.arange(2 * 3 * 4 * 5 * 5.0).reshape(2, 3, 4, 5, 5)
    assert torch.equal(slices_of(volumes)[5], volumes[1, :, 1])


def test_a_token_depends_on_its_own_slice_alone_and_the_embedding_on_all():
    made = encoder()
    volumes = torch.rand(2, 1, 8, 32, 32, requires_grad=True)
    tokens = made.tokens(volumes)
    assert tokens.shape == (2, 8, 16)
    gradient = torch.autograd.grad(tokens[0, 3].sum(), volumes, retain_graph=True)[0].abs().sum(dim=(1, 3, 4))
    assert gradient[0, 3] > 0
    assert gradient.sum() == gradient[0, 3]
    whole = torch.autograd.grad(made(volumes)[0].square().sum(), volumes)[0].abs().sum(dim=(1, 3, 4))
    assert (whole[0] > 0).all()
    assert whole[1].sum() == 0


def test_tokens_from_maps_equal_tokens_from_volumes():
    made = encoder()
    volumes = torch.rand(2, 1, 8, 32, 32)
    network = VolumeUNet(made.tokens, made.transformer, 1, 32, 3).eval()
    maps, embedding = network.slices.encode(slices_of(volumes))
    torch.testing.assert_close(made.tokens.mixed(maps[1:], embedding, 8), made.tokens(volumes))


def test_at_its_start_a_slice_is_marked_by_itself_and_later_with_its_neighbours_and_context():
    made = encoder()
    network = VolumeUNet(made.tokens, made.transformer, 1, 32, 3).eval()
    volumes = torch.rand(1, 1, 8, 32, 32)
    other = volumes.clone()
    other[:, :, 4] = torch.rand(1, 1, 32, 32)

    def changed() -> torch.Tensor:
        with torch.no_grad():
            return (network(volumes) - network(other)).abs().amax(dim=(0, 1, 3, 4)) > 1e-6

    assert changed().tolist() == [False] * 4 + [True] + [False] * 3
    torch.nn.init.normal_(network.slices.head.weight)
    assert changed().tolist() == [False] * 3 + [True] * 3 + [False] * 2
    torch.nn.init.normal_(network.context.weight)
    assert changed().all()


def test_votes_for_neighbours_are_a_convolution_along_depth():
    made = encoder()
    network = VolumeUNet(made.tokens, made.transformer, 1, 32, 2, width=4).eval()
    torch.nn.init.normal_(network.slices.head.weight)
    torch.nn.init.normal_(network.slices.head.bias)
    volumes = torch.rand(2, 1, 6, 32, 32)
    heard = []
    network.slices.head.register_forward_pre_hook(lambda _, inputs: heard.append(inputs[0]))
    with torch.no_grad():
        found = network(volumes)
        features = heard[0].unflatten(0, (2, 6)).transpose(1, 2)  # (B, width, D, H, W)
        own, above, below = network.slices.head.weight.split(2)  # above: a slice's vote for the next one
        kernel = torch.stack([above, own, below], dim=2)  # (2, width, 3, 1, 1)
        plain = torch.nn.functional.conv3d(features, kernel, padding=(1, 0, 0))
        bias = network.slices.head.bias.split(2)
    plain = plain + bias[0][:, None, None, None]
    plain[:, :, 1:] += bias[1][:, None, None, None]
    plain[:, :, :-1] += bias[2][:, None, None, None]
    torch.testing.assert_close(found, plain, atol=1e-4, rtol=1e-4)


def test_every_weight_of_the_network_is_trained():
    made = encoder()
    network = VolumeUNet(made.tokens, made.transformer, 1, 32, 3).train()
    torch.nn.init.normal_(network.context.weight)
    network(torch.rand(2, 1, 8, 32, 32)).square().sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_a_single_class_is_refused():
    made = encoder()
    with pytest.raises(ValueError, match="at least two classes"):
        VolumeUNet(made.tokens, made.transformer, 1, 32, 1)
