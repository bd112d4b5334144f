"""Pictures of whole slides: their regions in outline, predicted maps laid over them, and a window to zoom with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from helpers.data.slide import Slide, reduced
from helpers.report.style import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from helpers.evaluation.slide_maps import SlideMap

COLOURS = {"background": "#FFFFFF", "grey": PALETTE[4], "white": PALETTE[0]}


def small_slide(slide: Slide, longest: int) -> tuple[np.ndarray, int]:
    """A slide made so small that its longer side has at most ``longest`` pixels, uint8 (h, w, 3); and by how much."""
    downsample = max(1, -(-max(slide.width, slide.height) // longest))
    return reduced(slide, downsample), downsample


def show_slide(axis: Axes, pixels: np.ndarray) -> None:
    """Pixels (h, w, 3) without frame; overlays are drawn in their coordinates."""
    axis.imshow(pixels, interpolation="nearest", aspect="equal")
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)


def outline(axis: Axes, labels: np.ndarray, names: tuple[str, ...], width: float = 1.0, dashed: bool = False) -> None:
    """The borders of every region but the first on a picture that the grid of labels covers."""
    (left, right), (bottom, top) = axis.get_xlim(), axis.get_ylim()
    columns = left + (np.arange(labels.shape[1]) + 0.5) * (right - left) / labels.shape[1]
    rows = top + (np.arange(labels.shape[0]) + 0.5) * (bottom - top) / labels.shape[0]
    for k, name in enumerate(names):
        inside = (labels == k).astype(float)
        if k and 0 < inside.mean() < 1 and min(inside.shape) > 1:
            axis.contour(columns, rows, inside, levels=[0.5], colors=[COLOURS[name]], linewidths=width,
                         linestyles="--" if dashed else "-")  # fmt: skip


def coloured(probabilities: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """A map of probabilities (K, rows, columns) as a picture to lay over a slide, float (rows, columns, 4).

    A region is as opaque as the map is sure of it; the first class is clear.
    """
    from matplotlib.colors import to_rgb

    likeliest, sure = probabilities.argmax(0), probabilities.max(0)
    picture = np.zeros((*likeliest.shape, 4))
    for k, name in enumerate(names):
        mine = likeliest == k
        picture[mine, :3] = to_rgb(COLOURS[name])
        picture[mine, 3] = sure[mine] if k else 0.0
    return picture


def window(
    slide: Slide, found: SlideMap | None, across: float, down: float, zoom: float, pixels: int = 320
) -> tuple[np.ndarray, np.ndarray | None, float]:
    """A square window on a slide, as a viewer shows it: only what is seen is read.

    Args:
        slide: that is looked at.
        found: its predicted map; None for none.
        across, down: middle of the window, shares of the slide's width and height in [0, 1].
        zoom: 1 shows the slide's longer side, 8 an eighth of it; no further than one to one.
        pixels: side of the window on the screen.

    Returns:
        Pixels, uint8 (pixels, pixels, 3); the map's probabilities at each of them, (K, pixels, pixels), or None; and
        how many pixels of the slide one of the window is.
    """
    import cv2

    scale = max(1.0, max(slide.width, slide.height) / (zoom * pixels))
    side = round(scale * pixels)
    x, y = round(across * slide.width - side / 2), round(down * slide.height - side / 2)
    reader = getattr(slide, "read_reduced", None)
    if reader is not None:
        seen = reader(x / scale, y / scale, pixels, pixels, scale)
    elif side <= 2048:
        seen = cv2.resize(slide.read(x, y, side, side), (pixels, pixels), interpolation=cv2.INTER_AREA)
    else:
        whole, downsample = small_slide(slide, 2048)
        seen = _cut(whole, x / downsample, y / downsample, side / downsample, pixels, (255, 255, 255))
    if found is None:
        return seen, None, scale
    parts = [_cut(p, x / found.cell, y / found.cell, side / found.cell, pixels, float(k == 0))
             for k, p in enumerate(found.probabilities)]  # fmt: skip
    return seen, np.stack(parts), scale


def _cut(
    picture: np.ndarray, x: float, y: float, side: float, pixels: int, beyond: float | tuple[int, ...]
) -> np.ndarray:
    """A square of a picture at another size, with a value for what lies beyond its edge."""
    import cv2

    scale = side / pixels
    inverse = np.array([[scale, 0, x + scale / 2 - 0.5], [0, scale, y + scale / 2 - 0.5]])
    return cv2.warpAffine(np.ascontiguousarray(picture), inverse, (pixels, pixels),
                          flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_CONSTANT,
                          borderValue=beyond)  # fmt: skip
