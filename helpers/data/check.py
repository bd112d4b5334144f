"""Looking a corpus over before a study is run on it: is it whole, what does it hold, which samples are broken."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.data.catalogue.entry import CatalogueEntry
from helpers.data.corpus import Batch, Corpus
from helpers.errors import StudyError
from helpers.progress import bar

SAMPLES = 2000  # at most so many samples are loaded, evenly spread
_BATCH = 64
_IMAGES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".gif"})
_VIDEOS = frozenset({".avi", ".mp4", ".mkv", ".mov", ".webm", ".mpg", ".mpeg", ".m4v", ".wmv", ".flv"})
_SOUNDS = frozenset({".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif", ".au"})


@dataclass(frozen=True)
class CorpusCheck:
    """What was found.

    Attributes:
        facts: the corpus's card, (fact, value) rows; None where its reader refuses it.
        problems: one line each: what is wrong with which file or sample. None of them can be used as it is.
        notices: what the reader leaves out or repairs by itself.
        files: sample files that were opened. samples: that were loaded.
    """

    facts: pd.DataFrame | None
    problems: tuple[str, ...]
    notices: tuple[str, ...]
    files: int
    samples: int


def check_corpus(entry: CatalogueEntry, path: Path) -> CorpusCheck:
    """Open a corpus with its reader, every sample file of it, and up to :data:`SAMPLES` of its samples.

    Args:
        entry: what it should be.
        path: the folder (or manifest) that ``data_root`` would name; unused for what a package carries.

    Raises:
        StudyError: there is nothing at ``path``.
    """
    if not entry.carried_by and not path.exists():
        raise StudyError(f"there is nothing at {path}; give the folder of {entry.name}, or the manifest file")
    files = _sample_files(entry, path)
    problems = _broken_files(files, path)
    module, _, function = entry.reader.partition(":")
    try:
        corpus: Corpus = getattr(importlib.import_module(module), function)(entry.name, str(path))
    except StudyError as error:
        return CorpusCheck(None, (str(error), *problems), (), len(files), 0)
    rows = np.unique(np.linspace(0, len(corpus) - 1, min(SAMPLES, len(corpus))).astype(np.int64))
    problems += _broken_samples(corpus, rows)
    facts = corpus.card()
    facts = facts[facts["fact"] != "notice"]
    return CorpusCheck(facts, tuple(problems), corpus.notices, len(files), len(rows))


def _sample_files(entry: CatalogueEntry, path: Path) -> list[Path]:
    if not entry.samples or not path.is_dir():
        return []
    found = (p for p in path.rglob("*") if p.suffix.lower() in entry.samples and not p.name.startswith("."))
    return sorted(p for p in found if p.is_file())


def _broken_files(files: Sequence[Path], root: Path) -> list[str]:
    problems = []
    with bar(len(files), "opening files", "file") as shown:
        for file in files:
            reason = _unreadable(file)
            if reason:
                problems.append(f"{file.relative_to(root)}: {reason}")
            shown.update()
    return problems


def _unreadable(file: Path) -> str:
    """Why a file cannot be decoded; empty where it can."""
    if file.stat().st_size == 0:
        return "is empty"
    kinds: Iterable[tuple[frozenset[str], Callable[[Path], object]]]
    kinds = ((_IMAGES, _open_image), (_VIDEOS, _open_video), (_SOUNDS, _open_sound))
    for endings, opened in kinds:
        if file.suffix.lower() in endings:
            try:
                opened(file)
            except Exception as error:  # decoders raise whatever they like on a broken file
                words = " ".join(str(error).replace(str(file), file.name).split())
                return words.removeprefix(f"{file.name}: ") or type(error).__name__
    return ""


def _open_image(file: Path) -> None:
    from PIL import Image

    with Image.open(file) as image:
        image.load()


def _open_video(file: Path) -> None:
    from helpers.data.corpora.video_files import frame_index

    frame_index(file)


def _open_sound(file: Path) -> None:
    from helpers.data.sound import read_sound

    read_sound(file)


def _broken_samples(corpus: Corpus, rows: np.ndarray) -> list[str]:
    problems = []
    with bar(len(rows), "loading samples", "sample") as shown:
        for start in range(0, len(rows), _BATCH):
            chosen = rows[start : start + _BATCH]
            try:
                broken = _without_numbers(corpus.load(chosen), len(chosen))
            except Exception:  # one of them is broken: find out which
                broken = [_reason(corpus, int(row)) for row in chosen]
            names = corpus.table["sample_id"].iloc[chosen]
            problems += [f"{name}: {reason}" for name, reason in zip(names, broken, strict=True) if reason]
            shown.update(len(chosen))
    return problems


def _reason(corpus: Corpus, row: int) -> str:
    try:
        return _without_numbers(corpus.load(np.array([row])), 1)[0]
    except Exception as error:  # as above
        return f"cannot be loaded: {' '.join(str(error).split()) or type(error).__name__}"


def _without_numbers(batch: Batch, n: int) -> list[str]:
    """For each sample of a batch: empty, or that none of its values is a finite number."""
    tensors = batch.values() if isinstance(batch, dict) else [batch]
    found = np.zeros(n, dtype=bool)
    for tensor in tensors:
        if tensor.is_floating_point() and tensor[0].numel():
            found |= ~tensor.reshape(n, -1).isfinite().any(dim=1).numpy()
    return ["holds no finite number" if one else "" for one in found]
