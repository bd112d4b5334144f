"""Public corpora of emotional speech by their on-disk layouts, and a manifest for any other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from helpers.data.corpora.roots import corpus_root
from helpers.data.corpus import Corpus
from helpers.data.fingerprint import fingerprint
from helpers.data.manifest import manifest_files, read_manifest, refuse_twice
from helpers.data.sound import RATE, SOUND_ENDINGS, VIDEO_ENDINGS, examine, loader
from helpers.data.text_files import is_there, json_of, once_each, text_lines
from helpers.errors import StudyError

ATTRIBUTES = ("arousal", "valence", "dominance")
_RAVDESS = {"01": "neutral", "02": "calm", "03": "happy", "04": "sad", "05": "angry", "06": "fearful", "07": "disgust",
            "08": "surprised"}  # fmt: skip
_CREMA_D = {"ANG": "angry", "DIS": "disgust", "FEA": "fearful", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
_EMO_DB = {"W": "angry", "L": "bored", "E": "disgust", "A": "fearful", "F": "happy", "T": "sad", "N": "neutral"}
_EMO_DB_MEN = ("03", "10", "11", "12", "15")
_MSP = {"A": "angry", "S": "sad", "H": "happy", "U": "surprised", "F": "fearful", "D": "disgust", "C": "contempt",
        "N": "neutral", "O": "other"}  # fmt: skip
_MSP_SPLITS = {"train": "train", "validation": "validation", "development": "validation", "test": "test"}
_MSP_NUMBERS = ("EmoAct", "EmoVal", "EmoDom")
_MSP_LABELS = ("label_consensus.json", "labels_consensus.json", "labels_concensus.json")


@dataclass(frozen=True)
class Clip:
    """One utterance.

    Attributes:
        name: unique in its corpus.
        file: its sound, or a video with sound.
        subject: who speaks.
        label: emotion; None where nobody said.
        group: ``"female"``, ``"male"`` or empty.
        split: as the corpus's makers say; empty where they say nothing.
        attributes: arousal, valence, dominance; NaN where nobody said.
        tracks: file of OpenFace's landmarks and action units beside it; None where there is none.
    """

    name: str
    file: Path
    subject: str
    label: str | None
    group: str = ""
    split: str = ""
    attributes: tuple[float, float, float] = (np.nan, np.nan, np.nan)
    tracks: Path | None = None


@dataclass
class Found:
    """Clips of a corpus, what was left out (reason -> how often), and what else a reader should know."""

    clips: list[Clip] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)

    def notices(self) -> tuple[str, ...]:
        """One line a reason, and the remarks."""
        return (*(f"{what}: {count:,} left out" for what, count in sorted(self.left_out.items())), *self.remarks)


def ravdess(root: Path) -> Found:
    """RAVDESS (Livingstone & Russo, PLoS ONE 13(5), 2018): ``Actor_NN/MM-VV-EE-II-SS-RR-AA.wav`` or ``.mp4``.

    Speech alone (VV = 01); song is left out. Of an utterance that lies there as sound and as video, the sound counts;
    tracks are looked for under the names of all its forms.
    """
    found, seen = Found(), _Once()
    for file in _files(root):
        parts = file.stem.split("-")
        if len(parts) != 7 or not all(len(part) == 2 and part.isdigit() for part in parts):
            found.left_out["names that are not MM-VV-EE-II-SS-RR-AA"] += 1
            continue
        form, channel, emotion, *_, actor = parts
        if channel != "01":
            found.left_out["songs"] += 1
        elif form == "02":
            found.left_out["videos without sound"] += 1
        elif emotion not in _RAVDESS:
            found.left_out[f"unknown emotion {emotion}"] += 1
        else:
            rest = "-".join(parts[1:])
            tracks = _beside(file, *(f"{form}-{rest}" for form in ("01", "02", "03")))
            sex = "male" if int(actor) % 2 else "female"
            seen.add(found, Clip(rest, file, f"actor{actor}", _RAVDESS[emotion], sex, tracks=tracks))
    return found


def crema_d(root: Path) -> Found:
    """CREMA-D (Cao et al., IEEE TAC 5(4), 2014): ``AudioWAV/1001_DFA_ANG_XX.wav`` or ``VideoFlash/…flv``.

    The intended emotion is the label. ``VideoDemographics.csv`` beside the folders gives the speakers' sex.
    """
    found, seen, (sexes, odd) = Found(), _Once(), _crema_d_sexes(root)
    for file in _files(root):
        match = re.fullmatch(r"(\d{4})_[A-Z0-9]+_([A-Z]{3})_[A-Z]{1,2}", file.stem)
        if match is None:
            found.left_out["names that are not ACTOR_SENTENCE_EMOTION_LEVEL"] += 1
        elif match[2] not in _CREMA_D:
            found.left_out[f"unknown emotion {match[2]}"] += 1
        else:
            tracks = _beside(file, file.stem)
            clip = Clip(file.stem, file, match[1], _CREMA_D[match[2]], sexes.get(match[1], ""), tracks=tracks)
            seen.add(found, clip)
    unknown = len({clip.subject for clip in found.clips} - sexes.keys())
    if (sexes or odd) and unknown:
        found.remarks.append(f"the sex of {unknown} actor(s) is not in VideoDemographics.csv")
    return found


def _crema_d_sexes(root: Path) -> tuple[dict[str, str], bool]:
    """Actor -> ``"female"`` or ``"male"``, and whether there is a table of them."""
    file = root / "VideoDemographics.csv"
    if not file.is_file():
        return {}, False
    table = read_manifest(file, ("ActorID", "Sex"), text=("ActorID", "Sex"))
    said = zip(table["ActorID"].fillna(""), table["Sex"].fillna("").str.lower(), strict=True)
    return once_each(((actor, sex) for actor, sex in said if sex in ("female", "male")), file.name), True


def emo_db(root: Path) -> Found:
    """EMO-DB (Burkhardt et al., Interspeech 2005): ``wav/03a01Wa.wav``: speaker, text, emotion, version."""
    found, seen = Found(), _Once()
    for file in _files(root):
        match = re.fullmatch(r"(\d{2})[a-z]\d{2}([A-Z])[a-z]", file.stem)
        if match is None:
            found.left_out["names that are not like 03a01Wa"] += 1
        elif match[2] not in _EMO_DB:
            found.left_out[f"unknown emotion {match[2]}"] += 1
        else:
            sex = "male" if match[1] in _EMO_DB_MEN else "female"
            seen.add(found, Clip(file.stem, file, match[1], _EMO_DB[match[2]], sex, tracks=_beside(file, file.stem)))
    return found


def msp_face(root: Path) -> Found:
    """MSP-Face (Vidal et al., ICMI 2020): segments ``MSP-FACE_0253_0006.mp4`` (or ``.wav``) in any folder.

    Labels come from ``label_consensus.json`` (in ``root`` or ``root/Labels``), speakers of unlabelled segments from
    ``Doc/speaker_id_segments.txt``. A segment without consensus (X) has no label but keeps its attributes; one whose
    speaker nobody identified is left out, for it could be a test speaker's.
    """
    rated = _msp_ratings(root)
    speakers = _msp_speakers(root)
    splits = {str(row.get("SpkrID")): _MSP_SPLITS.get(str(row.get("Split_Set", "")).lower(), "")
              for row in rated.values()}  # fmt: skip
    files = {file.stem.upper() for file in _files(root)}
    found, seen = Found(), _Once()
    for file in _files(root):
        if not re.fullmatch(r"MSP-FACE_\d{4}_\d+", file.stem, re.IGNORECASE):
            found.left_out["names that are not like MSP-FACE_0253_0006"] += 1
            continue
        row = rated.get(file.stem.upper(), {})
        speaker = str(row.get("SpkrID") or speakers.get(file.stem.upper(), ""))
        letter = str(row.get("EmoClass_Major", "X"))
        if not speaker:
            found.left_out["segments whose speaker is not known"] += 1
        elif letter != "X" and letter not in _MSP:
            found.left_out[f"unknown emotion {letter}"] += 1
        else:
            values = [_number(row.get(key)) for key in _MSP_NUMBERS]
            seen.add(found, Clip(file.stem.upper(), file, speaker, _MSP.get(letter), str(row.get("Gender", "")).lower(),
                                 splits.get(speaker, "unlabelled" if splits else ""), (values[0], values[1], values[2]),
                                 _beside(file, file.stem)))  # fmt: skip
    absent = len(rated.keys() - files)
    found.left_out["rated segments without a file"] += absent
    found.left_out += Counter()  # drops what is 0
    return found


def _msp_ratings(root: Path) -> dict[str, dict[str, Any]]:
    places = [folder / name for folder in (root, root / "Labels") for name in _MSP_LABELS]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        raise StudyError(f"MSP-Face: no {_MSP_LABELS[0]} in {root.name}/ or {root.name}/Labels/; it holds the labels")
    found = {}
    for name, row in json_of(file, dict).items():
        one = row[0] if isinstance(row, list) and len(row) == 1 else row
        if not isinstance(one, dict) or not all(isinstance(value, str | int | float) for value in one.values()):
            raise StudyError(f"{file.name}: {name[:80]} is not as MSP-Face's labels are: a list of one {{key: value}}")
        wrong = [key for key in _MSP_NUMBERS if key in one and not 1 <= _number(one[key]) <= 7]
        if wrong:
            raise StudyError(f"{file.name}: {name[:80]} has the {wrong[0]} {str(one[wrong[0]])[:40]!r}; it is 1 to 7")
        if str(one.get("Split_Set", "train")).lower() not in _MSP_SPLITS:
            raise StudyError(f"{file.name}: {name[:80]} has the Split_Set {str(one['Split_Set'])[:40]!r}; it is "
                             "Train, Development or Test")  # fmt: skip
        lacks = [key for key in ("SpkrID", "EmoClass_Major") if not one.get(key)]
        if lacks:
            raise StudyError(f"{file.name}: {name[:80]} has no {lacks[0]}")
        found[Path(name).stem.upper()] = one
    return found


def _msp_speakers(root: Path) -> dict[str, str]:
    places = (root / "Doc" / "speaker_id_segments.txt", root / "speaker_id_segments.txt")
    file = next((place for place in places if place.is_file()), None)
    pairs, name = [], places[0].name
    for number, line in enumerate(text_lines(file) if file else [], start=1):
        segment, comma, speaker = line.strip().partition(",")
        if line.strip() and not (segment and comma and speaker.strip() and "," not in speaker):
            raise StudyError(
                f"{file.name if file else ''}, line {number}: {line.strip()[:80]!r} is not 'segment,speaker'"
            )
        if line.strip():
            pairs.append((Path(segment).stem.upper(), speaker.strip().removeprefix("Speaker_")))
    return once_each(pairs, name)


def speech_manifest(path: Path) -> Found:
    """Your own: a table with ``path`` (relative to it) and ``label``, empty where unknown.

    Optional columns: ``subject`` (do give it: without it every clip counts as a speaker), ``group``, ``split``,
    ``arousal``, ``valence``, ``dominance``, ``tracks`` (OpenFace's CSV; else one of the same name beside the clip).
    """
    table = read_manifest(path, ("path", "label"))
    refuse_twice(table["path"], path)
    found = Found()
    for row, file in zip(table.to_dict("records"), manifest_files(table, path, "sound files"), strict=True):
        tracks = row.get("tracks")
        named = path.parent / str(tracks) if tracks else _beside(file, file.stem)
        if named is not None and not is_there(named):
            raise StudyError(f"{path.name}: {row['sample_id']}: there is no file {str(tracks)[:80]}")
        label = row["label"]
        a, v, d = (_given_number(row, name, path) for name in ATTRIBUTES)
        found.clips.append(Clip(row["sample_id"], file, row["subject"], label, _text(row.get("group")),
                                _text(row.get("split")), (a, v, d), named))  # fmt: skip
    return found


@dataclass(frozen=True)
class _Layout:
    read: Callable[[Path], Found]
    licence: str
    source: str


_LAYOUTS = {
    "ravdess": _Layout(ravdess, "CC BY-NC-SA 4.0", "Livingstone & Russo, PLoS ONE 13(5), 2018"),
    "crema_d": _Layout(crema_d, "Open Database License", "Cao et al., IEEE Trans. Affective Computing 5(4), 2014"),
    "emo_db": _Layout(emo_db, "free for research", "Burkhardt et al., Interspeech 2005"),
    "msp_face": _Layout(msp_face, "for research, on request", "Vidal et al., ICMI 2020"),
    "manifest": _Layout(speech_manifest, "as its owner says", "your own"),
}
LAYOUTS = tuple(_LAYOUTS)


def emotion_corpus(name: str, data_root: str, rate: int = RATE) -> Corpus:
    """A corpus of emotional speech by its name.

    Every file is decoded once (what was found is kept on disk); those that are empty, cut short, silent or no sound are
    left out and named in a notice.

    Args:
        name: one of :data:`LAYOUTS`.
        data_root: the corpus's folder, or the manifest's path.
        rate: of the waveforms, Hz.

    Returns:
        A corpus with the label ``label`` (emotion; missing where unknown) and the columns ``group`` (sex), ``arousal``,
        ``valence``, ``dominance``, ``seconds``, ``path`` and ``tracks`` (file of OpenFace's landmarks, or empty).
        ``load`` gives ``input`` float32 (B, T), padded with zeros, and ``length`` int64 (B,). There is a ``split`` only
        where the corpus's makers or the manifest give one.

    Raises:
        StudyError: an unknown name, no such folder, or no usable clip in it.
    """
    if name not in _LAYOUTS:
        raise StudyError(f"no corpus of emotional speech is called {name!r}; there are {', '.join(LAYOUTS)}")
    root, layout = corpus_root(name, data_root), _LAYOUTS[name]
    found = layout.read(root)
    if not found.clips:
        why = "; ".join(found.notices()) or "there is no sound or video file"
        raise StudyError(f"{data_root}: no clip of {name} is there: {why}")
    looked = examine([clip.file for clip in found.clips], rate)
    clips = [clip for clip, good in zip(found.clips, looked.usable, strict=True) if good]
    if not clips:
        raise StudyError(f"{data_root}: no clip of {name} can be used: {looked.notices()[0]}")
    table = _table(clips, looked.seconds[looked.usable])
    table, leak = _without_leaking_split(table)
    return Corpus(
        name, table, loader([clip.file for clip in clips], rate), ("label",), layout.licence, layout.source, False,
        fingerprint([clip.file for clip in clips]), (*found.notices(), *looked.notices(), *leak),
    )  # fmt: skip


def _table(clips: list[Clip], seconds: np.ndarray) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "sample_id": [clip.name for clip in clips],
            "subject": [clip.subject for clip in clips],
            "group": [clip.group or "unknown" for clip in clips],
            "label": pd.Series([clip.label for clip in clips], dtype=object),
            **{name: [clip.attributes[i] for clip in clips] for i, name in enumerate(ATTRIBUTES)},
            "seconds": seconds,
            "path": [str(clip.file) for clip in clips],
            "tracks": [str(clip.tracks or "") for clip in clips],
        }
    )
    if (table["group"] == "unknown").all():
        table = table.drop(columns="group")
    split = [clip.split for clip in clips]
    if any(split):
        missing = [clip.name for clip in clips if not clip.split]
        if missing:
            raise StudyError(
                f"{len(missing)} clips, the first {missing[0]}, have no split while others have; give it to all or none"
            )
        table["split"] = split
        table.loc[table["split"] == "unlabelled", "label"] = None
    return table


def _without_leaking_split(table: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    if "split" not in table.columns or table.groupby("subject")["split"].nunique().max() == 1:
        return table, ()
    return table.drop(columns="split"), ("the split that came with it has speakers on both sides: not used",)


class _Once:
    """Keeps the first form of every utterance: sound before video, as files are listed."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def add(self, found: Found, clip: Clip) -> None:
        if clip.name in self.names:
            found.left_out["further forms of an utterance (video beside sound)"] += 1
            return
        self.names.add(clip.name)
        found.clips.append(clip)


def _files(root: Path) -> list[Path]:
    """All sound files, then all videos, each in order of their names."""
    both = (*SOUND_ENDINGS, *VIDEO_ENDINGS)
    files = (f for f in root.rglob("*") if f.suffix.lower() in both and not f.name.startswith(".") and f.is_file())
    return sorted(files, key=lambda f: (f.suffix.lower() in VIDEO_ENDINGS, str(f)))


def _beside(file: Path, *stems: str) -> Path | None:
    """OpenFace's CSV of a clip: of one of these names, in the clip's folder or a folder beside it."""
    places = [file.parent, *(file.parent.parent / name for name in ("VideoFlash", "openface", "OpenFace", "processed"))]
    return next((p / f"{s}.csv" for p in places for s in stems if (p / f"{s}.csv").is_file()), None)


def _given_number(row: dict[str, Any], name: str, manifest: Path) -> float:
    """A number of a manifest's row, NaN where the field is empty."""
    value = row.get(name)
    found = _number(value)
    if np.isinf(found) or (np.isnan(found) and not pd.isna(value)):
        raise StudyError(f"{manifest.name}: {row['sample_id']}: {name} is {str(value)[:40]!r}, which is no number")
    return found


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return float("nan")


def _text(value: object) -> str:
    return "" if value is None or (isinstance(value, float) and np.isnan(value)) else str(value).strip()
