"""Pairs of clips mined from unlabelled videos, and how often such pairs are wrong.

The assumptions (Paul, Roy & Roy-Chowdhury, ICASSP 2018): clips near in time in one video show the same thing; clips of
different videos, and clips far apart in one video, show different things. None holds always. A pair is *wrong* where
its truth differs: a near pair across a change of action, a far or other pair that shows one action by chance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from helpers.errors import StudyError

KINDS = ("near", "far", "other")


@dataclass(frozen=True)
class Assumptions:
    """When two clips are taken to be the same.

    Args:
        near: seconds up to which clips of one video are a positive pair, > 0.
        far: seconds from which clips of one video are a negative pair, > ``near``.
        far_share: share of the negative pairs that come from far within one video, 0 to 1; the rest come from two
            videos.
    """

    near: float = 1.0
    far: float = 3.0
    far_share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.near < self.far or not 0 <= self.far_share <= 1:
            raise StudyError(
                f"pairs need 0 < near ({self.near:g} s) < far ({self.far:g} s), far_share ({self.far_share:g}) in 0–1"
            )


@dataclass(frozen=True)
class Pairs:
    """Mined pairs.

    Attributes:
        first, second: rows of the clips, int64 (P,).
        same: what the pretext says, bool (P,); half are True.
        kind: ``"near"``, ``"far"`` or ``"other"``, object (P,).
    """

    first: np.ndarray
    second: np.ndarray
    same: np.ndarray
    kind: np.ndarray

    def __len__(self) -> int:
        return len(self.first)


def mine_pairs(table: pd.DataFrame, rows: np.ndarray, count: int, assumptions: Assumptions, seed: int) -> Pairs:
    """Mine pairs without looking at a label: half positive, half negative, in random order.

    An anchor is drawn uniformly among the clips that have a partner of the kind, its partner uniformly among those.
    Where no video is long enough for a far pair, all negatives come from two videos.

    Args:
        table: of a corpus of clips, with ``group`` (the video) and ``time`` (seconds).
        rows: clips to pair, int64 (n,).
        count: pairs, >= 2.
        assumptions: see :class:`Assumptions`.
        seed: of the draw.

    Raises:
        StudyError: a single video, or no two clips near one another.
    """
    if count < 2:
        raise StudyError(f"{count} pair(s) are too few; mine at least 2")
    video = pd.factorize(table["group"].to_numpy()[rows])[0]
    time = table["time"].to_numpy(dtype=float)[rows]
    if video.max() < 1:
        raise StudyError("pairs of different videos need at least two training videos; there is one")
    rng = np.random.default_rng(seed)
    near, far = _within(video, time, assumptions.near, assumptions.far)
    if not len(near):
        raise StudyError(
            f"no two training clips of one video lie within near_seconds = {assumptions.near:g} s: raise it"
        )
    positives = count // 2
    far_pairs = round(assumptions.far_share * (count - positives)) if len(far) else 0
    chosen = [
        _anchored(near, positives, rng),
        _anchored(far, far_pairs, rng) if far_pairs else np.empty((0, 2), dtype=np.int64),
        _other(video, count - positives - far_pairs, rng),
    ]
    kind = np.repeat(np.array(KINDS, dtype=object), [len(part) for part in chosen])
    order = rng.permutation(count)
    both = np.concatenate(chosen)[order]
    return Pairs(rows[both[:, 0]], rows[both[:, 1]], (kind == "near")[order], kind[order])


def _within(video: np.ndarray, time: np.ndarray, near: float, far: float) -> tuple[np.ndarray, np.ndarray]:
    """All ordered pairs of clips of one video that are near, and that are far, (n, 2) each."""
    found: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for members in pd.Series(np.arange(len(video))).groupby(video).groups.values():
        i = np.asarray(members)
        gap = np.abs(time[i][:, None] - time[i][None, :])
        apart = ~np.eye(len(i), dtype=bool)
        for mask, into in (((gap <= near + 1e-9) & apart, found[0]), (gap >= far - 1e-9, found[1])):
            a, b = np.nonzero(mask)
            into.append(np.stack([i[a], i[b]], axis=1))
    return np.concatenate(found[0]), np.concatenate(found[1])


def _anchored(pairs: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """``count`` pairs: the anchor uniform among anchors, the partner uniform among the anchor's."""
    pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
    anchors, first, size = np.unique(pairs[:, 0], return_index=True, return_counts=True)
    drawn = rng.integers(0, len(anchors), count)
    return pairs[first[drawn] + (rng.random(count) * size[drawn]).astype(int)]


def _other(video: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    anchor = rng.integers(0, len(video), count)
    partner = rng.integers(0, len(video), count)
    while (clash := video[anchor] == video[partner]).any():
        partner[clash] = rng.integers(0, len(video), int(clash.sum()))
    return np.stack([anchor, partner], axis=1)


def with_errors(pairs: Pairs, rate: float, seed: int) -> Pairs:
    """The same pairs, a share ``rate`` of them with the opposite of what mining said.

    Args:
        rate: in [0, 0.5]; at 0.5 the pairs say nothing.
    """
    if not 0 <= rate <= 0.5:
        raise StudyError(f"error rate {rate} is outside [0, 0.5]")
    flipped = np.random.default_rng((seed, 1)).permutation(len(pairs)) < round(rate * len(pairs))
    return replace(pairs, same=pairs.same ^ flipped)


def pair_errors(pairs: Pairs, labels: np.ndarray) -> pd.DataFrame:
    """How often each kind of pair is wrong, by the true labels of all clips (n,).

    Returns:
        Columns ``kind``, ``pairs`` and ``error`` (share of them that is wrong); the last row is of all pairs.
    """
    wrong = (labels[pairs.first] == labels[pairs.second]) != pairs.same
    rows = [(kind, int((pairs.kind == kind).sum()), wrong[pairs.kind == kind]) for kind in KINDS]
    rows = [*rows, ("all", len(pairs), wrong)]
    return pd.DataFrame(
        [(k, n, float(w.mean()) if n else np.nan) for k, n, w in rows], columns=["kind", "pairs", "error"]
    )


def chance_of_same_class(classes: np.ndarray, videos: np.ndarray) -> float:
    """Probability that a clip and a clip of another video show one class, from counts alone.

    With n_c clips of class c, of which n_cv in video v, and n_v clips in video v, an anchor of class c in video v
    meets its class with probability (n_c − n_cv)/(n − n_v); the mean over anchors. For many small videos of balanced
    classes it tends to Σ p_c², that is 1/C.

    Args:
        classes: of each clip, (n,).
        videos: that each clip belongs to, (n,).
    """
    counts = pd.crosstab(pd.Series(videos), pd.Series(classes)).to_numpy(dtype=float)  # (videos, classes)
    per_class, per_video = counts.sum(axis=0), counts.sum(axis=1, keepdims=True)
    meets = (per_class - counts) / np.maximum(counts.sum() - per_video, 1)
    return float((counts * meets).sum() / counts.sum())
