"""Learners of English read sentences: eSpeak NG says what each of them makes of the phones, with exact times.

A learner has a first language, whose typical errors a model of substitutions, deletions and insertions gives
(:mod:`helpers.data.simulated.l2_errors`), an accent strength, a voice and a recording place. The canonical phones come
from a lexicon; what was said, the *perceived* phones, is known exactly, and so is when. An accentedness score is the
mean of simulated raters'.

What this leaves out of real learners: prosody, hesitations, sounds between two phones, and annotators who disagree.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from helpers.data.cache import cached
from helpers.data.simulated.espeak import GENERATOR as SPEECH
from helpers.data.simulated.espeak import RATE, Spoken, Utterance, speak
from helpers.data.simulated.l2_errors import FIRST_LANGUAGES, mispronounce
from helpers.data.simulated.l2_sentences import Word, draw_sentence
from helpers.errors import StudyError

GENERATOR = f"l2_speech:1 {SPEECH}"  # name and version: change it and all learners speak anew

# eSpeak's own notation of each phone in its American English.
ESPEAK = {
    "AA": "A:", "AE": "a", "AH": "V", "AO": "O:", "AW": "aU", "AY": "aI", "B": "b", "CH": "tS", "D": "d", "DH": "D",
    "EH": "E", "ER": "3:", "EY": "eI", "F": "f", "G": "g", "HH": "h", "IH": "I", "IY": "i:", "JH": "dZ", "K": "k",
    "L": "l", "M": "m", "N": "n", "NG": "N", "OW": "oU", "OY": "OI", "P": "p", "R": "r", "S": "s", "SH": "S", "T": "t",
    "TH": "T", "UH": "U", "UW": "u:", "V": "v", "W": "w", "Y": "j", "Z": "z", "ZH": "Z",
}  # fmt: skip
_REDUCED = "@"  # an AH without stress
_GLIDES = (";", "r", "r-", "r/")  # that eSpeak puts between two vowels of its own accord; part of the phone before
_VARIANTS = ("m1", "m2", "m3", "m4", "m6", "m7", "f1", "f2", "f3", "f4", "f5", "andy", "linda", "steph")
_RATERS = 4  # whose mean the accentedness score is


@dataclass(frozen=True)
class Learner:
    """Who speaks.

    Attributes:
        name: unique.
        split: of a corpus.
        first_language: one of :data:`~helpers.data.simulated.l2_errors.FIRST_LANGUAGES`.
        strength: of the accent, in [0, 1].
        accentedness: mean rating of simulated raters, 1 (none) to 9 (very strong).
        voice: of eSpeak NG.
        pitch, rate: of eSpeak NG.
        length: of the vocal tract relative to the voice's, about 0.9 to 1.1.
        noise: signal-to-noise ratio of the recordings, dB.
        echo: share of the room's sound, in [0, 1).
    """

    name: str
    split: str
    first_language: str
    strength: float
    accentedness: float
    voice: str
    pitch: int
    rate: int
    length: float
    noise: float
    echo: float


@dataclass(frozen=True)
class Reading:
    """One sentence that one learner read.

    Attributes:
        learner: who.
        sentence: in words.
        canonical: ARPAbet phones of the dictionary, (n,).
        said: for each canonical phone the phones said: itself, another, none, two.
        perceived: what was said, in order; ``said`` flattened, but for what the synthesiser assimilates (N before K).
        segments: (start, end) of each perceived phone, seconds.
        wave: samples, float32 (T,) at 16 kHz.
    """

    learner: Learner
    sentence: str
    canonical: tuple[str, ...]
    said: tuple[tuple[str, ...], ...]
    perceived: tuple[str, ...]
    segments: tuple[tuple[float, float], ...]
    wave: np.ndarray


def draw_learners(counts: dict[str, int], seed: int) -> list[Learner]:
    """Draw learners: in every split the first languages take turns and the accents' strengths are evenly spread.

    Args:
        counts: split → number of learners, each >= 0.
        seed: of the draw.
    """
    rng = np.random.default_rng((seed, 0))
    found = []
    for split, count in counts.items():
        strengths = 0.25 + 0.75 * (rng.permutation(count) + rng.random(count)) / max(count, 1)
        turn = rng.permutation(len(FIRST_LANGUAGES))
        for i in range(count):
            strength = float(strengths[i])
            ratings = np.clip(np.round(1 + 8 * strength + rng.normal(0, 1, _RATERS)), 1, 9)
            found.append(
                Learner(
                    name=f"{split}{i:02d}",
                    split=split,
                    first_language=FIRST_LANGUAGES[turn[i % len(turn)]],
                    strength=strength,
                    accentedness=float(ratings.mean()),
                    voice=f"en-us+{_VARIANTS[rng.integers(len(_VARIANTS))]}",
                    pitch=int(rng.integers(30, 71)),
                    rate=int(rng.integers(140, 191)),
                    length=float(rng.choice([0.92, 0.96, 1.0, 1.04, 1.08])),
                    noise=float(rng.uniform(18, 35)),
                    echo=float(rng.uniform(0, 0.2)),
                )
            )
    return found


def read_sentences(learners: Sequence[Learner], sentences: dict[str, int], seed: int) -> list[Reading]:
    """Let every learner read sentences of their own, drawn from one grammar.

    Args:
        learners: who reads.
        sentences: split → sentences a learner, >= 1.
        seed: of sentences, errors and noise; each learner's are independent of who else there is.

    Raises:
        StudyError: no sentences, or none of a learner's split.
    """
    if not learners or min(sentences.get(learner.split, 0) for learner in learners) < 1:
        raise StudyError("simulated learners need at least one learner, and one sentence a learner of every split")
    drawn = [
        (learner, words, said)
        for number, learner in enumerate(learners)
        for words, said in _drawn(learner, sentences[learner.split], np.random.default_rng((seed, 1, number)))
    ]
    spoken = speak([_utterance(learner, words, said) for learner, words, said in drawn])
    key: dict[str, object] = {"learners": GENERATOR, "readings": _key(learners, sentences, seed)}
    recorded = cached(key, lambda: _recorded([one[0] for one in drawn], spoken, seed))
    waves = recorded["waves"].split(recorded["lengths"].tolist())
    return [
        _reading(learner, words, said, its, wave.float().numpy() / 32767)
        for (learner, words, said), its, wave in zip(drawn, spoken, waves, strict=True)
    ]


def _key(learners: Sequence[Learner], sentences: dict[str, int], seed: int) -> str:
    written = json.dumps([[list(vars(learner).values()) for learner in learners], sorted(sentences.items()), seed])
    return hashlib.sha256(written.encode()).hexdigest()


Said = list[list[tuple[str, ...]]]  # by word and canonical phone


def _drawn(learner: Learner, count: int, rng: np.random.Generator) -> list[tuple[tuple[Word, ...], Said]]:
    found = []
    for _ in range(count):
        words = draw_sentence(rng)
        said = [mispronounce(word.phones, learner.first_language, learner.strength, rng) for word in words]
        found.append((words, said))
    return found


def _utterance(learner: Learner, words: tuple[Word, ...], said: Said) -> Utterance:
    text = " ".join("|".join(symbols) for symbols in _symbols(words, said))
    return Utterance(text, learner.voice, learner.rate, learner.pitch, 50, 70, phones=True)


def _symbols(words: tuple[Word, ...], said: Said) -> list[list[str]]:
    """eSpeak's symbols of every word, the first stressed vowel marked."""
    found = []
    for word, phones in zip(words, said, strict=True):
        symbols, marked = [], False
        for stressed, made in zip(word.stressed, phones, strict=True):
            for phone in made:
                symbol = _REDUCED if phone == "AH" and not stressed else ESPEAK[phone]
                if stressed and not marked and phone[0] in "AEIOU":
                    symbol, marked = f"'{symbol}", True
                symbols.append(symbol)
        found.append(symbols)
    return found


def _reading(learner: Learner, words: tuple[Word, ...], said: Said, spoken: Spoken, wave: np.ndarray) -> Reading:
    asked = [phone for phones in said for made in phones for phone in made]
    symbols = [symbol.lstrip("'") for its in _symbols(words, said) for symbol in its]
    perceived, segments = timed(asked, symbols, spoken)
    return Reading(
        learner=learner,
        sentence=" ".join(word.written for word in words),
        canonical=tuple(phone for word in words for phone in word.phones),
        said=tuple(made for phones in said for made in phones),
        perceived=tuple(perceived),
        segments=tuple((start * learner.length, end * learner.length) for start, end in segments),
        wave=wave,
    )


def timed(asked: Sequence[str], symbols: Sequence[str], spoken: Spoken) -> tuple[list[str], list[tuple[float, float]]]:
    """Which ARPAbet phone was said when, from the synthesiser's events.

    Args:
        asked: ARPAbet phones.
        symbols: what each was written as for eSpeak.
        spoken: what came back; glides that it put between vowels count to the phone before.

    Returns:
        The phones, an N before K or G as the NG that it was said as, and their (start, end), seconds; phones that begin
        at one moment share the time up to the next.

    Raises:
        StudyError: there are more or fewer events than phones asked for.
    """
    phones: list[str] = []
    segments: list[tuple[float, float]] = []
    for event in spoken.phones:
        symbol = event.phone.lstrip("',%=|")
        expected = symbols[len(phones)] if len(phones) < len(symbols) else ""
        if segments and symbol != expected and symbol in _GLIDES and expected != "r":
            segments[-1] = (segments[-1][0], event.end_s)
        elif expected:  # the phone, or an allophone of it
            phones.append("NG" if (expected, symbol) == ("n", "N") else asked[len(phones)])
            segments.append((event.start_s, event.end_s))
        else:
            raise StudyError(f"the synthesiser said {symbol!r} after all {len(asked)} phones that were asked for")
    if len(phones) < len(asked):
        raise StudyError(f"the synthesiser said {len(phones)} of {len(asked)} phones")
    return phones, _shared(segments)


def _shared(segments: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Phones that begin together with the next one share its time evenly; the last ones that of the one before."""
    found = list(segments)
    timed_ones = [i for i, (start, end) in enumerate(segments) if end > start]
    first = 0
    for i in timed_ones:
        last = len(segments) - 1 if i == timed_ones[-1] else i
        edges = np.linspace(segments[first][0], segments[i][1], last - first + 2).tolist()
        found[first : last + 1] = list(pairwise(edges))
        first = last + 1
    return found


def _recorded(learners: Sequence[Learner], spoken: Sequence[Spoken], seed: int) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng((seed, 2))
    waves = [_in_a_room(one.samples, learner, rng) for learner, one in zip(learners, spoken, strict=True)]
    whole = np.concatenate(waves)
    return {
        "waves": torch.from_numpy(np.round(whole * 32767).astype(np.int16)),
        "lengths": torch.tensor([len(wave) for wave in waves]),
    }


def _in_a_room(samples: np.ndarray, learner: Learner, rng: np.random.Generator) -> np.ndarray:
    """Another vocal tract, a room's echo, coloured noise, level; float32 in [-1, 1]."""
    from scipy.signal import fftconvolve, lfilter, resample_poly

    wave = resample_poly(samples, round(100 * learner.length), 100)  # slower and lower by one factor
    times = np.arange(int(0.12 * RATE)) / RATE
    tail = rng.normal(size=len(times)) * np.exp(-times / 0.03)
    tail *= learner.echo / np.linalg.norm(tail)
    tail[0] += 1
    wave = fftconvolve(wave, tail)[: len(wave)]
    hiss = lfilter([1], [1, -rng.uniform(0.2, 0.95)], rng.normal(size=len(wave)))
    hiss *= np.std(wave) / np.std(hiss) * 10 ** (-learner.noise / 20)
    wave = (wave + hiss) * 10 ** (rng.uniform(-12, 0) / 20)
    return np.clip(wave / max(1.0, float(np.abs(wave).max())), -1, 1).astype(np.float32)
