"""The steps that the activity_transfer notebook calls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from helpers.evaluation.claims import Evidence
from helpers.evaluation.intervals import independent_pairs
from helpers.methods.embedding import embed
from helpers.methods.method import Method
from helpers.methods.optimapper import Adaptation, Source
from helpers.processes import train_in_processes
from helpers.studies.activity_transfer import experiment
from helpers.studies.activity_transfer.experiment import Windows
from helpers.studies.side_by_side import side_by_side
from helpers.studies.study import Study
from helpers.training import History

NAMES = {
    "source_only": "source only", "self_training": "self-training", "coral": "CORAL",
    "optimal_transport": "optimal transport", "community_vote": "communities, no mapping",
    "optimapper_one_to_one": "OptiMapper one-to-one", "optimapper_many_to_one": "OptiMapper many-to-one",
    "target_supervised": "target labels, other recordings",
}  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """All methods on all left-out subjects.

    Attributes:
        rows: one number a row: subject, seed, share, method, metric, value, n.
        confusion: "share:method" -> windows by true (row) and mapped (column) class of their community.
        chosen: subject -> method -> setting.
        subjects: left out, in turn.
    """

    rows: pd.DataFrame
    confusion: dict[str, np.ndarray]
    chosen: dict[str, dict[str, float]]
    subjects: list[str]


@dataclass(frozen=True)
class Example:
    """One new user at one share of activities, as the figures draw it."""

    subject: str
    share: float
    truth: np.ndarray
    source: Source
    features: np.ndarray
    adaptation: Adaptation


def open_windows(study: Study) -> Windows:
    """The corpus as windows with features."""
    return experiment.open_windows(study.parameters)


def shown_subject(study: Study, windows: Windows) -> str:
    """Whose network is drawn."""
    return study.parameters.shown_subject or experiment.subjects_left_out(windows, study.parameters)[0]


def pretrain_shown(study: Study, windows: Windows) -> tuple[Method, History]:
    """Train the contrastive encoder on the source windows of the shown subject."""
    arguments = {"parameters": study.parameters.model_dump(), "subject": shown_subject(study, windows)}
    return train_in_processes(
        "helpers.studies.activity_transfer.experiment:pretraining", arguments,
        processes=study.parameters.processes, checkpoint=study.checkpoints / "encoder.pt", label="contrastive encoder",
    )  # fmt: skip


def compare_features(study: Study, windows: Windows, method: Method) -> pd.DataFrame:
    """Accuracy on the shown subject with statistical features, the trained encoder, and the same encoder untrained."""
    subject, seed = shown_subject(study, windows), study.parameters.seeds[0]
    untrained = experiment.pretraining(study.parameters.model_dump(), subject).method
    used = np.union1d(windows.others([subject], study.parameters.source_every), windows.of(subject))
    described = {"statistical": windows}
    for name, encoder in (("learned", method.encoder), ("random encoder", untrained.encoder)):
        features = np.zeros((len(windows.labels), study.parameters.encoder_features))
        features[used] = embed(encoder, windows.corpus, used).double().numpy()
        described[name] = replace(windows, features=features)
    rows = []
    for name, seen in described.items():
        source = experiment.source_of(seen, study.parameters, [subject], seed)
        target = seen.of(subject)
        for kind in ("source_only", "optimapper_one_to_one"):
            middle = experiment.GRID.get(kind, (0.0, 0.0, 0.0))[1]
            predicted, _ = experiment.predictions(
                source, seen.features[target], kind, middle, experiment.settings_of(study.parameters), seed
            )
            value = float((predicted == seen.labels[target]).mean())
            study.record(method=kind, metric="accuracy", value=value, n=len(target), seed=seed,
                         condition=f"share=1;features={name};subject={subject}")  # fmt: skip
            rows.append({"features": name, "method": NAMES[kind], "accuracy, %": round(100 * value, 1)})
    return pd.DataFrame(rows).pivot(index="features", columns="method", values="accuracy, %").loc[list(described)]


def example(study: Study, windows: Windows, share: float, subject: str = "") -> Example:
    """OptiMapper at work on one subject: one-to-one with all activities, many-to-one with fewer."""
    p = study.parameters
    subject = subject or shown_subject(study, windows)
    source = experiment.source_of(windows, p, [subject], p.seeds[0])
    rows = windows.of(subject)
    rows = rows[experiment.activities_done(windows.labels[rows], share, p.seeds[0], subject)]
    kind = "optimapper_one_to_one" if share == 1 else "optimapper_many_to_one"
    _, adaptation = experiment.predictions(
        source, windows.features[rows], kind, experiment.GRID[kind][1], experiment.settings_of(p), p.seeds[0]
    )
    if adaptation is None:
        raise TypeError("OptiMapper always gives an adaptation")
    features = source.metric_space(source.standardised(windows.features[rows]))
    return Example(subject, share, windows.labels[rows], source, features, adaptation)


def compare(study: Study, windows: Windows) -> Comparison:
    """Leave each subject out in turn, every method at every share and seed; record all numbers."""
    p = study.parameters
    subjects = experiment.subjects_left_out(windows, p)
    plain = {**p.model_dump(), "workers": 1, "processes": 1, "shown_subject": ""}  # what cannot change a job's numbers
    results = side_by_side(
        experiment.left_out_subject, [{"parameters": plain, "subject": subject} for subject in subjects],
        workers=p.workers, threads=p.threads, checkpoints=study.checkpoints, label="subjects",
    )  # fmt: skip
    frames: list[pd.DataFrame] = []
    confusion: dict[str, np.ndarray] = {}
    for result in results:
        frames.append(pd.DataFrame(result["rows"]).assign(subject=result["subject"]))
        for key, table in result["confusion"].items():
            counts = torch.as_tensor(table).numpy()
            confusion[key] = confusion[key] + counts if key in confusion else counts
    rows = pd.concat(frames, ignore_index=True)
    claims = {("optimapper_one_to_one", 1.0): "all_activities", ("source_only", 1.0): "all_activities",
              ("optimapper_many_to_one", min(p.target_shares)): "some_activities",
              ("source_only", min(p.target_shares)): "some_activities"}  # fmt: skip
    for row in rows.to_dict("records"):
        study.record(method=row["method"], metric=row["metric"], value=row["value"], n=row["n"], seed=row["seed"],
                     fold=subjects.index(row["subject"]), condition=f"share={row['share']:g}",
                     claim=claims.get((row["method"], row["share"]), ""))  # fmt: skip
    return Comparison(rows, confusion, {r["subject"]: r["chosen"] for r in results}, subjects)


def by_subject(comparison: Comparison, method: str, metric: str, share: float) -> pd.Series:
    """One number a left-out subject: the mean over seeds, in order of :attr:`Comparison.subjects`."""
    rows = comparison.rows
    chosen = rows[(rows["method"] == method) & (rows["metric"] == metric) & (np.isclose(rows["share"], share))]
    return chosen.groupby("subject")["value"].mean().reindex(comparison.subjects)


def table(comparison: Comparison, share: float) -> pd.DataFrame:
    """Accuracy and macro-F1 of every method: mean, 95 % interval over subjects, worst subject; per cent."""
    lines = []
    for method, name in NAMES.items():
        line: dict[str, Any] = {"method": name}
        for metric, words in (("accuracy", "accuracy"), ("macro_f1", "macro-F1")):
            values = 100 * by_subject(comparison, method, metric, share).to_numpy()
            line[words] = f"{values.mean():.1f}"
            if len(values) > 1:
                interval = independent_pairs(values)
                line[f"{words}, 95 % CI"] = f"{max(interval.low, 0):.1f} to {min(interval.high, 100):.1f}"
        accuracy = 100 * by_subject(comparison, method, "accuracy", share)
        line["worst subject"] = f"{accuracy.min():.1f} ({accuracy.idxmin()})"
        lines.append(line)
    return pd.DataFrame(lines).set_index("method").rename_axis(f"{share:.0%} of activities")


def clustering(comparison: Comparison) -> pd.DataFrame:
    """Communities by share: how many, share of windows they hold, how pure they are, how well they are mapped."""
    rows = comparison.rows[
        comparison.rows["metric"].isin(["communities", "utilisation", "clustering_accuracy", "mapping_accuracy"])
    ]
    wide = rows.pivot_table(index=["share", "method"], columns="metric", values="value").reset_index()
    wide["method"] = wide["method"].map(NAMES)
    for column in ("utilisation", "clustering_accuracy", "mapping_accuracy"):
        wide[column] = (100 * wide[column]).round(1)
    wide["communities"] = wide["communities"].round(1)
    wide = wide.rename(columns={"utilisation": "utilisation, %", "clustering_accuracy": "clustering accuracy, %",
                                "mapping_accuracy": "rightly mapped, %"})  # fmt: skip
    return wide.sort_values(["share", "method"], ascending=[False, True]).set_index(["share", "method"])


def misleading_pairs(comparison: Comparison, key: str, classes: tuple[str, ...], most: int = 4) -> list[str]:
    """Where a mapping errs: the commonest pairs of true and mapped class, by share of the wrongly mapped windows."""
    wrong = comparison.confusion[key].copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None)[:most]
    total = max(wrong.sum(), 1.0)
    return [
        f"{classes[i // len(classes)]} as {classes[i % len(classes)]} {wrong.flat[i] / total:.0%}"
        for i in order
        if wrong.flat[i] > 0
    ]


def evidence(study: Study, comparison: Comparison) -> list[Evidence]:
    """Pairs for the claims: accuracy by left-out subject, averaged over seeds.

    With one seed there is one pair, the mean over subjects: a single seed never carries a verdict.
    """
    pairs = (("all_activities", "optimapper_one_to_one", 1.0),
             ("some_activities", "optimapper_many_to_one", min(study.parameters.target_shares)))  # fmt: skip
    found = []
    for key, method, share in pairs:
        ours = by_subject(comparison, method, "accuracy", share).to_numpy()
        theirs = by_subject(comparison, "source_only", "accuracy", share).to_numpy()
        if len(study.parameters.seeds) == 1:
            ours, theirs = ours.mean(keepdims=True), theirs.mean(keepdims=True)
        found.append(Evidence(study.card.claim(key), ours, theirs, "independent"))
    return found


def notes(study: Study, comparison: Comparison, classes: tuple[str, ...]) -> list[str]:
    """What a reader of the verdict must know."""
    said = [
        "Pairs are left-out subjects, each averaged over seeds (draws of activities, forests, community detections). "
        "Their test windows are disjoint, but any two of them share nearly all subjects of their training data, so the "
        "pairs are not quite independent and the interval is somewhat too narrow.",
        "The form of the method (graph, cost, grids of settings) was worked out on s01 to s05 of the smart-watch "
        "recordings, each left out from among these five; settings within the grids were chosen without the left-out "
        "subject. Subjects s06 to s10 had no part in either.",
    ]
    shares = study.parameters.target_shares
    behind = []
    for share in shares:
        gain = by_subject(comparison, "optimapper_many_to_one", "accuracy", share) - by_subject(
            comparison, "source_only", "accuracy", share
        )
        behind += [f"{share:.0%} ({100 * gain.mean():+.1f} points)"] if gain.mean() < 0 else []
    said.append(
        "Many-to-one is below source-only at these shares: " + ", ".join(behind) if behind
        else "Many-to-one is at every share at least as accurate as source-only, on average over subjects."
    )  # fmt: skip
    added = []
    for method, share in (("optimapper_one_to_one", 1.0), ("optimapper_many_to_one", min(shares))):
        voted = by_subject(comparison, "community_vote", "accuracy", share)
        more = 100 * (by_subject(comparison, method, "accuracy", share) - voted).mean()
        added.append(f"{NAMES[method]} at {share:.0%} {more:+.1f} points")
    said.append(f"Beyond what communities give without an optimal mapping: {', '.join(added)}.")
    for words, key in (("one-to-one with all activities", "1:optimapper_one_to_one"),
                       ("many-to-one with the fewest", f"{min(shares):g}:optimapper_many_to_one")):  # fmt: skip
        pairs = misleading_pairs(comparison, key, classes)
        said.append(f"Of the windows that {words} maps wrongly: {', '.join(pairs) or 'there are none'}.")
    if study.parameters.corpus == "smartwatch" and {"s06", "s10"} <= set(comparison.subjects):
        late = [s for s in comparison.subjects if s >= "s06"]
        for method, share in (("optimapper_one_to_one", 1.0), ("optimapper_many_to_one", min(shares))):
            gain = by_subject(comparison, method, "accuracy", share) - by_subject(
                comparison, "source_only", "accuracy", share
            )
            said.append(
                f"On {', '.join(late)} alone, {NAMES[method]}: {100 * gain[late].mean():+.1f} points at {share:.0%}."
            )
    return said
