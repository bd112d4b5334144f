"""Frames are read exactly, at any rate, and as far as a file is whole."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from helpers.data.corpora.video_files import decode_video, frame_index, read_frames
from helpers.errors import StudyError

WIDTH, HEIGHT = 128, 64


def numbered(i: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A frame whose eight vertical stripes are the bits of its number."""
    bits = np.array([(i >> b) & 1 for b in range(8)], dtype=np.uint8)
    row = np.repeat(60 + 150 * bits, width // 8)
    return np.broadcast_to(row[None, :, None], (height, width, 3)).copy()


def number_of(frame: np.ndarray) -> int:
    """The number that a frame (H, W, 3) carries."""
    stripes = frame.mean(axis=(0, 2)).reshape(8, -1).mean(axis=1)
    return int(sum((stripe > 135) << b for b, stripe in enumerate(stripes)))


def write_video(
    path: Path, frames: list[np.ndarray], rate: str = "25", codec: str = "libx264", b_frames: int = 2, group: int = 12
) -> Path:
    """Encode frames (H, W, 3) with key frames every ``group`` and B-frames in between."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(rate))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.gop_size = group
        if codec in ("libx264", "mpeg4"):
            stream.max_b_frames = b_frames
        for frame in frames:
            for packet in stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


@pytest.mark.parametrize(
    ("ending", "codec", "rate", "b_frames"),
    [
        ("mp4", "libx264", "25", 3),
        ("mp4", "libx264", "30000/1001", 2),
        ("mkv", "libx264", "12", 2),
        ("avi", "mpeg4", "25", 0),
        ("avi", "mpeg4", "25", 2),  # an AVI gives B-frames no time stamps
        ("avi", "mjpeg", "15", 0),
    ],
)
def test_any_frame_is_read_exactly(tmp_path: Path, ending: str, codec: str, rate: str, b_frames: int) -> None:
    path = write_video(tmp_path / f"x.{ending}", [numbered(i) for i in range(60)], rate, codec, b_frames)
    asked = [59, 0, 13, 12, 11, 37, 37, 1, 58, 24, 25]
    found = read_frames(path, asked)
    assert found.shape == (len(asked), HEIGHT, WIDTH, 3)
    assert [number_of(frame) for frame in found] == asked
    for i in (0, 5, 35, 59):  # one at a time too
        assert number_of(read_frames(path, [i])[0]) == i


def test_the_index_lists_every_frame_in_order_of_presentation(tmp_path: Path) -> None:
    path = write_video(tmp_path / "x.mp4", [numbered(i) for i in range(50)], b_frames=3)
    index = frame_index(path)
    assert len(index.pts) == index.promised == 50
    assert (np.diff(index.pts) > 0).all()
    times = index.pts * float(index.time_base)
    np.testing.assert_allclose(np.diff(times), 1 / 25, atol=1e-3)
    assert len(index.keys) >= 4


@pytest.mark.parametrize("rate", ["25", "30000/1001", "20", "12", "12.5", "50"])
def test_every_moment_gets_the_frame_nearest_in_time(tmp_path: Path, rate: str) -> None:
    path = write_video(tmp_path / "x.mp4", [numbered(i, 64, 64) for i in range(70)], rate, b_frames=2)
    video = decode_video(path, 64, 12.5)
    assert video.rate == pytest.approx(float(Fraction(rate)), rel=1e-3)
    assert not video.missing
    numbers = [number_of(frame) for frame in video.frames.permute(0, 2, 3, 1).numpy()]
    moments = np.arange(len(numbers)) / 12.5
    distance = np.abs(np.array(numbers) / float(Fraction(rate)) - moments)
    nearest = np.abs(np.arange(70)[None, :] / float(Fraction(rate)) - moments[:, None]).min(axis=1)
    np.testing.assert_allclose(distance, nearest, atol=2e-3)
    assert moments[-1] <= 69 / float(Fraction(rate)) + 0.5 / 12.5
    assert moments[-1] + 1 / 12.5 > 69 / float(Fraction(rate))


def test_decoding_agrees_with_seeking(tmp_path: Path) -> None:
    path = write_video(tmp_path / "x.mp4", [numbered(i, 64, 64) for i in range(40)], "25", b_frames=2)
    whole = decode_video(path, 64, 25).frames
    sought = torch.from_numpy(read_frames(path, np.arange(40))).permute(0, 3, 1, 2)
    assert len(whole) == 40
    assert (whole.float() - sought.float()).abs().mean() < 3


def test_a_file_cut_short_yields_its_whole_frames_and_says_so(tmp_path: Path) -> None:
    path = write_video(tmp_path / "x.avi", [numbered(i, 64, 64) for i in range(60)], "25", "mjpeg")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    video = decode_video(path, 64, 25)
    assert video.missing
    assert 10 <= len(video.frames) < 60
    assert number_of(video.frames[9].permute(1, 2, 0).numpy()) == 9
    with pytest.raises(StudyError, match=r"x\.avi"):
        read_frames(path, [59])


def test_what_is_no_video_is_one_clear_line(tmp_path: Path) -> None:
    cut = write_video(tmp_path / "cut.mp4", [numbered(i) for i in range(30)])
    cut.write_bytes(cut.read_bytes()[:600])  # the index of an MP4 stands at its end
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    for path in (cut, text):
        with pytest.raises(StudyError, match=f"{path.name} cannot be opened as a video"):
            decode_video(path, 32, 12.5)
    with pytest.raises(StudyError, match="no video file at"):
        read_frames(tmp_path / "absent.mp4", [0])
    good = write_video(tmp_path / "good.mp4", [numbered(i) for i in range(5)])
    with pytest.raises(StudyError, match=r"holds frames 0 to 4; frame 9 is not there"):
        read_frames(good, [1, 9])


def test_black_bars_are_cut_off_and_every_file_comes_in_one_size(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(60, 200, (8, 1, 12, 3)).repeat(8, axis=0)[:, 0].repeat(8, axis=1)  # blocks, (64, 96, 3)
    plain = [picture.astype(np.uint8)] * 12
    boxed = [np.pad(frame, ((16, 16), (0, 0), (0, 0))) for frame in plain]
    one = decode_video(write_video(tmp_path / "plain.mp4", plain), 32, 12.5)
    two = decode_video(write_video(tmp_path / "boxed.mp4", boxed), 32, 12.5)
    assert one.frames.shape[1:] == two.frames.shape[1:] == (3, 32, 32)
    assert one.bars == 0
    assert two.bars == pytest.approx(1 / 3, abs=0.06)
    assert two.frames[:, :, :2].float().mean() > 50  # no black left at the top
    dark = [np.full((64, 96, 3), 5, dtype=np.uint8)] * 6
    assert decode_video(write_video(tmp_path / "dark.mp4", dark), 32, 12.5).bars == 0


def test_pixels_that_are_not_square_are_shown_at_their_true_shape(tmp_path: Path) -> None:
    path = tmp_path / "wide.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 64, 64, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2, 1)
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(numbered(90, 64, 64), format="rgb24")))
        container.mux(stream.encode())
    video = decode_video(path, 32, 12.5)
    assert (video.width, video.height) == (128, 64)
    stripes = video.frames[0].float().mean(dim=(0, 1)).reshape(4, 8).mean(dim=1)  # the middle four of eight stripes
    assert [bool(s > 135) for s in stripes] == [bool((90 >> b) & 1) for b in range(2, 6)]
