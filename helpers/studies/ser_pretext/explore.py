"""The notebook's panels: any clip with its labels over time, and the views at any strength."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from helpers.data.pretext_labels import emotion_label
from helpers.progress import front_end_attached
from helpers.report.explore import Choice, Slider, explore
from helpers.studies.ser_pretext.figures import clip_over_time, view_lines
from helpers.studies.ser_pretext.speech import Scale, Speech, open_speech
from helpers.studies.ser_pretext.steps import settings_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from helpers.studies.study import Study


def telling_clip(speech: Speech, least_seen: float = 0.6) -> int:
    """Row of a clip for pictures: labelled, its emotion on the face where there is one, with a gap if possible."""
    labelled = np.flatnonzero(speech.classes >= 0)
    wanted = [speech.names.index(name) for name in ("happy", "angry") if name in speech.names]
    rows = [int(row) for row in labelled if speech.classes[row] in wanted] or [int(row) for row in labelled]
    best = rows[0]
    for row in rows[:60]:
        track = speech.track(row)
        if track is None:
            return rows[0]
        if emotion_label(track) > 0:
            best = row
            if least_seen < track.seen() < 1:
                break
    return best


def explore_clip(study: Study) -> Any:
    """One clip's sound, face and labels over time, for any emotion.

    Without a front end the picture of the section on the pretext stands for it, so a line says so.
    """
    if not front_end_attached():
        return "With a front end: any clip, chosen by emotion and number, with its labels over time."
    settings = settings_of(study)
    speech = open_speech(settings)

    def draw(emotion: str, number: int) -> Figure:
        rows = np.flatnonzero(speech.classes == speech.names.index(emotion))
        return clip_over_time(speech, int(rows[number - 1]), settings, study.data_note)

    counts = {name: int((speech.classes == i).sum()) for i, name in enumerate(speech.names)}
    said = [name for name, count in counts.items() if count]
    return explore(
        draw,
        "Spectrogram, energy, landmark speed and action units of one clip, with the labels of its stretches.",
        emotion=Choice("emotion", said, said[0]),
        number=Slider("clip", 1, counts[said[0]], 1, 1, high_by=("emotion", counts)),
    )


def explore_views(study: Study, row: int, scale: Scale) -> Any:
    """A stretch and its random views under a slider for their strength; without a front end, at strength 2."""
    settings = settings_of(study)
    speech = open_speech(settings)

    def draw(strength: float, number: int) -> Figure:
        changed = settings | {"augmentation_strength": strength}
        return view_lines(speech, row, changed, scale, study.data_note, number)

    own = float(settings["augmentation_strength"])
    return explore(
        draw,
        "One stretch, and two random views of it for each kind of training, at the chosen strength.",
        strength=Slider("strength of the views", 0.0, 2.0, 0.1, own if front_end_attached() else 2.0),
        number=Slider("random draw", 0, 20, 1, 1),
    )
