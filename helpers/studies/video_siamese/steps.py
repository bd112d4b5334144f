"""What the notebook's cells call: corpora, pairs, jobs, the comparison, sensitivity, evidence."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from helpers.data.corpora.video import Drawing, video_corpus
from helpers.data.corpora.video_clips import ClipGrid
from helpers.data.corpus import Corpus
from helpers.data.simulated.actions import FRAME_RATE, same_action_probability
from helpers.errors import StudyError
from helpers.evaluation.claims import Evidence
from helpers.evaluation.fine_tuning import fine_tune
from helpers.evaluation.probes import knn_predict, label_subset, linear_probe
from helpers.methods.arrow_of_time import ArrowOfTime
from helpers.methods.embedding import embed
from helpers.methods.method import Method
from helpers.methods.siamese_video import SiameseVideo
from helpers.networks.clip_encoders import clip_encoder
from helpers.processes import Job, train_in_processes
from helpers.studies.side_by_side import side_by_side
from helpers.studies.study import Study
from helpers.training import History, TrainingPlan
from helpers.views.clip_pairs import Assumptions, Pairs, chance_of_same_class, mine_pairs, pair_errors, with_errors
from helpers.views.clips import ClipViews

Settings = dict[str, Any]  # the study's parameters as plain values, without seeds, workers and the like
ARMS = ("siamese", "arrow", "random")
NAMES = {
    "siamese": "Siamese, mined pairs",
    "arrow": "arrow of time",
    "random": "random, frozen",
    "scratch": "from scratch",
}
PLACES = ("home", "transfer")
SPLITS = ("train", "validation", "test")


def settings_of(study: Study) -> Settings:
    """Everything that a job of this study depends on, as plain values."""
    return study.parameters.model_dump(exclude={"scale", "seeds", "workers", "threads", "processes", "error_rates"})


@lru_cache(maxsize=3)
def _corpus(name: str, root: str, size: int, grid: ClipGrid, drawing: Drawing) -> Corpus:
    return video_corpus(name, root, size, grid, drawing)


def open_corpus(settings: Settings, place: str = "home") -> Corpus:
    """The corpus that pairs are mined from (``"home"``) or the other one (``"transfer"``)."""
    s = settings
    name, root = (s["corpus"], s["data_root"]) if place == "home" else (s["transfer_corpus"], s["transfer_root"])
    grid = ClipGrid(s["clip_frames"], s["clip_stride"], s["clip_step"])
    drawing = Drawing(s["people"], s["videos_each"], s["video_seconds"], s["change_rate"], s["world_seed"])
    return _corpus(name, root, s["frame_size"], grid, drawing)


def classes_of(corpus: Corpus) -> tuple[list[str], np.ndarray]:
    """Class names and the class of every clip, int64."""
    names = sorted(corpus.table["label"].unique())
    return names, corpus.table["label"].map({name: i for i, name in enumerate(names)}).to_numpy()


def labelled_rows(corpus: Corpus) -> dict[str, np.ndarray]:
    """Clips of each split that show one action throughout: what probes train on and are tested on.

    Raises:
        StudyError: a split has none, or the training labels are of one class.
    """
    pure = corpus.table["pure"].to_numpy()
    rows = {split: corpus.rows(split)[pure[corpus.rows(split)]] for split in SPLITS}
    empty = [split for split, found in rows.items() if len(found) == 0]
    if empty:
        raise StudyError(f"{corpus.name}: no clip of the split {empty[0]} shows one action throughout; use more videos")
    if corpus.table["label"].iloc[rows["train"]].nunique() < 2:
        raise StudyError(f"{corpus.name}: the training clips are of one class; give videos of at least two")
    return rows


def mined(settings: Settings, seed: int, error: float = 0.0) -> Pairs:
    """The pairs of one seed, a share ``error`` of them turned wrong; labels are not looked at."""
    s, corpus = settings, open_corpus(settings)
    assumptions = Assumptions(s["near_seconds"], s["far_seconds"], s["far_share"])
    return with_errors(mine_pairs(corpus.table, corpus.rows("train"), s["pairs"], assumptions, seed), error, seed)


def expected_errors(corpus: Corpus, pairs: Pairs, change_rate: float) -> dict[str, float]:
    """How often each kind of pair should be wrong by the assumptions alone.

    Within a video by the chain of actions, whose change is known for drawn videos and 0 where each video has one
    label; between videos by class counts.
    """
    change = 1 - np.exp(-change_rate / FRAME_RATE) if corpus.simulated else 0.0
    time = corpus.table["time"].to_numpy(dtype=float)
    gap = np.abs(time[pairs.first] - time[pairs.second]) * FRAME_RATE
    same = same_action_probability(gap, change)
    train = corpus.table.iloc[corpus.rows("train")]
    other = chance_of_same_class(train["label"].to_numpy(), train["group"].to_numpy())
    found = {
        "near": float(1 - same[pairs.kind == "near"].mean()),
        "far": float(same[pairs.kind == "far"].mean()) if (pairs.kind == "far").any() else float("nan"),
        "other": other if (pairs.kind == "other").any() else float("nan"),
    }
    shares = {kind: float((pairs.kind == kind).mean()) for kind in found}
    return {**found, "all": sum(shares[kind] * found[kind] for kind in found if shares[kind] > 0)}


def error_table(settings: Settings, seed: int) -> pd.DataFrame:
    """Errors of the mined pairs beside the expected ones: kind, pairs, error, expected."""
    corpus, pairs = open_corpus(settings), mined(settings, seed)
    found = pair_errors(pairs, corpus.table["label"].to_numpy())
    expected = expected_errors(corpus, pairs, settings["change_rate"])
    return found.assign(expected=[expected[kind] for kind in found["kind"]])


def pair_corpus(corpus: Corpus, pairs: Pairs) -> Corpus:
    """The pairs as a corpus: ``load`` gives ``first`` and ``second`` (B, 3, T, H, W) and ``same`` (B,) bool."""
    same = torch.from_numpy(pairs.same)

    def load(rows: np.ndarray) -> dict[str, Tensor]:
        both = corpus.load(np.concatenate([pairs.first[rows], pairs.second[rows]]))
        if isinstance(both, dict):
            raise TypeError("a corpus of clips loads one tensor")
        return {"first": both[: len(rows)], "second": both[len(rows) :], "same": same[torch.as_tensor(rows)]}

    names = [f"pair{i}" for i in range(len(pairs))]
    table = pd.DataFrame({"sample_id": names, "subject": corpus.table["group"].to_numpy()[pairs.first]})
    return Corpus(f"pairs of {corpus.name}", table, load, (), corpus.licence, corpus.source, corpus.simulated,
                  corpus.fingerprint)  # fmt: skip


def views_of(settings: Settings) -> ClipViews:
    """The random views of every pretext."""
    return ClipViews(settings["frame_size"])


def fresh_encoder(settings: Settings, seed: int) -> tuple[nn.Module, int]:
    """The encoder that every arm of a seed starts from."""
    torch.manual_seed(seed)
    return clip_encoder(settings["encoder"], settings["what_moves"])


def pretraining(settings: Settings, seed: int, arm: str, error: float) -> Job:
    """Recipe of one pretraining; both pretexts see the same clips in the same batches for as many steps."""
    encoder, size = fresh_encoder(settings, seed)
    corpus, pairs = open_corpus(settings), mined(settings, seed, error)
    views = views_of(settings)
    method: Method
    if arm == "siamese":
        method = SiameseVideo(encoder, size, views, settings["projection"], settings["margin"])
    else:
        method = ArrowOfTime(encoder, size, views)
    plan = TrainingPlan(
        settings["epochs"],
        settings["batch_size"],
        settings["learning_rate"],
        weight_decay=settings["weight_decay"],
        seed=seed,
    )
    return Job(method, pair_corpus(corpus, pairs), np.arange(len(pairs)), plan, device=settings["device"])


def pretrain(
    settings: Settings, seed: int, arm: str, error: float, folder: Path, processes: int = 1
) -> tuple[Method, History]:
    """Pretrain one arm, or take it up where ``folder`` holds it."""
    return train_in_processes(
        "helpers.studies.video_siamese.steps:pretraining",
        {"settings": settings, "seed": seed, "arm": arm, "error": error},
        processes=processes,
        checkpoint=folder / f"{arm}-{seed}-{error:g}.pt",
        label=f"pretraining {arm}",
    )


def evaluated(settings: Settings, seed: int, arm: str, error: float, folder: str, full: bool) -> dict[str, Any]:
    """One arm of one seed: pretrain, then predict the test clips of both corpora by every evaluation.

    Args:
        settings: the study's.
        seed: of start weights, pairs, label subsets.
        arm: one of :data:`ARMS`; ``"random"`` is not pretrained, and fine-tuned it is training from scratch.
        error: share of the pairs turned wrong.
        folder: of checkpoints.
        full: whether to fine-tune and to probe by neighbours too, not only the linear probe at all labels.

    Returns:
        ``"<place>/<evaluation>/<fraction>"`` -> predicted classes of that place's labelled test clips, int64 tensors.
    """
    if arm == "random":
        encoder, size = fresh_encoder(settings, seed)
    else:
        encoder, size = pretrain(settings, seed, arm, error, Path(folder))[0].encoder, fresh_encoder(settings, seed)[1]
    encoder = encoder.cpu()
    found: dict[str, Any] = {}
    for place in PLACES:
        corpus = open_corpus(settings, place)
        rows, classes = labelled_rows(corpus), torch.tensor(classes_of(corpus)[1])
        features = {split: embed(encoder, corpus, rows[split], batch_size=128) for split in SPLITS}
        labels = {split: classes[rows[split]] for split in SPLITS}
        for fraction in settings["label_fractions"] if full else [1.0]:
            kept = label_subset(labels["train"].numpy(), fraction, seed)
            train = (features["train"][kept], labels["train"][kept])
            held = (features["validation"], labels["validation"])
            found[f"{place}/linear/{fraction:g}"] = linear_probe(train, held, features["test"])
            if full:
                found[f"{place}/knn/{fraction:g}"] = knn_predict(*train, features["test"], settings["neighbours"])
            if full and place == "home" and settings["fine_tune_epochs"]:
                passes = max(1, round(settings["fine_tune_epochs"] / fraction**0.5))
                plan = TrainingPlan(passes, min(32, len(kept)), settings["fine_tune_rate"], seed=seed,
                                    weight_decay=settings["weight_decay"])  # fmt: skip
                used = {**rows, "train": rows["train"][kept]}
                guess = fine_tune(encoder, corpus, classes.numpy(), used, plan, size)
                found[f"{place}/fine_tune/{fraction:g}"] = torch.from_numpy(guess)
    return found


def compare(study: Study) -> pd.DataFrame:
    """Every arm, seed and evaluation; per-subject accuracies. One row a subject.

    Returns:
        Columns place, arm, evaluation, fraction, seed, error, subject, accuracy, n (clips).
    """
    settings, folder = settings_of(study), str(study.checkpoints)
    jobs = [
        {"settings": settings, "seed": seed, "arm": arm, "error": 0.0, "folder": folder, "full": True}
        for seed in study.parameters.seeds
        for arm in ARMS
    ]
    jobs += [
        {"settings": settings, "seed": seed, "arm": "siamese", "error": rate, "folder": folder, "full": False}
        for seed in study.parameters.seeds
        for rate in study.parameters.error_rates
    ]
    found = side_by_side(evaluated, jobs, workers=study.parameters.workers, threads=study.parameters.threads,
                         checkpoints=study.checkpoints, label="comparing")  # fmt: skip
    parts = [_scored(settings, job, result) for job, result in zip(jobs, found, strict=True)]
    table = pd.concat(parts, ignore_index=True)
    _record(study, table)
    return table


def _scored(settings: Settings, job: dict[str, Any], predictions: dict[str, Tensor]) -> pd.DataFrame:
    parts = []
    for key, predicted in predictions.items():
        place, evaluation, fraction = key.split("/")
        corpus = open_corpus(settings, place)
        test = labelled_rows(corpus)["test"]
        right = predicted.numpy() == classes_of(corpus)[1][test]
        by = pd.DataFrame({"subject": corpus.table["subject"].to_numpy()[test], "right": right}).groupby("subject")[
            "right"
        ]
        part = by.agg(accuracy="mean", n="size").reset_index()
        arm = "scratch" if evaluation == "fine_tune" and job["arm"] == "random" else job["arm"]
        condition = {"place": place, "arm": arm, "evaluation": evaluation, "fraction": float(fraction)}
        parts.append(part.assign(**condition, seed=job["seed"], error=job["error"]))
    return pd.concat(parts, ignore_index=True)


def _record(study: Study, table: pd.DataFrame) -> None:
    claims = {("home", "linear"): "same_corpus", ("transfer", "linear"): "other_corpus", ("home", "fine_tune"): "start"}
    corpora = {"home": study.parameters.corpus, "transfer": study.parameters.transfer_corpus}
    keys = ["place", "arm", "evaluation", "fraction", "error", "seed"]
    for (place, arm, evaluation, fraction, error, seed), rows in table.groupby(keys, sort=False):
        words = [f"probed on {corpora[place]}"] + ([f"pair_error_added={error:g}"] if error else [])
        study.record(
            method=arm,
            metric=f"{evaluation}_accuracy",
            value=rows["accuracy"].mean(),
            n=int(rows["n"].sum()),
            seed=int(seed),
            label_fraction=float(fraction),
            condition=", ".join(words),
            claim=claims.get((place, evaluation), ""),
        )


def nearest_clips(encoder: nn.Module, corpus: Corpus, queries: np.ndarray, k: int = 4) -> np.ndarray:
    """Rows of the k training clips nearest to each query in cosine similarity, one a video, (Q, k)."""
    rows = labelled_rows(corpus)["train"]
    video = corpus.table["group"].to_numpy()[rows]
    bank = nn.functional.normalize(embed(encoder, corpus, rows, batch_size=128), dim=1)
    asked = nn.functional.normalize(embed(encoder, corpus, queries, batch_size=128), dim=1)
    found = []
    for order in (asked @ bank.T).argsort(dim=1, descending=True).numpy():
        _, first = np.unique(video[order], return_index=True)
        found.append(rows[order[np.sort(first)[:k]]])
    return np.stack(found)


def by_seed(table: pd.DataFrame) -> pd.DataFrame:
    """Mean over test subjects: one row a (place, arm, evaluation, fraction, error, seed)."""
    keys = ["place", "arm", "evaluation", "fraction", "error", "seed"]
    return table.groupby(keys, sort=False, as_index=False)["accuracy"].mean()


def matrix(table: pd.DataFrame, place: str, arm: str, evaluation: str, fraction: float) -> np.ndarray:
    """Accuracies of one arm, (S seeds, N test subjects), seeds and subjects in sorted order."""
    t = table
    rows = t[
        (t.place == place) & (t.arm == arm) & (t.evaluation == evaluation) & (t.fraction == fraction) & (t.error == 0)
    ]
    return rows.pivot(index="seed", columns="subject", values="accuracy").sort_index().to_numpy()


def evidence(study: Study, table: pd.DataFrame) -> list[Evidence]:
    """Seeds × test subjects for each claim; without fine-tuning the last claim is left out."""
    fewest = min(study.parameters.label_fractions)
    asked = [("same_corpus", "home", "linear", "random", 1.0), ("other_corpus", "transfer", "linear", "random", 1.0)]
    if study.parameters.fine_tune_epochs:
        asked.append(("start", "home", "fine_tune", "scratch", fewest))
    return [
        Evidence(
            claim=study.card.claim(key),
            method=matrix(table, place, "siamese", evaluation, fraction),
            baseline=matrix(table, place, baseline, evaluation, fraction),
            design="seeds",
        )
        for key, place, evaluation, baseline, fraction in asked
    ]


def notes(study: Study, table: pd.DataFrame) -> list[str]:
    """Sentences that a reader of the verdict must know."""
    p = study.parameters
    other = study.card.corpus(p.transfer_corpus)
    said = [
        f"The second claim is about {p.transfer_corpus} ({'simulated' if other.simulated else 'real'} data); "
        f"pairs were mined from {p.corpus} alone.",
        "Accuracies are means over test subjects; test clips that show two actions are left out.",
    ]
    linear = by_seed(table).query("evaluation == 'linear' and fraction == 1")
    means = linear[linear["error"] == 0].groupby(["place", "arm"])["accuracy"].mean()
    said.append(
        f"Arrow of time, same clips and steps: linear accuracy {means['home', 'arrow']:.3f}; "
        f"Siamese {means['home', 'siamese']:.3f}."
    )
    nothing = linear[(linear["error"] == 0.5) & (linear["arm"] == "siamese")].groupby("place")["accuracy"].mean()
    if len(nothing):
        words = [
            f"{place} {nothing[place]:.3f} (random {means[place, 'random']:.3f}, mined {means[place, 'siamese']:.3f})"
            for place in PLACES
        ]
        said.append(
            f"Trained alike on pairs that say nothing (half of them turned): {', '.join(words)}. That part of the gain "
            "over a frozen random encoder is due to training on these clips, not to the pairs being right."
        )
    return said
