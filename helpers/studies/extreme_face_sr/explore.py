"""The notebook's panels: between a found face and the prior's, and truncation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from helpers.methods.latent_search import interpolated
from helpers.progress import front_end_attached
from helpers.report.explore import Slider, explore
from helpers.studies.extreme_face_sr.figures import camera_figure, picture_lines
from helpers.studies.extreme_face_sr.restoring import Tools
from helpers.studies.extreme_face_sr.steps import settings_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from helpers.studies.study import Study


def explore_styles(study: Study, tools: Tools) -> Any:
    """From one drawn face to another, coarse and fine layers apart, under a truncation."""
    generator, styles = tools.prior.generator, tools.bank.styles
    coarse = generator.layers_up_to(study.parameters.middle_size)

    @torch.no_grad()
    def draw(first: int, second: int, coarse_share: float, fine_share: float, truncation: float) -> Figure:
        a = generator.truncated(styles[first - 1 : first], truncation)
        b = generator.truncated(styles[second - 1 : second], truncation)
        fine = generator.layers - coarse
        share = torch.cat([torch.full((coarse,), coarse_share), torch.full((fine,), fine_share)])
        between = interpolated(a[:, None].expand(-1, generator.layers, -1), b, share)
        made = torch.cat([generator(w).clamp(0, 1).cpu() for w in (a, between, b)])
        figure = picture_lines([("", made)], study.data_note, side=96)
        figure.axes[0].set_xticks([96 * (i + 0.5) for i in range(3)], ["one", "between", "other"], fontsize="x-small")
        figure.axes[0].tick_params(bottom=False)
        return figure

    last = len(styles)
    return explore(
        draw,
        "Two faces that the generator draws, and one between them.",
        first=Slider("one face", 1, last, 1, 1),
        second=Slider("other face", 1, last, 1, min(2, last)),
        coarse_share=Slider("share of the other, coarse layers (0 to 1)", 0.0, 1.0, 0.05, 0.5),
        fine_share=Slider("share of the other, fine layers (0 to 1)", 0.0, 1.0, 0.05, 0.5),
        truncation=Slider("truncation ψ", 0.0, 1.5, 0.05, 1.0),
    )


def explore_camera(study: Study) -> Any:
    """What hidden cameras do to the test faces, with a slider for how far they are from plain averaging."""
    if not front_end_attached():
        return "With a front end: the cameras' pictures above, with a slider for the camera's strength."
    settings = settings_of(study)

    def draw(strength: float) -> Figure:
        return camera_figure(settings, study.parameters.factors[:1], study.data_note, strength)

    return explore(
        draw,
        "Test faces, plain averages of their pixels, and what two hidden cameras took.",
        strength=Slider("strength of the camera", 0.0, 2.0, 0.1, 1.0),
    )
