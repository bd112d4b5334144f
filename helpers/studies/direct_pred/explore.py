"""The notebook's panels: augmentation strength on this corpus, ε on the predictor's spectrum, the linear theory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from helpers.methods.direct_pred import direct_copy_weight, direct_pred_weight
from helpers.progress import front_end_attached
from helpers.report.explore import Slider, explore
from helpers.report.style import PALETTE, data_line, new_figure
from helpers.studies.direct_pred.arms import image_shape, make_views
from helpers.studies.direct_pred.dynamics import LinearSetting
from helpers.studies.direct_pred.figures import dynamics_figure, view_pairs
from helpers.studies.direct_pred.steps import settings_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from helpers.data.corpus import Corpus
    from helpers.studies.direct_pred.steps import Comparison
    from helpers.studies.study import Study


def explore_views(study: Study, corpus: Corpus, rows: np.ndarray) -> Any:
    """Two views of a few images under a slider for the augmentation's strength."""
    settings = settings_of(study) | {"augmentation_strength": 1.0}
    views = make_views(settings, *image_shape(corpus))

    def draw(strength: float, draw_number: int) -> Figure:
        return view_pairs(corpus, rows, views.scaled(strength), study.data_note, seed=draw_number)

    return explore(
        draw,
        "A few images and two random views of each at the chosen strength of augmentation.",
        strength=Slider("strength of augmentation", 0.0, 2.0, 0.1, 1.0),
        draw_number=Slider("random draw", 0, 20, 1, 0),
    )


def explore_spectrum(study: Study, comparison: Comparison) -> Any:
    """What ε does to the closed-form predictors' eigenvalues, on the F that DirectPred ended with."""
    s = comparison.main["direct_pred", comparison.seeds[0]]["s"]

    def draw(epsilon: float) -> Figure:
        figure, axis = new_figure(1, 1, height=2.6, width=5)
        moment = torch.diag(s)
        for formula, colour, name in (
            (direct_pred_weight, PALETTE[0], "DirectPred: √s + ε max √s"),
            (direct_copy_weight, PALETTE[2], "DirectCopy: s/max s + ε"),
        ):
            p = torch.linalg.eigvalsh(formula(moment, epsilon)).flip(0).numpy()
            axis.plot(range(1, len(p) + 1), p / p.max(), color=colour, label=name)
        axis.plot(
            range(1, len(s) + 1),
            (s.flip(0) / s.max()).numpy(),
            color=PALETTE[6],
            linestyle=":",
            label="F itself: s/max s",
        )
        axis.set_xlabel("eigenvalue, largest first")
        axis.set_ylabel("relative to the largest")
        axis.set_ylim(0, 1.05)
        axis.legend(fontsize="x-small")
        data_line(figure, study.data_note)
        return figure

    return explore(
        draw,
        "Eigenvalues of F and of the two closed-form predictors, relative to the largest, for the chosen ε.",
        epsilon=Slider("ε", 0.0, 1.0, 0.05, study.parameters.epsilon),
    )


def explore_dynamics() -> Any:
    """The linear theory under sliders for weight decay, noise, the predictor's rate and the target's rate.

    Without a front end the picture of the section on the theory stands for it, so a line says so.
    """
    if not front_end_attached():
        return "With a front end: the picture of the linear theory above, with a slider for each of its four settings."

    def draw(weight_decay: float, noise: float, predictor_rate: float, ema_rate: float) -> Figure:
        return dynamics_figure(LinearSetting(noise, weight_decay, predictor_rate, ema_rate))

    return explore(
        draw,
        "Eigenvalues of predictor and representation in a linear network over training, measured and in closed form.",
        weight_decay=Slider("weight decay η", 0.0, 0.3, 0.01, 0.1),
        noise=Slider("augmentation noise σ", 0.0, 1.0, 0.05, 0.3),
        predictor_rate=Slider("predictor's relative rate α", 0.25, 4.0, 0.25, 1.0),
        ema_rate=Slider("target's rate β", 0.25, 8.0, 0.25, 2.0),
    )
