"""The image decoder: shapes, range, gradient."""

import pytest
import torch

from helpers.errors import StudyError
from helpers.networks.image_decoder import ImageDecoder, MirroredBlock


@pytest.mark.parametrize(("size", "blocks", "channels"), [(48, 2, 3), (64, 3, 3), (30, 2, 1), (17, 1, 3)])
def test_a_vector_becomes_an_image_of_the_size_asked_for(size, blocks, channels):
    decoder = ImageDecoder(10, size, channels, width=16, blocks=blocks)
    image = decoder(torch.randn(3, 10))
    assert image.shape == (3, channels, size, size)
    assert ((image > 0) & (image < 1)).all()


def test_a_block_doubles_the_side_and_sets_the_channels():
    assert MirroredBlock(6, 4)(torch.randn(2, 6, 5, 5)).shape == (2, 4, 10, 10)


def test_every_weight_gets_a_gradient_and_a_few_steps_bring_an_image_nearer():
    torch.manual_seed(0)
    decoder, features = ImageDecoder(8, 16, width=16, blocks=1), torch.randn(6, 8)
    target = torch.rand(6, 3, 1, 1).expand(-1, -1, 16, 16)
    optimiser = torch.optim.Adam(decoder.parameters(), 1e-2)
    errors = []
    for _ in range(60):
        optimiser.zero_grad()
        error = (decoder(features) - target).square().mean()
        error.backward()
        assert all(p.grad is not None for p in decoder.parameters())
        optimiser.step()
        errors.append(error.item())
    assert errors[-1] < 0.2 * errors[0]


def test_impossible_sizes_are_refused():
    with pytest.raises(StudyError, match="at least 8 pixels"):
        ImageDecoder(8, 4)
