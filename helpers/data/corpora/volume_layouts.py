"""Where volumes and their labels lie in public corpora of medical images, and what the labels mean."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from helpers.data.corpora.volume_files import is_volume, stem
from helpers.data.manifest import manifest_files, read_manifest, refuse_twice
from helpers.data.text_files import is_there, json_of, listed_file
from helpers.errors import StudyError


@dataclass(frozen=True)
class Case:
    """One volume: whose it is, its files, and its part of the corpus where the layout has parts ("" where not)."""

    sample_id: str
    subject: str
    image: Path
    label: Path | None
    group: str = ""
    split: str = ""


@dataclass(frozen=True)
class Layout:
    """What a corpus's folder holds.

    Attributes:
        name: of the corpus.
        cases: its volumes, in a fixed order.
        classes: label value -> name, background (0) first; empty where the files themselves must say.
        licence, source: as the corpus words them.
        aliases: label values that stand for others by mistake of the distribution.
        remarks: what a reader should know.
    """

    name: str
    cases: tuple[Case, ...]
    classes: dict[int, str]
    licence: str
    source: str
    aliases: tuple[tuple[int, int], ...] = ()
    remarks: tuple[str, ...] = ()


def find_layout(name: str, root: Path) -> Layout:
    """The volumes of a corpus, without reading any.

    Args:
        name: ``"decathlon"``, ``"brats"``, ``"mmwhs"``, ``"luna16"``, ``"folder"`` or ``"manifest"``.
        root: its folder, or the manifest file.

    Raises:
        StudyError: there is no such folder, or it has another layout.
    """
    if name not in LAYOUTS:
        raise StudyError(f"no corpus of volumes is called {name!r}; there are: brains, {', '.join(LAYOUTS)}")
    if str(root) in ("", "."):
        raise StudyError(f"corpus {name} needs data_root: the folder it lies in, or the manifest file")
    if name != "manifest" and not root.is_dir():
        raise StudyError(f"data_root {root} is not a folder; set it to where the volumes lie")
    layout = LAYOUTS[name](root)
    if not layout.cases:
        raise StudyError(f"{root.name} holds no volumes in the layout of {name}: {_EXPECTED[name]}")
    return layout


def _decathlon(root: Path) -> Layout:
    """Medical Segmentation Decathlon (Antonelli et al., Nature Communications 13, 2022): ``dataset.json`` says all."""
    file = root / "dataset.json"
    if not file.is_file():
        raise StudyError(f"{root.name} has no dataset.json; expected {_EXPECTED['decathlon']}")
    told = json_of(file, dict)
    try:
        classes = {int(value): str(words) for value, words in told["labels"].items()}
        pairs = [
            tuple(listed_file(root, one[key], file.name) for key in ("image", "label")) for one in told["training"]
        ]
        tested = [listed_file(root, one["image"] if isinstance(one, dict) else one, file.name)
                  for one in told.get("test", [])]  # fmt: skip
        channels = list(map(str, told.get("modality", told.get("channel_names", {})).values()))
        name = str(told.get("name", root.name))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StudyError(
            f"dataset.json of {root.name}: labels, training, test or modality are not the Decathlon's ({error})"
        ) from None
    if not name or 0 not in classes or not all(0 <= value <= 255 for value in classes):
        raise StudyError(f"dataset.json of {root.name}: it needs a name, and labels from 0 (background) to 255 at most")
    cases = [Case(stem(image), stem(image), image, label) for image, label in pairs]
    there = [image for image in tested if is_there(image)]
    cases += [Case(stem(image), stem(image), image, None, split="unlabelled") for image in there]
    remarks = [f"{len(channels)} channels: {', '.join(channels)}"] if len(channels) > 1 else []
    remarks += [f"{len(tested) - len(there)} listed test volume(s) are not there"] if len(there) < len(tested) else []
    for key, count in (("numTraining", len(pairs)), ("numTest", len(tested))):
        if key in told and told[key] != count:
            remarks.append(f"dataset.json lists {count} volumes where its {key} is {str(told[key])[:40]}")
    return Layout(name, tuple(cases), classes, str(told.get("licence", "as distributed")),
                  f"Medical Segmentation Decathlon, {name}", remarks=tuple(remarks))  # fmt: skip


_BRATS = re.compile(r"^(?P<case>.+?)[_-](?P<kind>flair|t1|t1ce|t2|t2f|t1n|t1c|t2w)$", re.IGNORECASE)
_BRATS_ORDER = ("flair", "t2f", "t1ce", "t1c", "t2", "t2w", "t1", "t1n")  # the first that is there is read


def _brats(root: Path) -> Layout:
    """BraTS 2018–2023: a folder a case, a file a pulse sequence, ``_seg`` or ``-seg`` beside them."""
    cases, unusable = [], 0
    for folder in sorted({path.parent for path in root.rglob("*") if is_volume(path)}):
        found: dict[str, Path] = {}
        seg, case = None, folder.name
        for path in sorted(path for path in folder.iterdir() if is_volume(path)):
            match = _BRATS.match(stem(path))
            if match:
                found[match["kind"].lower()], case = path, match["case"]
            elif stem(path).lower().endswith(("_seg", "-seg")):
                seg = path
        image = next((found[kind] for kind in _BRATS_ORDER if kind in found), None)
        unusable += image is None
        if image is not None:
            subject = re.sub(r"^(BraTS-[A-Za-z]+-\d+)-\d{3}$", r"\1", case)  # 2023: the last number is the visit
            split = "" if seg is not None else "unlabelled"
            cases.append(Case(case, subject, image, seg, group=_kind_of(image), split=split))
    classes = {0: "background", 1: "necrotic core", 2: "oedema", 3: "enhancing tumour"}
    return Layout("brats", tuple(cases), classes, "as distributed by the challenge", "BraTS challenge",
                  aliases=((4, 3),), remarks=("enhancing tumour is label 4 until 2022 and 3 from 2023",
                  *([f"{unusable} folder(s) hold volumes but no pulse sequence by its name"] if unusable else ())),
                  )  # fmt: skip


def _kind_of(image: Path) -> str:
    match = _BRATS.match(stem(image))
    return match["kind"].lower() if match else ""


_MMWHS = {
    0: "background", 205: "left ventricle's wall", 420: "left atrium", 500: "left ventricle", 550: "right atrium",
    600: "right ventricle", 820: "aorta", 850: "pulmonary artery",
}  # fmt: skip


def _mmwhs(root: Path) -> Layout:
    """MM-WHS 2017: ``ct_train/ct_train_1001_image.nii.gz`` with ``_label``, ``mr_train/…``; test volumes without."""
    cases = []
    for path in sorted(path for path in root.rglob("*_image.nii*") if is_volume(path)):
        name = stem(path).removesuffix("_image")
        labels = [path.with_name(path.name.replace("_image.", "_label."))]
        label = next((one for one in labels if one.is_file()), None)
        cases.append(Case(name, name, path, label, group=name[:2], split="" if label else "unlabelled"))
    return Layout("mmwhs", tuple(cases), dict(_MMWHS), "as distributed by the challenge",
                  "Zhuang et al., MM-WHS 2017", aliases=((421, 420),),
                  remarks=("label 421, which stands in some files, is taken for 420",))  # fmt: skip


def _luna16(root: Path) -> Layout:
    """LUNA16: ``subset0…9/<series>.mhd``, lungs in ``seg-lungs-LUNA16/<series>.mhd``."""
    lungs = {stem(path): path for path in sorted(root.glob("seg-lungs-LUNA16/*.mhd"))}
    cases = []
    for path in sorted(root.glob("subset*/*.mhd")):
        label = lungs.get(stem(path))
        cases.append(Case(stem(path), stem(path), path, label, group=path.parent.name,
                          split="" if label else "unlabelled"))  # fmt: skip
    return Layout("luna16", tuple(cases), {0: "background", 3: "lung 3", 4: "lung 4", 5: "trachea"},
                  "CC BY 4.0", "LUNA16, from LIDC-IDRI",
                  remarks=("labels are the lungs' masks, not the nodules",))  # fmt: skip


def _folder(root: Path) -> Layout:
    """Any folder of NIfTI: ``images/NAME.nii.gz`` with ``labels/NAME.nii.gz``, or volumes alone."""
    images = root / "images" if (root / "images").is_dir() else root
    home = root / "labels"
    pictures = {_place(path, images): path for path in sorted(images.rglob("*"))
                if is_volume(path) and home not in path.parents}  # fmt: skip
    labels = {_place(path, home): path for path in sorted(home.rglob("*")) if is_volume(path)}
    stems = [place.rpartition("/")[2] for place in pictures]
    cases = []
    for place, path in pictures.items():
        alone = stems.count(place.rpartition("/")[2]) == 1
        label = labels.pop(place, None) or (labels.pop(place.rpartition("/")[2], None) if alone else None)
        cases.append(Case(place, place, path, label, split="" if label else "unlabelled"))
    if labels:
        first = next(iter(labels.values()))
        raise StudyError(
            f"labels/{first.relative_to(home).as_posix()} has no image of that name, or several; lay labels out as the "
            "images are"
        )
    return Layout(root.name, tuple(cases), {}, "not known: a local folder", f"folder {root.name}")


def _place(path: Path, root: Path) -> str:
    """Where a volume lies below a folder, without its ending."""
    return path.relative_to(root).as_posix().removesuffix(path.name) + stem(path)


def _manifest(file: Path) -> Layout:
    """A table with ``path``, and optionally ``mask``, ``subject``, ``group`` and ``split``; paths from its folder."""
    table = read_manifest(file, ("path",))
    cases = []
    refuse_twice(table["path"], file)
    for row, image in zip(table.to_dict("records"), manifest_files(table, file, "volumes"), strict=True):
        label = file.parent / row["mask"] if row.get("mask") else None
        if label is not None and not is_there(label):
            raise StudyError(f"{file.name}: {row['sample_id']}: there is no mask {row['mask'][:80]}")
        told = row.get("split") or ("" if label else "unlabelled")
        cases.append(Case(row["sample_id"], row["subject"], image, label, row.get("group") or "", told))
    return Layout(file.stem, tuple(cases), {}, "not known: a local manifest", f"manifest {file.name}")


LAYOUTS: dict[str, Callable[[Path], Layout]] = {
    "decathlon": _decathlon, "brats": _brats, "mmwhs": _mmwhs, "luna16": _luna16, "folder": _folder,
    "manifest": _manifest,
}  # fmt: skip
_EXPECTED = {
    "decathlon": "dataset.json, imagesTr/NAME.nii.gz, labelsTr/NAME.nii.gz",
    "brats": "CASE/CASE_flair.nii.gz … CASE/CASE_seg.nii.gz",
    "mmwhs": "ct_train/ct_train_1001_image.nii.gz with ct_train_1001_label.nii.gz, mr_train/…",
    "luna16": "subset0/SERIES.mhd … and seg-lungs-LUNA16/SERIES.mhd",
    "folder": "images/NAME.nii.gz and, where there are any, labels/NAME.nii.gz",
    "manifest": "a column path, and optionally mask, subject, group and split",
}
