"""Videos of every container, damaged anywhere: whole frames are read, or one line names the file."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given, settings

from helpers.data.corpora.video_files import decode_video, frame_index, read_frames
from helpers.data.sound import read_sound
from helpers.errors import StudyError
from tests.data.corpora.damage import Damage, damages
from tests.data.corpora.test_emotional_speech import video as sound_in_video
from tests.data.corpora.test_video_files import numbered, write_video

CODECS = {"a.mp4": "libx264", "b.mkv": "libx264", "c.avi": "mpeg4", "d.avi": "mjpeg", "e.mov": "mpeg4",
          "f.webm": "libvpx"}  # fmt: skip


@cache
def _contents() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        for name, codec in CODECS.items():
            write_video(Path(folder) / name, [numbered(i, 32, 32) for i in range(12)], "12.5", codec)
        sound_in_video(Path(folder) / "g.mp4")
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


@given(damage=damages)
@example(damage=Damage("cut", 0.875, 0.9453125, 0))  # a sound track whose kind the rest of its header no longer says
@settings(max_examples=70, deadline=None, derandomize=True, database=None)
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_video_gives_whole_frames_or_one_line(damage: Damage) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in _contents().items():
            (Path(folder) / name).write_bytes(content)
        file = damage.do(Path(folder))
        refused = []
        for read in (lambda: frame_index(file), lambda: decode_video(file, 16, 12.5), lambda: read_frames(file, [0, 5]),
                     lambda: read_sound(file)):  # fmt: skip
            try:
                read()
            except StudyError as error:
                refused.append(str(error))
        assert all(file.name in line for line in refused)
