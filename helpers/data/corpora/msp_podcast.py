"""MSP-Podcast (Lotfian & Busso, IEEE Trans. Affective Computing 10(4), 2019) by its on-disk layout."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.data.circumplex import ATTRIBUTES
from helpers.data.corpus import Corpus
from helpers.data.fingerprint import fingerprint
from helpers.data.manifest import read_manifest
from helpers.data.sound import RATE, examine, loader
from helpers.data.text_files import is_there, listed_file
from helpers.errors import StudyError

LABEL_FILES = ("labels_consensus.csv", "labels_concensus.csv")  # releases up to 1.6 have the second spelling
_FOLDERS = ("Audio", "Audios")
_COLUMNS = ("FileName", "EmoAct", "EmoVal", "EmoDom", "SpkrID", "Split_Set")
_SPLITS = {"train": "train", "validation": "validation", "development": "validation", "test": "test", "test1": "test"}
_CLASSES = {"A": "angry", "S": "sad", "H": "happy", "U": "surprised", "F": "fearful", "D": "disgust", "C": "contempt",
            "N": "neutral", "O": "other"}  # fmt: skip
_UNKNOWN = ("", "unknown", "nan", "none")


def msp_podcast(data_root: str, unlabelled_limit: int = 0, rate: int = RATE) -> Corpus:
    """Read MSP-Podcast.

    ``labels_consensus.csv`` lies in the folder or in ``Labels/``, the sound in ``Audio/`` (or ``Audios/``), such as
    ``MSP-PODCAST_0153_0012.wav``. Left out, and counted in a notice: files that are absent or cannot be used, further
    test sets, and sentences whose speaker nobody identified, for they could be a test speaker's. Sound that the labels
    do not name, there or in ``Unlabeled/``, is the unlabelled part, a podcast a subject; not so where the podcast has
    validation or test sentences.

    Args:
        data_root: the corpus's folder.
        unlabelled_limit: sentences of the unlabelled part at most, drawn with seed 0; 0 for all (the paper: 40,000).
        rate: of the waveforms, Hz.

    Returns:
        Labels ``arousal``, ``valence``, ``dominance`` (1 to 7); also ``label`` (emotion; missing where listeners did
        not agree), ``seconds`` and ``split``.

    Raises:
        StudyError: no such folder or label file, a missing column, a rating outside 1 to 7, or no usable sentence.
    """
    root = podcast_root(data_root)
    asked, left_out = _labelled(root)
    asked += _unlabelled(root, asked, unlabelled_limit)
    if not asked:
        raise StudyError(f"MSP-Podcast: of the files that {LABEL_FILES[0]} names none lies in {root.name}/Audio")
    looked = examine([row["file"] for row in asked], rate)
    kept = [dict(row, seconds=s) for row, s in zip(asked, looked.seconds, strict=True) if np.isfinite(s)]
    if not kept:
        raise StudyError(f"MSP-Podcast: no file can be used: {looked.notices()[0]}")
    files = [row.pop("file") for row in kept]
    notices = [f"{what}: {count:,} left out" for what, count in sorted(left_out.items())]
    table = pd.DataFrame(kept)
    for split in ("train", "validation", "test"):
        if not (table["split"] == split).any():
            raise StudyError(f"MSP-Podcast: {label_file(root).name} gives no usable sentence of the split {split!r}")
    return Corpus(
        "msp_podcast", table, loader(files, rate), ATTRIBUTES, "for research, on request",
        "Lotfian & Busso, IEEE Trans. Affective Computing 10(4), 2019", False, fingerprint([label_file(root), *files]),
        (*notices, *looked.notices()),
    )  # fmt: skip


def podcast_root(data_root: str) -> Path:
    """The corpus's folder, seen to be there."""
    if not data_root:
        raise StudyError("corpus msp_podcast needs data_root: the folder that holds Audio/ and labels_consensus.csv")
    root = Path(data_root)
    if not root.is_dir():
        raise StudyError(f"data_root: there is no such folder as {data_root}; give the one that holds msp_podcast")
    return root


def label_file(root: Path) -> Path:
    """The file of the listeners' mean ratings."""
    places = [folder / name for folder in (root, root / "Labels") for name in LABEL_FILES]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise StudyError(f"MSP-Podcast: no {LABEL_FILES[0]} in {root.name}/ or {root.name}/Labels/")
    return found


def _labelled(root: Path) -> tuple[list[dict], Counter[str]]:
    file = label_file(root)
    table = read_manifest(file, _COLUMNS, text=("FileName", "SpkrID", "Split_Set", "EmoClass"))
    left_out: Counter[str] = Counter()
    found, seen = [], set()
    for row in table.to_dict("records"):
        name, speaker = str(row["FileName"] or ""), str(row["SpkrID"] or "")
        split = _SPLITS.get(str(row["Split_Set"]).lower())
        sound = _sound(root, name, file)
        if sound is None:
            left_out["sentences without a sound file"] += 1
        elif split is None:
            left_out[f"sentences of the split {str(row['Split_Set'])[:40]}"] += 1
        elif speaker.lower() in _UNKNOWN:
            left_out["sentences whose speaker is not known"] += 1
        elif name in seen:
            raise StudyError(f"{file.name}: {name} stands twice")
        else:
            seen.add(name)
            ratings = _ratings(row, file)
            if ratings is None:
                left_out["sentences without ratings"] += 1
                continue
            emotion = _CLASSES.get(str(row.get("EmoClass", "X")))
            if emotion is None and row.get("EmoClass", "X") != "X":
                left_out["emotions (of sentences that are used) that nobody knows"] += 1
            found.append({"sample_id": Path(name).stem, "subject": f"speaker{speaker}", **ratings, "label": emotion,
                          "split": split, "file": sound})  # fmt: skip
    return _speakers_in_one_split(found, left_out), left_out


def _ratings(row: dict, file: Path) -> dict[str, float] | None:
    given = pd.Series([row["EmoAct"], row["EmoVal"], row["EmoDom"]], dtype=object)
    if given.isna().any():
        return None
    values = pd.to_numeric(given, errors="coerce")
    if not values.between(1, 7).all():
        raise StudyError(f"{file.name}: {row['FileName']} has a rating outside 1 to 7")
    return dict(zip(ATTRIBUTES, values.tolist(), strict=True))


def _speakers_in_one_split(rows: list[dict], left_out: Counter[str]) -> list[dict]:
    """Sentences of a speaker that stands in several splits stay where they protect the test set best."""
    order = ("test", "validation", "train")
    of: dict[str, str] = {}
    for row in rows:
        known = of.get(row["subject"], "train")
        of[row["subject"]] = min(known, row["split"], key=order.index)
    kept = [row for row in rows if row["split"] == of[row["subject"]]]
    if len(kept) < len(rows):
        left_out["sentences of a speaker who also stands in a later split"] += len(rows) - len(kept)
    return kept


def _unlabelled(root: Path, labelled: list[dict], limit: int) -> list[dict]:
    named = {row["sample_id"] for row in labelled} | _names(root)
    held = {_podcast(row["sample_id"]) for row in labelled if row["split"] != "train"}
    places = [root / folder for folder in (*_FOLDERS, "Unlabeled", "Unlabelled")]
    files = sorted(f for place in places if place.is_dir() for f in place.rglob("*.wav") if f.stem not in named)
    files = [f for f in files if _podcast(f.stem) not in held]
    if limit and len(files) > limit:
        files = [files[i] for i in np.sort(np.random.default_rng(0).permutation(len(files))[:limit])]
    blank = dict.fromkeys(ATTRIBUTES, float("nan"))
    return [{"sample_id": f.stem, "subject": f"podcast{_podcast(f.stem)}", **blank, "label": None,
             "split": "unlabelled", "file": f} for f in files]  # fmt: skip


def _names(root: Path) -> set[str]:
    """All that the label file names, whether used or not: no sentence of a further test set becomes unlabelled."""
    names = read_manifest(label_file(root), ("FileName",), text=("FileName",))["FileName"]
    return {Path(name).stem for name in names.dropna()}


def _podcast(stem: str) -> str:
    match = re.fullmatch(r"MSP-PODCAST_(\d+)_\d+.*", stem, re.IGNORECASE)
    return match[1] if match else stem


def _sound(root: Path, name: str, labels: Path) -> Path | None:
    places = (listed_file(root / folder, name, labels.name) for folder in _FOLDERS)
    return next((place for place in places if is_there(place)), None)
