"""A folder of faces without labels: every depth, copies together, damage told."""

import numpy as np
import pytest
from PIL import Image

from helpers.data.corpora.portraits import named_portraits, portraits
from helpers.errors import StudyError


def write(path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((40, 40)).save(path)


@pytest.fixture
def root(tmp_path):
    for i in range(12):
        write(tmp_path / "thumbnails128x128" / f"{i // 5 * 1000:05d}" / f"{i:05d}.png", i)
    return tmp_path


def test_ffhqs_layout_is_read_with_no_labels_and_a_fifth_for_the_test(root):
    corpus = portraits(str(root), 16)
    assert len(corpus) == 12
    assert corpus.load(np.arange(3)).shape == (3, 3, 16, 16)
    assert corpus.table["label"].isna().all()
    assert corpus.rows("test").size in (2, 3)
    assert not set(corpus.rows("train")) & set(corpus.rows("test"))
    assert "12" in corpus.card().to_string()


def test_copies_never_stand_in_two_parts_and_broken_files_are_told(root):
    for i in range(12):
        write(root / "copies" / f"{i}.png", i)
    (root / "broken.png").write_bytes(b"no picture")
    corpus = portraits(str(root), 16)
    split = corpus.table.groupby("subject")["split"].nunique()
    assert (split == 1).all()
    assert any("cannot be decoded" in notice for notice in corpus.notices)


def test_an_absent_or_empty_folder_is_one_clear_line(tmp_path):
    with pytest.raises(StudyError, match="needs data_root"):
        portraits("")
    with pytest.raises(StudyError, match="not a folder"):
        portraits(str(tmp_path / "nothing"))
    with pytest.raises(StudyError, match="0 pictures"):
        portraits(str(tmp_path))
    with pytest.raises(StudyError, match="there is: ffhq"):
        named_portraits("flickr", str(tmp_path))
