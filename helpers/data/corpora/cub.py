"""CUB-200-2011: 11,788 photographs of 200 birds with boxes and part locations (Wah et al. 2011, CNS-TR-2011-001)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from helpers.data.corpora.image_tables import files_corpus
from helpers.data.corpus import Corpus
from helpers.data.text_files import is_there, listed_file, text_lines
from helpers.errors import StudyError

FOLDER = "CUB_200_2011"
PART_RADIUS = 1 / 12  # of the discs that stand for parts, in shares of the box's longer side


def cub_root(root: Path) -> Path:
    """The folder that holds ``images.txt``: the one given, or ``CUB_200_2011`` in it.

    Raises:
        StudyError: neither does.
    """
    for folder in (root, root / FOLDER):
        if (folder / "images.txt").is_file():
            return folder
    raise StudyError(f"{root.name} has no images.txt, nor a folder {FOLDER} that has; unpack CUB-200-2011 there")


def cub_sources(root: Path) -> list[Path]:
    """What the corpus is read from, for its fingerprint."""
    folder = cub_root(root)
    lists = ["images.txt", "image_class_labels.txt", "classes.txt", "train_test_split.txt", "bounding_boxes.txt"]
    more = [folder / "parts" / "part_locs.txt"]
    return [path for path in [*(folder / name for name in lists), *more, folder / "images"] if path.exists()]


def cub(root: Path, image_size: int = 64, seed: int = 0) -> Corpus:
    """The corpus as distributed, with its own split.

    Args:
        root: folder with ``images.txt`` (``id path``), ``image_class_labels.txt`` (``id class``), ``classes.txt``
            (``class name``), ``train_test_split.txt`` (``id 1`` for training) and ``images/``; optionally
            ``bounding_boxes.txt`` (``id x y width height``, pixels) and ``parts/part_locs.txt`` (``id part x y
            visible``, pixels).
        image_size: side of the decoded images: shorter side scaled to it, centre cropped; boxes and parts alike.
        seed: is not used: the corpus has its split.

    Returns:
        A corpus of the birds' names without number and underscores. With boxes and parts, ``load`` gives ``{"input",
        "object": (B, 1, H, W), the box, "parts": (B, 1, H, W), a disc about every visible part}`` and the bool column
        ``has_parts`` says where a part is in the picture; without, it gives the images alone.

    Raises:
        StudyError: a list is missing, or lacks an image or class that another names.
    """
    folder = cub_root(root)
    images = _once(_listed(folder / "images.txt", ["id", "path"]), "id", "images.txt")
    images = _once(images, "path", "images.txt")
    table = images.set_index("id")
    table["class"] = _of_images(folder / "image_class_labels.txt", ["id", "class"], table)["class"]
    names = _once(_listed(folder / "classes.txt", ["class", "name"]), "class", "classes.txt").set_index("class")["name"]
    unknown = table.loc[~table["class"].isin(names.index), "class"]
    if len(unknown):
        raise StudyError(f"classes.txt has no class {unknown.iloc[0]}, which image_class_labels.txt names")
    if names.map(_words).duplicated().any():
        raise StudyError(f"classes.txt: two classes are called {names[names.map(_words).duplicated()].iloc[0][:80]!r}")
    table["label"] = table["class"].map(names).map(_words)
    part = _of_images(folder / "train_test_split.txt", ["id", "train"], table)["train"]
    table["split"] = part.map({"1": "train", "0": "test"})
    if table["split"].isna().any():
        raise StudyError("train_test_split.txt: a line must be 'id 1' for training or 'id 0' for test")
    table = table.reset_index()
    paths = [listed_file(folder / "images", path, "images.txt") for path in table["path"]]
    absent = [path for path in paths if not is_there(path)]
    if absent:
        raise StudyError(
            f"{len(absent)} of {len(paths)} images of images.txt are not there, the first {absent[0].name[:80]}"
        )
    rows = table.rename(columns={"path": "sample_id"})[["sample_id", "label", "split"]]
    corpus = files_corpus(rows, paths, image_size, seed, "cub200", cub_sources(root), "Wah et al. 2011, CUB-200-2011")
    corpus = replace(corpus, licence="for non-commercial research and education (Wah et al. 2011)")
    boxes, parts = folder / "bounding_boxes.txt", folder / "parts" / "part_locs.txt"
    if not (boxes.is_file() and parts.is_file()):
        return corpus
    return _with_parts(corpus, table.set_index("path")["id"], folder, boxes, parts, image_size)


def _with_parts(corpus: Corpus, ids: pd.Series, folder: Path, boxes: Path, parts: Path, size: int) -> Corpus:
    from PIL import Image

    box = _numbers(_once(_listed(boxes, ["id", "x", "y", "width", "height"]), "id", boxes.name), boxes).set_index("id")
    spots = _numbers(_listed(parts, ["id", "part", "x", "y", "visible"]), parts)
    if not spots["visible"].isin((0, 1)).all():
        odd = spots.loc[~spots["visible"].isin((0, 1)), "id"].iloc[0]
        raise StudyError(f"{parts.name}: a part of image {odd} is visible neither 0 nor 1")
    without = len(set(ids) - set(spots["id"]))
    spots = spots[spots["visible"] == 1]
    of_image = {key: rows[["x", "y"]].to_numpy() for key, rows in spots.groupby("id")}
    frames, discs = [], []
    for path in corpus.table["sample_id"]:
        key = ids[path]
        if key not in box.index:
            raise StudyError(f"bounding_boxes.txt has no line of image {key}, {path}")
        with Image.open(folder / "images" / path) as file:
            width, height = file.size
            if file.getexif().get(0x0112, 1) >= 5:  # lies on its side, and is decoded upright
                width, height = height, width
        scale = size / min(width, height)
        corner = np.array([(width - min(width, height)) / 2, (height - min(width, height)) / 2])
        x, y, wide, high = box.loc[key, ["x", "y", "width", "height"]].to_numpy(dtype=float)
        if not (wide > 0 and high > 0 and x < width and y < height and x + wide > 0 and y + high > 0):
            raise StudyError(
                f"{boxes.name}: the box of image {key} does not lie on the {width}×{height} pixels of {path}"
            )
        low, far = (np.array([x, y]) - corner) * scale, (np.array([x + wide, y + high]) - corner) * scale
        frames.append(np.concatenate([low, far]))
        at = (of_image.get(key, np.zeros((0, 2))) - corner) * scale
        inside = ((at >= 0) & (at < size)).all(1)
        discs.append((at[inside], max(1.0, PART_RADIUS * max(wide, high) * scale)))
    table = corpus.table.assign(has_parts=[len(at) > 0 for at, _ in discs])
    told = (f"{without} image(s) have no line in {parts.name}: none of their parts is known",) if without else ()
    return replace(corpus, table=table, load=_with_masks(corpus.load, np.array(frames), discs, size),
                   notices=(*corpus.notices, *told))  # fmt: skip


def _with_masks(
    load: Callable[..., Tensor | dict[str, Tensor]],
    frames: np.ndarray,
    discs: list[tuple[np.ndarray, float]],
    size: int,
) -> Callable[[np.ndarray], dict[str, Tensor]]:
    grid = np.arange(size) + 0.5

    def both(rows: np.ndarray) -> dict[str, Tensor]:
        images = load(rows)
        assert isinstance(images, Tensor)
        objects, parts = (torch.zeros(len(rows), 1, size, size) for _ in range(2))
        for i, row in enumerate(np.asarray(rows)):
            left, top, right, bottom = frames[row]
            inside = ((grid >= top) & (grid < bottom))[:, None] & ((grid >= left) & (grid < right))[None]
            objects[i, 0] = torch.from_numpy(inside)
            at, radius = discs[row]
            for x, y in at:
                near = (grid[:, None] - y) ** 2 + (grid[None] - x) ** 2 <= radius**2
                parts[i, 0][torch.from_numpy(near)] = 1
        return {"input": images, "object": objects, "parts": parts}

    return both


def _listed(file: Path, columns: list[str]) -> pd.DataFrame:
    """Lines of as many fields, parted by blanks; the last may hold blanks."""
    if not file.is_file():
        raise StudyError(f"{file.parent.name} has no {file.name}; unpack CUB-200-2011 again")
    records = []
    for number, line in enumerate(text_lines(file), start=1):
        if not line.strip():
            continue
        fields = line.split(None, len(columns) - 1)
        if len(fields) < len(columns):
            raise StudyError(
                f"{file.name}, line {number}: {line.strip()[:60]!r} has not the fields {', '.join(columns)}"
            )
        records.append([field.strip() for field in fields])
    if not records:
        raise StudyError(f"{file.name} has no lines")
    return pd.DataFrame(records, columns=columns)


def _once(table: pd.DataFrame, column: str, file: str) -> pd.DataFrame:
    """The table without repeated lines; refuses two lines of one ``column`` that differ."""
    table = table.drop_duplicates(ignore_index=True)
    twice = table.loc[table[column].duplicated(), column]
    if len(twice):
        raise StudyError(f"{file}: there are two different lines of {column} {twice.iloc[0][:80]!r}")
    return table


def _of_images(file: Path, columns: list[str], images: pd.DataFrame) -> pd.DataFrame:
    """The line of every image."""
    found = _once(_listed(file, columns), "id", file.name).set_index("id")
    absent = images.index.difference(found.index)
    if len(absent):
        raise StudyError(f"{file.name} has no line of image {absent[0]} ({len(absent)} such images)")
    return found.loc[images.index]


def _numbers(table: pd.DataFrame, file: Path) -> pd.DataFrame:
    """All columns but ``id`` as numbers."""
    columns = [column for column in table.columns if column != "id"]
    numbers = table[columns].apply(pd.to_numeric, errors="coerce")
    bad = ~np.isfinite(numbers.to_numpy(dtype=float)).all(axis=1)
    if bad.any():
        raise StudyError(f"{file.name}: a line of image {table.loc[bad, 'id'].iloc[0]} has a field that is no number")
    return table.assign(**{column: numbers[column] for column in columns})


def _words(name: str) -> str:
    numbered = re.fullmatch(r"\d{3}\.(.+)", name)
    return (numbered[1] if numbered else name).replace("_", " ")
