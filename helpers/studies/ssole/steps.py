"""What the notebook's cells call: jobs of the comparison and of both axes, costs, baselines, tables, evidence."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from helpers.data.labelled_rows import classes_of
from helpers.evaluation.claims import Evidence
from helpers.evaluation.frozen import Augmented, from_scratch, probe_frozen, with_statistics
from helpers.evaluation.intervals import crossed_seeds_subjects
from helpers.evaluation.step_cost import StepCost, step_costs
from helpers.methods.embedding import embed
from helpers.methods.method import Method
from helpers.processes import train_in_processes
from helpers.studies.side_by_side import side_by_side
from helpers.studies.ssole.about import RIVALS
from helpers.studies.ssole.arms import (
    Settings,
    make_encoder,
    make_method,
    make_views,
    open_corpus,
    plan_of,
    pretraining,
    rows_of,
)
from helpers.studies.study import Study
from helpers.training import History, train

NAMES = {
    "ssole": "SSOLE", "simclr": "SimCLR", "byol": "BYOL", "barlow_twins": "Barlow Twins", "vicreg": "VICReg",
    "naive_ole": "naive OLE", "random": "random encoder", "scratch": "supervised, scratch",
}  # fmt: skip
Key = tuple[str, int, int, int]  # method, images a step, views, seed


def settings_of(study: Study) -> Settings:
    """Everything that a job of this study depends on, as plain values."""
    left_out = {
        "scale", "seeds", "workers", "threads", "processes", "methods", "axis_seeds", "batch_sizes", "view_counts",
        "views", "timed_steps",
    }  # fmt: skip
    return study.parameters.model_dump(exclude=left_out)


def pretrain_shown(study: Study) -> tuple[Method, History]:
    """SSOLE with the first seed, in this process or in several."""
    p = study.parameters
    arguments = {"settings": settings_of(study), "name": "ssole", "batch_size": p.batch_size, "views": p.views,
                 "seed": p.seeds[0]}  # fmt: skip
    return train_in_processes("helpers.studies.ssole.arms:pretraining", arguments, processes=p.processes,
                              checkpoint=study.checkpoints / "shown.pt")  # fmt: skip


def pretrained(
    settings: Settings, name: str, batch_size: int, views: int, seed: int, main: bool, checkpoint: str
) -> dict[str, Any]:
    """Pretrain one method and probe it: one job of the grid."""
    job = pretraining(settings, name, batch_size, views, seed)
    history = train(job.method, job.corpus, job.rows, job.plan, device=job.device,
                    checkpoint=Path(checkpoint) if checkpoint else None)  # fmt: skip
    return measured(job.method, history, settings, seed, main)


def measured(method: Method, history: History, settings: Settings, seed: int, main: bool) -> dict[str, Any]:
    """What a pretrained run is worth: correct test predictions, ranks, collapse watch, history."""
    corpus = open_corpus(settings)
    rows = rows_of(corpus, settings)
    fractions = settings["label_fractions"] if main else [1.0]
    found = probe_frozen(method.encoder, corpus, rows, classes_of(corpus)[1], fractions, seed)
    return found | {
        "history": history.epochs,
        "watch": history.collapse_watch(),
        "collapsed": bool(history.spread and history.spread.collapsed()),
        "spread": asdict(history.spread) if history.spread else {},
        "map": embed(method.encoder, corpus, for_the_map(rows.test)) if main else torch.empty(0),
    }


def baseline(settings: Settings, seed: int) -> dict[str, Any]:
    """The frozen random encoder, and the same network trained on the labels alone, with the same views."""
    corpus = open_corpus(settings)
    rows, classes = rows_of(corpus, settings), classes_of(corpus)[1]
    encoder = with_statistics(make_encoder(settings, corpus, seed)[0], corpus, rows.pretrain)
    found = probe_frozen(encoder, corpus, rows, classes, settings["label_fractions"], seed)
    found["map"] = embed(encoder, corpus, for_the_map(rows.test))
    scratch = {}
    for fraction in settings["label_fractions"]:
        fresh, features = make_encoder(settings, corpus, seed)
        augmented = Augmented(fresh, make_views(settings, corpus))
        scratch[str(fraction)] = from_scratch(
            augmented, features, corpus, rows, classes, fraction, seed, settings["scratch_epochs"], 64
        )
    return found | {"scratch": scratch}


def for_the_map(test: np.ndarray, at_most: int = 130) -> np.ndarray:
    """The test images that maps of embeddings show."""
    return test[np.sort(np.random.default_rng(0).permutation(len(test))[:at_most])]


@dataclass(frozen=True)
class Comparison:
    """All runs of a study.

    Attributes:
        runs: results by (method, images a step, views, seed); of baselines by ("random", 0, 0, seed).
        batch_size, views: of the main comparison.
        seeds: of the main comparison.
        axis_seeds: of the runs along the axes.
    """

    runs: dict[Key, dict[str, Any]]
    batch_size: int
    views: int
    seeds: list[int]
    axis_seeds: list[int]

    def main(self, method: str, seed: int) -> dict[str, Any]:
        """A method's run of the main comparison."""
        return self.runs[("random", 0, 0, seed) if method == "random" else (method, self.batch_size, self.views, seed)]

    def correct(self, method: str, measure: str = "linear", fraction: float = 1.0) -> np.ndarray:
        """Correct test predictions of a method in the main comparison, (seeds, test images), 0 or 1."""
        if method == "scratch":
            found = [self.main("random", seed)["scratch"][str(fraction)] for seed in self.seeds]
        elif measure == "knn":
            found = [self.main(method, seed)["knn"] for seed in self.seeds]
        else:
            found = [self.main(method, seed)["linear"][str(fraction)] for seed in self.seeds]
        return torch.stack(found).double().numpy()

    def methods(self) -> list[str]:
        """Methods in order."""
        return [m for m in dict.fromkeys(key[0] for key in self.runs) if m != "random"]

    def best_rival(self) -> str:
        """The rival whose linear probes are best on validation images, mean over seeds."""
        rivals = [m for m in RIVALS if m in self.methods()]
        return max(rivals, key=lambda m: np.mean([self.main(m, s)["validation"]["1.0"] for s in self.seeds]))

    def along(self, axis: str) -> list[tuple[int, int]]:
        """(images a step, views) of the runs along an axis, ``"batch"`` or ``"views"``, in order."""
        found = {key[1:3] for key in self.runs if key[0] != "random"}
        kept = {(b, v) for b, v in found if (v == self.views if axis == "batch" else b == self.batch_size)}
        return sorted(kept)

    def at(self, method: str, batch_size: int, views: int, measure: str) -> np.ndarray:
        """A measure of one point of an axis, over its seeds: ``"linear"``, ``"knn"`` or ``"embedding_rank"``."""
        runs = [self.runs[method, batch_size, views, s] for s in self.axis_seeds]
        if measure == "embedding_rank":
            return np.array([run["embedding_rank"] for run in runs])
        return np.array([float((run["knn"] if measure == "knn" else run["linear"]["1.0"]).double().mean())
                         for run in runs])  # fmt: skip


def compare(study: Study, shown: tuple[Method, History]) -> Comparison:
    """Run every method at the small batch and along both axes, and the baselines, and record the results."""
    p, settings = study.parameters, settings_of(study)
    axis_seeds = p.seeds[: p.axis_seeds]
    points = [(b, p.views) for b in p.batch_sizes] + [(p.batch_size, v) for v in p.view_counts]
    main = [(m, p.batch_size, p.views, s) for s in p.seeds for m in p.methods]
    axes = [(m, b, v, s) for b, v in points for m in p.methods for s in axis_seeds]
    ready: Key = ("ssole", p.batch_size, p.views, p.seeds[0])
    done = {ready: measured(*shown, settings, p.seeds[0], main=True)}
    todo = [key for key in dict.fromkeys(main + axes) if key != ready]
    todo.sort(key=lambda key: -key[2] / min(key[1], 64))  # the longest first, so that workers end together
    jobs = [_job(study, settings, key, main=key in main) for key in todo]
    done |= dict(zip(todo, _side_by_side(study, pretrained, jobs, "all runs"), strict=True))
    bases = _side_by_side(study, baseline, [{"settings": settings, "seed": s} for s in p.seeds], "baselines")
    done |= {("random", 0, 0, seed): result for seed, result in zip(p.seeds, bases, strict=True)}
    order = [*dict.fromkeys(main + axes), *(("random", 0, 0, s) for s in p.seeds)]
    comparison = Comparison({key: done[key] for key in order}, p.batch_size, p.views, list(p.seeds), axis_seeds)
    _record(study, comparison)
    return comparison


def maps(study: Study, comparison: Comparison) -> tuple[dict[str, np.ndarray], list[str], np.ndarray]:
    """Test features of the first seed under three encoders, class names, and the images' classes."""
    corpus = open_corpus(settings_of(study))
    chosen = for_the_map(rows_of(corpus, settings_of(study)).test)
    names, labels = classes_of(corpus)
    shown = {NAMES[m]: comparison.main(m, comparison.seeds[0])["map"].numpy() for m in ("random", "naive_ole", "ssole")}
    return shown, names, labels[chosen]


def costs(study: Study) -> pd.DataFrame:
    """Time and memory of one step of every method, along both axes; recorded."""
    p, settings = study.parameters, settings_of(study)
    corpus = open_corpus(settings)
    images = corpus.load(rows_of(corpus, settings).pretrain)
    assert isinstance(images, torch.Tensor)
    threads = torch.get_num_threads()
    torch.set_num_threads(p.threads)
    points = dict.fromkeys([(b, p.views) for b in sorted({*p.batch_sizes, p.batch_size})]
                           + [(p.batch_size, v) for v in sorted({*p.view_counts, p.views})])  # fmt: skip
    records = []
    for batch_size, views in points:
        many = images.repeat(-(-batch_size // len(images)), 1, 1, 1)[:batch_size]
        made = {m: make_method(settings, corpus, m, views, p.seeds[0]) for m in p.methods}
        plan = plan_of(settings, batch_size, p.seeds[0])
        found = step_costs(made, {m: {"input": many} for m in made}, plan, p.timed_steps)
        records += [_cost_row(study, method, batch_size, views, cost) for method, cost in found.items()]
    torch.set_num_threads(threads)
    return pd.DataFrame(records)


def evidence(study: Study, comparison: Comparison) -> list[Evidence]:
    """The paired correctness of every claim's two methods, on the same test images and seeds."""
    pairs = {"competitive_at_small_batch": comparison.best_rival(), "needs_its_changes": "naive_ole"}
    return [
        Evidence(study.card.claim(key), comparison.correct("ssole"), comparison.correct(base), "seeds")
        for key, base in pairs.items()
    ]


def above_random(comparison: Comparison, method: str) -> tuple[float, float, float]:
    """kNN points over the random encoder, paired by seed and image, with a 95 % interval (nan for a single seed)."""
    gain = 100 * (comparison.correct(method, "knn") - comparison.correct("random", "knn"))
    if len(comparison.seeds) < 2:
        return float(gain.mean()), np.nan, np.nan
    interval = crossed_seeds_subjects(gain)
    return interval.mean, interval.low, interval.high


def notes(study: Study, comparison: Comparison) -> list[str]:
    """What a reader of the verdict must know of this run."""
    p = study.parameters
    best = comparison.best_rival()
    found = [
        f"Best rival at batch {p.batch_size} on validation images: {NAMES[best]}. Every method had {p.epochs} epochs, "
        f"{p.views} views, the same encoder and the same learning rate; the margin was fixed before any run.",
        f"{len(comparison.seeds)} seed(s), one test set of {comparison.correct('ssole').shape[1]:,} images.",
    ]
    if p.corpus == "digits":
        found.append("The digits' writers are unknown: one may stand in both training and test images.")
    fallen = {m: sum(bool(comparison.main(m, s)["collapsed"]) for s in comparison.seeds) for m in comparison.methods()}
    told = [f"{NAMES[m]} ({count} of {len(comparison.seeds)} seeds)" for m, count in fallen.items() if count]
    said = f"collapsed were {'; '.join(told)}" if told else "no method collapsed"
    found.append(f"Collapse watch on the projections: {said}.")
    ranks = {m: np.mean([comparison.main(m, s)["spread"]["effective_rank"] for s in comparison.seeds])
             for m in ("ssole", "naive_ole")}  # fmt: skip
    lengths = [comparison.main("naive_ole", s)["history"] for s in comparison.seeds]
    kept = np.mean([history[-1]["length"] / history[0]["length"] for history in lengths])
    if p.epochs > 1:
        found.append(f"Naive OLE's projections shrank to {kept:.2f} of their mean length in the first epoch: its "
                     "collapse is into the origin, which effective ranks of directions do not show.")  # fmt: skip
    found.append(f"Effective rank of the projections: SSOLE {ranks['ssole']:.1f}, naive OLE {ranks['naive_ole']:.1f}, "
                 f"of {p.projection}.")  # fmt: skip
    behind = []
    for method in comparison.methods():
        mean, low, _ = above_random(comparison, method)
        if not (low > 0 if np.isfinite(low) else mean > 0):
            behind.append(NAMES[method])
    if behind:
        found.append(f"Not above the random encoder by kNN at this budget: {'; '.join(behind)}.")
    return found


def _job(study: Study, settings: Settings, key: Key, main: bool) -> dict[str, Any]:
    name, batch_size, views, seed = key
    long = study.parameters.scale == "paper"  # hours: worth a checkpoint of its own
    file = str(study.checkpoints / f"{name}-{batch_size}-{views}-{seed}.pt") if long else ""
    return {"settings": settings, "name": name, "batch_size": batch_size, "views": views, "seed": seed, "main": main,
            "checkpoint": file}  # fmt: skip


def _side_by_side(study: Study, job: Any, jobs: list[dict[str, Any]], label: str) -> list[dict[str, Any]]:
    p = study.parameters
    return side_by_side(job, jobs, workers=p.workers, threads=p.threads, checkpoints=study.checkpoints, label=label)


def _record(study: Study, comparison: Comparison) -> None:
    for (method, batch_size, views, seed), result in comparison.runs.items():
        where = "" if method == "random" else f"batch_size={batch_size}, views={views}"

        def record(name: str, metric: str, value: float, n: int, fraction: float | None = None,
                   seed: int = seed, where: str = where) -> None:  # fmt: skip
            study.record(method=name, metric=metric, value=value, n=n, seed=seed, condition=where,
                         label_fraction=fraction)  # fmt: skip

        n = len(result["knn"])
        record(method, "knn_accuracy", float(result["knn"].double().mean()), n, 1.0)
        record(method, "embedding_effective_rank", result["embedding_rank"], n)
        if "collapsed" in result:
            record(method, "collapsed", float(result["collapsed"]), 1)
            record(method, "projection_effective_rank", result["spread"]["effective_rank"], 1)
        for fraction, correct in result["linear"].items():
            record(method, "linear_accuracy", float(correct.double().mean()), n, float(fraction))
        for fraction, correct in result.get("scratch", {}).items():
            record("scratch", "accuracy", float(correct.double().mean()), n, float(fraction))


def _cost_row(study: Study, method: str, batch_size: int, views: int, cost: StepCost) -> dict[str, Any]:
    """A row of the table of costs; memory is recorded, time is not: it is the machine's, and no two runs agree."""
    condition = f"batch_size={batch_size}, views={views}"
    for metric, value in (("kept_bytes", cost.kept_bytes), ("state_bytes", cost.state_bytes)):
        study.record(method=method, metric=metric, value=float(value), n=1, condition=condition)
    return {"method": method, "batch_size": batch_size, "views": views, "seconds": cost.seconds,
            "kept_mb": cost.kept_bytes / 1e6, "state_mb": cost.state_bytes / 1e6}  # fmt: skip
