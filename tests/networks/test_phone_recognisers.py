"""Acoustic models: frames that follow from lengths, no effect of padding, weights from local files."""

import pytest
import torch
from safetensors.torch import save_file

from helpers.data.phones import TOKENS
from helpers.errors import StudyError
from helpers.networks.phone_recognisers import LogMelEncoder, PhoneRecogniser, Wav2Vec2Encoder


@pytest.fixture
def recogniser() -> PhoneRecogniser:
    torch.manual_seed(0)
    return PhoneRecogniser(LogMelEncoder(mels=10, width=16, blocks=4, stride=2), hidden=12).eval()


def test_log_probabilities_of_every_token_at_half_the_frame_rate(recogniser):
    log_probs, frames = recogniser(torch.randn(3, 41, 10), torch.tensor([41, 40, 7]))
    assert log_probs.shape == (3, 21, len(TOKENS))
    assert frames.tolist() == [21, 20, 4]
    assert torch.allclose(log_probs.exp().sum(2), torch.ones(3, 21), atol=1e-5)


def test_padding_changes_nothing_within_a_clip(recogniser):
    clip = torch.randn(1, 30, 10)
    alone, frames = recogniser(clip, torch.tensor([30]))
    padded = torch.cat([clip, torch.zeros(1, 25, 10)], dim=1)
    batch, _ = recogniser(torch.cat([padded, torch.randn(1, 55, 10)]), torch.tensor([30, 55]))
    assert torch.allclose(batch[0, : int(frames)], alone[0], atol=1e-5)


def test_a_frame_sees_its_neighbours_on_both_sides(recogniser):
    clip = torch.randn(1, 40, 10, requires_grad=True)
    log_probs, _ = recogniser(clip, torch.tensor([40]))
    log_probs[0, 10].square().sum().backward()
    assert clip.grad is not None
    seen = clip.grad[0].abs().sum(1).nonzero().flatten()
    assert seen.min() <= 8
    assert seen.max() >= 32


def test_small_wav2vec2_has_the_published_ones_frames_and_volume_changes_nothing():
    torch.manual_seed(0)
    encoder = Wav2Vec2Encoder("small").eval()
    wave = 0.1 * torch.randn(1, 8000)
    features, frames = encoder(wave, torch.tensor([8000]))
    assert features.shape == (1, 24, encoder.width)  # a frame every 20 ms, 25 ms wide
    assert frames.tolist() == [24]
    assert torch.allclose(encoder(wave * 3, torch.tensor([8000]))[0], features, atol=1e-4)


def test_wav2vec2_weights_come_from_a_local_file_and_a_head_in_it_is_passed_over(tmp_path):
    torch.manual_seed(1)
    saved = Wav2Vec2Encoder("small")
    state = {f"wav2vec2.{k}": v.contiguous().clone() for k, v in saved.model.state_dict().items()}
    save_file(state | {"aux.weight": torch.zeros(3)}, tmp_path / "w.safetensors")
    torch.save(saved.model.state_dict(), tmp_path / "w.pt")
    for name in ("w.safetensors", "w.pt"):
        found = Wav2Vec2Encoder("small", str(tmp_path / name), frozen_extractor=True)
        for mine, theirs in zip(found.model.parameters(), saved.model.parameters(), strict=True):
            assert torch.equal(mine, theirs)
        assert not any(p.requires_grad for p in found.model.feature_extractor.parameters())
        assert all(p.requires_grad for p in found.model.encoder.parameters())


def test_files_that_hold_no_such_weights_are_refused(tmp_path):
    torch.save({"x": torch.zeros(2)}, tmp_path / "other.pt")
    (tmp_path / "broken.safetensors").write_bytes(b"abc")
    with pytest.raises(StudyError, match=r"other.pt lacks \d+ of \d+ tensors"):
        Wav2Vec2Encoder("small", str(tmp_path / "other.pt"))
    for name, line in (("broken.safetensors", "broken.safetensors cannot be read"), ("absent.pt", "there is no file")):
        with pytest.raises(StudyError, match=f"encoder_weights: {line}"):
            Wav2Vec2Encoder("small", str(tmp_path / name))
    with pytest.raises(StudyError, match=r"no wav2vec 2\.0 of size 'huge'"):
        Wav2Vec2Encoder("huge")
