"""The notebook's panel: what the high-rank term sees in a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from helpers.report.explore import Choice, Slider, explore
from helpers.report.style import NEUTRAL, PALETTE, data_line, new_figure
from helpers.studies.ssole.figures import batch_spectrum, height_of_rank

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def explore_rank(projection: int) -> Any:
    """Singular values of a batch of directions and its H, under sliders for batch size and spread."""

    def draw(batch: int, spread: float) -> Figure:
        figure, (left, right) = new_figure(1, 2, height=2.7, width=6.4)
        height = batch_spectrum(batch, spread, left, width=projection)
        share = np.linspace(batch**-0.5, 1, 200)
        right.plot(share, height_of_rank(batch, share), color=NEUTRAL, linewidth=1, label="H by the rank r")
        singular = float(left.lines[0].get_ydata().sum()) / batch
        right.plot(
            [singular], [height], color=PALETTE[0], marker="o", linestyle="none", label=f"this batch: H = {height:.3f}"
        )
        reach = min(1.0, (projection / batch) ** 0.5)
        right.axvline(
            reach, color=NEUTRAL, linestyle="--", linewidth=1, label=f"most that {projection} dimensions allow"
        )
        right.set(xlim=(0, 1.04), ylim=(-0.04, 1.05), xlabel="r / B (1: all images orthonormal)")
        right.set_ylabel("high-rank term H")
        right.legend(fontsize="x-small", loc="lower left", bbox_to_anchor=(0, 1))
        data_line(figure, "random directions (simulated)")
        return figure

    return explore(
        draw,
        "Singular values of a batch of directions, and the high-rank term they give.",
        batch=Choice("images in the batch (B)", [2**k for k in range(2, 10)], 32),
        spread=Slider("spread, 0 (one direction) to 1 (all)", 0.0, 1.0, 0.05, 0.4),
    )
