"""Mel spectrograms: equal to torchaudio's, the same in any batch, computed once for a corpus."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from helpers.data import spectrograms
from helpers.data.corpus import Corpus
from helpers.data.sound import padded
from helpers.data.spectrograms import LOG_MEL, MEL_POWER, MelSettings, mel_spectrograms, with_mels
from helpers.errors import StudyError


def waves(*lengths: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [0.1 * torch.randn(length, generator=generator) for length in lengths]


def corpus_of(parts: list[torch.Tensor], calls: list[int] | None = None) -> Corpus:
    def load(rows: np.ndarray) -> dict[str, torch.Tensor]:
        if calls is not None:
            calls.append(len(rows))
        return padded([parts[i] for i in rows])

    names = [f"s{i}" for i in range(len(parts))]
    table = pd.DataFrame(
        {"sample_id": names, "subject": names, "label": "x", "seconds": [len(p) / 16e3 for p in parts]}
    )
    return Corpus("noise", table, load, ("label",), "none", "a test", True, f"f{len(parts)}")


@pytest.mark.filterwarnings("ignore:At least one mel filterbank")
def test_power_equals_torchaudios() -> None:
    from torchaudio.transforms import MelSpectrogram

    (wave,) = waves(16000)
    theirs = MelSpectrogram(16000, n_fft=512, hop_length=256, n_mels=128, center=False)(wave).T
    ours, frames = mel_spectrograms(wave[None], torch.tensor([16000]), MEL_POWER)
    assert int(frames) == len(theirs)
    assert torch.allclose(ours[0], theirs, rtol=1e-4, atol=1e-6)


def test_a_window_shorter_than_the_transform_equals_torchaudios_shifted() -> None:
    from torchaudio.transforms import MelSpectrogram

    (wave,) = waves(8000)
    theirs = MelSpectrogram(16000, n_fft=512, win_length=400, hop_length=160, f_min=20.0, n_mels=64, center=False)
    beside = torch.nn.functional.pad(wave, (56, 56))  # torchaudio puts the window in the middle of the 512 samples
    expected = (theirs(beside).T + 1e-6).log()
    ours, _ = mel_spectrograms(wave[None], torch.tensor([8000]), LOG_MEL)
    assert torch.allclose(ours[0], expected[: ours.shape[1]], atol=1e-4)


def test_frames_are_the_same_in_any_batch_and_zero_beyond_the_end() -> None:
    parts = waves(16000, 4000, 9999, 200)
    batch = padded(parts)
    together, frames = mel_spectrograms(batch["input"], batch["length"])
    assert frames.tolist() == [98, 23, 60, 1]
    for i, wave in enumerate(parts):
        alone, _ = mel_spectrograms(wave[None], torch.tensor([len(wave)]))
        assert torch.allclose(together[i, : frames[i]], alone[0], atol=1e-4)
        assert float(together[i, frames[i] :].abs().sum()) == 0


@pytest.mark.parametrize("gain", [0.01, 30.0])
def test_with_level_a_clips_volume_changes_nothing(gain: float) -> None:
    (wave,) = waves(8000)
    settings = MelSettings(level=True)
    quiet, _ = mel_spectrograms(gain * wave[None], torch.tensor([8000]), settings)
    usual, _ = mel_spectrograms(wave[None], torch.tensor([8000]), settings)
    assert torch.allclose(quiet, usual, atol=1e-3)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(StudyError, match="do not fit a rate"):
        MelSettings(rate=8000, high=8000.0)
    with pytest.raises(StudyError, match="impossible"):
        MelSettings(window=1024, n_fft=512)


def test_a_corpus_is_transformed_once_in_shards_and_read_back_in_any_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spectrograms, "SHARD", 4)
    parts, calls = waves(*range(2000, 4000, 200)), []
    made = with_mels(corpus_of(parts, calls), folder=tmp_path)
    assert len(list(tmp_path.glob("*.safetensors"))) == 3
    done = len(calls)
    again = with_mels(corpus_of(parts, calls), folder=tmp_path)
    assert len(calls) == done
    rows = np.array([9, 0, 5])
    for corpus in (made, again):
        batch = corpus.load(rows)
        assert isinstance(batch, dict)
        assert batch["length"].tolist() == [int(LOG_MEL.frames(torch.tensor(len(parts[i])))) for i in rows]
        for i, row in enumerate(rows):
            alone, _ = mel_spectrograms(parts[row][None], torch.tensor([len(parts[row])]))
            assert torch.allclose(batch["input"][i, : batch["length"][i]], alone[0], atol=1e-4)
            assert float(batch["input"][i, batch["length"][i] :].abs().sum()) == 0


def test_other_settings_and_other_samples_are_computed_anew(tmp_path: Path) -> None:
    parts, calls = waves(3000, 3000), []
    for settings in (LOG_MEL, MEL_POWER):
        with_mels(corpus_of(parts, calls), settings, tmp_path)
    assert len(calls) == 2
    with_mels(corpus_of(parts, calls).select(np.array([1])), LOG_MEL, tmp_path)
    assert len(calls) == 3
