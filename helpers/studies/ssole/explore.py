"""The notebook's panel: what the high-rank term sees in a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from helpers.report.explore import Slider, explore
from helpers.report.style import NEUTRAL, PALETTE, data_line, new_figure
from helpers.studies.ssole.figures import batch_spectrum, height_of_rank

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def explore_rank(projection: int) -> Any:
    """Singular values of a batch of directions and its H, under sliders for batch size and spread."""

    def draw(exponent: int, spread: float) -> Figure:
        batch = 2**exponent
        figure, (left, right) = new_figure(1, 2, height=2.5, width=6.4)
        height = batch_spectrum(batch, spread, left, width=projection)
        share = np.linspace(batch**-0.5, 1, 200)
        right.plot(share, height_of_rank(batch, share), color=NEUTRAL, linewidth=1)
        singular = float(left.lines[0].get_ydata().sum()) / batch
        right.plot([singular], [height], color=PALETTE[0], marker="o")
        reach = min(1.0, (projection / batch) ** 0.5)
        right.axvline(reach, color=NEUTRAL, linestyle="--", linewidth=1)
        right.text(reach, 0.98, f"most that {projection} dimensions allow", rotation=90, fontsize="xx-small",
                   color=NEUTRAL, ha="right", va="top")  # fmt: skip
        right.set_xlabel("r / B")
        right.set_ylabel("high-rank term H")
        right.set_title(f"batch of {batch}: H = {height:.3f}", fontsize="small")
        data_line(figure, "random directions (simulated)")
        return figure

    return explore(
        draw,
        "Singular values of a batch of directions, and the high-rank term they give.",
        exponent=Slider("images in the batch, 2 to the", 2, 9, 1, 5),
        spread=Slider("spread (0: one direction, 1: all directions)", 0.0, 1.0, 0.05, 0.4),
    )
