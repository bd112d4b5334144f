"""Drawn amyloid-β slides: brain sections in haematoxylin and DAB, grey and white matter with exact masks.

A slide is a function of its seed: any rectangle of it can be drawn alone, so one of 20,000 × 20,000 pixels never
stands in memory. A section has a folded outline, a cortex of grey matter under it, white matter within, and now and
then a deep nucleus of grey matter and a ventricle. Grey matter holds neurons in layers, white matter fibres and many
glia; plaques lie mostly in grey matter. Tint alone does not tell them apart from slide to slide: stain, thickness,
plaque load and scanner are the slide's own. One pixel is 2 µm wide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from helpers.data.simulated.slide_tissue import (
    REACH,
    Array,
    Sprite,
    Textures,
    place_numbers,
    smooth_noise,
    sprites,
    textures,
)
from helpers.errors import StudyError

GENERATOR = "amyloid_slides:1"  # change the number with every change of what is drawn
REGIONS = ("background", "grey", "white")
SCANNERS = ("A", "B", "C")
SMALLEST = 256  # pixels
_BLOCK = 512  # a slide is drawn in whole squares of this side, so that every rectangle shows the same pixels
_NODE = 8  # pixels between the points at which regions are computed; linear between them
_PAD = REACH + 4
_SPACING = (21, 12, 74, 150)  # pixels between the places of each of slide_tissue.KINDS
_BLEND = 14.0  # pixels over which grey matter turns into white
# Optical densities in red, green and blue of haematoxylin and DAB (Ruifrok & Johnston 2001), each of length 1.
_HAEMATOXYLIN, _DAB = np.array([0.65, 0.70, 0.29]), np.array([0.27, 0.57, 0.78])


@dataclass(frozen=True)
class SlideTraits:
    """What is a slide's own. Lengths are shares of the section's half-axes.

    Attributes:
        axes: half-axes of the section, shares of width and height.
        waves: amplitude, frequency and phase of the outline, (n, 3).
        folds: angle, depth and width of each sulcus, (n, 3).
        cortex: thickness of the cortex.
        nucleus, ventricle: x, y, half-axes of each; None where there is none.
        haematoxylin, dab: strength of the stains.
        tints: haematoxylin and DAB of bare grey and white matter, (2, 2), optical density.
        neurons, glia, plaques: densities, 1 the usual.
        fibres: contrast of the fibres.
        angiopathy: share of vessels with amyloid.
        vectors: colour of the two stains, (2, 3), optical density.
        scanner: position in :data:`SCANNERS`.
        white: light through bare glass, (3,), shares of full scale.
        gamma, blur, noise: of the scanner; blur in pixels, noise a share of full scale.
    """

    axes: tuple[float, float]
    waves: Array
    folds: Array
    cortex: float
    nucleus: tuple[float, float, float, float] | None
    ventricle: tuple[float, float, float, float] | None
    haematoxylin: float
    dab: float
    tints: Array
    neurons: float
    glia: float
    plaques: float
    fibres: float
    angiopathy: float
    vectors: Array
    scanner: int
    white: Array
    gamma: float
    blur: float
    noise: float


class SimulatedSlide:
    """A drawn slide; the same arguments give the same pixels.

    Args:
        seed: of everything drawn, >= 0.
        width, height: pixels, >= 256.
        tissue: False for an empty glass.

    Raises:
        StudyError: a side below 256 pixels or a negative seed.
    """

    def __init__(self, seed: int, width: int, height: int, tissue: bool = True) -> None:
        if min(width, height) < SMALLEST or seed < 0:
            raise StudyError(
                f"a drawn slide needs sides ({width}×{height}) >= {SMALLEST} pixels and a seed ({seed}) >= 0"
            )
        self.seed, self.width, self.height, self.tissue = seed, width, height, tissue
        self.name = f"drawn{seed:05d}"
        rng = np.random.default_rng((seed, 11))
        self.traits = _traits(rng)
        self._stock: tuple[Textures, list[list[Sprite]]] | None = None
        self._block = lru_cache(maxsize=16)(self._draw_block)

    def read(self, x: int, y: int, width: int, height: int) -> Array:
        """Pixels of a rectangle, uint8 (height, width, 3), RGB; white beyond the slide's edge."""
        found = np.full((height, width, 3), 255, dtype=np.uint8)
        for top in range(max(y, 0) // _BLOCK * _BLOCK, min(y + height, self.height), _BLOCK):
            for left in range(max(x, 0) // _BLOCK * _BLOCK, min(x + width, self.width), _BLOCK):
                y0, y1 = max(top, y, 0), min(top + _BLOCK, y + height, self.height)
                x0, x1 = max(left, x, 0), min(left + _BLOCK, x + width, self.width)
                block = self._block(left, top)
                found[y0 - y : y1 - y, x0 - x : x1 - x] = block[y0 - top : y1 - top, x0 - left : x1 - left]
        return found

    def regions(self, x: int, y: int, width: int, height: int, step: int = 1) -> Array:
        """The region of every ``step``-th pixel of a rectangle, uint8, positions in :data:`REGIONS`.

        The pixels are those in the middle of squares of ``step``; (ceil(height / step), ceil(width / step)).
        """
        columns = np.arange(x + step // 2, x + width + step // 2, step)
        rows = np.arange(y + step // 2, y + height + step // 2, step)
        tissue, white = self._between_nodes(columns, rows)
        return np.where(tissue <= 0, 0, np.where(white > 0, 2, 1)).astype(np.uint8)

    def _between_nodes(self, columns: Array, rows: Array) -> tuple[Array, Array]:
        """How deep in the tissue, and how deep in white matter, pixels, (len(rows), len(columns)) each."""
        i, u = columns // _NODE, ((columns % _NODE) / _NODE).astype(np.float32)
        j, v = rows // _NODE, ((rows % _NODE) / _NODE).astype(np.float32)
        ui, uj = np.unique(np.concatenate([i, i + 1])), np.unique(np.concatenate([j, j + 1]))
        found = []
        for field in self._depths(ui * float(_NODE), uj * float(_NODE)):
            upper, lower = field[np.searchsorted(uj, j)], field[np.searchsorted(uj, j + 1)]
            down = upper + v[:, None] * (lower - upper)
            left, right = down[:, np.searchsorted(ui, i)], down[:, np.searchsorted(ui, i + 1)]
            found.append(left + u * (right - left))
        return found[0], found[1]

    def _depths(self, x: Array, y: Array) -> tuple[Array, Array]:
        """The same at the crossings of columns x and rows y, pixels, float32."""
        t = self.traits
        if not self.tissue:
            nothing = np.full((len(y), len(x)), -100.0, dtype=np.float32)
            return nothing, nothing
        small = min(self.width, self.height)
        spacing = small / 5
        bend = 0.05 * small
        px = x + bend * (
            smooth_noise(self.seed, 101, x, y, spacing) + 0.35 * smooth_noise(self.seed, 102, x, y, spacing / 3)
        )
        py = y[:, None] + bend * (
            smooth_noise(self.seed, 103, x, y, spacing) + 0.35 * smooth_noise(self.seed, 104, x, y, spacing / 3)
        )
        u = (px - self.width / 2) / (t.axes[0] * self.width)
        v = (py - self.height / 2) / (t.axes[1] * self.height)
        scale = min(t.axes[0] * self.width, t.axes[1] * self.height)
        radius, angle = np.hypot(u, v), np.arctan2(v, u)
        outline = 1 + sum(a * np.cos(round(k) * angle + phase) for a, k, phase in t.waves)
        pia, border = outline, outline - t.cortex
        for at, depth, breadth in t.folds:
            away = np.abs((angle - at + math.pi) % (2 * math.pi) - math.pi)
            pia = pia - depth * np.exp(-((away / breadth) ** 2))
            border = border - (depth + 0.3 * t.cortex) * np.exp(-((away / (breadth + 0.8 * t.cortex)) ** 2))
        tissue, white = (pia - radius) * scale, (border - radius) * scale
        for part in (t.nucleus, t.ventricle):
            if part is not None:
                inside = (1 - np.hypot((u - part[0]) / part[2], (v - part[1]) / part[3])) * min(part[2:]) * scale
                if part is t.ventricle:
                    tissue = np.minimum(tissue, -inside)
                else:
                    white = np.minimum(white, -inside)
        return tissue.astype(np.float32), white.astype(np.float32)

    def _draw_block(self, left: int, top: int) -> Array:
        """One whole square, uint8 (512, 512, 3)."""
        import cv2

        t = self.traits
        if self._stock is None:
            rng = np.random.default_rng((self.seed, 12))
            self._stock = textures(rng, _BLOCK + 2 * _PAD), sprites(rng, t.angiopathy)
        felt = self._stock[0]
        x, y, side = left - _PAD, top - _PAD, _BLOCK + 2 * _PAD
        tissue, white = self._between_nodes(np.arange(x, x + side), np.arange(y, y + side))
        here = _step(tissue / 7 + 0.4)  # 1 in tissue
        if here.max() > 0:
            density = self._bare(x, y, here, _step(white / _BLEND + 0.5), felt)
            self._stamp(density, x, y, tissue, white)
        else:
            density = np.zeros((2, side, side), dtype=np.float32)
        self._dirty_glass(density, x, y)
        absorbed = cv2.transform(np.dstack(list(density)), (-math.log(10) * t.vectors.T).astype(np.float32))
        light = cv2.GaussianBlur(cv2.exp(absorbed), (0, 0), t.blur)[_PAD:-_PAD, _PAD:-_PAD]
        shift = place_numbers(self.seed, 105, np.array([left]), np.array([top]), 2)[:, 0] * 512
        grain = felt.grain.cut(int(shift[0]), int(shift[1]), _BLOCK, _BLOCK)[..., None]
        seen = cv2.pow(light, t.gamma) * (255 * t.white).astype(np.float32) + np.float32(255 * t.noise) * grain
        return np.rint(seen.clip(0, 255)).astype(np.uint8)

    def _bare(self, x: int, y: int, here: Array, share: Array, felt: Textures) -> Array:
        """Stains of the tissue without its cells, float32 (2, side, side)."""
        t, side = self.traits, len(here)
        inside = slice(0, side)
        coarse = np.arange(0, side + 32.0, 32)
        turn = _linear(smooth_noise(self.seed, 106, x + coarse, y + coarse, 420.0), 32)[inside, inside]
        patch = _linear(smooth_noise(self.seed, 107, x + coarse, y + coarse, 700.0), 32)[inside, inside]
        here = here * (1 + np.float32(0.16) * patch)
        grey, white = t.tints.astype(np.float32)
        if share.min() == 1:
            cortex = [np.float32(0)] * 2
        else:
            neuropil = (1 - share) * (1 + np.float32(0.22) * felt.neuropil.cut(x, y, side, side))
            cortex = [neuropil * grey[k] for k in range(2)]
        if share.max() == 0:
            return np.stack([here * np.maximum(cortex[k], 0) for k in range(2)])
        first = np.clip(np.float32(0.5) - np.float32(1.5) * turn, 0, 1)
        bundles = [fibres.cut(x, y, side, side) for fibres in felt.fibres]
        strands = bundles[2] + first * (bundles[0] - bundles[2])
        strands += np.float32(1.2) * first * (1 - first) * bundles[1]
        fibrous = share * (1 + np.float32(t.fibres) * strands)
        return np.stack([here * np.maximum(cortex[k] + fibrous * white[k], 0) for k in range(2)])

    def _stamp(self, density: Array, x: int, y: int, tissue: Array, white: Array) -> None:
        """Add every object whose middle lies in the square."""
        assert self._stock is not None
        t, side = self.traits, density.shape[-1]
        for kind, spacing in enumerate(_SPACING):
            i, j = _places(x, y, side, spacing)
            numbers = place_numbers(self.seed, kind, i, j, 4)
            column = np.floor((i + numbers[0]) * spacing).astype(np.int64) - x
            row = np.floor((j + numbers[1]) * spacing).astype(np.int64) - y
            inside = (column >= 0) & (column < side) & (row >= 0) & (row < side)
            column, row, numbers = column[inside], row[inside], numbers[:, inside]
            present = numbers[2] < self._chance(kind, column + x, row + y, tissue[row, column], white[row, column])
            stock = self._stock[1][kind]
            which = (numbers[3, present] * len(stock)).astype(int)
            for at_x, at_y, one in zip(column[present].tolist(), row[present].tolist(), which.tolist(), strict=True):
                _add(density, stock[one], at_x, at_y, (t.haematoxylin, t.dab))

    def _chance(self, kind: int, x: Array, y: Array, tissue: Array, white: Array) -> Array:
        """Chance that a place of a kind of object is taken, (n,), by its depths in the tissue and in white matter."""
        t = self.traits
        share = _step(white / (2 * _BLEND) + 0.5)
        if kind == 0:
            depth = tissue / (t.cortex * min(t.axes[0] * self.width, t.axes[1] * self.height))
            layers = np.clip((depth - 0.10) / 0.12, 0, 1) * (0.75 + 0.25 * np.cos(9 * depth))
            chance = 0.62 * t.neurons * layers * (1 - share) + 0.02 * share
        elif kind == 1:
            chance = t.glia * (0.26 * (1 - share) + 0.62 * share)
        elif kind == 2:
            patchy = np.clip(0.4 + 1.5 * place_numbers(self.seed, 108, x // 600, y // 600, 1)[0], 0, 2)
            chance = t.plaques * patchy * (0.42 * (1 - share) + 0.03 * share)
        else:
            chance = np.full(len(x), 0.45)
        return chance * (tissue > (4, 2, 16, 20)[kind])

    def _dirty_glass(self, density: Array, x: int, y: int) -> None:
        """Specks of dust and stain on the slide, tissue or not."""
        side, spacing = density.shape[-1], 170
        i, j = _places(x, y, side, spacing)
        numbers = place_numbers(self.seed, 109, i, j, 5)
        r = 1.2 + 4 * numbers[3]
        cx, cy = (i + numbers[0]) * spacing - x, (j + numbers[1]) * spacing - y
        near = (numbers[2] < 0.12) & (cx > -r) & (cx < side + r) & (cy > -r) & (cy < side + r)
        for k in np.flatnonzero(near):
            x0, y0 = max(int(cx[k] - r[k]), 0), max(int(cy[k] - r[k]), 0)
            columns = np.arange(x0, min(int(cx[k] + r[k]) + 2, side)) - cx[k]
            rows = np.arange(y0, min(int(cy[k] + r[k]) + 2, side))[:, None] - cy[k]
            speck = np.clip(1.2 - np.hypot(columns, rows * (1 + numbers[3, k])) / r[k], 0, 1)
            density[int(numbers[4, k] < 0.5), y0 : y0 + len(rows), x0 : x0 + len(columns)] += 0.5 * speck


@lru_cache(maxsize=8)
def simulated_slide(seed: int, width: int, height: int) -> SimulatedSlide:
    """A drawn slide, remembered."""
    return SimulatedSlide(seed, width, height)


def _add(density: Array, sprite: Sprite, x: int, y: int, strength: tuple[float, float]) -> None:
    """Lay an object's stain over a square, its middle at (x, y); what falls outside is cut off."""
    r, (height, width) = sprite.radius, density.shape[1:]
    x0, x1, y0, y1 = max(x - r, 0), min(x + r + 1, width), max(y - r, 0), min(y + r + 1, height)
    cut = (slice(y0 - y + r, y1 - y + r), slice(x0 - x + r, x1 - x + r))
    place = (slice(y0, y1), slice(x0, x1))
    if sprite.lumen is not None:
        density[(slice(None), *place)] *= 1 - sprite.lumen[cut]
    for k, part in enumerate((sprite.haematoxylin, sprite.dab)):
        if part is not None:
            density[(k, *place)] += strength[k] * part[cut]


def _places(x: int, y: int, side: int, spacing: int) -> tuple[Array, Array]:
    """Column and row of every place of a lattice that a square overlaps, (n,) each."""
    i, j = np.meshgrid(
        np.arange(x // spacing, (x + side) // spacing + 1), np.arange(y // spacing, (y + side) // spacing + 1)
    )
    return i.ravel(), j.ravel()


def _linear(values: Array, gap: int) -> Array:
    """Values ``gap`` pixels apart, (n, m), and what lies linearly between them, ((n − 1)·gap, (m − 1)·gap) float32."""
    values, t = values.astype(np.float32), (np.arange(gap) / gap).astype(np.float32)
    down = (values[:-1, None] + t[:, None] * (values[1:, None] - values[:-1, None])).reshape(-1, values.shape[1])
    return (down[:, :-1, None] + t * (down[:, 1:, None] - down[:, :-1, None])).reshape(len(down), -1)


def _step(t: Array) -> Array:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def _traits(rng: np.random.Generator) -> SlideTraits:
    folds = rng.integers(4, 8)
    angles = np.linspace(0, 2 * math.pi, folds, endpoint=False) + rng.uniform(-0.25, 0.25, folds) + rng.uniform(0, 6)
    cortex = rng.uniform(0.21, 0.30)
    scanner = int(rng.integers(len(SCANNERS)))
    machine = np.random.default_rng((7, scanner))  # what all slides of a scanner share
    white = np.clip(machine.uniform(0.88, 0.98) * machine.uniform(0.95, 1.0, 3) * rng.uniform(0.98, 1.02, 3), 0, 0.99)
    vectors = np.stack([_HAEMATOXYLIN, _DAB]) * (1 + 0.12 * machine.standard_normal((2, 3)) * 0.6)
    vectors = vectors * (1 + 0.07 * rng.standard_normal((2, 3)))
    base = rng.uniform(0.07, 0.17)
    contrast = rng.uniform(-0.35, 0.35)  # of white over grey matter, of either sign
    dab = rng.uniform(0.02, 0.09)
    return SlideTraits(
        axes=(rng.uniform(0.40, 0.45), rng.uniform(0.38, 0.44)),
        waves=np.array([[rng.uniform(0.0, 0.16 / k), k, rng.uniform(0, 2 * math.pi)] for k in (2, 3, 5, 7)]),
        folds=np.stack([angles, rng.uniform(0.12, 0.45, folds), rng.uniform(0.03, 0.08, folds)], axis=1),
        cortex=cortex,
        nucleus=(rng.uniform(-0.2, 0.2), rng.uniform(-0.2, 0.2), rng.uniform(0.13, 0.22), rng.uniform(0.11, 0.18))
        if rng.random() < 0.6 else None,
        ventricle=(rng.uniform(-0.3, 0.3), rng.uniform(0.2, 0.35), rng.uniform(0.06, 0.13), rng.uniform(0.03, 0.07))
        if rng.random() < 0.5 else None,
        haematoxylin=rng.uniform(0.6, 1.45),
        dab=rng.uniform(0.6, 1.4),
        tints=np.array([[base, dab * rng.uniform(0.7, 1.3)], [base * (1 + contrast), dab * rng.uniform(0.7, 1.3)]]),
        neurons=rng.uniform(0.6, 1.2),
        glia=rng.uniform(0.65, 1.25),
        plaques=rng.uniform(0, 1.3) * (rng.random() < 0.85),
        fibres=rng.uniform(0.04, 0.18),
        angiopathy=rng.uniform(0, 0.6),
        vectors=vectors,
        scanner=scanner,
        white=white,
        gamma=machine.uniform(0.85, 1.2) * rng.uniform(0.97, 1.03),
        blur=machine.uniform(0.5, 0.95) * rng.uniform(0.85, 1.3),
        noise=machine.uniform(0.006, 0.016),
    )  # fmt: skip
