"""From a table of image files to a corpus: broken files out, copies found and kept together, contradictions out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from helpers.data.corpora.image_files import Decoded, decode_files
from helpers.data.corpus import Corpus, split_by_subject
from helpers.data.fingerprint import fingerprint
from helpers.data.near_duplicates import POSSIBLE, groups_of, near_duplicates
from helpers.errors import StudyError

TEST_SHARE = 0.2  # of the subjects, where a corpus comes without a split of its own


def files_corpus(
    table: pd.DataFrame, paths: list[Path], image_size: int, seed: int, name: str, sources: list[Path], source: str,
    once: bool = False, possible: float = POSSIBLE, cut_below: int = 0,
) -> Corpus:  # fmt: skip
    """A corpus of image files: decode, leave out what cannot be used, keep copies together, split.

    Args:
        table: ``sample_id`` and ``label``, optionally ``subject``, ``group``, ``split``; a row a file.
        paths: the files, in the table's order.
        image_size: side of the decoded images, pixels.
        seed: of the split, where the table has none.
        name, source: of the corpus.
        sources: what its fingerprint is taken of.
        once: whether only the first of exact copies is used; else all are, in one split.
        possible: as in :func:`helpers.data.near_duplicates.near_duplicates`.
        cut_below: rows of pixels to cut off at the bottom of every file.

    Raises:
        StudyError: no file can be decoded, or every image stands under two labels.
    """
    key = fingerprint(list[Path | str](sources))
    decoded = decode_files(paths, image_size, {"fingerprint": key, "files": list(table["sample_id"])}, cut_below)
    table = table.reset_index(drop=True).assign(row=np.arange(len(table)), digest=decoded.digests)
    if "subject" not in table.columns:
        table["subject"] = table["sample_id"]
    notices = []
    if (~decoded.readable).any():
        bad = table.loc[~decoded.readable, "sample_id"]
        shown = ", ".join(bad.iloc[:3]) + (" …" if len(bad) > 3 else "")
        notices.append(f"{len(bad)} file(s) cannot be decoded and are left out: {shown}")
        table = table[decoded.readable]
    if table.empty:
        raise StudyError(f"{name}: none of the {len(paths)} files can be decoded as an image")
    table, told = without_contradictions(table)
    if once and table["digest"].duplicated().any():
        copies = table["digest"].duplicated()
        told[-1] = f"{int(copies.sum())} exact cop{'y' if copies.sum() == 1 else 'ies'}: left out, the first is kept"
        table = table[~copies]
    table, near = without_near_duplicates(table, decoded.thumbnails[table["row"].to_numpy()], possible)
    table, more = without_leaks(table)
    table = table.reset_index(drop=True)
    if "split" not in table.columns:
        labelled = table["label"].notna().to_numpy()
        split = np.full(len(table), "unlabelled", dtype=object)
        shares = {"train": 1 - TEST_SHARE, "test": TEST_SHARE}
        split[labelled] = split_by_subject(table[labelled], shares, seed, "label")
        table["split"] = split
        more += without_shared_subjects(table)
    return Corpus(
        name=name,
        table=table.drop(columns=["row", "digest"]),
        load=_of_rows(decoded, table["row"].to_numpy()),
        labels=("label",),
        licence="as given by whoever owns the images",
        source=source,
        simulated=False,
        fingerprint=key,
        notices=(*notices, *told, *near, *more),
    )


def without_contradictions(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Merge the subjects of exact copies and drop copies that carry two labels.

    Args:
        table: with ``digest``, ``subject`` and ``label``.

    Returns:
        The table with equal ``subject`` for equal ``digest``, and notices.
    """
    notices = []
    labels = table.groupby("digest")["label"].nunique()
    contradicted = table["digest"].isin(labels[labels > 1].index)
    if contradicted.any():
        notices.append(
            f"{int(contradicted.sum())} copies of {int((labels > 1).sum())} image(s) under two labels are left out"
        )
        table = table[~contradicted]
    if table.empty:
        raise StudyError("every image stands under two labels; nothing is left to learn from")
    copies = int(table["digest"].duplicated().sum())
    if copies:
        notices.append(f"{copies} exact cop{'y' if copies == 1 else 'ies'}: kept in one split with the original")
    return table.assign(subject=_joined(table["subject"], table["digest"])), notices


def without_near_duplicates(
    table: pd.DataFrame, thumbnails: np.ndarray, possible: float = POSSIBLE
) -> tuple[pd.DataFrame, list[str]]:
    """Merge the subjects of near duplicates and drop those that carry two labels.

    Args:
        table: with ``sample_id``, ``subject``, ``label``, ``digest``; a row a picture.
        thumbnails: of the same rows, for :func:`helpers.data.near_duplicates.near_duplicates`.
        possible: as there.

    Returns:
        The table with one ``subject`` for each group of near duplicates, and notices that count them and name the first
        ten pairs.
    """
    one_each = np.flatnonzero(~table["digest"].duplicated().to_numpy())  # exact copies are known already
    pairs = near_duplicates(thumbnails[one_each], possible)
    if len(pairs) == 0:
        return table, []
    names = table["sample_id"].to_numpy()[one_each]
    digest = table["digest"].to_numpy()[one_each]
    group = pd.Series(groups_of(pairs, len(one_each)), index=digest)
    table = table.assign(digest=table["digest"].map(group).astype(str))
    shown = ", ".join(f"{names[i]} ~ {names[j]}" for i, j in pairs[:10]) + (" …" if len(pairs) > 10 else "")
    notices = [f"{len(pairs)} pair(s) of near duplicates, each kept in one split: {shown}"]
    labels = table.groupby("digest")["label"].nunique()
    contradicted = table["digest"].isin(labels[labels > 1].index)
    if contradicted.any():
        table = table[~contradicted]
        notices.append(f"{int(contradicted.sum())} near duplicates under two labels are left out")
    if table.empty:
        raise StudyError("every image stands under two labels; nothing is left to learn from")
    return table.assign(subject=_joined(table["subject"], table["digest"])), notices


def without_leaks(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Where a given split shares subjects between its parts, keep them in the part that is tested on."""
    if "split" not in table.columns:
        return table, []
    kept = np.ones(len(table), dtype=bool)
    taken: set[object] = set()
    for split in ("test", "validation", "train", "unlabelled"):
        mine = (table["split"] == split).to_numpy()
        kept[mine & table["subject"].isin(taken).to_numpy()] = False
        taken |= set(table.loc[mine, "subject"])
    notices = []
    if not kept.all():
        notices.append(
            f"{int((~kept).sum())} sample(s) share an image or a subject with the test or validation part: left out"
        )
    return table[kept], notices


def without_shared_subjects(table: pd.DataFrame) -> list[str]:
    """Drop unlabelled samples of labelled subjects, in place: a subject belongs to one split."""
    side = table[table["split"] != "unlabelled"].drop_duplicates("subject").set_index("subject")["split"]
    shared = (table["split"] == "unlabelled") & table["subject"].isin(side.index)
    if not shared.any():
        return []
    table.drop(index=table.index[shared], inplace=True)
    table.reset_index(drop=True, inplace=True)
    return [f"{int(shared.sum())} unlabelled sample(s) of labelled subjects are left out"]


def _joined(subject: pd.Series, digest: pd.Series) -> pd.Series:
    """Subjects after joining all that share a digest, named after the first."""
    name: dict[object, object] = {s: s for s in subject}

    def root(s: object) -> object:
        while name[s] != s:
            name[s] = name[name[s]]
            s = name[s]
        return s

    first: dict[object, object] = {}
    for s, d in zip(subject, digest, strict=True):
        name[root(s)] = root(first.setdefault(d, s))
    return subject.map(root)


def _of_rows(decoded: Decoded, rows: np.ndarray) -> Callable[[np.ndarray], torch.Tensor]:
    return lambda wanted: decoded.load(rows[np.asarray(wanted)]).float() / 255
