"""The steps of the ser_pretext notebook: pre-training, the grid, its evidence and notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from helpers.evaluation.claims import Evidence
from helpers.evaluation.frozen import with_statistics
from helpers.methods.embedding import embed
from helpers.methods.method import Method
from helpers.processes import train_in_processes
from helpers.studies.ser_pretext import probing
from helpers.studies.ser_pretext.arms import (
    TOGETHER,
    arms_of,
    available_tasks,
    clips,
    fold_of,
    make_encoder,
    pretext_corpus,
)
from helpers.studies.ser_pretext.speech import Settings, open_speech
from helpers.studies.side_by_side import side_by_side
from helpers.studies.study import Study
from helpers.training import History

NAMES = {TOGETHER: "tasks together", "energy": "energy alone", "activation": "activation alone",
         "emotion": "face emotion alone", "byol": "BYOL", "scratch": "scratch",
         "svm": "functionals + SVM", "svm_speaker": "functionals by speaker + SVM"}  # fmt: skip
TASK_NAMES = {"energy": "energy variation", "activation": "facial activation", "emotion": "emotion of the face"}
METRICS = ("unweighted_accuracy", "precision", "macro_f1")
FINE_TUNED = (TOGETHER, "energy", "activation", "emotion", "byol", "scratch")
Pair = tuple[int, int]  # seed, number of its fold
Key = tuple[str, int, int]  # arm, seed, fold


def settings_of(study: Study) -> Settings:
    """What a job's result depends on."""
    left_out = {"seeds", "threads", "workers", "processes", "scale", "folds_per_seed", "claim_fraction"}
    return study.parameters.model_dump(exclude=left_out)


def pairs_of(study: Study) -> list[Pair]:
    """The folds that are tested: ``folds_per_seed`` of each seed's own dealing."""
    p = study.parameters
    return [(seed, number) for seed in p.seeds for number in range(min(p.folds_per_seed, p.folds))]


def what_drops_out(study: Study) -> str:
    """Which tasks were asked for and cannot be had, in one sentence; empty where all can."""
    settings = settings_of(study)
    speech = open_speech(settings)
    missing = [task for task in settings["tasks"] if task not in available_tasks(settings, speech)]
    if not missing:
        return ""
    names = " and ".join(TASK_NAMES[task] for task in missing)
    return (
        f"{study.parameters.corpus}: no OpenFace tracks lie beside the clips, so the tasks of the face ({names}) drop "
        "out; what is left is the energy's."
    )


def pretrain_shown(study: Study) -> tuple[Method, History]:
    """All tasks together on the first seed's first fold, in this process or in several."""
    p = study.parameters
    arguments = {"settings": settings_of(study), "arm": TOGETHER, "seed": p.seeds[0], "number": 0}
    return train_in_processes(
        "helpers.studies.ser_pretext.arms:pretraining",
        arguments,
        processes=p.processes,
        checkpoint=study.checkpoints / "shown.pt",
    )


@dataclass(frozen=True)
class Comparison:
    """All runs of a study.

    Attributes:
        runs: results of encoders by (arm, seed, fold), ``"scratch"`` among the arms.
        machines: those of functionals and SVM by (seed, fold).
        truth: classes of each pair's test clips.
        subjects: speakers of the same.
        names: of the emotions.
        pairs: (seed, fold), in order.
        fractions: shares of the labels.
        arms: pre-trainings, all tasks together first.
        parts: into which each seed deals its speakers.
    """

    runs: dict[Key, dict[str, Any]]
    machines: dict[Pair, dict[str, Any]]
    truth: dict[Pair, np.ndarray]
    subjects: dict[Pair, np.ndarray]
    names: list[str]
    pairs: list[Pair]
    fractions: list[float]
    arms: list[str]
    parts: int

    def everyone(self) -> list[str]:
        """All that predict at each share: pre-trained arms, scratch, the two SVMs."""
        return [*self.arms, "scratch", "svm_speaker", "svm"]

    def predicted(self, arm: str, pair: Pair, fraction: float, protocol: str = "fine_tune") -> np.ndarray:
        """Predicted classes of a pair's test clips; ``protocol`` may be ``"knn"`` or ``"linear"`` at all labels."""
        if arm.startswith("svm"):
            return self.machines[pair]["speaker" if arm == "svm_speaker" else "corpus"][str(fraction)].numpy()
        run = self.runs[arm, *pair]
        return (run[protocol][str(fraction)] if protocol == "fine_tune" else run[protocol]).numpy()

    def scores(self, arm: str, fraction: float, metric: str, protocol: str = "fine_tune") -> np.ndarray:
        """A metric of :data:`METRICS` for each pair, (J,), 0 to 1."""
        found = [score(self.truth[p], self.predicted(arm, p, fraction, protocol), metric) for p in self.pairs]
        return np.array(found)

    def confusion(self, arm: str, fraction: float) -> np.ndarray:
        """Share of each true emotion's test clips (rows) by predicted emotion, all pairs together, (C, C)."""
        counts = np.zeros((len(self.names), len(self.names)))
        for pair in self.pairs:
            np.add.at(counts, (self.truth[pair], self.predicted(arm, pair, fraction)), 1)
        return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def score(truth: np.ndarray, predicted: np.ndarray, metric: str) -> float:
    """Mean over the emotions that occur of recall (``unweighted_accuracy``), precision or F1, 0 to 1."""
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, _ = precision_recall_fscore_support(
        truth, predicted, labels=np.unique(truth), average="macro", zero_division=0
    )
    return float({"unweighted_accuracy": recall, "precision": precision, "macro_f1": f1}[metric])


def compare(study: Study, shown: tuple[Method, History]) -> Comparison:
    """Run the grid, each arm once a seed and fold, and record the results."""
    settings, pairs = settings_of(study), pairs_of(study)
    speech = open_speech(settings)
    arms = arms_of(settings, speech)
    probing.labelled_functionals(speech)  # once, before several processes ask for them
    method, history = shown
    first = pairs[0]
    runs = {(TOGETHER, *first): probing.of_pretrained(method.encoder, history, settings, *first)}
    todo: list[dict[str, Any]] = [
        {"settings": settings, "arm": arm, "seed": seed, "fold": fold}
        for seed, fold in pairs for arm in arms if (arm, seed, fold) not in runs
    ]  # fmt: skip
    for job, result in zip(todo, _side_by_side(study, probing.pretrained, todo, "pre-trained arms"), strict=True):
        runs[job["arm"], job["seed"], job["fold"]] = result
    bare: list[dict[str, Any]] = [{"settings": settings, "seed": seed, "fold": fold} for seed, fold in pairs]
    for pair, result in zip(pairs, _side_by_side(study, probing.scratch, bare, "from scratch"), strict=True):
        runs["scratch", *pair] = result
    machines = dict(zip(pairs, _side_by_side(study, probing.functionals_svm, bare, "functionals + SVM"), strict=True))
    tests = {pair: fold_of(settings, *pair).test for pair in pairs}
    comparison = Comparison(
        runs, machines, {pair: speech.classes[rows] for pair, rows in tests.items()},
        {pair: speech.subjects[rows] for pair, rows in tests.items()}, speech.names, pairs,
        list(settings["label_fractions"]), arms, settings["folds"],
    )  # fmt: skip
    _record(study, comparison)
    return comparison


def _side_by_side(study: Study, job: Any, jobs: list[dict[str, Any]], label: str) -> list[dict[str, Any]]:
    p = study.parameters
    return side_by_side(job, jobs, workers=p.workers, threads=p.threads, checkpoints=study.checkpoints, label=label)


def _record(study: Study, comparison: Comparison) -> None:
    for arm in comparison.everyone():
        protocols = [("fine_tune", fraction) for fraction in comparison.fractions]
        protocols += [] if arm.startswith("svm") else [("knn", 1.0), ("linear", 1.0)]
        for protocol, fraction in protocols:
            for metric in METRICS:
                values = comparison.scores(arm, fraction, metric, protocol)
                for (seed, fold), value in zip(comparison.pairs, values, strict=True):
                    study.record(method=arm, metric=metric, value=value, n=len(comparison.truth[seed, fold]), seed=seed,
                                 fold=fold, label_fraction=fraction,
                                 condition="" if protocol == "fine_tune" else f"frozen, {protocol}")  # fmt: skip
    for (arm, seed, fold), run in comparison.runs.items():
        if "collapsed" in run:
            study.record(method=arm, metric="collapsed", value=float(run["collapsed"]), n=1, seed=seed, fold=fold)


def evidence(study: Study, comparison: Comparison) -> list[Evidence]:
    """The macro-F1 of every claim's two arms, paired by seed and fold."""
    few = study.parameters.judged_fraction()
    asked = [("raises_f1", "scratch", 1.0), ("few_labels", "scratch", few)]
    asked += [("beats_generic", "byol", few)] if "byol" in comparison.arms else []
    return [
        Evidence(study.card.claim(key), comparison.scores(TOGETHER, fraction, "macro_f1"),
                 comparison.scores(baseline, fraction, "macro_f1"), "folds", 1 / comparison.parts)
        for key, baseline, fraction in asked
    ]  # fmt: skip


def pretext_balance(study: Study) -> dict[str, tuple[np.ndarray, int]]:
    """For each available task: stretches of the first fold's pre-training a class, and how many have none."""
    settings = settings_of(study)
    seed, number = pairs_of(study)[0]
    corpus, rows = pretext_corpus(settings, fold_of(settings, seed, number))
    batch = corpus.load(rows[:1])
    assert isinstance(batch, dict)
    found = {}
    for task in available_tasks(settings, open_speech(settings)):
        labels = np.concatenate(
            [_labels(corpus, part, task) for part in np.array_split(rows, max(1, len(rows) // 512))]
        )
        found[task] = (np.bincount(labels[labels >= 0]), int((labels < 0).sum()))
    return found


def _labels(corpus: Any, rows: np.ndarray, task: str) -> np.ndarray:
    return corpus.load(rows)[task].numpy()


def embeddings(
    study: Study, method: Method, at_most: int = 200
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Features of test clips of the first fold under the random and the pre-trained encoder.

    Returns:
        Features by title, (n, D); the clips' emotions, (n,); their speakers, (n,).
    """
    settings = settings_of(study)
    speech = open_speech(settings)
    seed, number = pairs_of(study)[0]
    fold = fold_of(settings, seed, number)
    chosen = fold.test[np.sort(np.random.default_rng(0).permutation(len(fold.test))[:at_most])]
    corpus = clips(settings, fold)
    random = with_statistics(make_encoder(settings, seed)[0], corpus, fold.train)
    encoders = {"random encoder": random, "after the pretext": method.encoder}
    features = {name: embed(encoder, corpus, chosen, 64).numpy() for name, encoder in encoders.items()}
    return features, speech.classes[chosen], speech.subjects[chosen]


def notes(study: Study, comparison: Comparison) -> list[str]:
    """What a reader of the verdict must know of this run."""
    p, few = study.parameters, study.parameters.judged_fraction()
    speakers = {str(s) for found in comparison.subjects.values() for s in found}
    found = [
        f"{len(comparison.pairs)} pair(s) of seed and fold: each seed deals the speakers into {p.folds} parts and "
        f"tests {min(p.folds_per_seed, p.folds)}; {len(speakers)} speakers were tested, none heard in training. Few "
        f"labels are {100 * few:g} %, at least one clip an emotion."
    ]
    dropped = what_drops_out(study)
    found += [dropped] if dropped else []
    if p.standardise == "speaker":
        found.append(
            "Spectrograms are standardised by each speaker's own clips, test speakers' included, without their labels; "
            "so are the functionals “by speaker”, but not the others."
        )
    full = {arm: 100 * comparison.scores(arm, 1.0, "unweighted_accuracy").mean() for arm in comparison.everyone()}
    found.append(
        f"At all labels, unweighted accuracy: scratch {full['scratch']:.1f} %, functionals + SVM "
        f"{full['svm_speaker']:.1f} % by speaker and {full['svm']:.1f} % by training clips."
    )
    frozen = {arm: comparison.scores(arm, 1.0, "unweighted_accuracy", "knn").mean()
              for arm in (*comparison.arms, "scratch")}  # fmt: skip
    behind = [NAMES[arm] for arm in comparison.arms if frozen[arm] <= frozen["scratch"]]
    if behind:
        found.append(f"Frozen, not above the random encoder by nearest neighbours at this budget: {', '.join(behind)}.")
    fallen = [
        f"{NAMES[arm]} ({seed}, {fold})" for (arm, seed, fold), run in comparison.runs.items() if run.get("collapsed")
    ]
    found.append("Collapse watch: " + ("collapsed were " + "; ".join(fallen) if fallen else "no arm collapsed") + ".")
    if p.corpus == "talking_faces":
        found.append("In the simulated corpus face and voice follow the same drawn emotion, so the face's labels carry "
                     "it by construction; how much a real face's carry is the real corpora's to tell.")  # fmt: skip
    return found
