"""What the notebook's cells call: jobs of the grid, scores, evidence, notes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from helpers.data.labelled_rows import classes_of
from helpers.evaluation.claims import Evidence
from helpers.methods.embedding import embed
from helpers.methods.method import Method
from helpers.processes import train_in_processes
from helpers.studies.insect_pests.arms import Settings, open_corpus, open_input, rows_of, segmentation_scores
from helpers.studies.insect_pests.probing import baseline, of_pretrained, pretrained, random_encoder
from helpers.studies.side_by_side import side_by_side
from helpers.studies.study import Study
from helpers.training import History

NAMES = {"nnclr": "NNCLR", "byol": "BYOL", "barlow_twins": "Barlow Twins", "transfer": "supervised transfer",
         "random": "random encoder"}  # fmt: skip
RARITIES = ("common", "medium", "rare")
Key = tuple[str, str, str, int]  # kind of input, encoder, arm, seed


def settings_of(study: Study) -> Settings:
    """Everything that a job of this study depends on, as plain values."""
    left_out = {"scale", "seeds", "workers", "threads", "processes", "methods", "inputs", "wider_inputs",
                "wider_methods", "claim_fraction"}  # fmt: skip
    return study.parameters.model_dump(exclude=left_out)


def pretrain_shown(study: Study) -> tuple[Method, History]:
    """NNCLR on raw pictures with the first encoder and seed, in this process or in several."""
    p = study.parameters
    arguments = {"settings": settings_of(study), "method": "nnclr", "encoder": p.encoders[0], "kind": "raw",
                 "seed": p.seeds[0]}  # fmt: skip
    return train_in_processes(
        "helpers.studies.insect_pests.arms:pretraining",
        arguments,
        processes=p.processes,
        checkpoint=study.checkpoints / "shown.pt",
    )


@dataclass(frozen=True)
class Comparison:
    """All runs of a study.

    Attributes:
        runs: results by (kind of input, encoder, arm, seed).
        truth: class of every test image, (m,).
        rarity: of every class by name in :data:`RARITIES`, a third each by training images; empty for a class that has
            none.
        names: of the classes.
        seeds: of the runs.
        encoders: in order; the claims are about the first.
    """

    runs: dict[Key, dict[str, Any]]
    truth: np.ndarray
    rarity: list[str]
    names: list[str]
    seeds: list[int]
    encoders: list[str]
    kinds: list[str] = field(default_factory=lambda: ["raw"])

    def predicted(
        self, arm: str, protocol: str, fraction: float = 1.0, kind: str = "raw", encoder: str = ""
    ) -> np.ndarray:
        """Predicted test classes, (seeds, test images).

        Args:
            arm: a key of :data:`NAMES`.
            protocol: ``"knn"``, ``"linear"`` or ``"fine_tune"``.
            fraction: of the labels; nearest neighbours have all.
            kind, encoder: of the run; the first encoder where empty.
        """
        runs = [self.runs[kind, encoder or self.encoders[0], arm, seed] for seed in self.seeds]
        found = [run["knn"] if protocol == "knn" else run[protocol][str(fraction)] for run in runs]
        return torch.stack(found).long().numpy()

    def correct(
        self, arm: str, protocol: str, fraction: float = 1.0, kind: str = "raw", encoder: str = ""
    ) -> np.ndarray:
        """Which of them are right, bool (seeds, test images)."""
        return self.predicted(arm, protocol, fraction, kind, encoder) == self.truth

    def macro_f1(self, arm: str, protocol: str, fraction: float, kind: str = "raw", encoder: str = "") -> np.ndarray:
        """Mean F1 over the classes of the test images, (seeds,)."""
        from sklearn.metrics import f1_score

        predicted = self.predicted(arm, protocol, fraction, kind, encoder)
        present = np.unique(self.truth)
        return np.array([f1_score(self.truth, p, labels=present, average="macro", zero_division=0) for p in predicted])

    def recall(self, arm: str, protocol: str, fraction: float, kind: str = "raw", encoder: str = "") -> np.ndarray:
        """Share of each class's test images that are found, (seeds, classes); NaN for a class without test images."""
        right = self.correct(arm, protocol, fraction, kind, encoder)
        found = np.full((len(right), len(self.names)), np.nan)
        for c in np.unique(self.truth):
            found[:, c] = right[:, self.truth == c].mean(1)
        return found

    def validation(self, arm: str, what: str, kind: str = "raw", encoder: str = "") -> np.ndarray:
        """Accuracy on validation images, (seeds,)."""
        encoder = encoder or self.encoders[0]
        return np.array([self.runs[kind, encoder, arm, seed]["validation"][what] for seed in self.seeds])

    def has(self, arm: str, kind: str = "raw", encoder: str = "", protocol: str = "knn") -> bool:
        """Whether there are such runs."""
        run = self.runs.get((kind, encoder or self.encoders[0], arm, self.seeds[0]))
        return run is not None and protocol in run

    def arms(self, kind: str = "raw", encoder: str = "") -> list[str]:
        """Arms that were run, methods first."""
        return [arm for arm in NAMES if self.has(arm, kind, encoder)]

    def methods(self) -> list[str]:
        """Pretrained arms, NNCLR first."""
        return [arm for arm in self.arms() if arm not in ("transfer", "random")]


def compare(study: Study, shown: tuple[Method, History]) -> Comparison:
    """Run the grid, each arm once a seed, and record the results."""
    p, settings = study.parameters, settings_of(study)
    first = p.encoders[0]
    cells = [(kind, first) for kind in p.inputs]
    cells += [(kind, encoder) for encoder in p.encoders[1:] for kind in p.wider_inputs]
    keep = str(study.checkpoints) if p.scale == "paper" else ""  # hours: worth a checkpoint of its own
    todo = [
        {"settings": settings, "method": method, "encoder": encoder, "kind": kind, "seed": seed, "checkpoints": keep}
        for seed in p.seeds for kind, encoder in cells for method in p.methods
        if (kind, encoder) == ("raw", first) or method in p.wider_methods
    ]  # fmt: skip
    method, history = shown
    done: dict[Key, dict[str, Any]] = {
        ("raw", first, "nnclr", p.seeds[0]): of_pretrained(method.encoder, history, settings, first, "raw", p.seeds[0])
    }
    todo = [job for job in todo if _key(job) not in done]
    results = _side_by_side(study, pretrained, todo, "pretrained arms")
    done |= {_key(job): result for job, result in zip(todo, results, strict=True)}
    bases = [
        {"settings": settings, "start": start, "encoder": encoder, "seed": seed,
         "kinds": [kind for kind, its in cells if its == encoder]}
        for seed in p.seeds for encoder in p.encoders for start in ("random", "transfer")
        if any(its == encoder for _, its in cells)
    ]  # fmt: skip
    for job, result in zip(bases, _side_by_side(study, baseline, bases, "baselines"), strict=True):
        done |= {(kind, job["encoder"], job["start"], job["seed"]): run for kind, run in result.items()}
    comparison = _comparison(settings, done, p.seeds, p.encoders, p.inputs)
    _record(study, comparison)
    return comparison


def _comparison(
    settings: Settings, runs: dict[Key, dict[str, Any]], seeds: list[int], encoders: list[str], kinds: list[str]
) -> Comparison:
    corpus = open_input(settings, "raw")
    names, classes = classes_of(corpus)
    rows = rows_of(corpus)
    counts = np.bincount(np.concatenate([classes[rows.train], classes[rows.validation]]), minlength=len(names))
    return Comparison(runs, classes[rows.test], rarity_of(counts), names, list(seeds), list(encoders), list(kinds))


def rarity_of(counts: np.ndarray) -> list[str]:
    """``common``, ``medium`` or ``rare`` for each class, a third each by count; empty where the count is 0."""
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] > 0]
    found = [""] * len(counts)
    for name, part in zip(RARITIES, np.array_split(order, 3), strict=True):
        for c in part:
            found[c] = name
    return found


def better_other(comparison: Comparison, fraction: float) -> str:
    """The better of the methods beside NNCLR, fine-tuned, on validation images."""
    others = [m for m in comparison.methods() if m != "nnclr"]
    return max(others, key=lambda m: comparison.validation(m, f"fine_tune {fraction}").mean())


def evidence(study: Study, comparison: Comparison) -> list[Evidence]:
    """The paired correctness of every claim's two arms, on the same test images and seeds."""
    fraction = study.parameters.judged_fraction()
    tuned = {arm: comparison.correct(arm, "fine_tune", fraction) for arm in comparison.arms()}
    pairs = {
        "leaves_random": (comparison.correct("nnclr", "knn"), comparison.correct("random", "knn")),
        "nnclr_best": (tuned["nnclr"], tuned[better_other(comparison, fraction)]),
        "beats_transfer": (tuned["nnclr"], tuned["transfer"]),
    }
    return [Evidence(study.card.claim(key), method, base, "seeds") for key, (method, base) in pairs.items()]


def _key(job: dict[str, Any]) -> Key:
    return job["kind"], job["encoder"], job["method"], job["seed"]


def _side_by_side(study: Study, job: Any, jobs: list[dict[str, Any]], label: str) -> list[dict[str, Any]]:
    p = study.parameters
    return side_by_side(job, jobs, workers=p.workers, threads=p.threads, checkpoints=study.checkpoints, label=label)


def _record(study: Study, comparison: Comparison) -> None:
    n = len(comparison.truth)
    for kind, encoder, arm, seed in comparison.runs:
        run = comparison.runs[kind, encoder, arm, seed]
        common: dict[str, Any] = {"method": arm, "seed": seed, "condition": f"input={kind}, encoder={encoder}"}
        right = float((run["knn"].numpy() == comparison.truth).mean())
        study.record(metric="knn_accuracy", value=right, n=n, label_fraction=1.0, **common)
        if "collapsed" in run:
            study.record(metric="collapsed", value=float(run["collapsed"]), n=1, **common)
        i = comparison.seeds.index(seed)
        for protocol in ("linear", "fine_tune"):
            for fraction in study.parameters.label_fractions if protocol in run else ():
                where = {"kind": kind, "encoder": encoder}
                scores = {
                    "accuracy": comparison.correct(arm, protocol, fraction, **where)[i].mean(),
                    "macro_f1": comparison.macro_f1(arm, protocol, fraction, **where)[i],
                }
                recall = comparison.recall(arm, protocol, fraction, **where)[i]
                for rarity in RARITIES:
                    mine = [recall[c] for c, r in enumerate(comparison.rarity) if r == rarity and recall[c] >= 0]
                    scores[f"recall_{rarity}"] = np.mean(mine) if mine else np.nan
                for metric, value in scores.items():
                    name = f"{protocol}_{metric}"
                    study.record(metric=name, value=float(value), n=n, label_fraction=fraction, **common)


def score_segmentation(study: Study, at_most: int = 400) -> np.ndarray:
    """Overlap of found and exact masks of training images, recorded; empty where no exact masks are known."""
    settings = settings_of(study)
    corpus = open_corpus(settings)
    train = corpus.rows("train")
    chosen = np.sort(np.random.default_rng(0).permutation(train)[:at_most])
    scores = segmentation_scores(settings, chosen)
    if len(scores):
        study.record(method=study.parameters.segmentation, metric="foreground_iou", value=float(scores.mean()),
                     n=len(scores), split="validation")  # fmt: skip
    return scores


def embeddings(
    study: Study, comparison: Comparison, method: Method, at_most: int = 160
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Features of some test images of the ten commonest classes under the random and the pretrained encoder.

    Returns:
        Features by title, (n, D); the images' classes, (n,); the classes shown, commonest first.
    """
    settings = settings_of(study)
    corpus = open_input(settings, "raw")
    classes = classes_of(corpus)[1]
    rows = rows_of(corpus)
    test = rows.test
    usual = np.argsort(-np.bincount(classes[rows.train], minlength=len(comparison.names)), kind="stable")[:10]
    test = test[np.isin(classes[test], usual)]
    chosen = test[np.sort(np.random.default_rng(0).permutation(len(test))[:at_most])]
    start = random_encoder(settings, comparison.encoders[0], "raw", comparison.seeds[0])
    encoders = {"random encoder": start, "after NNCLR": method.encoder}
    return {name: embed(e, corpus, chosen).numpy() for name, e in encoders.items()}, classes[chosen], usual


def nearest(study: Study, method: Method, asked: int = 2, shown: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Test images of different classes, (asked,), and the training images nearest to each, (asked, shown)."""
    settings = settings_of(study)
    corpus = open_input(settings, "raw")
    rows, classes = rows_of(corpus), classes_of(corpus)[1]
    order = np.random.default_rng(1).permutation(rows.test)
    queries = order[np.sort(np.unique(classes[order], return_index=True)[1])][:asked]
    bank, features = embed(method.encoder, corpus, rows.train), embed(method.encoder, corpus, queries)
    likeness = torch.nn.functional.normalize(features, dim=1) @ torch.nn.functional.normalize(bank, dim=1).T
    return queries, rows.train[likeness.topk(shown, dim=1).indices.numpy()]


def notes(study: Study, comparison: Comparison, scores: np.ndarray) -> list[str]:
    """What a reader of the verdict must know of this run."""
    p, fraction = study.parameters, study.parameters.judged_fraction()
    corpus = open_corpus(settings_of(study))
    rows = rows_of(corpus)
    found = [
        f"{len(comparison.seeds)} seed(s), one test set of {len(comparison.truth):,} images, {len(comparison.names)} "
        f"classes; end-to-end claims at {100 * fraction:g} % of the labels, at least one a class."
    ]
    other = better_other(comparison, fraction)
    tuned = {m: 100 * comparison.validation(m, f"fine_tune {fraction}").mean() for m in comparison.methods()}
    found.append(
        "On validation images, fine-tuned: " + ", ".join(f"{NAMES[m]} {v:.1f} %" for m, v in tuned.items())
        + f"; NNCLR is compared with {NAMES[other]}."
    )  # fmt: skip
    behind = [
        m for m in comparison.methods()
        if comparison.correct(m, "knn").mean() <= comparison.correct("random", "knn").mean()
    ]  # fmt: skip
    if behind:
        found.append(
            f"Not above the random encoder by kNN at this budget: {', '.join(NAMES[m] for m in behind)}. A comparison "
            "of methods says little there."
        )
    fallen = {m: sum(bool(comparison.runs["raw", comparison.encoders[0], m, s]["collapsed"]) for s in comparison.seeds)
              for m in comparison.methods()}  # fmt: skip
    told = [f"{NAMES[m]} ({count} of {len(comparison.seeds)} seeds)" for m, count in fallen.items() if count]
    found.append("Collapse watch: " + ("collapsed were " + "; ".join(told) if told else "no arm collapsed") + ".")
    source = [
        comparison.runs["raw", comparison.encoders[0], "transfer", s]["source_accuracy"] for s in comparison.seeds
    ]
    if p.transfer_weights:
        found.append("Supervised transfer starts from the given file of weights.")
    else:
        found.append(
            f"Supervised transfer learned {p.transfer_corpus} in as many steps as pre-training had "
            f"({100 * np.mean(source):.0f} % of held-out ones right): a far weaker source than the paper's ImageNet."
        )
    found.append(
        f"Learning rates and penalties were chosen on {len(rows.validation):,} labelled validation images, for every "
        "arm alike and at every share of the labels."
    )
    if p.corpus == "pests" and len(scores):
        found.append(f"Segmentation overlaps the exact foreground by {scores.mean():.2f} (IoU); it had no labels.")
    return found
