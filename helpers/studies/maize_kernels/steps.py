"""What the notebook calls: pretraining that is shown, all arms side by side, evidence, notes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from helpers.data.corpora.masks import only_images
from helpers.evaluation.claims import Evidence
from helpers.methods.embedding import embed
from helpers.methods.method import Method
from helpers.processes import train_in_processes
from helpers.studies.maize_kernels.about import ARMS
from helpers.studies.maize_kernels.arms import (
    Settings,
    encoder_of,
    masked,
    open_corpus,
    pretraining,
    rows_of,
    transferred,
)
from helpers.studies.maize_kernels.downstream import can_segment, collapse, start, worth
from helpers.studies.side_by_side import side_by_side
from helpers.studies.study import Study
from helpers.training import History, train

NAMES = {
    "nnclr": "NNCLR", "simclr": "SimCLR", "transfer": "supervised transfer", "scratch": "from scratch",
    "ssl": "self-supervised",
}  # fmt: skip
SSL = ("simclr", "nnclr")


def settings_of(study: Study) -> Settings:
    """Everything that a job of this study depends on, as plain values."""
    return study.parameters.model_dump(exclude={"scale", "seeds", "workers", "threads", "processes"})


def pretrain_shown(study: Study) -> tuple[Method, History]:
    """NNCLR with the first seed, in this process or in several."""
    p = study.parameters
    return train_in_processes(
        "helpers.studies.maize_kernels.arms:pretraining",
        {"settings": settings_of(study), "arm": "nnclr", "seed": p.seeds[0]},
        processes=p.processes,
        checkpoint=study.checkpoints / "shown.pt",
    )


def arm_result(settings: Settings, arm: str, seed: int, checkpoint: str = "") -> dict[str, Any]:
    """One job of the grid: an arm's encoder and what it is worth on both tasks."""
    corpus = open_corpus(settings)
    rows = rows_of(corpus)
    if arm == "scratch":
        return worth(start(settings, corpus, rows, seed), corpus, rows, settings, seed)
    if arm == "transfer" and settings["transfer_weights"]:
        return worth(transferred(settings, seed), corpus, rows, settings, seed)
    job = pretraining(settings, arm, seed)
    history = train(job.method, job.corpus, job.rows, job.plan, device=job.device,
                    checkpoint=Path(checkpoint) if checkpoint else None)  # fmt: skip
    return measured(job.method, history, settings, seed)


def measured(method: Method, history: History, settings: Settings, seed: int) -> dict[str, Any]:
    """What a pretrained encoder is worth, and what the collapse watch saw."""
    corpus = open_corpus(settings)
    found = worth(encoder_of(method).cpu(), corpus, rows_of(corpus), settings, seed)
    return found | collapse(history)


@dataclass(frozen=True)
class Comparison:
    """All runs of a study.

    Attributes:
        runs: results by (arm, seed).
        seeds: in order.
        fractions: of the labels and masks, ascending.
        subjects: of each test kernel, and of each masked one, by task.
        segmented: whether there are masks.
    """

    runs: dict[tuple[str, int], dict[str, Any]]
    seeds: list[int]
    fractions: list[float]
    subjects: dict[str, np.ndarray]
    segmented: bool

    def scores(self, arm: str, measure: str, fraction: float) -> np.ndarray:
        """Results on each test kernel, (seeds, kernels): correct or not, Dice or IoU; ``"ssl"`` is the mean of both."""
        if arm == "ssl":
            return np.mean([self.scores(one, measure, fraction) for one in SSL], axis=0)
        return torch.stack([self.runs[arm, s][measure][str(fraction)] for s in self.seeds]).double().numpy()

    def frozen_knn(self, arm: str) -> np.ndarray:
        """Correct kNN predictions with the frozen encoder, (seeds, test kernels); ``"scratch"``'s is the random one."""
        return torch.stack([self.runs[arm, s]["frozen"]["knn"] for s in self.seeds]).double().numpy()

    def mean_over_fractions(self, arm: str, measure: str) -> np.ndarray:
        """The mean of a kernel's results over label fractions, (seeds, kernels)."""
        return np.mean([self.scores(arm, measure, fraction) for fraction in self.fractions], axis=0)

    def growth(self, arm: str, measure: str) -> np.ndarray:
        """A kernel's result at the smallest share of labels minus that at all, (seeds, kernels)."""
        return self.scores(arm, measure, self.fractions[0]) - self.scores(arm, measure, 1.0)

    def by_subject(self, values: np.ndarray, measure: str) -> np.ndarray:
        """Means over each test subject's kernels, (seeds, subjects)."""
        subjects = self.subjects["orientation" if measure == "orientation" else "dice"]
        return np.stack([values[:, subjects == s].mean(1) for s in np.unique(subjects)], axis=1)


def compare(study: Study, shown: tuple[Method, History]) -> Comparison:
    """Run every arm with every seed, each once, and record the results."""
    p, settings = study.parameters, settings_of(study)
    corpus = open_corpus(settings)
    rows = rows_of(corpus)
    jobs = [(arm, seed) for seed in p.seeds for arm in ARMS if (arm, seed) != ("nnclr", p.seeds[0])]
    long = p.scale == "paper"  # hours: worth a checkpoint of its own
    arguments = [
        {"settings": settings, "arm": arm, "seed": seed}
        | ({"checkpoint": str(study.checkpoints / f"{arm}-{seed}.pt")} if long else {})
        for arm, seed in jobs
    ]
    done = {("nnclr", p.seeds[0]): measured(*shown, settings, p.seeds[0])}
    results = side_by_side(arm_result, arguments, workers=p.workers, threads=p.threads, checkpoints=study.checkpoints,
                           label="arms")  # fmt: skip
    done |= dict(zip(jobs, results, strict=True))
    subject = corpus.table["subject"].to_numpy()
    comparison = Comparison(
        runs={(arm, seed): done[arm, seed] for arm in ARMS for seed in p.seeds},
        seeds=list(p.seeds),
        fractions=p.label_fractions,
        subjects={"orientation": subject[rows.test], "dice": subject[masked(corpus, rows.test)]},
        segmented=can_segment(corpus, rows),
    )
    _record(study, comparison)
    return comparison


def _record(study: Study, comparison: Comparison) -> None:
    for (arm, seed), run in comparison.runs.items():
        for fraction in comparison.fractions:
            for measure, metric in (("orientation", "accuracy"), ("dice", "dice"), ("iou", "iou")):
                if str(fraction) in run[measure]:
                    values = run[measure][str(fraction)].double()
                    study.record(method=arm, metric=metric, value=float(values.mean()), n=len(values), seed=seed,
                                 label_fraction=fraction, condition="fine-tuned")  # fmt: skip
        frozen = {"knn_accuracy": run["frozen"]["knn"], "linear_accuracy": run["frozen"]["linear"]["1.0"]}
        for metric, correct in frozen.items():
            name = "random" if arm == "scratch" else arm
            study.record(method=name, metric=metric, value=float(correct.double().mean()), n=len(correct), seed=seed,
                         label_fraction=1.0, condition="frozen")  # fmt: skip


def evidence(study: Study, comparison: Comparison) -> list[Evidence]:
    """The paired results of every claim, by seed and test subject; embryo claims only where there are masks."""
    found = []
    for task, measure in (("orientation", "orientation"), ("embryo", "dice")):
        if task == "embryo" and not comparison.segmented:
            continue
        for key, base, kind in (("transfer", "transfer", comparison.mean_over_fractions),
                                ("scratch", "scratch", comparison.mean_over_fractions),
                                ("gap", "transfer", comparison.growth)):  # fmt: skip
            method, baseline = (comparison.by_subject(kind(arm, measure), measure) for arm in ("ssl", base))
            found.append(Evidence(study.card.claim(f"{task}_{key}"), method, baseline, "seeds"))
    order = [claim.key for claim in study.card.claims]
    return sorted(found, key=lambda item: order.index(item.claim.key))


def embeddings(
    study: Study, comparison: Comparison, method: Method, at_most: int = 120
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Test features under the encoder before and after pretraining, and the rows they are of."""
    settings = settings_of(study)
    corpus = open_corpus(settings)
    rows = rows_of(corpus)
    chosen = rows.test[np.sort(np.random.default_rng(0).permutation(len(rows.test))[:at_most])]
    before = start(settings, corpus, rows, comparison.seeds[0])
    encoders = {"random encoder": before, "after NNCLR": encoder_of(method)}
    return {name: embed(e, only_images(corpus), chosen).numpy() for name, e in encoders.items()}, chosen


def notes(study: Study, comparison: Comparison) -> list[str]:
    """What a reader of the verdict must know of this run."""
    p = study.parameters
    kernels, subjects = len(comparison.subjects["orientation"]), len(np.unique(comparison.subjects["orientation"]))
    found = [
        f"{len(comparison.seeds)} seed(s), one test set of {kernels:,} kernels of {subjects:,} subjects (ears).",
        "Every arm had the same steps, batches and learning rates of fine-tuning at every share of labels, and the "
        "three pretrained ones as many passes of images through the encoder.",
    ]
    if p.transfer_weights:
        found.append(f"Supervised transfer started from the local file {Path(p.transfer_weights).name}.")
    else:
        found.append(
            f"Supervised transfer learnt to name 22 species of {p.transfer_images:,} drawn pests; that stands for "
            "the paper's ImageNet weights, and how the two compare is not known here."
        )
    if not comparison.segmented:
        found.append("There are no masks to train and test on: the claims on embryos are not judged.")
    fallen = [f"{NAMES[arm]} with seed {seed}" for (arm, seed), run in comparison.runs.items() if run.get("collapsed")]
    found.append("Collapse watch: " + ("collapsed were " + "; ".join(fallen) if fallen else "no arm collapsed") + ".")
    at = {arm: comparison.frozen_knn(arm).mean() for arm in ARMS}
    behind = [NAMES[arm] for arm in (*SSL, "transfer") if at[arm] <= at["scratch"]]
    if behind:
        found.append(f"Frozen, not above the random encoder by kNN at this budget: {'; '.join(behind)}.")
    return found
