"""The notebook's panels: what a perturbation changes, and where an encoder looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from helpers.report.explore import Choice, Slider, explore
from helpers.studies.fine_grained_synthesis.arms import open_images, rows_of
from helpers.studies.fine_grained_synthesis.pictures import synthesised_pairs
from helpers.studies.fine_grained_synthesis.steps import settings_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from helpers.methods.discriminative_synthesis import DiscriminativeSynthesis
    from helpers.studies.study import Study

_PERTURBED = {"non-discriminative ones": "non_discriminative", "all": "all", "as many at random": "random"}


def explore_pairs(study: Study, method: DiscriminativeSynthesis, each: int = 2) -> Any:
    """Synthesised pairs of test images under a slider for the noise and a choice of dimensions."""
    settings = settings_of(study)
    test = np.random.default_rng(3).permutation(rows_of(open_images(settings)).test)

    def draw(noise: float, perturb: str, page: int) -> Figure:
        rows = test[each * (page - 1) : each * page]
        return synthesised_pairs(method, settings, rows, study.data_note, noise, perturb, page - 1)

    return explore(
        draw,
        "Views of test images, what the decoder makes of their features as they are and perturbed, and the difference.",
        noise=Slider("noise (standard deviations)", 0.0, 6.0, 0.5, 3.0),
        perturb=Choice("dimensions", list(_PERTURBED.items()), "all"),
        page=Slider("test images, a few at a time", 1, max(1, len(test) // each), 1, 1),
    )
