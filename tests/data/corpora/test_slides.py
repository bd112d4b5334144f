"""Slide corpora on miniature trees: layouts, annotations, tiles, and every odd case as one clear line."""

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tifffile import TiffWriter

from helpers.data.corpora.slide_drawing import SlideDrawing, drawn_slide
from helpers.data.corpora.slide_files import ReducedSlide, WholeSlide, open_slide
from helpers.data.corpora.slide_regions import CLASSES, UNKNOWN, RegionMap, read_annotations, read_region_mask
from helpers.data.corpora.slide_source import Tiling
from helpers.data.corpora.slides import slide_corpus, slides_below
from helpers.data.simulated.slides import SimulatedSlide
from helpers.errors import StudyError

SIDE = 384
TILING = Tiling(tile=32, tiles_each=40)


def tiled_tiff(file: Path, pixels: np.ndarray) -> None:
    """A tiled TIFF without a pyramid."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with TiffWriter(file) as writer:
        writer.write(pixels, photometric="rgb", tile=(256, 256), compression="deflate")


@lru_cache
def drawn(seed: int, tissue: bool = True) -> tuple[np.ndarray, np.ndarray]:
    slide = SimulatedSlide(seed, SIDE, SIDE, tissue)
    return slide.read(0, 0, SIDE, SIDE), slide.regions(0, 0, SIDE, SIDE, 4)


def write_slides(root: Path) -> None:
    """Four annotated slides, one without a region mask, in the layout of whole_slides."""
    for number in range(5):
        pixels, regions = drawn(number)
        tiled_tiff(root / "slides" / f"s{number}.tiff", pixels)
        if number < 4:
            (root / "masks").mkdir(exist_ok=True)
            Image.fromarray(regions).save(root / "masks" / f"s{number}.png")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    write_slides(tmp_path)
    return tmp_path


def test_tiles_of_a_folder_of_slides_show_the_slides_pixels_and_regions(tree: Path):
    slides = slide_corpus("whole_slides", str(tree), TILING)
    table = slides.tiles.table
    assert set(table["split"]) == {"train", "validation", "test", "unlabelled"}
    assert set(table.loc[table["split"] == "unlabelled", "subject"]) == {"s4"}
    assert table.loc[table["subject"] == "s4", "label"].isna().all()
    assert set(table["label"].dropna()) == set(CLASSES)
    for row in (0, 57):
        name, x, y = table.loc[row, ["subject", "x", "y"]]
        pixels, regions = drawn(int(name[1:]))
        tile = slides.tiles.load(np.array([row]))[0]
        np.testing.assert_allclose(tile.permute(1, 2, 0) * 255, pixels[y : y + 32, x : x + 32], atol=0.01)
        inside = regions[y // 4 : y // 4 + 8, x // 4 : x // 4 + 8]
        shares = np.bincount(inside.ravel(), minlength=3) / inside.size
        expected = CLASSES[shares.argmax()] if shares.max() >= TILING.purity else None
        assert table.loc[row, "label"] == expected or (expected is None and table["label"].isna()[row])


def test_tiles_do_not_overlap_and_most_show_tissue(tree: Path):
    table = slide_corpus("whole_slides", str(tree), TILING).tiles.table
    for _, part in table.groupby("subject"):
        assert not part.duplicated(["x", "y"]).any()
        assert (part[["x", "y"]] % 32 == 0).all(axis=None)
        assert len(part) <= TILING.tiles_each
        assert (part["label"] == "background").mean() < 0.3


def test_the_same_slides_give_the_same_tiles(tree: Path):
    first, again = (slide_corpus("whole_slides", str(tree), TILING).tiles for _ in range(2))
    assert list(first.table["sample_id"]) == list(again.table["sample_id"])
    assert first.fingerprint == again.fingerprint


def test_splits_csv_says_which_slide_is_for_what(tree: Path):
    (tree / "splits.csv").write_text("slide,split,group\ns0,test,A\ns1,train,A\ns2,train,B\ns3,validation,B\n")
    sources = {s.name: s for s in slides_below(tree)}
    assert [sources[f"s{n}"].split for n in range(5)] == ["test", "train", "train", "validation", "unlabelled"]
    assert sources["s2"].group == "B"
    (tree / "splits.csv").write_text("slide,split\ns4,train\n")
    with pytest.raises(StudyError, match="slide s4 is for train but has no mask or annotation"):
        slides_below(tree)
    (tree / "splits.csv").write_text("slide,split\ns9,train\n")
    with pytest.raises(StudyError, match="there is no slide 's9'"):
        slides_below(tree)
    (tree / "splits.csv").write_text("slide,split\ns1,training\n")
    with pytest.raises(StudyError, match="unknown split 'training'"):
        slides_below(tree)


def test_a_slide_without_tissue_is_left_out_and_said_and_all_of_them_are_an_error(tree: Path):
    tiled_tiff(tree / "slides" / "s2.tiff", drawn(2, tissue=False)[0])
    slides = slide_corpus("whole_slides", str(tree), TILING)
    assert "slide s2 has no tissue and is left out" in slides.tiles.notices
    assert "s2" not in slides.slides
    for number in range(5):
        tiled_tiff(tree / "slides" / f"s{number}.tiff", drawn(number, tissue=False)[0])
    open_slide.cache_clear()
    with pytest.raises(StudyError, match="none of 5 slide"):
        slide_corpus("whole_slides", str(tree), TILING)


def test_a_tiff_without_pyramid_is_read_at_low_resolution_all_the_same(tmp_path: Path):
    pixels, _ = drawn(1)
    tiled_tiff(tmp_path / "a.tiff", pixels)
    slide = WholeSlide(tmp_path / "a.tiff")
    assert len(slide.levels) == 1
    exact = pixels.reshape(48, 8, 48, 8, 3).mean((1, 3))
    np.testing.assert_allclose(slide.overview(8), exact, atol=0.51)


def test_a_tiff_in_strips_and_a_png_are_read_as_plain_pictures(tmp_path: Path):
    pixels, _ = drawn(1)
    with TiffWriter(tmp_path / "strips.tif") as writer:
        writer.write(pixels, photometric="rgb")
    Image.fromarray(pixels).save(tmp_path / "plain.png")
    for name in ("strips.tif", "plain.png"):
        slide = WholeSlide(tmp_path / name)
        np.testing.assert_array_equal(slide.read(10, 20, 50, 40), pixels[20:60, 10:60])
        assert (slide.read(SIDE - 10, 0, 20, 5)[:, 10:] == 255).all()


def test_unreadable_slides_are_one_clear_line(tmp_path: Path):
    (tmp_path / "a.svs").write_bytes(b"no slide at all")
    with pytest.raises(StudyError, match=r"a\.svs cannot be read as a slide or a picture"):
        WholeSlide(tmp_path / "a.svs")
    with pytest.raises(StudyError, match="there is no slide"):
        WholeSlide(tmp_path / "b.svs")
    tiled_tiff(tmp_path / "c.tiff", drawn(1)[0])
    whole = (tmp_path / "c.tiff").read_bytes()
    (tmp_path / "c.tiff").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StudyError, match=r"c\.tiff cannot be read"):
        WholeSlide(tmp_path / "c.tiff").read(0, 0, SIDE, SIDE)


def test_a_reduced_slide_is_a_slide_of_its_own(tmp_path: Path):
    pixels, _ = drawn(4)
    tiled_tiff(tmp_path / "a.tiff", pixels)
    small = open_slide(tmp_path / "a.tiff", 4.0)
    assert isinstance(small, ReducedSlide)
    assert (small.width, small.height) == (96, 96)
    exact = pixels.reshape(96, 4, 96, 4, 3).mean((1, 3))
    np.testing.assert_allclose(small.read(8, 12, 40, 30), exact[12:42, 8:48], atol=0.51)
    with pytest.raises(StudyError, match="must be >= 1 and leave at least a pixel"):
        open_slide(tmp_path / "a.tiff", 0.5)


def feature(name: object, polygon: list, kind: str = "Polygon") -> dict:
    properties = {} if name is None else {"objectType": "annotation", "classification": name}
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": polygon}, "properties": properties}


def square(low: float, high: float) -> list:
    return [[low, low], [high, low], [high, high], [low, high], [low, low]]


def annotated(tmp_path: Path, features: list) -> RegionMap:
    file = tmp_path / "a.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return read_annotations(file, SimulatedSlide(3, SIDE, SIDE), (SIDE, SIDE), 4)


def test_qupath_annotations_with_holes_and_several_parts_become_regions(tmp_path: Path):
    found = annotated(tmp_path, [
        feature({"name": "Grey matter", "colorRGB": -1}, [square(40, 340), square(160, 200)]),
        feature({"name": "WM"}, [[square(80, 120)], [square(240, 300)]], "MultiPolygon"),
        feature({"name": "Ignore*"}, [square(300, 320)]),
        feature(None, [square(0, 384)]),
    ])  # fmt: skip
    at = {"grey": (60, 60), "white": (100, 100), "second white": (260, 260), "hole": (180, 180), "ignored": (310, 310),
          "corner": (4, 4)}  # fmt: skip
    value = {name: int(found.labels[y // 4, x // 4]) for name, (x, y) in at.items()}
    assert (value["grey"], value["white"], value["second white"]) == (1, 2, 2)
    assert value["ignored"] == UNKNOWN
    assert value["hole"] == UNKNOWN  # tissue that nobody classed
    assert value["corner"] == 0  # glass


@pytest.mark.parametrize(
    ("features", "words"),
    [([feature({"name": "Tumor"}, [square(0, 9)])], "annotation 1 has the class 'Tumor'; allowed: background, grey"),
     ([feature({"name": "grey"}, [1, 2], "Point")], "is a Point"),
     ([feature({"name": "grey"}, [[["a", "b"]]])], "coordinates that are no numbers"),
     ([feature(None, [square(0, 9)])], "has no polygon with a class"), (["x"], "is no GeoJSON of features")],
)  # fmt: skip
def test_annotations_that_say_nothing_usable_are_one_clear_line(tmp_path: Path, features, words):
    with pytest.raises(StudyError, match=words):
        annotated(tmp_path, features)


def test_a_geojson_cut_short_is_one_clear_line(tmp_path: Path):
    (tmp_path / "a.geojson").write_text('{"type": "FeatureCollection", "features": [')
    with pytest.raises(StudyError, match=r"a\.geojson cannot be read as JSON"):
        read_annotations(tmp_path / "a.geojson", SimulatedSlide(3, SIDE, SIDE), (SIDE, SIDE))


def test_annotations_serve_as_regions_of_a_corpus_at_another_resolution(tree: Path):
    (tree / "masks" / "s0.png").unlink()
    (tree / "annotations").mkdir()
    features = {"type": "FeatureCollection", "features": [feature({"name": "grey"}, [square(0, SIDE)])]}
    (tree / "annotations" / "s0.geojson").write_text(json.dumps(features))
    slides = slide_corpus("whole_slides", str(tree), Tiling(tile=16, tiles_each=30, downsample=2.0))
    table = slides.tiles.table
    assert table.loc[table["subject"] == "s0", "label"].eq("grey").all()
    assert table["x"].max() < SIDE // 2
    assert slides.tiles.load(np.array([0])).shape == (1, 3, 16, 16)


@pytest.mark.parametrize(
    ("mask", "words"),
    [(np.full((96, 96), 7, np.uint8), "holds the value 7; allowed: 0 background, 1 grey, 2 white, 255 unknown"),
     (np.zeros((96, 50), np.uint8), "must have one shape"), (np.full((96, 96), UNKNOWN, np.uint8), "says of no part"),
     (np.zeros((96, 96, 3), np.uint8), "is a colour picture")],
)  # fmt: skip
def test_region_masks_that_do_not_fit_are_one_clear_line(tmp_path: Path, mask, words):
    Image.fromarray(mask).save(tmp_path / "m.png")
    with pytest.raises(StudyError, match=words):
        read_region_mask(tmp_path / "m.png", SimulatedSlide(0, SIDE, SIDE))


def test_a_mask_cut_short_is_one_clear_line(tmp_path: Path):
    (tmp_path / "m.png").write_bytes(b"\x89PNG\r\n")
    with pytest.raises(StudyError, match="cannot be read as a picture"):
        read_region_mask(tmp_path / "m.png", SimulatedSlide(0, SIDE, SIDE))


def test_masks_without_a_slide_and_two_annotations_of_one_are_refused(tree: Path):
    Image.fromarray(drawn(0)[1]).save(tree / "masks" / "other.png")
    with pytest.raises(StudyError, match=r"masks/other\.png has no slide of that name"):
        slides_below(tree)
    (tree / "masks" / "other.png").unlink()
    (tree / "annotations").mkdir()
    (tree / "annotations" / "s1.geojson").write_text("{}")
    with pytest.raises(StudyError, match="slide s1 has two annotations"):
        slides_below(tree)


def test_a_manifest_names_slides_and_their_annotations(tree: Path):
    rows = ["path,split,annotation,group"]
    rows += [
        f"slides/s{n}.tiff,{split},masks/s{n}.png,lab {n % 2}"
        for n, split in enumerate(("train", "validation", "test"))
    ]
    rows += ["slides/s4.tiff,unlabelled,,"]
    (tree / "slides.csv").write_text("\n".join(rows) + "\n")
    slides = slide_corpus("manifest", str(tree / "slides.csv"), TILING)
    assert set(slides.slides) == {"s0", "s1", "s2", "s4"}
    assert slides.slides["s1"].group == "lab 1"
    assert slides.regions("s4") is None
    (tree / "slides.csv").write_text("path,split,annotation\nslides/s0.tiff,train,masks/nowhere.png\n")
    with pytest.raises(StudyError, match=r"the annotation masks/nowhere\.png is not there"):
        slide_corpus("manifest", str(tree / "slides.csv"), TILING)


def test_tile_folders_are_split_by_slide_and_broken_tiles_left_out(tmp_path: Path):
    rng = np.random.default_rng(0)
    for slide in range(4):
        for name in ("Grey matter", "white"):
            folder = tmp_path / f"slide{slide}" / name
            folder.mkdir(parents=True)
            for i in range(3):
                Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    (tmp_path / "slide0" / "white" / "9.png").write_bytes(b"nothing")
    corpus = slide_corpus("folder", str(tmp_path), TILING).tiles
    assert set(corpus.table["label"]) == {"grey", "white"}
    assert corpus.table.groupby("subject")["split"].nunique().eq(1).all()
    assert corpus.load(np.array([0, 5])).shape == (2, 3, 32, 32)
    assert any("9.png cannot be read" in notice for notice in corpus.notices)
    (tmp_path / "slide0" / "tumour").mkdir()
    Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(tmp_path / "slide0" / "tumour" / "1.png")
    with pytest.raises(StudyError, match="has the class 'tumour'"):
        slide_corpus("folder", str(tmp_path), TILING)


def test_drawn_slides_are_files_like_any_others_with_exact_masks():
    drawing = SlideDrawing(1, 1, 1, 1, 320, 4)
    slides = slide_corpus("amyloid_slides", "", TILING, drawing)
    assert sorted(s.split for s in slides.slides.values()) == ["test", "train", "unlabelled", "validation"]
    name = next(n for n, s in slides.slides.items() if s.split == "test")
    slide = drawn_slide(drawing, 2)
    assert slide.name == name
    np.testing.assert_array_equal(slides.regions(name).labels, slide.regions(0, 0, 320, 320, 4))
    assert np.abs(slides.open(name).read(40, 40, 200, 200).astype(int) - slide.read(40, 40, 200, 200)).mean() < 6
    assert "scanner" in slides.tiles.table["group"].iloc[0]


@pytest.mark.parametrize(
    ("name", "root", "words"),
    [("whole_slides", "", "needs data_root"), ("whole_slides", "nowhere", "is not a folder"),
     ("biopsies", "", "no slide corpus is called 'biopsies'")],
)  # fmt: skip
def test_unknown_corpora_and_missing_roots_are_one_clear_line(name, root, words):
    with pytest.raises(StudyError, match=words):
        slide_corpus(name, root, TILING)


def test_a_folder_without_slides_or_with_too_few_annotations_is_one_clear_line(tmp_path: Path):
    (tmp_path / "slides").mkdir()
    with pytest.raises(StudyError, match="holds no slides"):
        slides_below(tmp_path)
    tiled_tiff(tmp_path / "slides" / "a.tiff", drawn(0)[0])
    with pytest.raises(StudyError, match="0 slide\\(s\\) have a mask or annotation"):
        slides_below(tmp_path)


def test_impossible_tilings_and_drawings_are_refused():
    with pytest.raises(StudyError, match="purity"):
        Tiling(purity=0.4)
    with pytest.raises(StudyError, match="drawn slides need"):
        SlideDrawing(train=0)
