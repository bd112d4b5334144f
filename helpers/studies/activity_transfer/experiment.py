"""One left-out subject: settings chosen on source subjects, every method at every share of activities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch

from helpers.data.cache import cached
from helpers.data.corpora.wearables import read_recordings, windowed
from helpers.data.corpus import Corpus
from helpers.errors import StudyError
from helpers.evaluation import transfer_baselines as baselines
from helpers.methods.observation_network import clustering_accuracy, utilisation
from helpers.methods.optimapper import Adaptation, Settings, Source, adapt, base_learner, learn_source
from helpers.studies.activity_transfer.about import CARD, ActivityTransferParameters
from helpers.training import TrainingPlan
from helpers.views.windows import statistical_features

METHODS = ("source_only", "self_training", "coral", "optimal_transport", "optimapper_one_to_one",
           "optimapper_many_to_one", "target_supervised")  # fmt: skip
# Three settings a method, the middle one for want of a choice: the same effort for OptiMapper and for its baselines.
GRID: dict[str, tuple[float, float, float]] = {
    "self_training": (0.6, 0.75, 0.9),  # confidence
    "coral": (0.1, 1.0, 10.0),  # ridge
    "optimal_transport": (0.1, 1.0, 10.0),  # class regularisation
    "optimapper_one_to_one": (0.7, 0.9, 1.1),  # confidence that overrules the mapping; above 1 none does
    "optimapper_many_to_one": (1.0, 2.0, 4.0),  # slack
}
Seen = tuple[np.ndarray, Adaptation | None]


@dataclass(frozen=True)
class Windows:
    """All windows of a corpus with their features.

    Attributes:
        corpus: the windows.
        labels: classes, int64 (n,).
        classes: their names.
        subjects, recordings: of each window.
        features: float (n, F).
    """

    corpus: Corpus
    labels: np.ndarray
    classes: tuple[str, ...]
    subjects: np.ndarray
    recordings: np.ndarray
    features: np.ndarray

    def of(self, subject: str) -> np.ndarray:
        """Rows of one subject."""
        return np.flatnonzero(self.subjects == subject)

    def others(self, subjects: list[str], every: int) -> np.ndarray:
        """Every n-th row of all other subjects, counted within each recording."""
        rows = np.flatnonzero(~np.isin(self.subjects, subjects))
        place = self.corpus.table.groupby("recording", sort=False).cumcount().to_numpy()
        return rows[place[rows] % every == 0]


def open_windows(parameters: ActivityTransferParameters) -> Windows:
    """Read the corpus, cut it and take statistical features (kept on disk)."""
    recordings = read_recordings(parameters.corpus, parameters.data_root)
    corpus = windowed(recordings, parameters.window_seconds, parameters.overlap)
    table = corpus.table
    if table["subject"].nunique() < 3:
        raise StudyError(
            f"{corpus.name}: leaving subjects out needs at least 3 of them; there are {table['subject'].nunique()}"
        )
    classes = tuple(sorted(table["activity"].unique()))
    key = {"features": "statistical", "version": 1, "data": corpus.fingerprint, "rate": recordings.rate,
           "seconds": parameters.window_seconds, "overlap": parameters.overlap}  # fmt: skip

    def build() -> dict[str, torch.Tensor]:
        parts = np.array_split(np.arange(len(corpus)), max(1, len(corpus) // 2000))
        loaded = [corpus.load(part) for part in parts]
        return {"features": torch.cat([statistical_features(cast(torch.Tensor, x), recordings.rate) for x in loaded])}

    features = cached(key, build)["features"].double().numpy()
    labels = table["activity"].map({name: i for i, name in enumerate(classes)}).to_numpy(dtype=np.int64)
    return Windows(corpus, labels, classes, table["subject"].to_numpy(), table["recording"].to_numpy(), features)


def subjects_left_out(windows: Windows, parameters: ActivityTransferParameters) -> list[str]:
    """The subjects that are new users in turn: all, or evenly spread ones."""
    every = sorted(set(windows.subjects))
    count = len(every) if parameters.left_out == 0 else min(parameters.left_out, len(every))
    return [every[i] for i in np.linspace(0, len(every) - 1, count).round().astype(int)]


def activities_done(labels: np.ndarray, share: float, seed: int, subject: str) -> np.ndarray:
    """Which of a subject's windows remain when they do only a share of their activities.

    The activities are a draw by seed and subject, nested as the share grows, at least one. Labels serve to set up the
    situation, as a user's habits would; no method sees them.

    Args:
        labels: classes of all the subject's windows, int64 (n,).
        share: of the activities, in (0, 1].
        seed, subject: of the draw.

    Returns:
        Whether each window remains, bool (n,).
    """
    order = np.random.default_rng([seed, *subject.encode()]).permutation(np.unique(labels))
    return np.isin(labels, order[: max(1, round(share * len(order)))])


def predictions(source: Source, raw: np.ndarray, method: str, setting: float, settings: Settings, seed: int) -> Seen:
    """Predicted classes of one unlabelled target by one method, with OptiMapper's intermediate steps.

    There is no argument through which a label of the target could be passed.
    """
    if method.startswith("optimapper"):
        if method == "optimapper_one_to_one":
            own = replace(settings, mapping="one_to_one", confidence=setting)
        else:
            own = replace(settings, mapping="many_to_one", slack=setting)
        adaptation = adapt(source, raw, own, seed)
        return adaptation.predicted, adaptation
    simple: dict[str, Callable[[], np.ndarray]] = {
        "source_only": lambda: baselines.source_only(source, raw),
        "self_training": lambda: baselines.self_training(source, raw, setting),
        "coral": lambda: baselines.coral(source, raw, setting),
        "optimal_transport": lambda: baselines.optimal_transport(source, raw, setting),
    }
    return simple[method](), None


def left_out_subject(parameters: dict[str, Any], subject: str) -> dict[str, Any]:
    """Job: everything about one new user.

    Args:
        parameters: of the study, plain.
        subject: who is left out.

    Returns:
        ``rows``: dicts (seed, share, method, metric, value, n); ``confusion``: "share:method" -> (K, K) windows by true
        and mapped class of their community; ``chosen``: the setting of each method.
    """
    study = cast(ActivityTransferParameters, CARD.validated(parameters))
    torch.set_num_threads(study.threads)
    windows = open_windows(study)
    if study.features == "learned":
        windows = with_learned_features(windows, study, subject)
    chosen = chosen_settings(windows, study, subject)
    rows: list[dict[str, Any]] = []
    confusion: dict[str, torch.Tensor] = {}
    for seed in study.seeds:
        source = source_of(windows, study, [subject], seed)
        for share in study.target_shares:
            target = windows.of(subject)
            target = target[activities_done(windows.labels[target], share, seed, subject)]
            for method in METHODS if seed == study.seeds[0] else METHODS[:-1]:  # the ceiling is dear; one seed shows it
                rows += _scored(windows, source, target, study, method, chosen, seed, share, confusion)
    return {"rows": rows, "confusion": confusion, "chosen": chosen, "subject": subject}


def _scored(
    windows: Windows, source: Source, target: np.ndarray, study: ActivityTransferParameters, method: str,
    chosen: dict[str, float], seed: int, share: float, confusion: dict[str, torch.Tensor],
) -> list[dict[str, Any]]:  # fmt: skip
    raw, truth = windows.features[target], windows.labels[target]
    where = {"seed": seed, "share": share, "n": len(target)}
    if method == "target_supervised":
        predicted = baselines.target_supervised(source, raw, truth, windows.recordings[target])
        return _accuracies(truth, predicted, method, where)
    predicted, adaptation = predictions(source, raw, method, chosen.get(method, 0.0), settings_of(study), seed)
    rows = _accuracies(truth, predicted, method, where)
    if adaptation is None:
        return rows
    mapped = adaptation.mapped_windows
    held = mapped >= 0
    table = confusion.setdefault(f"{share:g}:{method}", torch.zeros(len(windows.classes), len(windows.classes)))
    np.add.at(table.numpy(), (truth[held], mapped[held]), 1.0)
    measured = {
        "communities": float(len(adaptation.groups)),
        "utilisation": utilisation(adaptation.groups, len(target)),
        "clustering_accuracy": clustering_accuracy(adaptation.groups, truth),
        "mapping_accuracy": float((mapped[held] == truth[held]).mean()) if held.any() else float("nan"),
    }
    rows += [{**where, "method": method, "metric": metric, "value": value} for metric, value in measured.items()]
    if (
        method == "optimapper_many_to_one"
    ):  # what communities give without an optimal mapping: each its own cheapest class
        voted = adaptation.base.copy()
        for group, cost in zip(adaptation.groups, adaptation.cost):
            voted[group] = cost.argmin()
        rows += _accuracies(truth, voted, "community_vote", where)
    return rows


def _accuracies(truth: np.ndarray, predicted: np.ndarray, method: str, where: dict[str, Any]) -> list[dict[str, Any]]:
    values = {"accuracy": float((truth == predicted).mean()), "macro_f1": macro_f1(truth, predicted)}
    return [{**where, "method": method, "metric": metric, "value": value} for metric, value in values.items()]


def macro_f1(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Mean F1 over the classes that occur in ``truth``."""
    scores = []
    for label in np.unique(truth):
        hit = int(((truth == label) & (predicted == label)).sum())
        scores.append(2 * hit / (int((truth == label).sum()) + int((predicted == label).sum())))
    return float(np.mean(scores))


def settings_of(study: ActivityTransferParameters) -> Settings:
    """OptiMapper's settings that are not chosen."""
    return Settings(neighbours=study.neighbours, resolution=study.resolution, smallest=study.smallest)


def source_of(windows: Windows, study: ActivityTransferParameters, without: list[str], seed: int) -> Source:
    """Everything learnt from the subjects other than ``without``; statistics are theirs alone.

    Raises:
        StudyError: an activity that none of them does.
    """
    rows = windows.others(without, study.source_every)
    missing = sorted(set(range(len(windows.classes))) - set(windows.labels[rows]))
    if missing:
        raise StudyError(
            f"without {', '.join(without)} no subject does {windows.classes[missing[0]]}; leave that activity out"
        )
    return learn_source(windows.features[rows], windows.labels[rows], base_learner(study.learner, seed, study.trees))


def chosen_settings(windows: Windows, study: ActivityTransferParameters, subject: str) -> dict[str, float]:
    """Each method's setting, by leaving *source* subjects out in turn; nothing of ``subject`` is looked at.

    Source subjects play the new user, with all activities and with the smallest share of them; one-to-one, which is for
    users who do all activities, is chosen on those alone. Ties go to the middle setting.
    """
    middle = {method: grid[1] for method, grid in GRID.items()}
    others = sorted(set(windows.subjects) - {subject})
    if study.inner_subjects == 0:
        return middle
    order = np.random.default_rng(sum(subject.encode())).permutation(len(others))
    scores: dict[tuple[str, float], list[float]] = {}
    for pseudo in (others[i] for i in order[: study.inner_subjects]):
        source = source_of(windows, study, [subject, pseudo], study.seeds[0])
        for share in sorted({1.0, min(study.target_shares)}):
            rows = windows.of(pseudo)
            rows = rows[activities_done(windows.labels[rows], share, study.seeds[0], pseudo)]
            for method, grid in GRID.items():
                if share < 1 and method == "optimapper_one_to_one":
                    continue
                for setting in grid:
                    seen, _ = predictions(
                        source, windows.features[rows], method, setting, settings_of(study), study.seeds[0]
                    )
                    scores.setdefault((method, setting), []).append(float((seen == windows.labels[rows]).mean()))
    return {
        method: max(
            grid, key=lambda setting: (round(float(np.mean(scores[method, setting])), 6), setting == middle[method])
        )
        for method, grid in GRID.items()
    }


def pretraining(parameters: dict[str, Any], subject: str) -> Any:
    """Recipe of the contrastive encoder on the source windows of one left-out subject."""
    from helpers.methods.window_contrast import WindowContrast
    from helpers.networks.sequence_encoders import WindowEncoder
    from helpers.processes import Job

    study = cast(ActivityTransferParameters, CARD.validated(parameters))
    windows = open_windows(study)
    rows = windows.others([subject], 1)
    loaded = cast(torch.Tensor, windows.corpus.load(rows))
    torch.manual_seed(study.seeds[0])
    encoder = WindowEncoder(loaded.mean(dim=(0, 1)), loaded.std(dim=(0, 1)), features=study.encoder_features)
    plan = TrainingPlan(epochs=study.encoder_epochs, batch_size=min(study.batch_size, len(rows)), weight_decay=1e-4,
                        learning_rate=study.learning_rate, seed=study.seeds[0])  # fmt: skip
    return Job(WindowContrast(encoder), windows.corpus, rows, plan, device=study.device)


def with_learned_features(windows: Windows, study: ActivityTransferParameters, subject: str) -> Windows:
    """The same windows described by an encoder that saw the source subjects' windows, unlabelled."""
    from helpers.methods.embedding import embed
    from helpers.training import train

    job = pretraining(study.model_dump(), subject)
    train(job.method, job.corpus, job.rows, job.plan, label=f"encoder without {subject}", device=job.device)
    learned = embed(job.method.encoder, windows.corpus, np.arange(len(windows.labels))).double().numpy()
    return replace(windows, features=learned)
