"""The notebook's panels: the strength of the views, and the threshold of a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from helpers.progress import front_end_attached
from helpers.report.explore import Choice, Slider, explore
from helpers.studies.maize_kernels.arms import ssl_views
from helpers.studies.maize_kernels.figures import mask_strip, pretext_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from helpers.data.corpus import Corpus
    from helpers.studies.maize_kernels.steps import Comparison
    from helpers.studies.study import Study


def explore_views(study: Study, corpus: Corpus, rows: np.ndarray) -> Any:
    """Two views of kernels under a slider for the strength of the augmentation."""

    def draw(strength: float, draw_number: int) -> Figure:
        views = ssl_views(study.parameters.image_size, strength)
        return pretext_figure(corpus, rows, views, study.data_note, seed=draw_number)

    return explore(
        draw,
        "Kernels and two random views of each at the chosen strength, embryos outlined.",
        strength=Slider("strength of the views", 0.0, 2.0, 0.1, study.parameters.view_strength),
        draw_number=Slider("random draw", 0, 20, 1, 1),
    )


def explore_threshold(study: Study, comparison: Comparison, corpus: Corpus, rows: np.ndarray) -> Any:
    """Predicted embryos under a slider for the threshold and a choice of the share of masks.

    Without a front end the strip of the section on embryos stands for it, so a line says so.
    """
    if not comparison.segmented:
        return "There are no masks here, so there is no threshold to choose."
    if not front_end_attached():
        return "With a front end: the strip of predicted embryos above, with a slider for the threshold."

    def draw(threshold: float, fraction: float) -> Figure:
        return mask_strip(comparison, corpus, rows, study.data_note, threshold, fraction)

    shares = [(f"{100 * fraction:g} % of the masks", fraction) for fraction in comparison.fractions]
    return explore(
        draw,
        "Predicted embryos of a few test kernels at the chosen threshold and share of masks.",
        threshold=Slider("threshold of the mask", 0.05, 0.95, 0.05, 0.5),
        fraction=Choice("masks learnt from", shares, comparison.fractions[0]),
    )
