"""The three labels that speech and face give for nothing (Goncalves & Busso, Interspeech 2022), each for one stretch.

Energy variation from the sound; facial activation from the landmarks (:mod:`helpers.data.face_tracks`); an emotion from
the action units. The paper's abstract names them and leaves the details open; they are decided here.
"""

from __future__ import annotations

import numpy as np

from helpers.data.face_tracks import INTENSITIES, LEAST_SEEN, PRESENCES, FaceTrack

RANGE = 50.0  # dB below a stretch's loudest frame; what is quieter counts as that quiet
UNLABELLED = -1
NEUTRAL = "neutral"
EMFACS: dict[str, tuple[int, ...]] = {
    "happiness": (6, 12), "sadness": (1, 4, 15), "surprise": (1, 2, 5, 26), "fear": (1, 2, 4, 5, 7, 20, 26),
    "anger": (4, 5, 7, 23), "disgust": (9, 15, 16), "contempt": (12, 14),
}  # fmt: skip
"""Action units of each emotion (EMFACS, Friesen & Ekman 1983, as studies of affect commonly list them)."""
EMOTIONS = (NEUTRAL, *EMFACS)
SPEAKING = (25, 26)  # lips part and the jaw drops in speech: not held against an emotion
LEAST_SCORE = 0.5  # from which a face shows an emotion


def energy_variation(power: np.ndarray) -> float:
    """Standard deviation of the energy over a stretch of speech, dB; the same at any volume.

    Args:
        power: of each frame, >= 0, (F,). Frames more than :data:`RANGE` dB below the loudest count as that quiet.
    """
    if len(power) == 0 or float(power.max()) <= 0:
        return float("nan")
    decibel = 10 * np.log10(np.maximum(power / power.max(), 10 ** (-RANGE / 10)))
    return float(decibel.std())


def activity(track: FaceTrack) -> dict[int, float]:
    """How much of the time each action unit is present, 0 to 1, over the frames in which the face is found."""
    if not track.found.any():
        return dict.fromkeys(PRESENCES, 0.0)
    share = track.presence[track.found].mean(axis=0)
    return {unit: float(value) for unit, value in zip(PRESENCES, share, strict=True)}


def scores(active: dict[int, float]) -> dict[str, float]:
    """How well what is active fits each emotion, 0 to 1: Σ_{k∈S} a_k / (|S| + Σ_{k∉S} a_k), Jaccard's index for shares.

    S are the emotion's units; the second sum is over the units of the other emotions, :data:`SPEAKING` left out. Units
    that OpenFace does not detect (16) are in neither.
    """
    known = {name: [unit for unit in units if unit in active] for name, units in EMFACS.items()}
    counted = {unit for units in known.values() for unit in units} - set(SPEAKING)
    found = {}
    for name, units in known.items():
        beside = sum(active[unit] for unit in sorted(counted - set(units)))
        found[name] = sum(active[unit] for unit in units) / max(len(units) + beside, 1e-9)
    return found


def shown_emotion(active: dict[int, float]) -> str:
    """The emotion that fits best, :data:`NEUTRAL` where none reaches :data:`LEAST_SCORE`.

    Of emotions that fit alike the one of more units wins, then the one that stands first in :data:`EMFACS`.
    """
    found = scores(active)
    order = list(EMFACS)
    best = max(order, key=lambda name: (round(found[name], 9), len(EMFACS[name]), -order.index(name)))
    return best if found[best] >= LEAST_SCORE else NEUTRAL


def emotion_label(track: FaceTrack) -> int:
    """Class of the shown emotion in :data:`EMOTIONS`; :data:`UNLABELLED` where the face is seen too seldom to say."""
    if track.seen() < LEAST_SEEN:
        return UNLABELLED
    return EMOTIONS.index(shown_emotion(activity(track)))


def high_or_low(values: np.ndarray, subjects: np.ndarray, training: np.ndarray) -> np.ndarray:
    """1 above, 0 at or below the median of the same subject's training stretches; :data:`UNLABELLED` where unknown.

    Args:
        values: a number a stretch, NaN where unknown, (n,).
        subjects: who, (n,).
        training: positions whose values make the medians, int64 (m,). A subject without any of them has the median of
            all of them.

    Returns:
        int64 (n,).
    """
    known = np.isfinite(values)
    within = np.zeros(len(values), dtype=bool)
    within[training] = True
    within &= known
    overall = float(np.median(values[within])) if within.any() else 0.0
    label = np.full(len(values), UNLABELLED, dtype=np.int64)
    for subject in np.unique(subjects):
        mine = subjects == subject
        median = float(np.median(values[mine & within])) if (mine & within).any() else overall
        label[mine & known] = values[mine & known] > median
    return label


def unit_intensity(track: FaceTrack, unit: int) -> np.ndarray:
    """Intensity of an action unit over time, 0 to 5, (F,); NaN where the face is not found."""
    values = track.intensity[:, INTENSITIES.index(unit)].astype(float)
    values[~track.found] = np.nan
    return values
