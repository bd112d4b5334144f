"""Encoders of clips: shapes, gradients, what they can tell apart."""

import pytest
import torch

from helpers.errors import StudyError
from helpers.networks.clip_encoders import C3D, Conv3dSmall, clip_encoder


@pytest.mark.parametrize(("name", "size"), [("conv3d_small", 128), ("c3d", 512), ("r3d_18", 512)])
@pytest.mark.parametrize("what_moves", [False, True])
def test_an_encoder_maps_clips_to_its_embedding_size(name: str, size: int, what_moves: bool) -> None:
    encoder, embedding_size = clip_encoder(name, what_moves)
    assert embedding_size == size
    with torch.no_grad():
        assert encoder(torch.rand(2, 3, 16, 32, 32)).shape == (2, size)


def test_every_weight_of_the_small_encoder_gets_a_gradient() -> None:
    encoder = Conv3dSmall()
    encoder(torch.rand(4, 3, 8, 32, 32)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())


def test_the_small_encoder_sees_the_order_of_frames() -> None:
    torch.manual_seed(0)
    encoder, _ = clip_encoder("conv3d_small")
    clips = torch.rand(2, 3, 8, 32, 32)
    with torch.no_grad():
        assert (encoder.eval()(clips) - encoder(clips.flip(2))).abs().max() > 1e-4


def test_what_stands_still_is_not_seen_by_an_encoder_of_what_moves() -> None:
    torch.manual_seed(0)
    encoder, _ = clip_encoder("conv3d_small", what_moves=True)
    moving = torch.rand(2, 3, 8, 32, 32) * 0.5
    background = torch.rand(2, 3, 1, 32, 32) * 0.5
    with torch.no_grad():
        torch.testing.assert_close(encoder.eval()(moving), encoder(moving + background), atol=1e-5, rtol=1e-4)


def test_c3d_has_the_papers_eight_convolutions() -> None:
    widths = [m.out_channels for m in C3D().modules() if isinstance(m, torch.nn.Conv3d)]
    assert widths == [64, 128, 256, 256, 512, 512, 512, 512]


def test_an_unknown_encoder_is_refused() -> None:
    with pytest.raises(StudyError, match="no clip encoder is called 'c4d'; there are: conv3d_small, c3d, r3d_18"):
        clip_encoder("c4d")
