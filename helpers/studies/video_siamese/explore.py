"""The panel: turn the assumptions of pair mining and see how often the pairs are wrong."""

from __future__ import annotations

from math import ceil, floor
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from helpers.data.simulated.actions import FRAME_RATE
from helpers.report.explore import Slider, explore
from helpers.report.style import data_line, new_figure
from helpers.studies.study import Study
from helpers.studies.video_siamese.figures import draw_errors
from helpers.studies.video_siamese.previews import clips_of
from helpers.studies.video_siamese.steps import error_table, mined, open_corpus, settings_of


def draw_mining(study: Study, near: float, far: float, far_share: float, pair: int) -> Figure:
    """Errors of pairs mined under other assumptions, and one of the pairs."""
    settings = {**settings_of(study), "near_seconds": near, "far_seconds": far, "far_share": far_share}
    seed = study.parameters.seeds[0]
    corpus, pairs = open_corpus(settings), mined(settings, seed)
    figure, axes = new_figure(1, 2, height=2.8, width=8.6, gridspec_kw={"width_ratios": [1.1, 1]})
    draw_errors(axes[0], error_table(settings, seed))
    at = pair % len(pairs)
    rows = [int(pairs.first[at]), int(pairs.second[at])]
    clips = clips_of(corpus, np.array(rows))[:, :, ::2]  # (2, 3, T/2, H, W)
    sheet = clips.permute(0, 3, 2, 4, 1).flatten(2, 3).flatten(0, 1).numpy()  # (2·H, T/2·W, 3)
    axes[1].imshow(sheet, interpolation="nearest")
    labels, times = corpus.table["label"].to_numpy()[rows], corpus.table["time"].to_numpy()[rows]
    said = "same" if pairs.same[at] else "different"
    axes[1].set(
        title=f"pair {at}: {pairs.kind[at]}, taken as {said}\ntruth: {labels[0]} / {labels[1]}", xticks=[], yticks=[]
    )
    axes[1].set_xlabel(f"at {times[0]:.1f} s and {times[1]:.1f} s")
    data_line(figure, study.data_note)
    return figure


def panel(study: Study) -> Any:
    """Sliders over the assumptions; without a front end the picture at the run's own."""
    p = study.parameters
    gap = (
        p.clip_step / FRAME_RATE
    )  # seconds between two clips' starts: in between, moving a slider would change nothing
    near, far = max(1, floor(p.near_seconds / gap + 1e-9)), ceil(p.far_seconds / gap - 1e-9)
    return explore(
        lambda near, far, far_share, pair: draw_mining(study, near, max(far, near + gap), far_share, pair),
        "Bars of how often near, far and other-video pairs are wrong under the chosen assumptions, and one mined pair "
        "as two rows of frames.",
        near=Slider("near (s)", gap, gap * max(near, floor(3 / gap)), gap, gap * near),
        far=Slider("far (s)", gap * 2, gap * max(far, floor(6 / gap)), gap, gap * max(far, 2)),
        far_share=Slider("share of far negatives", 0.0, 1.0, 0.1, float(p.far_share)),
        pair=Slider("pair shown", 0, 200, 1, 0),
    )
