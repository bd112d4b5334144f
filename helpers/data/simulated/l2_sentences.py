"""Short English sentences with their phones: a small lexicon in ARPAbet and a grammar that draws from it.

The pronunciations are General American, written out for this lexicon. A vowel without a digit is stressed, one with
a 0 is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_NOUNS = """
boy B OY; girl G ER L; child CH AY L D; teacher T IY CH ER0; mother M AH DH ER0; brother B R AH DH ER0;
father F AA DH ER0; judge JH AH JH; king K IH NG; thief TH IY F; nurse N ER S; visitor V IH Z AH0 T ER0;
village V IH L AH0 JH; valley V AE L IY0; window W IH N D OW0; river R IH V ER0; bridge B R IH JH;
garden G AA R D AH0 N; house HH AW S; mouse M AW S; voice V OY S; noise N OY Z; tooth T UW TH; path P AE TH;
feather F EH DH ER0; leather L EH DH ER0; book B UH K; cook K UH K; foot F UH T; wood W UH D; sugar SH UH G ER0;
ship SH IH P; sheep SH IY P; shoe SH UW; fish F IH SH; treasure T R EH ZH ER0; measure M EH ZH ER0;
vision V IH ZH AH0 N; zebra Z IY B R AH0; prize P R AY Z; chair CH EH R; church CH ER CH; watch W AA CH;
jacket JH AE K AH0 T; year Y IH R; student S T UW D AH0 N T; school S K UW L; street S T R IY T; spoon S P UW N;
stone S T OW N; apple AE P AH0 L; bag B AE G; cat K AE T; dog D AO G; ball B AO L; coffee K AO F IY0; song S AO NG;
ring R IH NG; light L AY T; rice R AY S; road R OW D; letter L EH T ER0; lake L EY K; table T EY B AH0 L;
paper P EY P ER0; boat B OW T; phone F OW N; plate P L EY T; hand HH AE N D; hat HH AE T; world W ER L D;
bird B ER D; desk D EH S K; mountain M AW N T AH0 N; cloud K L AW D; question K W EH S CH AH0 N; cave K EY V;
leaf L IY F; glove G L AH V; sink S IH NG K; tongue T AH NG; mouth M AW TH; toy T OY; cow K AW; vase V EY S
"""
_VERBS = """
sees S IY Z; loves L AH V Z; finds F AY N D Z; brings B R IH NG Z; touches T AH CH AH0 Z; moves M UW V Z;
gives G IH V Z; takes T EY K S; wants W AA N T S; holds HH OW L D Z; joins JH OY N Z; enjoys EH0 N JH OY Z;
leaves L IY V Z; hears HH IH R Z; watched W AA CH T; pushed P UH SH T; pulled P UH L D; jumped JH AH M P T;
thinks TH IH NG K S; throws TH R OW Z; breaks B R EY K S; changed CH EY N JH D; used Y UW Z D; chose CH OW Z;
shows SH OW Z; heard HH ER D; found F AW N D; bought B AO T; took T UH K; should SH UH D; could K UH D; drew D R UW;
washes W AA SH AH0 Z
"""
_ADJECTIVES = """
red R EH D; big B IH G; small S M AO L; old OW L D; young Y AH NG; good G UH D; bad B AE D; thin TH IH N;
thick TH IH K; rich R IH CH; lazy L EY Z IY0; happy HH AE P IY0; strange S T R EY N JH; loud L AW D;
quiet K W AY AH0 T; yellow Y EH L OW0; brown B R AW N; white W AY T; black B L AE K; usual Y UW ZH UW0 AH0 L;
smooth S M UW DH; clean K L IY N; cheap CH IY P; joyful JH OY F AH0 L; long L AO NG; full F UH L; vast V AE S T;
fourth F AO R TH; other AH DH ER0; beige B EY ZH
"""
_DETERMINERS = (
    "the DH AH0; a AH0; this DH IH S; that DH AE T; my M AY; your Y AO R; his HH IH Z; their DH EH R; each IY CH"
)
_PREPOSITIONS = """
with W IH DH; near N IH R; under AH N D ER0; over OW V ER0; from F R AH M; behind B IH0 HH AY N D;
beside B IH0 S AY D; through TH R UW
"""
_ADVERBS = """
now N AW; today T AH0 D EY; again AH0 G EH N; there DH EH R; slowly S L OW L IY0; often AO F AH0 N;
always AO L W EY0 Z
"""


@dataclass(frozen=True)
class Word:
    """A word, its ARPAbet phones and which of them are stressed vowels."""

    written: str
    phones: tuple[str, ...]
    stressed: tuple[bool, ...]


def _words(listed: str) -> tuple[Word, ...]:
    found = []
    for entry in listed.split(";"):
        written, *phones = entry.split()
        stressed = tuple(phone[0] in "AEIOU" and not phone.endswith("0") for phone in phones)
        found.append(Word(written, tuple(phone.rstrip("0") for phone in phones), stressed))
    return tuple(found)


LEXICON = {
    "N": _words(_NOUNS), "V": _words(_VERBS), "A": _words(_ADJECTIVES), "D": _words(_DETERMINERS),
    "P": _words(_PREPOSITIONS), "R": _words(_ADVERBS),
}  # fmt: skip
_PATTERNS = ("DNVDN", "DANVR", "DNVDAN", "RDNV", "DNVPDN", "DANV")


def draw_sentence(rng: np.random.Generator) -> tuple[Word, ...]:
    """A sentence of four to six words."""
    pattern = _PATTERNS[rng.integers(len(_PATTERNS))]
    return tuple(LEXICON[kind][rng.integers(len(LEXICON[kind]))] for kind in pattern)
