"""Sound files become mono numbers at one rate; what cannot be used is refused by its name."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from helpers.data.sound import examine, loader, padded, read_sound
from helpers.errors import StudyError


def tone(hertz: float = 440.0, seconds: float = 0.5, rate: int = 16000) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate).astype(np.float32)


def peak_hertz(wave: torch.Tensor, rate: int = 16000) -> float:
    return float(torch.fft.rfft(wave).abs().argmax() * rate / len(wave))


def test_a_file_at_the_wanted_rate_is_read_as_written(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(), 16000, subtype="FLOAT")
    wave = read_sound(tmp_path / "a.wav")
    assert wave.dtype == torch.float32
    assert torch.equal(wave, torch.from_numpy(tone()))


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_another_rate_is_resampled_and_keeps_pitch_length_and_strength(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.wav", tone(rate=rate), rate, subtype="FLOAT")
    wave = read_sound(tmp_path / "a.wav")
    assert abs(len(wave) - 8000) <= 1
    assert peak_hertz(wave) == pytest.approx(440, abs=2)
    assert float(wave[1000:-1000].square().mean().sqrt()) == pytest.approx(0.5 / 2**0.5, rel=0.01)


def test_channels_are_averaged(tmp_path: Path) -> None:
    both = np.stack([tone(), 0.5 * tone(880.0)], axis=1)
    soundfile.write(tmp_path / "a.flac", both, 16000, subtype="PCM_24")
    assert torch.allclose(read_sound(tmp_path / "a.flac"), torch.from_numpy(both.mean(axis=1)), atol=1e-6)


def broken(folder: Path) -> dict[str, Path]:
    """One good file and one of each kind that cannot be used."""
    rng = np.random.default_rng(0)
    names = ("good", "empty", "truncated", "half_flac", "silent", "constant", "nan", "text", "no_samples")
    files = {n: folder / f"{n}.{'flac' if n == 'half_flac' else 'wav'}" for n in names}
    for name in ("good", "truncated"):
        soundfile.write(files[name], tone(), 16000)
    soundfile.write(files["half_flac"], rng.uniform(-0.5, 0.5, 30000), 16000)
    for name in ("truncated", "half_flac"):
        files[name].write_bytes(files[name].read_bytes()[: files[name].stat().st_size // 2])
    soundfile.write(files["silent"], np.zeros(4000), 16000)
    soundfile.write(files["constant"], np.full(4000, 0.3), 16000)
    soundfile.write(files["nan"], np.where(np.arange(8000) == 9, np.nan, tone()), 16000, subtype="FLOAT")
    soundfile.write(files["no_samples"], np.zeros(0), 16000)
    files["empty"].touch()
    files["text"].write_text("<html>not found</html>")
    return files


@pytest.mark.parametrize(
    ("name", "words"),
    [("empty", "is empty"), ("truncated", "is cut short"), ("half_flac", "cut short|cannot be decoded"),
     ("silent", "is silent"), ("constant", "is silent"), ("nan", "not finite"), ("text", "cannot be decoded"),
     ("no_samples", "no samples")],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_in_one_line_with_name_and_reason(tmp_path: Path, name: str, words: str) -> None:
    file = broken(tmp_path)[name]
    with pytest.raises(StudyError, match=words) as raised:
        read_sound(file)
    assert str(raised.value).startswith(f"{file.name}: ")
    assert "\n" not in str(raised.value)
    assert str(tmp_path) not in str(raised.value)


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no sound file"):
        read_sound(tmp_path / "a.wav")


def test_a_wav_of_unknown_length_from_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(), 16000)
    content = bytearray((tmp_path / "a.wav").read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = struct.pack("<I", 0xFFFFFFFF)
    (tmp_path / "a.wav").write_bytes(content)
    assert len(read_sound(tmp_path / "a.wav")) == 8000


def test_the_sound_of_a_video_is_read(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "a.mp4"), "w") as video:
        stream = video.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(tone(440, 1.0, 44100)[None], format="fltp", layout="mono")
        frame.rate = 44100
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            video.mux(packet)
    wave = read_sound(tmp_path / "a.mp4")
    assert len(wave) / 16000 == pytest.approx(1.0, abs=0.1)
    assert peak_hertz(wave) == pytest.approx(440, abs=4)


def test_files_are_examined_once_and_the_bad_ones_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = list(broken(tmp_path).values())
    found = examine(files)
    assert found.usable.tolist() == [file.stem == "good" for file in files]
    assert found.seconds[0] == pytest.approx(0.5)
    assert found.notices()[0].startswith("8 sound files left out: empty.wav: is empty; ")
    assert found.notices()[0].endswith("and 5 more")
    monkeypatch.setattr("helpers.data.sound.read_sound", lambda *_: pytest.fail("decoded again"))
    again = examine(files)
    assert again.reasons == found.reasons
    assert np.array_equal(again.seconds, found.seconds, equal_nan=True)


def test_a_file_that_changes_is_examined_again(tmp_path: Path) -> None:
    file = tmp_path / "a.wav"
    soundfile.write(file, tone(), 16000)
    assert examine([file]).usable.all()
    file.write_bytes(b"")
    assert not examine([file]).usable.any()


def test_a_batch_is_padded_with_zeros_and_knows_its_lengths(tmp_path: Path) -> None:
    for name, seconds in (("a", 0.2), ("b", 0.4)):
        soundfile.write(tmp_path / f"{name}.wav", tone(seconds=seconds), 16000)
    batch = loader([tmp_path / "a.wav", tmp_path / "b.wav"])(np.array([1, 0]))
    assert batch["length"].tolist() == [6400, 3200]
    assert batch["input"].shape == (2, 6400)
    assert float(batch["input"][1, 3200:].abs().max()) == 0
    assert padded([])["input"].shape == (0, 0)
