"""Tables and figures of what the arms reach: every metric, gains over the base, the pointing game."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from helpers.evaluation.intervals import crossed_seeds_subjects
from helpers.report.images import embedding_maps, half_width
from helpers.report.style import NEUTRAL, PALETTE, data_line, new_figure
from helpers.studies.fine_grained_synthesis.steps import METRICS, Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"synthesis": PALETTE[0], "base": PALETTE[1], "longer": PALETTE[4], "perturb_all": PALETTE[5],
           "perturb_random": PALETTE[2], "no_decoder_loss": PALETTE[3], "start": NEUTRAL}  # fmt: skip
MARKS = {"synthesis": "o", "base": "s", "longer": "D", "perturb_all": "^", "perturb_random": "v",
         "no_decoder_loss": "P", "start": "X"}  # fmt: skip


def species_table() -> pd.DataFrame:
    """What tells the drawn species apart."""
    from helpers.data.simulated.butterfly_species import SPECIES

    records = [{"species": s.name, "fore wing marks": s.fore, "hind wing marks": f"{s.accent} {s.hind}",
                "antennae": s.antennae, "tails": "yes" if s.tails else "no"} for s in SPECIES]  # fmt: skip
    return pd.DataFrame(records).set_index("species")


def scores_table(found: Comparison) -> pd.DataFrame:
    """Every metric on test images: per cent, mean ± half a 95 % interval over seeds, with the initialisation."""
    records = []
    for arm in found.arms():
        record = {"arm": found.names[arm], "initialisation": found.initialisation, "seeds": len(found.seeds_of(arm))}
        for metric, words in METRICS.items():
            record[f"{words}, %"] = mean_and_half(100 * found.means(arm, metric))
        records.append(record)
    return pd.DataFrame(records).set_index("arm")


def gains_table(found: Comparison) -> pd.DataFrame:
    """Differences to the base at equal updates, paired by seed and test image: points, 95 % interval."""
    records = []
    for arm in found.arms():
        if arm == "base":
            continue
        record = {"arm": found.names[arm], "initialisation": found.initialisation}
        seeds = [i for i, seed in enumerate(found.seeds) if (arm, seed) in found.runs]
        for metric, words in METRICS.items():
            difference = 100 * (found.scores(arm, metric) - found.scores("base", metric)[seeds])
            difference = difference[:, np.isfinite(difference).all(0)]
            text = f"{difference.mean():+.1f}"
            if len(seeds) > 1:
                interval = crossed_seeds_subjects(difference)
                text += f" ({interval.low:+.1f} to {interval.high:+.1f})"
            record[f"{words}, points"] = text
        records.append(record)
    return pd.DataFrame(records).set_index("arm")


def metrics_figure(found: Comparison, note: str) -> Figure:
    """Every metric for every arm: a dot a seed, the mean and, from three seeds on, its 95 % interval over them."""
    arms = found.arms()
    figure, axes = new_figure(1, len(METRICS), height=0.24 * len(arms) + 0.8, width=7.0, sharey=True)
    for axis, (metric, words) in zip(axes, METRICS.items(), strict=True):
        for i, arm in enumerate(arms):
            values = 100 * found.means(arm, metric)
            axis.scatter(values, np.full(len(values), i), s=9, color=COLOURS[arm], alpha=0.4, linewidths=0)
            axis.errorbar(values.mean(), i, xerr=interval_half(values), color=COLOURS[arm], marker=MARKS[arm],
                          markersize=5, capsize=2.5)  # fmt: skip
        axis.set_xlabel(f"{words} (%)", fontsize="small")
        axis.axvline(100 * found.means("base", metric).mean(), color=NEUTRAL, linestyle=":", linewidth=1)
        axis.margins(x=0.12)
    axes[0].set_yticks(range(len(arms)), [found.names[arm] for arm in arms])
    axes[0].invert_yaxis()
    data_line(figure, f"{note}; {found.initialisation}; dotted: the base method")
    return figure


def pointing_figure(found: Comparison, note: str) -> Figure:
    """Hits of the pointing game by arm, for both kinds of saliency, with the three kinds of chance."""
    arms = [arm for arm in found.arms() if found.pointing(arm, "hit") is not None]
    figure, axes = new_figure(1, 2, height=0.24 * len(arms) + 1.0, width=6.4, sharey=True)
    kinds = (("pointing", "saliency of the class"), ("pointing_label_free", "label-free saliency"))
    for axis, (kind, title) in zip(axes, kinds, strict=True):
        _pointing_lines(axis, found, arms, kind)
        axis.set_title(title, fontsize="small")
        axis.set_xlabel("peaks on a part (%)")
        axis.set_xlim(left=0)
    axes[0].set_yticks(range(len(arms)), [found.names[arm] for arm in arms])
    axes[0].invert_yaxis()
    handles, words = axes[1].get_legend_handles_labels()
    figure.legend(handles, words, loc="outside upper center", ncols=3, fontsize="x-small")
    data_line(figure, f"{note}; {found.initialisation}")
    return figure


def _pointing_lines(axis: Axes, found: Comparison, arms: list[str], kind: str) -> None:
    for i, arm in enumerate(arms):
        hit, other = found.pointing(arm, "hit", kind), found.pointing(arm, "other_chance", kind)
        assert hit is not None
        assert other is not None
        values = 100 * hit.mean(1)
        axis.errorbar(values.mean(), i, xerr=interval_half(values), color=COLOURS[arm], marker=MARKS[arm],
                      markersize=5, capsize=2.5)  # fmt: skip
        axis.plot(100 * other.mean(), i, marker="|", markersize=9, color=NEUTRAL,
                  label="peaks of other images' maps" if i == 0 else None, linestyle="none")  # fmt: skip
    chances = {"picture_chance": ("anywhere in the picture", ":"), "object_chance": ("anywhere on the object", "--")}
    for what, (words, style) in chances.items():
        value = found.pointing(arms[0], what, kind)
        assert value is not None
        axis.axvline(100 * value.mean(), color=NEUTRAL, linestyle=style, linewidth=1, label=words)


def maps(features: dict[str, np.ndarray], names: list[str], classes: np.ndarray, note: str) -> Figure:
    """t-SNE maps of test images before and after."""
    return embedding_maps(features, classes, [name.replace("_", " ")[:22] for name in names], note)


def mean_and_half(values: np.ndarray) -> str:
    """Values over seeds as ``mean ± half the 95 % interval``; the mean alone of fewer than three."""
    text = f"{values.mean():.1f}"
    return text if len(values) < 3 else f"{text} ± {interval_half(values):.1f}"


def interval_half(values: np.ndarray) -> float:
    """Half the 95 % interval of the mean over seeds; 0 of fewer than three, which say next to nothing of it."""
    return float(half_width(values[None])[0]) if len(values) > 2 else 0.0
