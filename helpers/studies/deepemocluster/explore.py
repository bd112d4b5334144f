"""The notebook's panel: any test sentence, its chunks, what is predicted for each, and what was rated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from helpers.data.circumplex import ATTRIBUTES
from helpers.methods.chunk_regression import ChunkRegressor
from helpers.report.explore import Slider, explore
from helpers.report.style import data_line, new_figure
from helpers.studies.deepemocluster.arms import Settings, Speech
from helpers.studies.deepemocluster.figures import ATTRIBUTE_COLOURS, drawn_sentence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from helpers.studies.study import Study


def explore_sentence(study: Study, speech: Speech, settings: Settings, method: ChunkRegressor) -> Any:
    """Slide over the test sentences from low to high rated arousal."""
    sentences = speech.sentences_of("test", settings["chunks"])
    arousal = speech.sentences.table["arousal"].to_numpy(float)[sentences]
    order = np.argsort(arousal, kind="stable")

    def draw(place: int) -> Figure:
        return sentence_figure(speech, settings, method, int(order[place - 1]), study.data_note)

    return explore(
        draw,
        "A test sentence's sound and mel power with its chunks, and the attributes predicted for each chunk beside "
        "those rated.",
        place=Slider("test sentence, by rated arousal", 1, len(order), 1, len(order)),
    )


def sentence_figure(speech: Speech, settings: Settings, method: ChunkRegressor, number: int, note: str) -> Figure:
    """One test sentence: on the left its sound and chunks, on the right what is predicted."""
    count = settings["chunks"]
    rows = speech.rows["test"].reshape(-1, count)[number]
    sentence = int(speech.chunks.table["sentence"].to_numpy()[rows[0]])
    pieces = speech.chunks.load(rows)
    assert isinstance(pieces, torch.Tensor)
    method.eval()
    outputs = int(method.head.layers[-1].out_features)  # type: ignore[arg-type]
    with torch.no_grad():
        predicted = method.predict(pieces) * speech.deviation[:outputs] + speech.mean[:outputs]  # (C, A)
    figure, grid = new_figure(2, 2, height=2.9, width=7.6, sharex="col", gridspec_kw={"height_ratios": [1, 2.2],
                              "width_ratios": [1.5, 1]})  # fmt: skip
    drawn_sentence(grid[:, 0], speech, settings, sentence)
    grid[0, 0].set_ylabel("amplitude")
    grid[1, 0].set_ylabel("mel band")
    grid[0, 1].set_axis_off()
    axis = grid[1, 1]
    for i, name in enumerate(ATTRIBUTES[:outputs]):
        axis.scatter(predicted[:, i], np.full(count, i), s=18, color=ATTRIBUTE_COLOURS[name], alpha=0.6, linewidths=0)
        axis.scatter(float(predicted[:, i].mean()), i, s=60, color=ATTRIBUTE_COLOURS[name], marker="D")
        axis.scatter(float(speech.ratings[rows[0], i]), i, s=120, color="black", marker="|", linewidths=2)
    axis.set_yticks(range(outputs), list(ATTRIBUTES[:outputs]))
    axis.set_xlim(0.9, 7.1)
    axis.set_ylim(-0.6, outputs - 0.4)
    axis.set_title("dots: chunks; diamond: their mean; bar: rated", fontsize="x-small")
    axis.set_xlabel("rating (1 to 7)")
    data_line(figure, f"{note}, a test sentence")
    return figure
