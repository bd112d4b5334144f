"""Where emotions lie in arousal, valence and dominance, for corpora that only name them. Light to import."""

from __future__ import annotations

import math

ATTRIBUTES = ("arousal", "valence", "dominance")

# Mean ratings of emotion words by Russell & Mehrabian (Evidence for a three-factor theory of emotions, J. Research in
# Personality 11, 1977), rounded, as (arousal, valence, dominance) in [-1, 1]; "calm" is their "relaxed".
PLACES: dict[str, tuple[float, float, float]] = {
    "neutral": (0.0, 0.0, 0.0),
    "calm": (-0.46, 0.68, 0.06),
    "happy": (0.51, 0.81, 0.46),
    "sad": (-0.27, -0.63, -0.33),
    "angry": (0.59, -0.51, 0.25),
    "fearful": (0.60, -0.64, -0.43),
    "disgust": (0.35, -0.60, 0.11),
    "surprised": (0.67, 0.40, -0.13),
}
EMOTIONS = tuple(PLACES)


def likert(place: float) -> float:
    """A place in [-1, 1] on the seven-point scale that listeners rate on, 1 to 7."""
    return 4.0 + 3.0 * place


def proxy(emotion: str | None, strength: float = 1.0) -> tuple[float, float, float]:
    """Arousal, valence and dominance, 1 to 7, that stand in for ratings where only the emotion's name is known.

    Args:
        emotion: one of :data:`EMOTIONS`; anything else has no place.
        strength: how far from neutral on the way to the emotion's place, such as 0.7 for a mild display.

    Returns:
        Three numbers; NaN for an emotion without a place.
    """
    place = PLACES.get(str(emotion))
    if place is None:
        return (math.nan, math.nan, math.nan)
    arousal, valence, dominance = (likert(strength * x) for x in place)
    return arousal, valence, dominance
