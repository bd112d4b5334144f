"""What the notebook's cells call: curation, arms, comparison, evidence, notes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from helpers.data.labelled_rows import classes_of
from helpers.evaluation.claims import Evidence
from helpers.evaluation.frozen import with_statistics
from helpers.evaluation.group_fairness import FairnessReport, fairness_report, spread_shares
from helpers.evaluation.probes import linear_probe
from helpers.methods.embedding import embed
from helpers.methods.method import Method
from helpers.methods.weighted_supcon import WeightedSupCon
from helpers.objectives.supervised_contrastive import supervised_contrastive_each
from helpers.studies.fair_faces.about import ABLATIONS, BASELINES
from helpers.studies.fair_faces.arms import (
    RECIPES,
    Settings,
    encoder_of,
    groups_ranked,
    make_encoder,
    open_faces,
    pixels,
    pretraining,
    roles_of,
)
from helpers.studies.fair_faces.pipeline import PENALTIES, curating_encoder, keep_encoder, prepare
from helpers.studies.side_by_side import side_by_side
from helpers.studies.study import Study
from helpers.training import History, train

NAMES = {"pipeline": "full pipeline", "simclr": "SimCLR", "byol": "BYOL", "supcon": "SupCon, web labels",
         "no_dedup": "− duplicates dropped", "no_retrieval": "− retrieval", "no_quality": "− quality filter",
         "no_pseudo_labels": "− pseudo-labels", "no_weights": "− learned weights",
         "supervised_web": "supervised, web labels", "supervised": "supervised, reference",
         "random": "random encoder"}  # fmt: skip


def settings_of(study: Study) -> Settings:
    """Everything that a job of this study depends on, as plain values."""
    return study.parameters.model_dump(exclude={"scale", "seeds", "workers", "threads"})


@dataclass(frozen=True)
class Curated:
    """The curation of every seed.

    Attributes:
        by_seed: what :func:`pipeline.prepare` returned.
        files: the same, where jobs find it.
        source: accuracy of the curating encoder on held-out costume faces, by attribute.
    """

    by_seed: dict[int, dict[str, Any]]
    files: dict[int, str]
    source: dict[str, float]

    def measured(self, name: str) -> np.ndarray:
        """A measure of every seed, (seeds,)."""
        return np.array([found["measured"][name] for found in self.by_seed.values()])


def curate(study: Study) -> Curated:
    """Train the curating encoder, curate every seed's pool, and record how good each step is."""
    settings, p = settings_of(study), study.parameters
    encoder, source = curating_encoder(settings)
    file = keep_encoder(encoder.cpu(), study.checkpoints / "curating.safetensors")
    jobs = [{"settings": settings, "seed": seed, "encoder_file": file} for seed in p.seeds]
    results = side_by_side(prepare, jobs, workers=p.workers, threads=p.threads, checkpoints=study.checkpoints,
                           label="curation")  # fmt: skip
    files = {}
    for seed, result in zip(p.seeds, results, strict=True):
        path = study.checkpoints / f"curated-{seed}.pt"
        torch.save({"kept": result["kept"], "pseudo": result["pseudo"]}, path)
        files[seed] = str(path)
        for name, value in result["measured"].items():
            study.record(method="curation", metric=name, value=value, n=len(result["pseudo"]), seed=seed, split="train")
    for name, value in source.items():
        study.record(method="curating encoder", metric=f"{name}_accuracy", value=value, n=p.source_faces // 5)
    return Curated(dict(zip(p.seeds, results, strict=True)), files, source)


def pretrain_shown(study: Study, curated: Curated) -> tuple[Method, History]:
    """The full pipeline's training with the first seed, in this process."""
    settings, seed = settings_of(study), study.parameters.seeds[0]
    job = pretraining(settings, "pipeline", seed, _prepared(curated.files[seed]))
    history = train(job.method, job.corpus, job.rows, job.plan, device=job.device, label="full pipeline",
                    checkpoint=study.checkpoints / "shown.pt")  # fmt: skip
    return job.method, history


def _prepared(file: str) -> dict[str, Any]:
    return torch.load(Path(file), weights_only=True)


def trained(settings: Settings, arm: str, seed: int, prepared: str, checkpoint: str = "") -> dict[str, Any]:
    """Train one arm and judge it: one job of the grid."""
    job = pretraining(settings, arm, seed, _prepared(prepared))
    history = train(job.method, job.corpus, job.rows, job.plan, device=job.device, label=arm,
                    checkpoint=Path(checkpoint) if checkpoint else None)  # fmt: skip
    return judged(settings, arm, seed, job.method, history, prepared)


def judged(settings: Settings, arm: str, seed: int, method: Method, history: History, prepared: str) -> dict[str, Any]:
    """Test predictions of a trained arm, with its history and, where weights were learned, what they are."""
    found = probed(settings, encoder_of(method)) | {
        "history": history.epochs, "watch": history.collapse_watch(),
        "collapsed": bool(history.spread and history.spread.collapsed()),
    }  # fmt: skip
    if isinstance(method, WeightedSupCon):
        found["weights"] = learned_weights(settings, arm, seed, method, _prepared(prepared))
    return found


def random_start(settings: Settings, seed: int) -> dict[str, Any]:
    """The encoder before any training, its norms' statistics those of the reference: one job."""
    corpus = open_faces(settings)
    rows = roles_of(corpus, settings["reference_each"])
    return probed(settings, with_statistics(make_encoder(settings, seed)[0], corpus, rows.reference))


def probed(settings: Settings, encoder: nn.Module) -> dict[str, Any]:
    """Predictions of a linear probe on frozen features, trained on the reference for every arm alike.

    Returns:
        ``predicted``: classes of the test images, int16 (m,); ``validation``: accuracy there.
    """
    corpus = open_faces(settings)
    roles, labels = roles_of(corpus, settings["reference_each"]), torch.from_numpy(classes_of(corpus)[1])
    x = {part: embed(encoder, corpus, getattr(roles, part)) for part in ("reference", "validation", "test")}
    asked = torch.cat([x["test"], x["validation"]])
    predicted = linear_probe((x["reference"], labels[roles.reference]), (x["validation"], labels[roles.validation]),
                             asked, PENALTIES)  # fmt: skip
    test, held = predicted.split([len(roles.test), len(roles.validation)])
    return {"predicted": test.short(), "validation": float((held == labels[roles.validation]).double().mean())}


@torch.no_grad()
def learned_weights(
    settings: Settings, arm: str, seed: int, method: WeightedSupCon, prepared: dict[str, Any]
) -> dict[str, float]:
    """Mean weight of curated images whose label is right and of those whose label is wrong, and AUC of telling them.

    Below one half, wrong labels get the larger weights. That is no error of sign (the weight network's step is tested
    against differentiation through the lookahead): the network sees a loss and nothing else, and where the clean loss
    falls fastest by the images of high loss, most of which are hard rather than wrong, weights rise with the loss.
    """
    from sklearn.metrics import roc_auc_score

    from helpers.studies.fair_faces.arms import training_set

    corpus, rows, labels = training_set(settings, arm, seed, prepared)
    names = classes_of(open_faces(settings))[0]
    truth = np.array([names.index(label) for label in corpus.table["truth"].to_numpy()[rows]])
    order = np.random.default_rng(0).permutation(len(rows))
    size = min(settings["batch_size"], len(rows))
    weights, right = [], []
    device = next(method.parameters()).device
    torch.manual_seed(0)
    for start in range(0, len(order) - size + 1, size):
        part = order[start : start + size]
        z = method.projections(method.make_views(pixels(corpus, rows[part]).to(device)))
        losses = supervised_contrastive_each(z, labels[rows[part]].to(device), method.temperature)
        weights.append(method.weights_of(losses).cpu())
        right.append(torch.from_numpy(labels[rows[part]].numpy() == truth[part]))
    w, ok = torch.cat(weights), torch.cat(right)
    auc = float(roc_auc_score(ok, w)) if 0 < int(ok.sum()) < len(ok) else float("nan")
    mean = {name: float(w[m].mean()) if bool(m.any()) else float("nan") for name, m in (("right", ok), ("wrong", ~ok))}
    return mean | {"auc": auc}


@dataclass(frozen=True)
class Comparison:
    """All runs of a study.

    Attributes:
        runs: results by (arm, seed).
        truth, groups: class and group of every test image, (m,).
        ranked: groups from the commonest to the rarest of the pool.
        names: of the classes.
        seeds: of the runs.
        judged: reports by arm, as far as they were asked for.
    """

    runs: dict[tuple[str, int], dict[str, Any]]
    truth: np.ndarray
    groups: np.ndarray
    ranked: list[str]
    names: list[str]
    seeds: list[int]
    judged: dict[str, list[FairnessReport]] = field(default_factory=dict)

    def predicted(self, arm: str) -> np.ndarray:
        """Predicted test classes, (seeds, test images)."""
        return torch.stack([self.runs[arm, seed]["predicted"] for seed in self.seeds]).long().numpy()

    def correct(self, arm: str) -> np.ndarray:
        """Which of them are right, bool (seeds, test images)."""
        return self.predicted(arm) == self.truth

    def spread(self, arm: str) -> np.ndarray:
        """Each test image's share of the standard deviation over groups, (seeds, test images)."""
        return np.stack([spread_shares(right, self.groups) for right in self.correct(arm)])

    def reports(self, arm: str) -> list[FairnessReport]:
        """A report a seed."""
        if arm not in self.judged:
            self.judged[arm] = [fairness_report(self.truth, p, self.groups) for p in self.predicted(arm)]
        return self.judged[arm]

    def validation(self, arm: str) -> float:
        """Mean accuracy on validation images over seeds."""
        return float(np.mean([self.runs[arm, seed]["validation"] for seed in self.seeds]))

    def arms(self) -> list[str]:
        """Arms that were run, in the order of :data:`NAMES`."""
        return [arm for arm in NAMES if (arm, self.seeds[0]) in self.runs]


def compare(study: Study, curated: Curated, shown: tuple[Method, History]) -> Comparison:
    """Run every arm once a seed, and record the results."""
    p, settings = study.parameters, settings_of(study)
    first = p.seeds[0]
    done = {("pipeline", first): judged(settings, "pipeline", first, *shown, curated.files[first])}
    keep = p.scale == "paper"
    jobs = [
        {"settings": settings, "arm": arm, "seed": seed, "prepared": curated.files[seed],
         "checkpoint": str(study.checkpoints / f"{arm}-{seed}.pt") if keep else ""}
        for seed in p.seeds for arm in RECIPES if (arm, seed) not in done
    ]  # fmt: skip
    options: dict[str, Any] = {"workers": p.workers, "threads": p.threads, "checkpoints": study.checkpoints}
    for job, result in zip(jobs, side_by_side(trained, jobs, label="arms", **options), strict=True):
        done[job["arm"], job["seed"]] = result
    starts = [{"settings": settings, "seed": seed} for seed in p.seeds]
    for job, result in zip(starts, side_by_side(random_start, starts, label="random encoders", **options), strict=True):
        done["random", job["seed"]] = result
    comparison = comparison_of(settings, done, list(p.seeds))
    _record(study, comparison)
    return comparison


def comparison_of(settings: Settings, runs: dict[tuple[str, int], dict[str, Any]], seeds: list[int]) -> Comparison:
    """The runs beside the truth of the test images."""
    corpus = open_faces(settings)
    names, classes = classes_of(corpus)
    test = roles_of(corpus, settings["reference_each"]).test
    groups = corpus.table["group"].to_numpy()[test].astype(str)
    ranked = [g for g in groups_ranked(corpus) if g in set(groups)]
    return Comparison(runs, classes[test], groups, ranked, names, seeds)


def best_baseline(comparison: Comparison) -> str:
    """The best on validation images of SimCLR, BYOL and SupCon on the uncurated pool."""
    return max(BASELINES, key=comparison.validation)


def evidence(study: Study, comparison: Comparison) -> list[Evidence]:
    """Paired numbers of every claim, by seed and test image."""
    base = best_baseline(comparison)
    pipeline = comparison.correct("pipeline").astype(float)
    pairs = {
        "leaves_random": (pipeline, comparison.correct("random").astype(float)),
        "no_loss": (pipeline, comparison.correct(base).astype(float)),
        "narrower": (comparison.spread("pipeline"), comparison.spread(base)),
    }
    return [Evidence(study.card.claim(key), method, other, "seeds") for key, (method, other) in pairs.items()]


def _record(study: Study, comparison: Comparison) -> None:
    for arm in comparison.arms():
        for seed, report in zip(comparison.seeds, comparison.reports(arm), strict=True):
            run, n = comparison.runs[arm, seed], len(comparison.truth)
            for name, value in report.numbers().items():
                study.record(method=arm, metric=name, value=value, n=n, seed=seed)
            for group, value in report.by_group.items():
                study.record(method=arm, metric="accuracy", value=value, n=int(report.counts[group]), seed=seed,
                             condition=f"group={group}")  # fmt: skip
            study.record(method=arm, metric="accuracy", value=run["validation"], n=n, seed=seed, split="validation")
            for name, value in run.get("weights", {}).items():
                study.record(method=arm, metric=f"learned weight: {name}", value=value, n=n, seed=seed, split="train")
            if "collapsed" in run:
                study.record(method=arm, metric="collapsed", value=float(run["collapsed"]), n=1, seed=seed)


def embeddings(study: Study, comparison: Comparison, method: Method, at_most: int = 160) -> dict[str, np.ndarray]:
    """Features of some test images under the random encoder and the pipeline's, with class and place in the test."""
    settings = settings_of(study)
    corpus = open_faces(settings)
    roles = roles_of(corpus, settings["reference_each"])
    chosen = np.sort(np.random.default_rng(0).permutation(len(roles.test))[:at_most])
    start = with_statistics(make_encoder(settings, comparison.seeds[0])[0], corpus, roles.reference)
    encoders = {"random encoder": start, "after the pipeline": encoder_of(method)}
    found = {name: embed(e, corpus, roles.test[chosen]).numpy() for name, e in encoders.items()}
    return found | {"chosen": chosen}


def notes(study: Study, comparison: Comparison, curated: Curated) -> list[str]:
    """What a reader of the verdict must know of this run."""
    p, base = study.parameters, best_baseline(comparison)
    smallest = min((comparison.groups == g).sum() for g in comparison.ranked)
    each = [f"{step} {what}" for step in ("duplicate", "quality") for what in ("precision", "recall")]
    told = {n: f"{np.nanmean(curated.measured(n)):.3f}" for n in (*each, "web labels right", "pseudo-labels right")}
    found = [
        f"{len(comparison.seeds)} seed(s), each with a pool of its own; one test set of {len(comparison.truth):,} "
        f"images in {len(comparison.ranked)} groups ({', '.join(comparison.ranked)}), the smallest of {smallest}.",
        "On validation images: "
        + ", ".join(f"{NAMES[a]} {100 * comparison.validation(a):.1f} %" for a in BASELINES)
        + f"; the pipeline is compared with {NAMES[base]}.",
        "A spread is no mean over images: its interval rests on jackknife shares, whose mean is the spread less its "
        "bias by chance; the table has the plain standard deviations.",
        f"Copies dropped: precision {told['duplicate precision']}, recall {told['duplicate recall']}; poor pictures: "
        f"precision {told['quality precision']}, recall {told['quality recall']}; labels that are right: web "
        f"{told['web labels right']}, pseudo {told['pseudo-labels right']}.",
    ]
    lost = {g: 100 * np.nanmean(curated.measured(f"good pictures dropped as poor: {g}")) for g in comparison.ranked}
    most = max(lost, key=lambda g: lost[g])
    found.append(
        f"The quality filter drops {lost[most]:.1f} % of the good pictures of the group {most} and "
        f"{min(lost.values()):.1f} % of those of the group that it spares most: curation can be unfair by itself."
    )
    weights = [comparison.runs["pipeline", seed]["weights"] for seed in comparison.seeds]
    found.append(
        f"Learned weights: {np.mean([w['right'] for w in weights]):.2f} on average where the pseudo-label is right, "
        f"{np.mean([w['wrong'] for w in weights]):.2f} where it is wrong (AUC of telling them "
        f"{np.mean([w['auc'] for w in weights]):.2f})."
    )
    behind = [a for a in ("pipeline", *BASELINES, *ABLATIONS)
              if comparison.correct(a).mean() <= comparison.correct("random").mean()]  # fmt: skip
    if behind:
        found.append(f"Not above the random encoder at this budget: {', '.join(NAMES[a] for a in behind)}.")
    fallen = [
        NAMES[a] for a in comparison.arms() if any(comparison.runs[a, s].get("collapsed") for s in comparison.seeds)
    ]
    found.append(f"Collapse watch: {'collapsed were ' + ', '.join(fallen) if fallen else 'no arm collapsed'}.")
    if not p.curating_weights:
        found.append(
            "The curating encoder learned drawn faces in costume ("
            + ", ".join(f"{name.replace('_', ' ')} {100 * v:.0f} %" for name, v in curated.source.items())
            + " of held-out ones right): a far weaker start than the paper's CLIP."
        )
    return found
