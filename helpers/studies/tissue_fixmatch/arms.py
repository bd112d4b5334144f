"""One arm of the study: its tiles, views, encoder and both stages, as recipes that any process can follow."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from helpers.data.corpora.slide_drawing import SlideDrawing
from helpers.data.corpora.slide_regions import CLASSES
from helpers.data.corpora.slide_source import Tiling
from helpers.data.corpora.slides import SlideCorpus, slide_corpus
from helpers.data.corpus import Corpus
from helpers.data.labelled_rows import LabelledRows
from helpers.errors import StudyError
from helpers.methods.barlow_twins import BarlowTwins
from helpers.methods.byol import BYOL
from helpers.methods.fixmatch import FixMatch, with_unlabelled
from helpers.methods.joint_embedding import JointEmbedding
from helpers.methods.moco import MoCo
from helpers.methods.nnclr import NNCLR
from helpers.methods.simclr import SimCLR
from helpers.methods.vicreg import VICReg
from helpers.networks.image_encoders import image_encoder, load_weights
from helpers.processes import Job
from helpers.training import TrainingPlan
from helpers.views.images import ImageViews
from helpers.views.stains import StainViews

Settings = dict[str, Any]  # the study's parameters as plain values, without seeds, workers and the like
_DRAWING = ("drawn_train", "drawn_validation", "drawn_test", "drawn_unlabelled", "drawn_side", "slide_seed")


@lru_cache(maxsize=2)
def _corpus(name: str, data_root: str, tiling: Tiling, drawing: SlideDrawing) -> SlideCorpus:
    return slide_corpus(name, data_root, tiling, drawing)


def open_corpus(settings: Settings) -> SlideCorpus:
    """The run's slides and their tiles."""
    tiling = Tiling(settings["tile"], settings["tiles_each"], settings["purity"], settings["downsample"])
    drawing = SlideDrawing(*(settings[name] for name in _DRAWING))
    return _corpus(settings["corpus"], settings["data_root"], tiling, drawing)


def classes_of(corpus: Corpus) -> np.ndarray:
    """Class of every tile, int64, a position in the regions; −1 where unknown."""
    places = {name: k for k, name in enumerate(CLASSES)}
    return corpus.table["label"].map(places).fillna(-1).to_numpy(np.int64)


def rows_of(corpus: Corpus) -> LabelledRows:
    """Tiles by what they are for: ``pretrain`` is every tile of training and unlabelled slides, without its label.

    Raises:
        StudyError: no validation or test tiles, or fewer than two classes to train on.
    """
    labels = classes_of(corpus)
    parts = {}
    for split in ("train", "validation", "test"):
        rows = corpus.rows(split)
        parts[split] = rows[labels[rows] >= 0]
        if len(parts[split]) == 0:
            raise StudyError(
                f"{corpus.name}: no tile of the {split} slides has a label; annotate more, or lower purity"
            )
    if len(set(labels[parts["train"]])) < 2:
        raise StudyError(f"{corpus.name}: the labelled tiles have fewer than two regions; annotate more")
    return LabelledRows(pretrain=corpus.rows(("train", "unlabelled")), **parts)


def labelled_tiles(settings: Settings, corpus: Corpus, budget: str, seed: int) -> np.ndarray:
    """The labelled tiles of a budget, as many of each region as there are, sorted; ``few`` are among ``many``.

    Args:
        settings: how many tiles, and of how many slides the few come.
        corpus: the tiles.
        budget: ``"few"`` or ``"many"``.
        seed: of the draw, slides included.
    """
    rows, labels = rows_of(corpus).train, classes_of(corpus)
    rng = np.random.default_rng((seed, 5))
    slide = corpus.table["subject"].to_numpy()
    order = rng.permutation(rows)
    of_slides = _slides_with_most_regions(labels[order], slide[order], settings["few_slides"], rng)
    few = _balanced(order[np.isin(slide[order], of_slides)], labels, settings["few_tiles"])
    if budget == "few":
        return np.sort(few)
    first = np.concatenate([few, order[~np.isin(order, few)]])
    return np.sort(_balanced(first, labels, settings["many_tiles"]))


def _slides_with_most_regions(
    labels: np.ndarray, slide: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Random slides, those that show every region first: nobody annotates a slide that lacks one."""
    names = rng.permutation(np.unique(slide))
    regions = np.array([len(np.unique(labels[slide == name])) for name in names])
    return names[np.argsort(-regions, kind="stable")][:count]


def _balanced(order: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """The first ``count`` rows, taken from the classes in turn."""
    turn = np.empty(len(order), dtype=np.int64)
    for k in np.unique(labels[order]):
        mine = labels[order] == k
        turn[mine] = np.arange(mine.sum())
    return order[np.argsort(turn, kind="stable")][:count]


def weak_views(size: int) -> ImageViews:
    """What keeps a tile as it is: all eight ways a square lies on a slide."""
    return ImageViews(
        size, crop_scale=(1.0, 1.0), crop_ratio=(1.0, 1.0), right_angles=True, jitter=0.0, gray=0.0, blur=0.0
    )


def labelled_views(size: int, strength: float) -> StainViews:
    """Turns and other stains, for labelled tiles of every arm."""
    return StainViews(weak_views(size), factor=0.4, offset=0.04).scaled(strength)


def strong_views(size: int, strength: float) -> StainViews:
    """FixMatch's strong view: crops, other stains and light, blur, and a square cut out."""
    geometry = ImageViews(size, crop_scale=(0.5, 1.0), right_angles=True, brightness=0.2, contrast=0.3, saturation=0.2,
                          hue=0.02, gray=0.0, blur=0.3, blur_sigma=(0.1, 1.2))  # fmt: skip
    return StainViews(geometry, factor=0.5, offset=0.05, cutout=0.35).scaled(strength)


def ssl_views(size: int, strength: float) -> StainViews:
    """Stage 1's views: like the strong ones, smaller crops, sometimes grey, nothing cut out."""
    geometry = ImageViews(size, crop_scale=(0.3, 1.0), right_angles=True, brightness=0.3, contrast=0.3, saturation=0.3,
                          hue=0.05, gray=0.2, blur=0.3, blur_sigma=(0.1, 1.2))  # fmt: skip
    return StainViews(geometry, factor=0.5, offset=0.05).scaled(strength)


def make_encoder(settings: Settings, seed: int, weights: str = "") -> tuple[nn.Module, int]:
    """The encoder, at its start the same for every arm of a seed, or from a file of weights; its embedding's size."""
    torch.manual_seed(seed)
    encoder, features = image_encoder(settings["encoder"], 3, settings["tile"])
    if weights:
        load_weights(encoder.network, Path(weights))  # type: ignore[arg-type]
    return encoder, features


def stage_one(settings: Settings, seed: int) -> Job:
    """The recipe of the self-supervised stage, for any process."""
    corpus = open_corpus(settings).tiles
    rows = rows_of(corpus).pretrain
    steps = settings["epochs"] * max(1, len(rows) // settings["batch_size"])
    plan = TrainingPlan(
        epochs=settings["epochs"], batch_size=settings["batch_size"], learning_rate=settings["learning_rate"],
        weight_decay=settings["weight_decay"], warmup_epochs=0.1 * settings["epochs"], seed=seed,
    )  # fmt: skip
    return Job(_ssl_method(settings, steps, seed), corpus, rows, plan, None, settings["device"])


def _ssl_method(settings: Settings, steps: int, seed: int) -> JointEmbedding:
    encoder, features = make_encoder(settings, seed)
    views = ssl_views(settings["tile"], settings["ssl_strength"])
    size = {"hidden": settings["hidden"], "projection": settings["projection"]}
    name, temperature, queue = settings["ssl"], settings["temperature"], settings["queue"]
    if name == "simclr":
        return SimCLR(encoder, features, views, temperature=temperature, **size)
    if name == "nnclr":
        return NNCLR(encoder, features, views, temperature=temperature, queue=queue, **size)
    if name == "moco":
        return MoCo(encoder, features, views, temperature=temperature, queue=queue, **size)
    if name == "byol":
        return BYOL(encoder, features, views, steps=steps, **size)
    return (BarlowTwins if name == "barlow_twins" else VICReg)(encoder, features, views, **size)


def stage_two(settings: Settings, arm: str, budget: str, seed: int, weights: str = "") -> Job:
    """The recipe of training with labels, for any process.

    Args:
        settings: of the study.
        arm: of :data:`helpers.studies.tissue_fixmatch.about.ARMS`; those with a stage 1 need ``weights``.
        budget: ``"few"`` or ``"many"`` labelled tiles.
        seed: of start, tiles and training.
        weights: file of the encoder after stage 1.
    """
    corpus = open_corpus(settings).tiles
    if arm.startswith("ssl") and not weights:
        raise ValueError(f"{arm} starts from the encoder of stage 1; give its weights")
    encoder, features = make_encoder(settings, seed, weights if arm.startswith("ssl") else "")
    consistent = arm.endswith("fixmatch")
    method = FixMatch(
        encoder, features, len(CLASSES), labelled_views(settings["tile"], settings["labelled_strength"]),
        weak_views(settings["tile"]), strong_views(settings["tile"], settings["strong_strength"]),
        threshold=settings["threshold"], weight=settings["weight"] if consistent else 0.0, momentum=settings["average"],
    )  # fmt: skip
    few = labelled_tiles(settings, corpus, budget, seed)
    pool = rows_of(corpus).pretrain if consistent else None
    rows = repeated(few, settings["updates"] * settings["labelled_batch"], seed)
    plan = TrainingPlan(1, settings["labelled_batch"], settings["rate"], optimiser="sgd",
                        weight_decay=settings["weight_decay"], warmup_epochs=0.05, seed=seed)  # fmt: skip
    return Job(method, with_unlabelled(corpus, classes_of(corpus), pool, settings["ratio"]), rows, plan, None,
               settings["device"])  # fmt: skip


def repeated(rows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """``count`` rows: these in random order, again and again, so that budgets are equal however few there are."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(rows) for _ in range(-(-count // len(rows)))])[:count]


def some_tiles(corpus: Corpus, rows: np.ndarray, each: int, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """Rows for a picture, ``each`` of every region that is there, region after region; and the regions."""
    labels = classes_of(corpus)
    order = np.random.default_rng(seed).permutation(rows)
    found = {name: order[labels[order] == k][:each] for k, name in enumerate(CLASSES)}
    kept = [name for name, mine in found.items() if len(mine) == each]
    return np.concatenate([found[name] for name in kept]), kept


def as_images(corpus: Corpus, rows: np.ndarray) -> Tensor:
    """Tiles, (B, 3, tile, tile) float in [0, 1]."""
    loaded = corpus.load(rows)
    assert isinstance(loaded, Tensor)
    return loaded
