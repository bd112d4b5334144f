"""Whole slides with regions, as a corpus of tiles: drawn ones, folders of slides, tile folders, a manifest of slides.

A tile is a square of a slide at one resolution; its label is the region that covers enough of it. Splits are by slide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from helpers.data.cache import cached
from helpers.data.corpora.image_files import MEMORY_LIMIT
from helpers.data.corpora.slide_drawing import DRAWN, SlideDrawing, drawn_sources, written_slides
from helpers.data.corpora.slide_files import ENDINGS, open_slide, slide_name
from helpers.data.corpora.slide_regions import CLASSES, RegionMap, read_annotations, read_region_mask
from helpers.data.corpora.slide_source import SlideSource, Tiling
from helpers.data.corpora.tile_folders import tile_folders
from helpers.data.corpus import SPLITS, Corpus, split_by_subject
from helpers.data.fingerprint import fingerprint
from helpers.data.manifest import manifest_files, read_manifest, refuse_blanks, refuse_twice
from helpers.data.slide import Slide
from helpers.data.text_files import is_there
from helpers.data.tissue import find_tissue
from helpers.errors import StudyError
from helpers.progress import bar

SHARES = {"train": 0.5, "validation": 0.15, "test": 0.35}  # of the annotated slides, where nobody says
_READER = 1  # change it and every cache is made anew
_GLASS = 0.1  # share of tiles without tissue, so that background is learned too
_LEAST = 0.25  # share of tissue that makes a tile one of tissue
_USUAL, _DRAWING = Tiling(), SlideDrawing()


@dataclass(frozen=True)
class SlideCorpus:
    """Slides and the tiles drawn from them.

    Attributes:
        tiles: the corpus; ``load`` gives float32 (B, 3, tile, tile) in [0, 1], ``subject`` is the slide, columns ``x``
            and ``y`` the corner of a tile in pixels of the tiling's resolution, ``label`` empty where no region covers
            enough of the tile, or where the slide has no annotation.
        slides: by name; none for tile folders.
        tiling: how tiles were drawn.
    """

    tiles: Corpus
    slides: dict[str, SlideSource] = field(default_factory=dict)
    tiling: Tiling = _USUAL

    def open(self, name: str) -> Slide:
        """A slide at the tiling's resolution."""
        return open_slide(self.slides[name].file, self.tiling.downsample)

    def regions(self, name: str) -> RegionMap | None:
        """What is where on a slide; None where nobody has said."""
        return _regions(self.slides[name], self.tiling.downsample)


def slide_corpus(
    name: str, data_root: str = "", tiling: Tiling = _USUAL, drawing: SlideDrawing = _DRAWING
) -> SlideCorpus:
    """The corpus of a parameter file.

    Args:
        name: ``"amyloid_slides"`` (drawn), ``"whole_slides"``, ``"folder"`` (of tiles) or ``"manifest"`` (of slides).
        data_root: where a real one lies.
        tiling: how tiles are drawn.
        drawing: of the drawn slides.

    Raises:
        StudyError: an unknown name, or what the reader finds wrong with the files.
    """
    if name == DRAWN:
        sources = written_slides(drawing)
        return _tiled(DRAWN, sources, tiling, True, drawn_sources(drawing), "none: drawn by this package",
                      "helpers.data.simulated.slides: amyloid-β slides of brain sections")  # fmt: skip
    if name == "whole_slides":
        root = _folder(data_root)
        return _tiled(name, slides_below(root), tiling, False, [root], "not stated", f"folder {root.name}")
    if name == "folder":
        return SlideCorpus(tile_folders(_folder(data_root), tiling.tile), {}, tiling)
    if name == "manifest":
        file = Path(data_root)
        sources = listed_slides(file)
        return _tiled(name, sources, tiling, False, _files(file, sources), "not stated", f"manifest {file.name}")
    raise StudyError(f"no slide corpus is called {name!r}; there are: {DRAWN}, whole_slides, folder, manifest")


def tile_corpus(name: str, data_root: str = "") -> Corpus:
    """The tiles of a corpus under the usual tiling, for looking it over."""
    return slide_corpus(name, data_root).tiles


def slide_sources(name: str, data_root: str, drawing: SlideDrawing) -> list[Path | str]:
    """What a slide corpus is read from, for its fingerprint.

    Raises:
        StudyError: ``data_root`` is missing or holds no such corpus.
    """
    if name == DRAWN:
        return drawn_sources(drawing)
    if name == "manifest":
        file = Path(data_root)
        return _files(file, listed_slides(file))
    root = _folder(data_root)
    if name == "whole_slides":
        slides_below(root)
    return [root]


def slides_below(root: Path) -> list[SlideSource]:
    """``slides/*`` (or slides directly in the folder), ``masks/<slide>.png``, ``annotations/<slide>.geojson``.

    A ``splits.csv`` with ``slide``, ``split`` and, optionally, ``group`` says which slide is for what; without it
    annotated slides are dealt out by :data:`SHARES` and the others are unlabelled.

    Raises:
        StudyError: no slides, a mask or annotation without its slide, a slide with both, or a wrong ``splits.csv``.
    """
    home = root / "slides" if (root / "slides").is_dir() else root
    files = sorted(f for f in home.iterdir() if f.suffix.lower() in ENDINGS and f.is_file() and f.name[0] != ".")
    if not files:
        raise StudyError(
            f"{home} holds no slides ({', '.join(ENDINGS[:3])}, .tiff …); lay them there or in its slides/"
        )
    names = [slide_name(f) for f in files]
    if len(set(names)) < len(names):
        twice = next(n for n in names if names.count(n) > 1)
        raise StudyError(f"{home.name} holds two slides called {twice}; rename one")
    said: dict[str, Path] = {}
    for folder, ending in (("masks", "*"), ("annotations", "*.geojson")):
        for file in sorted((root / folder).glob(ending)) if (root / folder).is_dir() else []:
            name = slide_name(file)
            if file.name[0] == ".":
                continue
            if name not in names:
                raise StudyError(f"{folder}/{file.name} has no slide of that name in {home.name}")
            if name in said:
                raise StudyError(f"slide {name} has two annotations, {said[name].name} and {file.name}; keep one")
            said[name] = file
    return _dealt([SlideSource(n, f, said.get(n)) for n, f in zip(names, files, strict=True)], root / "splits.csv")


def _dealt(sources: list[SlideSource], file: Path) -> list[SlideSource]:
    """The slides with their splits, from the file where there is one."""
    if file.is_file():
        listed = read_manifest(file, ("slide", "split"), text=None)
        refuse_blanks(listed["slide"], file)
        refuse_twice(listed["slide"], file)
        table = listed.set_index("slide")
        unknown = sorted(set(table.index) - {s.name for s in sources})
        if unknown:
            raise StudyError(f"{file.name}: there is no slide {unknown[0][:80]!r}")
        found = []
        for s in sources:
            split = str(table["split"].get(s.name, "unlabelled"))
            group = str(table["group"].fillna("").get(s.name, "")) if "group" in table else ""
            found.append(_checked(SlideSource(s.name, s.file, s.annotation, split, group), file.name))
        unsaid = next((s.name for s in sources if s.annotation is not None and s.name not in table.index), None)
        if unsaid is not None:
            raise StudyError(f"{file.name}: there is no line of slide {unsaid}, which has a mask or annotation")
        return found
    annotated = pd.DataFrame({"subject": [s.name for s in sources if s.annotation]})
    if len(annotated) < len(SHARES):
        raise StudyError(
            f"{len(annotated)} slide(s) have a mask or annotation; at least {len(SHARES)} are needed, to train on, "
            "choose by and test on"
        )
    dealt = dict(zip(annotated["subject"], split_by_subject(annotated, SHARES, seed=0), strict=True))
    return [SlideSource(s.name, s.file, s.annotation, dealt.get(s.name, "unlabelled")) for s in sources]


def listed_slides(file: Path) -> list[SlideSource]:
    """Slides that a CSV or Parquet file names: ``path``, ``split`` and, optionally, ``annotation``, ``group``.

    Args:
        file: paths are relative to its folder; an annotation is a region mask or a ``.geojson``.
    """
    table = read_manifest(file, ("path", "split"))
    found = []
    for row, path in zip(table.to_dict("records"), manifest_files(table, file, "slides"), strict=True):
        noted = row.get("annotation")
        annotation = None if noted is None or pd.isna(noted) else file.parent / str(noted)
        if annotation is not None and not is_there(annotation):
            raise StudyError(f"{file.name}: the annotation {str(noted)[:80]} is not there")
        group = "" if pd.isna(row.get("group", np.nan)) else str(row["group"])
        found.append(_checked(SlideSource(slide_name(path), path, annotation, str(row["split"]), group), file.name))
    names = [s.name for s in found]
    if len(set(names)) < len(names):
        raise StudyError(f"{file.name}: slide {next(n for n in names if names.count(n) > 1)} stands twice")
    return found


def _checked(source: SlideSource, where: str) -> SlideSource:
    if source.split not in SPLITS:
        raise StudyError(
            f"{where}: slide {source.name}: unknown split {source.split[:40]!r}; allowed: {', '.join(SPLITS)}"
        )
    if source.split != "unlabelled" and source.annotation is None:
        raise StudyError(
            f"{where}: slide {source.name} is for {source.split} but has no mask or annotation; add one or make it "
            "unlabelled"
        )
    return source


@lru_cache(maxsize=64)
def _regions(source: SlideSource, downsample: float) -> RegionMap | None:
    if source.annotation is None or source.split == "unlabelled":
        return None
    slide = open_slide(source.file, downsample)
    if source.annotation.suffix.lower() == ".geojson":
        full = open_slide(source.file)
        return read_annotations(source.annotation, slide, (full.width, full.height), max(1, round(8 * downsample)))
    return read_region_mask(source.annotation, slide)


def _tiled(
    name: str, sources: Sequence[SlideSource], tiling: Tiling, simulated: bool, hashed: list[Path | str], licence: str,
    origin: str,
) -> SlideCorpus:  # fmt: skip
    """Draw the tiles of all slides."""
    parts, notices = [], []
    with bar(len(sources), "finding tissue", "slide") as shown:
        for number, source in enumerate(sources):
            part = _slide_tiles(source, tiling, number)
            shown.update()
            if part is None:
                notices.append(f"slide {source.name} has no tissue and is left out")
                continue
            parts.append(part)
    if not parts:
        raise StudyError(
            f"{name}: none of {len(sources)} slide(s) has tissue of at least a tile ({tiling.tile} pixels)"
        )
    table = pd.concat(parts, ignore_index=True)
    if not (table["group"] != "").any():
        table = table.drop(columns="group")
    kept = {s.name: s for s in sources if s.name in set(table["subject"])}
    mark = fingerprint(hashed)
    tiles = Corpus(name, table, _loader(table, kept, tiling, mark), ("label",), licence, origin, simulated, mark,
                   tuple(notices))  # fmt: skip
    return SlideCorpus(tiles, kept, tiling)


def _slide_tiles(source: SlideSource, tiling: Tiling, number: int) -> pd.DataFrame | None:
    """At most ``tiles_each`` tiles of a slide, most of them tissue; None where it has none."""
    slide = open_slide(source.file, tiling.downsample)
    side = tiling.tile
    tissue = find_tissue(slide, max(1, side // 4))
    x, y = (a.ravel() for a in np.meshgrid(np.arange(0, slide.width - side + 1, side),
                                           np.arange(0, slide.height - side + 1, side)))  # fmt: skip
    covered = tissue.under(x, y, side) if len(x) else np.zeros(0)
    rng = np.random.default_rng((tiling.seed, number))
    full, bare = rng.permutation(np.flatnonzero(covered >= _LEAST)), rng.permutation(np.flatnonzero(covered == 0))
    if len(full) == 0:
        return None
    glass = bare[: round(_GLASS * tiling.tiles_each)]
    chosen = np.sort(np.concatenate([full[: tiling.tiles_each - len(glass)], glass]))
    x, y = x[chosen], y[chosen]
    regions = _regions(source, tiling.downsample)
    labels = np.full(len(x), None, dtype=object)
    if regions is not None:
        shares = regions.shares(x, y, side, len(CLASSES))
        sure = shares.max(1) >= tiling.purity
        labels[sure] = np.array(CLASSES, dtype=object)[shares.argmax(1)[sure]]
    ids = [f"{source.name}:{a}:{b}" for a, b in zip(x, y, strict=True)]
    return pd.DataFrame({"sample_id": ids, "subject": source.name, "group": source.group, "label": labels, "x": x,
                         "y": y, "split": source.split})  # fmt: skip


def _loader(
    table: pd.DataFrame, slides: dict[str, SlideSource], tiling: Tiling, mark: str
) -> Callable[[np.ndarray], Tensor]:
    """Pixels of tiles: read once and cached where they fit into memory, else at every asking."""
    x, y, names = table["x"].to_numpy(), table["y"].to_numpy(), table["subject"].to_numpy()

    def read(rows: np.ndarray) -> Tensor:
        found = np.empty((len(rows), tiling.tile, tiling.tile, 3), dtype=np.uint8)
        with bar(len(rows), "reading tiles", "tile") if len(rows) > 1024 else _silent() as shown:
            for k, row in enumerate(rows):
                slide = open_slide(slides[names[row]].file, tiling.downsample)
                found[k] = slide.read(int(x[row]), int(y[row]), tiling.tile, tiling.tile)
                shown.update()
        return torch.from_numpy(found).permute(0, 3, 1, 2)

    held: list[Tensor] = []

    def pixels() -> Tensor:
        if not held:
            places = fingerprint([f"{i}" for i in table["sample_id"]])
            key: dict[str, object] = {"tiles": _READER, "data": mark, "tile": tiling.tile, "places": places,
                                      "downsample": tiling.downsample}  # fmt: skip
            held.append(cached(key, lambda: {"tiles": read(np.arange(len(table)))})["tiles"])
        return held[0]

    fits = len(table) * 3 * tiling.tile**2 <= MEMORY_LIMIT

    def load(rows: np.ndarray) -> Tensor:
        wanted = np.asarray(rows)
        return (pixels()[torch.as_tensor(wanted)] if fits else read(wanted)).float() / 255

    return load


class _silent:
    def __enter__(self) -> _silent:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self) -> None:
        """Nothing to show."""


def _files(file: Path, sources: Sequence[SlideSource]) -> list[Path | str]:
    return [file, *(s.file for s in sources), *(s.annotation for s in sources if s.annotation is not None)]


def _folder(data_root: str) -> Path:
    if data_root in ("", "."):
        raise StudyError("this corpus needs data_root: the folder it lies in")
    root = Path(data_root)
    if not root.is_dir():
        raise StudyError(f"data_root {root} is not a folder; set it to where the slides lie")
    return root
