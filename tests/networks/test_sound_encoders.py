"""Encoders of sound leave absent frames out, and an embedding does not depend on the batch it was in."""

import pytest
import torch

from helpers.errors import StudyError
from helpers.networks.sound_encoders import AttentiveStatistics, sound_encoder


@pytest.mark.parametrize(("name", "size"), [("patch_small", 128), ("patch_wide", 512)])
def test_every_length_gives_one_embedding_of_the_promised_size(name: str, size: int) -> None:
    encoder, promised = sound_encoder(name, 32)
    assert promised == size
    for time in (1, 3, 4, 5, 37):
        assert encoder(torch.randn(2, time, 32)).shape == (2, size)


def test_absent_frames_after_a_clip_change_nothing() -> None:
    torch.manual_seed(0)
    encoder = sound_encoder("patch_small", 16)[0].eval()
    clip = torch.randn(1, 24, 16)
    longer = torch.cat([clip, torch.zeros(1, 40, 16)], dim=1)
    assert torch.allclose(encoder(clip), encoder(longer), atol=1e-5)
    beside = torch.cat([longer, torch.randn(1, 64, 16)])
    assert torch.allclose(encoder(beside)[:1], encoder(clip), atol=1e-5)


def test_a_clip_without_any_frame_is_0_and_has_a_finite_gradient() -> None:
    encoder = sound_encoder("patch_small", 16, dropout=0.0)[0]
    x = torch.zeros(3, 12, 16)
    x[0] = torch.randn(12, 16)
    x.requires_grad_()
    z = encoder(x)
    assert not z[1:].any()
    z.square().sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in encoder.parameters() if p.grad is not None)
    assert bool(x.grad.isfinite().all())


def test_with_equal_scores_the_pooling_is_mean_and_standard_deviation() -> None:
    pool = AttentiveStatistics(3)
    torch.nn.init.zeros_(pool.score[2].weight)
    x, there = torch.randn(2, 3, 10), torch.arange(10) < torch.tensor([[10], [6]])
    found = pool(x, there)
    for i, length in enumerate((10, 6)):
        part = x[i, :, :length]
        assert torch.allclose(found[i, :3], part.mean(dim=1), atol=1e-5)
        assert torch.allclose(found[i, 3:], part.std(dim=1, unbiased=False), atol=1e-3)


def test_an_unknown_encoder_is_one_clear_line() -> None:
    with pytest.raises(StudyError, match="no encoder of sound"):
        sound_encoder("wav2vec9", 16)


def test_wav2vec_hears_frames_of_samples_as_it_hears_the_whole_sound() -> None:
    torch.manual_seed(0)
    encoder, size = sound_encoder("wav2vec2_small", 64)
    assert size == 192
    encoder.eval()
    wave = 0.1 * torch.randn(1, 4800)
    frames = wave.view(1, 30, 160)
    features, steps = encoder.model(wave, torch.tensor([4800]))
    inside = torch.arange(features.shape[1]) < steps[:, None]
    assert torch.allclose(encoder(frames), encoder.pool(features.mT, inside), atol=1e-5)
    assert encoder(torch.zeros(2, 1, 160)).abs().sum() == 0
    assert encoder(torch.randn(1, 1, 160)).shape == (1, 192)


def test_weights_for_an_encoder_that_has_none_are_refused() -> None:
    with pytest.raises(StudyError, match="encoder_weights"):
        sound_encoder("patch_small", 64, weights="w.pt")
