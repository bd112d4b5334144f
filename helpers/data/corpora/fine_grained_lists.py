"""Fine-grained benchmarks in the layouts that they are distributed in: aircraft, cars, flowers, pets.

Each reader takes the folder that torchvision's reader of the same corpus takes, or the unpacked folder itself, and
returns files, labels and the official split; none downloads anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from helpers.data.text_files import once_each, text_lines
from helpers.errors import StudyError

FLOWERS_17 = (
    "daffodil", "snowdrop", "lily of the valley", "bluebell", "crocus", "iris", "tigerlily", "tulip", "fritillary",
    "sunflower", "daisy", "coltsfoot", "dandelion", "cowslip", "buttercup", "windflower", "pansy",
)  # fmt: skip
BANNER = 20  # pixels at the bottom of every picture of FGVC-Aircraft, with its owner's name


@dataclass(frozen=True)
class Listed:
    """What a corpus's lists say.

    Attributes:
        table: ``sample_id``, ``label`` and ``split``, a row a picture.
        paths: the pictures, in the table's order; some may be absent.
        sources: files and folders that all of it was read from.
        source: citation.
        cut_below: rows of pixels to cut off at the bottom of every picture.
        notices: what a reader of the data should know.
    """

    table: pd.DataFrame
    paths: list[Path]
    sources: list[Path]
    source: str
    cut_below: int = 0
    notices: tuple[str, ...] = field(default=())


def fgvc_aircraft(root: Path) -> Listed:
    """FGVC-Aircraft: 10,000 pictures of 100 variants (Maji et al. 2013, arXiv 1306.5151).

    ``fgvc-aircraft-2013b/data`` with ``images/NNNNNNN.jpg`` and ``images_variant_train.txt``, ``…_val.txt``,
    ``…_test.txt``, a line a picture: ``NNNNNNN variant``, the variant with blanks; the variants are those of
    ``variants.txt``, where it is there.
    """
    data = _folder(root, ("fgvc-aircraft-2013b/data", "data", "."), "images_variant_test.txt", "FGVC-Aircraft")
    known = data / "variants.txt"
    records, files = [], [known] if known.is_file() else []
    variants = {line.strip() for line in _lines(known)} if files else set()
    for split, name in (("train", "train"), ("validation", "val"), ("test", "test")):
        file = data / f"images_variant_{name}.txt"
        for number, line in enumerate(_lines(file), start=1):
            stem, _, label = line.strip().partition(" ")
            if not stem.isdigit() or not label.strip():
                raise StudyError(f"{file.name}, line {number}: {line.strip()[:80]!r} is not 'picture variant'")
            if variants and label.strip() not in variants:
                raise StudyError(f"{file.name}, line {number}: variants.txt has no variant {label.strip()[:80]!r}")
            records.append({"sample_id": f"{stem}.jpg", "label": label.strip(), "split": split})
        files.append(file)
    table = pd.DataFrame(records)
    images = data / "images"
    return Listed(table, [images / name for name in table["sample_id"]], [*files, images],
                  "Maji et al. 2013, FGVC-Aircraft", BANNER,
                  (f"the banner of {BANNER} pixels at the bottom of every picture is cut off",))  # fmt: skip


def stanford_cars(root: Path) -> Listed:
    """Stanford Cars: 16,185 pictures of 196 models (Krause et al. 2013).

    ``stanford_cars`` with ``devkit/cars_meta.mat``, ``devkit/cars_train_annos.mat``, ``cars_train/NNNNN.jpg``,
    ``cars_test/`` and ``cars_test_annos_withlabels.mat`` (beside the folders or in ``devkit``).
    """
    folder = _folder(root, ("stanford_cars", "."), "devkit/cars_meta.mat", "Stanford Cars")
    meta = _mat(folder / "devkit" / "cars_meta.mat")
    names = [str(name) for name in np.atleast_1d(_entry(meta, "class_names", "cars_meta.mat"))]
    if len(set(names)) < len(names):
        raise StudyError(f"cars_meta.mat: two classes are called {max(names, key=names.count)[:80]!r}")
    labelled = "cars_test_annos_withlabels.mat"
    test = next((p for p in (folder / labelled, folder / "devkit" / labelled) if p.is_file()), None)
    if test is None:
        raise StudyError(f"{folder.name} has no {labelled}; without it the test pictures have no labels")
    files = {"train": folder / "devkit" / "cars_train_annos.mat", "test": test}
    records, paths = [], []
    for split, file in files.items():
        for one in np.atleast_1d(_entry(_mat(file), "annotations", file.name)):
            try:
                picture, number = str(one["fname"]), int(one["class"])
            except (ValueError, IndexError, KeyError, TypeError, OverflowError):
                raise StudyError(f"{file.name}: an annotation has no fname or class") from None
            if not 1 <= number <= len(names) or Path(picture).name != picture:
                raise StudyError(f"{file.name}: {picture[:80]!r} has the class {number}; there are 1 to {len(names)}")
            records.append({"sample_id": f"cars_{split}/{picture}", "label": names[number - 1], "split": split})
            paths.append(folder / f"cars_{split}" / picture)
    sources = [folder / "devkit" / "cars_meta.mat", *files.values(), folder / "cars_train", folder / "cars_test"]
    return Listed(pd.DataFrame(records), paths, [s for s in sources if s.exists()], "Krause et al. 2013, Stanford Cars")


def flowers102(root: Path) -> Listed:
    """Oxford Flowers-102: 8,189 pictures (Nilsback & Zisserman, ICVGIP 2008).

    ``flowers-102`` with ``jpg/image_NNNNN.jpg``, ``imagelabels.mat`` (``labels``, 1 to 102) and ``setid.mat``
    (``trnid``, ``valid``, ``tstid``, picture numbers from 1). The flowers' names are not distributed: ``flower001`` …
    """
    folder = _folder(root, ("flowers-102", "."), "imagelabels.mat", "Flowers-102")
    labels = _whole_numbers(_mat(folder / "imagelabels.mat"), "labels", "imagelabels.mat")
    if labels.min() < 1 or labels.max() > 102:
        raise StudyError(
            f"imagelabels.mat: labels has {labels.min()} to {labels.max()}; there are the classes 1 to 102"
        )
    sets = _mat(folder / "setid.mat")
    records = []
    for split, key in (("train", "trnid"), ("validation", "valid"), ("test", "tstid")):
        for number in _whole_numbers(sets, key, "setid.mat"):
            if not 1 <= number <= len(labels):
                raise StudyError(f"setid.mat: picture {number} of {key}; imagelabels.mat has {len(labels)}")
            records.append({"sample_id": f"image_{number:05d}.jpg", "label": f"flower{labels[number - 1]:03d}",
                            "split": split})  # fmt: skip
    table = pd.DataFrame(records)
    unplaced = len(labels) - table["sample_id"].nunique()
    notices = (f"{unplaced} picture(s) stand in none of the sets of setid.mat and are left out",) if unplaced else ()
    return Listed(table, [folder / "jpg" / name for name in table["sample_id"]],
                  [folder / "imagelabels.mat", folder / "setid.mat", folder / "jpg"],
                  "Nilsback & Zisserman 2008, Oxford Flowers-102", notices=notices)  # fmt: skip


def flowers17(root: Path) -> Listed:
    """Oxford Flowers-17: 1,360 pictures, 80 a flower (Nilsback & Zisserman, CVPR 2006).

    ``jpg/image_NNNN.jpg``, numbered flower after flower, 80 each. With ``datasplits.mat`` beside ``jpg`` the first of
    its three splits (``trn1``, ``val1``, ``tst1``) is used; without, there is none.
    """
    folder = _folder(root, (".", "17flowers"), "jpg", "Flowers-17")
    numbers = sorted(
        int(m[1]) for p in (folder / "jpg").iterdir() if (m := re.fullmatch(r"image_(\d{4})\.jpg", p.name))
    )
    if not numbers or numbers[-1] > 80 * len(FLOWERS_17) or numbers[0] < 1:
        raise StudyError(f"{folder.name}/jpg holds no image_0001.jpg to image_1360.jpg")
    table = pd.DataFrame({"sample_id": [f"image_{n:04d}.jpg" for n in numbers]})
    table["label"] = [FLOWERS_17[(n - 1) // 80] for n in numbers]
    sources, splits, notices = [folder / "jpg"], folder / "datasplits.mat", []
    if splits.is_file():
        given = _mat(splits)
        split_of = once_each(((str(n), split) for split, key in (("train", "trn1"), ("validation", "val1"),
                              ("test", "tst1")) for n in _whole_numbers(given, key, splits.name)),
                             splits.name)  # fmt: skip
        table["split"] = [split_of.get(str(n)) for n in numbers]
        unplaced = table["split"].isna()
        table = table[~unplaced].reset_index(drop=True)
        notices += [f"{int(unplaced.sum())} picture(s) that {splits.name} does not name are left out"] * int(
            unplaced.any()
        )
        absent = len(split_of) - len(table)
        notices += [f"{absent} picture(s) that {splits.name} names are not there"] * (absent > 0)
        sources.append(splits)
        if table.empty:
            raise StudyError("datasplits.mat names none of the pictures in jpg")
    return Listed(table, [folder / "jpg" / name for name in table["sample_id"]], sources,
                  "Nilsback & Zisserman 2006, Oxford Flowers-17", notices=tuple(notices))  # fmt: skip


def oxford_pets(root: Path) -> Listed:
    """Oxford-IIIT Pets: 7,349 pictures of 37 breeds (Parkhi et al., CVPR 2012).

    ``oxford-iiit-pet`` with ``images/<breed>_<n>.jpg``, ``annotations/trainval.txt`` and ``annotations/test.txt``, a
    line a picture: ``name class species number``.
    """
    folder = _folder(root, ("oxford-iiit-pet", "."), "annotations/trainval.txt", "Oxford-IIIT Pets")
    records, files = [], []
    numbers: list[tuple[str, str]] = []
    for split, name in (("train", "trainval.txt"), ("test", "test.txt")):
        file = folder / "annotations" / name
        for number, line in enumerate(_lines(file), start=1):
            if line.startswith("#"):
                continue
            words = line.split()
            breed, _, count = words[0].rpartition("_")
            whole = breed and "/" not in words[0] and all(word.isdecimal() for word in (count, *words[1:]))
            if len(words) != 4 or not whole:
                raise StudyError(
                    f"{file.name}, line {number}: {line.strip()[:80]!r} is not 'name class species number'"
                )
            numbers += [(f"breed {breed}", f"class {words[1]}"), (f"class {words[1]}", f"breed {breed}")]
            records.append({"sample_id": f"{words[0]}.jpg", "label": breed.replace("_", " "), "split": split})
        files.append(file)
    once_each(numbers, "annotations")  # a breed has one number
    table = pd.DataFrame(records)
    images = folder / "images"
    return Listed(table, [images / name for name in table["sample_id"]], [*files, images],
                  "Parkhi et al. 2012, Oxford-IIIT Pets")  # fmt: skip


LISTS = {"fgvc_aircraft": fgvc_aircraft, "stanford_cars": stanford_cars, "flowers17": flowers17,
         "flowers102": flowers102, "oxford_pets": oxford_pets}  # fmt: skip


def _folder(root: Path, places: tuple[str, ...], has: str, name: str) -> Path:
    """The first of the places below ``root`` that holds a file or folder."""
    if not root.is_dir():
        raise StudyError(f"data_root {root} is not a folder; set it to where {name} lies")
    for place in places:
        if (root / place / has).exists():
            return root / place
    raise StudyError(f"{root.name} holds no {name}: there is no {has} in it or in {places[0]}")


def _lines(file: Path) -> list[str]:
    if not file.is_file():
        raise StudyError(f"{file.parent.name} has no {file.name}; unpack the official archive again")
    return [line for line in text_lines(file) if line.strip()]


def _mat(file: Path) -> dict[str, Any]:
    """The variables of a MATLAB file."""
    from scipy.io import loadmat

    if not file.is_file():
        raise StudyError(f"{file.parent.name} has no {file.name}; unpack the official archive again")
    try:
        return loadmat(file, squeeze_me=True)
    except Exception as error:  # scipy raises whatever the damage leads to
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StudyError(f"{file.name} cannot be read as a MATLAB file: {first}") from None


def _whole_numbers(content: dict[str, Any], key: str, file: str) -> np.ndarray:
    """A variable of whole numbers, int64 (n,), n >= 1."""
    values = np.atleast_1d(_entry(content, key, file))
    kind = values.dtype.kind
    if values.ndim != 1 or len(values) == 0 or kind not in "iuf" or not (np.abs(values.astype(float)) < 1e9).all():
        raise StudyError(f"{file}: {key} is no list of whole numbers")
    found = values.astype(np.int64)
    if (found != values).any():
        raise StudyError(f"{file}: {key} holds {values[found != values][0]:g}, which is no whole number")
    return found


def _entry(content: dict[str, Any], key: str, file: str) -> Any:
    if key not in content:
        raise StudyError(f"{file} has no variable {key}")
    return content[key]
