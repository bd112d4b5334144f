"""Curating a pool of unlabelled pictures by their embeddings: copies out, neighbours of a reference in, poor ones out.

The steps of Ramachandran & Rattani, IJCB 2024 (arXiv 2407.10104), whose thresholds are open: here they are found on
the reference set alone, which is part of the training data, without a label and without a look at the pool's truth.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

_CHUNK = 1024
_DISTINCT_QUANTILE = 0.9995  # of the likeness of distinct reference pictures; above it pairs count as copies at most


def centred(embeddings: Tensor, mean: Tensor) -> Tensor:
    """Directions of embeddings about a mean, (n, D) float: cosine then compares what differs, not what all share."""
    return F.normalize(embeddings.float() - mean, dim=1)


def likeness_of_distinct(reference: Tensor, quantile: float = _DISTINCT_QUANTILE) -> float:
    """A high quantile of the cosine between different pictures of a reference set, (n, D) unit vectors."""
    upper = torch.triu_indices(len(reference), len(reference), 1)
    return float(np.quantile((reference @ reference.T)[upper[0], upper[1]].numpy(), quantile))


def duplicate_threshold(reference: Tensor, copies: Tensor) -> float:
    """Cosine above which two pictures count as one: between the most alike distinct pictures and copies, nearer these.

    A pool has far more pairs of distinct pictures than of copies, so that two thirds of the way, not half, keep the
    share of wrongly dropped pictures small (chosen on pools of drawn faces that no run uses).

    Args:
        reference: unit vectors of distinct pictures, (n, D).
        copies: unit vectors of changed copies of the same pictures, in order, (n, D).

    Returns:
        Two thirds of the way from the distinct pairs' upper quantile (:data:`_DISTINCT_QUANTILE`) to the copies' lower
        twentieth; never below that upper quantile.
    """
    distinct = likeness_of_distinct(reference)
    same = float(np.quantile((reference * copies).sum(1).numpy(), 0.05))
    return max(distinct, (distinct + 2 * same) / 3)


def without_copies(embeddings: Tensor, threshold: float) -> np.ndarray:
    """Which pictures stay once later copies of earlier ones are dropped, bool (n,).

    Greedy in order: a picture goes where one that stays has a cosine above the threshold with it, so that a chain of
    pictures, each a little different from the last, is not dropped as a whole.

    Args:
        embeddings: unit vectors (n, D).
        threshold: cosine.
    """
    stays = np.ones(len(embeddings), dtype=bool)
    for start in range(0, len(embeddings), _CHUNK):
        i, j = torch.nonzero(embeddings[start : start + _CHUNK] @ embeddings.T > threshold, as_tuple=True)
        later = (i + start) > j
        pairs: dict[int, list[int]] = {}
        for mine, earlier in zip((i[later] + start).tolist(), j[later].tolist(), strict=True):
            pairs.setdefault(mine, []).append(earlier)
        for mine in sorted(pairs):
            stays[mine] = not stays[pairs[mine]].any()
    return stays


def retrieved(reference: Tensor, pool: Tensor, each: int) -> np.ndarray:
    """Positions in the pool that are among the nearest of some reference picture, sorted int64, each once.

    Args:
        reference, pool: unit vectors (r, D) and (n, D).
        each: nearest pool pictures of every reference picture, M; below 5 in the paper.
    """
    count = min(each, len(pool))
    near = [(part @ pool.T).topk(count, dim=1).indices.flatten() for part in reference.split(_CHUNK)]
    return np.unique(torch.cat(near).numpy())


def quality_of(images: Tensor) -> Tensor:
    """Sharpness and contrast of pictures, float (n, 2): the higher the better.

    Sharpness is the root mean square of the Laplacian of luma over its standard deviation, so that dark skin, whose
    edges are fainter, is not taken for blur; contrast is that standard deviation.

    Args:
        images: float (n, 1 or 3, H, W) in [0, 1].
    """
    luma = images.mean(1, keepdim=True)
    kernel = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])[None, None]
    edges = F.conv2d(luma, kernel).square().mean((1, 2, 3)).sqrt()
    contrast = luma.flatten(1).std(1)
    return torch.stack([edges / contrast.clamp_min(1e-3), contrast], 1)


def good_enough(quality: Tensor, reference: Tensor, quantile: float = 0.01) -> np.ndarray:
    """Which pictures are as sharp and as contrasty as all but the worst of the reference, bool (n,).

    Args:
        quality, reference: of :func:`quality_of`, (n, 2) and (r, 2).
        quantile: of the reference that is taken for the least, in (0, 1).
    """
    least = torch.quantile(reference, quantile, dim=0)
    return (quality >= 0.95 * least).all(1).numpy()


def in_parts(images: Callable[[np.ndarray], Tensor], rows: np.ndarray, measure: Callable[[Tensor], Tensor]) -> Tensor:
    """A measure of many pictures, decoded a few hundred at a time, (n, ...)."""
    return torch.cat([measure(images(part)) for part in np.array_split(rows, max(1, len(rows) // 512))])
