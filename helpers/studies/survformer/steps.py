"""The steps that the notebook of SSL-SurvFormer calls: folds, pre-training, the grid of runs, tables, evidence."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

from helpers.data.corpora.survival import SurvivalCorpus, read_survival, survival_folds
from helpers.errors import StudyError
from helpers.evaluation.claims import Evidence
from helpers.evaluation.survival_baselines import BASELINES, DesignMatrix, SurvivalModel
from helpers.methods.method import Method
from helpers.methods.survformer import PretextTask, SurvFormer, SurvFormerPretext, SurvFormerSize
from helpers.networks.feature_transformer import FeatureTransformer
from helpers.networks.monotone import HazardClock
from helpers.processes import Job, train_in_processes
from helpers.studies.side_by_side import side_by_side
from helpers.studies.study import Study
from helpers.studies.survformer.about import SurvFormerParameters
from helpers.studies.survformer.folds import FoldData, cardinalities, fold_data
from helpers.studies.survformer.scores import FoldScores
from helpers.training import History, TrainingPlan, train
from helpers.views.tables import RowCorruption

METHOD_NAMES = {
    "scratch": "SurvFormer, scratch",
    "mask": "SurvFormer, mask prediction",
    "reconstruct": "SurvFormer, reconstruction",
    "both": "SurvFormer, both tasks",
}
METRICS = ("C-td", "IBS", "IBLL", "C Harrell", "D-calibration p")


def read_corpus(parameters: SurvFormerParameters) -> SurvivalCorpus:
    """The corpus that the parameters name."""
    p = parameters
    return read_survival(p.corpus, p.data_root, p.time_column, p.event_column, p.subject_column, p.rows)


def network_size(p: SurvFormerParameters) -> SurvFormerSize:
    """The network's measures from the parameters."""
    return SurvFormerSize(p.width, p.layers, p.heads, p.feed_forward, p.hidden, p.windows, p.dropout)


def pretext(data: FoldData, task: PretextTask, p: SurvFormerParameters) -> SurvFormerPretext:
    """A fresh encoder under a pretext task; marginals for filling come from the training part."""
    encoder = network_size(p).encoder(len(data.corpus.numeric), cardinalities(data.corpus))
    rows = data.fold.train
    share = SurvFormerPretext.filled_share(task)
    return SurvFormerPretext(
        encoder, RowCorruption(data.values[rows], data.present[rows], p.hidden_fraction, share), task
    )


def budget(epochs: int, batch_size: int, training_rows: int) -> tuple[int, int]:
    """Passes and batch size for a training fold: one rule for cohorts of all sizes.

    A batch is at most an eighth of the rows; passes of fewer than 20 batches are repeated until there are as many steps
    as ``epochs`` passes of 20 batches have.
    """
    batch = max(2, min(batch_size, training_rows // 8))
    batches = max(1, training_rows // batch)
    return math.ceil(epochs * max(1.0, 20 / batches)), batch


def pretraining_plan(p: SurvFormerParameters, training_rows: int, seed: int) -> TrainingPlan:
    """How a pretext is trained."""
    epochs, batch = budget(p.pretrain_epochs, p.batch_size, training_rows)
    return TrainingPlan(
        epochs=epochs, batch_size=batch, learning_rate=p.pretrain_learning_rate, weight_decay=p.weight_decay,
        warmup_epochs=epochs / 10, clip=1.0, seed=seed,
    )  # fmt: skip


def fine_tuning_plan(p: SurvFormerParameters, training_rows: int, seed: int) -> TrainingPlan:
    """How every variant is fine-tuned: one budget for all."""
    epochs, batch = budget(p.epochs, p.batch_size, training_rows)
    return TrainingPlan(
        epochs=epochs, batch_size=batch, learning_rate=p.learning_rate, weight_decay=p.weight_decay,
        warmup_epochs=epochs / 10, clip=1.0, patience=p.patience, seed=seed,
    )  # fmt: skip


def pretraining(parameters: dict[str, Any], fold: int, missing: float, seed: int, task: PretextTask) -> Job:
    """Recipe of one pre-training, for :func:`helpers.processes.train_in_processes`."""
    p = SurvFormerParameters(**parameters)
    corpus = read_corpus(p)
    data = fold_data(corpus, survival_folds(corpus, p.folds, seed)[fold], missing, seed)
    torch.manual_seed(_seed(seed, fold))
    plan = pretraining_plan(p, len(data.fold.train), _seed(seed, fold))
    return Job(pretext(data, task, p), data.corpus, data.fold.train, plan, device=p.device)


def fine_tune(
    encoder: FeatureTransformer, data: FoldData, p: SurvFormerParameters, seed: int
) -> tuple[SurvFormer, History]:
    """Put the monotone head on a copy of an encoder and train both; validation likelihood decides when to stop."""
    train_rows, held_out = data.fold.train, data.corpus.load(data.fold.validation)
    assert isinstance(held_out, dict)
    torch.manual_seed(seed)  # the same head and the same dropout for every variant
    clock = HazardClock.fit(data.time[train_rows], data.event[train_rows])
    model = SurvFormer(copy.deepcopy(encoder), clock, network_size(p), p.feature_dropout, p.average_momentum)

    def validate(method: Method) -> dict[str, float]:
        assert isinstance(method, SurvFormer)
        return {"validation_loss": method.likelihood_loss({k: v.to(_device(method)) for k, v in held_out.items()})}

    plan = fine_tuning_plan(p, len(train_rows), seed)
    history = train(model, data.corpus, train_rows, plan, validate=validate, label="fine-tuning", device=p.device)
    model.cpu().eval()
    return model, history


def _device(module: torch.nn.Module) -> torch.device:
    return next(module.parameters()).device


def _seed(seed: int, fold: int) -> int:
    return 1000 * seed + fold


@dataclass(frozen=True)
class ShownModel:
    """The one model that the notebook shows: pre-trained with both tasks on the first fold, then fine-tuned."""

    data: FoldData
    pretext: SurvFormerPretext
    pretraining: History
    model: SurvFormer
    fine_tuning: History


def pretrain_shown(study: Study) -> tuple[FoldData, SurvFormerPretext, History]:
    """Pre-train on the first fold with both tasks, in as many processes as the parameters say."""
    p: SurvFormerParameters = study.parameters
    seed = p.seeds[0]
    arguments = {"parameters": p.model_dump(), "fold": 0, "missing": p.claim_missing, "seed": seed, "task": "both"}
    method, history = train_in_processes(
        "helpers.studies.survformer.steps:pretraining", arguments, processes=p.processes,
        checkpoint=study.checkpoints / "pretraining.pt",
    )  # fmt: skip
    corpus = read_corpus(p)
    data = fold_data(corpus, survival_folds(corpus, p.folds, seed)[0], p.claim_missing, seed)
    assert isinstance(method, SurvFormerPretext)
    return data, method.cpu(), history


def fine_tune_shown(study: Study, data: FoldData, method: SurvFormerPretext, history: History) -> ShownModel:
    """Fine-tune what :func:`pretrain_shown` returned, and keep its encoder with the run."""
    model, tuned = fine_tune(method.encoder, data, study.parameters, _seed(study.parameters.seeds[0], 0))
    study.save_encoder(model.average["encoder"])
    return ShownModel(data, method, history, model, tuned)


def grid_job(parameters: dict[str, Any], fold: int, missing: float, seed: int) -> dict[str, Any]:
    """All methods on one fold at one missing fraction.

    Returns:
        ``rows``: dicts with method, split, metric, value, n. ``d_calibration``: method -> (10,) subjects a bin of the
        test part. ``gap``: method -> (T,) mean predicted survival minus Kaplan-Meier on the test part; ``grid`` (T,).
    """
    p = SurvFormerParameters(**parameters)
    corpus = read_corpus(p)
    data = fold_data(corpus, survival_folds(corpus, p.folds, seed)[fold], missing, seed)
    judged = FoldScores(data)
    design = DesignMatrix.fit(data.features[data.fold.train], len(corpus.numeric), cardinalities(corpus))
    rows = design(data.features)
    part = data.fold
    for name in p.baselines:
        fitted = BASELINES[name](
            rows[part.train], data.outcomes(part.train), rows[part.validation], data.outcomes(part.validation),
            _seed(seed, fold),
        )  # fmt: skip
        judged.add(name, partial(_baseline_survival, fitted, rows))
    for variant in p.variants:
        members = [
            _variant(variant, data, p, _seed(seed, fold) + 100 * k)
            for k in range(member_count(len(part.train), p.ensemble_rows))
        ]
        judged.add(METHOD_NAMES[variant], partial(_ensemble_survival, members, data))
    return judged.result()


def _baseline_survival(model: SurvivalModel, design: np.ndarray, rows: np.ndarray, times: np.ndarray) -> np.ndarray:
    return model.survival(design[rows], times)


def member_count(training_rows: int, ensemble_rows: int) -> int:
    """Members of the ensemble, 1 to 5: as many as keep their training rows together near ``ensemble_rows``."""
    return int(min(5, max(1, round(ensemble_rows / training_rows))))


def _ensemble_survival(members: list[SurvFormer], data: FoldData, rows: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Mean of the members' curves, (N, T)."""
    values, present, at = data.values[rows], data.present[rows], torch.from_numpy(times)
    return torch.stack([member.survival(values, present, at) for member in members]).mean(0).numpy()


def _variant(variant: str, data: FoldData, p: SurvFormerParameters, seed: int) -> SurvFormer:
    torch.manual_seed(seed)  # every variant starts from the same encoder weights
    method = pretext(data, "both" if variant == "scratch" else variant, p)  # type: ignore[arg-type]
    if variant != "scratch":
        plan = pretraining_plan(p, len(data.fold.train), seed)
        train(method, data.corpus, data.fold.train, plan, label=f"pretraining ({variant})", device=p.device)
    return fine_tune(method.cpu().encoder, data, p, seed)[0]


@dataclass(frozen=True)
class Grid:
    """All results of the grid: ``jobs`` says which fold, missing fraction and seed each of ``results`` is of."""

    jobs: list[dict[str, Any]]
    results: list[dict[str, Any]]


def run_grid(study: Study) -> Grid:
    """Every method on every fold, missing fraction and seed, side by side; records all scores with the study."""
    p: SurvFormerParameters = study.parameters
    shared = p.model_dump(exclude={"workers", "processes"})
    jobs: list[dict[str, Any]] = [
        {"parameters": shared, "fold": fold, "missing": missing, "seed": seed}
        for seed in p.seeds
        for missing in p.missing_fractions
        for fold in range(p.folds_run)
    ]
    results = side_by_side(
        grid_job, jobs, workers=p.workers, threads=p.threads, checkpoints=study.checkpoints, label="folds"
    )
    for job, result in zip(jobs, results, strict=True):
        for row in result["rows"]:
            where = {"fold": job["fold"], "seed": job["seed"], "condition": condition(job["missing"])}
            study.record(**row, **where, claim=_bears_on(row, job, p))
    return Grid(jobs, results)


def condition(missing: float) -> str:
    """How the results name a missing fraction."""
    return f"missing={missing:g}"


def _bears_on(row: dict[str, Any], job: dict[str, Any], p: SurvFormerParameters) -> str:
    if row["split"] != "test":
        return ""
    both, scratch = METHOD_NAMES["both"], METHOD_NAMES["scratch"]
    if row["metric"] == "C-td" and job["missing"] == p.claim_missing and row["method"] in (both, scratch):
        return "pretraining_helps_when_missing"
    if row["metric"] == "IBS" and job["missing"] == 0 and row["method"] in (both, *p.baselines):
        return "calibration_kept"
    return ""


def comparison_table(results: pd.DataFrame, missing: float) -> pd.DataFrame:
    """Test scores by method at one missing fraction: mean and half-width of the 95 % interval over folds, as text.

    The interval is the corrected resampled t of Nadeau & Bengio (2003); one fold has none.
    """
    chosen = results[(results["condition"] == condition(missing)) & (results["split"] == "test")]
    table = chosen.groupby(["method", "metric"], sort=False)["value"].apply(_mean_and_interval).unstack("metric")
    return table[[m for m in METRICS if m in table.columns]]


def _mean_and_interval(values: pd.Series) -> str:
    from helpers.evaluation.intervals import corrected_resampled_t

    numbers = values.to_numpy(float)
    if len(numbers) < 2:
        return f"{numbers.mean():.3f}"
    interval = corrected_resampled_t(numbers, TEST_FRACTION)
    return f"{interval.mean:.3f} ± {interval.high - interval.mean:.3f}"


TEST_FRACTION = 0.25  # test rows over test and training rows: 20 / (20 + 60)


def per_fold(results: pd.DataFrame, method: str, metric: str, missing: float, split: str = "test") -> np.ndarray:
    """One value a fold and seed, in the order recorded."""
    chosen = results[
        (results["method"] == method) & (results["metric"] == metric) & (results["split"] == split)
        & (results["condition"] == condition(missing))
    ]  # fmt: skip
    return chosen["value"].to_numpy(float)


def best_baseline(results: pd.DataFrame, baselines: list[str]) -> str:
    """The baseline with the lowest mean *validation* IBS without added gaps: chosen without the test part."""
    return min(baselines, key=lambda name: float(per_fold(results, name, "IBS", 0.0, "validation").mean()))


def evidence(study: Study) -> tuple[list[Evidence], list[str]]:
    """The paired numbers on both claims, and what a reader of the verdict must know."""
    p: SurvFormerParameters = study.parameters
    results = study.results()
    rival = best_baseline(results, p.baselines)
    both, scratch = METHOD_NAMES["both"], METHOD_NAMES["scratch"]
    concordance, calibration = study.card.claims
    needed = ((both, "C-td", p.claim_missing), (scratch, "C-td", p.claim_missing), (both, "IBS", 0.0))
    for method, metric, missing in needed:
        if not np.isfinite(per_fold(results, method, metric, missing)).all():
            raise StudyError(
                f"{p.corpus}: {metric} of {method} cannot be computed on every fold (no comparable pair of test "
                "subjects); use fewer folds or more data"
            )
    found = [
        Evidence(concordance, per_fold(results, both, "C-td", p.claim_missing),
                 per_fold(results, scratch, "C-td", p.claim_missing), "folds", TEST_FRACTION),
        Evidence(calibration, per_fold(results, both, "IBS", 0.0), per_fold(results, rival, "IBS", 0.0), "folds",
                 TEST_FRACTION),
    ]  # fmt: skip
    notes = [
        f"concordance is judged with {p.claim_missing:.0%} of the values taken away completely at random",
        f"the baseline with the best validation IBS is {rival}",
    ]
    return found, notes
