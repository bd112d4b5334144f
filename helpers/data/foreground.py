"""Where the thing in a picture is, found without labels, and pictures with all else blacked out.

Two ways, both on OpenCV. ``"saliency"``: how far a pixel's colour (CIE Lab) lies from the colours along the picture's
border, in their own spread (Mahalanobis distance), mixed with local contrast and favouring the middle, cut at Otsu's
threshold (IEEE Trans. SMC, 1979). ``"grabcut"``: the same as a start for GrabCut (Rother, Kolmogorov & Blake, SIGGRAPH
2004), which moves the cut to where colours part. Both suppose one thing near the middle that is not of the border's
colours; they fail where it is camouflaged or fills the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import torch
from torch import Tensor

from helpers.data.cache import cached
from helpers.data.corpus import Corpus
from helpers.errors import StudyError
from helpers.progress import bar

METHODS = ("saliency", "grabcut")
_VERSION = 1  # change it and every cached mask is found anew
_COLOUR_SHARE = 0.85  # of the colour's distance against local contrast
_CENTRE = 0.95  # reach of the bell that favours the middle, half sides
_BORDER = 0.9  # distance from the middle, half sides, beyond which pixels are the border
_RING = 3  # pixels around the cut that GrabCut may still take in
_SURE = 0.3  # share of the salient pixels that GrabCut may give up
_GRABCUT_STEPS = 1


def find_foreground(images: np.ndarray, method: str = "saliency") -> np.ndarray:
    """Masks of what stands out in each picture.

    Args:
        images: uint8 (n, 3, S, S), RGB; S >= 16.
        method: one of :data:`METHODS`.

    Returns:
        bool (n, 1, S, S).

    Raises:
        StudyError: an unknown method.
    """
    if method not in METHODS:
        raise StudyError(f"no segmentation is called {method!r}; there are: {', '.join(METHODS)}")
    found = np.zeros((len(images), 1, *images.shape[2:]), dtype=bool)
    for i, image in enumerate(images):
        picture = np.ascontiguousarray(image.transpose(1, 2, 0))
        salient = saliency(picture)
        mask = _cut(salient)
        found[i, 0] = mask if method == "saliency" else _grabcut(picture, salient, mask)
    return found


def saliency(picture: np.ndarray) -> np.ndarray:
    """How much each pixel stands out, float32 (S, S) in [0, 1], of a picture uint8 (S, S, 3)."""
    side = picture.shape[0]
    middle = _from_middle(side)
    scale = side / 64
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    border = lab[middle > _BORDER].astype(np.float64)
    inverse = np.linalg.inv(np.cov(border.T) + 2.0 * np.eye(3))
    away = lab - border.mean(axis=0)
    colour = np.sqrt(np.einsum("hwc,cd,hwd->hw", away, inverse, away)).astype(np.float32)
    colour = cv2.GaussianBlur(colour, (0, 0), 0.7 * scale)
    light = cv2.GaussianBlur(lab[..., 0], (0, 0), 0.7 * scale)
    edges = np.hypot(cv2.Sobel(light, cv2.CV_32F, 1, 0), cv2.Sobel(light, cv2.CV_32F, 0, 1))
    contrast = cv2.GaussianBlur(edges, (0, 0), 2.5 * scale)
    mixed = _COLOUR_SHARE * _to_one(colour) + (1 - _COLOUR_SHARE) * _to_one(contrast)
    return _to_one(mixed * np.exp(-((middle / _CENTRE) ** 2)))


def segmented(corpus: Corpus, method: str = "saliency") -> tuple[Corpus, Callable[[np.ndarray], Tensor]]:
    """A corpus of colour pictures with the found background blacked out.

    Args:
        corpus: whose ``load`` gives float (B, 3, S, S) in [0, 1], alone or under ``"input"``.
        method: one of :data:`METHODS`.

    Returns:
        The corpus, and the found masks: positions (B,) → float32 (B, 1, S, S), 0 or 1. They are kept on disk.

    Raises:
        StudyError: an unknown method, or pictures that are not in colour.
    """
    load = corpus.load

    def images(rows: np.ndarray) -> Tensor:
        loaded = load(np.asarray(rows))
        return loaded["input"] if isinstance(loaded, dict) else loaded

    shape = images(np.array([0])).shape
    if shape[1] != 3:
        raise StudyError(f"{corpus.name}: segmentation goes by colour, and these pictures have {shape[1]} channel(s)")
    # The position of each row in the cache follows from its id, so a part of a corpus has an entry of its own.
    key: dict[str, object] = {"foreground": _VERSION, "method": method, "corpus": corpus.fingerprint,
                              "ids": list(corpus.table["sample_id"]), "shape": list(shape[1:])}  # fmt: skip
    packed = cached(key, lambda: {"bits": _packed(images, len(corpus), method)})["bits"]

    def masks(rows: np.ndarray) -> Tensor:
        bits = np.unpackbits(packed[torch.as_tensor(np.asarray(rows))].numpy(), axis=1, count=shape[2] * shape[3])
        return torch.from_numpy(bits.reshape(-1, 1, shape[2], shape[3])).float()

    def blacked_out(rows: np.ndarray) -> Tensor:
        return images(rows) * masks(rows)

    return replace(corpus, load=blacked_out, fingerprint=f"{corpus.fingerprint}/{method}{_VERSION}"), masks


def _packed(images: Callable[[np.ndarray], Tensor], n: int, method: str) -> Tensor:
    parts = []
    with bar(n, "finding the foreground", "image") as shown:
        for rows in np.array_split(np.arange(n), max(1, n // 64)):
            pictures = (images(rows) * 255).round().to(torch.uint8).numpy()
            parts.append(np.packbits(find_foreground(pictures, method).reshape(len(rows), -1), axis=1))
            shown.update(len(rows))
    return torch.from_numpy(np.concatenate(parts))


def _from_middle(side: int) -> np.ndarray:
    """Distance of each pixel from the middle, in half sides."""
    line = (np.arange(side) + 0.5) / (side / 2) - 1
    return np.hypot(line[:, None], line[None, :]).astype(np.float32)


def _to_one(field: np.ndarray) -> np.ndarray:
    """Scaled so that all but the top 2 % lie below 1, and clipped there."""
    return np.minimum(field / max(float(np.quantile(field, 0.98)), 1e-6), 1).astype(np.float32)


def _cut(salient: np.ndarray) -> np.ndarray:
    bytes_ = (255 * salient).astype(np.uint8)
    return cv2.threshold(bytes_, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1].astype(bool)


def _grabcut(picture: np.ndarray, salient: np.ndarray, start: np.ndarray) -> np.ndarray:
    """GrabCut from a salient region; the region itself where GrabCut finds nothing."""
    if not start.any() or start.all():
        return start
    around = cv2.dilate(start.astype(np.uint8), np.ones((2 * _RING + 1, 2 * _RING + 1), np.uint8)).astype(bool)
    trimap = np.full(start.shape, cv2.GC_BGD, dtype=np.uint8)
    trimap[around] = cv2.GC_PR_BGD
    trimap[start] = cv2.GC_PR_FGD
    trimap[start & (salient >= np.quantile(salient[start], _SURE))] = cv2.GC_FGD
    cv2.setRNGSeed(0)  # its first clustering draws from OpenCV's generator
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(picture, trimap, (0, 0, 1, 1), background, foreground, _GRABCUT_STEPS, cv2.GC_INIT_WITH_MASK)
    found = (trimap & 1).astype(bool)
    return found if found.any() else start
