"""What the notebook's cells call: jobs of the comparison, scores, evidence, notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from helpers.data.labelled_rows import classes_of
from helpers.evaluation.claims import Evidence
from helpers.methods.discriminative_synthesis import DiscriminativeSynthesis
from helpers.methods.embedding import embed
from helpers.processes import train_in_processes
from helpers.studies.fine_grained_synthesis.arms import Settings, encoder_passes, open_images, rows_of
from helpers.studies.fine_grained_synthesis.probing import encoder_at_start, of_pretrained, pretrained, start
from helpers.studies.side_by_side import side_by_side
from helpers.studies.study import Study
from helpers.training import History

BASE_NAMES = {"moco": "MoCo v2", "simclr": "SimCLR"}
METRICS = {"linear": "linear top-1", "rank1": "retrieval rank-1", "rank5": "retrieval rank-5", "map": "retrieval mAP"}
_RECORDED = {"linear": "linear_accuracy", "rank1": "retrieval_rank1", "rank5": "retrieval_rank5",
             "map": "mean_average_precision"}  # fmt: skip


def settings_of(study: Study) -> Settings:
    """Everything that a job of this study depends on, as plain values."""
    left_out = {"scale", "seeds", "workers", "threads", "processes", "ablations", "ablation_seeds"}
    return study.parameters.model_dump(exclude=left_out)


def names_of(base: str) -> dict[str, str]:
    """Arms in the order that tables and figures have, with their names."""
    name = BASE_NAMES[base]
    return {"synthesis": f"{name} + synthesis", "base": name, "longer": f"{name}, longer",
            "perturb_all": "all dimensions perturbed", "perturb_random": "random dimensions perturbed",
            "no_decoder_loss": "no decoder loss", "start": "encoder at its start"}  # fmt: skip


def pretrain_shown(study: Study) -> tuple[DiscriminativeSynthesis, History]:
    """The method with the first seed, in this process or in several."""
    p = study.parameters
    arguments = {"settings": settings_of(study), "arm": "synthesis", "seed": p.seeds[0]}
    method, history = train_in_processes(
        "helpers.studies.fine_grained_synthesis.arms:pretraining",
        arguments,
        processes=p.processes,
        checkpoint=study.checkpoints / "shown.pt",
    )
    assert isinstance(method, DiscriminativeSynthesis)
    return method, history


@dataclass(frozen=True)
class Comparison:
    """All runs of a study.

    Attributes:
        runs: results by (arm, seed).
        truth: class of every test image, (m,).
        class_names: of the classes.
        seeds: of the main arms.
        names: of the arms, in words.
        initialisation: where every encoder started, in words.
    """

    runs: dict[tuple[str, int], dict[str, Any]]
    truth: np.ndarray
    class_names: list[str]
    seeds: list[int]
    names: dict[str, str]
    initialisation: str

    def arms(self) -> list[str]:
        """Arms that were run, in order."""
        return [arm for arm in self.names if any(a == arm for a, _ in self.runs)]

    def seeds_of(self, arm: str) -> list[int]:
        """Seeds that an arm was run with."""
        return [seed for seed in self.seeds if (arm, seed) in self.runs]

    def scores(self, arm: str, metric: str) -> np.ndarray:
        """A metric of :data:`METRICS` for every test image, float (seeds, m); NaN where it is not defined."""
        runs = [self.runs[arm, seed] for seed in self.seeds_of(arm)]
        if metric == "linear":
            return np.stack([run["linear"].numpy() == self.truth for run in runs]).astype(float)
        key = "average_precision" if metric == "map" else metric
        return torch.stack([run[key] for run in runs]).double().numpy()

    def means(self, arm: str, metric: str) -> np.ndarray:
        """Its mean over test images, (seeds,)."""
        return np.nanmean(self.scores(arm, metric), axis=1)

    def validation(self, arm: str, metric: str) -> np.ndarray:
        """``"linear"`` or ``"map"`` on validation images, (seeds,)."""
        return np.array([self.runs[arm, seed]["validation"][metric] for seed in self.seeds_of(arm)])

    def pointing(self, arm: str, what: str, kind: str = "pointing") -> np.ndarray | None:
        """``"hit"`` or a chance of the pointing game, (seeds, marked test images); None where no parts are marked."""
        runs = [self.runs[arm, seed] for seed in self.seeds_of(arm)]
        if not runs or kind not in runs[0]:
            return None
        return torch.stack([run[kind][what] for run in runs]).double().numpy()


def compare(study: Study, shown: tuple[DiscriminativeSynthesis, History]) -> Comparison:
    """Run every arm, each once a seed, and record the results."""
    p, settings = study.parameters, settings_of(study)
    todo = [(arm, seed) for seed in p.seeds for arm in ("longer", "synthesis", "base")]
    todo += [(arm, seed) for seed in p.seeds[: p.ablation_seeds] for arm in p.ablations]
    todo.remove(("synthesis", p.seeds[0]))
    done = {("synthesis", p.seeds[0]): of_pretrained(shown[0].encoder, shown[1], settings)}
    jobs = [{"settings": settings, "arm": arm, "seed": seed, "checkpoint": _checkpoint(study, arm, seed)}
            for arm, seed in todo]  # fmt: skip
    done |= dict(zip(todo, _side_by_side(study, pretrained, jobs, "pretrained arms"), strict=True))
    begun = _side_by_side(study, start, [{"settings": settings, "seed": s} for s in p.seeds], "encoders at their start")
    done |= {("start", seed): run for seed, run in zip(p.seeds, begun, strict=True)}
    corpus = open_images(settings)
    names, classes = classes_of(corpus)
    found = Comparison(done, classes[rows_of(corpus).test], names, list(p.seeds), names_of(p.base), p.initialisation())
    _record(study, found)
    return found


def _side_by_side(study: Study, job: Any, jobs: list[dict[str, Any]], label: str) -> list[dict[str, Any]]:
    p = study.parameters
    return side_by_side(job, jobs, workers=p.workers, threads=p.threads, checkpoints=study.checkpoints, label=label)


def _checkpoint(study: Study, arm: str, seed: int) -> str:
    """Where a long run keeps its state; empty where it is not kept."""
    return str(study.checkpoints / f"{arm}-{seed}.pt") if study.parameters.scale == "paper" else ""


def _record(study: Study, found: Comparison) -> None:
    condition = f"initialisation={found.initialisation}"
    held = len(rows_of(open_images(settings_of(study))).validation)
    for arm in found.arms():
        for i, seed in enumerate(found.seeds_of(arm)):
            common: dict[str, Any] = {"method": arm, "seed": seed, "condition": condition}
            for metric, name in _RECORDED.items():
                scores = found.scores(arm, metric)[i]
                study.record(metric=name, value=float(np.nanmean(scores)), n=int(np.isfinite(scores).sum()), **common)
            for metric in ("linear", "map"):
                value = float(found.validation(arm, metric)[i])
                study.record(metric=_RECORDED[metric], value=value, n=held, split="validation", **common)
            for kind in ("pointing", "pointing_label_free"):
                for what in ("hit", "picture_chance", "object_chance", "other_chance"):
                    values = found.pointing(arm, what, kind)
                    if values is not None:
                        study.record(metric=f"{kind}_{what}", value=values[i].mean(), n=values.shape[1], **common)
            if "collapsed" in found.runs[arm, seed]:
                study.record(metric="collapsed", value=float(found.runs[arm, seed]["collapsed"]), n=1, **common)


def evidence(study: Study, found: Comparison) -> list[Evidence]:
    """The paired scores of every claim's two arms, on the same test images and seeds."""
    pairs = {
        "base_leaves_start": ("base", "start", "linear"),
        "raises_linear": ("synthesis", "base", "linear"),
        "raises_retrieval": ("synthesis", "base", "map"),
        "raises_linear_at_equal_compute": ("synthesis", "longer", "linear"),
        "raises_retrieval_at_equal_compute": ("synthesis", "longer", "map"),
    }
    listed = []
    for key, (method, base, metric) in pairs.items():
        ours, theirs = found.scores(method, metric), found.scores(base, metric)
        known = np.isfinite(ours).all(0) & np.isfinite(theirs).all(0)
        listed.append(Evidence(study.card.claim(key), ours[:, known], theirs[:, known], "seeds"))
    hit, chance = found.pointing("synthesis", "hit"), found.pointing("synthesis", "object_chance")
    if hit is not None and chance is not None:
        listed.append(Evidence(study.card.claim("looks_at_parts"), hit, chance, "seeds"))
    return listed


def costs(study: Study, found: Comparison) -> pd.DataFrame:
    """What one training of every arm costs: steps' encoder passes, and CPU seconds as measured here."""
    settings = settings_of(study)
    images = len(rows_of(open_images(settings)).pretrain)
    records = []
    for arm in found.arms():
        if arm == "start":
            continue
        seconds = [run["cpu_seconds"] for (a, _), run in found.runs.items() if a == arm and "cpu_seconds" in run]
        records.append({
            "arm": found.names[arm], "encoder batches": encoder_passes(settings, images, arm),
            "CPU seconds": f"{np.mean(seconds):.1f}" if seconds else "not measured",
        })  # fmt: skip
    return pd.DataFrame(records).set_index("arm")


def embeddings(
    study: Study, found: Comparison, method: DiscriminativeSynthesis, at_most: int = 160
) -> tuple[dict[str, np.ndarray], list[str], np.ndarray]:
    """Features of some test images of up to ten classes, before and after; the classes' names; the images' classes."""
    settings = settings_of(study)
    corpus = open_images(settings)
    names, classes = classes_of(corpus)
    test = rows_of(corpus).test
    usual = np.sort(np.argsort(-np.bincount(classes[test], minlength=len(names)), kind="stable")[:10])
    test = test[np.isin(classes[test], usual)]
    chosen = test[np.sort(np.random.default_rng(0).permutation(len(test))[:at_most])]
    encoders = {"at its start": encoder_at_start(settings, found.seeds[0]), found.names["synthesis"]: method.encoder}
    features = {name: embed(encoder, corpus, chosen).numpy() for name, encoder in encoders.items()}
    return features, [names[c] for c in usual], np.searchsorted(usual, classes[chosen])


def notes(study: Study, found: Comparison) -> list[str]:
    """What a reader of the verdict must know of this run."""
    p, settings = study.parameters, settings_of(study)
    corpus = open_images(settings)
    rows = rows_of(corpus)
    told = [
        f"Every encoder started from: {found.initialisation}. The paper's predecessors start from ImageNet weights, so "
        "their numbers do not compare.",
        f"{len(found.seeds)} seed(s), one test set of {len(found.truth):,} images, {len(found.class_names)} classes; "
        f"encoders were trained on the {len(rows.pretrain):,} images of the training part alone, retrieval is among "
        "test images.",
    ]
    seconds = {arm: np.mean([run["cpu_seconds"] for (a, _), run in found.runs.items()
                             if a == arm and "cpu_seconds" in run] or [np.nan])
               for arm in ("synthesis", "base", "longer")}  # fmt: skip
    words = ", ".join(f"{found.names[arm]} {s:.0f} s" for arm, s in seconds.items() if np.isfinite(s))
    told.append(
        f"Equal updates: {passes_words(settings, len(rows.pretrain))}. The longer base had {p.longer:g} times the "
        f"passes. CPU time of one training: {words}."
    )
    over = found.means("base", "linear").mean() - found.means("start", "linear").mean()
    if over <= 0:
        told.append(
            "The base method is not above its start by linear accuracy at this budget: the comparison says little here."
        )
    fallen = [f"{found.names[arm]} (seed {seed})" for (arm, seed), run in found.runs.items() if run.get("collapsed")]
    told.append("Collapse watch: " + ("collapsed were " + "; ".join(fallen) if fallen else "no arm collapsed") + ".")
    hit, by_place = found.pointing("synthesis", "hit"), found.pointing("synthesis", "other_chance")
    if hit is not None and by_place is not None:
        picture = found.pointing("synthesis", "picture_chance")
        base = found.pointing("base", "hit")
        assert picture is not None
        assert base is not None
        told.append(
            f"Pointing game, parts grown by {round(p.tolerance * p.image_size)} pixel(s): hits {100 * hit.mean():.1f} "
            f"% ({found.names['base']} {100 * base.mean():.1f} %); a peak anywhere in the picture would reach "
            f"{100 * picture.mean():.1f} %, the peaks of other images' maps {100 * by_place.mean():.1f} %."
        )
    return told


def passes_words(settings: Settings, images: int) -> str:
    """The budget of every arm but the longer one, in words."""
    from helpers.studies.fine_grained_synthesis.arms import passes, steps_of

    return f"{passes(settings, images)} passes, {steps_of(settings, images, 'base'):,} steps for every arm"
