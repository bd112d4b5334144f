"""Pictures that are one picture saved twice: re-encoded, resized, lightened, blurred, mirrored or slightly cropped.

Three steps, each on what the one before leaves. (1) A DCT hash of every picture and of its mirror image (Zauner,
*Implementation and benchmarking of perceptual image hash functions*, 2010): signs of the 63 lowest frequencies against
their median; all pairs at once, as one matrix product. (2) Correlation of the pairs' fine structure (a band of spatial
frequencies), which two different things of one silhouette do not share. (3) For pairs in between, correlation after
OpenCV's ECC alignment (Evangelidis & Psarakis, PAMI 2008), which undoes a slight crop. Nearly blank pictures match
nothing. Turned pictures, larger crops and captions are not found.
"""

from __future__ import annotations

import cv2
import numpy as np

SIDE = 32  # of the thumbnails, pixels
_LOW = 8  # frequencies a side of the hash
_HASH_DISTANCE = 14  # bits of 63 in which a candidate may differ
_SURE = 0.85  # correlation of the band that needs no alignment
POSSIBLE = 0.4  # correlation below which alignment is not tried
_ALIGNED = 0.93  # correlation after alignment
_BLANK = 1.0  # standard deviation of the band, of 255, below which there is nothing to compare
_CHUNK = 2048


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """What is compared: a picture uint8 (H, W, 3) as grey, squeezed to (SIDE, SIDE) uint8."""
    from PIL import Image

    image = Image.fromarray(pixels).convert("L")
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def near_duplicates(thumbnails: np.ndarray, possible: float = POSSIBLE) -> np.ndarray:
    """Pairs of pictures that are near duplicates.

    Args:
        thumbnails: uint8 (n, SIDE, SIDE), of :func:`thumbnail`.
        possible: correlation of the fine structure below which alignment is not tried. Pictures that are all alike,
            such as faces cut out by one rule, need a higher one than others: else most pairs would be aligned.

    Returns:
        Positions, int64 (pairs, 2), the smaller first, in order.
    """
    grey = np.asarray(thumbnails, dtype=np.float32)
    bands = [_band(grey), _band(grey[:, :, ::-1])]
    alive = np.flatnonzero(bands[0].std(axis=1) >= _BLANK)
    if len(alive) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    found = set()
    hashes = _hash(grey[alive])
    for mirror in (0, 1):
        other = _hash(grey[alive][:, :, ::-1]) if mirror else hashes
        for i, j in _candidates(hashes, other):
            first, second = int(alive[i]), int(alive[j])
            if (first, second) in found:
                continue
            likeness = _correlation(bands[0][first], bands[mirror][second])
            if likeness >= _SURE:
                found.add((first, second))
            elif likeness >= possible:
                turned = grey[second, :, ::-1] if mirror else grey[second]
                if _aligned(grey[first], turned) >= _ALIGNED:
                    found.add((first, second))
    return np.array(sorted(found), dtype=np.int64).reshape(-1, 2)


def groups_of(pairs: np.ndarray, n: int) -> np.ndarray:
    """Connected groups: for each of ``n`` pictures the smallest position that pairs lead to, int64 (n,)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(pairs), dtype=bool), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    _, first = np.unique(component, return_index=True)
    return first[component].astype(np.int64)


def _hash(grey: np.ndarray) -> np.ndarray:
    """Signs of the lowest frequencies against their median, float32 ±1 (n, 63)."""
    from scipy.fft import dctn

    low = dctn(grey, axes=(1, 2), norm="ortho")[:, :_LOW, :_LOW].reshape(len(grey), -1)[:, 1:]
    return np.where(low > np.median(low, axis=1, keepdims=True), 1.0, -1.0).astype(np.float32)


def _candidates(one: np.ndarray, other: np.ndarray) -> list[tuple[int, int]]:
    """Pairs i < j whose hashes are near, (one[i], other[j])."""
    least = one.shape[1] - 2 * _HASH_DISTANCE  # a product of ±1 vectors is bits − 2·distance
    found = []
    for start in range(0, len(one), _CHUNK):
        i, j = np.nonzero(one[start : start + _CHUNK] @ other.T >= least)
        upper = i + start < j
        found += list(zip((i[upper] + start).tolist(), j[upper].tolist(), strict=True))
    return found


def _band(grey: np.ndarray) -> np.ndarray:
    """The fine structure without the finest: difference of two blurs, centred, (n, SIDE²)."""
    found = [cv2.GaussianBlur(g, (0, 0), 0.6) - cv2.GaussianBlur(g, (0, 0), 2.5) for g in np.ascontiguousarray(grey)]
    flat = np.array(found, dtype=np.float32).reshape(len(grey), SIDE * SIDE)
    return flat - flat.mean(axis=1, keepdims=True)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-6))


def _aligned(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of the bands after b is shifted and scaled, by a twelfth at most, onto a; 0 where it cannot be."""
    start = np.eye(2, 3, dtype=np.float32)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 60, 1e-5)
    try:
        _, warp = cv2.findTransformECC(a, np.ascontiguousarray(b), start, cv2.MOTION_AFFINE, stop)
    except cv2.error:  # it did not converge
        return 0.0
    corners = np.array([[0, 0, 1], [SIDE, 0, 1], [0, SIDE, 1], [SIDE, SIDE, 1]], dtype=np.float32)
    if np.abs(corners @ warp.T - corners[:, :2]).max() > SIDE / 12:
        return 0.0
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(np.ascontiguousarray(b), warp, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REFLECT)
    inner = slice(3, SIDE - 3)
    pair = [_band(x[None])[0].reshape(SIDE, SIDE)[inner, inner].ravel() for x in (a, moved)]
    return _correlation(pair[0] - pair[0].mean(), pair[1] - pair[1].mean())
