"""IP102 in miniature: the lists as distributed, and all that can be wrong with them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.data.corpora.ip102 import ip102, sources
from helpers.data.corpora.pests import pest_corpus
from helpers.errors import StudyError


def miniature(root: Path, images: str = "images") -> Path:
    """12 training, 4 validation and 6 test pictures of two classes."""
    (root / images).mkdir(parents=True, exist_ok=True)
    number = 0
    for file, count in (("train.txt", 12), ("val.txt", 4), ("test.txt", 6)):
        lines = []
        for i in range(count):
            pixels = np.random.default_rng(number).integers(0, 256, (30, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / images / f"{number:05d}.jpg")
            lines.append(f"{number:05d}.jpg {i % 2}")
            number += 1
        (root / file).write_text("\n".join(lines) + "\n")
    (root / "classes.txt").write_text("1  rice leaf roller   \n2  rice leaf caterpillar \n\n")
    return root


def test_the_lists_are_the_split_and_classes_are_counted_from_one(tmp_path):
    corpus = ip102(miniature(tmp_path), 16)
    assert corpus.table["split"].value_counts().to_dict() == {"train": 12, "test": 6, "validation": 4}
    first = corpus.table.set_index("sample_id")["label"]
    assert first["00000.jpg"] == "rice leaf roller"
    assert first["00001.jpg"] == "rice leaf caterpillar"
    assert corpus.load(np.array([0, 5])).shape == (2, 3, 16, 16)
    assert not corpus.simulated
    assert corpus.notices == ()


def test_classes_counted_from_zero_and_no_classes_at_all_are_read(tmp_path):
    root = miniature(tmp_path)
    (root / "classes.txt").write_text("0 roller\n1 caterpillar\n")
    assert set(ip102(root, 16).table["label"]) == {"roller", "caterpillar"}
    (root / "classes.txt").unlink()
    assert set(ip102(root, 16).table["label"]) == {"class000", "class001"}


def test_without_a_validation_list_nothing_is_validation(tmp_path):
    root = miniature(tmp_path)
    (root / "val.txt").unlink()
    assert set(ip102(root, 16).table["split"]) == {"train", "test"}


def test_pictures_beside_the_lists_names_with_spaces_and_odd_line_ends_are_read(tmp_path):
    root = miniature(tmp_path, images=".")
    (root / "00000.jpg").rename(root / "a moth.jpg")
    text = (root / "train.txt").read_text().replace("00000.jpg 0", "./a moth.jpg\t0  ").replace("\n", "\r\n")
    (root / "train.txt").write_bytes(b"\xef\xbb\xbf" + text.encode())
    table = ip102(root, 16).table.set_index("sample_id")
    assert table.loc["a moth.jpg", "label"] == "rice leaf roller"
    assert len(table) == 22


def test_absent_twice_listed_and_broken_pictures_are_left_out_and_counted(tmp_path):
    root = miniature(tmp_path)
    (root / "images" / "00003.jpg").unlink()
    (root / "images" / "00004.jpg").write_bytes(b"no picture")
    with (root / "train.txt").open("a") as file:
        file.write("00016.jpg 0\n")  # stands in the test list too
    corpus = ip102(root, 16)
    assert corpus.table.set_index("sample_id").loc["00016.jpg", "split"] == "test"
    told = " | ".join(corpus.notices)
    assert "1 picture(s) are listed twice" in told
    assert "1 listed picture(s) are not there: 00003.jpg" in told
    assert "1 file(s) cannot be decoded and are left out: 00004.jpg" in told
    assert len(corpus) == 20


def test_near_duplicates_across_lists_stay_on_the_test_side_and_contradictions_go(tmp_path):
    root = miniature(tmp_path)
    for source, copy in (("00016.jpg", "00000.jpg"), ("00017.jpg", "00002.jpg")):
        picture = Image.open(root / "images" / source)
        picture.resize((80, 60), Image.Resampling.BICUBIC).save(root / "images" / copy, quality=95)
    corpus = ip102(root, 16)  # 00016 has label 0 as 00000 has; 00017 has 1, 00002 has 0
    left = set(corpus.table["sample_id"])
    assert "00016.jpg" in left
    assert not {"00000.jpg", "00002.jpg", "00017.jpg"} & left
    told = " | ".join(corpus.notices)
    assert "2 pair(s) of near duplicates" in told
    assert "00000.jpg ~ 00016.jpg" in told
    assert "2 near duplicates under two labels are left out" in told


@pytest.mark.parametrize(
    ("file", "text", "line"),
    [
        ("train.txt", "00000.jpg\n", "train.txt, line 1: '00000.jpg' is not 'path label'"),
        ("test.txt", "00016.jpg one\n", "test.txt, line 1: '00016.jpg one' is not 'path label'"),
        ("val.txt", "\n", "val.txt lists no pictures"),
        ("train.txt", "00000.jpg 7\n", "classes.txt has no class for label 7"),
        ("classes.txt", "roller\n", "classes.txt, line 1: 'roller' is not 'number name'"),
    ],
)
def test_what_is_wrong_with_a_list_is_one_clear_line(file, text, line, tmp_path):
    root = miniature(tmp_path)
    (root / file).write_text(text)
    with pytest.raises(StudyError, match=line):
        ip102(root, 16)


def test_a_missing_list_or_no_pictures_is_one_clear_line(tmp_path):
    root = miniature(tmp_path)
    for file in (root / "images").iterdir():
        file.unlink()
    with pytest.raises(StudyError, match="none of the 22 listed pictures"):
        ip102(root, 16)
    (root / "test.txt").unlink()
    with pytest.raises(StudyError, match=r"has no test\.txt"):
        sources(root)
    with pytest.raises(StudyError, match="is not a folder"):
        ip102(tmp_path / "nowhere")
    with pytest.raises(StudyError, match="needs data_root"):
        pest_corpus("ip102")


def test_pest_readers_load_a_mask_with_every_picture(tmp_path):
    corpus = pest_corpus("ip102", str(miniature(tmp_path)), 16)
    batch = corpus.load(np.arange(3))
    assert batch["input"].shape == (3, 3, 16, 16)
    assert not batch["mask"].any()
    assert not corpus.table["has_mask"].any()
