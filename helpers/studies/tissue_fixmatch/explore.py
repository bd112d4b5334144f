"""The notebook's panels: a window on a slide to move and zoom, and the strength of the views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from helpers.data.corpora.slide_regions import CLASSES
from helpers.progress import front_end_attached
from helpers.report.explore import Choice, Slider, Toggle, explore
from helpers.report.slides import show_slide, window
from helpers.report.style import data_line, new_figure
from helpers.studies.tissue_fixmatch.figures import lay_over, pretext_figure, region_legend

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from helpers.data.corpora.slides import SlideCorpus
    from helpers.evaluation.slide_maps import SlideMap
    from helpers.studies.study import Study
    from helpers.studies.tissue_fixmatch.arms import Settings

_CLOSEST = 48  # pixels of the slide across a window, about: a few cells


def explore_slide(study: Study, slides: SlideCorpus, streamed: tuple[SlideMap, str] | None) -> Any:
    """A window on the streamed slide under sliders for place, zoom and the map's opacity; only what is seen is read."""
    if streamed is None:
        return "There are tiles but no slides here, so there is nothing to zoom into."
    found, name = streamed
    slide = slides.open(name)
    most = 360 if front_end_attached() else 100  # pixels of the screen; a committed notebook must stay small
    longest = max(slide.width, slide.height)
    zooms = [2**k for k in range(max(3, (longest // _CLOSEST).bit_length()))]

    def draw(across: float, down: float, zoom: int, opacity: float, shown: bool) -> Figure:
        side = min(most, max(1, longest // zoom))  # closer than one to one, fewer pixels are shown, and larger
        pixels, probabilities, scale = window(slide, found, across, down, zoom, side)
        figure, axis = new_figure(1, 1, height=2.6, width=3.0)
        show_slide(axis, pixels)
        if shown and probabilities is not None:
            lay_over(axis, probabilities, opacity)
            region_legend(axis)
        data_line(figure, f"{study.data_note}, {scale * side:,.0f} pixels across")
        return figure

    return explore(
        draw,
        "A window on a test slide with the predicted regions laid over it.",
        across=Slider("across (share of the width)", 0.0, 1.0, 0.005, 0.36),
        down=Slider("down (share of the height)", 0.0, 1.0, 0.005, 0.36),
        zoom=Choice("zoom", [(f"{zoom} ×", zoom) for zoom in zooms], 4),
        opacity=Slider("opacity of the map", 0.0, 1.0, 0.05, 0.35),
        shown=Toggle("show the map", True),
    )


def explore_views(study: Study, slides: SlideCorpus, rows: np.ndarray, settings: Settings) -> Any:
    """Views of tiles under sliders for how strong they are; without a front end a line in place of a second picture."""
    if not front_end_attached():
        return "With a front end: the views of the section on the pretext, with sliders for their strength."

    def draw(ssl_strength: float, strong_strength: float, draw_number: int) -> Figure:
        changed = {**settings, "ssl_strength": ssl_strength, "strong_strength": strong_strength}
        return pretext_figure(slides, rows, changed, study.data_note, seed=draw_number)

    return explore(
        draw,
        f"Tiles of {', '.join(CLASSES)} and their views at the chosen strengths.",
        ssl_strength=Slider("strength of stage 1's views", 0.0, 2.0, 0.1, settings["ssl_strength"]),
        strong_strength=Slider("strength of the strong view", 0.0, 2.0, 0.1, settings["strong_strength"]),
        draw_number=Slider("random draw", 0, 20, 1, 0),
    )
