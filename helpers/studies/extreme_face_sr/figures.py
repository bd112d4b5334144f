"""Figures of the data, the camera, the generator and the restored faces, in the house style."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from helpers.methods.latent_search import Bank
from helpers.report.images import in_a_row, show_pixels, whole_epochs
from helpers.report.style import PALETTE, data_line, new_figure
from helpers.studies.extreme_face_sr.arms import Prior, faces_of, taken
from helpers.studies.extreme_face_sr.people import Settings, pictures_of
from helpers.studies.extreme_face_sr.steps import Comparison
from helpers.views.degradation import shrunk

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINES = {"low": "low resolution", "middle": "after step 1", "two_steps": "two steps", "truth": "truth",
         "bicubic": "bicubic", "one_step": "one-step\nregression", "latent_search": "latent search\nfrom LR",
         "without_step_one": "without\nstep 1", "without_interpolation": "without\ninterpolation"}  # fmt: skip


def picture_lines(lines: Sequence[tuple[str, Tensor]], note: str, side: int = 48) -> Figure:
    """Rows of pictures with a name at the left.

    Args:
        lines: name and pictures (n, 3, H, W) in [0, 1], n alike; sides may differ: small ones keep their pixels.
        note: which data.
        side: at which they are shown, pixels.
    """
    count = len(lines[0][1])
    figure, axis = new_figure(1, 1, height=0.35 * len(lines) + 0.35, width=0.35 * count + 1.4)
    show_pixels(axis, torch.cat([in_a_row(_at(pictures, side)) for _, pictures in lines]))
    axis.set_yticks([side * (i + 0.5) for i in range(len(lines))], [name for name, _ in lines], fontsize="x-small")
    axis.tick_params(left=False)
    data_line(figure, note)
    return figure


def faces_figure(settings: Settings, note: str, count: int = 9) -> Figure:
    """Faces at high resolution, and other people's as a hidden camera took them: no face is in both lines."""
    corpus, pools = faces_of(settings)
    shot = taken(settings, max(4, settings["image_size"] // 8), 0)
    lines = [("learned from", pictures_of(corpus, pools.high[:count])), ("seen at LR only", shot.low[:count])]
    return picture_lines(lines, note)


def camera_figure(settings: Settings, factors: Sequence[int], note: str, strength: float | None = None) -> Figure:
    """The same faces through two hidden cameras, beside plain averaging of pixels."""
    corpus, pools = faces_of(settings)
    some = slice(0, 6)
    lines = [("truth", pictures_of(corpus, pools.test)[some])]
    for factor in factors:
        lines.append((f"averaged ×{factor}", shrunk(lines[0][1], factor)))
        lines += [(f"camera {seed}, ×{factor}", taken(settings, factor, seed, strength).test[some]) for seed in (0, 1)]
    return picture_lines(lines, note)


def prior_curves(prior: Prior, note: str) -> Figure:
    """Reconstruction, distance of the mapping's styles, and the adversarial game over epochs."""
    shown = [("rebuilt", "reconstruction"), ("mapping", "distance of\nstyles"), ("told", "adversarial\nlosses")]
    figure, axes = new_figure(1, 3, height=2.1, width=6.8)
    for axis, (key, words) in zip(axes, shown, strict=True):
        pairs = [(key, PALETTE[0], "discriminator")] + ([("fooled", PALETTE[1], "generator")] if key == "told" else [])
        for name, colour, label in pairs:
            rows = [row for row in prior.epochs if name in row]
            x, y = [row["epoch"] for row in rows], [row[name] for row in rows]
            axis.plot(x, y, color=colour, label=label, marker="o", markersize=3)
        axis.set_ylabel(words)
        whole_epochs(axis)
        axis.set_xlim(0.5, len(prior.epochs) + 0.5)
        axis.set_ylim(bottom=0)
    if any("told" in row for row in prior.epochs):
        axes[2].legend(fontsize="x-small")
    data_line(figure, note)
    return figure


@torch.no_grad()
def drawn_figure(prior: Prior, bank: Bank, note: str, count: int = 8) -> Figure:
    """Faces that the generator draws, as they are and truncated, down to the mean face."""
    styles = bank.styles[:count]
    lines = [
        (f"ψ = {psi:g}", prior.generator(prior.generator.truncated(styles, psi)).clamp(0, 1).cpu())
        for psi in (1.0, 0.5, 0.0)
    ]
    return picture_lines(lines, note)


def first_step_figure(comparison: Comparison, note: str) -> Figure:
    """CycleGAN's losses over epochs, a line a seed, at each factor."""
    figure, axes = new_figure(1, 3, height=2.1, width=6.8)
    shown = [("cycle", "cycle loss"), ("identity", "identity loss"), ("told", "judges' loss")]
    for axis, (key, words) in zip(axes, shown, strict=True):
        for i, factor in enumerate(comparison.factors):
            for j, seed in enumerate(comparison.seeds):
                rows = comparison.runs[factor, seed]["step_one"]["log"]
                axis.plot([row["epoch"] for row in rows], [row[key] for row in rows], color=PALETTE[i], linewidth=1,
                          linestyle=("-", "--", ":")[i % 3], label=f"×{factor}" if j == 0 else None)  # fmt: skip
        axis.set_ylabel(words)
        whole_epochs(axis)
        axis.set_ylim(bottom=0)
    axes[0].legend(fontsize="x-small")
    data_line(figure, note)
    return figure


def strips(
    comparison: Comparison, factor: int, which: Sequence[str], note: str, seed: int | None = None, count: int = 8
) -> Figure:
    """Test faces, a line a stage or method, from the low resolution to the truth."""
    run = comparison.runs[factor, comparison.seeds[0] if seed is None else seed]
    chosen = spread_over(comparison.groups, count)
    lines = []
    for name in which:
        stored = run[name] if name in ("low", "middle", "truth") else run[name]["pictures"]
        words = f"low, ×{factor}" if name == "low" else LINES[name]
        lines.append((words, stored[torch.as_tensor(chosen)].float() / 255))
    return picture_lines(lines, note)


def spread_over(groups: np.ndarray, count: int) -> np.ndarray:
    """Positions of a few faces, of all groups in turn."""
    order = np.argsort(groups, kind="stable")
    return order[np.unique(np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int))]


def _at(pictures: Tensor, side: int) -> Tensor:
    """Pictures at a side: shrunk by area, or with their pixels as squares."""
    mode = "area" if pictures.shape[-1] > side else "nearest"
    return torch.nn.functional.interpolate(pictures, (side, side), mode=mode)
