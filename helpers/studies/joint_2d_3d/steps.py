"""What the notebook calls: pretraining that is shown, all arms side by side, evidence, notes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from helpers.data.corpora.volumes import class_names, voxel_spacing
from helpers.evaluation.claims import Evidence
from helpers.evaluation.frozen import with_statistics
from helpers.methods.joint_volume import JointImageVolume
from helpers.methods.method import Method
from helpers.networks.slice_transformer import VolumeEncoder
from helpers.processes import Job, train_in_processes
from helpers.studies.joint_2d_3d import arms
from helpers.studies.joint_2d_3d.arms import Settings, job_on, make_encoder, open_corpus, rows_of
from helpers.studies.joint_2d_3d.downstream import MEASURES, SHOWN, collapse, slice_features, worth
from helpers.studies.side_by_side import side_by_side
from helpers.studies.study import Study
from helpers.training import History, train

NAMES = {
    "scratch": "from scratch", "image": "2-D only", "image_swav": "2-D only (SwAV)", "volume": "3-D only",
    "joint": "joint", "sequential": "sequential",
}  # fmt: skip
SEQUENCE = ("sequential slices", "sequential volumes")


def settings_of(study: Study) -> Settings:
    """Everything that a job of this study depends on, as plain values."""
    return study.parameters.model_dump(exclude={"scale", "seeds", "workers", "threads", "processes", "compared"})


def pretrain_shown(study: Study) -> tuple[JointImageVolume, History]:
    """The joint arm with the first seed, in this process or in several. Its encoder is kept for :func:`compare`."""
    p = study.parameters
    method, history = train_in_processes(
        "helpers.studies.joint_2d_3d.arms:pretraining",
        {"settings": settings_of(study), "arm": "joint", "seed": p.seeds[0]},
        processes=p.processes,
        checkpoint=study.checkpoints / "shown.pt",
    )
    assert isinstance(method, JointImageVolume)
    study.checkpoints.mkdir(parents=True, exist_ok=True)
    torch.save(encoder_of(method).state_dict(), study.checkpoints / "shown_encoder.pt")
    return method, history


def encoder_of(method: Method) -> VolumeEncoder:
    """The volume encoder of a method that saw volumes."""
    assert isinstance(method, JointImageVolume)
    assert method.encoder.volumes is not None
    return method.encoder.volumes


def trained(job: Job, checkpoint: str) -> History:
    """Train a job, with a checkpoint where a name is given."""
    return train(job.method, job.corpus, job.rows, job.plan, device=job.device,
                 checkpoint=Path(checkpoint) if checkpoint else None)  # fmt: skip


def arm_result(
    settings: Settings, arm: str, seed: int, checkpoint: str = "", pretrained: str = "", part: str = "test"
) -> dict[str, Any]:
    """One job of the grid: an arm's encoder and what it is worth.

    Args:
        settings: of the run.
        arm: see :data:`NAMES`.
        seed: of everything random.
        checkpoint: file, or "" for none.
        pretrained: file of an encoder that is there already, or "".
        part: ``"test"``, or ``"validation"`` for choosing settings.
    """
    encoder, features = make_encoder(settings, seed)
    found: dict[str, Any] = {}
    if pretrained:
        encoder.load_state_dict(torch.load(pretrained, weights_only=True))
    elif arm == "sequential":
        for phase in SEQUENCE:
            history = trained(job_on(encoder, features, settings, phase, seed), checkpoint and f"{checkpoint}-{phase}")
            found = collapse(history)
    elif arm != "scratch":
        found = collapse(trained(job_on(encoder, features, settings, arm, seed), checkpoint))
    corpus = open_corpus(settings)
    rows = rows_of(corpus)
    if arm == "scratch":
        with_statistics_of_slices(encoder, settings, seed)
    return found | worth(encoder.cpu(), corpus, rows, settings, seed, part)


def with_statistics_of_slices(encoder: VolumeEncoder, settings: Settings, seed: int) -> nn.Module:
    """An untrained slice encoder whose batch norms' statistics are those of slices, in evaluation mode."""
    _, places = arms.portions_of(settings, "image", seed)
    corpus = arms.portions(open_corpus(settings), np.zeros(0, dtype=np.int64), places, settings["view_slices"])

    class OfSlices(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder.tokens.encoder

        def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
            return self.encoder(batch["slices"].flatten(0, 1))

    return with_statistics(OfSlices(), corpus, np.arange(len(corpus)))


@dataclass(frozen=True)
class Comparison:
    """All runs of a study.

    Attributes:
        runs: results by (arm, seed).
        arms: that were compared, in order.
        seeds: in order.
        fractions: of the labelled training subjects, ascending.
        subjects: of the test volumes, (m,).
        classes: names, background not among them.
        labelled: training subjects with masks.
    """

    runs: dict[tuple[str, int], dict[str, Any]]
    arms: list[str]
    seeds: list[int]
    fractions: list[float]
    subjects: np.ndarray
    classes: list[str]
    labelled: int

    def scores(self, arm: str, measure: str, fraction: float) -> np.ndarray:
        """By seed, test volume and class, (seeds, m, classes)."""
        return torch.stack([self.runs[arm, s][measure][str(fraction)] for s in self.seeds]).numpy()

    def by_subject(self, arm: str, measure: str, fraction: float | None = None) -> np.ndarray:
        """Means over classes, a subject's volumes and, without a fraction, label fractions, (seeds, subjects).

        A surface distance that is not defined is left out of its mean.
        """
        if fraction is None:
            return np.nanmean([self.by_subject(arm, measure, f) for f in self.fractions], axis=0)
        values = nan_mean(self.scores(arm, measure, fraction), 2)
        return np.stack([nan_mean(values[:, self.subjects == s], 1) for s in np.unique(self.subjects)], axis=1)

    def frozen(self, arm: str) -> np.ndarray:
        """R² of frozen slice features, (seeds,)."""
        return np.array([self.runs[arm, s]["frozen"] for s in self.seeds])

    def count(self, fraction: float) -> int:
        """Labelled subjects of a share."""
        return max(1, round(fraction * self.labelled))


def nan_mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean of what is a number along an axis; NaN where nothing is."""
    there = np.isfinite(values)
    total = np.where(there, values, 0.0).sum(axis)
    count = there.sum(axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def compare(study: Study, history: History) -> Comparison:
    """Run every arm with every seed, each once, and record the results; the shown encoder is taken as it is."""
    p, settings = study.parameters, settings_of(study)
    corpus = open_corpus(settings)
    rows = rows_of(corpus)
    jobs = [(arm, seed) for seed in p.seeds for arm in p.compared]
    long = p.scale == "paper"  # hours: worth a checkpoint of its own
    shown = ("joint", p.seeds[0])
    arguments = [
        {"settings": settings, "arm": arm, "seed": seed}
        | ({"pretrained": str(study.checkpoints / "shown_encoder.pt")} if (arm, seed) == shown else {})
        | ({"checkpoint": str(study.checkpoints / f"{arm}-{seed}.pt")} if long else {})
        for arm, seed in jobs
    ]
    results = side_by_side(arm_result, arguments, workers=p.workers, threads=p.threads, checkpoints=study.checkpoints,
                           label="arms")  # fmt: skip
    runs = dict(zip(jobs, results, strict=True))
    runs[shown] = collapse(history) | runs[shown]
    comparison = Comparison(
        runs, list(p.compared), list(p.seeds), p.label_fractions, corpus.table["subject"].to_numpy()[rows.test],
        class_names(corpus), len(rows.train),
    )  # fmt: skip
    _record(study, comparison)
    return comparison


def _record(study: Study, comparison: Comparison) -> None:
    for (arm, seed), run in comparison.runs.items():
        for fraction in comparison.fractions:
            for measure in MEASURES:
                values = run[measure][str(fraction)].numpy()  # (m, classes)
                for name, column in zip(comparison.classes, values.T, strict=True):
                    n = int(np.isfinite(column).sum())
                    study.record(method=arm, metric=measure, value=float(nan_mean(column, 0)), n=n, seed=seed,
                                 label_fraction=fraction, condition=f"class={name}")  # fmt: skip
        study.record(method=arm if arm != "scratch" else "random", metric="slice_r2", value=run["frozen"],
                     n=len(comparison.subjects), seed=seed, label_fraction=1.0, condition="frozen")  # fmt: skip


def evidence(study: Study, comparison: Comparison) -> list[Evidence]:
    """Dice of every claim's two arms, by seed and test subject, mean over label fractions."""
    joint = comparison.by_subject("joint", "dice")
    pairs = {"joint_beats_image": "image", "joint_beats_scratch": "scratch"}
    return [
        Evidence(study.card.claim(key), joint, comparison.by_subject(base, "dice"), "seeds")
        for key, base in pairs.items()
    ]


def notes(study: Study, comparison: Comparison) -> list[str]:
    """What a reader of the verdict must know of this run."""
    settings = settings_of(study)
    corpus = open_corpus(settings)
    rows = rows_of(corpus)
    subjects = len(np.unique(comparison.subjects))
    shares = ", ".join(f"{100 * f:g} % ({comparison.count(f)})" for f in comparison.fractions)
    found = [
        f"{len(comparison.seeds)} seed(s), {subjects} test subjects; labelled training subjects used: {shares}.",
        f"Voxels of {voxel_spacing(corpus):.2f} mm; scores are on that grid. Surface distances leave out a class "
        "that is missing from the truth or from a prediction.",
        "Every pretrained arm saw the same subjects, unlabelled, and put as many slices through the encoder; every arm "
        "was fine-tuned for as many steps at one learning rate.",
    ]
    if len(corpus.rows("unlabelled")) == 0:
        found.append("No subject is set apart for slices: the 2-D corpus is made of the training volumes' slices.")
    start = comparison.frozen("scratch").mean()
    found.append(
        "Frozen, share of the variance of slices' class shares that their features explain: random "
        f"{start:.2f}; " + ", ".join(f"{NAMES[a]} {comparison.frozen(a).mean():.2f}" for a in comparison.arms[1:]) + "."
    )
    behind = [NAMES[arm] for arm in comparison.arms[1:] if comparison.frozen(arm).mean() <= start]
    if behind:
        found.append(f"Not above the random encoder by that measure at this budget: {'; '.join(behind)}.")
    fallen = [f"{NAMES[arm]} with seed {seed}" for (arm, seed), run in comparison.runs.items() if run.get("collapsed")]
    found.append("Collapse watch: " + ("collapsed were " + "; ".join(fallen) if fallen else "no arm collapsed") + ".")
    if corpus.simulated:
        found.append("All simulated subjects share one real anatomy: they differ less than people do.")
    if len(rows.test) and study.parameters.limit:
        found.append(f"Only {len(corpus)} volumes of the corpus were used (limit).")
    return found


def slice_embeddings(study: Study, method: Method, at_most: int = 160) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Pooled features of test slices before and after joint pretraining, and where in the volume each lies, [0, 1]."""
    settings = settings_of(study)
    corpus = open_corpus(settings)
    before, _ = make_encoder(settings, study.parameters.seeds[0])
    with_statistics_of_slices(before, settings, study.parameters.seeds[0])
    places = arms.slice_places(corpus, rows_of(corpus).test, at_most)
    rows, back = np.unique(places[:, 0], return_inverse=True)
    height = places[:, 1] / max(settings["depth"] - 1, 1)
    encoders = {"random encoder": before, "after joint pretraining": encoder_of(method).cpu()}
    return {name: slice_features(e, corpus, rows)[back, places[:, 1]].numpy() for name, e in encoders.items()}, height


def shown_rows(study: Study) -> np.ndarray:
    """The test subjects whose predictions are kept."""
    return rows_of(open_corpus(settings_of(study))).test[:SHOWN]
