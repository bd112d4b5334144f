"""Decoding image files: broken ones found, equal ones recognised, pixels cached."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from helpers.data.cache import cached
from helpers.data.near_duplicates import SIDE, thumbnail
from helpers.errors import StudyError
from helpers.progress import bar

if TYPE_CHECKING:
    from PIL import Image

ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".gif"})
MEMORY_LIMIT = 4 * 2**30  # bytes of pixels kept in memory; above it files are decoded when they are asked for
_READER = 2  # change it and every cache is made anew


@dataclass(frozen=True)
class Decoded:
    """A list of image files after one pass over them.

    Attributes:
        paths: the files.
        size: side of the decoded images, pixels.
        channels: 1 where every readable file is grey, else 3.
        readable: bool (n,).
        digests: hash of each file's pixels at full size as hex text, object (n,); unique where unreadable.
        thumbnails: uint8 (n, SIDE, SIDE), the whole pictures as :mod:`helpers.data.near_duplicates` compares them.
        pixels: uint8 (n, channels, size, size), or None above :data:`MEMORY_LIMIT`.
        cut_below: rows of pixels that are cut off at the bottom of every file.
    """

    paths: tuple[Path, ...]
    size: int
    channels: int
    readable: np.ndarray
    digests: np.ndarray
    thumbnails: np.ndarray
    pixels: Tensor | None
    cut_below: int = 0

    def load(self, rows: np.ndarray) -> Tensor:
        """Images at these positions, uint8 (B, channels, size, size)."""
        if self.pixels is not None:
            return self.pixels[torch.as_tensor(rows)]
        found = [torch.from_numpy(_shrunk(_opened(self.paths[i], self.cut_below), self.size)) for i in rows]
        return torch.stack(found)[:, : self.channels]


def image_files(root: Path) -> list[Path]:
    """Files below a folder that are named like images, sorted; hidden ones are passed over."""
    return sorted(
        path
        for path in root.rglob("*")
        if path.suffix.lower() in ENDINGS and path.is_file() and not path.name.startswith(".")
    )


def decode_files(paths: Sequence[Path], size: int, key: dict[str, object], cut_below: int = 0) -> Decoded:
    """Decode every file once; the second time the result comes from the cache.

    Args:
        paths: image files.
        size: side of the decoded images: the shorter side is scaled to it, the centre cropped.
        key: what the files' content depends on, for the cache.
        cut_below: rows of pixels to cut off at the bottom of every file, where a banner is.
    """
    fits = len(paths) * 3 * size * size <= MEMORY_LIMIT
    whole = {"reader": _READER, "size": size, "pixels": fits, **({"cut_below": cut_below} if cut_below else {}), **key}
    tensors = cached(whole, lambda: _decode(paths, size, fits, cut_below))
    channels = 1 if bool(tensors["grey"].all()) else 3
    digests = np.array([bytes(row).hex() for row in tensors["digests"].numpy()], dtype=object)
    return Decoded(
        paths=tuple(paths),
        size=size,
        channels=channels,
        readable=tensors["readable"].numpy(),
        digests=digests,
        thumbnails=tensors["thumbnails"].numpy(),
        pixels=tensors["pixels"][:, :channels].contiguous() if fits else None,
        cut_below=cut_below,
    )


def _decode(paths: Sequence[Path], size: int, keep: bool, cut_below: int) -> dict[str, Tensor]:
    n = len(paths)
    pixels = torch.zeros(n if keep else 0, 3, size, size, dtype=torch.uint8)
    digests, readable = torch.zeros(n, 16, dtype=torch.uint8), torch.zeros(n, dtype=torch.bool)
    grey, thumbnails = torch.ones(n, dtype=torch.bool), torch.zeros(n, SIDE, SIDE, dtype=torch.uint8)
    with bar(n, "decoding images", "image") as shown:
        for i, path in enumerate(paths):
            digest = hashlib.sha256(f"unreadable {i}".encode())
            try:
                image = _opened(path, cut_below)
            except StudyError:
                image = None
            if image is not None:
                readable[i] = True
                grey[i] = bool((image[..., :1] == image).all())
                digest = hashlib.sha256(f"{image.shape}".encode() + image.tobytes())
                thumbnails[i] = torch.tensor(thumbnail(image))
                if keep:
                    pixels[i] = torch.from_numpy(_shrunk(image, size))
            digests[i] = torch.frombuffer(bytearray(digest.digest()[:16]), dtype=torch.uint8)
            shown.update()
    return {"pixels": pixels, "digests": digests, "readable": readable, "grey": grey, "thumbnails": thumbnails}


def picture_of(path: Path) -> Image.Image:
    """A picture, decoded and upright; of several in one file the first.

    Raises:
        StudyError: the file is absent, is no picture, is damaged, or is too large to be one.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as file:
            return ImageOps.exif_transpose(file)
    except Exception as error:  # Pillow raises whatever the damage leads to
        words = " ".join(str(error).replace(str(path), path.name).split())[:120]
        raise StudyError(f"{path.name} cannot be decoded as a picture: {words or type(error).__name__}") from None


def _opened(path: Path, cut_below: int = 0) -> np.ndarray:
    """Pixels of a file, uint8 (H, W, 3), upright, whatever its mode; 16 bits and fractions of 1 are scaled to 8."""
    from PIL import Image

    image = picture_of(path)
    if image.mode[0] in "IF":
        deep = np.nan_to_num(np.asarray(image, dtype=np.float64))
        scale = 1 / 257 if image.mode[0] == "I" else 255 if deep.max() <= 1 else 1
        image = Image.fromarray((deep * scale).round().clip(0, 255).astype(np.uint8))
    try:
        pixels = np.asarray(image.convert("RGB"))
    except ValueError as error:  # such as a picture in Lab
        raise StudyError(f"{path.name} cannot be decoded as a picture: {error}") from None
    return pixels[: max(1, len(pixels) - cut_below)]


def _shrunk(pixels: np.ndarray, size: int) -> np.ndarray:
    """(H, W, 3) to (3, size, size): shorter side scaled, centre cropped."""
    from PIL import Image, ImageOps

    image = ImageOps.fit(Image.fromarray(pixels), (size, size), Image.Resampling.BILINEAR)
    return np.asarray(image).transpose(2, 0, 1).copy()
