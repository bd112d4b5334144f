"""The phones of American English in ARPAbet, as CMU's dictionary and L2-ARCTIC write them. Light to import."""

from __future__ import annotations

VOWELS = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
CONSONANTS = (
    "B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG", "P", "R", "S", "SH", "T", "TH", "V", "W",
    "Y", "Z", "ZH",
)  # fmt: skip
ARPABET = tuple(sorted(VOWELS + CONSONANTS))  # 39
SILENCE, ERROR = "sil", "err"  # no speech; a sound that is no English phone
BLANK = 0  # CTC's blank has the first number
TOKENS = ("<blank>", *ARPABET, SILENCE, ERROR)  # 42
NUMBER = {token: number for number, token in enumerate(TOKENS)}

_SILENCES = frozenset({"", "sil", "sp", "spn", "pau", "<eps>"})
_BESIDES = {"AX": "AH", "AXR": "ER", "IX": "IH", "UX": "UW", "HV": "HH", "EL": "L", "EM": "M", "EN": "N", "NX": "NG"}


def plain_phone(written: str) -> str:
    """A phone as annotators write it, as one of :data:`TOKENS` without the blank.

    Stress digits go (``"AH0"`` → ``"AH"``), any case is taken, ``"sp"`` and the empty string are silence, ``"AX"`` is
    ``"AH"``. A phone marked as deviating (``"T*"``), ``"err"`` and whatever ARPAbet does not have are ``"err"``.
    """
    bare = written.strip().strip("`'").rstrip("012)")
    if bare.lower() in _SILENCES:
        return SILENCE
    upper = _BESIDES.get(bare.upper(), bare.upper())
    return upper if upper in NUMBER else ERROR


def numbers(phones: str | list[str] | tuple[str, ...]) -> list[int]:
    """Numbers of phones in :data:`TOKENS`; a string is split at its spaces."""
    return [NUMBER[phone] for phone in (phones.split() if isinstance(phones, str) else phones)]


def spoken_only(phones: list[str] | tuple[str, ...]) -> list[str]:
    """The phones without the silences."""
    return [phone for phone in phones if phone != SILENCE]
