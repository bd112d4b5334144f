"""Corpora of learners' pronunciation by name: simulated learners, L2-ARCTIC, speechocean762, a manifest of your own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from helpers.data.cache import cached
from helpers.data.corpora.learner_speech import Found, Recording, l2_arctic, learner_manifest, speechocean762
from helpers.data.corpora.roots import corpus_root
from helpers.data.corpus import Corpus, split_by_subject
from helpers.data.fingerprint import fingerprint
from helpers.data.simulated.l2_speech import GENERATOR, draw_learners, read_sentences
from helpers.data.sound import RATE, examine, loader, padded
from helpers.data.text_files import is_there
from helpers.errors import StudyError

SIMULATED = "learners"


@dataclass(frozen=True)
class LearnerCounts:
    """How many simulated learners there are, and how many sentences each of them reads.

    Attributes:
        train, validation, test: labelled learners.
        unlabelled: learners whose perceived phones are kept from the corpus.
        sentences: read by each labelled learner.
        unlabelled_sentences: read by each unlabelled one.
    """

    train: int = 8
    validation: int = 6
    unlabelled: int = 24
    test: int = 12
    sentences: int = 20
    unlabelled_sentences: int = 40

    def of_splits(self) -> tuple[dict[str, int], dict[str, int]]:
        """Learners and sentences by split."""
        learners = {"train": self.train, "validation": self.validation, "unlabelled": self.unlabelled,
                    "test": self.test}  # fmt: skip
        return learners, dict.fromkeys(learners, self.sentences) | {"unlabelled": self.unlabelled_sentences}


@dataclass(frozen=True)
class _Layout:
    read: Callable[[Path], Found]
    licence: str
    source: str


_LAYOUTS = {
    "l2_arctic": _Layout(l2_arctic, "CC BY-NC 4.0", "Zhao et al., Interspeech 2018"),
    "speechocean762": _Layout(speechocean762, "CC BY 4.0", "Zhang et al., Interspeech 2021"),
    "manifest": _Layout(learner_manifest, "as its owner says", "your own"),
}
LAYOUTS = tuple(_LAYOUTS)


def pronunciation_corpus(name: str, data_root: str = "", counts: LearnerCounts = LearnerCounts()) -> Corpus:
    """A corpus of learners' speech.

    Args:
        name: ``"learners"`` (simulated) or one of :data:`LAYOUTS`.
        data_root: the corpus's folder, or the manifest's path.
        counts: of the simulated learners.

    Returns:
        A corpus with the label ``perceived`` (ARPAbet phones, spaces between; missing where nobody listened) and the
        columns ``canonical`` (likewise), ``group`` (first language), ``sentence``, ``accentedness`` (NaN: unknown),
        ``seconds``, ``segments`` (perceived phones with times, ``"DH 0.01 0.06;AH …"``, or empty) and ``split``.
        ``load`` gives ``input`` float32 (B, T) at 16 kHz, padded with zeros, and ``length`` int64 (B,). A sentence of a
        training speaker that nobody listened to stays in the training part, without a label.

    Raises:
        StudyError: an unknown name, no such folder, no usable or no annotated recording.
    """
    if name == SIMULATED:
        return _simulated(counts)
    if name not in _LAYOUTS:
        raise StudyError(
            f"no corpus of learners' speech is called {name!r}; there are {SIMULATED}, {', '.join(LAYOUTS)}"
        )
    root, layout = corpus_root(name, data_root), _LAYOUTS[name]
    found = _remembered(name, root)
    if not found.recordings:
        why = "; ".join(found.notices()) or "there is no recording"
        raise StudyError(f"{data_root}: no recording of {name} is there: {why}")
    files = [one.file for one in found.recordings]
    absent = next((one for one in found.recordings if not is_there(one.file)), None)
    if absent is not None:
        place = absent.file.relative_to(root) if root.is_dir() else absent.file.name
        raise StudyError(f"{name}: there is no sound file {str(place)[:80]}, that of {absent.name}")
    looked = examine(files)
    kept = [one for one, good in zip(found.recordings, looked.usable, strict=True) if good]
    if not any(one.perceived for one in kept):
        raise StudyError(f"{data_root}: no usable recording of {name} has perceived phones; nothing can be learned")
    table = _with_splits(_table(kept, looked.seconds[looked.usable]))
    return Corpus(
        name, table, loader([one.file for one in kept]), ("perceived",), layout.licence, layout.source, False,
        fingerprint(files), (*found.notices(), *looked.notices()),
    )  # fmt: skip


def pronunciation_sources(name: str, data_root: str, counts: LearnerCounts) -> list[Path | str]:
    """What a corpus is made of, for its fingerprint.

    Raises:
        StudyError: a real corpus is not where ``data_root`` says.
    """
    if name == SIMULATED:
        return [f"generator:{GENERATOR}:{sorted(asdict(counts).items())}", "package:espeakng-loader"]
    root = corpus_root(name, data_root)
    return [root.parent if root.is_file() else root]


@lru_cache(maxsize=2)
def _simulated(counts: LearnerCounts) -> Corpus:
    learners, sentences = counts.of_splits()
    readings = read_sentences(draw_learners(learners, 0), sentences, 0)
    waves = [torch.from_numpy(one.wave) for one in readings]
    told = [one.learner.split != "unlabelled" for one in readings]
    table = pd.DataFrame(
        {
            "sample_id": [f"{one.learner.name}-{i:05d}" for i, one in enumerate(readings)],
            "subject": [one.learner.name for one in readings],
            "group": [one.learner.first_language for one in readings],
            "sentence": [one.sentence for one in readings],
            "canonical": [" ".join(one.canonical) for one in readings],
            "perceived": pd.Series(
                [" ".join(one.perceived) if known else None for one, known in zip(readings, told, strict=True)],
                dtype=object,
            ),
            "accentedness": [one.learner.accentedness for one in readings],
            "seconds": [len(wave) / RATE for wave in waves],
            "segments": [
                _segments([(p, *times) for p, times in zip(one.perceived, one.segments, strict=True)]) if known else ""
                for one, known in zip(readings, told, strict=True)
            ],
            "split": [one.learner.split for one in readings],
        }
    )
    return Corpus(
        SIMULATED, table, lambda rows: padded([waves[int(i)] for i in np.asarray(rows)]), ("perceived",),
        "none: made by this package with eSpeak NG (GPL-3)", "simulated learners of English, six first languages", True,
        fingerprint(pronunciation_sources(SIMULATED, "", counts)),
    )  # fmt: skip


def _table(recordings: list[Recording], seconds: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "sample_id": [one.name for one in recordings],
            "subject": [one.subject for one in recordings],
            "group": [one.group or "unknown" for one in recordings],
            "sentence": [one.sentence for one in recordings],
            "canonical": [" ".join(one.canonical) for one in recordings],
            "perceived": pd.Series(
                [" ".join(one.perceived) if one.perceived else None for one in recordings], dtype=object
            ),
            "accentedness": [one.accentedness for one in recordings],
            "seconds": seconds,
            "segments": [_segments(one.segments) if one.perceived else "" for one in recordings],
            "split": [one.split for one in recordings],
        }
    )


def _segments(segments: object) -> str:
    return ";".join(f"{phone} {start:.3f} {end:.3f}" for phone, start, end in segments)  # type: ignore[attr-defined]


def _with_splits(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a split for every row: drawn by speaker where the corpus gives none, or no validation part."""
    named = table["split"] != ""
    if not named.all() and named.any():
        first = table.loc[~named, "sample_id"].iloc[0]
        raise StudyError(
            f"{int((~named).sum())} recordings, the first {first}, have no split while others have; give it to all or "
            "none"
        )
    if not named.any():
        return table.assign(split=split_by_subject(table, {"train": 0.55, "validation": 0.2, "test": 0.25}, 0))
    if not (table["split"] == "validation").any():
        train = np.flatnonzero(table["split"] == "train")
        drawn = table["split"].to_numpy(dtype=object).copy()
        drawn[train] = split_by_subject(table.iloc[train], {"train": 0.8, "validation": 0.2}, 0)
        table = table.assign(split=drawn)
    return table


def _remembered(name: str, root: Path) -> Found:
    """What a layout's reader finds; thousands of small files are read once and the findings kept on disk."""
    if name == "manifest":
        return learner_manifest(root)
    files = sorted(path for path in root.rglob("*") if path.is_file())
    stats = [(str(f.relative_to(root)), s.st_size, s.st_mtime_ns) for f, s in ((f, f.stat()) for f in files)]
    key: dict[str, object] = {"what": "recordings", "version": 1, "layout": name, "root": str(root.resolve()),
                              "files": stats}  # fmt: skip

    def build() -> dict[str, torch.Tensor]:
        found = _LAYOUTS[name].read(root)
        rows = [{**asdict(one), "file": str(one.file)} for one in found.recordings]
        text = json.dumps({"recordings": rows, "left_out": dict(found.left_out)})
        return {"found": torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)}

    content = json.loads(cached(key, build)["found"].numpy().tobytes())
    found = Found()
    found.left_out.update(content["left_out"])
    found.recordings = [_recording(row) for row in content["recordings"]]
    return found


def _recording(row: dict[str, object]) -> Recording:
    one = Recording(**row)  # type: ignore[arg-type]
    return replace(
        one,
        file=Path(str(row["file"])),
        canonical=tuple(one.canonical),
        perceived=None if one.perceived is None else tuple(one.perceived),
        segments=tuple((str(phone), float(start), float(end)) for phone, start, end in one.segments),
    )
