"""A pool as the web has it, with every fault planted and known: imbalance, copies, poor pictures, biased labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.data.corpus import Corpus
from helpers.errors import StudyError

KINDS = ("original", "copy", "poor")


@dataclass(frozen=True)
class Faults:
    """What is wrong with a pool.

    Args:
        imbalance: count of the commonest group over that of the rarest, falling geometrically, >= 1; 0 leaves the
            groups as they are.
        copies: near duplicates, as a share of the originals, in [0, 1].
        poor: copies of originals that are blurred or faint, as a share of the originals, in [0, 1].
        least_noise, most_noise: share of wrong labels in the commonest and in the rarest group, each in [0, 1], by
            rank in between.
        one_sided: whether wrong labels are all one class, the commonest, as a stereotype is; else any other class.
    """

    imbalance: float = 12.0
    copies: float = 0.2
    poor: float = 0.15
    least_noise: float = 0.05
    most_noise: float = 0.4
    one_sided: bool = True


def ranked_groups(groups: np.ndarray, order: tuple[str, ...] = ()) -> list[str]:
    """Groups from the one that is to be commonest to the rarest: as given, or by count, then by name."""
    counts = pd.Series(groups).value_counts()
    return [g for g in order if g in counts.index] or sorted(counts.index, key=lambda g: (-counts[g], str(g)))


def planted_pool(corpus: Corpus, rows: np.ndarray, ranked: list[str], faults: Faults, seed: int, size: int) -> Corpus:
    """A pool of some of a corpus's pictures with faults.

    Args:
        corpus: with ``label`` and ``group``, loading one tensor (B, C, H, W).
        rows: originals that may be taken, int64.
        ranked: groups from the commonest to the rarest.
        faults: to plant.
        seed: of everything drawn.
        size: side of the pictures, pixels.

    Returns:
        A corpus, split ``unlabelled``, in random order, whose ``label`` is empty and whose table says in ``truth``,
        ``web_label``, ``group``, ``origin`` (position of the original in ``corpus``) and ``kind`` (:data:`KINDS`) what
        a curator does not know. A copy or a poor picture has the label of its original. ``subject`` is the original's.
    """
    rng = np.random.default_rng((seed, 11))
    originals = _imbalanced(corpus, rows, ranked, faults.imbalance, rng)
    truth = corpus.table["label"].to_numpy()
    web = _web_labels(truth[originals], corpus.table["group"].to_numpy()[originals], ranked, faults, rng)
    parts = [(originals, web, "original")]
    for kind, share in (("copy", faults.copies), ("poor", faults.poor)):
        chosen = rng.permutation(len(originals))[: round(share * len(originals))]
        parts.append((originals[chosen], web[chosen], kind))
    table = pd.concat([pd.DataFrame({"origin": o, "web_label": w, "kind": k}) for o, w, k in parts], ignore_index=True)
    table = table.iloc[rng.permutation(len(table))].reset_index(drop=True)
    origin = table["origin"].to_numpy()
    table["truth"], table["group"] = truth[origin], corpus.table["group"].to_numpy()[origin]
    table["subject"] = corpus.table["subject"].to_numpy()[origin]
    table["sample_id"], table["label"], table["split"] = [f"pool{i:06d}" for i in range(len(table))], None, "unlabelled"
    images = _changed(corpus, origin, table["kind"].to_numpy(), seed, size)

    def load(at: np.ndarray) -> Tensor:
        return images[torch.as_tensor(np.asarray(at))].float() / 255

    return replace(corpus, name=f"{corpus.name}: pool", table=table, load=load, labels=("label",),
                   fingerprint=f"{corpus.fingerprint}/{faults}/{seed}")  # fmt: skip


def changed_copies(images: Tensor, seed: int) -> Tensor:
    """Near duplicates: shifted and scaled by a hair, lit otherwise, with a little noise; (n, C, H, W) in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    n = len(images)

    def between(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, generator=generator)

    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = between(0.97, 1.03)
    theta[:, 0, 2], theta[:, 1, 2] = between(-0.03, 0.03), between(-0.03, 0.03)
    moved = F.grid_sample(images, F.affine_grid(theta, list(images.shape), False), padding_mode="border",
                          align_corners=False)  # fmt: skip
    lit = moved * between(0.92, 1.08)[:, None, None, None] + between(-0.02, 0.02)[:, None, None, None]
    return (lit + 0.01 * torch.randn(images.shape, generator=generator)).clamp(0, 1)


def poor_pictures(images: Tensor, seed: int) -> Tensor:
    """Each picture blurred (what a sixth of its side can carry) or made faint; (n, C, H, W) in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    side = images.shape[-1]
    small = F.interpolate(images, (max(2, side // 6), max(2, side // 6)), mode="area")
    blurred = F.interpolate(small, (side, side), mode="bilinear")
    mean = images.mean((1, 2, 3), keepdim=True)
    faint = mean + 0.12 * (images - mean)
    chosen = torch.rand(len(images), generator=generator) < 0.5
    return torch.where(chosen[:, None, None, None], blurred, faint).clamp(0, 1)


def _imbalanced(
    corpus: Corpus, rows: np.ndarray, ranked: list[str], imbalance: float, rng: np.random.Generator
) -> np.ndarray:
    groups = corpus.table["group"].to_numpy()[rows]
    if imbalance == 0:
        return np.sort(rows)
    there = np.array([(groups == g).sum() for g in ranked])
    if (there == 0).any():
        raise StudyError(f"pool: no picture of the group {ranked[int((there == 0).argmax())]!r} is left for it")
    share = imbalance ** (-np.arange(len(ranked)) / max(len(ranked) - 1, 1))
    most = (there / share).min()  # as many as the scarcest group allows
    wanted = np.minimum(there, np.maximum(1, np.round(most * share)).astype(int))
    found = [rng.permutation(rows[groups == g])[:n] for g, n in zip(ranked, wanted, strict=True)]
    return np.sort(np.concatenate(found))


def _web_labels(
    truth: np.ndarray, groups: np.ndarray, ranked: list[str], faults: Faults, rng: np.random.Generator
) -> np.ndarray:
    names = np.array(sorted(set(truth)), dtype=object)
    usual = max(names, key=lambda c: ((truth == c).sum(), str(c)))
    rates = np.linspace(faults.least_noise, faults.most_noise, len(ranked))
    rate_of = dict(zip(ranked, rates, strict=True))
    rate = np.array([rate_of[g] for g in groups])
    if faults.one_sided:  # only the other classes can be wrong: twice as often, so that shares are comparable
        share = np.array([(truth[groups == g] != usual).mean() for g in ranked]).clip(0.05)
        rate = np.minimum(rate / np.array([dict(zip(ranked, share, strict=True))[g] for g in groups]), 0.95)
    wrong = rng.random(len(truth)) < rate
    other = np.array([rng.choice(names[names != t]) for t in truth], dtype=object)
    return np.where(wrong, usual if faults.one_sided else other, truth)


def _changed(corpus: Corpus, origin: np.ndarray, kind: np.ndarray, seed: int, size: int) -> Tensor:
    """Pictures of the pool, uint8 (n, C, size, size)."""
    parts = []
    for number, at in enumerate(np.array_split(np.arange(len(origin)), max(1, len(origin) // 512))):
        images = corpus.load(origin[at])
        assert isinstance(images, Tensor)
        if images.shape[-1] != size:
            raise StudyError(f"pool: pictures of {images.shape[-1]} pixels, {size} were asked for")
        for name, change in (("copy", changed_copies), ("poor", poor_pictures)):
            mine = torch.from_numpy(np.flatnonzero(kind[at] == name))
            if len(mine):
                images[mine] = change(images[mine], 1000 * seed + 2 * number + (name == "poor"))
        parts.append((images * 255).round().to(torch.uint8))
    return torch.cat(parts)
