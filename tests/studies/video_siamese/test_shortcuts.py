"""Facts that give a class away are found, and preprocessing takes the frame size away."""

from pathlib import Path

import numpy as np
import pytest

from helpers.data.corpora.video import Drawing, class_folders
from helpers.data.corpora.video_clips import ClipGrid
from helpers.studies.video_siamese.previews import look, moving, pair_strips, strip
from helpers.studies.video_siamese.shortcuts import shortcut_table, video_facts
from tests.data.corpora.test_video_files import write_video


@pytest.fixture
def two_sizes(tmp_path: Path) -> Path:
    """Two classes of the same noise, one in files of 64×48, the other of 96×48."""
    rng = np.random.default_rng(0)
    for label, width in (("small", 64), ("wide", 96)):
        (tmp_path / label).mkdir()
        for i in range(6):
            frames = [rng.integers(60, 200, (48, width, 3), dtype=np.uint8) for _ in range(8)]
            write_video(tmp_path / label / f"{i}.avi", frames, "12.5", "mjpeg")
    return tmp_path


def test_frame_size_tells_the_class_before_and_is_at_chance_after(two_sizes: Path) -> None:
    corpus = class_folders(two_sizes, 16, ClipGrid(4, 1, 4))
    facts = video_facts(corpus)
    assert facts["width"].nunique() == 2
    assert facts["seen_width"].nunique() == facts["seen_height"].nunique() == 1
    table = shortcut_table(corpus).set_index(["facts", "when"])["balanced_accuracy"]
    assert table["frame size", "file"] == 1
    assert table["frame size", "encoder"] == 0.5  # a constant says nothing
    assert (table.between(0, 1)).all()


def test_previews_are_small_and_escape_what_files_are_called(two_sizes: Path) -> None:
    corpus = class_folders(two_sizes, 16, ClipGrid(4, 1, 4))
    shown = look([(corpus, corpus.rows("train"))], 1)
    assert "data:image/webp;base64," in shown._repr_html_()
    clips = corpus.load(np.arange(2))
    assert moving(clips, 1)[8:12] == strip(clips[0])[8:12] == b"WEBP"
    assert b"ANIM" in moving(clips, 1)
    assert b"ANIM" not in strip(clips[0])
    corpus.table.loc[0, "label"] = "<b>"
    assert "<b>" not in pair_strips(corpus, [(0, 1, "near", True)])._repr_html_()


def test_a_drawn_world_has_no_file_to_give_the_class_away() -> None:
    from helpers.data.corpora.video import drawn_actions

    corpus = drawn_actions("studio", 16, ClipGrid(4, 2, 8), Drawing(9, 2, 2.0, 0.0))  # three videos an action
    table = shortcut_table(corpus).query("when == 'file'")
    np.testing.assert_allclose(table["balanced_accuracy"], table["chance"])
