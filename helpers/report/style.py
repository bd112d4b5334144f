"""The house style of every figure: one theme, one colour-blind-safe palette, small PNGs."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's palette (Color Universal Design, 2008), told apart under all common colour deficiencies.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
NEUTRAL = "#767676"  # baselines that are only there for scale, reference marks, the paper's own numbers
SEQUENTIAL = "cividis"
DIVERGING = "PuOr"


def new_figure(
    rows: int = 1, columns: int = 1, height: float = 3.2, width: float = 8.0, **options: Any
) -> tuple[Figure, Any]:
    """A figure in the house style, as wide as a page.

    Args:
        rows, columns: of the grid of axes.
        height, width: of the whole figure, inches.
        options: passed to ``matplotlib.figure.Figure.subplots`` (``sharex``, ``width_ratios`` in ``gridspec_kw``, …).

    Returns:
        The figure and its axes, as ``subplots`` returns them. It belongs to no global state, so nothing shows it
        twice and nothing has to close it.
    """
    import matplotlib as mpl
    import seaborn as sns
    from matplotlib.figure import Figure

    sns.set_theme(context="notebook", style="ticks", palette=list(PALETTE), font_scale=0.8)
    mpl.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
                         "axes.titlesize": "medium", "axes.grid": False, "image.cmap": SEQUENTIAL})  # fmt: skip
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def data_line(figure: Figure, note: str) -> None:
    """Say under a figure which corpus it comes from and whether that is real or simulated."""
    figure.supxlabel(f"data: {note}", fontsize="x-small", color=NEUTRAL, x=0.99, ha="right")


def reference_mark(axes: Axes, value: float, words: str, horizontal: bool = True) -> None:
    """A dashed grey line for a paper's own number, with its words written on it."""
    if horizontal:
        axes.axhline(value, color=NEUTRAL, linestyle="--", linewidth=1)
        axes.text(0.99, value, words, color=NEUTRAL, fontsize="x-small", ha="right", va="bottom",
                  transform=axes.get_yaxis_transform())  # fmt: skip
    else:
        axes.axvline(value, color=NEUTRAL, linestyle="--", linewidth=1)
        axes.text(value, 0.99, words, color=NEUTRAL, fontsize="x-small", ha="right", va="top", rotation=90,
                  transform=axes.get_xaxis_transform())  # fmt: skip


def png(figure: Figure, dpi: int = 110) -> bytes:
    """A figure as a PNG of at most 256 colours, which keeps a notebook's pictures small."""
    from PIL import Image

    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi)
    drawn.seek(0)
    small = io.BytesIO()
    with Image.open(drawn) as image:
        image.convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
            small, format="PNG", optimize=True
        )
    return small.getvalue()


def picture(drawn: bytes, alt: str) -> Any:
    """PNG bytes as something a notebook shows, with a text for those who cannot see it."""
    from IPython.display import Image

    return Image(data=drawn, format="png", alt=alt)
