"""On-disk layouts of public wearable corpora: UCI-HAR, PAMAP2, WISDM, MHEALTH, HMP."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from helpers.data.corpora.wearables import Recording, Recordings, tally, without_gaps
from helpers.data.text_files import once_each
from helpers.errors import StudyError

AXES = "xyz"
Found = TypeVar("Found")
PAMAP2_ACTIVITIES = {
    1: "lying", 2: "sitting", 3: "standing", 4: "walking", 5: "running", 6: "cycling", 7: "nordic_walking",
    9: "watching_tv", 10: "computer_work", 11: "car_driving", 12: "ascending_stairs", 13: "descending_stairs",
    16: "vacuum_cleaning", 17: "ironing", 18: "folding_laundry", 19: "house_cleaning", 20: "playing_soccer",
    24: "rope_jumping",
}  # fmt: skip
MHEALTH_ACTIVITIES = {
    1: "standing", 2: "sitting", 3: "lying", 4: "walking", 5: "climbing_stairs", 6: "waist_bends", 7: "arm_elevation",
    8: "knees_bending", 9: "cycling", 10: "jogging", 11: "running", 12: "jump",
}  # fmt: skip
HMP_NAME = re.compile(r"Accelerometer-\d{4}(?:-\d{1,2}){5}-([a-z_]+)-([fm]\d+)\.txt", re.IGNORECASE)


def uci_har(root: Path) -> Recordings:
    """UCI-HAR smartphone data (Anguita et al., ESANN 2013): 30 subjects, 6 activities, 50 Hz, waist.

    Reads ``{train,test}/Inertial Signals/{total_acc,body_gyro}_{x,y,z}_{train,test}.txt`` with ``y_*.txt``,
    ``subject_*.txt`` and ``activity_labels.txt``. Its windows of 128 samples overlap by half; neighbours whose halves
    agree are joined again to recordings, so that windows of one recording can be kept together.
    """
    base = _one(root, "activity_labels.txt").parent
    named = [line.split()[:2] for line in _lines(base / "activity_labels.txt")]
    if any(len(words) < 2 for words in named):
        raise StudyError("UCI-HAR: activity_labels.txt has a line that is not 'number NAME'; get the file again")
    names = once_each(((words[0], words[1]) for words in named), "activity_labels.txt")
    recordings: list[Recording] = []
    channels = tuple(f"{kind}_{axis}" for kind in ("total_acc", "body_gyro") for axis in AXES)
    problems: Counter[str] = Counter()
    for part in ("train", "test"):
        labels, subjects = _lines(base / part / f"y_{part}.txt"), _lines(base / part / f"subject_{part}.txt")
        files = [base / part / "Inertial Signals" / f"{channel}_{part}.txt" for channel in channels]
        stacked = [_matrix(file, 128) for file in files]
        lengths = {len(rows) for rows in stacked} | {len(labels), len(subjects)}
        if len(lengths) != 1:
            raise StudyError(f"UCI-HAR {part}: signals, y_{part}.txt, subject_{part}.txt have {sorted(lengths)} rows; "
                             "they must have as many, so a file is cut short")  # fmt: skip
        windows = np.stack(stacked, axis=2)  # (n, 128, 6)
        unknown = np.array([label not in names for label in labels])
        problems["label that activity_labels.txt does not name"] += int(unknown.sum())
        numbered = np.array([subject.isdecimal() and len(subject) < 6 for subject in subjects])
        problems[f"subject_{part}.txt: a word in place of a number"] += int((~numbered).sum())
        for first, last in _joined(windows, labels, subjects):
            if unknown[first] or not numbered[first]:
                continue
            signal = np.concatenate([windows[first], *(window[64:] for window in windows[first + 1 : last + 1])])
            pieces = without_gaps(signal, 50.0, problems)
            recordings += [
                Recording(f"{part}{first}_{i}", f"s{int(subjects[first]):02d}", names[labels[first]].lower(), "", piece)
                for i, piece in enumerate(pieces)
            ]
    return Recordings("uci_har", 50.0, channels, _some(recordings, "UCI-HAR"), "CC BY 4.0",
                      "Anguita et al., ESANN 2013", tally(+problems))  # fmt: skip


def _joined(windows: np.ndarray, labels: list[str], subjects: list[str]) -> Iterable[tuple[int, int]]:
    half = windows.shape[1] // 2
    first = 0
    for i in range(1, len(windows) + 1):
        goes_on = (
            i < len(windows)
            and labels[i] == labels[i - 1]
            and subjects[i] == subjects[i - 1]
            and np.allclose(windows[i, :half], windows[i - 1, half:], atol=1e-5)
        )
        if not goes_on:
            yield first, i - 1
            first = i


def pamap2(root: Path) -> Recordings:
    """PAMAP2 (Reiss & Stricker, ISWC 2012): ``subject101.dat`` …, 54 columns, 100 Hz, hand, chest and ankle.

    Taken: the ±16 g accelerometer and the gyroscope of each place. Activity 0 (between activities) is left out; samples
    that a radio gap lost (NaN) are interpolated up to half a second.
    """
    files = _several(root, "subject1??.dat", "PAMAP2's subject101.dat …")
    columns = [base + i for base in (3, 20, 37) for i in (1, 2, 3, 7, 8, 9)]
    channels = tuple(
        f"{place}_{kind}_{axis}" for place in ("hand", "chest", "ankle") for kind in ("acc", "gyro") for axis in AXES
    )
    problems: Counter[str] = Counter()
    recordings: list[Recording] = []
    for file in files:
        table = _columns(file, 54, " ", problems)
        activity, time = table[:, 1], table[:, 0]
        problems[f"{file.name}: time does not go forward: cut there, lines"] += int((~(np.diff(time) > 0)).sum())
        for first, last in _runs(activity, time, 1.0):
            code = _code(activity[first])
            if code not in PAMAP2_ACTIVITIES:
                problems["line with an activity number nobody knows"] += (last - first) * (code != 0)
                continue
            recordings += [
                Recording(f"{file.parent.name}_{file.stem}_{first}_{i}", file.stem, PAMAP2_ACTIVITIES[code], "", piece)
                for i, piece in enumerate(without_gaps(table[first:last][:, columns], 100.0, problems))
            ]
    return Recordings("pamap2", 100.0, channels, _some(recordings, "PAMAP2"), "CC BY 4.0",
                      "Reiss & Stricker, ISWC 2012", tally(+problems))  # fmt: skip


def mhealth(root: Path) -> Recordings:
    """MHEALTH (Banos et al., IWAAL 2014): ``mHealth_subject1.log`` …, 24 tab-separated columns, 50 Hz.

    Taken: accelerometer and gyroscope of left ankle and right arm, accelerometer of the chest. Label 0 is left out.
    """
    files = _several(root, "mHealth_subject*.log", "MHEALTH's mHealth_subject1.log …")
    columns = [5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 19, 0, 1, 2]
    channels = tuple(
        f"{sensor}_{axis}"
        for sensor in ("ankle_acc", "ankle_gyro", "arm_acc", "arm_gyro", "chest_acc")
        for axis in AXES
    )
    problems: Counter[str] = Counter()
    recordings: list[Recording] = []
    for file in files:
        table = _columns(file, 24, "\t", problems)
        for first, last in _runs(table[:, 23], np.arange(len(table)) / 50.0, 1.0):
            code = _code(table[first, 23])
            if code not in MHEALTH_ACTIVITIES:
                problems["line with an activity number nobody knows"] += (last - first) * (code != 0)
                continue
            recordings += [
                Recording(
                    f"{file.stem}_{first}_{i}", file.stem.removeprefix("mHealth_"), MHEALTH_ACTIVITIES[code], "", piece
                )
                for i, piece in enumerate(without_gaps(table[first:last][:, columns], 50.0, problems))
            ]
    return Recordings("mhealth", 50.0, channels, _some(recordings, "MHEALTH"), "CC BY 4.0",
                      "Banos et al., IWAAL 2014", tally(+problems))  # fmt: skip


def wisdm(root: Path) -> Recordings:
    """WISDM v1.1 (Kwapisz et al., SIGKDD Explorations 12, 2011): ``WISDM_ar_v1.1_raw.txt``, 20 Hz, phone in a pocket.

    Entries are ``user,activity,timestamp,x,y,z;``. Known there and handled: entries that share a line, a comma
    before the semicolon, empty lines, entries without z, timestamps of 0.
    """
    file = _one(root, "WISDM_ar_v1.1_raw.txt")
    problems: Counter[str] = Counter()
    rows: list[tuple[str, str, float, float, float, float]] = []
    for entry in re.split(r"[;\n]", file.read_text(encoding="utf-8-sig", errors="replace")):
        fields = entry.strip().rstrip(",").split(",")
        if fields == [""]:
            continue
        try:
            user, activity, stamp, x, y, z = fields
            if not activity.strip() or "\ufffd" in activity:  # bytes that are no text
                raise ValueError
            rows.append((str(int(user)), activity.strip().lower(), float(stamp) * 1e-9, float(x), float(y), float(z)))
        except ValueError:
            problems[f"{file.name}: entry that is not user,activity,timestamp,x,y,z"] += 1
    _some(rows, "WISDM", f" from {file.name}")
    table = pd.DataFrame(rows, columns=["user", "activity", "time", "x", "y", "z"])
    stamps = table["time"].to_numpy()
    changed = (table["user"] + table["activity"]).to_numpy()[1:] != (table["user"] + table["activity"]).to_numpy()[:-1]
    steps = np.diff(stamps)
    broken = ~((steps >= 0) & (steps <= 1.0)) & (stamps[1:] > 0) & (stamps[:-1] > 0)
    problems[f"{file.name}: time goes back: cut there, entries"] += int(((steps < 0) & broken & ~changed).sum())
    bounds = np.r_[0, np.flatnonzero(broken | changed) + 1, len(table)]
    signal = table[["x", "y", "z"]].to_numpy(dtype=np.float64)
    recordings = [
        Recording(f"{table['user'][first]}_{table['activity'][first]}_{first}_{i}", f"s{int(table['user'][first]):02d}",
                  table["activity"][first], "", piece)
        for first, last in pairwise(bounds)
        for i, piece in enumerate(without_gaps(signal[first:last], 20.0, problems))
    ]  # fmt: skip
    return Recordings("wisdm", 20.0, ("x", "y", "z"), _some(recordings, "WISDM"), "as the WISDM laboratory says",
                      "Kwapisz et al., SIGKDD Explorations 12, 2011", tally(+problems))  # fmt: skip


def hmp(root: Path) -> Recordings:
    """HMP/ADL wrist accelerometer (Bruno et al., ICRA 2013): a folder an activity, 32 Hz, codes 0..63 for ±1.5 g.

    Reads ``Accelerometer-DATE-ACTIVITY-VOLUNTEER.txt``; folders ``*_MODEL`` repeat recordings and are passed over.
    """
    files = _several(root, "Accelerometer-*.txt", "HMP's Accelerometer-DATE-ACTIVITY-VOLUNTEER.txt")
    problems: Counter[str] = Counter()
    recordings: list[Recording] = []
    for file in files:
        if file.parent.name.upper().endswith("_MODEL"):
            continue
        matched = HMP_NAME.fullmatch(file.name)
        if matched is None:
            problems["file whose name is not Accelerometer-DATE-ACTIVITY-VOLUNTEER.txt"] += 1
            continue
        codes = _columns(file, 3, " ", problems)
        odd = np.any(~((codes >= 0) & (codes <= 63)), axis=1)
        problems["HMP line with a code outside 0..63"] += int(odd.sum())
        codes = np.where(odd[:, None], np.nan, codes)
        recordings += [
            Recording(f"{file.stem}_{i}", matched[2].lower(), matched[1].lower(), "", piece)
            for i, piece in enumerate(without_gaps(-1.5 + 3.0 * codes / 63.0, 32.0, problems))
        ]
    return Recordings("hmp", 32.0, ("ax", "ay", "az"), _some(recordings, "HMP"), "as its authors say (UCI 283)",
                      "Bruno et al., ICRA 2013", tally(+problems))  # fmt: skip


def _columns(file: Path, count: int, separator: str, problems: Counter[str]) -> np.ndarray:
    """A text file of numbers, float64 (lines, count); lines with another number of fields are tallied and left out."""
    lines = _lines(file)
    fields = [len(line.split(separator)) for line in lines]
    good = [line for line, n in zip(lines, fields) if n == count]
    problems[f"{file.name}: line without {count} columns"] += len(lines) - len(good)
    if not good:
        seen = f"its lines have {Counter(fields).most_common(1)[0][0]}" if fields else "it is empty"
        raise StudyError(f"{file.name}: expected lines of {count} columns, but {seen}")
    table = pd.read_csv(
        io.StringIO("\n".join(good)), sep=separator, header=None, dtype=str, quoting=csv.QUOTE_NONE, names=range(count)
    )
    numbers = table.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    bad = int((np.isnan(numbers) & ~table.isna().to_numpy()).any(axis=1).sum())
    problems[f"{file.name}: line with a word in place of a number"] += bad
    return numbers


def _matrix(file: Path, count: int) -> np.ndarray:
    rows = [line.split() for line in _lines(file)]
    wrong = next((i for i, row in enumerate(rows) if len(row) != count), None)
    if wrong is not None:
        raise StudyError(f"{file.name}: line {wrong + 1} has {len(rows[wrong])} numbers, not {count}; it is cut short")
    try:
        return np.array(rows, dtype=np.float64).reshape(-1, count)
    except ValueError as error:
        raise StudyError(f"{file.name}: {error}") from error


def _runs(label: np.ndarray, time: np.ndarray, gap: float) -> Iterable[tuple[int, int]]:
    """Stretches [first, last) of one label without a gap in time, in which time goes forward."""
    steps = np.diff(time)
    changed = (label[1:] != label[:-1]) | ~((steps > 0) & (steps <= gap))
    bounds = np.r_[0, np.flatnonzero(changed) + 1, len(label)]
    return zip(bounds[:-1].tolist(), bounds[1:].tolist())


def _lines(file: Path) -> list[str]:
    if not file.is_file():
        raise StudyError(f"there is no {file.parent.name}/{file.name}; the corpus is not whole")
    content = file.read_text(encoding="utf-8-sig", errors="replace")
    return [line.rstrip() for line in content.splitlines() if line.strip()]


def _code(value: float) -> int:
    """The number of an activity; -1 for what is no whole number."""
    return int(value) if np.isfinite(value) and value == int(value) else -1


def _one(root: Path, name: str) -> Path:
    found = sorted(root.rglob(name))
    if not found:
        raise StudyError(f"data_root: {root} holds no {name}; give the folder that the corpus was unpacked to")
    return found[0]


def _several(root: Path, pattern: str, words: str) -> list[Path]:
    found = sorted(root.rglob(pattern))
    if not found:
        raise StudyError(f"data_root: {root} holds none of {words}; give the folder that the corpus was unpacked to")
    return found


def _some(found: list[Found], corpus: str, where: str = "") -> list[Found]:
    if not found:
        raise StudyError(
            f"{corpus}: no recording could be read{where}; the notices of the reader say what was left out"
        )
    return found
