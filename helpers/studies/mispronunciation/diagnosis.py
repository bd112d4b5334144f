"""The diagnosis of one utterance, phone by phone, drawn on its waveform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from helpers.data.phones import TOKENS
from helpers.data.sound import RATE
from helpers.evaluation.mispronunciation import align, judge_phones
from helpers.objectives.ctc import token_frames
from helpers.report.explore import Slider, explore
from helpers.report.style import NEUTRAL, PALETTE, data_line, new_figure
from helpers.studies.mispronunciation.arms import make_recogniser, open_corpus, open_sound, parts_of
from helpers.studies.mispronunciation.figures import outline, segments_of, wave_of
from helpers.studies.mispronunciation.steps import Comparison, settings_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from helpers.studies.study import Study

_SHOWN = {
    "TA": (NEUTRAL, "right, accepted"), "CD": (PALETTE[2], "wrong, found and named"),
    "ED": (PALETTE[4], "wrong, found, misnamed"), "FA": (PALETTE[1], "wrong, missed"),
    "FR": (PALETTE[3], "right, rejected"),
}  # fmt: skip
_BOX = 0.031  # of the figure's width: a phone's box


def student_of(study: Study, comparison: Comparison) -> torch.nn.Module:
    """The momentum arm's student of the first seed."""
    seed = comparison.seeds[0]
    recogniser = make_recogniser(settings_of(study), seed)
    recogniser.load_state_dict(comparison.runs["momentum", seed]["weights"])
    return recogniser.eval()


def telling_row(study: Study, comparison: Comparison) -> int:
    """Which test utterance to show: the one whose outcomes are most varied, then the one with most errors."""
    written = comparison.runs["momentum", comparison.seeds[0]]["written"]
    best, most = 0, (-1, -1)
    for i, three in enumerate(zip(comparison.canonical, comparison.heard, written, strict=True)):
        outcomes = [unit.outcome for unit in judge_phones(three[0], three[1], three[2].split())]
        value = (len(set(outcomes)), sum(o != "TA" for o in outcomes))
        best, most = (i, value) if value > most else (best, most)
    return best


def diagnose(study: Study, comparison: Comparison, student: torch.nn.Module, number: int) -> Figure:
    """One test utterance: waveform, and below it the phones that should be said, were heard and were written.

    Args:
        study: of the run.
        comparison: of the run.
        student: writes the phones; see :func:`student_of`.
        number: of the test utterance, from 0.
    """
    settings = settings_of(study)
    sound, corpus = open_sound(settings), open_corpus(settings)
    row = int(parts_of(corpus, settings).test[number])
    wave, one = wave_of(sound, row), sound.table.iloc[row]
    canonical, heard = comparison.canonical[number], comparison.heard[number]
    batch = corpus.load(np.array([row]))
    assert isinstance(batch, dict)
    with torch.no_grad():
        spans = token_frames(*student(batch["input"], batch["length"]))[0]
    spans = [span for span in spans if TOKENS[span[0]] != "sil"]
    written = [TOKENS[token] for token, _, _ in spans]
    seconds, frame = len(wave) / RATE, 0.01 * settings["stride"] if settings["encoder"] == "log_mel" else 0.02
    times = {
        "written": [(first + last) / 2 * frame for _, first, last in spans],
        "heard": [(start + end) / 2 for _, start, end in segments_of(sound, row)],
    }
    if len(times["heard"]) != len(heard):  # no times are known
        times["heard"] = _spread(heard, written, times["written"], seconds)
    times["should"] = _spread(canonical, heard, times["heard"], seconds)
    times = {line: apart(at, _BOX * seconds, seconds) for line, at in times.items()}
    figure, (top, below) = new_figure(2, 1, height=3.0, width=7.5, sharex=True, gridspec_kw={"height_ratios": [1, 1.5]})
    outline(top, wave)
    top.set(yticks=[], ylabel="waveform")
    units = judge_phones(canonical, heard, written)
    colours: dict[str, dict[int, str]] = {"should": {}, "heard": {}, "written": {}}
    for unit in units:
        colour = _SHOWN[unit.outcome][0]
        for line, at in (("should", unit.canonical), ("heard", unit.human), ("written", unit.hypothesis)):
            if at is not None:
                colours[line].setdefault(at, colour)
                top.axvline(times[line][at], color=colour, linewidth=0 if unit.outcome == "TA" else 1.2)
    for height, (line, phones) in enumerate((("written", written), ("heard", heard), ("should", canonical))):
        for i, phone in enumerate(phones):
            colour = colours[line].get(i, NEUTRAL)
            below.text(times[line][i], height, phone, ha="center", va="center", fontsize="x-small",
                       color="black" if colour == NEUTRAL else "white",
                       bbox={"boxstyle": "round,pad=0.25", "facecolor": "white" if colour == NEUTRAL else colour,
                             "edgecolor": colour, "linewidth": 0.8})  # fmt: skip
    below.set(yticks=range(3), ylim=(-0.6, 2.6), xlabel="seconds", xlim=(0, seconds))
    below.set_yticklabels(["system wrote", "human heard", "dictionary"])
    _legend(below, {unit.outcome for unit in units})
    figure.suptitle(f"“{one['sentence']}”, {one['subject']}, first language {one['group']}", fontsize="medium")
    data_line(figure, study.data_note)
    return figure


def _legend(axes: Any, outcomes: set[str]) -> None:
    from matplotlib.patches import Patch

    drawn = [Patch(facecolor="white" if key == "TA" else colour, edgecolor=colour, label=words)
             for key, (colour, words) in _SHOWN.items() if key in outcomes]  # fmt: skip
    axes.legend(handles=drawn, fontsize="x-small", loc="upper center", bbox_to_anchor=(0.5, -0.42), ncols=len(drawn))


def _spread(phones: list[str], others: list[str], when: list[float], seconds: float) -> list[float]:
    """Times of phones from those of others they align with; between these, evenly."""
    known = {i: when[j] for i, j in align(phones, others) if i is not None and j is not None and j < len(when)}
    at = [-1, *sorted(known), len(phones)]
    return [float(x) for x in np.interp(np.arange(len(phones)), at, [0.0, *(known[i] for i in at[1:-1]), seconds])]


def apart(at: list[float], gap: float, end: float) -> list[float]:
    """Places in order moved as little as it takes, later first, to lie ``gap`` apart between 0 and ``end``."""
    places = np.array(at)
    steps = min(gap, end / max(1, len(at) - 1)) * np.arange(len(at))
    places = np.maximum.accumulate(places - steps) + steps  # each at least a gap after the one before
    last = end - steps[::-1] if len(at) else steps  # and early enough to leave room for those after it
    return [float(x) for x in np.minimum(places, last)]


def explore_diagnosis(study: Study, comparison: Comparison, student: torch.nn.Module, start: int) -> Any:
    """Any test utterance's diagnosis under a slider."""

    def draw(number: int) -> Figure:
        return diagnose(study, comparison, student, number - 1)

    return explore(
        draw,
        "A test utterance's waveform with the phones of dictionary, human and system, errors in colour.",
        number=Slider("test utterance", 1, len(comparison.canonical), 1, start + 1),
    )
