"""The notebook's panels: strength of the views, and what the segmentation keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from helpers.progress import front_end_attached
from helpers.report.explore import Choice, Slider, explore
from helpers.studies.insect_pests.arms import masks_by, open_input
from helpers.studies.insect_pests.figures import SMALL, segmentation_figure, two_views
from helpers.studies.insect_pests.steps import settings_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from helpers.studies.study import Study

_LIVE = 128  # pixels a side of the pictures of a live panel


def explore_views(study: Study, rows: np.ndarray) -> Any:
    """Two views of a few images under a slider for the augmentation's strength.

    Without a front end the picture of the section on the pretext stands for it, so a line says so.
    """
    if not front_end_attached():
        return "With a front end: the views of the pretext above, with a slider for their strength."
    settings = settings_of(study) | {"augmentation_strength": 1.0}

    def draw(strength: float, draw_number: int) -> Figure:
        return two_views(settings, rows, study.data_note, draw_number, strength, _LIVE)

    return explore(
        draw,
        "A few images and two random views of each at the chosen strength of augmentation.",
        strength=Slider("strength of augmentation", 0.0, 2.0, 0.1, 1.0),
        draw_number=Slider("random draw", 0, 20, 1, 0),
    )


def explore_segmentation(study: Study, first: int = 1) -> Any:
    """What each way of segmentation keeps of the training images, two at a time."""
    settings = settings_of(study)
    train = open_input(settings, "raw").rows("train")
    side = _LIVE if front_end_attached() else SMALL

    def draw(method: str, page: int) -> Figure:
        rows = np.random.default_rng(2).permutation(train)[2 * page - 2 : 2 * page]
        return segmentation_figure(settings, rows, np.zeros(0), study.data_note, masks_by(settings, rows, method), side)

    return explore(
        draw,
        "Two training images, their exact foreground where it is known, and what the chosen segmentation finds.",
        method=Choice("segmentation", ["saliency", "grabcut"], settings["segmentation"]),
        page=Slider("pair of training images", 1, max(1, len(train) // 2), 1, first),
    )
