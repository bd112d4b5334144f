"""What a trained arm is worth: test slides segmented tile by tile, and intersection over union by slide."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from helpers.data.corpora.slide_regions import CLASSES
from helpers.data.corpora.slides import SlideCorpus
from helpers.data.tissue import Tissue, find_tissue
from helpers.evaluation.region_overlap import confusion, map_confusion
from helpers.evaluation.slide_maps import SlideMap, predict_slide
from helpers.methods.fixmatch import FixMatch
from helpers.studies.tissue_fixmatch.arms import Settings, as_images, classes_of, open_corpus, rows_of
from helpers.training import History

_BATCH = 256


def test_slides(slides: SlideCorpus) -> list[str]:
    """Names of the slides that are tested on, sorted; of tile folders too."""
    rows = rows_of(slides.tiles).test
    return sorted(set(slides.tiles.table["subject"].iloc[rows]))


def tissue_of(slides: SlideCorpus, name: str) -> Tissue:
    """Where a slide's tissue is, at a quarter of a tile."""
    return find_tissue(slides.open(name), max(1, slides.tiling.tile // 4))


def segmented(method: FixMatch, slides: SlideCorpus, name: str, stride: int) -> SlideMap:
    """A slide's map of regions, streamed from its file."""
    tiling = slides.tiling
    return predict_slide(method.classify, slides.open(name), len(CLASSES), tiling.tile, stride, tissue_of(slides, name))


def measured(method: FixMatch, history: History, settings: Settings, keep: bool) -> dict[str, Any]:
    """What a trained network makes of the test slides.

    Args:
        method: trained.
        history: of its training.
        settings: of the study.
        keep: whether to keep the network and the map of the first test slide.

    Returns:
        ``confusion``: int64 (slides, K, K) in the order of :func:`test_slides`; ``validation``: the same over all
        validation tiles, (K, K); ``last``: what training logged last. Where kept: ``map``, uint8 probabilities (K,
        rows, columns), and ``network``, the average's weights.
    """
    slides = open_corpus(settings)
    names = test_slides(slides)
    counts, first = [], None
    for name in names:
        truth = slides.regions(name) if name in slides.slides else None
        if truth is None:
            rows = rows_of(slides.tiles).test
            counts.append(_tile_confusion(method, slides, rows[slides.tiles.table["subject"].iloc[rows] == name]))
            continue
        found = segmented(method, slides, name, settings["stride"])
        first = found if first is None else first
        counts.append(map_confusion(found, truth, len(CLASSES)))
    result: dict[str, Any] = {
        "confusion": torch.as_tensor(np.stack(counts)),
        "validation": torch.as_tensor(_tile_confusion(method, slides, rows_of(slides.tiles).validation)),
        "last": {key: value for key, value in history.epochs[-1].items() if key != "epoch"},
    }
    if keep:
        result["network"] = {name: tensor.cpu() for name, tensor in method.average.state_dict().items()}
        if first is not None:
            result["map"] = torch.as_tensor(np.rint(255 * first.probabilities).astype(np.uint8))
    return result


def _tile_confusion(method: FixMatch, slides: SlideCorpus, rows: np.ndarray) -> np.ndarray:
    """Confusion over labelled tiles, int64 (K, K)."""
    truth = classes_of(slides.tiles)[rows]
    parts = [rows[i : i + _BATCH] for i in range(0, len(rows), _BATCH)]
    found = [method.classify(as_images(slides.tiles, part)).argmax(1).numpy() for part in parts]
    return confusion(truth, np.concatenate(found), len(CLASSES))
