"""The encoder of sensor windows."""

import torch

from helpers.networks.sequence_encoders import WindowEncoder


def test_windows_of_any_length_give_one_embedding_each() -> None:
    encoder = WindowEncoder(torch.zeros(6), torch.ones(6), features=64)
    for time in (64, 100, 333):
        assert encoder(torch.randn(3, time, 6)).shape == (3, 64)


def test_the_unit_of_a_channel_does_not_matter_once_its_statistics_are_given() -> None:
    torch.manual_seed(0)
    one = WindowEncoder(torch.zeros(3), torch.ones(3), width=8, features=16)
    scaled = WindowEncoder(torch.full((3,), 5.0), torch.full((3,), 100.0), width=8, features=16)
    scaled.convolutions.load_state_dict(one.convolutions.state_dict())
    x = torch.randn(4, 80, 3)
    torch.testing.assert_close(one(x), scaled(100 * x + 5), rtol=1e-3, atol=1e-4)


def test_a_window_is_embedded_alike_alone_and_in_a_batch() -> None:
    encoder = WindowEncoder(torch.zeros(6), torch.ones(6), width=8, features=16)
    x = torch.randn(5, 64, 6)
    torch.testing.assert_close(encoder(x)[2:3], encoder(x[2:3]))


def test_gradients_reach_the_input() -> None:
    x = torch.randn(2, 64, 6, requires_grad=True)
    WindowEncoder(torch.zeros(6), torch.ones(6), width=8, features=16)(x).sum().backward()
    assert x.grad is not None
    assert (x.grad.abs().amax(dim=(1, 2)) > 0).all()
