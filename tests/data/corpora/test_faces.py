"""Face corpora: miniature trees in the layouts of UTKFace, FairFace and CelebA, folders, manifests, and faults."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers.data.corpora.faces import FaceCrowd, face_corpus, face_sources
from helpers.data.fingerprint import fingerprint
from helpers.errors import StudyError


def picture(file: Path, seed: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, quality=95)


def utkface(root: Path, count: int = 30) -> Path:
    for i in range(count):
        picture(root / f"{20 + i}_{i % 2}_{i % 5}_2017010920{i:04d}.jpg.chip.jpg", i)
    return root


def test_utkface_is_read_from_its_names_and_malformed_names_are_counted(tmp_path):
    root = utkface(tmp_path / "utkface")
    picture(root / "61_1_20170109142408075.jpg.chip.jpg", 500)  # no race, as in the published set
    picture(root / "55_0_0_20170116232725357jpg.chip.jpg", 501)  # a dot is missing, all fields are there
    picture(root / "44_7_0_20170116232725357.jpg.chip.jpg", 502)  # no such gender
    corpus = face_corpus("utkface", str(root), 16)
    assert len(corpus) == 31
    assert any(notice.startswith("2 file(s) whose name lacks a field") for notice in corpus.notices)
    row = corpus.table.set_index("sample_id").loc["23_1_3_20170109200003.jpg.chip.jpg"]
    assert (row["label"], row["group"]) == ("female", "Indian")
    by_age = face_corpus("utkface", str(root), 16, target="age", group="gender")
    assert by_age.table.set_index("sample_id").loc["23_1_3_20170109200003.jpg.chip.jpg", "label"] == "20-29"
    assert set(by_age.table["split"]) == {"train", "test"}
    assert corpus.load(np.array([2, 0])).shape == (2, 3, 16, 16)


def test_copies_with_one_label_are_used_once_and_with_two_not_at_all(tmp_path):
    root = utkface(tmp_path / "utkface")
    first = root / "20_0_0_20170109200000.jpg.chip.jpg"
    shutil.copy(first, root / "20_0_0_20170109209999.jpg.chip.jpg")
    second = root / "21_1_1_20170109200001.jpg.chip.jpg"
    shutil.copy(second, root / "35_1_1_20170109209998.jpg.chip.jpg")  # only the age differs
    corpus = face_corpus("utkface", str(root), 16)
    names = set(corpus.table["sample_id"])
    assert len(corpus) == 29
    assert len({first.name, "20_0_0_20170109209999.jpg.chip.jpg"} & names) == 1
    assert not {second.name, "35_1_1_20170109209998.jpg.chip.jpg"} & names
    assert "2 copies of 1 image(s) under two labels are left out" in corpus.notices
    assert "1 exact copy: left out, the first is kept" in corpus.notices


def fairface(root: Path) -> Path:
    races = ["East Asian", "Indian", "Black", "White", "Middle Eastern", "Latino_Hispanic", "Southeast Asian"]
    for part, count in (("train", 14), ("val", 7)):
        lines = ["file,age,gender,race,service_test"]
        for i in range(1, count + 1):
            picture(root / part / f"{i}.jpg", i + 100 * (part == "val"))
            age = ["3-9", "20-29", "more than 70"][i % 3]
            lines.append(f"{part}/{i}.jpg,{age},{['Male', 'Female'][i % 2]},{races[i % 7]},{i % 2 == 0}")
        (root / f"fairface_label_{part}.csv").write_text("\n".join(lines) + "\n")
    return root


def test_fairface_is_read_from_its_tables_and_its_validation_part_is_the_test(tmp_path):
    root = fairface(tmp_path / "fairface")
    corpus = face_corpus("fairface", str(root), 16)
    assert corpus.table["split"].value_counts().to_dict() == {"train": 14, "test": 7}
    row = corpus.table.set_index("sample_id").loc["val/3.jpg"]
    assert (row["label"], row["group"], row["split"]) == ("Female", "White", "test")
    (root / "train" / "5.jpg").unlink()
    fewer = face_corpus("fairface", str(root), 16, target="age", group="gender")
    assert "1 listed picture(s) are not there: train/5.jpg" in fewer.notices
    assert set(fewer.table["label"]) == {"3-9", "20-29", "more than 70"}


def celeba(root: Path) -> Path:
    rows, people, parts = [], [], []
    for i in range(1, 25):
        name = f"{i:06d}.jpg"
        picture(root / "img_align_celeba" / name, i)
        rows.append(f"{name}  {'-1' if i % 2 else ' 1'} {'-1' if i % 3 else ' 1'}  1")
        people.append(f"{name} {2000 + i // 2}")
        parts.append(f"{name} {0 if i < 16 else 1 if i < 20 else 2}")
    (root / "list_attr_celeba.txt").write_text("\n".join(["24", "Smiling Male Young ", *rows]) + "\n")
    (root / "identity_CelebA.txt").write_text("\n".join(people) + "\n")
    (root / "list_eval_partition.txt").write_text("\n".join(parts) + "\n")
    return root


def test_celeba_is_read_with_identities_and_partitions_and_nobody_straddles_them(tmp_path):
    root = celeba(tmp_path / "celeba")
    corpus = face_corpus("celeba", str(root), 16)
    row = corpus.table.set_index("sample_id").loc["000006.jpg"]
    assert (row["label"], row["group"], row["subject"]) == ("yes", "yes", "person 2003")
    assert corpus.table.groupby("subject")["split"].nunique().max() == 1
    (root / "list_eval_partition.txt").write_text(
        "\n".join(f"{i:06d}.jpg {0 if i < 15 else 1 if i < 20 else 2}" for i in range(1, 25)) + "\n"
    )  # person 2007 (pictures 14 and 15) now stands in two parts
    kept = face_corpus("celeba", str(root), 16)
    assert any("share an image or a subject" in notice for notice in kept.notices)
    assert "000014.jpg" not in set(kept.table["sample_id"])
    (root / "identity_CelebA.txt").unlink()
    assert any("no identity_CelebA.txt" in notice for notice in face_corpus("celeba", str(root), 16).notices)


def test_celebas_lists_may_lie_where_the_authors_archive_has_them(tmp_path):
    root = celeba(tmp_path / "celeba")
    for folder, name in (
        ("Anno", "list_attr_celeba.txt"),
        ("Anno", "identity_CelebA.txt"),
        ("Eval", "list_eval_partition.txt"),
    ):
        (root / folder).mkdir(exist_ok=True)
        (root / name).rename(root / folder / name)
    (root / "Img").mkdir()
    (root / "img_align_celeba").rename(root / "Img" / "img_align_celeba")
    assert len(face_corpus("celeba", str(root), 16)) == 24


def test_folders_of_groups_and_manifests_are_read(tmp_path):
    for i in range(24):
        picture(tmp_path / "own" / f"group{i % 3}" / ["yes", "no"][i % 2] / f"{i}.png", i)
    corpus = face_corpus("folder", str(tmp_path / "own"), 16)
    assert corpus.table.set_index("sample_id").loc["group1/yes/4.png", ["label", "group"]].tolist() == ["yes", "group1"]
    listed = pd.DataFrame({"path": corpus.table["sample_id"], "label": corpus.table["label"], "group": "g",
                           "hat": ["a", "b"] * 12, "subject": [f"p{i // 2}" for i in range(24)]})  # fmt: skip
    listed.to_csv(tmp_path / "own" / "list.csv", index=False)
    named = face_corpus("manifest", str(tmp_path / "own" / "list.csv"), 16, target="hat", group="label")
    assert set(named.table["label"]) == {"a", "b"}
    assert named.table.groupby("subject")["split"].nunique().max() == 1
    assert len(face_sources("manifest", str(tmp_path / "own" / "list.csv"), 16, FaceCrowd())) == 25


def test_drawn_faces_take_any_attribute_as_target_and_group():
    corpus = face_corpus("faces", image_size=16, target="glasses", group="facial_hair", crowd=FaceCrowd(6, 4, 1))
    assert set(corpus.table["label"]) <= {"glasses", "no glasses"}
    assert set(corpus.table["group"]) <= {"facial hair", "no facial hair"}
    assert fingerprint(face_sources("faces", "", 16, FaceCrowd(6))) != fingerprint(
        face_sources("faces", "", 16, FaceCrowd(7))
    )


@pytest.mark.parametrize(
    ("name", "options", "line"),
    [
        ("lfw", {}, "no corpus of faces is called 'lfw'"),
        ("utkface", {}, "needs data_root"),
        ("faces", {"target": "hat"}, "is no attribute"),
        ("faces", {"target": "smile", "group": "smile"}, "target and group are both 'smile'"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_line(name, options, line):
    with pytest.raises(StudyError, match=line):
        face_corpus(name, **options)


def test_trees_of_another_layout_are_refused_in_one_line(tmp_path):
    picture(tmp_path / "a.jpg", 0)
    for name, line in (("utkface", "no picture named"), ("fairface", "no fairface_label_train.csv"),
                       ("celeba", "no list_attr_celeba.txt"), ("folder", "does not lie in")):  # fmt: skip
        with pytest.raises(StudyError, match=line):
            face_corpus(name, str(tmp_path), 16)
    root = celeba(tmp_path / "celeba")
    (root / "list_attr_celeba.txt").write_text("1\nSmiling Male\n000001.jpg 1\n")
    with pytest.raises(StudyError, match=r"list_attr_celeba.txt, line 3"):
        face_corpus("celeba", str(root), 16)
    with pytest.raises(StudyError, match="'Hat' is no attribute"):
        face_corpus("celeba", str(celeba(tmp_path / "again")), 16, target="Hat")


@pytest.mark.realdata
def test_the_real_sample_has_its_known_faults(shared_data):
    corpus = face_corpus("utkface", str(shared_data / "utkface"), 16)
    assert any(notice.startswith("2 file(s) whose name lacks a field") for notice in corpus.notices)
    assert any("under two labels" in notice for notice in corpus.notices)
    assert corpus.table.groupby("subject")["split"].nunique().max() == 1
    assert set(corpus.table["label"]) == {"male", "female"}
