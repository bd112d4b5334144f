"""What a drawn slide is made of: random numbers of a place, repeating textures, and the stains of single cells.

Lengths are pixels of 2 µm. A stain's amount is an optical density; 0.3 of it lets half the light through.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
Gain = Callable[[Array, Array], Array]  # of a frequency's radius, cycles a pixel, and its direction
KINDS = ("neuron", "glia", "plaque", "vessel")  # a place's random numbers are the kind's own
REACH = 44  # pixels from an object's middle to its farthest stain


def place_numbers(seed: int, kind: int, i: Array, j: Array, count: int) -> Array:
    """Uniform numbers in [0, 1) that belong to places of a lattice, float64 (count, n).

    Args:
        seed: of the slide.
        kind: of the lattice; another kind has other numbers.
        i, j: column and row of the places, int64 (n,); the same place always has the same numbers.
        count: numbers a place.
    """
    state = np.uint64((seed * 0x9E3779B97F4A7C15 + kind * 0xD1B54A32D192ED03) % 2**64)
    places = i.astype(np.uint64) * np.uint64(0x8CB92BA72F3D8DD7) + j.astype(np.uint64) * np.uint64(0xABC98388FB8FAC03)
    found = np.empty((count, len(places)))
    for k in range(count):
        found[k] = (_mixed(places ^ _mixed(np.array([state + np.uint64(k)], dtype=np.uint64))) >> np.uint64(11)) / 2**53
    return found


def _mixed(z: Array) -> Array:
    """splitmix64's finaliser (Steele, Lea & Flood, OOPSLA 2014)."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def smooth_noise(seed: int, kind: int, x: Array, y: Array, spacing: float) -> Array:
    """Noise in [-1, 1] that changes over ``spacing`` pixels, at crossings of columns x and rows y, (len(y), len(x)).

    Values at lattice points, between them Perlin's fade: any rectangle of it can be had alone.
    """
    (i, u), (j, v) = _steps(x, spacing), _steps(y, spacing)
    columns, rows = np.arange(i.min(), i.max() + 2), np.arange(j.min(), j.max() + 2)
    gi, gj = np.meshgrid(columns, rows)
    values = 2 * place_numbers(seed, kind, gi.ravel(), gj.ravel(), 1)[0].reshape(gi.shape) - 1
    i, j = i - columns[0], j - rows[0]
    down = values[j] + v[:, None] * (values[j + 1] - values[j])  # (len(y), columns)
    return down[:, i] + u * (down[:, i + 1] - down[:, i])


def _steps(at: Array, spacing: float) -> tuple[Array, Array]:
    whole = np.floor(at / spacing).astype(np.int64)
    t = at / spacing - whole
    return whole, t * t * t * (t * (6 * t - 15) + 10)


@dataclass(frozen=True)
class Texture:
    """Noise of mean 0 and standard deviation 1 that repeats without a seam.

    Attributes:
        side: pixels after which it repeats.
        wrapped: float32 (side + margin, side + margin), the margin repeating the start.
    """

    side: int
    wrapped: Array

    def cut(self, x: int, y: int, width: int, height: int) -> Array:
        """A rectangle of it, at most as large as the margin, (height, width); a view."""
        i, j = x % self.side, y % self.side
        return self.wrapped[j : j + height, i : i + width]


@dataclass(frozen=True)
class Textures:
    """Textures of one slide: felt without direction, bundles of fibres in three directions, grain of the camera."""

    neuropil: Texture
    fibres: list[Texture]
    grain: Texture


def textures(rng: np.random.Generator, margin: int) -> Textures:
    """Draw a slide's textures; rectangles of up to ``margin`` pixels can be cut from them."""
    neuropil = _filtered(rng, 736, lambda r, _: np.exp(-((r / 0.16) ** 2)) / (r + 0.012) ** 0.9)
    main = rng.uniform(0, math.pi)
    fibres = [_filtered(rng, 480, _streaks(main + k * rng.uniform(0.5, 0.9))) for k in (-1, 0, 1)]
    grain = rng.standard_normal((512, 512)).astype(np.float32)
    return Textures(_wrapped(neuropil, margin), [_wrapped(f, margin) for f in fibres], _wrapped(grain, margin))


def _wrapped(noise: Array, margin: int) -> Texture:
    return Texture(len(noise), np.pad(noise, (0, margin), mode="wrap"))


def _streaks(angle: float) -> Gain:
    """A filter that keeps what is long along an angle and a few pixels wide across it."""

    def gain(r: Array, direction: Array) -> Array:
        along, across = r * np.cos(direction - angle), r * np.sin(direction - angle)
        band = np.exp(-(((np.abs(across) - 0.07) / 0.09) ** 2))
        return np.exp(-((along / (0.012 + 0.32 * np.abs(across))) ** 2)) * band

    return gain


def _filtered(rng: np.random.Generator, side: int, gain: Gain) -> Array:
    """White noise under a gain on frequencies (radius in cycles a pixel, direction)."""
    fy, fx = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    spectrum = np.fft.rfft2(rng.standard_normal((side, side))) * gain(np.hypot(fx, fy), np.arctan2(fy, fx))
    spectrum[0, 0] = 0
    noise = np.fft.irfft2(spectrum, s=(side, side))
    return (noise / noise.std()).astype(np.float32)


@dataclass(frozen=True)
class Sprite:
    """The stain of one cell, plaque or vessel on a small square.

    Attributes:
        haematoxylin, dab: optical densities, float32 (k, k), k odd; None for none.
        lumen: share of the tissue that is missing, float32 (k, k); None for none.
    """

    haematoxylin: Array | None = None
    dab: Array | None = None
    lumen: Array | None = None

    @property
    def radius(self) -> int:
        """Pixels from the middle to the edge of the square."""
        part = next(p for p in (self.haematoxylin, self.dab, self.lumen) if p is not None)
        return part.shape[0] // 2


def sprites(rng: np.random.Generator, amyloid_angiopathy: float, each: int = 48) -> list[list[Sprite]]:
    """A slide's stock of objects, a list for each of :data:`KINDS`.

    Args:
        rng: source of randomness.
        amyloid_angiopathy: chance that a vessel's wall carries amyloid, in [0, 1].
        each: objects of a kind.
    """
    makers = (_neuron, _glia, _plaque, lambda r: _vessel(r, amyloid_angiopathy))
    return [[make(rng) for _ in range(each)] for make in makers]


def _neuron(rng: np.random.Generator) -> Sprite:
    """A pale soma that tapers to its dendrite, with a large pale nucleus and a dark nucleolus."""
    size = rng.uniform(3.4, 6.0)
    along, across = _axes(13, rng.uniform(0, 2 * math.pi))
    taper = np.clip(1 - 0.45 * along / size, 0.12, 1.6)
    body = _edge(1 - np.hypot(along / (1.45 * size), across / (0.72 * size * taper)), 0.25)
    r = np.hypot(along, across)
    nucleus = _edge(1 - r / (0.55 * size), 0.3)
    nucleolus = np.exp(-((r / 0.85) ** 2))
    stain = rng.uniform(0.16, 0.34) * body + rng.uniform(-0.04, 0.06) * nucleus + rng.uniform(0.25, 0.5) * nucleolus
    return Sprite(haematoxylin=np.maximum(stain, 0).astype(np.float32))


def _glia(rng: np.random.Generator) -> Sprite:
    """A small nucleus: round and dark (oligodendrocyte), larger and paler (astrocyte), or a rod (microglia)."""
    kind = rng.choice(3, p=(0.55, 0.3, 0.15))
    length, width = ((1.9, 1.7), (2.6, 2.2), (3.4, 1.1))[kind]
    dark = (0.75, 0.42, 0.6)[kind] * rng.uniform(0.75, 1.25)
    along, across = _axes(6, rng.uniform(0, 2 * math.pi))
    nucleus = _edge(1 - np.hypot(along / (length * rng.uniform(0.85, 1.2)), across / width), 0.45)
    return Sprite(haematoxylin=(dark * nucleus).astype(np.float32))


def _plaque(rng: np.random.Generator) -> Sprite:
    """Amyloid: a diffuse cloud, or a dense core within a halo; both ragged."""
    cored = rng.random() < 0.4
    radius = rng.uniform(7, 13) if cored else rng.uniform(9, 22)
    half = min(REACH - 6, round(1.7 * radius))
    along, across = _axes(half, rng.uniform(0, 2 * math.pi))
    side = 2 * half + 1
    ragged = _filtered(rng, side + side % 2, lambda r, _: np.exp(-((r / 0.13) ** 2)))[:side, :side]
    r = np.hypot(along, across * rng.uniform(1.0, 1.3)) / radius * (1 + 0.16 * ragged)
    cloud = np.clip(1.15 - r, 0, None) ** 0.7 * (0.55 + 0.3 * ragged).clip(0.05, None)
    if cored:
        cloud = 0.5 * cloud + 1.1 * _edge(1 - 2.6 * r, 0.35)
    return Sprite(dab=(rng.uniform(0.45, 1.0) * cloud * _edge(1 - np.maximum(abs(along), abs(across)) / half, 0.08))
                  .astype(np.float32))  # fmt: skip


def _vessel(rng: np.random.Generator, amyloid_angiopathy: float) -> Sprite:
    """An empty lumen, a thin wall with rod-shaped nuclei, sometimes amyloid in the wall."""
    radius = min(26.0, rng.lognormal(2.0, 0.6))
    half = round(radius + 7)
    along, across = _axes(half, rng.uniform(0, 2 * math.pi))
    r = np.hypot(along, across * rng.uniform(1.0, 2.2))
    lumen = _edge((radius - r) / 3, 0.5)
    wall = np.exp(-(((r - radius - 1.2) / 1.5) ** 2))
    around = np.arctan2(across, along)
    nuclei = wall * np.clip(np.cos(rng.integers(3, 9) * around + rng.uniform(0, 6)) - 0.55, 0, None) * 1.3
    amyloid = (
        wall * rng.uniform(0.6, 1.2) * (0.7 + 0.3 * np.cos(2 * around)) if rng.random() < amyloid_angiopathy else 0
    )
    return Sprite((0.16 * wall + nuclei).astype(np.float32), (0.05 * wall + amyloid).astype(np.float32),
                  lumen.astype(np.float32))  # fmt: skip


def _axes(half: int, angle: float) -> tuple[Array, Array]:
    """Coordinates along and across an angle on a square of 2·half + 1 pixels."""
    x, y = np.meshgrid(np.arange(-half, half + 1.0), np.arange(-half, half + 1.0))
    return x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)


def _edge(level: Array, softness: float) -> Array:
    """0 where the level is below 0, 1 where it is above, and in between over the softness."""
    t = np.clip(level / softness * 0.5 + 0.5, 0, 1)
    return t * t * (3 - 2 * t)
