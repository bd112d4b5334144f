"""What the notebook's cells call: training what is shared, the grid of factors and seeds, evidence, notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from helpers.evaluation.claims import Evidence
from helpers.evaluation.picture_quality import frechet_distance
from helpers.studies.extreme_face_sr.about import METHODS
from helpers.studies.extreme_face_sr.arms import Prior, faces_of, trained_prior
from helpers.studies.extreme_face_sr.people import Settings, pictures_of, readings_of
from helpers.studies.extreme_face_sr.restoring import METRICS, Tools, prepared, restored, tools_of
from helpers.studies.side_by_side import side_by_side
from helpers.studies.study import Study

NAMES = {"bicubic": "bicubic", "one_step": "one-step regression", "latent_search": "latent search from LR",
         "without_step_one": "without step 1", "without_interpolation": "without interpolation",
         "two_steps": "two steps"}  # fmt: skip
LOWER_IS_BETTER = ("feature_distance", "colour_difference", "low_error", "fid")
_MOST_REAL = 400  # high-resolution faces that a Fréchet distance is taken to


def settings_of(study: Study) -> Settings:
    """Everything that a job of this study depends on, as plain values."""
    return study.parameters.model_dump(exclude={"scale", "seeds", "workers", "threads", "processes", "factors"})


def train_prior(study: Study) -> Prior:
    """The generator, trained in this process or in several, or from the cache."""
    checkpoint = study.checkpoints / "prior.pt"
    return trained_prior(settings_of(study), study.parameters.processes, checkpoint)


def prepare(study: Study) -> Tools:
    """Train what all seeds share beside the generator: the reader; a one-step network and step 1's start a factor."""
    p, settings = study.parameters, settings_of(study)
    jobs: list[dict[str, Any]] = [{"settings": settings, "what": "networks", "factor": f} for f in p.factors]
    jobs.append({"settings": settings, "what": "reader", "factor": 0})
    side_by_side(prepared, jobs, workers=p.workers, threads=p.threads, checkpoints=study.checkpoints,
                 label="one-step networks and reader")  # fmt: skip
    return tools_of(settings)


@dataclass(frozen=True)
class Comparison:
    """All restorations of a run.

    Attributes:
        runs: what :func:`restoring.restored` gave, by (factor, seed).
        factors, seeds: in order.
        groups: of the test faces, by name, (N,); empty names where the corpus has none.
        attributes: that the reader reads.
        accuracy: of the reader on the true test faces, by attribute; against the corpus's labels.
        real: features of real high-resolution faces, (R, D).
    """

    runs: dict[tuple[int, int], dict[str, Any]]
    factors: list[int]
    seeds: list[int]
    groups: np.ndarray
    attributes: list[str]
    accuracy: dict[str, float]
    real: np.ndarray

    def values(self, method: str, metric: str, factor: int) -> np.ndarray:
        """A metric of every test face, (seeds, N)."""
        return torch.stack([self.runs[factor, seed][method][metric] for seed in self.seeds]).double().numpy()

    def fid(self, method: str, factor: int) -> np.ndarray:
        """Fréchet distance to real faces in the reader's features, a seed's test faces each, (seeds,)."""
        runs = [self.runs[factor, seed] for seed in self.seeds]
        return np.array([frechet_distance(run[method]["features"].double().numpy(), self.real) for run in runs])

    def truth_fid(self, factor: int) -> float:
        """The same of the true test faces: what a perfect restoration has."""
        return frechet_distance(self.runs[factor, self.seeds[0]]["truth_features"].double().numpy(), self.real)

    def attribute_kept(self, method: str, attribute: str, factor: int) -> np.ndarray:
        """Whether the reader reads the same on a restored face as on the true one, bool (seeds, N)."""
        k = self.attributes.index(attribute)
        runs = [self.runs[factor, seed] for seed in self.seeds]
        return torch.stack([run[method]["read"][:, k] == run["truth_read"][:, k] for run in runs]).numpy()

    def gain(self, factor: int) -> np.ndarray:
        """By how much two steps look nearer to the truth than one-step regression and latent search, mean, (S, N)."""
        ours = self.values("two_steps", "feature_distance", factor)
        others = [self.values(name, "feature_distance", factor) for name in ("one_step", "latent_search")]
        return np.mean(others, axis=0) - ours


def compare(study: Study, tools: Tools) -> Comparison:
    """Restore the test faces with every method, at each factor and seed, and record what each is worth."""
    p, settings = study.parameters, settings_of(study)
    jobs = [{"settings": settings, "factor": factor, "seed": seed} for factor in p.factors for seed in p.seeds]
    results = side_by_side(restored, jobs, workers=p.workers, threads=p.threads, checkpoints=study.checkpoints,
                           label="cameras, step 1, step 2, baselines")  # fmt: skip
    runs = {(job["factor"], job["seed"]): result for job, result in zip(jobs, results, strict=True)}
    comparison = comparison_of(settings, tools, runs, p.factors, p.seeds)
    _record(study, comparison)
    return comparison


def comparison_of(
    settings: Settings, tools: Tools, runs: dict[tuple[int, int], dict[str, Any]], factors: list[int], seeds: list[int]
) -> Comparison:
    """Results and what they are held against."""
    corpus, pools = faces_of(settings)
    readings = readings_of(corpus)
    read = next(iter(runs.values()))["truth_read"]
    true = readings.codes[torch.as_tensor(pools.test)]
    accuracy = {}
    for k, name in enumerate(readings.names):
        known = true[:, k] >= 0
        accuracy[name] = float((read[known, k] == true[known, k]).double().mean()) if known.any() else float("nan")
    if "group" in corpus.table.columns:
        groups = corpus.table["group"].iloc[pools.test].fillna("").astype(str).to_numpy()
    else:
        groups = np.full(len(pools.test), "")
    device = tools.bank.styles.device
    real = tools.reader.features(pictures_of(corpus, pools.high[:_MOST_REAL]).to(device)).cpu().double().numpy()
    return Comparison(runs, list(factors), list(seeds), groups, readings.names, accuracy, real)


def evidence(study: Study, comparison: Comparison) -> list[Evidence]:
    """The paired faces of every claim that this run can judge: the one on growth needs two factors."""
    top, first = comparison.factors[-1], comparison.factors[0]

    def pair(key: str, baseline: str) -> Evidence:
        ours = comparison.values("two_steps", "feature_distance", top)
        return Evidence(study.card.claim(key), ours, comparison.values(baseline, "feature_distance", top), "seeds")

    found = [pair("beats_one_step", "one_step"), pair("beats_latent_search", "latent_search")]
    if top != first:
        claim = study.card.claim("gains_with_factor")
        found.append(Evidence(claim, comparison.gain(top), comparison.gain(first), "seeds"))
    found += [pair("needs_step_one", "without_step_one"), pair("needs_interpolation", "without_interpolation")]
    return found


def notes(study: Study, comparison: Comparison) -> list[str]:
    """What a reader of the verdict must know of this run."""
    p = study.parameters
    n = len(comparison.groups)
    found = [
        f"{len(comparison.seeds)} seed(s) × {n} test faces; a seed is a hidden camera, the people it took, step 1 and "
        "the searches. The generator, the one-step networks, step 1's start and the reader are trained once for all "
        "seeds: the interval says nothing of training those again.",
        f"Feature distance and FID are in the study's own reader ({p.feature_encoder}"
        + (", local weights" if p.feature_weights else ", trained on further people's labels" if comparison.attributes
           else ", at random, as the corpus has no labels")
        + ").",
    ]  # fmt: skip
    if comparison.accuracy:
        told = ", ".join(f"{name} {100 * value:.0f} %" for name, value in comparison.accuracy.items())
        found.append(f"On the true test faces the reader is right about: {told}.")
    for factor in comparison.factors:
        first = [comparison.runs[factor, seed]["step_one"] for seed in comparison.seeds]
        lifted, plain, camera, averaging = (
            float(np.mean([one[key] for one in first]))
            for key in ("lifted_psnr", "bicubic_psnr", "camera_error", "averaging_error")
        )
        found.append(
            f"×{factor}: step 1 gives {lifted:.1f} dB at middle resolution, bicubic {plain:.1f} dB; the learned camera "
            f"is {camera:.3f} from the hidden one's pictures, plain averaging {averaging:.3f} (mean absolute)."
        )
    if p.scale == "quick":
        found.append("At this budget the generator has hardly begun to draw faces; no verdict of it means anything.")
    if len(comparison.factors) == 1:
        found.append("With one factor nothing can be said of how gains grow with it.")
    return found


def _record(study: Study, comparison: Comparison) -> None:
    n = len(comparison.groups)
    for factor in comparison.factors:
        for method in METHODS:
            fid = comparison.fid(method, factor)
            for i, seed in enumerate(comparison.seeds):
                where: dict[str, Any] = {"method": method, "seed": seed, "n": n, "condition": f"factor={factor}"}
                for metric in METRICS:
                    value = float(comparison.values(method, metric, factor)[i].mean())
                    study.record(metric=metric, value=value, **where)
                study.record(metric="fid", value=float(fid[i]), **where)
                for attribute in comparison.attributes:
                    kept = comparison.attribute_kept(method, attribute, factor)[i]
                    study.record(metric=f"kept_{attribute}", value=float(kept.mean()), **where)
        for seed in comparison.seeds:
            first = comparison.runs[factor, seed]["step_one"]
            for metric in ("lifted_psnr", "bicubic_psnr", "camera_error", "averaging_error"):
                study.record(method="step_one", seed=seed, n=n, condition=f"factor={factor}", metric=metric,
                             value=first[metric])  # fmt: skip
