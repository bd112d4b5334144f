"""What the notebook calls: stage 1 that is shown, all arms side by side, a slide streamed, evidence, notes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from helpers.data.corpora.slide_regions import CLASSES
from helpers.evaluation.claims import Evidence
from helpers.evaluation.frozen import with_statistics
from helpers.evaluation.probes import knn_predict
from helpers.evaluation.region_overlap import mean_overlap, overlap
from helpers.evaluation.slide_maps import SlideMap
from helpers.methods.embedding import embed
from helpers.methods.fixmatch import FixMatch
from helpers.methods.method import Method
from helpers.processes import train_in_processes
from helpers.studies.side_by_side import side_by_side
from helpers.studies.study import Study
from helpers.studies.tissue_fixmatch.about import ARMS, BUDGETS
from helpers.studies.tissue_fixmatch.arms import (
    Settings,
    classes_of,
    make_encoder,
    open_corpus,
    rows_of,
    stage_one,
    stage_two,
)
from helpers.studies.tissue_fixmatch.evaluation import measured, segmented, test_slides
from helpers.training import History, train

NAMES = {
    "supervised": "supervised", "fixmatch": "FixMatch", "ssl_fine_tune": "stage 1 + fine-tuning",
    "ssl_fixmatch": "stage 1 + FixMatch",
}  # fmt: skip
_MAPPED = 120  # tiles on an embedding map


def settings_of(study: Study) -> Settings:
    """Everything that a job of this study depends on, as plain values."""
    return study.parameters.model_dump(exclude={"scale", "seeds", "workers", "threads", "processes"})


def pretrain_shown(study: Study) -> tuple[Method, History]:
    """Stage 1 with the first seed, in this process or in several."""
    p = study.parameters
    return train_in_processes(
        "helpers.studies.tissue_fixmatch.arms:stage_one",
        {"settings": settings_of(study), "seed": p.seeds[0]},
        processes=p.processes,
        checkpoint=study.checkpoints / "shown.pt",
    )


def pretrained(settings: Settings, seed: int, checkpoint: str = "") -> dict[str, Any]:
    """Stage 1 with another seed: the encoder's weights, and what collapse watch and nearest neighbours say of it."""
    job = stage_one(settings, seed)
    history = train(job.method, job.corpus, job.rows, job.plan, device=job.device,
                    checkpoint=Path(checkpoint) if checkpoint else None)  # fmt: skip
    return of_pretrained(job.method, history, settings, seed)


def of_pretrained(method: Method, history: History, settings: Settings, seed: int) -> dict[str, Any]:
    """The same of an encoder that stage 1 left."""
    encoder = method.encoder.cpu()
    start = with_statistics(make_encoder(settings, seed)[0], *_pretraining_tiles(settings))
    return {
        "encoder": {name: tensor.detach().clone() for name, tensor in encoder.state_dict().items()},
        "history": history.epochs, "watch": history.collapse_watch(),
        "collapsed": bool(history.spread and history.spread.collapsed()),
        "spread": asdict(history.spread) if history.spread else {},
        "knn": {"stage 1": _knn(encoder, settings), "random": _knn(start, settings)},
    }  # fmt: skip


def _pretraining_tiles(settings: Settings) -> tuple[Any, np.ndarray]:
    corpus = open_corpus(settings).tiles
    return corpus, rows_of(corpus).pretrain


def _knn(encoder: Any, settings: Settings) -> float:
    """Share of validation tiles whose region the nearest labelled training tiles tell, with a frozen encoder."""
    import torch

    corpus = open_corpus(settings).tiles
    rows, labels = rows_of(corpus), torch.tensor(classes_of(corpus))
    train_x, held_x = embed(encoder, corpus, rows.train), embed(encoder, corpus, rows.validation)
    told = knn_predict(train_x, labels[rows.train], held_x)
    return float((told == labels[rows.validation]).double().mean())


def arm_result(
    settings: Settings, arm: str, budget: str, seed: int, weights: str, keep: bool, checkpoint: str = ""
) -> dict[str, Any]:
    """One job of the grid: an arm trained with a budget of labels, and what it makes of the test slides."""
    job = stage_two(settings, arm, budget, seed, weights)
    history = train(job.method, job.corpus, job.rows, job.plan, device=job.device,
                    checkpoint=Path(checkpoint) if checkpoint else None)  # fmt: skip
    assert isinstance(job.method, FixMatch)
    return measured(job.method, history, settings, keep)


@dataclass(frozen=True)
class Comparison:
    """All runs of a study.

    Attributes:
        runs: results by (arm, budget, seed).
        stage_one: results of stage 1 by seed.
        seeds: in order.
        slides: names of the test slides, in the order of the confusions.
    """

    runs: dict[tuple[str, str, int], dict[str, Any]]
    stage_one: dict[int, dict[str, Any]]
    seeds: list[int]
    slides: list[str]

    def scores(self, arm: str, budget: str) -> np.ndarray:
        """Mean IoU of every test slide, (seeds, slides)."""
        return np.array([[mean_overlap(one) for one in self._confusions(arm, budget, seed)] for seed in self.seeds])

    def by_region(self, arm: str, budget: str) -> np.ndarray:
        """IoU of every region, mean over the slides that have it, (seeds, regions)."""
        found = [[overlap(one) for one in self._confusions(arm, budget, seed)] for seed in self.seeds]
        return np.nanmean(np.array(found), axis=1)

    def validation(self, arm: str, budget: str) -> np.ndarray:
        """Mean IoU over all validation tiles, (seeds,)."""
        return np.array([mean_overlap(self.runs[arm, budget, s]["validation"].numpy()) for s in self.seeds])

    def lead(self, budget: str) -> np.ndarray:
        """How much better FixMatch is from stage 1 than from scratch, (seeds, slides)."""
        return self.scores("ssl_fixmatch", budget) - self.scores("fixmatch", budget)

    def _confusions(self, arm: str, budget: str, seed: int) -> np.ndarray:
        return self.runs[arm, budget, seed]["confusion"].numpy()


def compare(study: Study, shown: tuple[Method, History]) -> Comparison:
    """Run stage 1 with the other seeds, then every arm with every budget and seed, each once; record the results."""
    from safetensors.torch import save_file

    p, settings = study.parameters, settings_of(study)
    first, others = p.seeds[0], p.seeds[1:]
    long = p.scale == "paper"  # hours: worth a checkpoint of its own
    asked = [
        {"settings": settings, "seed": s} | ({"checkpoint": str(study.checkpoints / f"one-{s}.pt")} if long else {})
        for s in others
    ]
    found = {first: of_pretrained(*shown, settings, first)}
    found |= dict(zip(others, _side_by_side(study, pretrained, asked, "stage 1"), strict=True))
    files = {s: study.checkpoints / f"stage1-{s}.safetensors" for s in p.seeds}
    for s, file in files.items():
        save_file({name: tensor.contiguous() for name, tensor in found[s].pop("encoder").items()}, file)
    # The dearest first, so that no worker is left with one at the end.
    keys = [(arm, budget, s) for arm in reversed(ARMS) for s in p.seeds for budget in BUDGETS]
    keys.sort(key=lambda key: not key[0].endswith("fixmatch"))
    jobs = [
        {"settings": settings, "arm": arm, "budget": budget, "seed": s, "keep": s == first,
         "weights": str(files[s]) if arm.startswith("ssl") else ""}
        | ({"checkpoint": str(study.checkpoints / f"{arm}-{budget}-{s}.pt")} if long else {})
        for arm, budget, s in keys
    ]  # fmt: skip
    runs = dict(zip(keys, _side_by_side(study, arm_result, jobs, "arms"), strict=True))
    comparison = Comparison(runs, found, list(p.seeds), test_slides(open_corpus(settings)))
    _record(study, comparison)
    return comparison


def _side_by_side(study: Study, job: Any, jobs: list[dict[str, Any]], label: str) -> list[dict[str, Any]]:
    p = study.parameters
    return side_by_side(job, jobs, workers=p.workers, threads=p.threads, checkpoints=study.checkpoints, label=label)


def _record(study: Study, comparison: Comparison) -> None:
    slides = len(comparison.slides)
    for arm in ARMS:
        for budget in BUDGETS:
            condition = f"labels={budget}"
            scores, regions = comparison.scores(arm, budget), comparison.by_region(arm, budget)
            for i, seed in enumerate(comparison.seeds):
                common: dict[str, Any] = {"method": arm, "seed": seed, "condition": condition}
                study.record(metric="miou", value=float(scores[i].mean()), n=slides, **common)
                for k, name in enumerate(CLASSES):
                    study.record(metric=f"iou_{name}", value=float(regions[i, k]), n=slides, **common)
                study.record(metric="tile_miou", value=float(comparison.validation(arm, budget)[i]), n=slides,
                             split="validation", **common)  # fmt: skip
                share = comparison.runs[arm, budget, seed]["last"].get("pseudo_labelled")
                if share is not None:
                    study.record(metric="pseudo_labelled", value=share, n=slides, split="validation", **common)
    for seed, run in comparison.stage_one.items():
        for name, value in run["knn"].items():
            study.record(method=name, metric="knn_accuracy", value=value, n=slides, seed=seed, split="validation",
                         condition="frozen")  # fmt: skip
        study.record(method="stage 1", metric="collapsed", value=float(run["collapsed"]), n=1, seed=seed)


def evidence(study: Study, comparison: Comparison) -> list[Evidence]:
    """The paired mean IoUs of every claim's two sides, by seed and test slide."""
    pairs = {
        "stage_one_few": (comparison.scores("ssl_fixmatch", "few"), comparison.scores("fixmatch", "few")),
        "stage_one_many": (comparison.scores("ssl_fixmatch", "many"), comparison.scores("fixmatch", "many")),
        "most_at_few": (comparison.lead("few"), comparison.lead("many")),
    }
    return [Evidence(study.card.claim(key), method, base, "seeds") for key, (method, base) in pairs.items()]


def trained(study: Study, comparison: Comparison, arm: str = "ssl_fixmatch", budget: str = "few") -> FixMatch:
    """The network of an arm as the first seed left it."""
    settings, seed = settings_of(study), comparison.seeds[0]
    weights = str(study.checkpoints / f"stage1-{seed}.safetensors") if arm.startswith("ssl") else ""
    method = stage_two(settings, arm, budget, seed, weights).method
    assert isinstance(method, FixMatch)
    method.average.load_state_dict(comparison.runs[arm, budget, seed]["network"])
    return method


def stream(study: Study, comparison: Comparison, overlap_factor: int = 4) -> tuple[SlideMap, str] | None:
    """The first test slide under stage 1 + FixMatch with few labels, its tiles overlapping; and the slide's name.

    Args:
        study: of the run.
        comparison: its results.
        overlap_factor: tiles that cover a point, along an axis.

    Returns:
        None for tile folders, which have no slides.
    """
    slides = open_corpus(settings_of(study))
    name = comparison.slides[0]
    if name not in slides.slides:
        return None
    tile = slides.tiling.tile
    stride = next(s for s in range(max(1, tile // overlap_factor), tile + 1) if tile % s == 0)
    return segmented(trained(study, comparison), slides, name, stride), name


def embeddings(study: Study, method: Method) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Features of test tiles before and after stage 1, and their regions."""
    settings = settings_of(study)
    corpus, pretraining = _pretraining_tiles(settings)
    rows = rows_of(corpus).test
    chosen = np.sort(np.random.default_rng(0).permutation(rows)[:_MAPPED])
    before = with_statistics(make_encoder(settings, study.parameters.seeds[0])[0], corpus, pretraining)
    encoders = {"random encoder": before, "after stage 1": method.encoder}
    return {name: embed(e, corpus, chosen).numpy() for name, e in encoders.items()}, classes_of(corpus)[chosen]


def notes(study: Study, comparison: Comparison) -> list[str]:
    """What a reader of the verdict must know of this run."""
    p = study.parameters
    found = [
        f"{len(comparison.seeds)} seed(s), {len(comparison.slides)} test slides; a seed draws the start, the labelled "
        f"tiles and the {p.few_slides} slides that the {p.few_tiles} tiles of the small budget come from "
        f"({p.many_tiles} of all training slides in the large one).",
        f"Every arm of stage 2 had {p.updates} steps of {p.labelled_batch} labelled tiles, the same views of them, "
        f"learning rate and moving average; FixMatch sees {p.ratio} unlabelled tiles more for each, "
        "and stage 1 is training that arms from scratch do not have.",
    ]
    if p.ratio != 7:
        found.append(f"μ is {p.ratio}, not the paper's 7, to bound the cost.")
    knn = {name: np.mean([run["knn"][name] for run in comparison.stage_one.values()]) for name in ("stage 1", "random")}
    better = "above" if knn["stage 1"] > knn["random"] else "not above"
    found.append(
        f"Frozen, by nearest neighbours on validation tiles, stage 1 tells {100 * knn['stage 1']:.1f} % of regions, "
        f"the random encoder {100 * knn['random']:.1f} %: stage 1 is {better} its start."
    )
    fallen = [str(seed) for seed, run in comparison.stage_one.items() if run["collapsed"]]
    found.append(
        "Collapse watch: " + (f"stage 1 collapsed with seed(s) {', '.join(fallen)}." if fallen else "no collapse.")
    )
    gains = {
        budget: 100 * (comparison.scores("fixmatch", budget) - comparison.scores("supervised", budget)).mean()
        for budget in BUDGETS
    }
    found.append(
        "FixMatch over supervised training, from scratch: "
        + ", ".join(f"{gain:+.1f} points of mIoU with {budget} labels" for budget, gain in gains.items()) + "."
    )  # fmt: skip
    if min(gains.values()) <= 0:
        found.append(
            "Where FixMatch is below supervised training its pseudo-labels do harm at this budget; what stage 1 adds "
            "to it there is in part the harm undone."
        )
    if comparison.scores("supervised", "many").mean() <= comparison.scores("supervised", "few").mean():
        found.append(
            f"Supervised training gains nothing from more labels: {p.updates} steps do not train a start from scratch "
            "to its end, and leads over it are leads at this budget."
        )
    return found
