"""How speakers of six first languages mispronounce English: substitutions, deletions and insertions by context.

Each rule changes one phone in one context. They are well-known difficulties of learners (as in Swan & Smith, *Learner
English*, 2nd ed. 2001); their weights are round numbers chosen here, not estimates from any corpus. A rule applies with
its weight times the speaker's accent strength; a few errors that no rule foresees are strewn among them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from helpers.data.phones import ARPABET, VOWELS
from helpers.errors import StudyError

STRAY = 0.012  # chance of an error that no rule foresees, a phone, times the accent strength
_FAMILIES = ("P B", "T D", "K G", "F V", "S Z SH ZH", "CH JH", "TH DH", "M N NG", "L R W", "IY IH EY EH", "AE EH AH AA",
             "UW UH OW", "AO OW AA", "AY AW OY", "ER AH")  # fmt: skip
NEAR = {
    phone: tuple(sorted({near for f in _FAMILIES if phone in f.split() for near in f.split()} - {phone}))
    for phone in ARPABET
}
"""Phones that a stray error may turn a phone into; none for those of no family."""

# phone, context, what is said ("-" nothing), weight. Contexts: any; initial, final: in the word; cluster: before or
# after another consonant of the word; s_cluster: an initial S before a consonant.
_RULES = {
    "Arabic": """
        P any B .7; V any F .5; CH any SH .4; NG any N+G .5; EH any IH .4; IH any EH .3; OW any AO .4; AH any AA .3;
        TH any S .3; DH any Z .3; ER any EH+R .4; ZH any SH .3; S s_cluster IH+S .5; T cluster T+IH .15
    """,
    "Hindi": """
        TH any T .7; DH any D .6; W any V .6; V any W .3; ZH any JH .6; Z any JH .3; F any P .2; AE any EH .4;
        AO any AA .5; EY any EH .3; OW any AO .3; S s_cluster IH+S .25; SH any S .2; AH any AA .15
    """,
    "Korean": """
        F any P .5; V any B .6; TH any S .5; DH any D .5; Z any JH .5; R any L .4; L any R .25; ZH any JH .5;
        IH any IY .4; AE any EH .5; UH any UW .4; T final T+UH .25; D final D+UH .25; CH final CH+IY .4;
        JH final JH+IY .4; AO any OW .3; W any - .1
    """,
    "Mandarin": """
        TH any S .6; DH any D .5; V any W .5; Z any S .5; IH any IY .4; AE any EH .5; UH any UW .4; L final - .4;
        T final - .35; D final - .4; K final - .2; N final NG .3; NG final N .3; R final - .3; ZH any SH .4;
        AY any AA .15; L cluster R .2; B final P .3; G final K .3
    """,
    "Spanish": """
        IH any IY .6; V any B .6; Z any S .7; DH any D .6; TH any T .4; SH any CH .4; AE any AA .4; AH any AA .4;
        UH any UW .5; JH any Y .4; NG final N .4; S s_cluster EH+S .7; D final - .3; T final - .25; ZH any SH .4;
        HH any - .1; AO any OW .4
    """,
    "Vietnamese": """
        TH any T .6; DH any D .5; S final - .45; Z final - .5; T final - .45; D final - .5; L final - .4; K final - .3;
        CH final - .3; JH any Z .3; SH any S .4; IH any IY .4; AE any EH .4; P initial B .3; R cluster - .3;
        V final - .35; F final P .25; ZH any Z .4; OW any AO .3; S cluster - .2
    """,
}


@dataclass(frozen=True)
class Rule:
    """One phone in one context is said as ``said`` (none, one or two phones) with chance ``weight`` × strength."""

    phone: str
    context: str
    said: tuple[str, ...]
    weight: float


def _rules(written: str) -> tuple[Rule, ...]:
    found = []
    for entry in written.split(";"):
        phone, context, said, weight = entry.split()
        found.append(Rule(phone, context, () if said == "-" else tuple(said.split("+")), float(weight)))
    return tuple(found)


ERROR_MODELS = {language: _rules(written) for language, written in _RULES.items()}
FIRST_LANGUAGES = tuple(ERROR_MODELS)


def fits(context: str, word: tuple[str, ...], i: int) -> bool:
    """Whether the phone at ``i`` of a word stands in a context of the rules."""
    first, last = i == 0, i == len(word) - 1
    next_to = [word[j] for j in (i - 1, i + 1) if 0 <= j < len(word)]
    if context == "initial":
        return first
    if context == "final":
        return last
    if context == "cluster":
        return word[i] not in VOWELS and any(phone not in VOWELS for phone in next_to)
    if context == "s_cluster":
        return first and not last and word[i + 1] not in VOWELS
    return True


def mispronounce(
    word: tuple[str, ...], first_language: str, strength: float, rng: np.random.Generator
) -> list[tuple[str, ...]]:
    """What a speaker makes of each phone of a word.

    Args:
        word: canonical ARPAbet phones.
        first_language: one of :data:`FIRST_LANGUAGES`.
        strength: of the accent, in [0, 1].
        rng: of the draws; the same number is drawn whatever happens.

    Returns:
        For every canonical phone the phones said: itself, another, none, or two. A word never loses all its phones.

    Raises:
        StudyError: an unknown first language, or a strength outside [0, 1].
    """
    if first_language not in ERROR_MODELS:
        raise StudyError(f"no error model for {first_language!r}; there are: {', '.join(FIRST_LANGUAGES)}")
    if not 0 <= strength <= 1:
        raise StudyError(f"accent strength is {strength}; it must be in [0, 1]")
    said: list[tuple[str, ...]] = []
    for i, phone in enumerate(word):
        rules = [r for r in ERROR_MODELS[first_language] if r.phone == phone and fits(r.context, word, i)]
        chance, stray, which = rng.random(3)
        made: tuple[str, ...] = (phone,)
        reached = 0.0
        for rule in rules:
            reached += rule.weight * strength
            if chance < reached:
                made = rule.said
                break
        else:
            if stray < STRAY * strength and NEAR[phone]:
                made = (NEAR[phone][int(which * len(NEAR[phone]))],)
        said.append(made)
    return said if any(said) else [(phone,) for phone in word]
