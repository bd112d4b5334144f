"""Fine-grained benchmarks in miniature, each in exactly the layout that it is distributed in."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.io import savemat

from helpers.data.corpora.cub import cub
from helpers.data.corpora.fine_grained import NAMES, ButterflyDrawing, fine_grained_corpus, fine_grained_sources
from helpers.data.corpora.fine_grained_lists import BANNER, FLOWERS_17, LISTS
from helpers.data.fingerprint import fingerprint
from helpers.errors import StudyError
from tests.data.corpora.damage import damages


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("STUDIES_OUTPUTS", str(tmp_path_factory.mktemp("outputs")))


def picture(path: Path, seed: int, width: int = 40, height: int = 30, banner: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 200, (height + banner, width, 3), dtype=np.uint8)
    if banner:
        pixels[-banner:] = 255
    Image.fromarray(pixels).save(path, quality=95)


def cub_tree(root: Path) -> Path:
    """Three birds of two species: the first 40×30, the others 30×40."""
    folder = root / "CUB_200_2011"
    names = ["001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.jpg",
             "001.Black_footed_Albatross/Black_Footed_Albatross_0009_34.jpg",
             "002.Laysan_Albatross/Laysan_Albatross_0002_1027.jpg",
             "002.Laysan_Albatross/Laysan_Albatross_0003_1033.jpg"]  # fmt: skip
    for i, name in enumerate(names):
        picture(folder / "images" / name, i, *((40, 30) if i == 0 else (30, 40)))
    write = {
        "images.txt": [f"{i + 1} {name}" for i, name in enumerate(names)],
        "image_class_labels.txt": ["1 1", "2 1", "3 2", "4 2"],
        "classes.txt": ["1 001.Black_footed_Albatross", "2 002.Laysan_Albatross"],
        "train_test_split.txt": ["1 0", "2 1", "3 1", "4 0"],
        "bounding_boxes.txt": ["1 10.0 5.0 20.0 10.0", "2 0.0 0.0 30.0 40.0",
                               "3 1.0 1.0 5.0 5.0", "4 2.0 9.0 20.0 20.0"],
        "parts/parts.txt": ["1 back", "2 beak", "3 left eye"],
        "parts/part_locs.txt": ["1 1 20.0 15.0 1", "1 2 0.0 0.0 0", "1 3 2.0 15.0 1", "2 1 15.0 20.0 1",
                                "3 1 0.0 0.0 0", "4 1 15.0 20.0 1", "4 2 15.0 38.0 1"],
        "attributes.txt": ["1 has_bill_shape::curved_(up_or_down)"],
    }  # fmt: skip
    (folder / "parts").mkdir(parents=True, exist_ok=True)
    for file, lines in write.items():
        (folder / file).write_text("\n".join(lines) + "\n")
    return root


def aircraft_tree(root: Path) -> Path:
    data = root / "fgvc-aircraft-2013b" / "data"
    lists = {"train": ["1025794 707-320", "1340192 A340-300"], "val": ["0056978 707-320"],
             "test": ["1236289 Cessna 172", "0062765 A340-300"]}  # fmt: skip
    data.mkdir(parents=True)
    number = 0
    for name, lines in lists.items():
        (data / f"images_variant_{name}.txt").write_text("\n".join(lines) + "\n")
        for line in lines:
            picture(data / "images" / f"{line.split()[0]}.jpg", number, banner=BANNER)
            number += 1
    trainval = lists["train"] + lists["val"]
    (data / "images_variant_trainval.txt").write_text("\n".join(trainval) + "\n")
    (data / "variants.txt").write_text("707-320\nA340-300\nCessna 172\n")
    return root


def cars_tree(root: Path) -> Path:
    folder = root / "stanford_cars"
    (folder / "devkit").mkdir(parents=True)
    names = np.array(["AM General Hummer SUV 2000", "Acura RL Sedan 2012"], dtype=object)
    savemat(folder / "devkit" / "cars_meta.mat", {"class_names": names})
    types = [(name, object) for name in ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "fname")]
    for part, classes, file in (("train", (1, 2, 2), "devkit/cars_train_annos.mat"),
                                ("test", (2, 1), "cars_test_annos_withlabels.mat")):  # fmt: skip
        rows = [(1, 2, 30, 20, c, f"{i + 1:05d}.jpg") for i, c in enumerate(classes)]
        savemat(folder / file, {"annotations": np.array([rows], dtype=types)})
        for i in range(len(classes)):
            picture(folder / f"cars_{part}" / f"{i + 1:05d}.jpg", 50 + i + 10 * len(part))
    return root


def flowers102_tree(root: Path) -> Path:
    folder = root / "flowers-102"
    for i in range(6):
        picture(folder / "jpg" / f"image_{i + 1:05d}.jpg", 80 + i)
    savemat(folder / "imagelabels.mat", {"labels": np.array([[77, 77, 1, 1, 77, 1]], dtype=np.uint8)})
    savemat(
        folder / "setid.mat", {"trnid": np.array([[1, 3]]), "valid": np.array([[2]]), "tstid": np.array([[4, 5, 6]])}
    )
    return root


def flowers17_tree(root: Path) -> Path:
    for n in (1, 2, 3, 80, 81, 82, 1360, 1359):
        picture(root / "jpg" / f"image_{n:04d}.jpg", n)
    (root / "jpg" / "files.txt").write_text("image_0001.jpg\n")
    splits = {"trn1": [1, 2, 81], "val1": [3, 1359], "tst1": [80, 82, 1360]}
    savemat(root / "datasplits.mat", {key: np.array([value]) for key, value in splits.items()})
    return root


def pets_tree(root: Path) -> Path:
    folder = root / "oxford-iiit-pet"
    lists = {"trainval.txt": ["Abyssinian_100 1 1 1", "american_bulldog_10 2 2 1", "Abyssinian_101 1 1 1"],
             "test.txt": ["Abyssinian_201 1 1 1", "american_bulldog_2 2 2 1"]}  # fmt: skip
    (folder / "annotations").mkdir(parents=True)
    number = 200
    for name, lines in lists.items():
        (folder / "annotations" / name).write_text("\n".join(lines) + "\n")
        for line in lines:
            picture(folder / "images" / f"{line.split()[0]}.jpg", number)
            number += 1
    (folder / "images" / "Abyssinian_100.mat").write_bytes(b"lies there in the distribution")
    return root


TREES = {"cub200": cub_tree, "fgvc_aircraft": aircraft_tree, "stanford_cars": cars_tree,
         "flowers17": flowers17_tree, "flowers102": flowers102_tree, "oxford_pets": pets_tree}  # fmt: skip
PARTS = {
    "cub200": {"train": {"Black footed Albatross": 1, "Laysan Albatross": 1},
               "test": {"Black footed Albatross": 1, "Laysan Albatross": 1}},
    "fgvc_aircraft": {"train": {"707-320": 1, "A340-300": 1}, "validation": {"707-320": 1},
                      "test": {"Cessna 172": 1, "A340-300": 1}},
    "stanford_cars": {"train": {"AM General Hummer SUV 2000": 1, "Acura RL Sedan 2012": 2},
                      "test": {"AM General Hummer SUV 2000": 1, "Acura RL Sedan 2012": 1}},
    "flowers17": {"train": {"daffodil": 2, "snowdrop": 1}, "validation": {"daffodil": 1, "pansy": 1},
                  "test": {"daffodil": 1, "snowdrop": 1, "pansy": 1}},
    "flowers102": {"train": {"flower077": 1, "flower001": 1}, "validation": {"flower077": 1},
                   "test": {"flower077": 1, "flower001": 2}},
    "oxford_pets": {"train": {"Abyssinian": 2, "american bulldog": 1},
                    "test": {"Abyssinian": 1, "american bulldog": 1}},
}  # fmt: skip


@pytest.mark.parametrize("name", TREES)
def test_classes_and_the_official_split_are_those_of_the_lists(name, tmp_path):
    corpus = fine_grained_corpus(name, str(TREES[name](tmp_path)), 16)
    found: dict[str, dict[str, int]] = {}
    for (split, label), rows in corpus.table.groupby(["split", "label"]):
        found.setdefault(split, {})[label] = len(rows)
    assert found == PARTS[name]
    loaded = corpus.load(np.arange(len(corpus)))
    pixels = loaded["input"] if isinstance(loaded, dict) else loaded
    assert pixels.shape == (len(corpus), 3, 16, 16)
    assert not corpus.simulated


@pytest.mark.parametrize("name", TREES)
def test_the_unpacked_folder_itself_is_taken_too(name, tmp_path):
    root = TREES[name](tmp_path)
    inner = {"cub200": "CUB_200_2011", "fgvc_aircraft": "fgvc-aircraft-2013b/data", "stanford_cars": "stanford_cars",
             "flowers17": ".", "flowers102": "flowers-102", "oxford_pets": "oxford-iiit-pet"}[name]  # fmt: skip
    one, two = (fine_grained_corpus(name, str(folder), 16) for folder in (root, root / inner))
    assert one.table["sample_id"].equals(two.table["sample_id"])


@pytest.mark.parametrize("name", TREES)
def test_the_fingerprint_changes_with_a_picture_and_with_a_list(name, tmp_path):
    root = TREES[name](tmp_path)
    before = fingerprint(fine_grained_sources(name, str(root), 16, ButterflyDrawing()))
    image = next(path for path in sorted(root.rglob("*.jpg")))
    picture(image, 999)
    changed = fingerprint(fine_grained_sources(name, str(root), 16, ButterflyDrawing()))
    assert changed != before


@pytest.mark.parametrize("name", ["fgvc_aircraft", "oxford_pets", "stanford_cars"])
def test_files_and_labels_are_those_of_torchvisions_reader(name, tmp_path):
    from torchvision import datasets

    root = TREES[name](tmp_path)
    table = fine_grained_corpus(name, str(root), 16).table
    if name == "fgvc_aircraft":
        parts = {part: datasets.FGVCAircraft(str(root), split=theirs)
                 for part, theirs in (("train", "train"), ("validation", "val"), ("test", "test"))}  # fmt: skip
        theirs = {Path(f).name: (part, d.classes[c]) for part, d in parts.items()
                  for f, c in zip(d._image_files, d._labels)}  # fmt: skip
    elif name == "oxford_pets":
        parts = {"train": datasets.OxfordIIITPet(str(root)), "test": datasets.OxfordIIITPet(str(root), split="test")}
        theirs = {p.name: (part, d.classes[c]) for part, d in parts.items() for p, c in zip(d._images, d._labels)}
    else:
        parts = {part: datasets.StanfordCars(str(root), split=part) for part in ("train", "test")}
        theirs = {f"cars_{part}/{Path(f).name}": (part, d.classes[c]) for part, d in parts.items()
                  for f, c in d._samples}  # fmt: skip
    ours = {row.sample_id: (row.split, row.label) for row in table.itertuples()}
    assert ours.keys() == theirs.keys()
    for key in ours:
        assert ours[key][0] == theirs[key][0]
        assert ours[key][1].lower() == theirs[key][1].lower()


def test_the_aircrafts_banner_is_cut_off(tmp_path):
    root = aircraft_tree(tmp_path)
    corpus = fine_grained_corpus("fgvc_aircraft", str(root), 30)
    bottom = corpus.load(np.arange(len(corpus)))[..., -3:, :]
    assert bottom.max() < 0.95
    assert any("banner of 20 pixels" in notice for notice in corpus.notices)


def test_birds_boxes_and_parts_follow_the_crop(tmp_path):
    corpus = cub(cub_tree(tmp_path), 60)
    row = corpus.table.set_index("sample_id").index.get_loc(
        "001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.jpg"
    )
    loaded = corpus.load(np.array([row]))
    # 40×30 becomes 80×60 and loses 10 pixels left and right: the box 10..30 × 5..15 lies at 10..50 × 10..30.
    box = torch.zeros(60, 60)
    box[10:30, 10:50] = 1
    assert torch.equal(loaded["object"][0, 0], box)
    parts = loaded["parts"][0, 0]  # (20, 15) lies at (30, 30); (2, 15) at (-6, 30), outside; the third is not visible
    y, x = parts.nonzero().double().mean(0).tolist()
    assert (y + 0.5, x + 0.5) == pytest.approx((30, 30))
    assert parts.sum() == pytest.approx(np.pi * (20 * 2 / 12) ** 2, rel=0.15)
    seen = corpus.table.set_index("sample_id")["has_parts"]
    assert not seen["002.Laysan_Albatross/Laysan_Albatross_0002_1027.jpg"]  # its one part is not visible
    assert seen.sum() == 3


def test_birds_without_boxes_are_images_alone(tmp_path):
    root = cub_tree(tmp_path)
    (root / "CUB_200_2011" / "bounding_boxes.txt").unlink()
    corpus = cub(root, 16)
    assert isinstance(corpus.load(np.array([0])), torch.Tensor)
    assert "has_parts" not in corpus.table


def test_flowers_without_a_split_file_get_one_by_class(tmp_path):
    root = flowers17_tree(tmp_path)
    (root / "datasplits.mat").unlink()
    table = fine_grained_corpus("flowers17", str(root), 16).table
    assert set(table["split"]) == {"train", "test"}
    assert len(FLOWERS_17) == len(set(FLOWERS_17)) == 17
    by_name = table.set_index("sample_id")["label"]
    assert by_name["image_0080.jpg"] == "daffodil"
    assert by_name["image_0081.jpg"] == "snowdrop"
    assert by_name["image_1360.jpg"] == "pansy"


def test_absent_broken_and_twice_listed_pictures_are_left_out_and_counted(tmp_path):
    root = pets_tree(tmp_path)
    images, annotations = root / "oxford-iiit-pet" / "images", root / "oxford-iiit-pet" / "annotations"
    (images / "Abyssinian_101.jpg").unlink()
    (images / "american_bulldog_10.jpg").write_bytes(b"no picture")
    with (annotations / "test.txt").open("a") as file:
        file.write("Abyssinian_100 1 1 1\n")
    corpus = fine_grained_corpus("oxford_pets", str(root), 16)
    told = " | ".join(corpus.notices)
    assert "1 listed picture(s) are not there: Abyssinian_101.jpg" in told
    assert "1 picture(s) are listed twice" in told
    assert "1 file(s) cannot be decoded" in told
    assert corpus.table.set_index("sample_id").loc["Abyssinian_100.jpg", "split"] == "test"


@pytest.mark.parametrize(
    ("name", "file", "content", "line"),
    [
        ("cub200", "CUB_200_2011/image_class_labels.txt", "1 1\n2 1\n3 2\n", "has no line of image 4"),
        ("cub200", "CUB_200_2011/classes.txt", "1 001.A\n", "classes.txt has no class 2"),
        ("cub200", "CUB_200_2011/train_test_split.txt", "1 0\n2 1\n3 yes\n4 0\n", "must be 'id 1' for training"),
        ("cub200", "CUB_200_2011/images.txt", "1\n", "images.txt, line 1: '1' has not the fields id, path"),
        ("cub200", "CUB_200_2011/bounding_boxes.txt", "1 a 0 1 1\n", "has a field that is no number"),
        ("fgvc_aircraft", "fgvc-aircraft-2013b/data/images_variant_val.txt", "0056978\n", "is not 'picture variant'"),
        ("oxford_pets", "oxford-iiit-pet/annotations/test.txt", "Abyssinian 1\n", "is not 'name class species number'"),
        ("stanford_cars", "stanford_cars/devkit/cars_meta.mat", "no mat", "cannot be read as a MATLAB file"),
        ("flowers102", "flowers-102/setid.mat", "", "cannot be read as a MATLAB file"),
    ],
)
def test_what_is_wrong_with_a_list_is_said_in_one_line(name, file, content, line, tmp_path):
    root = TREES[name](tmp_path)
    (root / file).write_text(content)
    with pytest.raises(StudyError, match=line):
        fine_grained_corpus(name, str(root), 16)


@pytest.mark.parametrize("name", TREES)
def test_a_folder_that_holds_no_such_corpus_is_refused(name, tmp_path):
    with pytest.raises(StudyError):
        fine_grained_corpus(name, str(tmp_path), 16)
    with pytest.raises(StudyError, match="needs data_root"):
        fine_grained_sources(name, "", 16, ButterflyDrawing())


def test_cars_whose_class_is_not_among_the_names_or_whose_file_climbs_out_are_refused(tmp_path):
    root = cars_tree(tmp_path)
    types = [("class", object), ("fname", object)]
    file = root / "stanford_cars" / "devkit" / "cars_train_annos.mat"
    for row in ((9, "00001.jpg"), (1, "../../00001.jpg")):
        savemat(file, {"annotations": np.array([[row]], dtype=types)})
        with pytest.raises(StudyError, match="has the class"):
            fine_grained_corpus("stanford_cars", str(root), 16)


@given(damage=damages, name=st.sampled_from(sorted(TREES)))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_trees_are_read_or_refused_in_one_line(damage, name, tmp_path_factory):
    root = TREES[name](tmp_path_factory.mktemp("tree"))
    damage.do(root)
    refusal = ""
    try:
        corpus = fine_grained_corpus(name, str(root), 16)
        corpus.load(np.arange(len(corpus)))
    except StudyError as error:
        refusal = str(error)
    assert "\n" not in refusal


def test_folders_manifests_and_unknown_names(tmp_path):
    for label in "ab":
        for i in range(5):
            picture(tmp_path / "images" / label / f"{i}.jpg", ord(label) * 10 + i)
    folder = fine_grained_corpus("folder", str(tmp_path / "images"), 16)
    assert len(folder) == 10
    lines = ["path,label", *(f"images/{label}/{i}.jpg,{label}" for label in "ab" for i in range(5))]
    (tmp_path / "all.csv").write_text("\n".join(lines) + "\n")
    assert len(fine_grained_corpus("manifest", str(tmp_path / "all.csv"), 16)) == 10
    with pytest.raises(StudyError, match="no fine-grained corpus is called 'moths'; there are: butterflies, cub200"):
        fine_grained_corpus("moths", str(tmp_path), 16)
    assert set(LISTS) < set(NAMES)


@pytest.mark.realdata
def test_the_real_flowers_are_read_whole(shared_data):
    corpus = fine_grained_corpus("folder", str(shared_data / "flowers17"), 32)
    assert corpus.table["label"].nunique() == 17
    assert len(corpus) > 1300
    assert corpus.load(corpus.rows("test")[:4]).shape == (4, 3, 32, 32)
    assert not set(corpus.table["subject"].to_numpy()[corpus.rows("train")]) & set(
        corpus.table["subject"].to_numpy()[corpus.rows("test")]
    )
