"""On-disk layouts of face corpora: UTKFace's names, FairFace's tables, CelebA's lists, folders, manifests.

Every reader gives a table of faces (a row a file) in which each attribute is a column of text, None where unknown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from helpers.data.corpora.image_files import image_files
from helpers.data.manifest import manifest_files, read_manifest, refuse_twice
from helpers.data.text_files import is_there, listed_file, once_each, text_lines
from helpers.errors import StudyError

UTKFACE_RACES = ("White", "Black", "Asian", "Indian", "Other")
AGE_BANDS = ((0, 9), (10, 19), (20, 29), (30, 39), (40, 49), (50, 59), (60, 69), (70, 120))
_UTKFACE_NAME = re.compile(r"(\d{1,3})_([01])_([0-4])_\d{8,}.*\.jpe?g", re.IGNORECASE)
_CELEBA_PARTS = {"0": "train", "1": "validation", "2": "test"}
_FAIRFACE = {
    "age": ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "more than 70"),
    "gender": ("Male", "Female"),
    "race": ("East Asian", "Indian", "Black", "White", "Middle Eastern", "Latino_Hispanic", "Southeast Asian"),
}


@dataclass(frozen=True)
class FaceFiles:
    """What a layout says of its files.

    Attributes:
        table: ``sample_id``, the columns in ``attributes``, and ``subject`` and ``split`` where the layout has them.
        paths: of the files, in the table's order.
        attributes: columns that may be a target or a group.
        sources: what a fingerprint is taken of.
        notices: what was left out, a line each.
    """

    table: pd.DataFrame
    paths: list[Path]
    attributes: tuple[str, ...]
    sources: list[Path]
    notices: tuple[str, ...] = ()


def utkface_files(root: Path) -> FaceFiles:
    """UTKFace (Zhang, Song & Qi, CVPR 2017): ``[age]_[gender]_[race]_[date].jpg``, in one folder or several.

    A name with a field missing or out of range says too little of its picture: such files are left out and counted.

    Raises:
        StudyError: no file of such a name.
    """
    records, paths, malformed = [], [], []
    for path in image_files(root):
        found = _UTKFACE_NAME.fullmatch(path.name)
        age = int(found[1]) if found else -1
        if found is None or not 0 <= age <= AGE_BANDS[-1][1]:
            malformed.append(path.name)
            continue
        low, high = next(band for band in AGE_BANDS if band[0] <= age <= band[1])
        record = {"sample_id": path.relative_to(root).as_posix(), "years": str(age), "age": f"{low:02d}-{high}"}
        records.append(record | {"gender": ("male", "female")[int(found[2])], "race": UTKFACE_RACES[int(found[3])]})
        paths.append(path)
    if not records:
        raise StudyError(f"{root.name} holds no picture named [age]_[gender]_[race]_[date].jpg, as UTKFace's are")
    notices = (
        (f"{len(malformed)} file(s) whose name lacks a field are left out: {_few(malformed)}",) if malformed else ()
    )
    return FaceFiles(pd.DataFrame(records), paths, ("gender", "race", "age"), [root], notices)


def fairface_files(root: Path) -> FaceFiles:
    """FairFace (Kärkkäinen & Joo, WACV 2021): ``fairface_label_train.csv`` and ``fairface_label_val.csv``.

    Their columns are ``file`` (such as ``train/1.jpg``), ``age``, ``gender``, ``race``, ``service_test``. The published
    validation part is the test part here; without its table the training part is split. A value that FairFace does not
    have (a table saved by a spreadsheet has ``9-Mar`` for ``3-9``) is taken as absent, and counted.

    Raises:
        StudyError: the training table, a column, or every picture is missing, or a picture is listed twice.
    """
    tables = {"train": root / "fairface_label_train.csv", "test": root / "fairface_label_val.csv"}
    if not tables["train"].is_file():
        raise StudyError(f"{root.name} has no fairface_label_train.csv; give the folder with FairFace's tables")
    parts = []
    for split, file in tables.items():
        if file.is_file():
            wanted = ("file", *_FAIRFACE)
            part = read_manifest(file, wanted, text=wanted)
            refuse_twice(part["file"], file)
            parts.append(part.assign(split=split))
    listed = pd.concat(parts, ignore_index=True)
    table = pd.DataFrame({"sample_id": listed["file"].fillna("").astype(str), "split": listed["split"]})
    unknown = 0
    for name, values in _FAIRFACE.items():
        known = listed[name].isin(values)
        unknown += int((~known & listed[name].notna()).sum())
        table[name] = listed[name].astype(object).where(known, None)
    if len(parts) == 1:
        table = table.drop(columns="split")
    table, paths, notices = _present(table, root, "fairface")
    if unknown:
        notices = (
            *notices,
            f"{unknown} value(s) of age, gender or race that FairFace does not have are taken as absent",
        )
    return FaceFiles(table, paths, ("gender", "race", "age"), [file for file in tables.values() if file.is_file()]
                     + [root / "train", root / "val"], notices)  # fmt: skip


def celeba_files(root: Path) -> FaceFiles:
    """CelebA (Liu et al., ICCV 2015): ``list_attr_celeba.txt``, ``identity_CelebA.txt``, ``list_eval_partition.txt``.

    Pictures lie in ``img_align_celeba/``. The lists may lie in ``Anno/`` and ``Eval/`` as distributed, or beside the
    pictures. The first line of the attributes counts the pictures, the second names 40 attributes, each row has 1 or −1
    for each. A person is a subject; without identities each picture is, with a notice.

    Raises:
        StudyError: the list of attributes or every picture is missing, or a line is not as it should be.
    """
    file = _list(root, "list_attr_celeba.txt")
    if file is None:
        raise StudyError(f"{root.name} has no list_attr_celeba.txt (there, in Anno/ or in Eval/); give CelebA's folder")
    names, rows = _attributes(file)
    table = pd.DataFrame([row[1:] for row in rows], columns=names).replace({"1": "yes", "-1": "no"})
    table.insert(0, "sample_id", [row[0] for row in rows])
    refuse_twice(table["sample_id"], file)
    sources, notices = [file], []
    people = _pairs(_list(root, "identity_CelebA.txt"))
    if people:
        table["subject"] = "person " + table["sample_id"].map(people).fillna("of " + table["sample_id"])
        nobody = int((~table["sample_id"].isin(people)).sum())
        if nobody:
            notices.append(f"{nobody} picture(s) that identity_CelebA.txt does not name are a person each")
    else:
        notices.append(
            "there is no identity_CelebA.txt: every picture is a subject, and a person may stand in two splits"
        )
    partition = _pairs(_list(root, "list_eval_partition.txt"))
    if partition:
        table["split"] = table["sample_id"].map(partition).map(_CELEBA_PARTS)
        unknown = table["split"].isna()
        if unknown.any():
            notices.append(f"{int(unknown.sum())} picture(s) that list_eval_partition.txt does not place are left out")
            table = table[~unknown]
    sources += [f for n in ("identity_CelebA.txt", "list_eval_partition.txt") if (f := _list(root, n)) is not None]
    folder = next((f for f in (root / "img_align_celeba", root / "Img" / "img_align_celeba") if f.is_dir()), root)
    table, paths, absent = _present(table, folder, "celeba")
    return FaceFiles(table, paths, tuple(names), [*sources, folder], (*notices, *absent))


def _attributes(file: Path) -> tuple[list[str], list[list[str]]]:
    """Names of CelebA's attributes, and the words of each picture's line."""
    lines = [(i, line.split()) for i, line in enumerate(text_lines(file), 1) if line.strip()]
    if len(lines) < 3:
        raise StudyError(f"{file.name}: expected how many pictures there are, the attributes' names, and the pictures")
    names, rows = lines[1][1], [words for _, words in lines[2:]]
    twice = {name for name in names if names.count(name) > 1} | {"sample_id", "subject", "split"} & set(names)
    if twice:
        raise StudyError(f"{file.name}, line {lines[1][0]}: an attribute cannot be called {min(twice)}, or not twice")
    for i, words in lines[2:]:
        if len(words) != 1 + len(names) or not set(words[1:]) <= {"1", "-1"}:
            raise StudyError(
                f"{file.name}, line {i}: expected a picture's name and 1 or -1 for each of {len(names)} attributes"
            )
    if lines[0][1] != [str(len(rows))]:
        said = " ".join(lines[0][1])[:40]
        raise StudyError(f"{file.name}: its first line says {said} pictures, {len(rows)} follow; is it cut short?")
    return names, rows


def grouped_folders(root: Path) -> FaceFiles:
    """Any faces in ``<group>/<label>/*.jpg``.

    Raises:
        StudyError: no pictures, or one that does not lie in a label's folder in a group's folder.
    """
    paths = image_files(root)
    if not paths:
        raise StudyError(f"{root.name} holds no images; expected <group>/<label>/*.jpg below it")
    records = []
    for path in paths:
        parts = path.relative_to(root).parts
        if len(parts) < 3:
            raise StudyError(f"{path.name} does not lie in {root.name}/<group>/<label>/; every face needs both")
        records.append(
            {"sample_id": path.relative_to(root).as_posix(), "group": parts[0], "label": "/".join(parts[1:-1])}
        )
    return FaceFiles(pd.DataFrame(records), paths, ("label", "group"), [root])


def listed_faces(file: Path) -> FaceFiles:
    """A manifest: ``path`` (relative to the file's folder), ``label``, ``group``, optionally ``subject``, ``split``.

    Further columns may be targets or groups too.
    """
    listed = read_manifest(file, ("path", "label", "group"), text=None)
    attributes = [c for c in listed.columns if c not in ("path", "sample_id", "subject", "split")]
    paths = manifest_files(listed, file, "images")
    return FaceFiles(listed.drop(columns="path"), paths, tuple(map(str, attributes)), [file, *paths])


def _present(table: pd.DataFrame, folder: Path, name: str) -> tuple[pd.DataFrame, list[Path], tuple[str, ...]]:
    """The rows whose picture is there: large corpora are often fetched in part."""
    named = [listed_file(folder, str(i), f"{name}'s lists") for i in table["sample_id"]]
    there = pd.Series([is_there(path) for path in named], index=table.index, dtype=bool)
    if not there.any():
        raise StudyError(f"{name}: none of the {len(table):,} listed pictures lies below {folder.name}")
    absent = table.loc[~there, "sample_id"]
    notices = (f"{len(absent):,} listed picture(s) are not there: {_few(list(absent))}",) if len(absent) else ()
    table = table[there].reset_index(drop=True)
    return table, [folder / i for i in table["sample_id"]], notices


def _list(root: Path, name: str) -> Path | None:
    places = (root / name, root / "Anno" / name, root / "Eval" / name)
    return next((file for file in places if file.is_file()), None)


def _pairs(file: Path | None) -> dict[str, str]:
    """Two words a line as a dict; empty where there is no file."""
    if file is None:
        return {}
    found = []
    for number, line in enumerate(text_lines(file), start=1):
        words = line.split()
        if words and (len(words) != 2 or not words[1].isdecimal()):
            raise StudyError(
                f"{file.name}, line {number}: expected a picture's name and a number, not {line.strip()[:80]!r}"
            )
        if words:
            found.append((words[0], words[1]))
    return once_each(found, file.name)


def _few(names: list[str]) -> str:
    return ", ".join(name[:80] for name in names[:3]) + (" …" if len(names) > 3 else "")
