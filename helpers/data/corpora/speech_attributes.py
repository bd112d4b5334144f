"""Speech with arousal, valence and dominance: rated by listeners, simulated, or stood in for by the emotion's name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from helpers.data.circumplex import ATTRIBUTES, proxy
from helpers.data.corpora.emotional_speech import emotion_corpus
from helpers.data.corpora.msp_podcast import msp_podcast, podcast_root
from helpers.data.corpora.roots import corpus_root
from helpers.data.corpus import Corpus, split_by_subject
from helpers.data.simulated.emotional_speech import NAME, SHARES, SpeechDrawing, emotional_speech, speech_sources
from helpers.errors import StudyError

BY_PROXY = ("ravdess", "crema_d")  # only the emotion is known; its place on the circumplex stands in for ratings
RATED = ("msp_face", "manifest")
_RAVDESS_STRENGTH = {"01": 0.7, "02": 1.0}  # normal and strong intensity; chosen here, nobody has rated the clips
_CREMA_D_STRENGTH = {"LO": 0.6, "MD": 0.8, "HI": 1.0, "XX": 0.8}


def attribute_corpus(
    name: str, data_root: str = "", drawing: SpeechDrawing | None = None, unlabelled_share: float = 0.25,
    unlabelled_limit: int = 0,
) -> Corpus:  # fmt: skip
    """A corpus of speech whose labels are arousal, valence and dominance, 1 to 7, split by speaker.

    Args:
        name: ``"simulated_speech"``, ``"msp_podcast"``, one of :data:`BY_PROXY` or one of :data:`RATED`.
        data_root: folder of the real corpus, or the manifest.
        drawing: of the simulated speech.
        unlabelled_share: of the speakers whose labels are hidden, where the corpus has no unlabelled part of its own.
        unlabelled_limit: MSP-Podcast: unlabelled sentences at most; 0 for all.

    Raises:
        StudyError: an unknown name, absent data, too few speakers, or a labelled sentence without attributes.
    """
    if name == NAME:
        d = drawing or SpeechDrawing()
        corpus = emotional_speech(d.speakers, d.sentences, d.unlabelled_share, d.seconds, d.seed)
        return replace(corpus, labels=ATTRIBUTES)
    if name == "msp_podcast":
        return msp_podcast(data_root, unlabelled_limit)
    if name not in (*BY_PROXY, *RATED):
        raise StudyError(f"no speech corpus with attributes is called {name!r}")
    corpus = emotion_corpus(name, data_root)
    if name in BY_PROXY:
        corpus = _with_proxies(corpus)
    rated = corpus.table[list(ATTRIBUTES)]
    odd = ~(rated.isna() | ((rated >= 1) & (rated <= 7))).all(axis=1)
    if odd.any():
        first = corpus.table.loc[odd, "sample_id"].iloc[0]
        raise StudyError(f"{name}: {first} has arousal, valence or dominance outside 1 to 7; bring them to that scale")
    known = rated.notna().all(axis=1)
    split = corpus.table["split"].to_numpy(dtype=object) if "split" in corpus.table.columns else None
    if split is None:
        if not known.any():
            raise StudyError(f"{name}: no clip has {', '.join(ATTRIBUTES)}; give these columns, 1 to 7")
        shares = {part: share * (1 - unlabelled_share) for part, share in SHARES.items()}
        shares |= {"unlabelled": unlabelled_share} if unlabelled_share > 0 else {}
        split = split_by_subject(corpus.table, shares, seed=0)
    lost = int((~known & (split != "unlabelled")).sum())
    keep = np.flatnonzero(known | (split == "unlabelled"))
    table = corpus.table.assign(split=split)
    table.loc[split == "unlabelled", list(ATTRIBUTES)] = np.nan
    notices = (*corpus.notices, *((f"clips without attributes: {lost:,} left out",) if lost else ()))
    return replace(corpus, table=table, labels=ATTRIBUTES, notices=notices).select(keep)


def _with_proxies(corpus: Corpus) -> Corpus:
    table = corpus.table.copy()
    rated = [proxy(label, _strength(corpus.name, str(sample)))
             for label, sample in zip(table["label"], table["sample_id"], strict=True)]  # fmt: skip
    table[list(ATTRIBUTES)] = np.array(rated)
    words = "arousal, valence and dominance are a proxy: places of the acted emotions on the circumplex, not ratings"
    return replace(corpus, table=table, notices=(words, *corpus.notices))


def _strength(name: str, sample: str) -> float:
    """How strongly an actor was told to act, from a clip's name."""
    if name == "ravdess":
        return _RAVDESS_STRENGTH.get(sample.split("-")[2], 1.0)
    return _CREMA_D_STRENGTH.get(sample.rsplit("_", 1)[-1], 0.8)


def attribute_sources(name: str, data_root: str, drawing: SpeechDrawing) -> list[Path | str]:
    """What is hashed for the data fingerprint."""
    if name == NAME:
        return list(speech_sources(drawing))
    if name == "msp_podcast":
        return [podcast_root(data_root)]
    root = corpus_root(name, data_root)
    return [root.parent if name == "manifest" else root]
