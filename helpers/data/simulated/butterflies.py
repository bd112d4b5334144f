"""Drawn butterflies of twelve species that differ in a few parts alone, with exact masks of animal and parts.

What tells species apart are marks on the fore wings, marks on the hind wings and their colour, antennae and tails (see
:mod:`butterfly_species`). Wing colour, proportions, wear, pose, size, place, ground, light, focus, noise and, now and
then, a blade of grass in front vary within every species alike, so that none of them tells anything.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from helpers.data.cache import cached
from helpers.data.corpus import Corpus
from helpers.data.simulated.butterfly_species import NAMES, PARTS, SPECIES, WINGS, Pen, Species, draw_butterfly
from helpers.data.simulated.pest_scenes import GROUNDS, ground, in_the_way, photographed
from helpers.data.simulated.vector_drawing import Frame
from helpers.errors import StudyError
from helpers.progress import bar

GENERATOR = "butterflies:1"  # name and version: change it and every cached corpus is drawn anew


def draw_picture(species: Species, size: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """One picture of one specimen.

    Args:
        species: what is seen.
        size: side of the picture, pixels, >= 16; drawn at twice that and averaged.
        rng: of everything drawn.

    Returns:
        The picture, uint8 (3, size, size), and masks, uint8 (1 + parts, size, size), 0 or 1: the animal, then each of
        :data:`PARTS` that the species has, where it covers at least half of a pixel. What lies behind a blade of grass
        does not count.
    """
    side = 2 * size
    picture = ground(GROUNDS[int(rng.integers(2))], side, rng)
    turn, scale = rng.uniform(-0.6, 0.6), side * rng.uniform(0.72, 0.9)
    stretch = np.diag([np.exp(rng.normal(-0.05, 0.08)), np.exp(rng.normal(0, 0.05))])
    stretch = stretch @ np.array([[1.0, rng.normal(0, 0.05)], [0.0, 1.0]])
    turned = np.array([[np.cos(turn), np.sin(turn)], [np.sin(turn), -np.cos(turn)]])  # y ahead, the picture's y down
    centre = side / 2 + rng.uniform(-0.06, 0.06, 2) * side
    frame = Frame(centre, scale * turned @ stretch)
    family = list(WINGS.values())[int(rng.integers(len(WINGS)))]
    base = np.clip(np.asarray(family) * np.exp(rng.normal(0, 0.14)) * np.exp(rng.normal(0, 0.07, 3)), 20, 236)
    pen = Pen(side, frame, rng, tuple(base))
    draw_butterfly(species, pen)
    cover = pen.canvas.paint[..., 3:].astype(np.float32) / 255
    picture = _shadowed(picture, cover[..., 0], rng) * (1 - cover) + pen.canvas.paint[..., :3]
    seen = np.concatenate([cover, pen.map.paint[..., :3].astype(np.float32) / 255], axis=2)
    if rng.random() < 0.2:
        blade = in_the_way(side, centre, scale / 2, rng).astype(np.float32)
        picture = picture * (1 - blade[..., 3:] / 255) + blade[..., :3]
        seen = seen * (1 - blade[..., 3:] / 255)
    image = photographed(picture, size, rng)
    masks = cv2.resize(seen, (size, size), interpolation=cv2.INTER_AREA) >= 0.5
    return torch.from_numpy(image.transpose(2, 0, 1).copy()), torch.from_numpy(
        masks.transpose(2, 0, 1).astype(np.uint8)
    )


def _shadowed(picture: np.ndarray, cover: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The ground with the animal's soft shadow on it."""
    reach = len(picture) * 0.04
    shift = np.array([[1, 0, rng.uniform(-reach, reach)], [0, 1, rng.uniform(0, reach)]])
    moved = cv2.warpAffine(cover, shift, (len(picture), len(picture)))
    return picture * (1 - rng.uniform(0.2, 0.5) * cv2.GaussianBlur(moved, (0, 0), reach * 0.5)[..., None])


def draw_pictures(labels: Sequence[int] | np.ndarray, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Pictures of these species; picture i depends on its label, ``size``, ``seed`` and i alone.

    Args:
        labels: positions in :data:`SPECIES`, (n,).
        size: side, pixels, >= 16.
        seed: of everything drawn.

    Returns:
        Pictures, uint8 (n, 3, size, size), and masks, uint8 (n, 1 + parts, size, size), 0 or 1.
    """
    images = torch.empty(len(labels), 3, size, size, dtype=torch.uint8)
    masks = torch.empty(len(labels), 1 + len(PARTS), size, size, dtype=torch.uint8)
    with bar(len(labels), "drawing butterflies", "image") as shown:
        for i, label in enumerate(labels):
            images[i], masks[i] = draw_picture(SPECIES[int(label)], size, np.random.default_rng((seed, i)))
            shown.update()
    return images, masks


def drawn_butterflies(train: int = 1440, test: int = 480, size: int = 64, seed: int = 0) -> Corpus:
    """The drawn corpus, every species equally often.

    Args:
        train, test: pictures of each part, >= 12; rounded down to the same number a species.
        size: side, pixels, 16 to 512.
        seed: of everything drawn.

    Returns:
        A corpus whose ``load`` gives ``{"input": float32 (B, 3, size, size) in [0, 1], "object": float32 (B, 1, size,
        size), 0 or 1, "parts": float32 (B, 3, size, size), 0 or 1}``, a channel of ``parts`` for each of
        :data:`PARTS`, and whose bool column ``has_parts`` is True.

    Raises:
        StudyError: a number out of range.
    """
    count = len(SPECIES)
    if min(train, test) < count or not 16 <= size <= 512:
        raise StudyError(
            f"drawn butterflies need at least {count} training ({train}) and test ({test}) pictures and a size "
            f"({size}) of 16 to 512 pixels"
        )
    each = {"train": train // count, "test": test // count}
    labels = np.concatenate([np.repeat(np.arange(count), n) for n in each.values()])
    key: dict[str, object] = {"generator": GENERATOR, "labels": labels.tolist(), "size": size, "seed": seed}
    drawn = cached(key, lambda: dict(zip(("images", "masks"), draw_pictures(labels, size, seed), strict=True)))

    def load(rows: np.ndarray) -> dict[str, Tensor]:
        at = torch.as_tensor(np.asarray(rows))
        masks = drawn["masks"][at].float()
        return {"input": drawn["images"][at].float() / 255, "object": masks[:, :1], "parts": masks[:, 1:]}

    table = pd.DataFrame({"sample_id": [f"butterfly{i:05d}" for i in range(len(labels))]})
    table["subject"] = table["sample_id"]
    table["label"] = np.array(NAMES, dtype=object)[labels]
    table["split"] = np.repeat(list(each), [n * count for n in each.values()])
    table["has_parts"] = True
    return Corpus(
        name="butterflies",
        table=table,
        load=load,
        labels=("label",),
        licence="made here, same as the package's",
        source="drawn butterflies on drawn leaves and soil, one specimen a picture",
        simulated=True,
        fingerprint=f"{GENERATOR}/{train}/{test}/{size}/{seed}",
    )
