"""Corpora of volumes: each public layout in miniature, masks that stay hidden, files that are wrong."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from helpers.data.catalogue.lookup import find_entry, find_on_disk
from helpers.data.check import check_corpus
from helpers.data.corpora.volume_files import Volume, write_volume
from helpers.data.corpora.volumes import VolumeSettings, class_names, volume_corpus, volume_sources, voxel_spacing
from helpers.data.fingerprint import fingerprint
from helpers.errors import StudyError
from tests.data.corpora.test_volume_files import write_mhd

SMALL = VolumeSettings(depth=8, size=16)


def blob(seed: int, values: tuple[int, ...] = (1,), shape: tuple[int, int, int] = (14, 16, 8)) -> tuple:
    """A picture with a bright box for every label value, and its labels."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 100, shape).astype(np.int16)
    labels = np.zeros(shape, dtype=np.int16)
    for i, value in enumerate(values):
        at = 2 + i
        image[at * 2 : at * 2 + 2, 4:12, 2:6] += 500
        labels[at * 2 : at * 2 + 2, 4:12, 2:6] = value
    return image, labels


def put(path: Path, array: np.ndarray, spacing: float = 1.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_volume(path, Volume(array, np.diag([spacing, spacing, spacing, 1.0])))
    return path


def decathlon(root: Path, count: int = 12) -> Path:
    training = []
    for i in range(count):
        image, labels = blob(i, (1, 2))
        put(root / f"imagesTr/organ_{i:03d}.nii.gz", image)
        put(root / f"labelsTr/organ_{i:03d}.nii.gz", labels)
        training.append({"image": f"./imagesTr/organ_{i:03d}.nii.gz", "label": f"./labelsTr/organ_{i:03d}.nii.gz"})
    put(root / "imagesTs/organ_900.nii.gz", blob(900)[0])
    told = {"name": "Organ", "modality": {"0": "MRI"}, "labels": {"0": "background", "1": "Front", "2": "Back"},
            "training": training, "test": ["./imagesTs/organ_900.nii.gz"], "licence": "CC-BY-SA 4.0"}  # fmt: skip
    (root / "dataset.json").write_text(json.dumps(told))
    return root


def test_decathlon_in_miniature(tmp_path: Path):
    root = decathlon(tmp_path / "Task99_Organ")
    corpus = volume_corpus("decathlon", str(root), SMALL)
    assert (corpus.name, len(corpus), class_names(corpus), voxel_spacing(corpus)) == (
        "Organ",
        13,
        ["Front", "Back"],
        1.0,
    )
    assert corpus.table.set_index("sample_id").loc["organ_900", "split"] == "unlabelled"
    assert set(corpus.table["split"]) == {"unlabelled", "train", "validation", "test"}
    train = corpus.rows("train")
    loaded = corpus.load(train)
    assert loaded["input"].shape == (len(train), 1, 8, 16, 16)
    assert loaded["affine"].dtype == torch.float64
    for image, mask in zip(loaded["input"][:, 0], loaded["mask"], strict=True):
        assert image[mask > 0].mean() > image[mask == 0].mean() + 0.5
        assert int((mask == 1).sum()) == int((mask == 2).sum()) == 2 * 8 * 4
    assert volume_sources("decathlon", str(root), SMALL)[-1].name == "dataset.json"
    assert find_on_disk([find_entry("decathlon")], tmp_path) == {"decathlon": root}


def test_masks_of_unlabelled_subjects_are_never_loaded(tmp_path: Path):
    corpus = volume_corpus("decathlon", str(decathlon(tmp_path)), SMALL)
    hidden = corpus.rows("unlabelled")
    assert len(hidden) > 1
    assert not corpus.table["has_mask"].to_numpy()[hidden].any()
    assert corpus.load(hidden)["mask"].sum() == 0


def test_brats_in_miniature_2020_and_2023_with_visits_of_one_patient_together(tmp_path: Path):
    for i in range(8):
        case = f"BraTS20_Training_{i:03d}"
        image, labels = blob(i, (1, 2, 4))
        for kind in ("flair", "t1", "t1ce", "t2"):
            put(tmp_path / case / f"{case}_{kind}.nii.gz", image + (3 if kind != "flair" else 0))
        put(tmp_path / case / f"{case}_seg.nii.gz", labels)
    for visit in ("000", "001"):
        case = f"BraTS-GLI-00005-{visit}"
        image, labels = blob(90, (1, 2, 3))
        for kind in ("t1c", "t1n", "t2f", "t2w"):
            put(tmp_path / case / f"{case}-{kind}.nii.gz", image)
        put(tmp_path / case / f"{case}-seg.nii.gz", labels)
    (tmp_path / "BraTS20_Validation_001").mkdir()
    put(tmp_path / "BraTS20_Validation_001" / "BraTS20_Validation_001_flair.nii.gz", blob(99)[0])
    corpus = volume_corpus("brats", str(tmp_path), SMALL)
    assert len(corpus) == 11
    assert class_names(corpus) == ["necrotic core", "oedema", "enhancing tumour"]
    assert corpus.table.groupby("subject").size().loc["BraTS-GLI-00005"] == 2
    assert set(corpus.table["group"]) == {"flair", "t2f"}
    shown = corpus.load(np.flatnonzero(corpus.table["has_mask"]))["mask"]
    assert (shown.amax(dim=(1, 2, 3)) == 3).all()


def test_mmwhs_in_miniature_with_the_distributions_wrong_value(tmp_path: Path):
    for i in range(6):
        for kind in ("ct", "mr"):
            image, labels = blob(i, (500, 600, 421 if kind == "mr" and i == 2 else 420))
            name = f"{kind}_train_{1001 + i}"
            put(tmp_path / f"{kind}_train/{name}_image.nii.gz", image)
            put(tmp_path / f"{kind}_train/{name}_label.nii.gz", labels)
    put(tmp_path / "ct_test/ct_test_2001_image.nii.gz", blob(50)[0])
    corpus = volume_corpus("mmwhs", str(tmp_path), SMALL)
    assert len(corpus) == 13
    assert class_names(corpus)[:2] == ["left ventricle's wall", "left atrium"]
    shown = corpus.load(np.flatnonzero(corpus.table["has_mask"]))["mask"]
    assert ({int(v) for v in shown.unique()}) == {0, 2, 3, 5}
    assert set(corpus.table["group"]) == {"ct", "mr"}


def test_luna16_in_miniature(tmp_path: Path):
    for i in range(8):
        image, labels = blob(i, (3, 4))
        (tmp_path / f"subset{i % 2}").mkdir(exist_ok=True)
        (tmp_path / "seg-lungs-LUNA16").mkdir(exist_ok=True)
        write_mhd(tmp_path / f"subset{i % 2}", f"1.3.6.{i}", image)
        write_mhd(tmp_path / "seg-lungs-LUNA16", f"1.3.6.{i}", labels)
    corpus = volume_corpus("luna16", str(tmp_path), SMALL)
    assert len(corpus) == 8
    assert voxel_spacing(corpus) == pytest.approx(2.5, abs=0.01)  # 8 slices of 2.5 mm fit the grid of 8
    assert class_names(corpus) == ["lung 3", "lung 4", "trachea"]
    assert len(volume_sources("luna16", str(tmp_path), SMALL)) == 32  # headers and their raw files


def test_a_folder_of_nifti_finds_its_own_labels_and_their_values(tmp_path: Path):
    for i in range(8):
        image, labels = blob(i, (7,))
        put(tmp_path / f"images/p{i}.nii.gz", image, 2.0)
        if i < 7:
            put(tmp_path / f"labels/p{i}.nii.gz", labels, 2.0)
    corpus = volume_corpus("folder", str(tmp_path), SMALL)
    assert class_names(corpus) == ["label 7"]
    assert voxel_spacing(corpus) == 2.0
    assert corpus.table.set_index("sample_id").loc["p7", "split"] == "unlabelled"


def test_a_manifest_has_its_own_splits_and_paths_from_its_folder(tmp_path: Path):
    records = []
    for i in range(6):
        image, labels = blob(i)
        put(tmp_path / f"v/{i}.nii.gz", image)
        put(tmp_path / f"m/{i}.nii.gz", labels)
        split = ["train", "train", "test", "test", "validation", "unlabelled"][i]
        mask = "" if split == "unlabelled" else f"m/{i}.nii.gz"
        records.append({"sample_id": f"s{i}", "path": f"v/{i}.nii.gz", "mask": mask, "split": split})
    pd.DataFrame(records).to_csv(tmp_path / "list.csv", index=False)
    corpus = volume_corpus("manifest", str(tmp_path / "list.csv"), SMALL)
    assert list(corpus.rows("test")) == [2, 3]
    assert corpus.load(np.array([0]))["mask"].sum() > 0


def test_a_volume_cut_short_is_left_out_and_told_of_and_data_check_names_it(tmp_path: Path):
    root = decathlon(tmp_path)
    broken = root / "imagesTr/organ_003.nii.gz"
    broken.write_bytes(broken.read_bytes()[:1500])
    corpus = volume_corpus("decathlon", str(root), SMALL)
    assert len(corpus) == 12
    assert "organ_003" not in set(corpus.table["sample_id"])
    assert any("organ_003" in notice and "cut short" in notice for notice in corpus.notices)
    check = check_corpus(find_entry("decathlon"), root)
    assert any("organ_003" in line for line in (*check.notices, *check.problems))


def test_where_every_volume_is_cut_short_that_is_one_clear_line(tmp_path: Path):
    root = decathlon(tmp_path, 2)
    for path in (*root.glob("imagesTr/*"), *root.glob("imagesTs/*")):
        path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(StudyError, match="no volume can be read; left out"):
        volume_corpus("decathlon", str(root), SMALL)


def test_image_and_label_that_do_not_match_are_one_clear_line(tmp_path: Path):
    root = decathlon(tmp_path)
    put(root / "labelsTr/organ_002.nii.gz", blob(2, shape=(14, 16, 7))[1])
    with pytest.raises(StudyError, match=r"organ_002.nii.gz has 14×16×7 voxels, its image 14×16×8"):
        volume_corpus("decathlon", str(root), SMALL)
    put(root / "labelsTr/organ_002.nii.gz", blob(2)[1], spacing=1.5)
    with pytest.raises(StudyError, match=r"organ_002.nii.gz and its image .* affines differ"):
        volume_corpus("decathlon", str(root), SMALL)


def test_a_label_nobody_knows_is_one_clear_line(tmp_path: Path):
    root = decathlon(tmp_path)
    put(root / "labelsTr/organ_002.nii.gz", blob(2, (1, 5))[1])
    with pytest.raises(StudyError, match=r"organ_002.nii.gz holds the label 5; known are 0, 1, 2"):
        volume_corpus("decathlon", str(root), SMALL)


def test_an_empty_mask_is_kept_and_told_of(tmp_path: Path):
    root = decathlon(tmp_path)
    put(root / "labelsTr/organ_004.nii.gz", np.zeros((14, 16, 8), np.int16))
    corpus = volume_corpus("decathlon", str(root), SMALL)
    assert len(corpus) == 13
    assert any("1 mask(s) mark nothing, e.g. organ_004" in notice for notice in corpus.notices)


def test_what_is_missing_or_laid_otherwise_is_one_clear_line(tmp_path: Path):
    with pytest.raises(StudyError, match="needs data_root"):
        volume_corpus("decathlon", "")
    with pytest.raises(StudyError, match="is not a folder"):
        volume_corpus("brats", str(tmp_path / "nowhere"))
    with pytest.raises(StudyError, match=r"no dataset.json; expected dataset.json, imagesTr"):
        volume_corpus("decathlon", str(tmp_path))
    for name in ("brats", "mmwhs", "luna16", "folder"):
        with pytest.raises(StudyError, match=f"holds no volumes in the layout of {name}"):
            volume_corpus(name, str(tmp_path))
    with pytest.raises(StudyError, match="no corpus of volumes is called 'lungs'"):
        volume_corpus("lungs", str(tmp_path))
    (tmp_path / "dataset.json").write_text('{"labels": 3')
    with pytest.raises(StudyError, match="cannot be read"):
        volume_corpus("decathlon", str(tmp_path))


def test_simulated_brains_are_split_by_subject_and_cached_the_same():
    settings = VolumeSettings(depth=8, size=16, subjects=20)
    corpus = volume_corpus("brains", settings=settings)
    assert corpus.simulated
    assert corpus.table["split"].value_counts().to_dict() == {"unlabelled": 7, "train": 6, "test": 5, "validation": 2}
    again = volume_corpus("brains", settings=settings)
    assert torch.equal(corpus.load(np.arange(20))["input"], again.load(np.arange(20))["input"])
    assert corpus.fingerprint == fingerprint(volume_sources("brains", "", settings))


def test_a_limit_spreads_over_the_corpus(tmp_path: Path):
    corpus = volume_corpus("decathlon", str(decathlon(tmp_path)), VolumeSettings(depth=8, size=16, limit=5))
    assert list(corpus.table["sample_id"]) == [f"organ_{i:03d}" for i in (0, 3, 6, 9)] + ["organ_900"]


@pytest.mark.realdata
def test_the_real_hippocampus(shared_data: Path):
    root = shared_data / "Task04_Hippocampus"
    if not root.is_dir():
        pytest.skip("Task04_Hippocampus is not among the real samples")
    corpus = volume_corpus("decathlon", str(root), VolumeSettings(depth=16, size=24, limit=8))
    assert class_names(corpus) == ["Anterior", "Posterior"]
    masks = corpus.load(np.flatnonzero(corpus.table["has_mask"]))["mask"]
    centre = [torch.nonzero(masks == c).double().mean(0) for c in (1, 2)]
    assert centre[0][2] > centre[1][2]  # anterior lies in front of posterior: axes run to the front
