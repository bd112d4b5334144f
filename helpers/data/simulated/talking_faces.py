"""Tracks of faces that speak with emotion: 68 landmarks and action units a frame, as OpenFace would write them.

The jaw follows the loudness of the voice, action units the emotion, and the whole head moves; the tracker has noise,
loses the face at times, and of a few clips finds none at all.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from helpers.data.corpus import Corpus
from helpers.data.face_tracks import INTENSITIES, LANDMARKS, PRESENCES, FaceTrack
from helpers.data.pretext_labels import EMFACS
from helpers.data.simulated.emotional_speech import SpeechDrawing, emotional_speech, lines
from helpers.data.sound import RATE

GENERATOR = "generator:talking_faces:1"
NAME = "talking_faces"
FPS = 30.0
EYES = 90.0  # pixels between the eyes, at the usual distance
SHOWN = {"happy": "happiness", "sad": "sadness", "angry": "anger", "fearful": "fear", "disgust": "disgust",
         "surprised": "surprise"}  # fmt: skip
SHOWS = 0.8  # share of clips in which a felt emotion is on the face at all
UNIT_MISSING = 0.12  # chance that one of its units is not
STRAY = 0.06  # chance that a unit is there that has nothing to do with it
FACELESS = 0.04  # share of clips without any face found
BURSTS = 0.12  # times a second that the tracker loses the face, for a tenth to half a second
JITTER = 0.003  # of landmarks, inter-ocular distances

_SPEECH = (25, 26)
_CORNERS, _UPPER_LIDS, _LOWER_LIDS = (48, 54, 60, 64), (37, 38, 43, 44), (40, 41, 46, 47)
_LOWER_LIP, _UPPER_LIP = (55, 56, 57, 58, 59, 65, 66, 67), (49, 50, 51, 52, 53, 61, 62, 63)
_CHIN = tuple(range(4, 13))
# What each unit at full intensity does: landmarks, outward and downward, inter-ocular distances.
_MOVES: dict[int, tuple[tuple[tuple[int, ...], float, float], ...]] = {
    1: (((20, 21, 22, 23), 0.0, -0.12),),
    2: (((17, 18, 25, 26), 0.0, -0.12),),
    4: (((17, 18, 25, 26), 0.0, 0.06), ((19, 20, 21, 22, 23, 24), -0.04, 0.11)),
    5: ((_UPPER_LIDS, 0.0, -0.05),),
    6: ((_LOWER_LIDS, 0.0, -0.05),),
    7: ((_UPPER_LIDS, 0.0, 0.03), (_LOWER_LIDS, 0.0, -0.02)),
    9: (((31, 32, 33, 34, 35), 0.0, -0.07), ((21, 22), 0.0, 0.05)),
    10: ((_UPPER_LIP, 0.0, -0.06),),
    12: ((_CORNERS, 0.12, -0.09),),
    14: ((_CORNERS, 0.06, 0.0),),
    15: ((_CORNERS, 0.0, 0.10),),
    17: (((7, 8, 9), 0.0, -0.05), (_LOWER_LIP, 0.0, -0.04)),
    20: ((_CORNERS, 0.12, 0.02),),
    23: ((_LOWER_LIP, 0.0, -0.03), (_UPPER_LIP, 0.0, 0.03)),
    25: ((_LOWER_LIP, 0.0, 0.05), (_UPPER_LIP, 0.0, -0.02)),
    26: ((_LOWER_LIP, 0.0, 0.20), (_CHIN, 0.0, 0.18)),
    45: ((_UPPER_LIDS, 0.0, 0.12),),
}


def face_points() -> np.ndarray:
    """A plain face at rest: float64 (68, 2), the eyes' centres at (∓0.5, 0), x to the right, y down."""
    turn = np.linspace(math.pi, 0, 17)
    jaw = np.stack([1.05 * np.cos(turn), -0.05 + 1.65 * np.sin(turn)], axis=1)
    brow = np.stack([np.linspace(-0.85, -0.2, 5), -0.34 - 0.1 * np.sin(np.linspace(0.3, 2.6, 5))], axis=1)
    bridge = np.stack([np.zeros(4), np.linspace(-0.05, 0.52, 4)], axis=1)
    base = np.stack([np.linspace(-0.24, 0.24, 5), 0.66 + 0.05 * np.sin(np.linspace(0, math.pi, 5))], axis=1)
    eye = np.array([(-0.2, 0), (-0.07, -0.07), (0.07, -0.07), (0.2, 0), (0.07, 0.06), (-0.07, 0.06)])
    left, right = eye + (-0.5, 0.0), eye + (0.5, 0.0)
    left += (0.0, 0.0) - (left.mean(axis=0) - (-0.5, 0.0))
    right += (0.0, 0.0) - (right.mean(axis=0) - (0.5, 0.0))
    upper, lower = np.linspace(math.pi, 0, 7), np.linspace(0, -math.pi, 7)[1:-1]
    outer = np.concatenate([_arc(upper, 0.40, 0.11), _arc(lower, 0.40, 0.16)])
    inner = np.concatenate(
        [_arc(np.linspace(math.pi, 0, 5), 0.30, 0.03), _arc(np.linspace(0, -math.pi, 5)[1:-1], 0.30, 0.03)]
    )
    return np.concatenate([jaw, brow, brow[::-1] * (-1, 1), bridge, base, left, right, outer, inner])


def _arc(angle: np.ndarray, wide: float, high: float) -> np.ndarray:
    return np.stack([wide * np.cos(angle), 1.06 - high * np.sin(angle)], axis=1)


def unit_moves() -> np.ndarray:
    """Displacement of every landmark by every unit of :data:`INTENSITIES` at intensity 1 of 5, (17, 68, 2)."""
    rest, moves = face_points(), np.zeros((len(INTENSITIES), LANDMARKS, 2))
    for i, unit in enumerate(INTENSITIES):
        for points, outward, downward in _MOVES.get(unit, ()):
            for point in points:
                moves[i, point] += (outward * np.sign(rest[point, 0]), downward)
    return moves / 5


def draw_track(wave: np.ndarray, emotion: str, arousal: float, rng: np.random.Generator) -> FaceTrack:
    """The face of one clip.

    Args:
        wave: what is said, float (T,) at 16 kHz.
        emotion: felt, a key of :data:`SHOWN`; anything else shows nothing.
        arousal: −1 to 1; the livelier, the more the face moves.
        rng: of this clip.
    """
    frames = max(2, int(len(wave) / RATE * FPS))
    seconds = np.arange(frames) / FPS
    lively = float(np.clip(1 + 0.6 * arousal + 0.15 * rng.normal(), 0.3, 2.0))
    intensity = _intensities(_envelope(wave, frames), emotion, lively, rng)
    face = face_points() * (1 + 0.05 * rng.normal(size=(1, 2))) + 0.02 * rng.normal(size=(LANDMARKS, 2))
    points = face + np.einsum("fu,upd->fpd", intensity, unit_moves())
    points = _head_motion(points, seconds, lively, rng) + JITTER * rng.normal(size=points.shape)
    found = _found(frames, rng)
    landmarks = np.where(found[:, None, None], 320 + EYES * points, 0.0).astype(np.float32)
    seen = np.clip(intensity + 0.25 * rng.normal(size=intensity.shape), 0, 5).astype(np.float32)
    presence = np.zeros((frames, len(PRESENCES)), dtype=bool)
    for i, unit in enumerate(INTENSITIES):
        presence[:, PRESENCES.index(unit)] = seen[:, i] > 1
    confidence = np.where(found, rng.uniform(0.9, 0.98, frames), rng.uniform(0, 0.2, frames)).astype(np.float32)
    return FaceTrack(seconds, confidence, found, landmarks, seen * found[:, None], presence & found[:, None])


def _envelope(wave: np.ndarray, frames: int) -> np.ndarray:
    """How loud it is at each frame, 0 to 1."""
    edges = np.linspace(0, len(wave), frames + 1).astype(int)
    total = np.concatenate([[0.0], np.cumsum(np.square(wave, dtype=np.float64))])
    strength = np.sqrt((total[edges[1:]] - total[edges[:-1]]) / np.maximum(np.diff(edges), 1))
    return strength / max(float(np.quantile(strength, 0.95)), 1e-9)


def _intensities(loud: np.ndarray, emotion: str, lively: float, rng: np.random.Generator) -> np.ndarray:
    """Intensity of every unit over time, 0 to 5, (F, 17)."""
    frames = len(loud)
    found = np.zeros((frames, len(INTENSITIES)))
    shown = set(EMFACS.get(SHOWN.get(emotion, ""), ())) if rng.random() < SHOWS else set()
    for i, unit in enumerate(INTENSITIES):
        there = rng.random() > UNIT_MISSING if unit in shown else rng.random() < STRAY
        strength = rng.uniform(2.2, 4.2) * (0.6 + 0.4 * lively)
        if there and unit not in _SPEECH:
            rise = 1 / (1 + np.exp(-(np.arange(frames) / FPS - rng.uniform(-0.2, 0.4)) * 8))
            swell = 1 + 0.35 * lively * _slow(frames, rng.uniform(0.8, 2.5), rng)
            found[:, i] = strength * rise * swell
    jaw = np.clip(np.convolve(np.clip(loud, 0, 1.5), np.ones(3) / 3, mode="same"), 0, 1.5)
    found[:, INTENSITIES.index(25)] = 2.5 * jaw * lively
    found[:, INTENSITIES.index(26)] += (1.6 * jaw + 1.6 * (26 in shown)) * lively
    blink = rng.uniform(0, frames, size=rng.poisson(0.3 * frames / FPS))
    at = np.arange(frames)[:, None]
    found[:, INTENSITIES.index(45)] = 4 * np.exp(-(((at - blink) / 2) ** 2)).sum(axis=1)
    return np.clip(found, 0, 5)


def _slow(frames: int, hertz: float, rng: np.random.Generator) -> np.ndarray:
    """A wandering curve of about so many swings a second, −1 to 1."""
    t = np.arange(frames) / FPS
    start = rng.uniform(0, 2 * math.pi, 2)
    return 0.6 * np.sin(2 * math.pi * hertz * t + start[0]) + 0.4 * np.sin(2 * math.pi * 0.43 * hertz * t + start[1])


def _head_motion(points: np.ndarray, seconds: np.ndarray, lively: float, rng: np.random.Generator) -> np.ndarray:
    frames = len(seconds)
    turn = 0.12 * lively * _slow(frames, 0.5, rng) + 0.08 * rng.normal()
    near = 1 + 0.06 * _slow(frames, 0.3, rng)
    yaw = 0.12 * _slow(frames, 0.4, rng)
    place = np.stack([_slow(frames, 0.4, rng), _slow(frames, 0.6, rng)], axis=1) * 0.25 * lively + rng.normal(
        size=(1, 2)
    )
    depth = 0.35 * np.exp(-(face_points()[:, 0] ** 2))  # the nose is nearer than the ears
    sideways = points[..., 0] * np.cos(yaw)[:, None] + depth * np.sin(yaw)[:, None]
    flat = np.stack([sideways, points[..., 1]], axis=2)
    cos, sin = np.cos(turn), np.sin(turn)
    rotation = np.stack([np.stack([cos, sin], axis=1), np.stack([-sin, cos], axis=1)], axis=1)  # (F, 2, 2)
    return flat @ rotation * near[:, None, None] + place[:, None]


def _found(frames: int, rng: np.random.Generator) -> np.ndarray:
    found = np.ones(frames, dtype=bool)
    if rng.random() < FACELESS:
        return ~found
    for start in rng.uniform(0, frames, size=rng.poisson(BURSTS * frames / FPS)):
        found[int(start) : int(start + rng.uniform(3, 15))] = False
    return found


class DrawnTracks:
    """Tracks of the simulated speakers, by the row of their corpus; the same on every call."""

    def __init__(self, drawing: SpeechDrawing) -> None:
        self.felt = [(line.emotion, float(line.attributes[0]), line.seed) for line in lines(drawing)]

    def __call__(self, row: int, wave: np.ndarray) -> FaceTrack:
        """The face that says row ``row``, whose waveform is ``wave``."""
        emotion, arousal, seed = self.felt[row]
        return draw_track(wave, emotion, arousal, np.random.default_rng((*seed, 7)))


def talking_faces(drawing: SpeechDrawing) -> Corpus:
    """The simulated speakers whose faces are drawn: labels are the emotions alone."""
    d = drawing
    spoken = emotional_speech(d.speakers, d.sentences, d.unlabelled_share, d.seconds, d.seed)
    return replace(spoken, name=NAME, labels=("label",))


def few_talking_faces(name: str = NAME, data_root: str = "") -> Corpus:
    """A few of them, for looking at; both arguments are there for the catalogue and not used."""
    return talking_faces(SpeechDrawing(speakers=8, sentences=8))
