"""Kernel corpora: drawn ones, orientation folders with masks, manifests, and what is wrong with masks."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from helpers.data.corpora.kernels import KernelDrawing, kernel_corpus, kernel_sources
from helpers.data.corpora.masks import only_images
from helpers.data.fingerprint import fingerprint
from helpers.errors import StudyError

DRAWING = KernelDrawing(ears=12, kernels_each=4)


def picture(seed: int, size: tuple[int, int] = (30, 20)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def mask(size: tuple[int, int] = (30, 20), value: int = 255, left: int = 8) -> Image.Image:
    pixels = np.zeros((size[1], size[0]), dtype=np.uint8)
    pixels[5:15, left : left + 6] = value
    return Image.fromarray(pixels)


@pytest.fixture
def tray(tmp_path: Path) -> Path:
    """Twelve images in two classes, masks for those of embryo_up."""
    for i, name in enumerate(("embryo_down", "embryo_up")):
        (tmp_path / "orientation" / name).mkdir(parents=True)
        for k in range(6):
            picture(10 * i + k).save(tmp_path / "orientation" / name / f"k{i}{k}.png")
    (tmp_path / "masks").mkdir()
    for k in range(6):
        mask().save(tmp_path / "masks" / f"k1{k}.png")
    return tmp_path


def orientation(root: Path, size: int = 20):
    return kernel_corpus("orientation", str(root), size, DRAWING)


def test_drawn_kernels_are_split_by_ear_and_their_masks_are_those_of_embryos_up():
    corpus = kernel_corpus("kernels", "", 24, DRAWING)
    table = corpus.table
    assert corpus.simulated
    assert table.groupby("subject")["split"].nunique().max() == 1
    assert set(table["split"]) == {"train", "validation", "test"}
    assert (table["has_mask"] == (table["label"] == "embryo_up")).all()
    batch = corpus.load(np.arange(8))
    assert batch["input"].shape == (8, 3, 24, 24)
    assert batch["mask"].shape == (8, 1, 24, 24)
    assert batch["input"].dtype == batch["mask"].dtype == torch.float32
    assert (batch["mask"].amax((1, 2, 3)).bool().numpy() == table["has_mask"][:8]).all()
    again = kernel_corpus("kernels", "", 24, DRAWING).load(np.arange(8))  # from the cache
    assert torch.equal(again["input"], batch["input"])


def test_the_fingerprint_of_drawn_kernels_changes_with_every_setting():
    settings = [DRAWING, KernelDrawing(12, 4, seed=1), KernelDrawing(12, 6), KernelDrawing(12, 4, touching=0.1)]
    prints = {fingerprint(kernel_sources("kernels", "", 24, d)) for d in settings}
    prints.add(fingerprint(kernel_sources("kernels", "", 32, DRAWING)))
    assert len(prints) == 5
    assert kernel_corpus("kernels", "", 24, DRAWING).fingerprint in prints


def test_only_images_loads_one_tensor():
    corpus = kernel_corpus("kernels", "", 24, DRAWING)
    images = only_images(corpus).load(np.array([3, 1]))
    assert torch.equal(images, corpus.load(np.array([3, 1]))["input"])


def test_orientation_folders_pair_each_image_with_the_mask_of_its_stem(tray):
    corpus = orientation(tray)
    table = corpus.table
    assert table["label"].value_counts().to_dict() == {"embryo_down": 6, "embryo_up": 6}
    assert (table["has_mask"] == (table["label"] == "embryo_up")).all()
    batch = corpus.load(np.arange(12))
    assert batch["mask"][~table["has_mask"].to_numpy()].sum() == 0
    marked = batch["mask"][table["has_mask"].to_numpy(copy=True)]
    assert set(marked.unique().tolist()) == {0.0, 1.0}


def test_mask_and_image_are_cropped_alike(tmp_path):
    (tmp_path / "orientation" / "a").mkdir(parents=True)
    (tmp_path / "orientation" / "b").mkdir()
    (tmp_path / "masks").mkdir()
    for k in range(8):
        own = mask(size=(30, 20), left=3 + 2 * k)
        pixels = np.stack([np.asarray(own)] * 3, -1)
        pixels[0, 0] = k  # eight different images
        Image.fromarray(pixels).save(tmp_path / "orientation" / "ab"[k % 2] / f"{k}.png")
        own.save(tmp_path / "masks" / f"{k}.png")
    batch = orientation(tmp_path, size=40).load(np.arange(8))
    agree = (batch["input"].mean(1, keepdim=True) > 0.5).float() == batch["mask"]
    assert agree.float().mean() > 0.98


def test_masks_may_lie_in_subfolders_as_the_images_do_and_hold_0_and_1(tray):
    for path in (tray / "masks").glob("*.png"):
        path.unlink()
    (tray / "masks" / "embryo_up").mkdir()
    mask(value=1).save(tray / "masks" / "embryo_up" / "k10.png")
    corpus = orientation(tray)
    row = corpus.table.index[corpus.table["has_mask"]].to_numpy()
    assert corpus.table["sample_id"][row].tolist() == ["embryo_up/k10.png"]
    assert 0.1 < float(corpus.load(row)["mask"].mean()) < 0.3


def test_without_masks_there_is_none_and_the_images_still_load(tray):
    for path in (tray / "masks").glob("*.png"):
        path.unlink()
    assert not orientation(tray).table["has_mask"].any()
    folder = kernel_corpus("folder", str(tray / "orientation"), 16, DRAWING)
    assert not folder.table["has_mask"].any()
    assert folder.load(np.array([0]))["mask"].shape == (1, 1, 16, 16)


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda t: mask((31, 20)).save(t / "masks/k10.png"), r"mask k10.png is 31×20 pixels, its image k10.png 30×20"),
        (lambda t: mask(value=0).save(t / "masks/k10.png"), "mask k10.png marks no pixel"),
        (lambda t: mask().save(t / "masks/k99.png"), "masks/k99.png has no image of that name"),
        (lambda t: (t / "masks/k10.png").write_bytes(b"no picture"), "mask k10.png cannot be read"),
        (lambda t: mask().save(t / "masks/k10.tif"), "k10.png has two masks"),
        (lambda t: picture(99).save(t / "orientation/embryo_down/k10.png"), "could belong to 2 images"),
        (lambda t: (t / "orientation").rename(t / "images"), "has no folder orientation"),
    ],
)
def test_a_wrong_mask_is_one_clear_line(tray, break_it, says):
    break_it(tray)
    with pytest.raises(StudyError, match=says) as error:
        orientation(tray)
    assert "\n" not in str(error.value)


def test_a_manifest_names_masks_in_a_column_that_may_be_empty(tray):
    rows = [
        {"path": f"orientation/{name}/k{i}{k}.png", "label": name, "mask": f"masks/k{i}{k}.png" if i else "",
         "subject": f"ear{k}"}
        for i, name in enumerate(("embryo_down", "embryo_up"))
        for k in range(6)
    ]  # fmt: skip
    file = tray / "kernels.csv"
    pd.DataFrame(rows).to_csv(file, index=False)
    corpus = kernel_corpus("manifest", str(file), 20, DRAWING)
    assert (corpus.table["has_mask"] == (corpus.table["label"] == "embryo_up")).all()
    assert corpus.fingerprint == fingerprint(kernel_sources("manifest", str(file), 20, DRAWING))
    pd.DataFrame([*rows, rows[0] | {"mask": "nowhere.png"}]).to_csv(file, index=False)
    with pytest.raises(StudyError, match=r"kernels.csv: 1 mask\(s\) are not there, the first nowhere.png"):
        kernel_corpus("manifest", str(file), 20, DRAWING)


def test_an_unknown_corpus_and_an_absent_folder_are_refused(tmp_path):
    with pytest.raises(StudyError, match="there are: kernels, orientation"):
        kernel_corpus("draw", "", 20, DRAWING)
    with pytest.raises(StudyError, match="needs data_root"):
        kernel_corpus("orientation", "", 20, DRAWING)
    with pytest.raises(StudyError, match="is not a folder"):
        kernel_sources("folder", str(tmp_path / "nowhere"), 20, DRAWING)
