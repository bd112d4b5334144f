"""Learners' English with canonical and perceived phones, by the on-disk layouts of L2-ARCTIC and speechocean762."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from helpers.data.manifest import TEXT, manifest_files, read_manifest, refuse_twice
from helpers.data.phones import ERROR, SILENCE, plain_phone
from helpers.data.text_files import json_of, listed_file, once_each, text_lines
from helpers.data.textgrids import Interval, read_textgrid
from helpers.errors import StudyError

Segment = tuple[str, float, float]  # a perceived phone, start and end, seconds

_L2_ARCTIC = {
    "Arabic": "ABA SKA YBAA ZHAA", "Hindi": "ASI RRBI SVBI TNI", "Korean": "HJK HKK YDCK YKWK",
    "Mandarin": "BWC LXC NCC TXHC", "Spanish": "EBVS ERMS MBMPS NJS", "Vietnamese": "HQTV PNV THV TLV",
}  # fmt: skip
L2_ARCTIC_SPEAKERS = {speaker: language for language, its in _L2_ARCTIC.items() for speaker in its.split()}
L2_ARCTIC_TEST = ("NJS", "TLV", "TNI", "TXHC", "YKWK", "ZHAA")  # as in Yang et al. 2022
L2_ARCTIC_VALIDATION = ("ABA", "ASI", "BWC", "EBVS", "HJK", "HQTV")  # chosen here: the first of each language


@dataclass(frozen=True)
class Recording:
    """One sentence read by one learner.

    Attributes:
        name: unique in its corpus.
        file: its sound.
        subject: who reads.
        group: first language; empty where unknown.
        sentence: in words.
        canonical: ARPAbet phones of the dictionary.
        perceived: what an annotator heard; None where nobody listened.
        segments: of the perceived phones, where their times are known.
        split: as the corpus's makers or users say; empty where they say nothing.
        accentedness: of the speaker, higher is stronger; NaN where nobody said.
    """

    name: str
    file: Path
    subject: str
    group: str
    sentence: str
    canonical: tuple[str, ...]
    perceived: tuple[str, ...] | None
    segments: tuple[Segment, ...] = ()
    split: str = ""
    accentedness: float = np.nan


@dataclass
class Found:
    """Recordings of a corpus, and what was left out: reason -> how often."""

    recordings: list[Recording] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def notices(self) -> tuple[str, ...]:
        """One line a reason."""
        return tuple(f"{what}: {count:,}" for what, count in sorted(self.left_out.items()))


def read_marks(intervals: list[Interval]) -> tuple[list[str], list[str], list[Segment]]:
    """Canonical and perceived phones of an annotated tier of L2-ARCTIC, silences left out.

    A plain label is a phone said as it should be; ``CPL,PPL,s`` a substitution, ``CPL,sil,d`` a deletion,
    ``sil,PPL,a`` an addition (Zhao et al., Interspeech 2018).

    Raises:
        StudyError: a mark of another form.
    """
    canonical: list[str] = []
    perceived: list[str] = []
    segments: list[Segment] = []
    for one in intervals:
        parts = [part.strip() for part in one.text.split(",")]
        if len(parts) == 1:
            should, heard = plain_phone(parts[0]), plain_phone(parts[0])
        elif len(parts) == 3 and parts[2].lower() in ("s", "d", "a"):
            should, heard = plain_phone(parts[0]), plain_phone(parts[1])
            kind = parts[2].lower()
            should, heard = (SILENCE if kind == "a" else should), (SILENCE if kind == "d" else heard)
        else:
            raise StudyError(f"the mark {one.text!r} at {one.start:.2f} s is neither a phone nor CPL,PPL,s|d|a")
        if should != SILENCE:
            canonical.append(should)
        if heard != SILENCE:
            perceived.append(heard)
            segments.append((heard, one.start, one.end))
    return canonical, perceived, segments


def l2_arctic(root: Path) -> Found:
    """L2-ARCTIC: ``SPEAKER/{wav,transcript,textgrid,annotation}/arctic_a0001.*``.

    Sentences with a file in ``annotation`` have perceived phones; the others have the canonical ones of the forced
    alignment in ``textgrid`` and no label. ``accentedness.csv`` in ``root`` (``subject``, ``accentedness``), which does
    not come with the corpus, gives the speakers' scores. The test speakers are those of Yang et al. 2022; the first
    of each language not among them is for validation.
    """
    found, scores = Found(), _scores(root)
    for folder in sorted(path for path in root.iterdir() if (path / "wav").is_dir()):
        speaker = folder.name
        split = "test" if speaker in L2_ARCTIC_TEST else "validation" if speaker in L2_ARCTIC_VALIDATION else "train"
        for file in sorted((folder / "wav").glob("*.wav")):
            marked, aligned = (folder / tier / f"{file.stem}.TextGrid" for tier in ("annotation", "textgrid"))
            grid = marked if marked.is_file() else aligned
            if not grid.is_file():
                found.left_out["left out: sentences without TextGrid"] += 1
                continue
            try:
                phones = read_textgrid(grid).get("phones")
                if phones is None:
                    raise StudyError(f"{grid.name} has no tier 'phones'")
                canonical, perceived, segments = read_marks(phones)
            except StudyError as error:
                found.left_out[f"left out: {speaker}/{error}"] += 1
                continue
            if not canonical or (grid is marked and not perceived):
                found.left_out["left out: sentences without phones"] += 1
                continue
            text = folder / "transcript" / f"{file.stem}.txt"
            found.recordings.append(
                Recording(
                    f"{speaker}/{file.stem}", file, speaker, L2_ARCTIC_SPEAKERS.get(speaker, ""),
                    text.read_text(errors="replace").strip() if text.is_file() else "", tuple(canonical),
                    tuple(perceived) if grid is marked else None, tuple(segments), split, scores.get(speaker, np.nan),
                )
            )  # fmt: skip
    return found


def _scores(root: Path) -> dict[str, float]:
    file = root / "accentedness.csv"
    if not file.is_file():
        return {}
    table = read_manifest(file, ("subject", "accentedness"))
    refuse_twice(table["subject"], file)
    rows = table.to_dict("records")
    return {row["subject"]: _score(row["accentedness"], f"{file.name}: {row['subject']}") for row in rows}


def _score(value: Any, where: str) -> float:
    """How strong an accent is, NaN where the field is empty."""
    if value is None or value != value:
        return float("nan")
    found = pd.to_numeric(pd.Series([value], dtype=object), errors="coerce")[0]
    if not np.isfinite(found):
        raise StudyError(f"{where}: accentedness is {str(value)[:40]!r}, which is no number")
    return float(found)


def speechocean762(root: Path) -> Found:
    """speechocean762: ``WAVE/SPEAKER0001/000010011.WAV``, ``{train,test}/{wav.scp,utt2spk}``, ``resource/scores.json``.

    Perceived phones are the canonical ones with the listed mispronunciations put in; ``<DEL>`` is nothing, ``<unk>``
    and phones marked ``*`` are no English phone. As accentedness serves 10 minus the mean accuracy of a speaker's
    sentences.
    """
    file = root / "resource" / "scores.json"
    if not file.is_file():
        raise StudyError(f"speechocean762: {file.name} in {root.name}/resource/ cannot be read: there is none")
    scores, found = json_of(file, dict), Found()
    named: set[str] = set()
    for split in ("train", "test"):
        waves, speakers = _pairs(root / split / "wav.scp"), _pairs(root / split / "utt2spk")
        named |= waves.keys()
        for name, path in waves.items():
            row = scores.get(name)
            if row is None or name not in speakers:
                found.left_out["left out: sentences without scores or speaker"] += 1
                continue
            where = listed_file(root, path, f"{split}/wav.scp")
            try:
                canonical, perceived = _scored_phones(row)
                accuracy = _score(row.get("accuracy"), name)
            except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
                raise StudyError(f"{file.name}: {name} is not as speechocean762 has its scores") from None
            if not canonical:
                found.left_out["left out: sentences without phones"] += 1
                continue
            found.recordings.append(
                Recording(name, where, speakers[name], "Mandarin", str(row.get("text", "")), canonical, perceived,
                          (), split, 10 - accuracy)
            )  # fmt: skip
    unlisted = len(scores.keys() - named)
    if unlisted:
        found.left_out["left out: scored sentences that no wav.scp names"] += unlisted
    means = pd.DataFrame(
        {"subject": [r.subject for r in found.recordings], "score": [r.accentedness for r in found.recordings]}
    )
    mean = means.groupby("subject")["score"].mean().to_dict()
    found.recordings = [
        Recording(**{**vars(r), "accentedness": float(mean[r.subject])}) for r in found.recordings
    ]  # fmt: skip
    return found


def _scored_phones(row: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    canonical: list[str] = []
    perceived: list[str] = []
    for word in row["words"]:
        phones = word["phones"].split() if isinstance(word["phones"], str) else list(word["phones"])
        wrong = {m["index"]: m["pronounced-phone"] for m in word.get("mispronunciations", [])}
        texts = all(isinstance(phone, str) for phone in [*phones, *wrong.values()])
        if not texts or not all(isinstance(i, int) and 0 <= i < len(phones) for i in wrong):
            raise ValueError
        for i, phone in enumerate(phones):
            canonical.append(plain_phone(phone))
            heard = wrong.get(i, phone)
            if heard.upper() != "<DEL>":
                perceived.append(ERROR if heard.lower() == "<unk>" else plain_phone(heard))
    return tuple(canonical), tuple(perceived)


def _pairs(file: Path) -> dict[str, str]:
    if not file.is_file():
        raise StudyError(f"speechocean762: there is no {file.parent.name}/{file.name} in {file.parent.parent.name}/")
    lines = [(number, line.split(maxsplit=1)) for number, line in enumerate(text_lines(file), start=1) if line.strip()]
    wrong = next(((number, parts) for number, parts in lines if len(parts) != 2), None)
    if wrong is not None:
        raise StudyError(f"{file.parent.name}/{file.name}, line {wrong[0]}: {wrong[1][0][:80]!r} stands alone")
    return once_each(((parts[0], parts[1].strip()) for _, parts in lines), f"{file.parent.name}/{file.name}")


def learner_manifest(path: Path) -> Found:
    """Your own: a table with ``path`` (relative to it), ``canonical`` and ``perceived`` phones, spaces between them.

    ``perceived`` is empty where nobody listened. Optional: ``subject`` (do give it), ``group``, ``sentence``,
    ``split``, ``accentedness``.
    """
    table = read_manifest(path, ("path", "canonical", "perceived"), (*TEXT, "canonical", "perceived", "sentence"))
    refuse_twice(table["path"], path)
    found = Found()
    for row, file in zip(table.to_dict("records"), manifest_files(table, path, "sound files"), strict=True):
        canonical = tuple(plain_phone(phone) for phone in _text(row["canonical"]).split())
        if not canonical:
            raise StudyError(f"{path.name}: {row['sample_id']}: canonical is empty; give its phones")
        heard = tuple(plain_phone(phone) for phone in _text(row["perceived"]).split())
        found.recordings.append(
            Recording(
                row["sample_id"], file, row["subject"], _text(row.get("group")), _text(row.get("sentence")),
                tuple(p for p in canonical if p != SILENCE), tuple(p for p in heard if p != SILENCE) or None,
                (), _text(row.get("split")), _score(row.get("accentedness"), f"{path.name}: {row['sample_id']}"),
            )
        )  # fmt: skip
    return found


def _text(value: object) -> str:
    return "" if value is None or (isinstance(value, float) and np.isnan(value)) else str(value).strip()
