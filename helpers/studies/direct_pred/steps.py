"""What the notebook's cells call: views, jobs of the comparison and of the ablation, baselines, tables, evidence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from helpers.evaluation.claims import Evidence
from helpers.methods.embedding import embed
from helpers.methods.method import Method
from helpers.processes import train_in_processes
from helpers.studies.direct_pred.about import PREDICTORS
from helpers.studies.direct_pred.arms import Settings, classes_of, open_corpus, pretraining, rows_of
from helpers.studies.direct_pred.probing import baseline, measured, random_encoder
from helpers.studies.side_by_side import side_by_side
from helpers.studies.study import Study
from helpers.training import History, train

NAMES = {
    "two_layer": "two-layer (BYOL)", "linear": "linear, SGD", "direct_pred": "DirectPred", "direct_copy": "DirectCopy",
    "none": "no predictor", "random": "random encoder", "scratch": "supervised, scratch",
    "direct_pred/no_ema": "DirectPred, no EMA", "direct_pred/no_stop": "DirectPred, no EMA, no stop-gradient",
}  # fmt: skip
TARGETS = {"ema": "moving average", "no_ema": "no moving average", "no_stop": "no stop-gradient"}


def settings_of(study: Study) -> Settings:
    """Everything that a job of this study depends on, as plain values."""
    left_out = {"scale", "seeds", "workers", "threads", "processes", "predictors", "ablation_seeds"}
    return study.parameters.model_dump(exclude=left_out)


def pretrain_shown(study: Study) -> tuple[Method, History]:
    """DirectPred with the first seed, in this process or in several."""
    p = study.parameters
    arguments = {
        "settings": settings_of(study), "predictor": "direct_pred", "target": "ema", "seed": p.seeds[0],
        "epochs": p.epochs, "weight_decay": p.weight_decay,
    }  # fmt: skip
    return train_in_processes(
        "helpers.studies.direct_pred.arms:pretraining",
        arguments,
        processes=p.processes,
        checkpoint=study.checkpoints / "shown.pt",
    )


def pretrained_arm(
    settings: Settings, predictor: str, target: str, seed: int, epochs: int, weight_decay: float, probes: bool,
    checkpoint: str,
) -> dict[str, Any]:  # fmt: skip
    """Pretrain one arm and probe it: one job of the grid."""
    job = pretraining(settings, predictor, target, seed, epochs, weight_decay)
    history = train(job.method, job.corpus, job.rows, job.plan, validate=job.validate, device=job.device,
                    checkpoint=Path(checkpoint) if checkpoint else None)  # fmt: skip
    return measured(job.method, history, settings, seed, probes)


@dataclass(frozen=True)
class Comparison:
    """All runs of a study.

    Attributes:
        main: results of arms and baselines by (method, seed).
        ablation: results of the ablation's cells by (predictor, target, weight decay, seed).
        seeds: of the main comparison.
    """

    main: dict[tuple[str, int], dict[str, Any]]
    ablation: dict[tuple[str, str, float, int], dict[str, Any]]
    seeds: list[int]

    def correct(self, method: str, measure: str = "linear", fraction: float = 1.0) -> np.ndarray:
        """Correct test predictions of a method, (seeds, test images), 0 or 1."""
        if method == "scratch":
            found = [self.main["random", seed]["scratch"][str(fraction)] for seed in self.seeds]
        elif measure == "knn":
            found = [self.main[method, seed]["knn"] for seed in self.seeds]
        else:
            found = [self.main[method, seed]["linear"][str(fraction)] for seed in self.seeds]
        return torch.stack(found).double().numpy()

    def methods(self) -> list[str]:
        """Pretrained arms of the main comparison, in order."""
        return [m for m in dict.fromkeys(name for name, _ in self.main) if m != "random"]


def compare(study: Study, shown: tuple[Method, History]) -> Comparison:
    """Run every arm of the main comparison and the baselines, each once a seed, and record the results."""
    p, settings = study.parameters, settings_of(study)
    arms = [(predictor, "ema") for predictor in [*p.predictors, "none"]]
    arms += [("direct_pred", "no_ema"), ("direct_pred", "no_stop")]
    todo = [(arm, seed) for seed in p.seeds for arm in arms]
    done = {("direct_pred", p.seeds[0]): measured(*shown, settings, p.seeds[0], probes=True)}
    todo.remove((("direct_pred", "ema"), p.seeds[0]))
    jobs = [_job(study, *arm, seed, p.epochs, p.weight_decay, probes=True) for arm, seed in todo]
    results = _side_by_side(study, pretrained_arm, jobs, "main comparison")
    done |= {(_name(*arm), seed): result for (arm, seed), result in zip(todo, results, strict=True)}
    bases = _side_by_side(study, baseline, [{"settings": settings, "seed": s} for s in p.seeds], "baselines")
    done |= {("random", seed): result for seed, result in zip(p.seeds, bases, strict=True)}
    order = [_name(*arm) for arm in arms] + ["random"]
    comparison = Comparison({(m, s): done[m, s] for m in order for s in p.seeds}, {}, list(p.seeds))
    _record_main(study, comparison)
    return comparison


def ablate(study: Study, comparison: Comparison) -> Comparison:
    """Run the paper's ablation, predictor × target × weight decay, and record it."""
    p = study.parameters
    if p.ablation_epochs == 0:
        return comparison
    cells = [
        (predictor, target, decay, seed)
        for seed in p.seeds[: p.ablation_seeds]
        for decay in p.ablation_weight_decays
        for target in TARGETS
        for predictor in PREDICTORS
    ]
    jobs = [_job(study, predictor, target, seed, p.ablation_epochs, decay, probes=False)
            for predictor, target, decay, seed in cells]  # fmt: skip
    results = _side_by_side(study, pretrained_arm, jobs, "ablation")
    found = dict(zip(cells, results, strict=True))
    for (predictor, target, decay, seed), result in found.items():
        condition = f"target={target}, weight_decay={decay:g}, epochs={p.ablation_epochs}"
        for metric, value in (("knn_accuracy", result["knn"].double().mean()), ("collapsed", result["collapsed"]),
                              ("embedding_effective_rank", result["embedding_rank"])):  # fmt: skip
            study.record(method=f"ablation/{predictor}", metric=metric, value=float(value), n=len(result["knn"]),
                         seed=seed, condition=condition)  # fmt: skip
    return Comparison(comparison.main, found, comparison.seeds)


def evidence(study: Study, comparison: Comparison) -> list[Evidence]:
    """The paired correctness of every claim's two arms, on the same test images and seeds."""
    pairs = {
        "matches_two_layer": ("direct_pred", "two_layer"),
        "beats_linear": ("direct_pred", "linear"),
        "needs_stop_gradient": ("direct_pred/no_ema", "direct_pred/no_stop"),
        "needs_predictor": ("direct_pred", "none"),
    }
    return [
        Evidence(study.card.claim(key), comparison.correct(method), comparison.correct(base), "seeds")
        for key, (method, base) in pairs.items()
    ]


def _name(predictor: str, target: str) -> str:
    return predictor if target == "ema" else f"{predictor}/{target}"


def _job(
    study: Study, predictor: str, target: str, seed: int, epochs: int, weight_decay: float, probes: bool
) -> dict[str, Any]:
    long = study.parameters.scale == "paper"  # hours: worth a checkpoint of its own
    name = f"{predictor}-{target}-{seed}-{epochs}-{weight_decay:g}.pt"
    return {
        "settings": settings_of(study), "predictor": predictor, "target": target, "seed": seed, "epochs": epochs,
        "weight_decay": weight_decay, "probes": probes, "checkpoint": str(study.checkpoints / name) if long else "",
    }  # fmt: skip


def _side_by_side(study: Study, job: Any, jobs: list[dict[str, Any]], label: str) -> list[dict[str, Any]]:
    p = study.parameters
    return side_by_side(job, jobs, workers=p.workers, threads=p.threads, checkpoints=study.checkpoints, label=label)


def _record_main(study: Study, comparison: Comparison) -> None:
    fractions = study.parameters.label_fractions
    for (method, seed), result in comparison.main.items():
        study.record(method=method, metric="knn_accuracy", value=float(result["knn"].double().mean()),
                     n=len(result["knn"]), seed=seed, label_fraction=1.0)  # fmt: skip
        if "collapsed" in result:
            study.record(method=method, metric="collapsed", value=float(result["collapsed"]), n=1, seed=seed)
        for fraction in fractions:
            parts = {method: result["linear"]} | ({"scratch": result["scratch"]} if method == "random" else {})
            for name, found in parts.items():
                correct = found[str(fraction)]
                study.record(method=name, metric="linear_accuracy" if name != "scratch" else "accuracy",
                             value=float(correct.double().mean()), n=len(correct), seed=seed,
                             label_fraction=fraction)  # fmt: skip


def embeddings(
    study: Study, comparison: Comparison, method: Method, at_most: int = 180
) -> tuple[dict[str, np.ndarray], list[str], np.ndarray]:
    """Test features under the random and the pretrained encoder for a map, class names, and the images' classes."""
    settings = settings_of(study)
    corpus = open_corpus(settings)
    test = rows_of(corpus, settings).test
    chosen = test[np.sort(np.random.default_rng(0).permutation(len(test))[:at_most])]
    names, labels = classes_of(corpus)
    seed = comparison.seeds[0]
    encoders = {"random encoder": random_encoder(settings, seed), "after DirectPred": method.encoder}
    return {name: embed(e, corpus, chosen).numpy() for name, e in encoders.items()}, names, labels[chosen]


def notes(study: Study, comparison: Comparison) -> list[str]:
    """What a reader of the verdict must know of this run."""
    p = study.parameters
    found = [f"Every arm had {p.epochs} epochs and the same learning rate; margins were fixed before any run."]
    n = comparison.correct("direct_pred").shape[1]
    found.append(f"{len(comparison.seeds)} seed(s), one test set of {n:,} images.")
    if p.corpus == "digits":
        found.append("The digits' writers are unknown: one may stand in both training and test images.")
    watched = {m: [comparison.main[m, s] for s in comparison.seeds] for m in comparison.methods()}
    fallen = {m: sum(bool(run["collapsed"]) for run in runs) for m, runs in watched.items()}
    told = [f"{NAMES[m]} ({count} of {len(comparison.seeds)} seeds)" for m, count in fallen.items() if count]
    found.append("Collapse watch: " + ("collapsed were " + "; ".join(told) if told else "no arm collapsed") + ".")
    width = {m: np.mean([run["spread"]["relative_std"] for run in runs]) for m, runs in watched.items()}
    shown = ["direct_pred", "none", "direct_pred/no_ema", "direct_pred/no_stop"]
    found.append(
        "Relative std of the projections (about 1 spread evenly, 0 one point), mean over seeds: "
        + "; ".join(f"{NAMES[m]} {width[m]:.2f}" for m in shown)
        + ". Batch norm keeps the encoder's features, which the accuracy is of, alive under collapsed projections."
    )
    behind = [
        m
        for m in comparison.methods()
        if comparison.correct(m, "knn").mean() <= comparison.correct("random", "knn").mean()
    ]
    if behind:
        names = "; ".join(NAMES[m] for m in behind)
        found.append(f"Not above the random encoder by kNN at this budget: {names}.")
    return found
