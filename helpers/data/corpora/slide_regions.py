"""Which region every part of a slide is: label pictures, and annotations drawn in QuPath (GeoJSON)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from helpers.data.slide import Slide
from helpers.data.text_files import json_of
from helpers.data.tissue import find_tissue
from helpers.errors import StudyError

UNKNOWN = 255  # nobody has said what lies there: no tile is taken there and no score counts it
CLASSES = ("background", "grey", "white")
_IGNORED = ("ignore", "ignore*", "unknown")
_ALIASES = {
    "gray": "grey", "grey matter": "grey", "gray matter": "grey", "gm": "grey", "white matter": "white", "wm": "white",
    "glass": "background", "bg": "background",
}  # fmt: skip


@dataclass(frozen=True)
class RegionMap:
    """Regions of a slide on a coarse grid.

    Attributes:
        labels: uint8 (rows, columns), positions in the classes or :data:`UNKNOWN`; the grid covers the slide.
        width, height: of the slide at the resolution it is looked at, pixels.
    """

    labels: np.ndarray
    width: int
    height: int

    def shares(self, x: np.ndarray, y: np.ndarray, side: int, classes: int) -> np.ndarray:
        """Share of each class in each of the squares with the corners (x, y), (n, classes); unknown parts in none."""
        rows, columns = self.labels.shape
        down, right = rows / self.height, columns / self.width
        top, left = np.clip((y * down).astype(int), 0, rows - 1), np.clip((x * right).astype(int), 0, columns - 1)
        bottom = np.clip(np.ceil((y + side) * down - 1e-9).astype(int), top + 1, rows)
        end = np.clip(np.ceil((x + side) * right - 1e-9).astype(int), left + 1, columns)
        found = np.empty((len(x), classes))
        for k in range(classes):
            sums = np.pad((self.labels == k).astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
            inside = sums[bottom, end] - sums[top, end] - sums[bottom, left] + sums[top, left]
            found[:, k] = inside / ((bottom - top) * (end - left))
        return found

    def on_grid(self, rows: int, columns: int) -> np.ndarray:
        """The label in the middle of each cell of another grid over the slide, uint8 (rows, columns)."""
        i = ((np.arange(rows) + 0.5) * self.labels.shape[0] / rows).astype(int)
        j = ((np.arange(columns) + 0.5) * self.labels.shape[1] / columns).astype(int)
        return self.labels[i[:, None], j]


def read_region_mask(file: Path, slide: Slide, classes: tuple[str, ...] = CLASSES) -> RegionMap:
    """A picture of labels over the whole slide, at any size of the slide's shape.

    Args:
        file: a one-channel picture; values are positions in ``classes``, 255 is unknown.
        slide: that it lies on.
        classes: names.

    Raises:
        StudyError: it cannot be read, is too large, of another shape than the slide, empty, or holds another value.
    """
    from PIL import Image

    try:
        with Image.open(file) as picture:
            if picture.mode not in ("L", "P", "1", "I", "I;16"):
                raise StudyError(f"{file.name} is a colour picture ({picture.mode}); a region mask has one channel")
            labels = np.asarray(picture)
    except Image.DecompressionBombError:
        raise StudyError(
            f"{file.name} is too large for a region mask; save it at an eighth of the slide's size"
        ) from None
    except StudyError:
        raise
    except Exception:  # Pillow raises whatever the damage leads to
        raise StudyError(f"region mask {file.name} cannot be read as a picture; save it again as a .png") from None
    rows, columns = labels.shape
    if abs(math.log(columns / rows * slide.height / slide.width)) > 0.02 + 1.5 / min(rows, columns):
        raise StudyError(
            f"region mask {file.name} is {columns}×{rows}, slide {slide.name} {slide.width}×{slide.height}: they must "
            "have one shape"
        )
    odd = sorted(set(np.unique(labels).tolist()) - {*range(len(classes)), UNKNOWN})
    if odd:
        named = ", ".join(f"{k} {name}" for k, name in enumerate(classes))
        raise StudyError(f"region mask {file.name} holds the value {odd[0]}; allowed: {named}, {UNKNOWN} unknown")
    return RegionMap(_said(labels.astype(np.uint8), file), slide.width, slide.height)


def read_annotations(
    file: Path, slide: Slide, full: tuple[int, int], downsample: int = 8, classes: tuple[str, ...] = CLASSES
) -> RegionMap:
    """Annotations as QuPath exports them: GeoJSON polygons in pixels of the full resolution, classed by name.

    Later ones lie over earlier ones. What nobody annotated is background where there is no tissue, else unknown.

    Args:
        file: a FeatureCollection, a list of features or one feature.
        slide: that they lie on, at any resolution.
        full: width and height of the slide at full resolution, pixels.
        downsample: full-resolution pixels a cell of the map.
        classes: names; ``Grey matter``, ``GM``, ``gray`` … are understood, and QuPath's ``Ignore*`` is unknown.

    Raises:
        StudyError: it is no GeoJSON, has a class that is none of these, a polygon that does not lie on the slide, or
            nothing with a class.
    """
    from PIL import Image, ImageDraw

    columns, rows = -(-full[0] // downsample), -(-full[1] // downsample)
    tissue = find_tissue(slide, max(1, round(slide.width / max(1, columns / 4))))
    bare = RegionMap(np.where(tissue.mask, UNKNOWN, 0).astype(np.uint8), slide.width, slide.height).on_grid(
        rows, columns
    )
    canvas = Image.fromarray(bare)
    drawn = 0
    for number, feature in enumerate(_features(file), start=1):
        name = _class_name(feature)
        if name is None:
            continue  # an annotation without a class says nothing
        ignored = _words(name) in _IGNORED
        value = UNKNOWN if ignored else class_position(name, classes, f"{file.name}: annotation {number}")
        for rings in _polygons(feature, f"{file.name}: annotation {number}"):
            _check_outline(rings, full, f"{file.name}: annotation {number}")
            stencil = Image.new("1", canvas.size)
            pen = ImageDraw.Draw(stencil)
            for k, ring in enumerate(rings):  # the first is the outline, the rest are holes
                pen.polygon([(px / downsample, py / downsample) for px, py in ring], fill=int(k == 0))
            canvas.paste(value, mask=stencil)
            drawn += 1
    if drawn == 0:
        raise StudyError(
            f"{file.name} has no polygon with a class; class the annotations in QuPath as {', '.join(classes)}"
        )
    return RegionMap(_said(np.asarray(canvas), file), slide.width, slide.height)


def _said(labels: np.ndarray, file: Path) -> np.ndarray:
    if (labels == UNKNOWN).all():
        raise StudyError(f"{file.name} says of no part of the slide what it is")
    return labels


def _features(file: Path) -> list[dict[str, Any]]:
    found = json_of(file, object)
    if isinstance(found, dict):
        found = found.get("features") if found.get("type") == "FeatureCollection" else [found]
    if not isinstance(found, list) or not all(
        isinstance(f, dict) and isinstance(f.get("geometry"), dict) for f in found
    ):
        raise StudyError(
            f"{file.name} is no GeoJSON of features; export it from QuPath with File > Export objects as GeoJSON"
        )
    return found


def _class_name(feature: dict[str, Any]) -> str | None:
    properties = feature.get("properties")
    given = properties.get("classification") if isinstance(properties, dict) else properties
    if isinstance(given, dict):
        names = given.get("names") or []
        given = given.get("name") or " ".join(map(str, names if isinstance(names, list) else [names])) or None
    return str(given) if given else None


def class_position(name: str, classes: tuple[str, ...], where: str) -> int:
    """Position of a class among ``classes`` by its name or a usual other name.

    Args:
        name: as somebody wrote it; case, underscores and spaces do not matter.
        classes: names.
        where: what has the class, for the error.

    Raises:
        StudyError: no class is called so.
    """
    words = _words(name)
    known = _ALIASES.get(words, words)
    if known not in classes:
        raise StudyError(
            f"{where} has the class {name[:80]!r}; allowed: {', '.join(classes)}, or Ignore* for a part left out"
        )
    return classes.index(known)


def _words(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").split())


def _polygons(feature: dict[str, Any], where: str) -> list[list[list[tuple[float, float]]]]:
    geometry = feature["geometry"]
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    if kind not in ("Polygon", "MultiPolygon"):
        raise StudyError(f"{where} is a {kind}; a region is a Polygon or a MultiPolygon")
    try:
        polygons = [coordinates] if kind == "Polygon" else coordinates
        return [[[(float(p[0]), float(p[1])) for p in ring] for ring in rings] for rings in polygons]
    except (TypeError, ValueError, IndexError, KeyError, OverflowError):
        raise StudyError(f"{where} has coordinates that are no numbers") from None


def _check_outline(rings: list[list[tuple[float, float]]], full: tuple[int, int], where: str) -> None:
    """Refuse an outline that no region of the slide can have; ``full``: width and height, pixels."""
    if not rings or min(map(len, rings)) < 3:
        raise StudyError(f"{where} has an outline of fewer than three points")
    points = np.array([point for ring in rings for point in ring])  # (n, 2)
    size = np.array(full)
    if not ((points >= -size) & (points <= 2 * size)).all():
        raise StudyError(f"{where} lies far outside of the slide of {full[0]}×{full[1]} pixels")
    outline = np.array(rings[0])
    if (outline.max(0) <= 0).any() or (outline.min(0) >= size).any():
        raise StudyError(f"{where} lies outside of the slide of {full[0]}×{full[1]} pixels")
