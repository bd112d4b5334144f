"""The panel of the activity_transfer notebook."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from helpers.report.explore import Choice, explore
from helpers.report.style import data_line, new_figure
from helpers.studies.activity_transfer import experiment, figures, steps
from helpers.studies.activity_transfer.experiment import Windows
from helpers.studies.study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def explore_subject(study: Study, windows: Windows) -> Any:
    """Pick a new user and the share of activities: the network with its mapping, or the confusion."""
    everyone = sorted(set(windows.subjects))
    example = lru_cache(maxsize=32)(lambda subject, share: steps.example(study, windows, share, subject))

    def draw(subject: str, share: float, picture: str) -> Figure:
        seen = example(subject, share)
        if picture == "network":
            return figures.network(seen, windows.classes, study.data_note)
        return confusion(seen, windows.classes, study.data_note)

    hardest = experiment.subjects_left_out(windows, study.parameters)[0]
    return explore(
        draw, "A new subject's observation network with its mapping, or the confusion of its windows.",
        subject=Choice("new subject", everyone, hardest),
        share=Choice("share of activities", [1.0, 0.8, 0.6, 0.4], 1.0),
        picture=Choice("picture", ["network", "confusion"], "confusion"),
    )  # fmt: skip


def confusion(seen: steps.Example, classes: tuple[str, ...], note: str) -> Figure:
    """Windows by true and predicted activity: the source's model beside the personalised one."""
    figure, axes = new_figure(1, 2, height=2.8, width=6.0, sharey=True)
    for axis, name, predicted in (
        (axes[0], "source only", seen.adaptation.base),
        (axes[1], "OptiMapper", seen.adaptation.predicted),
    ):
        counts = np.zeros((len(classes), len(classes)), dtype=int)
        np.add.at(counts, (seen.truth, predicted), 1)
        axis.imshow(counts, cmap="Blues")
        for i, k in zip(*np.nonzero(counts)):
            axis.text(
                k,
                i,
                str(counts[i, k]),
                ha="center",
                va="center",
                fontsize="x-small",
                color="white" if counts[i, k] > 0.6 * counts.max() else "black",
            )
        axis.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
        axis.set_yticks(range(len(classes)), classes)
        axis.set_title(f"{name}: {100 * (predicted == seen.truth).mean():.1f} % right")
        axis.set_xlabel("predicted")
    axes[0].set_ylabel("true activity, windows")
    data_line(figure, f"{note}, new subject {seen.subject}, {seen.share:.0%} of activities")
    return figure
