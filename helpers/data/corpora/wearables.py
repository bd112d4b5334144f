"""Recordings of wearable sensors as windows: the built-in smart-watch set, public corpora, and a manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from helpers.data.corpus import Corpus
from helpers.data.fingerprint import fingerprint
from helpers.data.manifest import TEXT, manifest_files, read_csv_table, read_manifest, refuse_blanks, refuse_twice
from helpers.errors import StudyError

LONGEST_GAP = 0.5  # seconds of missing samples that are interpolated; longer gaps cut a recording in two
LARGEST = 1e15  # of any sensor's units; beyond it a number is damage
_IN_GAPS = "samples without a value, in gaps that are not filled"
FEWEST_SUBJECTS = 3  # that do an activity: one to leave out, one to choose settings on, one to learn from


@dataclass(frozen=True)
class Recording:
    """One uninterrupted stretch of one activity by one subject.

    Attributes:
        name: unique in its corpus.
        subject, activity, group: who, what, and a condition such as the side the sensor is worn on ("" for none).
        signal: float32 (T, C), finite, in the corpus's units.
    """

    name: str
    subject: str
    activity: str
    group: str
    signal: np.ndarray


@dataclass(frozen=True)
class Recordings:
    """All recordings of one corpus, with what their numbers mean.

    Attributes:
        corpus: its name.
        rate: samples a second.
        channels: their names, by threes (x, y, z) of one sensor.
        recordings: at least one.
        licence, source: as :class:`helpers.data.corpus.Corpus` has them.
        notices: what the reader left out, one line each.
    """

    corpus: str
    rate: float
    channels: tuple[str, ...]
    recordings: list[Recording]
    licence: str
    source: str
    notices: tuple[str, ...] = field(default=())


def smartwatch() -> Recordings:
    """Shoulder exercises with a smart watch on the wrist of the moving arm, carried by the package seglearn.

    10 subjects × 7 exercises × 2 sides, 50 Hz, accelerometer (g) and gyroscope (rad/s) (Burns et al., *Shoulder
    physiotherapy exercise recognition*, Physiological Measurement 39, 2018). The two sides are mirror images along
    ``ax`` and are left as recorded.
    """
    try:
        from seglearn.datasets import load_watch
    except ImportError as error:
        raise StudyError("the package seglearn, which carries the smart-watch recordings, is not installed") from error
    data = load_watch()
    sides = np.where(np.asarray(data["side"]) == 1, "right", "left")
    recordings = [
        Recording(f"s{int(subject):02d}_{data['y_labels'][int(label)]}_{side}", f"s{int(subject):02d}",
                  data["y_labels"][int(label)], str(side), np.asarray(signal, dtype=np.float32))
        for signal, label, subject, side in zip(data["X"], data["y"], data["subject"], sides)
    ]  # fmt: skip
    recordings.sort(key=lambda recording: recording.name)
    return Recordings("smartwatch", 50.0, tuple(data["X_labels"]), recordings, "BSD-3-Clause (with seglearn)",
                      "Burns et al., Physiological Measurement 39, 2018; package seglearn")  # fmt: skip


def from_manifest(path: Path) -> Recordings:
    """Your own recordings: a CSV or Parquet table with a row a recording.

    Columns: ``sample_id``, ``subject``, ``activity``, ``path`` (a CSV of numbers, one column a channel with its name on
    top, relative to the manifest), ``rate`` (Hz, the same in every row), optionally ``group``.

    Raises:
        StudyError: a missing column or file, rates or channels that differ, a column that holds no numbers.
    """
    table = read_manifest(path, ("sample_id", "subject", "activity", "path", "rate"), (*TEXT, "activity"))
    rates = pd.to_numeric(table["rate"], errors="coerce").unique()
    if len(rates) != 1 or not 0 < rates[0] < np.inf:
        raise StudyError(f"{path.name}: rate must be one number > 0 (Hz) for all rows; resample to a common rate")
    files = manifest_files(table, path, "recordings")
    refuse_twice(table["path"], path)
    refuse_blanks(table["activity"], path)
    channels: tuple[str, ...] | None = None
    recordings, notices = [], []
    for row, file in zip(table.itertuples(index=False), files, strict=True):
        signal = read_csv_table(file)
        if channels is not None and tuple(signal.columns) != channels:
            raise StudyError(f"{row.path} has columns {', '.join(signal.columns)}; the first has {', '.join(channels)}")
        channels = tuple(map(str, signal.columns))
        measured = pd.to_numeric(pd.Series(channels), errors="coerce").notna().all()
        if measured and not all(name.isdecimal() for name in channels):
            raise StudyError(f"{row.path}: its first line holds numbers; the channels' names belong there")
        numbers = signal.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
        words = int((np.isnan(numbers) & signal.notna().to_numpy()).sum())
        notices += [f"{row.path}: {words} word(s) in place of numbers are taken as absent"] if words else []
        if np.isnan(numbers).all(axis=0).any():
            raise StudyError(
                f"{row.path}: the column {signal.columns[np.isnan(numbers).all(axis=0)][0]} has no numbers"
            )
        pieces = without_gaps(numbers, float(rates[0]))
        notices += [f"{row.path}: cut at gaps into {len(pieces)} pieces"] if len(pieces) != 1 else []
        lost = len(numbers) - sum(map(len, pieces))
        notices += [f"{row.path}: {lost} of {len(numbers)} lines lie in gaps and are left out"] if lost else []
        infinite = int(np.isinf(numbers).sum())
        notices += [f"{row.path}: {infinite} infinite value(s) are taken as absent"] if infinite else []
        group = str(getattr(row, "group", "") or "")
        recordings += [
            Recording(f"{row.sample_id}_{i}", str(row.subject), str(row.activity), group, piece)
            for i, piece in enumerate(pieces)
        ]
    return Recordings("manifest", float(rates[0]), channels or (), recordings, "as its owner says", path.name,
                      tuple(notices))  # fmt: skip


def without_gaps(signal: np.ndarray, rate: float, problems: Counter[str] | None = None) -> list[np.ndarray]:
    """Fill short gaps by straight lines and cut at long ones.

    Args:
        signal: float (T, C), NaN, infinite or beyond :data:`LARGEST` where missing.
        rate: Hz; gaps up to :data:`LONGEST_GAP` seconds are filled.
        problems: is told how many samples lie in gaps that are not filled.

    Returns:
        Float32 pieces (T_i, C) without missing values, none empty; gaps at the ends are cut off.
    """
    signal = np.where(np.abs(signal) < LARGEST, signal, np.nan)
    whole = np.isfinite(signal).all(axis=1)
    if whole.all():
        return [signal.astype(np.float32)] if len(signal) else []
    known = np.flatnonzero(whole)
    if len(known) == 0:
        if problems is not None:
            problems[_IN_GAPS] += len(signal)
        return []
    cuts = np.flatnonzero(np.diff(known) - 1 > LONGEST_GAP * rate)
    firsts, lasts = known[np.r_[0, cuts + 1]], known[np.r_[cuts, len(known) - 1]]
    pieces = []
    for first, last in zip(firsts, lasts):
        at = np.arange(first, last + 1)
        columns = []
        for column in signal[first : last + 1].T:
            finite = np.isfinite(column)
            columns.append(np.interp(at, at[finite], column[finite]))
        pieces.append(np.stack(columns, axis=1).astype(np.float32))
    if problems is not None:
        problems[_IN_GAPS] += len(signal) - sum(map(len, pieces))
    return pieces


def windowed(recordings: Recordings, seconds: float, overlap: float) -> Corpus:
    """Cut recordings into windows, one sample each.

    Args:
        recordings: of one corpus.
        seconds: length of a window, > 0.
        overlap: of neighbouring windows of one recording, in [0, 1).

    Returns:
        A corpus without split whose table has ``sample_id``, ``subject``, ``group``, ``recording``, ``start`` (s) and
        the label ``activity``; ``load`` gives float32 (B, T, C). Activities of fewer than :data:`FEWEST_SUBJECTS`
        subjects are left out with a notice, as are recordings shorter than a window.

    Raises:
        StudyError: an impossible window, or nothing left.
    """
    length = round(seconds * recordings.rate)
    if length < 4 or not 0 <= overlap < 1:
        raise StudyError(f"windows of {seconds} s at {recordings.rate:g} Hz, overlap {overlap}, cannot be cut; windows "
                         "need at least 4 samples and overlap must be in [0, 1)")  # fmt: skip
    step = max(1, round(length * (1 - overlap)))
    by_activity: dict[str, set[str]] = {}
    for recording in recordings.recordings:
        by_activity.setdefault(recording.activity, set()).add(recording.subject)
    rare = sorted(activity for activity, subjects in by_activity.items() if len(subjects) < FEWEST_SUBJECTS)
    notices = list(recordings.notices)
    notices += [f"activities of fewer than {FEWEST_SUBJECTS} subjects left out: {', '.join(rare)}"] if rare else []
    rows, where, short = [], [], 0
    kept = [recording for recording in recordings.recordings if recording.activity not in rare]
    for number, recording in enumerate(kept):
        starts = range(0, len(recording.signal) - length + 1, step)
        short += len(starts) == 0
        where += [(number, start) for start in starts]
        rows += [(f"{recording.name}@{start}", recording.subject, recording.group, recording.name,
                  start / recordings.rate, recording.activity) for start in starts]  # fmt: skip
    if not rows:
        raise StudyError(
            f"{recordings.corpus}: no activity of at least {FEWEST_SUBJECTS} subjects has a window of {seconds:g} s; "
            "give more subjects or shorter windows"
        )
    notices += [f"{short} recordings shorter than a window of {seconds:g} s left out"] if short else []
    table = pd.DataFrame(rows, columns=["sample_id", "subject", "group", "recording", "start", "activity"])
    if (table["group"] == "").all():
        table = table.drop(columns="group")
    signals = [recording.signal for recording in kept]

    def load(chosen: np.ndarray) -> torch.Tensor:
        cut = [signals[where[i][0]][where[i][1] : where[i][1] + length] for i in np.asarray(chosen)]
        return torch.from_numpy(np.stack(cut)) if cut else torch.zeros(0, length, len(recordings.channels))

    content = fingerprint([f"{r.name}:{r.signal.shape}:{float(np.abs(r.signal).sum()):.6g}" for r in kept])
    return Corpus(recordings.corpus, table, load, ("activity",), recordings.licence, recordings.source, False,
                  content, tuple(notices))  # fmt: skip


def read_recordings(corpus: str, data_root: str) -> Recordings:
    """Recordings of a corpus by its name.

    Args:
        corpus: ``smartwatch`` (built in), ``uci_har``, ``pamap2``, ``wisdm``, ``mhealth``, ``hmp`` or ``manifest``.
        data_root: folder of the corpus, or the manifest's path; not used by ``smartwatch``.

    Raises:
        StudyError: an unknown name, or files that are absent or unreadable.
    """
    from helpers.data.corpora import wearable_files

    if corpus == "smartwatch":
        return smartwatch()
    readers: dict[str, Callable[[Path], Recordings]] = {
        "uci_har": wearable_files.uci_har, "pamap2": wearable_files.pamap2, "wisdm": wearable_files.wisdm,
        "mhealth": wearable_files.mhealth, "hmp": wearable_files.hmp, "manifest": from_manifest,
    }  # fmt: skip
    if corpus not in readers:
        raise StudyError(f"no wearable corpus is called {corpus!r}; there are smartwatch, {', '.join(readers)}")
    if not data_root:
        raise StudyError(
            f"corpus {corpus} needs data_root: the folder it lies in"
            + " (or the manifest's path)" * (corpus == "manifest")
        )
    root = Path(data_root)
    if corpus != "manifest" and not root.is_dir():
        raise StudyError(f"data_root: {data_root} is not a folder; give the folder that holds {corpus}")
    return readers[corpus](root)


def recorded_windows(corpus: str, data_root: str) -> Corpus:
    """Windows of two seconds of a corpus, by its name; see :func:`read_recordings`."""
    return windowed(read_recordings(corpus, data_root), 2.0, 0.0)


def tally(problems: Counter[str]) -> tuple[str, ...]:
    """What a reader left out, as notices: "what (how many)"."""
    return tuple(f"{what}: {count:,} left out" for what, count in sorted(problems.items()))
