"""What an arm is worth: its predictions of test sentences, what its clusters say, and the baseline without training."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from helpers.data.circumplex import ATTRIBUTES
from helpers.evaluation.frozen import with_statistics
from helpers.methods.chunk_regression import ChunkRegressor
from helpers.methods.deep_emo_cluster import DeepEmoCluster
from helpers.methods.embedding import embed
from helpers.networks.chunk_networks import mean_of_chunks
from helpers.objectives.concordance import concordance
from helpers.objectives.prototypes import k_means, nearest_centre
from helpers.studies.deepemocluster.arms import (
    Settings,
    Speech,
    clusters_of,
    make_encoder,
    open_speech,
    predictions,
    training,
    training_rows,
)
from helpers.training import History, train

PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0)  # of the ridge regression on frozen features


def trained(settings: Settings, arm: str, attributes: list[str], fraction: float, seed: int) -> dict[str, Any]:
    """Train an arm and measure it: a job that any process can do. See :func:`measured`."""
    job = training(settings, arm, attributes, fraction, seed)
    history = train(job.method, job.corpus, job.rows, job.plan, validate=job.validate, label=f"{arm} {seed}",
                    device=job.device)  # fmt: skip
    assert isinstance(job.method, ChunkRegressor)
    return measured(settings, job.method, history, attributes, seed)


def measured(
    settings: Settings, method: ChunkRegressor, history: History, attributes: list[str], seed: int
) -> dict[str, Any]:
    """What a trained method predicts, and what its clusters are.

    Returns:
        ``predicted``: of the test sentences, 1 to 7, (m, A); ``validation``: CCC of each attribute on validation
        sentences; ``history``; ``best_epoch``; for DeepEmoCluster ``clusters``: of the test chunks, int64.
    """
    speech = open_speech(settings)
    columns = [ATTRIBUTES.index(name) for name in attributes]
    found, _ = predictions(method, speech, "test", columns, settings["chunks"])
    held = concordance(*predictions(method, speech, "validation", columns, settings["chunks"]))
    result: dict[str, Any] = {
        "predicted": found * speech.deviation[columns] + speech.mean[columns],
        "validation": held.tolist(),
        "history": history.epochs,
        "best_epoch": history.best_epoch or 0,
    }
    if isinstance(method, DeepEmoCluster):
        network = nn.Sequential(method.encoder, method.hidden)
        result["clusters"] = clusters_on_test(settings, speech, network, attributes, seed)
    return result


def clusters_on_test(
    settings: Settings, speech: Speech, network: nn.Module, attributes: list[str], seed: int
) -> Tensor:
    """Clusters of the test chunks, int64 (n,): centres by k-means of all training chunks, labelled or not."""
    fit = np.concatenate([speech.rows["unlabelled"], speech.rows["train"]])
    source = torch.Generator().manual_seed(seed)
    centres, _ = k_means(embed(network, speech.chunks, fit), clusters_of(settings, attributes), 50, source)
    return nearest_centre(embed(network, speech.chunks, speech.rows["test"]), centres)


def untrained(settings: Settings, attributes: list[str], fraction: float, seed: int) -> dict[str, Any]:
    """The encoder before any training: ridge regression on its frozen features, and its clusters.

    The penalty is chosen on validation sentences, by the mean CCC.
    """
    speech = open_speech(settings)
    columns = [ATTRIBUTES.index(name) for name in attributes]
    rows, _ = training_rows(settings, speech, "regressor", fraction, seed)
    encoder = with_statistics(make_encoder(settings, seed), speech.chunks, speech.rows["train"])
    of = {"train": rows, "validation": speech.rows["validation"], "test": speech.rows["test"]}
    x = {name: embed(encoder, speech.chunks, at).double() for name, at in of.items()}
    mean, deviation = x["train"].mean(0), x["train"].std(0).clamp_min(1e-6)
    x = {name: (value - mean) / deviation for name, value in x.items()}
    y = speech.standardised()[torch.from_numpy(rows)][:, columns].double()
    truth = speech.standardised()[torch.from_numpy(speech.rows["validation"])][:: settings["chunks"]][:, columns]
    best: tuple[float, Tensor, Tensor] | None = None
    for penalty in PENALTIES:
        gram = x["train"].mT @ x["train"] + penalty * torch.eye(x["train"].shape[1], dtype=torch.float64)
        weights = torch.linalg.solve(gram, x["train"].mT @ (y - y.mean(0)))
        held, asked = (mean_of_chunks(x[part] @ weights + y.mean(0), settings["chunks"]).float()
                       for part in ("validation", "test"))  # fmt: skip
        validation = concordance(held, truth)
        if best is None or float(validation.mean()) > best[0]:
            best = float(validation.mean()), validation, asked
    assert best is not None
    return {
        "predicted": best[2] * speech.deviation[columns] + speech.mean[columns],
        "validation": best[1].tolist(), "history": [], "best_epoch": 0,
        "clusters": clusters_on_test(settings, speech, encoder, attributes, seed),
    }  # fmt: skip


def embeddings(settings: Settings, method: ChunkRegressor, seed: int) -> tuple[dict[str, Tensor], np.ndarray]:
    """Embeddings of the test sentences (means over chunks) before and after training, and the sentences' positions."""
    speech = open_speech(settings)
    start = with_statistics(make_encoder(settings, seed), speech.chunks, speech.rows["train"])
    encoders = {"before training": start, "after training": method.encoder}
    found = {
        title: mean_of_chunks(embed(encoder, speech.chunks, speech.rows["test"]), settings["chunks"])
        for title, encoder in encoders.items()
    }
    return found, speech.sentences_of("test", settings["chunks"])
