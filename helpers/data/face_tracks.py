"""Faces over time: 68 landmarks and action units a frame, in the columns of OpenFace 2.x, and how much a face moves."""

from __future__ import annotations

import csv
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from helpers.errors import StudyError

LANDMARKS = 68
INTENSITIES = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)  # action units with a column AUnn_r
PRESENCES = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 28, 45)  # and with one AUnn_c
LEFT_EYE, RIGHT_EYE = slice(36, 42), slice(42, 48)
LEAST_SEEN = 0.5  # share of frames in which a face must be found
LEAST_CONFIDENCE = 0.5
_WHOLE = ("frame", "timestamp", "confidence", "success")


@dataclass(frozen=True)
class FaceTrack:
    """One face over F frames.

    Attributes:
        seconds: of each frame from the clip's beginning, float64 (F,).
        confidence: 0 to 1, float32 (F,).
        found: whether the face was found, bool (F,).
        landmarks: pixels, float32 (F, 68, 2), in the order of the 68-point mark-up; meaningless where not found.
        intensity: of :data:`INTENSITIES`, 0 to 5, float32 (F, 17).
        presence: of :data:`PRESENCES`, bool (F, 18).
    """

    seconds: np.ndarray
    confidence: np.ndarray
    found: np.ndarray
    landmarks: np.ndarray
    intensity: np.ndarray
    presence: np.ndarray

    def __len__(self) -> int:
        return len(self.seconds)

    def between(self, start: float, end: float) -> FaceTrack:
        """The frames in [start, end), seconds."""
        inside = (self.seconds >= start) & (self.seconds < end)
        return FaceTrack(*(getattr(self, name)[inside] for name in self.__dataclass_fields__))

    def seen(self) -> float:
        """Share of frames in which the face was found; 0 for none."""
        return float(self.found.mean()) if len(self) else 0.0


def columns() -> list[str]:
    """The columns that are read and written, in OpenFace's order."""
    points = [f"{axis}_{i}" for axis in "xy" for i in range(LANDMARKS)]
    units = [f"AU{unit:02d}_r" for unit in INTENSITIES] + [f"AU{unit:02d}_c" for unit in PRESENCES]
    return [*_WHOLE, *points, *units]


def read_openface(file: Path) -> FaceTrack:
    """Read a CSV of OpenFace 2.x (``FeatureExtraction``, or the first face of ``FaceLandmarkVidMulti``).

    Blanks around names and further columns are no hindrance. Of several faces (``face_id``) the one that is found in
    most frames counts. A frame counts as found where ``success`` is 1 and the confidence at least
    :data:`LEAST_CONFIDENCE`.

    Raises:
        StudyError: no such file, no header, a column that is missing, a line that was cut short, a value that is no
            number, or times that do not go forward.
    """
    if not file.is_file():
        raise StudyError(f"there is no file of face tracks {file}")
    try:
        with file.open(newline="", encoding="utf-8-sig", errors="replace") as opened:
            lines = csv.reader(opened)
            header = [name.strip() for name in next(lines, [])]
            read = [(lines.line_num, row) for row in lines]
    except csv.Error as error:
        raise StudyError(f"{file.name}: cannot be read as a table: {error}") from None
    torn = next((at for (at, _), want in zip(read, itertools.count(2)) if at != want), None)
    if torn is not None:
        raise StudyError(
            f"{file.name}: line {torn} ends a value that goes over several lines; a quotation mark too many"
        )
    rows = [row for _, row in read if row]
    place = {name: i for i, name in enumerate(header)}
    missing = [name for name in columns() if name not in place]
    if missing:
        raise StudyError(
            f"{file.name}: has no column {missing[0]}" + (f" and lacks {len(missing) - 1} more" if missing[1:] else "")
            + "; write it with OpenFace 2.x, landmarks and action units included (-2Dfp -aus)"
        )  # fmt: skip
    wanted = [place[name] for name in columns()] + ([place["face_id"]] if "face_id" in place else [])
    try:
        if any(len(row) < len(header) for row in rows):
            raise ValueError
        numbers = np.array([[float(row[i]) for i in wanted] for row in rows], dtype=np.float64)
    except ValueError:
        raise StudyError(f"{file.name}: {_first_bad(rows, header, wanted)}") from None
    numbers = numbers.reshape(-1, len(wanted))
    if "face_id" in place and len(numbers):
        numbers = _usual_face(numbers, file)
    if not (np.isfinite(numbers[:, 1]).all() and (np.diff(numbers[:, 1]) >= 0).all()):
        raise StudyError(f"{file.name}: its timestamps go back; lines of it are out of order or stand twice")
    return _from_numbers(numbers)


def _first_bad(rows: list[list[str]], header: list[str], wanted: list[int]) -> str:
    for number, row in enumerate(rows, start=2):
        if len(row) < len(header):
            return (
                f"line {number} has {len(row)} of {len(header)} values, as where OpenFace was stopped while it wrote; "
                "run it again on this clip, or take the file away to do without its face"
            )
        for i in wanted:
            try:
                float(row[i])
            except ValueError:
                return f"line {number}, column {header[i]}: {row[i]!r} is no number"
    return "cannot be read as a table"


def _usual_face(numbers: np.ndarray, file: Path) -> np.ndarray:
    if not np.isfinite(numbers[:, -1]).all():
        raise StudyError(f"{file.name}: a face_id is no number")
    faces, success = numbers[:, -1], numbers[:, _WHOLE.index("success")]
    ids = np.unique(faces)
    return numbers[faces == ids[int(np.argmax([(success * (faces == one)).sum() for one in ids]))]][:, :-1]


def _from_numbers(numbers: np.ndarray) -> FaceTrack:
    units = len(_WHOLE) + 2 * LANDMARKS
    x = numbers[:, len(_WHOLE) : len(_WHOLE) + LANDMARKS]
    y = numbers[:, len(_WHOLE) + LANDMARKS : units]
    landmarks = np.stack([x, y], axis=2).astype(np.float32)
    confidence = numbers[:, 2].astype(np.float32)
    intensity = numbers[:, units : units + len(INTENSITIES)].astype(np.float32)
    found = (numbers[:, 3] == 1) & (confidence >= LEAST_CONFIDENCE)
    found &= np.isfinite(landmarks).all(axis=(1, 2)) & np.isfinite(intensity).all(axis=1)
    presence = numbers[:, units + len(INTENSITIES) : units + len(INTENSITIES) + len(PRESENCES)] > 0.5
    return FaceTrack(numbers[:, 1].copy(), confidence, found, landmarks, intensity, presence)


def write_openface(track: FaceTrack, file: Path) -> None:
    """Write a track in OpenFace's columns: three digits of time, two of confidence and units, one of pixels."""
    with file.open("w", newline="", encoding="utf-8") as opened:
        out = csv.writer(opened)
        out.writerow(columns())
        for i in range(len(track)):
            points = track.landmarks[i].T.reshape(-1)  # all x, then all y
            out.writerow(
                [i + 1, f"{track.seconds[i]:.3f}", f"{track.confidence[i]:.2f}", int(track.found[i]),
                 *(f"{value:.1f}" for value in points), *(f"{value:.2f}" for value in track.intensity[i]),
                 *(f"{int(value)}.00" for value in track.presence[i])]
            )  # fmt: skip


def inter_ocular(landmarks: np.ndarray) -> np.ndarray:
    """Distance between the centres of the eyes, pixels, (F,) for landmarks (F, 68, 2)."""
    return np.linalg.norm(landmarks[:, LEFT_EYE].mean(axis=1) - landmarks[:, RIGHT_EYE].mean(axis=1), axis=1)


def aligned(landmarks: np.ndarray, rounds: int = 2) -> np.ndarray:
    """Faces without the head's motion: generalised Procrustes analysis (Gower 1975), in inter-ocular distances.

    Every frame is moved, turned and scaled so that it lies best, in least squares, on the mean face of the clip.

    Args:
        landmarks: float (F, 68, 2), F >= 1, all found.
        rounds: of making the mean face anew, >= 1.

    Returns:
        float64 (F, 68, 2), centred; 1 is the mean face's inter-ocular distance. A face that only moves rigidly (or
        comes nearer) is the same in all frames.
    """
    x = landmarks.astype(np.float64)
    x = x - x.mean(axis=1, keepdims=True)
    x = x / np.linalg.norm(x, axis=(1, 2), keepdims=True).clip(1e-9)
    mean = x[0]
    for _ in range(rounds):
        turned = x @ _turns(x, mean)
        mean = turned.mean(axis=0)
        mean = mean / max(float(np.linalg.norm(mean)), 1e-9)
    turned = x @ _turns(x, mean)
    return turned / max(float(inter_ocular(turned.mean(axis=0)[None])[0]), 1e-9)


def _turns(x: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """The rotation of every face (F, 68, 2) that brings it nearest to the mean one, (F, 2, 2), without mirroring."""
    left, _, right = np.linalg.svd(x.transpose(0, 2, 1) @ mean)
    sign = np.linalg.det(left @ right)
    left[:, :, 1] *= sign[:, None]
    return left @ right


def motion(track: FaceTrack) -> tuple[np.ndarray, np.ndarray]:
    """How fast a face's landmarks move once the head's motion is taken off.

    Returns:
        Seconds, float64 (n,), and speeds, float64 (n,): mean over the landmarks, inter-ocular distances a second,
        between neighbouring frames of which both were found. Both are empty where there are none.
    """
    if track.found.sum() < 2:
        return np.zeros(0), np.zeros(0)
    at = np.flatnonzero(track.found)
    faces = aligned(track.landmarks[at])
    neighbours = np.diff(at) == 1
    elapsed = np.diff(track.seconds[at]).clip(1e-3)
    speed = np.linalg.norm(np.diff(faces, axis=0), axis=2).mean(axis=1) / elapsed
    middle = (track.seconds[at][1:] + track.seconds[at][:-1]) / 2
    return middle[neighbours], speed[neighbours]


def facial_activation(track: FaceTrack) -> float:
    """Mean speed of the landmarks, inter-ocular distances a second; NaN where the face is seen too seldom to say."""
    speed = motion(track)[1]
    return float(speed.mean()) if track.seen() >= LEAST_SEEN and len(speed) else float("nan")
