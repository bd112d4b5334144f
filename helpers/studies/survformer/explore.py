"""The panel at the end of the notebook: one patient, one feature, and how the survival curve moves."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from helpers.report.explore import Choice, Slider, explore
from helpers.report.style import NEUTRAL, PALETTE, data_line, new_figure
from helpers.studies.survformer.steps import ShownModel


def patient_figure(shown: ShownModel, patient: int, feature: str, shift: float, note: str) -> Figure:
    """Survival curves of one test patient: as is, with one feature moved, with it taken away; and what truly happened.

    Args:
        shown: the fine-tuned model and its fold.
        patient: position in the test part, from 0.
        feature: name of a feature.
        shift: added to a numeric feature, in training standard deviations; steps through a categorical one's levels.
        note: which data.
    """
    data, row = shown.data, shown.data.fold.test[patient]
    position = data.corpus.features.index(feature)
    values, present = data.values[row][None].repeat(3, 1), data.present[row][None].repeat(3, 1)
    levels = data.corpus.categorical.get(feature)
    moved = f"{feature.replace('_', ' ')} {shift:+.1f} SD"
    if levels is None:
        values[1, position] = values[0, position] + shift
    else:
        code = (int(values[0, position]) + round(shift)) % len(levels)
        values[1, position], moved = code, f"{feature.replace('_', ' ')}: {levels[code]}"
    present[1, position], present[2, position] = True, False
    end = float(np.quantile(data.time, 0.95))
    times = torch.linspace(0, end, 200)
    curves = shown.model.survival(values, present, times).numpy()
    figure, axes = new_figure(1, 1, height=3.0, width=6.5)
    words = ("as recorded", moved, f"{feature.replace('_', ' ')} absent")
    for curve, label, colour, style in zip(curves, words, PALETTE, ("-", "-", "--"), strict=False):
        axes.plot(times.numpy(), curve, color=colour, linestyle=style, label=label)
    outcome = data.corpus.event_name if data.event[row] else "censored"
    if data.time[row] <= end:
        axes.axvline(
            data.time[row], color=NEUTRAL, linestyle=":", linewidth=1, label=f"{outcome} at {data.time[row]:.4g}"
        )
    axes.set(xlabel=f"time ({data.corpus.time_unit})", ylabel="S(t | patient)", ylim=(0, 1.02), xlim=(0, end))
    axes.set_title(f"test patient {patient}")
    axes.legend(fontsize="x-small")
    data_line(figure, note)
    return figure


def explore_patients(shown: ShownModel, note: str) -> Any:
    """Controls for :func:`patient_figure`, or its picture where no front end is attached."""
    features = list(shown.data.corpus.features)
    test = shown.data.fold.test
    fullest = int(shown.data.present[test].sum(1).argmax())

    def draw(patient: int, feature: str, shift: float) -> Figure:
        return patient_figure(shown, patient, feature, shift, note)

    return explore(
        draw,
        "Predicted survival of one patient as recorded, with one feature moved, and with it absent",
        patient=Slider("test patient", 0, len(test) - 1, 1, fullest),
        feature=Choice("feature", features, features[0]),
        shift=Slider("moved by (SD, or levels)", -3.0, 3.0, 0.5, 1.0),
    )
