"""IP102: 75,222 pictures of 102 insect pests in three lists (Wu et al., CVPR 2019)."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from helpers.data.corpora.image_tables import files_corpus
from helpers.data.corpus import Corpus
from helpers.data.text_files import is_there, listed_file, once_each, text_lines
from helpers.errors import StudyError

LISTS = {"train": "train.txt", "validation": "val.txt", "test": "test.txt"}
_LINE = re.compile(r"^\s*(\S.*?)\s+(\d{1,6})\s*$")
_CLASS = re.compile(r"^\s*(\d{1,6})\s+(\S.*?)\s*$")


def ip102(root: Path, image_size: int = 64, seed: int = 0) -> Corpus:
    """The corpus as distributed, or any other in its layout.

    Args:
        root: folder with ``train.txt``, ``test.txt`` and optionally ``val.txt``, a line a picture: ``path label``, the
            label a number, the paths relative to ``root/images`` or to ``root``. Optionally ``classes.txt``, a line a
            class: ``number name``, counted from 0 or from 1. Without ``val.txt`` no row is validation.
        image_size: side of the decoded images: shorter side scaled to it, centre cropped.
        seed: is not used: the lists are the split.

    Returns:
        A corpus with the column ``label``: class names, or ``class007`` where there are none. Listed pictures that are
        not there, listed twice, broken, or copies of one another are left out or kept together; the notices count them.

    Raises:
        StudyError: a list is missing or empty, a line is not ``path label``, a label has no class, or no listed picture
            is there.
    """
    if not root.is_dir():
        raise StudyError(f"data_root {root} is not a folder; set it to where train.txt and test.txt lie")
    table = pd.concat([_listed(root / file, split) for split, file in LISTS.items() if _wanted(root, split)])
    table = table.reset_index(drop=True)
    notices = []
    twice = table["sample_id"].duplicated(keep="last")  # of two lists the later one counts: test before validation
    if twice.any():
        notices.append(f"{int(twice.sum())} picture(s) are listed twice; the last line counts")
        table = table[~twice].reset_index(drop=True)
    found = [_place(root, name) for name in table["sample_id"]]
    absent = pd.Series([path is None for path in found])
    if absent.all():
        raise StudyError(f"none of the {len(table)} listed pictures lies in {root.name}/images or {root.name}")
    if absent.any():
        names = table.loc[absent, "sample_id"]
        shown = ", ".join(name[:80] for name in names.iloc[:3]) + (" …" if len(names) > 3 else "")
        notices.append(f"{len(names)} listed picture(s) are not there: {shown}")
        table = table[~absent].reset_index(drop=True)
    paths = [path for path in found if path is not None]
    table["label"] = _named(table["label"], root / "classes.txt")
    corpus = files_corpus(table, paths, image_size, seed, "ip102", list(sources(root)), "Wu et al. 2019, IP102")
    return _with_notices(corpus, notices)


def sources(root: Path) -> list[Path]:
    """What the corpus is read from, for its fingerprint.

    Raises:
        StudyError: a list is missing.
    """
    if not root.is_dir():
        raise StudyError(f"data_root {root} is not a folder; set it to where train.txt and test.txt lie")
    lists = [root / file for split, file in LISTS.items() if _wanted(root, split)]
    images = root / "images"
    extra = [root / "classes.txt"] if (root / "classes.txt").is_file() else []
    return [*lists, *extra, images] if images.is_dir() else [root]


def _wanted(root: Path, split: str) -> bool:
    file = root / LISTS[split]
    if not file.is_file() and split != "validation":
        raise StudyError(f"{root.name} has no {file.name}; IP102 has one line a picture there: path label")
    return file.is_file()


def _listed(file: Path, split: str) -> pd.DataFrame:
    records = []
    for number, line in enumerate(text_lines(file), start=1):
        if not line.strip():
            continue
        match = _LINE.match(line)
        if match is None:
            raise StudyError(
                f"{file.name}, line {number}: {line.strip()[:80]!r} is not 'path label' with a whole number"
            )
        records.append({"sample_id": match[1].removeprefix("./"), "label": int(match[2]), "split": split})
    if not records:
        raise StudyError(f"{file.name} lists no pictures")
    return pd.DataFrame(records)


def _place(root: Path, name: str) -> Path | None:
    places = (listed_file(folder, name, "IP102's lists") for folder in (root / "images", root))
    return next((place for place in places if is_there(place)), None)


def _named(labels: pd.Series, file: Path) -> pd.Series:
    if not file.is_file():
        return labels.map(lambda number: f"class{number:03d}")
    listed: list[tuple[str, str]] = []
    for number, line in enumerate(text_lines(file), start=1):
        if not line.strip():
            continue
        match = _CLASS.match(line)
        if match is None:
            raise StudyError(f"{file.name}, line {number}: {line.strip()[:80]!r} is not 'number name'")
        listed.append((str(int(match[1])), match[2]))
    names = {int(number): name for number, name in once_each(listed, file.name).items()}
    first = (
        1 if 0 not in names and (labels.min() == 0 or int(labels.max()) + 1 in names) else 0
    )  # the distribution counts classes from 1
    unknown = sorted(set(labels[~(labels + first).isin(names)]))
    if unknown:
        raise StudyError(f"{file.name} has no class for label {unknown[0]} of the lists")
    if len(set(names.values())) < len(names):
        return labels.map(lambda number: f"{number:03d} {names[number + first]}")
    return labels.map(lambda number: names[number + first])


def _with_notices(corpus: Corpus, notices: list[str]) -> Corpus:
    from dataclasses import replace

    return replace(corpus, notices=(*notices, *corpus.notices))
