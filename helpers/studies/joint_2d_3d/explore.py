"""The notebook's panel: a slice viewer over subjects, planes, slices and the arms' predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from helpers.report.explore import Choice, Slider, explore
from helpers.report.style import data_line, new_figure
from helpers.studies.joint_2d_3d.arms import masks_of, volumes_of
from helpers.studies.joint_2d_3d.figures import PLANES, name_outlines, show_marked
from helpers.studies.joint_2d_3d.steps import NAMES, Comparison

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from helpers.data.corpus import Corpus
    from helpers.studies.study import Study


def slice_viewer(study: Study, comparison: Comparison, corpus: Corpus, rows: np.ndarray) -> Any:
    """Truth beside one arm's prediction of a test subject, slice by slice in any plane.

    Args:
        study: of the run.
        comparison: whose runs hold the predictions.
        corpus: of the run.
        rows: the test subjects whose predictions are kept.
    """
    volumes, truth = volumes_of(corpus, rows)[:, 0], masks_of(corpus, rows)
    arms = {NAMES[arm]: arm for arm in comparison.arms}
    slices = dict(zip(PLANES, volumes.shape[1:], strict=True))
    shares = {f"{100 * f:g} % of the labels": f for f in comparison.fractions}

    def draw(subject: int, plane: str, number: int, arm: str, share: str) -> Figure:
        run = comparison.runs[arms[arm], comparison.seeds[0]]
        predicted = run["shown"][str(shares[share])][subject - 1]
        figure, axes = new_figure(1, 2, height=2.1, width=4.8)
        at = (number - 0.5) / slices[plane]
        show_marked(axes[0], volumes[subject - 1], truth[subject - 1], plane, at)
        axes[0].set_title(f"subject {subject}: truth", fontsize="small")
        show_marked(axes[1], volumes[subject - 1], predicted, plane, at)
        axes[1].set_title(f"{arm}, {share}", fontsize="small")
        name_outlines(figure, comparison.classes)
        data_line(figure, f"{study.data_note}; {plane} slice {number} of {slices[plane]}")
        return figure

    start = PLANES[0]
    return explore(
        draw,
        "One slice of a test subject with the true classes outlined, beside the same slice with predicted ones.",
        subject=Slider("subject", 1, len(rows), 1, 1),
        plane=Choice("plane", PLANES, start),
        number=Slider(
            "slice, from bottom, back or left", 1, slices[start], 1, slices[start] // 2 + 1, ("plane", slices)
        ),
        arm=Choice("arm", list(arms), NAMES["joint"]),
        share=Choice("labels", list(shares), next(iter(shares))),
    )
