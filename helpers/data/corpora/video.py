"""Labelled action videos: KTH, UCF101, HMDB51, folders of classes, manifests, and two drawn worlds.

Every reader returns a :class:`Corpus` of clips whose label column is ``label`` and whose ``load`` gives float32
(B, 3, T, size, size) in [0, 1]. Further columns: ``group`` (the video), ``time`` (of the clip's middle, seconds),
``pure`` (one label throughout) and, of the file, ``width``, ``height``, ``rate``, ``bars`` and ``kilobits`` a second.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from helpers.data.cache import cached
from helpers.data.corpora.video_clips import ClipGrid, RecentlyUsed, Videos, clip_corpus
from helpers.data.corpora.video_files import ENDINGS, decode_video
from helpers.data.corpus import Corpus, split_by_subject
from helpers.data.fingerprint import fingerprint
from helpers.data.manifest import manifest_files, read_manifest, refuse_blanks
from helpers.data.simulated.actions import ACTIONS, FRAME_RATE, GENERATOR, draw_videos
from helpers.data.text_files import text_lines
from helpers.errors import StudyError
from helpers.progress import bar

SHARES = {"train": 0.5, "validation": 0.2, "test": 0.3}  # of the subjects, where a corpus has no split of its own
_READER = 1  # change it and every cache is made anew
_SPLIT_FOLDERS = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}
# KTH's own persons for each split, from the corpus's page.
_KTH = {"train": (11, 12, 13, 14, 15, 16, 17, 18), "validation": (1, 4, 19, 20, 21, 23, 24, 25)}
_KTH_NAME = re.compile(r"person(\d\d)_([a-z]+)_d(\d)(?:_uncomp)?$")
_KTH_LINE = re.compile(r"^(person\d\d_[a-z]+_d\d)\s+frame[s]?\s+(.*)")
_KTH_RANGES = re.compile(r"(?:\d{1,6}\s*-\s*\d{1,6}\s*(?:,\s*|$))+")
_UCF_NAME = re.compile(r"v_(\w+)_g(\d\d)_c(\d\d)$")


@dataclass(frozen=True)
class Drawing:
    """How much of a drawn world is drawn.

    Args:
        people: >= 3.
        videos_each: videos a person.
        seconds: length of a video.
        change_rate: changes of action a second.
        seed: of the world.
    """

    people: int = 24
    videos_each: int = 2
    seconds: float = 6.0
    change_rate: float = 0.2
    seed: int = 0


def video_corpus(name: str, data_root: str, size: int, grid: ClipGrid, drawing: Drawing) -> Corpus:
    """The corpus of a parameter file.

    Args:
        name: ``"drawn_studio"``, ``"drawn_street"``, ``"kth"``, ``"ucf101"``, ``"hmdb51"``, ``"folder"`` or
            ``"manifest"``.
        data_root: where a real one lies.
        size: side of the frames, pixels.
        grid: how clips are cut, at 12.5 frames a second.
        drawing: for the drawn ones.

    Raises:
        StudyError: an unknown name, or what the reader finds wrong with the files.
    """
    if name.startswith("drawn_"):
        return drawn_actions(name.removeprefix("drawn_"), size, grid, drawing)
    readers = {"kth": kth, "ucf101": ucf101, "hmdb51": hmdb51, "folder": class_folders, "manifest": video_manifest}
    if name not in readers:
        raise StudyError(
            f"no video corpus is called {name!r}; there are: drawn_studio, drawn_street, {', '.join(readers)}"
        )
    return readers[name](_existing(name, data_root), size, grid)


def action_clips(name: str, data_root: str) -> Corpus:
    """Clips of eight frames of 64×64 of a corpus, by its name; see :func:`video_corpus`."""
    return video_corpus(name, data_root, 64, ClipGrid(), Drawing())


def video_sources(name: str, data_root: str, drawing: Drawing) -> list[Path | str]:
    """What a video corpus is read from, for its fingerprint.

    Raises:
        StudyError: ``data_root`` is missing.
    """
    if name.startswith("drawn_"):
        return [_drawn_source(name.removeprefix("drawn_"), drawing)]
    root = _existing(name, data_root)
    if name == "manifest":
        return [root, *manifest_files(read_manifest(root, ("path", "label")), root, "videos")]
    return [root]


def drawn_actions(world: str, size: int, grid: ClipGrid, drawing: Drawing) -> Corpus:
    """A drawn world (:mod:`helpers.data.simulated.actions`), split by person, exact labels."""
    if drawing.people < len(SHARES):
        raise StudyError(f"people is {drawing.people}; {len(SHARES)} splits need at least as many persons")
    source = _drawn_source(world, drawing)
    frames = round(drawing.seconds * FRAME_RATE)

    def build() -> dict[str, Tensor]:
        drawn = draw_videos(world, drawing.people, drawing.videos_each, frames, size, drawing.change_rate, drawing.seed)
        return {"frames": drawn.frames, "actions": drawn.actions, "person": drawn.person}

    held = cached({"source": source, "size": size}, build)
    names = np.array(ACTIONS, dtype=object)
    video = [f"p{int(p):03d}v{i % drawing.videos_each}" for i, p in enumerate(held["person"])]
    table = pd.DataFrame({"video": video, "subject": [name[:4] for name in video]})
    table["split"] = split_by_subject(table, SHARES, seed=0)
    table = table.assign(width=size, height=size, rate=FRAME_RATE, bars=0.0, kilobits=np.nan)
    videos = Videos(table, [[(0, frames - 1)]] * len(table), lambda i: held["frames"][i], FRAME_RATE,
                    [names[a] for a in held["actions"].numpy()])  # fmt: skip
    return clip_corpus(
        videos, grid, name=f"drawn_{world}", licence="none: drawn by this package", simulated=True,
        source="helpers.data.simulated.actions: skeletons in KTH's six actions", fingerprint=fingerprint([source]),
    )  # fmt: skip


def kth(root: Path, size: int, grid: ClipGrid) -> Corpus:
    """KTH: 25 persons, 6 actions, 4 scenarios; files ``person01_walking_d1_uncomp.avi`` at any depth.

    Where ``00sequences.txt`` lies beside them (or above), clips stay inside its frame ranges, which leave out the
    stretches without a person. Split by person as the corpus's page has it.
    """
    found = [(path, match) for path in _video_files(root) if (match := _KTH_NAME.match(path.stem))]
    if not found:
        raise StudyError(
            f"{root.name} holds no KTH videos; expected files like person01_walking_d1_uncomp.avi below it"
        )
    table = pd.DataFrame({"path": [path for path, _ in found]})
    persons = [int(match[1]) for _, match in found]
    table["subject"], table["label"] = [f"person{p:02d}" for p in persons], [match[2] for _, match in found]
    table["scenario"] = [f"d{match[3]}" for _, match in found]
    table["split"] = [next((split for split, members in _KTH.items() if p in members), "test") for p in persons]
    sequences, notices = _kth_sequences(root)
    ranges = [sequences.get(path.stem.removesuffix("_uncomp")) for path, _ in found]
    unlisted = sum(known is None for known in ranges)
    if sequences and unlisted:
        notices.append(f"{unlisted} video(s) stand in no line of 00sequences.txt and are used whole")
    return _from_files("kth", table, size, grid, root, "Schuldt, Laptev & Caputo 2004, KTH actions", notices, ranges)


def _kth_sequences(root: Path) -> tuple[dict[str, list[tuple[int, int]]], list[str]]:
    """Frame ranges (0-based, inclusive, of the file) by video name, from 00sequences.txt."""
    file = next(
        (folder / "00sequences.txt" for folder in (root, root.parent) if (folder / "00sequences.txt").is_file()), None
    )
    if file is None:
        return {}, ["no 00sequences.txt: clips may show the stretches in which nobody is in view"]
    ranges = {}
    content = file.read_text(encoding="utf-8-sig", errors="replace")
    for number, line in enumerate(content.splitlines(), start=1):
        match = _KTH_LINE.match(line.strip())
        if match is None:
            if _KTH_NAME.match(line.split()[0] if line.split() else "") and "missing" not in line:
                raise StudyError(f"{file.name}, line {number}: {line.strip()[:80]!r} does not say which frames")
            continue
        if match[1] in ranges or not _KTH_RANGES.fullmatch(match[2].strip()):
            raise StudyError(
                f"{file.name}, line {number}: {line.strip()[:80]!r} has no ranges of frames, or stands twice"
            )
        pairs = [(int(a) - 1, int(b) - 1) for a, b in re.findall(r"(\d+)\s*-\s*(\d+)", match[2])]
        if any(not 0 <= a < b for a, b in pairs) or any(b >= a for (_, b), (a, _) in pairwise(pairs)):
            raise StudyError(f"{file.name}, line {number}: the ranges of frames are out of order")
        ranges[match[1]] = pairs
    if not ranges:
        raise StudyError(f"{file.name} has no line such as 'person01_boxing_d1 frame 1-95, 96-185'; is it KTH's own?")
    return ranges, []


def ucf101(root: Path, size: int, grid: ClipGrid) -> Corpus:
    """UCF101: files ``<class>/v_<Class>_g01_c01.avi``; clips of one group share person and place and are one subject.

    With ``trainlist01.txt`` and ``testlist01.txt`` below the folder (or beside it) that split holds, less a fifth of
    the training groups for validation; names match whatever their capitals. Without, groups 1–7 are the test set.
    """
    found = [(path, match) for path in _video_files(root) if (match := _UCF_NAME.match(path.stem))]
    if not found:
        raise StudyError(
            f"{root.name} holds no UCF101 videos; expected files like v_ApplyEyeMakeup_g01_c01.avi below it"
        )
    table = pd.DataFrame({"path": [path for path, _ in found]})
    table["label"] = [path.parent.name if path.parent != root else match[1] for path, match in found]
    table["subject"] = [f"{match[1].lower()}_g{match[2]}" for _, match in found]
    lists = {split: _listed(root, f"{split}list01.txt") for split in ("train", "test")}
    notices: list[str] = []
    if all(lists.values()):
        stems = [path.stem.lower() for path, _ in found]
        split = ["test" if s in lists["test"] else "train" if s in lists["train"] else None for s in stems]
        table, notices = _only_listed(table.assign(split=split), "trainlist01.txt and testlist01.txt")
        both = len(lists["train"] & lists["test"])
        notices += [f"{both} video(s) stand in both lists: taken for the test"] if both else []
        absent = len((lists["train"] | lists["test"]) - set(stems))
        notices += [f"{absent} listed video(s) are not there"] if absent else []
    else:
        table["split"] = ["test" if int(match[2]) <= 7 else "train" for _, match in found]
        notices = ["no trainlist01.txt and testlist01.txt: groups 1 to 7 are the test set, as in the official split 1"]
    return _from_files(
        "ucf101", _with_validation(table), size, grid, root, "Soomro, Zamir & Shah 2012, UCF101", notices
    )


def _listed(root: Path, name: str) -> set[str]:
    """File stems, lower case, of a UCF101 list, where it is found."""
    for folder in (root, root.parent):
        for file in sorted(folder.glob(f"**/{name}") if folder == root else folder.glob(f"*/{name}")):
            return {Path(line.split()[0]).stem.lower() for line in text_lines(file) if line.split()}
    return set()


def hmdb51(root: Path, size: int, grid: ClipGrid) -> Corpus:
    """HMDB51: files ``<class>/<source>_<class>_….avi``; clips of one class and source film are one subject.

    With ``<class>_test_split1.txt`` below the folder (or beside it) that split holds (1 train, 2 test, 0 left out),
    less a fifth of the training sources for validation. Without, subjects are split at random.
    """
    files = [path for path in _video_files(root) if path.parent != root]
    if not files:
        raise StudyError(f"{root.name} holds no videos in class folders; expected <class>/*.avi below it")
    table = pd.DataFrame({"path": files, "label": [path.parent.name for path in files]})
    table["subject"] = [f"{p.parent.name}/{p.stem.split(f'_{p.parent.name}_')[0]}" for p in files]
    marks: dict[str, int] = {}
    for folder in (root, root.parent):
        for file in folder.glob("**/*_test_split1.txt" if folder == root else "*/*_test_split1.txt"):
            action = file.name.removesuffix("_test_split1.txt")
            for number, line in enumerate(text_lines(file), start=1):
                words = line.split()
                if words and (len(words) != 2 or words[1] not in ("0", "1", "2")):
                    raise StudyError(f"{file.name}, line {number}: {line.strip()[:80]!r} is not 'video 0', 1 or 2")
                if words and marks.setdefault(f"{action}/{Path(words[0]).stem}", int(words[1])) != int(words[1]):
                    raise StudyError(f"{file.name}, line {number}: {words[0][:80]} stands twice, for different parts")
        if marks:
            break
    notices: list[str] = []
    if marks:
        names = [f"{p.parent.name}/{p.stem}" for p in files]
        split = [{1: "train", 2: "test"}.get(marks.get(name, 0)) for name in names]
        table, notices = _only_listed(table.assign(split=split), "the lists of split 1")
        absent = len(marks.keys() - set(names))
        notices += [f"{absent} listed video(s) are not there"] if absent else []
        table = _with_validation(table)
    return _from_files("hmdb51", table, size, grid, root, "Kuehne et al. 2011, HMDB51", notices)


def class_folders(root: Path, size: int, grid: ClipGrid) -> Corpus:
    """Any folder of videos, ``<class>/*.mp4``, or ``train/<class>/*.mp4`` and ``test/<class>/*.mp4``; split by video.

    Exact copies of a file are one subject; copies under two labels are left out, and so are files that cannot be
    decoded. The notices count them.
    """
    files = _video_files(root)
    tops = {path.relative_to(root).parts[0].lower() for path in files}
    has_splits = {"train", "test"} <= tops
    rows = []
    for path in files:
        parts = path.relative_to(root).parts
        split = _SPLIT_FOLDERS.get(parts[0].lower()) if has_splits else None
        classes = parts[1:-1] if has_splits else parts[:-1]
        if not classes or (has_splits and split is None):
            raise StudyError(f"{path.name} lies outside a class folder of {root.name}; expected <class>/{path.name}")
        rows.append({"path": path, "label": "/".join(classes), "split": split})
    if not rows:
        raise StudyError(f"{root.name} holds no videos; expected <class>/*.mp4 below it")
    table = pd.DataFrame(rows) if has_splits else pd.DataFrame(rows).drop(columns="split")
    if has_splits and "val" not in tops and "validation" not in tops:
        table = _with_validation(table.assign(subject=[str(p) for p in table["path"]]))
    return _from_files(root.name, table, size, grid, root, f"folder {root.name}", [])


def video_manifest(file: Path, size: int, grid: ClipGrid) -> Corpus:
    """Videos named by a CSV or Parquet file with the columns ``path`` (relative to it) and ``label``, and optionally
    ``subject`` and ``split``."""
    table = read_manifest(file, ("path", "label"))
    refuse_blanks(table["label"], file)
    if (table["subject"] == table["sample_id"]).all():  # nobody says whose they are
        table = table.drop(columns="subject")
    table = table.drop(columns="sample_id")
    table["path"] = manifest_files(table, file, "videos")
    return _from_files(file.stem, table, size, grid, file.parent, f"manifest {file.name}", [])


def _from_files(
    name: str, table: pd.DataFrame, size: int, grid: ClipGrid, root: Path, source: str, notices: list[str],
    ranges: list[list[tuple[int, int]] | None] | None = None,
) -> Corpus:  # fmt: skip
    """Decode, leave out what cannot be used, keep copies together, split by subject, cut."""
    paths = list(table["path"])
    digests = [_digest(path) for path in paths]
    table = table.assign(digest=digests, video=[Path(os.path.relpath(path, root)).as_posix() for path in paths])
    facts = _facts(paths, digests, size)
    table = table.assign(**{column: facts[column] for column in facts.columns})
    lost = table["length"] == 0
    if lost.any():
        shown = ", ".join(table.loc[lost, "video"].iloc[:3]) + (" …" if lost.sum() > 3 else "")
        notices = [*notices, f"{int(lost.sum())} file(s) cannot be decoded and are left out: {shown}"]
    if bool(table["missing"].any()):
        notices = [
            *notices,
            f"{int(table['missing'].sum())} file(s) are cut short or damaged; their whole frames are used",
        ]
    two = table.groupby("digest")["label"].transform("nunique") > 1
    if two.any():
        notices = [*notices, f"{int(two.sum())} exact copies under two labels are left out"]
    keep = (~lost & ~two).to_numpy()
    if not keep.any():
        raise StudyError(f"{name}: none of the {len(paths)} files can be used as a labelled video")
    if "subject" not in table.columns:
        table["subject"] = "video " + table.groupby("digest")["video"].transform("first")
    chosen = np.flatnonzero(keep)
    table = table[keep].reset_index(drop=True)
    stretches = [_resampled(ranges[i] if ranges else None, facts.iloc[i]) for i in chosen]
    short = [max((b - a + 1 for a, b in stretch), default=0) < grid.span for stretch in stretches]
    if any(short):
        notices = [*notices, f"{sum(short)} video(s) are shorter than a clip and give none"]
    if "split" not in table.columns:
        table["split"] = split_by_subject(table, SHARES, seed=0, stratify="label")
    frames = RecentlyUsed(lambda i: _decoded(paths[chosen[i]], digests[chosen[i]], size)["frames"])
    videos = Videos(table.drop(columns=["path", "digest", "length", "missing"]), stretches, frames, FRAME_RATE)
    return clip_corpus(
        videos, grid, name=name, licence="as given by whoever owns the videos", source=source, simulated=False,
        fingerprint=fingerprint([f"{video}:{digest}" for video, digest in zip(table["video"], table["digest"])]),
        notices=tuple(notices),
    )  # fmt: skip


def _digest(path: Path) -> str:
    """Hash of a file's content, whatever its name."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()[:32]


def _decoded(path: Path, digest: str, size: int) -> dict[str, Tensor]:
    """A video's frames at :data:`FRAME_RATE` and its facts, from the cache; a file that is no video has no frames."""

    def build() -> dict[str, Tensor]:
        try:
            video = decode_video(path, size, FRAME_RATE)
        except StudyError:
            return {
                "frames": torch.empty(0, 3, size, size, dtype=torch.uint8),
                "facts": torch.zeros(5, dtype=torch.double),
            }
        facts = [video.width, video.height, video.rate, video.bars, float(video.missing)]
        return {"frames": video.frames, "facts": torch.tensor(facts, dtype=torch.double)}

    return cached({"video": digest, "size": size, "rate": FRAME_RATE, "reader": _READER}, build)


def _facts(paths: list[Path], digests: list[str], size: int) -> pd.DataFrame:
    """Length (frames kept), width, height, rate, bars, missing and kilobits a second of every file."""

    def build() -> dict[str, Tensor]:
        rows = []
        with bar(len(paths), "decoding videos", "video") as shown:
            for path, digest in zip(paths, digests, strict=True):
                held = _decoded(path, digest, size)
                rows.append(torch.cat([torch.tensor([len(held["frames"])], dtype=torch.double), held["facts"]]))
                shown.update()
        return {"facts": torch.stack(rows)}

    found = cached({"videos": digests, "size": size, "rate": FRAME_RATE, "reader": _READER}, build)["facts"].numpy()
    facts = pd.DataFrame(found, columns=["length", "width", "height", "rate", "bars", "missing"])
    seconds = np.maximum(facts["length"], 1) / FRAME_RATE
    bits = np.array([path.stat().st_size * 8 / 1000 for path in paths])
    return facts.assign(length=facts["length"].astype(int), missing=facts["missing"] > 0, kilobits=bits / seconds)


def _resampled(ranges: list[tuple[int, int]] | None, facts: pd.Series) -> list[tuple[int, int]]:
    """Frame ranges of a file in frames of :data:`FRAME_RATE`, inside what was decoded."""
    last = int(facts["length"]) - 1
    if ranges is None:
        return [(0, last)]
    factor = FRAME_RATE / float(facts["rate"])
    scaled = [(int(np.ceil(a * factor)), min(last, int(np.floor(b * factor)))) for a, b in ranges]
    return [(a, b) for a, b in scaled if a <= b]


def _only_listed(table: pd.DataFrame, where: str) -> tuple[pd.DataFrame, list[str]]:
    """Rows that a list gives a split; a subject in both splits stays in the test set alone."""
    unlisted = table["split"].isna()
    if unlisted.all():
        raise StudyError(
            f"none of the {len(table)} videos stands in {where}; check that lists and videos belong together"
        )
    notices = [f"{int(unlisted.sum())} video(s) stand in no list ({where}) and are left out"] if unlisted.any() else []
    table = table[~unlisted].reset_index(drop=True)
    tested = set(table.loc[table["split"] == "test", "subject"])
    leaks = (table["split"] == "train") & table["subject"].isin(tested)
    if leaks.any():
        notices.append(f"{int(leaks.sum())} training video(s) share person and place with test videos and are left out")
    return table[~leaks].reset_index(drop=True), notices


def _with_validation(table: pd.DataFrame) -> pd.DataFrame:
    """A fifth of the training subjects becomes the validation set."""
    train = (table["split"] == "train").to_numpy()
    if table.loc[train, "subject"].nunique() < 2:
        raise StudyError("fewer than two training subjects: none can be held out for validation")
    split = table["split"].to_numpy(dtype=object, copy=True)
    split[train] = split_by_subject(table[train], {"train": 0.8, "validation": 0.2}, seed=0, stratify="label")
    return table.assign(split=split)


def _video_files(root: Path) -> list[Path]:
    """Files below a folder that are named like videos, sorted; hidden ones are passed over."""
    return sorted(
        p for p in root.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file() and not p.name.startswith(".")
    )


def _drawn_source(world: str, drawing: Drawing) -> str:
    return f"generator:{GENERATOR}:{world}:{drawing}"


def _existing(name: str, data_root: str) -> Path:
    if not data_root:
        raise StudyError(f"the corpus {name!r} lies in files: set data_root to its folder (for manifest: to the file)")
    root = Path(data_root)
    if not root.exists():
        raise StudyError(f"{data_root} does not exist; set data_root to where the corpus {name!r} lies")
    if name == "manifest" and not root.is_file():
        raise StudyError(
            f"{data_root} is no file; for the corpus 'manifest' data_root is the .csv or .parquet file itself"
        )
    if name != "manifest" and not root.is_dir():
        raise StudyError(f"{data_root} is no folder; for the corpus {name!r} data_root is the folder that holds it")
    return root
