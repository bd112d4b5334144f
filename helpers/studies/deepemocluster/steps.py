"""What the notebook's cells call: jobs of the grid, scores, evidence, notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from helpers.data.circumplex import ATTRIBUTES
from helpers.evaluation.claims import Evidence
from helpers.evaluation.cluster_content import cluster_content
from helpers.evaluation.concordance import ccc, speaker_shares
from helpers.methods.chunk_regression import ChunkRegressor
from helpers.processes import train_in_processes
from helpers.studies.deepemocluster.arms import Settings, open_speech
from helpers.studies.deepemocluster.measuring import measured, trained, untrained
from helpers.studies.side_by_side import side_by_side
from helpers.studies.study import Study
from helpers.training import History

NAMES = {
    "random": "untrained encoder, ridge",
    "regressor": "regressor alone",
    "clusters": "DeepEmoCluster, labelled",
    "clusters_unlabelled": "DeepEmoCluster + unlabelled",
    "autoencoder": "autoencoder + unlabelled",
    "variational": "VAE + unlabelled",
}
SHOWN = "clusters_unlabelled"
Key = tuple[str, float, int]  # arm, share of the labels, seed


def settings_of(study: Study) -> Settings:
    """Everything that a job of this study depends on, as plain values."""
    left_out = {"scale", "seeds", "workers", "threads", "processes", "methods", "fraction_methods", "label_fractions",
                "together"}  # fmt: skip
    return study.parameters.model_dump(exclude=left_out)


def models_of(study: Study) -> list[list[str]]:
    """The attributes that each model predicts."""
    return [list(ATTRIBUTES)] if study.parameters.together else [[name] for name in ATTRIBUTES]


def train_shown(study: Study) -> tuple[ChunkRegressor, History]:
    """DeepEmoCluster with unlabelled sentences, all labels and the first seed, in this process or in several."""
    p = study.parameters
    arguments = {"settings": settings_of(study), "arm": SHOWN, "attributes": models_of(study)[0], "fraction": 1.0,
                 "seed": p.seeds[0]}  # fmt: skip
    method, history = train_in_processes(
        "helpers.studies.deepemocluster.arms:training", arguments, processes=p.processes,
        checkpoint=study.checkpoints / "shown.pt",
    )  # fmt: skip
    assert isinstance(method, ChunkRegressor)
    return method, history


@dataclass(frozen=True)
class Comparison:
    """All runs of a study.

    Attributes:
        predicted: of the test sentences by arm, share and seed, 1 to 7, (m, 3).
        validation: CCC of each attribute on validation sentences, (3,).
        runs: of each, one result a model (see :func:`helpers.studies.deepemocluster.measuring.measured`).
        truth: ratings of the test sentences, (m, 3).
        speakers: who says them, (m,).
        seeds: of the runs.
        fractions: of the labels.
    """

    predicted: dict[Key, np.ndarray]
    validation: dict[Key, np.ndarray]
    runs: dict[Key, list[dict[str, Any]]]
    truth: np.ndarray
    speakers: np.ndarray
    seeds: list[int]
    fractions: list[float]

    def arms(self, fraction: float = 1.0) -> list[str]:
        """Arms that were run, in the order of :data:`NAMES`."""
        return [arm for arm in NAMES if (arm, fraction, self.seeds[0]) in self.predicted]

    def scores(self, arm: str, fraction: float = 1.0) -> np.ndarray:
        """CCC on test sentences, (seeds, 3)."""
        return np.array([
            [ccc(self.truth[:, i], self.predicted[arm, fraction, seed][:, i]) for i in range(len(ATTRIBUTES))]
            for seed in self.seeds
        ])  # fmt: skip

    def shares(self, arm: str, fraction: float = 1.0) -> np.ndarray:
        """Each test speaker's share of the CCC for each attribute, (seeds, speakers, 3)."""
        return np.array([
            np.stack([speaker_shares(self.truth[:, i], self.predicted[arm, fraction, seed][:, i], self.speakers)
                      for i in range(len(ATTRIBUTES))], axis=1)
            for seed in self.seeds
        ])  # fmt: skip

    def validated(self, arm: str, fraction: float = 1.0) -> np.ndarray:
        """CCC on validation sentences, (seeds, 3)."""
        return np.array([self.validation[arm, fraction, seed] for seed in self.seeds])


def compare(study: Study, shown: tuple[ChunkRegressor, History]) -> Comparison:
    """Run the grid, each arm once a seed, and record the results."""
    p, settings, models = study.parameters, settings_of(study), models_of(study)
    grid = [(arm, fraction, seed, model) for seed in p.seeds for fraction in sorted(p.label_fractions, reverse=True)
            for arm in (p.methods if fraction == 1 else p.fraction_methods) for model in models]  # fmt: skip
    first = (SHOWN, 1.0, p.seeds[0], models[0])
    jobs = [{"settings": settings, "arm": a, "attributes": m, "fraction": f, "seed": s}
            for a, f, s, m in grid if (a, f, s, m) != first]  # fmt: skip
    found = {_key(j): r for j, r in zip(jobs, _run(study, trained, jobs, "arms"), strict=True)}
    found[SHOWN, 1.0, p.seeds[0], models[0][0]] = measured(settings, *shown, models[0], p.seeds[0])
    bases = [{"settings": settings, "attributes": m, "fraction": f, "seed": s}
             for s in p.seeds for f in p.label_fractions for m in models]  # fmt: skip
    for job, result in zip(bases, _run(study, untrained, bases, "untrained"), strict=True):
        found["random", job["fraction"], job["seed"], job["attributes"][0]] = result
    runs = {key[:3]: [found[(*key[:3], m[0])] for m in models] for key in found}
    speech = open_speech(settings)
    table = speech.sentences.table.iloc[speech.sentences_of("test", p.chunks)]
    comparison = Comparison(
        {key: np.concatenate([one["predicted"].numpy() for one in its], axis=1) for key, its in runs.items()},
        {key: np.concatenate([one["validation"] for one in its]) for key, its in runs.items()}, runs,
        table[list(ATTRIBUTES)].to_numpy(float), table["subject"].to_numpy(), list(p.seeds), list(p.label_fractions),
    )  # fmt: skip
    _record(study, comparison)
    return comparison


def _key(job: dict[str, Any]) -> tuple[str, float, int, str]:
    return job["arm"], job["fraction"], job["seed"], job["attributes"][0]


def _run(study: Study, job: Any, jobs: list[dict[str, Any]], label: str) -> list[dict[str, Any]]:
    p = study.parameters
    return side_by_side(job, jobs, workers=p.workers, threads=p.threads, checkpoints=study.checkpoints, label=label)


def _record(study: Study, comparison: Comparison) -> None:
    n = len(comparison.truth)
    for arm, fraction, seed in comparison.predicted:
        common: dict[str, Any] = {"method": arm, "seed": seed, "label_fraction": fraction}
        i = comparison.seeds.index(seed)
        scores, held = comparison.scores(arm, fraction)[i], comparison.validated(arm, fraction)[i]
        for name, score, other in zip(ATTRIBUTES, scores, held, strict=True):
            study.record(metric=f"ccc_{name}", value=float(score), n=n, **common)
            study.record(metric=f"ccc_{name}", value=float(other), n=n, split="validation", **common)
        study.record(metric="ccc", value=float(scores.mean()), n=n, **common)


def content(study: Study, comparison: Comparison) -> pd.DataFrame:
    """How much of each attribute's variance over test chunks lies between clusters, before and after training.

    Columns ``arm``, ``seed``, ``attribute``, and ``share``, ``low``, ``high`` as in
    :class:`helpers.evaluation.cluster_content.ClusterContent`; recorded.
    """
    speech = open_speech(settings_of(study))
    test = speech.rows["test"]
    values = speech.ratings[test].numpy()
    speakers = speech.chunks.table["subject"].to_numpy()[test]
    records = []
    for arm in [a for a in comparison.arms() if "clusters" in comparison.runs[a, 1.0, comparison.seeds[0]][0]]:
        for seed in comparison.seeds:
            for i, name in enumerate(ATTRIBUTES):
                runs = comparison.runs[arm, 1.0, seed]
                clusters = runs[min(i, len(runs) - 1)]["clusters"].numpy()
                share = cluster_content(clusters, values[:, i], speakers)
                records.append({"arm": arm, "seed": seed, "attribute": name, **share.__dict__})
                study.record(method=arm, metric=f"between_clusters_{name}", value=share.share, n=len(test), seed=seed)
    return pd.DataFrame(records)


def better_autoencoder(comparison: Comparison) -> str:
    """The better of the autoencoders on validation sentences."""
    arms = [arm for arm in ("autoencoder", "variational") if arm in comparison.arms()]
    return max(arms, key=lambda arm: comparison.validated(arm).mean())


def evidence(study: Study, comparison: Comparison) -> list[Evidence]:
    """Each claim's two arms: every test speaker's share of the mean CCC, paired by seed and speaker."""
    other = better_autoencoder(comparison)
    pairs = {"clusters_help": ("clusters", "regressor"), "unlabelled_help": (SHOWN, "clusters"),
             "beats_autoencoders": (SHOWN, other)}  # fmt: skip
    of = {arm: comparison.shares(arm).mean(axis=2) for arm in {a for pair in pairs.values() for a in pair}}
    return [Evidence(study.card.claim(key), of[a], of[b], "seeds") for key, (a, b) in pairs.items()]


def agreements(comparison: Comparison, arm: str = SHOWN) -> list[list[float]]:
    """NMI of successive clusterings of the labelled chunks, by seed, epoch after epoch."""
    return [[e["nmi"] for e in comparison.runs[arm, 1.0, seed][0]["history"] if "nmi" in e]
            for seed in comparison.seeds]  # fmt: skip


def notes(study: Study, comparison: Comparison, contents: pd.DataFrame) -> list[str]:
    """What a reader of the verdict must know of this run."""
    p = study.parameters
    names = np.unique(comparison.speakers)
    found = [
        f"{len(comparison.seeds)} seed(s), one test set of {len(comparison.truth):,} sentences of {len(names)} "
        "speakers. CCC is no mean over speakers: the interval rests on jackknife shares of it."
    ]
    if p.corpus in ("ravdess", "crema_d"):
        found.append("Attributes are a proxy: places of acted emotions on the circumplex, not listeners' ratings.")
    for arm in ("regressor", "clusters", SHOWN):
        gain = comparison.scores(arm).mean() - comparison.scores("random").mean()
        if gain <= 0:
            found.append(f"{NAMES[arm]} is not above the untrained encoder's ridge regression ({gain:+.3f} CCC): a "
                         "comparison of methods says little at this budget.")  # fmt: skip
    best = [run["best_epoch"] / max(len(run["history"]), 1) for (arm, f, _), its in comparison.runs.items()
            for run in its if arm != "random" and f == 1]  # fmt: skip
    found.append(f"Best epochs on validation came after {100 * np.mean(best):.0f} % of the training on average; every "
                 "arm takes about the same number of steps.")  # fmt: skip
    mean = contents.groupby(["arm", "attribute"])["share"].mean()
    if SHOWN in mean.index.get_level_values(0):
        told = ", ".join(f"{a} {mean[SHOWN, a]:.2f} (untrained {mean['random', a]:.2f})" for a in ATTRIBUTES)
        found.append(f"Share of the attributes' variance between clusters of test chunks: {told}.")
    if p.together:
        found.append("One model predicts the three attributes together; the paper trains one for each.")
    return found
