"""What the notebook's cells call: stage 1, the arms, counts by speaker, evidence, notes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from helpers.evaluation.claims import Evidence
from helpers.evaluation.mispronunciation import Counts, count, predicted_error_rate
from helpers.methods.method import Method
from helpers.methods.phone_recognition import PseudoLabelling
from helpers.processes import train_in_processes
from helpers.studies.mispronunciation.arms import (
    Settings,
    make_recogniser,
    open_corpus,
    parts_of,
    stage_one,
    stage_two,
    transcribed,
)
from helpers.studies.side_by_side import side_by_side
from helpers.studies.study import Study
from helpers.training import History, train

NAMES = {
    "momentum": "momentum teacher", "frozen": "frozen teacher", "offline": "offline labels",
    "labelled_only": "labelled only", "stage1": "stage 1, its start", "random": "untrained",
}  # fmt: skip
SCORES = {
    "phone_error_rate": "PER", "f1": "F1", "precision": "precision", "recall": "recall",
    "false_acceptance_rate": "FAR", "false_rejection_rate": "FRR", "diagnostic_error_rate": "DER",
}  # fmt: skip


def settings_of(study: Study) -> Settings:
    """Everything that a job of this study depends on, as plain values."""
    return study.parameters.model_dump(exclude={"scale", "seeds", "workers", "threads", "processes", "arms"})


def stage_one_shown(study: Study) -> tuple[Method, History]:
    """Stage 1 with the first seed, in this process or in several."""
    p = study.parameters
    return train_in_processes(
        "helpers.studies.mispronunciation.arms:stage_one",
        {"settings": settings_of(study), "seed": p.seeds[0]},
        processes=p.processes,
        checkpoint=study.checkpoints / "shown.pt",
    )


def supervised(settings: Settings, seed: int, checkpoint: str) -> dict[str, Any]:
    """Stage 1 of one seed: a job of the grid."""
    job = stage_one(settings, seed)
    history = train(job.method, job.corpus, job.rows, job.plan, validate=job.validate, device=job.device,
                    checkpoint=Path(checkpoint) if checkpoint else None)  # fmt: skip
    return of_stage_one(job.method, history, settings)


def of_stage_one(method: Method, history: History, settings: Settings) -> dict[str, Any]:
    """A trained stage 1 as a job's result, its weights among it."""
    recogniser = method.encoder
    weights = {name: tensor.detach().cpu().clone() for name, tensor in recogniser.state_dict().items()}
    return {"written": heard_in_test(recogniser, settings), "history": history.epochs, "weights": weights}


def arm_trained(settings: Settings, arm: str, seed: int, start: str, checkpoint: str) -> dict[str, Any]:
    """One arm of stage 2 and one seed: a job of the grid."""
    job = stage_two(settings, arm, seed, start)
    history = train(job.method, job.corpus, job.rows, job.plan, validate=job.validate, device=job.device,
                    checkpoint=Path(checkpoint) if checkpoint else None)  # fmt: skip
    result: dict[str, Any] = {
        "written": heard_in_test(job.method.encoder, settings),
        "history": history.epochs,
        "updates": job.plan.epochs * max(1, len(job.rows) // job.plan.batch_size),
    }
    if arm == "momentum":
        assert isinstance(job.method, PseudoLabelling)
        result["teacher"] = heard_in_test(job.method.teacher, settings)
        weights = job.method.encoder.state_dict()
        result["weights"] = {name: tensor.detach().cpu().clone() for name, tensor in weights.items()}
    return result


def heard_in_test(recogniser: torch.nn.Module, settings: Settings) -> list[str]:
    """What a recogniser writes of the test utterances."""
    corpus = open_corpus(settings)
    return transcribed(recogniser, corpus, parts_of(corpus, settings).test)


@dataclass(frozen=True)
class Comparison:
    """All runs of a study.

    Attributes:
        runs: results by (arm, seed); ``"stage1"`` and ``"random"`` are there besides the arms.
        canonical, heard: phones of the test utterances.
        speakers: of the test utterances, (n,).
        accentedness: by speaker, NaN where unknown.
        first_languages: by speaker.
        seeds: of the runs.
    """

    runs: dict[tuple[str, int], dict[str, Any]]
    canonical: list[list[str]]
    heard: list[list[str]]
    speakers: np.ndarray
    accentedness: dict[str, float]
    first_languages: dict[str, str]
    seeds: list[int]

    def arms(self) -> list[str]:
        """Arms of stage 2 that were run, momentum first."""
        return [arm for arm in NAMES if (arm, self.seeds[0]) in self.runs and arm not in ("stage1", "random")]

    def names(self) -> list[str]:
        """The test speakers, sorted."""
        return sorted(set(self.speakers))

    def counts(self, arm: str, seed: int, key: str = "written") -> list[Counts]:
        """Counts of every test utterance."""
        run = self.runs[arm, seed]
        remembered = run.setdefault("counts", {})
        if key not in remembered:
            written = [phones.split() for phones in run[key]]
            remembered[key] = [count(*three) for three in zip(self.canonical, self.heard, written, strict=True)]
        return remembered[key]

    def by_speaker(self, arm: str, seed: int, key: str = "written") -> dict[str, Counts]:
        """Counts of every test speaker."""
        found = dict.fromkeys(self.names(), Counts())
        for speaker, its in zip(self.speakers, self.counts(arm, seed, key), strict=True):
            found[speaker] = found[speaker] + its
        return found

    def scores(self, arm: str, score: str, key: str = "written") -> np.ndarray:
        """A score of every seed and test speaker, (seeds, speakers); NaN where a speaker has nothing to divide by."""
        return np.array(
            [[its.scores()[score] for its in self.by_speaker(arm, seed, key).values()] for seed in self.seeds]
        )

    def pooled(self, arm: str, score: str, key: str = "written") -> np.ndarray:
        """A score of all test utterances together, (seeds,)."""
        return np.array([sum(self.counts(arm, seed, key), Counts()).scores()[score] for seed in self.seeds])

    def predicted_rates(self, arm: str) -> dict[str, float]:
        """How often the system says each speaker erred, a canonical phone; mean over utterances and seeds."""
        written = [[phones.split() for phones in self.runs[arm, seed]["written"]] for seed in self.seeds]
        return self._mean_rates(written)

    def heard_rates(self) -> dict[str, float]:
        """How often the human heard each speaker err, a canonical phone."""
        return self._mean_rates([self.heard])

    def _mean_rates(self, written: list[list[list[str]]]) -> dict[str, float]:
        each = np.array([[predicted_error_rate(c, w) for c, w in zip(self.canonical, its, strict=True)]
                         for its in written]).mean(axis=0)  # fmt: skip
        return {speaker: float(each[self.speakers == speaker].mean()) for speaker in self.names()}


def compare(study: Study, shown: tuple[Method, History]) -> Comparison:
    """Run stage 1 once a seed and every arm from it, and record the results."""
    p, settings = study.parameters, settings_of(study)
    long = p.scale == "paper"  # hours: worth checkpoints of their own
    first = {p.seeds[0]: of_stage_one(*shown, settings)}
    rest = [
        {"settings": settings, "seed": seed, "checkpoint": str(study.checkpoints / f"first-{seed}.pt") if long else ""}
        for seed in p.seeds[1:]
    ]
    results = _side_by_side(study, supervised, rest, "stage 1") if rest else []
    first |= {job["seed"]: result for job, result in zip(rest, results, strict=True)}
    study.checkpoints.mkdir(parents=True, exist_ok=True)
    jobs = []
    same = p.offline_start == "stage1"  # then a frozen teacher is the offline arm: the same labels, the same start
    for seed in p.seeds:
        start = study.checkpoints / f"stage1-{seed}.safetensors"
        save_file(first[seed].pop("weights"), str(start))
        jobs += [
            {"settings": settings, "arm": arm, "seed": seed, "start": str(start),
             "checkpoint": str(study.checkpoints / f"{arm}-{seed}.pt") if long else ""}
            for arm in sorted(p.arms, key=lambda arm: arm != "offline")  # the longest first
            if not (arm == "frozen" and same)
        ]  # fmt: skip
    done = _side_by_side(study, arm_trained, jobs, "arms of stage 2")
    runs = {(job["arm"], job["seed"]): result for job, result in zip(jobs, done, strict=True)}
    if same and "frozen" in p.arms:
        runs |= {("frozen", seed): runs["offline", seed] for seed in p.seeds}
    runs |= {("stage1", seed): first[seed] for seed in p.seeds}
    for seed in p.seeds:
        runs["random", seed] = {"written": heard_in_test(make_recogniser(settings, seed), settings)}
    comparison = _comparison(settings, runs, list(p.seeds))
    _record(study, comparison)
    return comparison


def _comparison(settings: Settings, runs: dict[tuple[str, int], dict[str, Any]], seeds: list[int]) -> Comparison:
    corpus = open_corpus(settings)
    table = corpus.table.iloc[parts_of(corpus, settings).test]
    speakers = table["subject"].to_numpy()
    a_row = table.groupby("subject").first()
    return Comparison(
        runs, [text.split() for text in table["canonical"]], [text.split() for text in table["perceived"]], speakers,
        {str(s): float(v) for s, v in a_row["accentedness"].items()},
        {str(s): str(v) for s, v in a_row["group"].items()}, seeds,
    )  # fmt: skip


def _side_by_side(study: Study, job: Any, jobs: list[dict[str, Any]], label: str) -> list[dict[str, Any]]:
    p = study.parameters
    return side_by_side(job, jobs, workers=p.workers, threads=p.threads, checkpoints=study.checkpoints, label=label)


def _record(study: Study, comparison: Comparison) -> None:
    n = len(comparison.canonical)
    arms = [*comparison.arms(), "stage1", "random"]
    for arm, key in [*((arm, "written") for arm in arms), ("momentum", "teacher")]:
        for score in SCORES:
            by_speaker, pooled = comparison.scores(arm, score, key), comparison.pooled(arm, score, key)
            for i, seed in enumerate(comparison.seeds):
                mine = by_speaker[i][np.isfinite(by_speaker[i])]
                name = arm if key == "written" else "momentum, its teacher"
                mean = float(mine.mean()) if len(mine) else np.nan
                study.record(
                    method=name, metric=score, value=mean, n=len(mine), seed=seed, condition="mean of speakers"
                )
                study.record(
                    method=name, metric=score, value=float(pooled[i]), n=n, seed=seed, condition="all together"
                )
    for arm in comparison.arms():
        for metric, (value, _, _) in accentedness_correlation(comparison, comparison.predicted_rates(arm)).items():
            study.record(method=arm, metric=f"accentedness_{metric}", value=value, n=len(comparison.names()))


def accentedness_correlation(comparison: Comparison, rates: dict[str, float]) -> dict[str, tuple[float, float, float]]:
    """Pearson's and Spearman's correlation of speakers' error rates with accentedness, each with a 95 % interval.

    The interval is Fisher's z with 1/√(n − 3) (Spearman: √(1.06/(n − 3)), Fieller, Hartley & Pearson 1957); NaN where
    fewer than four speakers have a score, or all the same one.
    """
    from scipy.stats import pearsonr, spearmanr

    known = [name for name in comparison.names() if np.isfinite(comparison.accentedness[name])]
    a, b = np.array([comparison.accentedness[n] for n in known]), np.array([rates[n] for n in known])
    found = {}
    for name, measure, inflation in (("pearson", pearsonr, 1.0), ("spearman", spearmanr, 1.06)):
        if len(known) < 4 or np.ptp(a) == 0 or np.ptp(b) == 0:
            found[name] = (np.nan, np.nan, np.nan)
            continue
        r = float(measure(a, b)[0])
        z, half = np.arctanh(np.clip(r, -0.999999, 0.999999)), 1.96 * np.sqrt(inflation / (len(known) - 3))
        found[name] = (r, float(np.tanh(z - half)), float(np.tanh(z + half)))
    return found


def evidence(study: Study, comparison: Comparison) -> list[Evidence]:
    """Every claim's two arms, a number a seed and test speaker; speakers for whom one is undefined are left out."""
    pairs = {
        "lowers_per": ("phone_error_rate", "labelled_only"), "raises_f1": ("f1", "labelled_only"),
        "lower_per_than_offline": ("phone_error_rate", "offline"), "higher_f1_than_offline": ("f1", "offline"),
    }  # fmt: skip
    found = []
    for key, (score, base) in pairs.items():
        mine, other = comparison.scores("momentum", score), comparison.scores(base, score)
        kept = np.isfinite(mine).all(axis=0) & np.isfinite(other).all(axis=0)
        if not kept.any():  # nobody mispronounces anything: all together, which may be all zero
            mine, other = (np.nan_to_num(comparison.pooled(arm, score))[:, None] for arm in ("momentum", base))
            kept = np.ones(1, dtype=bool)
        found.append(Evidence(study.card.claim(key), mine[:, kept], other[:, kept], "seeds"))
    return found


def notes(study: Study, comparison: Comparison) -> list[str]:
    """What a reader of the verdict must know of this run."""
    settings = settings_of(study)
    corpus = open_corpus(settings)
    parts = parts_of(corpus, settings)
    hours = {name: corpus.table["seconds"].iloc[rows].sum() / 60 for name, rows in vars(parts).items()}
    found = [
        f"{len(comparison.seeds)} seed(s); {len(parts.labelled):,} labelled ({hours['labelled']:.0f} min) and "
        f"{len(parts.unlabelled):,} unlabelled utterances ({hours['unlabelled']:.0f} min); {len(comparison.names())} "
        f"test speakers with {len(parts.test):,} utterances, none of whom is heard before."
    ]
    seed = comparison.seeds[0]
    first = study.parameters.stage1_epochs * max(1, len(parts.labelled) // study.parameters.batch_size)
    over = study.parameters.offline_start == "untrained"
    updates = {arm: comparison.runs[arm, seed]["updates"] + (0 if arm == "offline" and over else first)
               for arm in comparison.arms()}  # fmt: skip
    told = ", ".join(f"{NAMES[arm]} {n:,}" for arm, n in updates.items())
    found.append(f"Updates of the student, stage 1's included: {told}. Nothing was chosen on test speakers.")
    curve = [row["validation_per"] for row in comparison.runs["labelled_only", seed]["history"]]
    start = comparison.runs["stage1", seed]["history"][-1]["validation_per"]
    found.append(
        f"Labelled only, validation PER of the first seed: {100 * start:.1f} % after stage 1, {100 * curve[-1]:.1f} % "
        f"at the end, {100 * min(curve):.1f} % at best on the way."
    )
    offline = comparison.pooled("offline", "phone_error_rate").mean()
    if "frozen" in comparison.arms() and not over:
        found.append(
            "A frozen teacher that hears no augmentation writes what the offline arm's labels say, and both go on from "
            "stage 1: they are one training, shown under both names."
        )
    elif "frozen" in comparison.arms():
        frozen = comparison.pooled("frozen", "phone_error_rate").mean()
        found.append(
            f"A frozen teacher writes the very labels of the offline arm; that arm starts over, the frozen one goes on "
            f"from stage 1 (PER {100 * offline:.1f} against {100 * frozen:.1f} %)."
        )
    undefined = int((~np.isfinite(comparison.scores("labelled_only", "f1"))).any(axis=0).sum())
    if undefined:
        found.append(f"{undefined} test speaker(s) without errors, heard or found, are left out of F1.")
    labelled = float(comparison.pooled("labelled_only", "phone_error_rate").mean())
    if labelled > 0.5:
        found.append(
            f"At this budget the phone error rate is {100 * labelled:.0f} %; a comparison of arms says little."
        )
    return found
