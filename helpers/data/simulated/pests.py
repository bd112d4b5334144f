"""Drawn insect pests: 22 species on leaves and soil, with a long tail and exact foreground masks.

A specimen has its own colour, proportions, pose, size, heading and place; a picture its own ground, debris, light,
focus, noise and, now and then, a blade of grass across the animal. Species share families of colour: what tells them
apart is shape and pattern. One exception is in the nature of the thing: the leaf miner, drawn with the mine it has
eaten, is always on a leaf.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from helpers.data.cache import cached
from helpers.data.corpus import Corpus
from helpers.data.simulated import pest_species as crawling
from helpers.data.simulated import pest_species_winged as winged
from helpers.data.simulated.pest_scenes import GROUNDS, ground, in_the_way, photographed
from helpers.data.simulated.pest_species import COLOURS, Specimen
from helpers.data.simulated.vector_drawing import Canvas, Frame
from helpers.errors import StudyError
from helpers.progress import bar

GENERATOR = "pests:2"  # name and version: change it and every cached corpus is drawn anew
MIN_TEST = 8  # test images of the rarest species


@dataclass(frozen=True)
class Species:
    """A drawn species.

    Attributes:
        name: in plain words.
        draw: draws one specimen.
        colours: families in :data:`pest_species.COLOURS`, each as likely as the other.
    """

    name: str
    draw: Callable[[Specimen], None]
    colours: tuple[str, ...]


# From the most common in the corpus to the rarest.
SPECIES = (
    Species("aphid", crawling.aphid, ("green", "black", "yellow", "olive", "rust")),
    Species("ant", crawling.ant, ("black", "brown", "rust", "red")),
    Species("fly", winged.fly, ("grey", "black", "green", "blue", "brown")),
    Species("planthopper", winged.planthopper, ("brown", "tan", "green", "grey")),
    Species("caterpillar", crawling.caterpillar, ("green", "brown", "black", "yellow", "tan")),
    Species("moth", winged.moth, ("brown", "grey", "tan", "rust", "olive")),
    Species("beetle", crawling.beetle, ("black", "brown", "green", "rust", "blue")),
    Species("stink bug", crawling.stink_bug, ("green", "brown", "grey", "olive", "rust")),
    Species("thrips", crawling.thrips, ("yellow", "black", "brown", "tan")),
    Species("leaf miner", winged.leaf_miner, ("yellow", "green", "pale", "tan")),
    Species("grasshopper", winged.grasshopper, ("green", "brown", "tan", "olive")),
    Species("ladybird", crawling.ladybird, ("red", "rust", "yellow", "black", "tan")),
    Species("mite", crawling.mite, ("red", "yellow", "green", "rust", "brown")),
    Species("wasp", winged.wasp, ("yellow", "rust", "tan", "pale")),
    Species("weevil", crawling.weevil, ("brown", "grey", "black", "tan", "rust")),
    Species("butterfly", winged.butterfly, ("yellow", "rust", "pale", "blue", "green")),
    Species("mosquito", winged.mosquito, ("brown", "grey", "black", "tan")),
    Species("cricket", winged.cricket, ("brown", "black", "tan", "rust")),
    Species("termite", crawling.termite, ("tan", "pale", "brown", "yellow")),
    Species("earwig", crawling.earwig, ("brown", "rust", "black")),
    Species("dragonfly", winged.dragonfly, ("green", "blue", "red", "brown", "yellow")),
    Species("mantis", winged.mantis, ("green", "brown", "tan", "olive")),
)
NAMES = tuple(species.name for species in SPECIES)


def long_tail(total: int, classes: int = len(SPECIES), imbalance: float = 20.0) -> np.ndarray:
    """Counts that fall geometrically from the first class to the last, int64 (classes,).

    Args:
        total: of all classes; met to within one a class.
        classes: >= 2.
        imbalance: largest over smallest count, >= 1.
    """
    share = imbalance ** (-np.arange(classes) / (classes - 1))
    return np.maximum(1, np.round(total * share / share.sum())).astype(np.int64)


def draw_pest(species: Species, size: int, rng: np.random.Generator, kind: str | None = None) -> tuple[Tensor, Tensor]:
    """One picture of one specimen.

    Args:
        species: what is seen.
        size: side of the picture, pixels, >= 16; drawn at twice that and averaged.
        rng: of everything drawn.
        kind: ``"leaf"`` or ``"soil"``; drawn where None.

    Returns:
        The picture, uint8 (3, size, size), and the animal's mask, uint8 (1, size, size), 1 where it covers at least
        half of a pixel. Parts behind a blade of grass do not count; clear wings do.
    """
    side = 2 * size
    kind = kind or ("leaf" if species.draw is winged.leaf_miner else GROUNDS[int(rng.integers(2))])
    picture = ground(kind, side, rng)
    turn, scale = rng.uniform(0, 2 * np.pi), side * rng.uniform(0.74, 0.98)
    stretch = np.diag(np.exp(rng.normal(0, 0.06, 2))) @ np.array([[1.0, rng.normal(0, 0.04)], [0.0, 1.0]])
    turned = np.array([[np.cos(turn), np.sin(turn)], [np.sin(turn), -np.cos(turn)]])  # y ahead, the picture's y down
    centre = side / 2 + rng.uniform(-0.05, 0.05, 2) * side
    frame = Frame(centre, scale * turned @ stretch, bend=float(rng.normal(0, 0.22)))
    canvas = Canvas(side, frame)
    family = species.colours[int(rng.integers(len(species.colours)))]
    base = np.asarray(COLOURS[family]) * np.exp(rng.normal(0, 0.16)) * np.exp(rng.normal(0, 0.08, 3))
    species.draw(Specimen(canvas, rng, tuple(np.clip(base, 8, 246))))
    cover = canvas.paint[..., 3:].astype(np.float32) / 255
    picture = _shadowed(picture, cover, rng)
    picture = picture * (1 - cover) + canvas.paint[..., :3]
    seen = np.minimum(1.0, cover[..., 0] * 2.2)  # a clear wing covers little of the ground but is the animal's
    if rng.random() < 0.25:
        blade = in_the_way(side, centre, scale / 2, rng).astype(np.float32)
        picture = picture * (1 - blade[..., 3:] / 255) + blade[..., :3]
        seen = seen * (1 - blade[..., 3] / 255)
    image = photographed(picture, size, rng)
    mask = cv2.resize(seen, (size, size), interpolation=cv2.INTER_AREA) >= 0.5
    return torch.from_numpy(image.transpose(2, 0, 1).copy()), torch.from_numpy(mask[None].astype(np.uint8))


def _shadowed(picture: np.ndarray, cover: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The ground with the animal's soft shadow on it."""
    reach = len(picture) * 0.03
    shift = np.array([[1, 0, rng.uniform(-reach, reach)], [0, 1, rng.uniform(0, reach)]])
    moved = cv2.warpAffine(cover[..., 0], shift, (len(picture), len(picture)))
    return picture * (1 - rng.uniform(0.25, 0.55) * cv2.GaussianBlur(moved, (0, 0), reach * 0.5)[..., None])


def draw_pests(labels: Sequence[int] | np.ndarray, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Pictures of these species; picture i depends on its label, ``size``, ``seed`` and i alone.

    Args:
        labels: positions in :data:`SPECIES`, (n,).
        size: side, pixels, >= 16.
        seed: of everything drawn.

    Returns:
        Pictures, uint8 (n, 3, size, size), and masks, uint8 (n, 1, size, size), 0 or 1.
    """
    images = torch.empty(len(labels), 3, size, size, dtype=torch.uint8)
    masks = torch.empty(len(labels), 1, size, size, dtype=torch.uint8)
    with bar(len(labels), "drawing pests", "image") as shown:
        for i, label in enumerate(labels):
            images[i], masks[i] = draw_pest(SPECIES[int(label)], size, np.random.default_rng((seed, i)))
            shown.update()
    return images, masks


def drawn_pests(train: int = 2000, test: int = 600, size: int = 64, imbalance: float = 20.0, seed: int = 0) -> Corpus:
    """The drawn corpus, its training and test part under the same long tail.

    Args:
        train: training images, about; at least one a species.
        test: test images, about; at least :data:`MIN_TEST` a species.
        size: side, pixels, 16 to 512.
        imbalance: count of the commonest over that of the rarest species, >= 1.
        seed: of everything drawn.

    Returns:
        A corpus whose ``load`` gives ``{"input": float32 (B, 3, size, size) in [0, 1], "mask": float32 (B, 1, size,
        size), 0 or 1}``.

    Raises:
        StudyError: a number out of range.
    """
    if train < len(SPECIES) or test < len(SPECIES) or not 16 <= size <= 512 or imbalance < 1:
        raise StudyError(
            f"drawn pests need at least {len(SPECIES)} training ({train}) and test ({test}) images, a size ({size}) of "
            f"16 to 512 pixels and an imbalance ({imbalance:g}) of at least 1"
        )
    counts = {"train": long_tail(train, imbalance=imbalance)}
    counts["test"] = np.maximum(MIN_TEST, long_tail(test, imbalance=imbalance))
    labels = np.concatenate([np.repeat(np.arange(len(SPECIES)), n) for n in counts.values()])
    split = np.repeat(list(counts), [n.sum() for n in counts.values()])
    key: dict[str, object] = {"generator": GENERATOR, "labels": labels.tolist(), "size": size, "seed": seed}
    drawn = cached(key, lambda: dict(zip(("images", "masks"), draw_pests(labels, size, seed), strict=True)))

    def load(rows: np.ndarray) -> dict[str, Tensor]:
        at = torch.as_tensor(np.asarray(rows))
        return {"input": drawn["images"][at].float() / 255, "mask": drawn["masks"][at].float()}

    table = pd.DataFrame({"sample_id": [f"pest{i:05d}" for i in range(len(labels))]})
    table["subject"] = table["sample_id"]
    table["label"] = np.array(NAMES, dtype=object)[labels]
    table["split"] = split
    table["has_mask"] = True
    return Corpus(
        name="pests",
        table=table,
        load=load,
        labels=("label",),
        licence="made here, same as the package's",
        source="drawn insects on drawn leaves and soil, one specimen a picture",
        simulated=True,
        fingerprint=f"{GENERATOR}/{train}/{test}/{size}/{imbalance:g}/{seed}",
    )
