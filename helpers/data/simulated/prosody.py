"""How simulated speakers express arousal, valence and dominance: from attributes to what a voice does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from helpers.data.circumplex import ATTRIBUTES, EMOTIONS, PLACES

# What a full step (0 to 1) of arousal, valence and dominance changes in a voice, and the sd of what one utterance does
# of itself, in the units of :class:`Prosody`. Arousal is loud, fast, high and bright; dominance is loud and low;
# valence has no strong sign: lips spread, a little more melody, and roughness where it is negative.
FEATURES = ("rate", "pitch", "melody", "loudness", "brightness", "smile", "tremor", "roughness", "breath")
EFFECTS = np.array(
    [
        [0.26, 0.04, 0.00],  # rate, natural log
        [4.00, 0.80, -1.60],  # pitch, semitones
        [0.55, 0.30, 0.05],  # melody, natural log of the pitch range
        [6.00, 0.00, 3.50],  # loudness, dB
        [2.20, 0.30, 1.00],  # brightness, dB an octave
        [0.00, 0.040, 0.00],  # smile, share by which formants rise
        [0.20, -0.12, -0.40],  # tremor, depth of a 6 Hz swell
        [0.20, -0.28, 0.20],  # roughness, depth of a 70 Hz one
        [-5.0, 2.00, -2.00],  # breath, dB of noise in the voice
    ]
)
UTTERANCE_SD = np.array([0.10, 1.30, 0.22, 1.80, 0.80, 0.015, 0.08, 0.10, 2.0])
SPEAKER_SD = np.array([0.10, 0.0, 0.20, 2.00, 1.00, 0.0, 0.04, 0.06, 2.0])  # habits that say nothing of emotion
STYLE_SD = 0.35  # how much a speaker's own effects differ from everybody's, as a share of their size
FELT_SD = 0.25  # spread of attributes around the emotion's place
RATING_SD = 0.15  # of the mean of five listeners, who differ by about one point of seven


@dataclass(frozen=True)
class Prosody:
    """What one utterance does with a voice.

    Attributes:
        rate: natural log of speaking rate over the usual 180 words a minute.
        pitch: semitones above the speaker's own.
        melody: natural log of the pitch range over the usual.
        loudness: dB above the usual.
        brightness: tilt of the spectrum against the usual, dB an octave.
        smile: share by which formants rise (spread lips shorten the vocal tract).
        tremor: depth of a slow swell of the loudness, 0 to 0.6.
        roughness: depth of a fast one, 0 to 0.6.
        breath: noise in the voice, dB against the usual.
    """

    rate: float
    pitch: float
    melody: float
    loudness: float
    brightness: float
    smile: float
    tremor: float
    roughness: float
    breath: float


@dataclass(frozen=True)
class Speaker:
    """One simulated person.

    Attributes:
        voice: eSpeak NG's name of voice and variant, such as ``"en-us+f2"``.
        pitch: semitones above the voice's own.
        tract: factor on all formants, from the length of the vocal tract.
        effects: (9, 3), this speaker's own :data:`EFFECTS`.
        habits: (9,), what this speaker does in any emotion.
        reverberation: seconds until the room's echo has fallen by 60 dB.
        noise: level of the room's noise, dB below full scale (negative).
        distance: dB that the microphone takes from or gives to the level.
    """

    voice: str
    pitch: float
    tract: float
    effects: np.ndarray
    habits: np.ndarray
    reverberation: float
    noise: float
    distance: float


ACCENTS = ("en-us", "en", "en-gb-scotland", "en-029", "en-gb-x-rp", "en-us-nyc")
VARIANTS = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "f1", "f2", "f3", "f4", "f5")


def draw_speaker(seed: int, number: int) -> Speaker:
    """The ``number``-th speaker of a seed; the same however many are drawn."""
    rng = np.random.default_rng((seed, 1, number))
    expressive = np.exp(rng.normal(0, 0.25))
    return Speaker(
        voice=f"{ACCENTS[rng.integers(len(ACCENTS))]}+{VARIANTS[rng.integers(len(VARIANTS))]}",
        pitch=float(rng.normal(0, 1.5)),
        tract=float(np.exp(rng.normal(0, 0.05))),
        effects=EFFECTS * expressive * (1 + STYLE_SD * rng.normal(size=EFFECTS.shape)),
        habits=SPEAKER_SD * rng.normal(size=len(FEATURES)),
        reverberation=float(rng.uniform(0.1, 0.5)),
        noise=float(rng.uniform(-66, -48)),
        distance=float(rng.normal(0, 3.0)),
    )


def draw_feeling(rng: np.random.Generator, emotion: str | None = None) -> tuple[str, np.ndarray]:
    """An emotion (any, where none is asked for) and attributes (3,) around its place, in [-1, 1]."""
    name = EMOTIONS[rng.integers(len(EMOTIONS))]
    felt = rng.normal(0, FELT_SD, len(ATTRIBUTES))
    name = emotion or name
    return name, np.clip(np.array(PLACES[name]) + felt, -1, 1)


def draw_ratings(rng: np.random.Generator, attributes: np.ndarray) -> np.ndarray:
    """What listeners say of attributes (3,): the mean of a few of them, in [-1, 1]."""
    return np.clip(attributes + rng.normal(0, RATING_SD, attributes.shape), -1, 1)


def express(speaker: Speaker, attributes: np.ndarray, rng: np.random.Generator | None = None) -> Prosody:
    """What a speaker's voice does under attributes (3,) in [-1, 1]; without ``rng``, what it does on average."""
    values = speaker.effects @ attributes + speaker.habits
    if rng is not None:
        values = values + rng.normal(0, UTTERANCE_SD)
    found = dict(zip(FEATURES, values.tolist(), strict=True))
    found["rate"] = float(np.clip(found["rate"], -0.6, 0.6))
    found["pitch"] = float(np.clip(found["pitch"], -8, 8))
    found["melody"] = float(np.clip(found["melody"], -1.2, 0.9))
    found["smile"] = float(np.clip(found["smile"], -0.1, 0.1))
    for swell in ("tremor", "roughness"):
        found[swell] = float(np.clip(found[swell], 0, 0.6))
    return Prosody(**found)
