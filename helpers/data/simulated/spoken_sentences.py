"""Plain English sentences whose words say nothing of how they are felt."""

from __future__ import annotations

import numpy as np

_BRIEFLY = ("she", "he", "they", "we", "someone")
_WHO = (
    "my neighbour", "the driver", "her cousin", "a student", "the doctor", "our teacher", "the old man",
    "the gardener", "his sister", "the baker", "their uncle", "a young woman", "the farmer", "the captain",
)  # fmt: skip
_DOES = (
    "put the paper on", "left the keys under", "moved the box behind", "found a letter beside", "carried the chair to",
    "saw the bicycle near", "painted the wall above", "placed the cup next to", "brought the ladder to",
    "looked for the map below",
)  # fmt: skip
_WHERE = (
    "the kitchen table", "the garden gate", "the yellow door", "the wooden bridge", "the office window",
    "the railway station", "the corner shop", "the stone house", "the village school", "the parking lot",
)  # fmt: skip
_WHEN = (
    "at seven o'clock", "on Tuesday morning", "before the meeting", "after the concert", "in the early evening",
    "during the break", "a week ago", "just before noon", "on the second floor", "over the summer",
)  # fmt: skip
_MORE = (
    "and then went back to work", "and told them about the bus", "while the radio was playing",
    "because the other one was full", "and took the next train home", "as they had agreed before",
    "and wrote down the number", "so that everyone could see it",
)  # fmt: skip
_PARTS = {"briefly": _BRIEFLY, "who": _WHO, "does": _DOES, "where": _WHERE, "when": _WHEN, "more": _MORE,
          "last": _MORE}  # fmt: skip


def draw_sentence(rng: np.random.Generator, seconds: float) -> str:
    """A sentence that takes about so long at a usual rate, 2 to 6 s, by the number of its parts."""
    drawn = {name: str(rng.choice(part)) for name, part in _PARTS.items()}  # all, so that the length changes no draw
    names = ["briefly" if seconds < 2.5 else "who", "does", "where"]
    names += [name for name, least in (("when", 3.3), ("more", 4.3), ("last", 5.3)) if seconds > least]
    sentence = " ".join(drawn[name] for name in names)
    return f"{sentence[0].upper()}{sentence[1:]}."
