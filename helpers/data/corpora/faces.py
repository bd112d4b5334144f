"""Faces: drawn ones, UTKFace, FairFace, CelebA, folders, manifests, each with a target and a group.

Every reader returns a :class:`Corpus` whose label column is ``label`` (the target attribute, text), whose ``group`` is
the attribute that fairness is asked about, and whose ``load`` gives float32 (B, C, H, W) in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from helpers.data.corpora.face_files import (
    FaceFiles,
    celeba_files,
    fairface_files,
    grouped_folders,
    listed_faces,
    utkface_files,
)
from helpers.data.corpora.image_tables import files_corpus
from helpers.data.corpus import Corpus
from helpers.data.manifest import manifest_files, read_manifest
from helpers.data.simulated.faces import ATTRIBUTES, EQUAL, GENERATOR, People, drawn_faces
from helpers.errors import StudyError

# Corpus -> target and group, where none are asked for.
USUAL = {"faces": ("facial_hair", "tone"), "utkface": ("gender", "race"), "fairface": ("gender", "race"),
         "celeba": ("Smiling", "Male"), "folder": ("label", "group"), "manifest": ("label", "group")}  # fmt: skip
_SOURCES = {
    "utkface": "UTKFace (Zhang, Song & Qi, CVPR 2017)",
    "fairface": "FairFace (Kärkkäinen & Joo, WACV 2021)",
    "celeba": "CelebA (Liu, Luo, Wang & Tang, ICCV 2015)",
}
_LICENCES = {"utkface": "for research that is not commercial", "fairface": "CC BY 4.0",
             "celeba": "for research that is not commercial"}  # fmt: skip


_ALIKE = 0.75  # near duplicates: thousands of pairs of aligned faces reach 0.5 and are no copies


@dataclass(frozen=True)
class FaceCrowd:
    """Which faces are drawn.

    Args:
        train, test: people, >= 1 each.
        pictures: of each person, >= 1.
        tone_shares: of the training people's skin tones; those of the test are equal.
        seed: of the drawing.
    """

    train: int = 400
    test: int = 100
    pictures: int = 2
    tone_shares: tuple[float, ...] = EQUAL
    seed: int = 0


def face_corpus(
    name: str, data_root: str = "", image_size: int = 64, target: str = "", group: str = "",
    crowd: FaceCrowd | None = None, seed: int = 0,
) -> Corpus:  # fmt: skip
    """The corpus of a parameter file.

    Args:
        name: ``"faces"``, ``"utkface"``, ``"fairface"``, ``"celeba"``, ``"folder"`` or ``"manifest"``.
        data_root: where a real one lies.
        image_size: side of the images, pixels.
        target, group: attributes; the corpus's usual ones where empty (:data:`USUAL`).
        crowd: of the drawn ones.
        seed: of the split, where a corpus has none.

    Raises:
        StudyError: an unknown name, target or group, or what the reader finds wrong with the files.
    """
    if name not in USUAL:
        raise StudyError(f"no corpus of faces is called {name!r}; there are: {', '.join(USUAL)}")
    target, group = target or USUAL[name][0], group or USUAL[name][1]
    if target == group:
        raise StudyError(f"target and group are both {target!r}; fairness of an attribute is asked about another one")
    if name == "faces":
        return _drawn(crowd or FaceCrowd(), image_size, target, group)
    root = _given(name, data_root)
    found = _READERS[name](root)
    for what, column in (("target", target), ("group", group)):
        if column not in found.attributes:
            raise StudyError(
                f"{root.name}: {what} {column!r} is no attribute; there are: {', '.join(found.attributes[:45])}"
            )
    return _read(name, found, target, group, image_size, seed)


def face_sources(name: str, data_root: str, image_size: int, crowd: FaceCrowd) -> list[Path | str]:
    """What a corpus of faces is read from, for its fingerprint.

    Raises:
        StudyError: ``data_root`` is missing or holds no such corpus.
    """
    if name == "faces":
        return [f"generator:{GENERATOR}:{crowd}:{image_size}"]
    root = _given(name, data_root)
    if name == "manifest":
        return [root, *manifest_files(read_manifest(root, ("path",)), root, "images")]
    return [root]


def _drawn(crowd: FaceCrowd, image_size: int, target: str, group: str) -> Corpus:
    if target not in ATTRIBUTES or group not in (*ATTRIBUTES, "tone"):
        raise StudyError(
            f"drawn faces: target {target!r} or group {group!r} is no attribute; there are: {', '.join(ATTRIBUTES)}, "
            "and tone as a group"
        )
    people = {"train": People(crowd.train, crowd.tone_shares), "test": People(crowd.test)}
    corpus = drawn_faces(people, crowd.pictures, image_size, seed=crowd.seed)
    words = {0: f"no {target}".replace("_", " "), 1: target.replace("_", " ")}
    table = corpus.table.assign(label=corpus.table[target].astype(int).map(words))
    if group != "tone":
        named = {0: f"no {group}".replace("_", " "), 1: group.replace("_", " ")}
        table["group"] = table[group].astype(int).map(named)
    return replace(corpus, table=table, labels=("label",))


def _read(name: str, found: FaceFiles, target: str, group: str, image_size: int, seed: int) -> Corpus:
    """Faces of known target and group; copies under different labels out, equal copies used once."""
    agreeing = ["years", "gender", "race"] if name == "utkface" else [target, group]
    known = found.table[[target, group]].notna().all(axis=1)
    notices = list(found.notices)
    if not known.all():
        notices.append(f"{int((~known).sum())} face(s) without {target} or {group} are left out")
    table = found.table[known]
    paths = [path for path, keep in zip(found.paths, known, strict=True) if keep]
    if table.empty:
        raise StudyError(f"{name}: no face has both a {target} and a {group}")
    shown = table.set_index("sample_id")[[target, group]]
    copied = table[[c for c in ("sample_id", "subject", "split") if c in table.columns]].copy()
    copied["label"] = table[agreeing].astype(str).agg(" · ".join, axis=1)  # copies must agree in all of it
    source = _SOURCES.get(name, f"{name} of faces")
    whole = files_corpus(copied, paths, image_size, seed, name, list(found.sources), source, once=True,
                         possible=_ALIKE)  # fmt: skip
    its = shown.loc[whole.table["sample_id"]].reset_index(drop=True)
    whole = replace(whole, table=whole.table.assign(label=its[target], group=its[group]))
    return replace(whole, notices=(*notices, *whole.notices), licence=_LICENCES.get(name, whole.licence))


def _given(name: str, data_root: str) -> Path:
    if data_root in ("", "."):
        raise StudyError(
            f"corpus {name} needs data_root: the {'CSV file' if name == 'manifest' else 'folder'} it lies in"
        )
    root = Path(data_root)
    if name == "manifest" and not root.is_file():
        raise StudyError(f"data_root {root} is not a file; give the path of a .csv or .parquet manifest")
    if name != "manifest" and not root.is_dir():
        raise StudyError(f"data_root {root} is not a folder; set it to where {name} lies")
    return root


_READERS: dict[str, Callable[[Path], FaceFiles]] = {
    "utkface": utkface_files,
    "fairface": fairface_files,
    "celeba": celeba_files,
    "folder": grouped_folders,
    "manifest": listed_faces,
}
