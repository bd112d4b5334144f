"""Near duplicates: planted ones are found, distinct pictures are left alone."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from helpers.data.near_duplicates import SIDE, groups_of, near_duplicates, thumbnail
from helpers.data.simulated.kernels import draw_kernels
from helpers.data.simulated.pests import draw_pests

KINDS = ("jpeg", "resized", "lighter", "mirrored", "blurred", "cropped")


def altered(image: Image.Image, kind: str, rng: np.random.Generator) -> Image.Image:
    if kind == "jpeg":
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(rng.integers(30, 80)))
        return Image.open(buffer).convert("RGB")
    if kind == "resized":
        size = int(image.width * rng.uniform(0.5, 1.6))
        return image.resize((size, size), Image.Resampling.BICUBIC)
    if kind == "lighter":
        lit = ImageEnhance.Brightness(image).enhance(rng.uniform(0.75, 1.25))
        return ImageEnhance.Contrast(lit).enhance(rng.uniform(0.8, 1.2))
    if kind == "mirrored":
        return ImageOps.mirror(image)
    if kind == "blurred":
        return image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.8)))
    left, top, right, bottom = rng.uniform(0.01, 0.045, 4) * image.width
    return image.crop((left, top, image.width - right, image.height - bottom))


def pictures() -> list[Image.Image]:
    """Distinct ones: pests, and kernels, whose outlines are much alike."""
    pests = draw_pests(list(range(22)) * 5, 64, seed=5)[0]
    kernels = draw_kernels(ears=12, kernels_each=8, size=64, seed=3).images
    return [Image.fromarray(x.permute(1, 2, 0).numpy()) for part in (pests, kernels) for x in part]


@pytest.fixture(scope="module")
def planted() -> tuple[set[tuple[int, int]], set[tuple[int, int]], list[str]]:
    """True pairs, found pairs, and the kind of each planted copy."""
    rng, originals = np.random.default_rng(0), pictures()
    chosen = rng.permutation(len(originals))[:120]
    kinds = [KINDS[k % len(KINDS)] for k in range(len(chosen))]
    copies = [altered(originals[i], kind, rng) for i, kind in zip(chosen, kinds, strict=True)]
    found = near_duplicates(np.stack([thumbnail(np.asarray(x)) for x in [*originals, *copies]]))
    true = {(int(i), len(originals) + k) for k, i in enumerate(chosen)}
    return true, {(int(i), int(j)) for i, j in found}, kinds


def test_planted_duplicates_are_found_with_recall_and_precision_of_95_per_cent(planted):
    true, found, _ = planted
    assert len(true & found) / len(true) >= 0.95
    assert len(true & found) / len(found) >= 0.95


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_copy_is_found(kind, planted):
    true, found, kinds = planted
    mine = [pair for pair, its in zip(sorted(true, key=lambda p: p[1]), kinds, strict=True) if its == kind]
    assert np.mean([pair in found for pair in mine]) >= 0.75


def test_nearly_blank_pictures_match_nothing():
    rng = np.random.default_rng(1)
    blank = (128 + rng.normal(0, 0.6, (6, SIDE, SIDE))).round().astype(np.uint8)
    assert len(near_duplicates(blank)) == 0


def test_pairs_do_not_depend_on_how_many_are_compared_at_once(monkeypatch):
    thumbs = np.stack([thumbnail(np.asarray(x)) for x in pictures()[:40]])
    thumbs = np.concatenate([thumbs, thumbs[::3, :, ::-1]])
    whole = near_duplicates(thumbs)
    monkeypatch.setattr("helpers.data.near_duplicates._CHUNK", 7)
    assert np.array_equal(whole, near_duplicates(thumbs))
    assert len(whole) == 14


def test_groups_join_chains():
    groups = groups_of(np.array([(1, 4), (4, 5), (0, 2)]), 7)
    assert groups.tolist() == [0, 1, 0, 3, 1, 1, 6]
    assert groups_of(np.zeros((0, 2), dtype=np.int64), 3).tolist() == [0, 1, 2]
