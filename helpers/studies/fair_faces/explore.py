"""The notebook's panel: what the duplicate threshold and the number of neighbours do to the pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from helpers.report.explore import Slider, explore
from helpers.report.style import NEUTRAL, PALETTE, data_line, new_figure
from helpers.studies.fair_faces.arms import groups_ranked, open_faces, pool_of
from helpers.studies.fair_faces.figures import copies_axis
from helpers.studies.fair_faces.steps import Curated, settings_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from helpers.studies.study import Study


def explore_duplicates(study: Study, curated: Curated) -> Any:
    """Which planted copies a cosine threshold finds, and how many distinct pictures lie above it, by group."""
    seed, found = next(iter(curated.by_seed.items()))
    settings = settings_of(study)
    table, ranked = pool_of(settings, seed).table, groups_ranked(open_faces(settings))
    copies = table[table["kind"] == "copy"]["group"].to_numpy()
    likeness = found["likeness"]["copies"].numpy()

    def draw(threshold: float) -> Figure:
        figure, axes = new_figure(1, 2, height=2.5, width=7.4)
        copies_axis(axes[0], found, threshold)
        distinct = 100 * float((found["likeness"]["distinct"] > threshold).float().mean())
        axes[0].set_title(f"{distinct:.3f} % of distinct pairs above it", fontsize="small")
        axes[1].set_title("planted copies, by group (dotted: 95 %)", fontsize="small")
        shares = [
            100 * float(np.mean(likeness[copies == g] > threshold)) if (copies == g).any() else 0.0 for g in ranked
        ]
        axes[1].bar(range(len(ranked)), shares, color=[PALETTE[0] if s >= 95 else NEUTRAL for s in shares])
        axes[1].axhline(95, color="black", linestyle=":", linewidth=1)
        axes[1].set_xticks(range(len(ranked)), ranked)
        axes[1].set_ylabel("copies above it (%)")
        axes[1].set_ylim(0, 105)
        data_line(figure, study.data_note)
        return figure

    start = round(found["threshold"], 2)
    return explore(
        draw,
        "Cosines of planted copies and of distinct pictures, and each group's share of copies above the threshold.",
        threshold=Slider("cosine above which two pictures are one", 0.5, 0.99, 0.01, min(max(start, 0.5), 0.99)),
    )
