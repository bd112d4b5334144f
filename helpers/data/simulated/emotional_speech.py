"""Emotional speech with known arousal, valence and dominance: eSpeak NG's voices made to feel, and recorded in rooms.

Sentences are plain; all emotion is in the voice (:mod:`helpers.data.simulated.prosody`). Speakers differ in voice,
accent, pitch, formants, habits and in how they express what they feel; recordings differ in room, noise and level.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from helpers.data.cache import Tensors, cached
from helpers.data.circumplex import ATTRIBUTES, EMOTIONS, likert
from helpers.data.corpus import Corpus
from helpers.data.simulated.acoustics import USUAL_LEVEL, Treatment, treat
from helpers.data.simulated.espeak import RATE, TimedPhone, Utterance, speak
from helpers.data.simulated.prosody import Prosody, Speaker, draw_feeling, draw_ratings, draw_speaker, express
from helpers.data.simulated.spoken_sentences import draw_sentence
from helpers.errors import StudyError

GENERATOR = "generator:emotional_speech:1"
NAME = "simulated_speech"
SHARES = {"train": 0.5, "validation": 0.15, "test": 0.35}  # of the labelled speakers
_BATCH = 256  # utterances said and treated together
_USUAL_RATE = 180.0  # words a minute
_PITCH_STEP = 0.17  # semitones a unit of eSpeak NG's pitch


@dataclass(frozen=True)
class SpeechDrawing:
    """What is to be made.

    Attributes:
        speakers: people, >= 4.
        sentences: that each says, >= 1.
        unlabelled_share: of the speakers, in [0, 1): theirs are rows without labels.
        seconds: usual length of a sentence, 1.5 to 6.
        seed: of everything.
    """

    speakers: int = 60
    sentences: int = 10
    unlabelled_share: float = 0.5
    seconds: float = 3.0
    seed: int = 0

    def __post_init__(self) -> None:
        labelled = self.speakers - self.unlabelled()
        if labelled < len(SHARES) or self.sentences < 1:
            raise StudyError(
                f"simulated speech: {self.speakers} speakers of whom {self.unlabelled()} are unlabelled leave "
                f"{labelled}; at least {len(SHARES)} must be labelled and say at least one sentence"
            )
        if not (0 <= self.unlabelled_share < 1 and 1.5 <= self.seconds <= 6):
            raise StudyError("simulated speech: unlabelled_share must be in [0, 1) and seconds in 1.5 to 6")

    def unlabelled(self) -> int:
        """Speakers without labels."""
        return round(self.speakers * self.unlabelled_share)


@dataclass(frozen=True)
class Line:
    """One utterance before it is said: who, what, how it is felt, and what the voice does for it."""

    speaker: Speaker
    text: str
    emotion: str
    attributes: np.ndarray
    ratings: np.ndarray
    prosody: Prosody
    seed: tuple[int, ...]


@dataclass(frozen=True)
class Rendered:
    """A recording: float32 (T,) at 16 kHz, and where its phones are, seconds."""

    samples: np.ndarray
    phones: tuple[TimedPhone, ...]


def emotional_speech(
    speakers: int = 60, sentences_per_speaker: int = 10, unlabelled_share: float = 0.5, seconds: float = 3.0,
    seed: int = 0,
) -> Corpus:  # fmt: skip
    """Make a corpus of emotional speech, or take it from the disk where it was made before.

    Args:
        speakers: people, >= 4.
        sentences_per_speaker: that each says; the emotions take turns, so that each speaker has about as many of each.
        unlabelled_share: of the speakers, in [0, 1), whose sentences have no labels.
        seconds: usual length of a sentence, 1.5 to 6.
        seed: of everything. A speaker's sentences do not depend on how many others there are.

    Returns:
        Table columns ``sample_id``, ``subject``, ``label`` (one of eight emotions), ``arousal``, ``valence`` and
        ``dominance`` (as listeners rate them, 1 to 7), ``text``, ``seconds`` and ``split`` (by speaker). ``load``
        returns ``input``, float32 (B, T) at 16 kHz padded with zeros, and ``length``, int64 (B,).

    Raises:
        StudyError: too few labelled speakers, or a value out of range.
    """
    drawing = SpeechDrawing(speakers, sentences_per_speaker, unlabelled_share, seconds, seed)
    made = _made(drawing)
    table = _table(drawing, lines(drawing), made["lengths"].numpy())
    samples, ends = made["samples"], made["lengths"].cumsum(0)
    starts = ends - made["lengths"]

    def load(rows: np.ndarray) -> dict[str, Tensor]:
        found = [samples[int(starts[i]) : int(ends[i])].float() / 32767 for i in np.asarray(rows)]
        lengths = torch.tensor([len(one) for one in found], dtype=torch.int64)
        return {"input": torch.nn.utils.rnn.pad_sequence(found, batch_first=True), "length": lengths}

    return Corpus(
        name=NAME, table=table, load=load, labels=("label", *ATTRIBUTES), licence="none: made by this package",
        source="eSpeak NG's voices with simulated emotion, rooms and microphones", simulated=True,
        fingerprint=_fingerprint(drawing),
    )  # fmt: skip


def speech_sources(drawing: SpeechDrawing) -> list[str]:
    """What stands for such a corpus in a data fingerprint."""
    return ["package:espeakng-loader", f"{GENERATOR}:{json.dumps(asdict(drawing), sort_keys=True)}"]


def lines(drawing: SpeechDrawing) -> list[Line]:
    """All that is to be said, speaker after speaker; it costs no synthesis."""
    return [line for number in range(drawing.speakers) for line in _lines_of(drawing, number)]


def _lines_of(drawing: SpeechDrawing, number: int) -> list[Line]:
    speaker = draw_speaker(drawing.seed, number)
    turns = np.random.default_rng((drawing.seed, 2, number)).permutation(len(EMOTIONS))
    found = []
    for k in range(drawing.sentences):
        seed = (drawing.seed, 3, number, k)
        rng = np.random.default_rng(seed)
        emotion, attributes = draw_feeling(rng, EMOTIONS[turns[k % len(EMOTIONS)]])
        ratings = draw_ratings(rng, attributes)
        prosody = express(speaker, attributes, rng)
        text = draw_sentence(rng, drawing.seconds * float(rng.uniform(0.7, 1.3)))
        found.append(Line(speaker, text, emotion, attributes, ratings, prosody, seed))
    return found


def render(asked: list[Line]) -> list[Rendered]:
    """Say lines and treat what was said; the same on every call, however the lines are put together."""
    said = speak([_utterance(line) for line in asked])
    found = []
    for line, spoken in zip(asked, said, strict=True):
        rng = np.random.default_rng((*line.seed, 1))
        samples, faster = treat(spoken.samples, _treatment(line), rng)
        phones = tuple(TimedPhone(p.phone, p.start_s / faster, p.end_s / faster) for p in spoken.phones)
        found.append(Rendered(samples, phones))
    return found


def _formants(line: Line) -> float:
    return line.speaker.tract * (1 + line.prosody.smile)


def _utterance(line: Line) -> Utterance:
    """Rate and pitch make up for the treatment, which speeds up and raises what it gives shorter formants."""
    p, formants = line.prosody, _formants(line)
    pitch = line.speaker.pitch + p.pitch - 12 * np.log2(formants)
    return Utterance(
        text=line.text, voice=line.speaker.voice, volume=100,
        rate=int(np.clip(round(_USUAL_RATE * np.exp(p.rate) / formants), 80, 450)),
        pitch=int(np.clip(round(50 + pitch / _PITCH_STEP), 0, 99)),
        pitch_range=int(np.clip(round(50 * np.exp(p.melody)), 0, 99)),
    )  # fmt: skip


def _treatment(line: Line) -> Treatment:
    p, speaker = line.prosody, line.speaker
    return Treatment(
        formants=_formants(line), tilt=p.brightness, tremor=p.tremor, roughness=p.roughness, breath=-24.0 + p.breath,
        level=min(USUAL_LEVEL + p.loudness + speaker.distance, -12.0), reverberation=speaker.reverberation,
        noise=speaker.noise,
    )  # fmt: skip


def _made(drawing: SpeechDrawing) -> Tensors:
    def build() -> Tensors:
        asked = lines(drawing)
        said = [one.samples for first in range(0, len(asked), _BATCH) for one in render(asked[first : first + _BATCH])]
        samples = torch.from_numpy(np.concatenate(said))
        lengths = torch.tensor([len(one) for one in said], dtype=torch.int64)
        return {"samples": (samples * 32767).round().to(torch.int16), "lengths": lengths}

    return cached({"simulated": speech_sources(drawing)}, build)


def _table(drawing: SpeechDrawing, asked: list[Line], lengths: np.ndarray) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "sample_id": [f"s{line.seed[2]:04d}_{line.seed[3]:03d}" for line in asked],
            "subject": [f"s{line.seed[2]:04d}" for line in asked],
            "label": pd.Series([line.emotion for line in asked], dtype=object),
            **{name: [likert(float(line.ratings[i])) for line in asked] for i, name in enumerate(ATTRIBUTES)},
            "text": [line.text for line in asked],
            "seconds": lengths / RATE,
            "split": np.repeat(splits(drawing), drawing.sentences),
        }
    )
    unlabelled = table["split"] == "unlabelled"
    table.loc[unlabelled, "label"] = None
    table.loc[unlabelled, list(ATTRIBUTES)] = np.nan
    return table


def splits(drawing: SpeechDrawing) -> np.ndarray:
    """Split of each speaker, (speakers,) of str: the labelled ones come first, dealt by :data:`SHARES`."""
    labelled = drawing.speakers - drawing.unlabelled()
    counts = {name: max(1, round(labelled * share)) for name, share in SHARES.items()}
    counts["train"] = labelled - counts["validation"] - counts["test"]
    dealt = np.repeat(list(counts), list(counts.values()))
    return np.concatenate([dealt, np.repeat("unlabelled", drawing.unlabelled())]).astype(object)


def _fingerprint(drawing: SpeechDrawing) -> str:
    return hashlib.sha256(json.dumps(speech_sources(drawing)).encode()).hexdigest()[:16]
