"""From plain settings to faces, who is what, the faulty pool, and each arm's recipe, in whatever process asks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from helpers.data.corpora.faces import FaceCrowd, face_corpus
from helpers.data.corpus import Corpus, split_by_subject
from helpers.data.labelled_rows import classes_of, repeated
from helpers.data.planted_pool import Faults, planted_pool, ranked_groups
from helpers.data.simulated.faces import TONES
from helpers.errors import StudyError
from helpers.evaluation.fine_tuning import Classifier
from helpers.evaluation.frozen import Augmented
from helpers.methods.byol import BYOL
from helpers.methods.method import Method
from helpers.methods.simclr import SimCLR
from helpers.methods.supcon import SupCon
from helpers.methods.weighted_supcon import WeightedSupCon
from helpers.networks.image_encoders import image_encoder
from helpers.processes import Job
from helpers.training import TrainingPlan
from helpers.views.images import ImageViews

Settings = dict[str, Any]  # the study's parameters as plain values, without seeds, workers and the like
VALIDATION_SHARE = 0.12  # of the training subjects, where the corpus has no validation part


@dataclass(frozen=True)
class Recipe:
    """What an arm is trained on and how.

    Attributes:
        pool: curated variant in :data:`pipeline.VARIANTS`, ``"all"`` for the uncurated pool, ``"reference"`` for the
            labelled images alone.
        labels: ``"none"``, ``"web"``, ``"pseudo"`` or ``"true"`` (of the reference alone).
        loss: ``"simclr"``, ``"byol"``, ``"supcon"``, ``"weighted"`` or ``"cross_entropy"``.
    """

    pool: str
    labels: str
    loss: str


RECIPES = {
    "pipeline": Recipe("full", "pseudo", "weighted"),
    "simclr": Recipe("all", "none", "simclr"),
    "byol": Recipe("all", "none", "byol"),
    "supcon": Recipe("all", "web", "supcon"),
    "no_dedup": Recipe("no_dedup", "pseudo", "weighted"),
    "no_retrieval": Recipe("no_retrieval", "pseudo", "weighted"),
    "no_quality": Recipe("no_quality", "pseudo", "weighted"),
    "no_pseudo_labels": Recipe("full", "web", "weighted"),
    "no_weights": Recipe("full", "pseudo", "supcon"),
    "supervised_web": Recipe("all", "web", "cross_entropy"),
    "supervised": Recipe("reference", "true", "cross_entropy"),
}


@dataclass(frozen=True)
class Roles:
    """Positions in the corpus by what they are for; no subject has two roles.

    Attributes:
        reference: labelled training images, as many of each group and class: anchors of the retrieval, the pseudo-
            labels' and every probe's training set, and the clean meta set.
        validation: labelled, for choosing penalties and the baseline.
        pool: originals of the pool.
        test: only ever predicted; one image a subject.
    """

    reference: np.ndarray
    validation: np.ndarray
    pool: np.ndarray
    test: np.ndarray


@lru_cache(maxsize=2)
def _corpus(name: str, data_root: str, size: int, target: str, group: str, crowd: FaceCrowd) -> Corpus:
    corpus = face_corpus(name, data_root, size, target, group, crowd)
    load = corpus.load

    def colour(rows: np.ndarray) -> Tensor:
        images = load(rows)
        assert isinstance(images, Tensor)
        return images.expand(-1, 3, -1, -1)

    return replace(corpus, load=colour)


def open_faces(settings: Settings) -> Corpus:
    """The run's faces, with target and group."""
    s = settings
    crowd = FaceCrowd(s["drawn_train"], s["drawn_test"], 1, tuple(s["tone_shares"]))
    return _corpus(s["corpus"], s["data_root"], s["image_size"], s["target"], s["group"], crowd)


def pixels(corpus: Corpus, rows: np.ndarray) -> Tensor:
    """Images at these rows, float (B, 3, H, W)."""
    images = corpus.load(np.asarray(rows))
    assert isinstance(images, Tensor)
    return images


def roles_of(corpus: Corpus, reference_each: int) -> Roles:
    """Draw the roles; they are the same for every seed and arm.

    Raises:
        StudyError: one class only, a group and class with too few training subjects, or no test images.
    """
    table, rng = corpus.table, np.random.default_rng(17)
    train, validation = corpus.rows("train"), corpus.rows("validation")
    classes = sorted(table.iloc[train]["label"].dropna().unique())
    if len(classes) < 2:
        raise StudyError(
            f"{corpus.name}: the training images have {len(classes)} class(es) ({', '.join(classes)}); an "
            "attribute has two or more"
        )
    if len(validation) == 0:
        shares = {"train": 1 - VALIDATION_SHARE, "validation": VALIDATION_SHARE}
        cells = table.iloc[train].assign(cell=table["group"].astype(str) + "|" + table["label"].astype(str))
        part = split_by_subject(cells, shares, 0, "cell")
        train, validation = train[part == "train"], train[part == "validation"]
    chosen: list[int] = []
    taken: set[object] = set()
    subjects = table["subject"].to_numpy()
    for (group, label), members in table.iloc[train].groupby(["group", "label"], sort=True):
        rows = [r for r in rng.permutation(members.index.to_numpy()) if subjects[r] not in taken]
        first = list({subjects[r]: r for r in reversed(rows)}.values())[::-1][:reference_each]
        if len(first) < reference_each:
            raise StudyError(
                f"{corpus.name}: {group} with {label} has {len(first)} training subject(s) for a reference of "
                f"{reference_each} each; lower reference_each or choose another target or group"
            )
        chosen += first
        taken |= {subjects[r] for r in first}
    pool = np.array([r for r in train if subjects[r] not in taken], dtype=np.int64)
    if len(pool) < 2:
        raise StudyError(
            f"{corpus.name}: the reference takes {len(chosen)} training images and leaves {len(pool)}; lower "
            "reference_each"
        )
    test = corpus.rows("test")
    test = test[np.sort(np.unique(subjects[test].astype(str), return_index=True)[1])]
    if len(test) == 0 or table.iloc[test]["group"].nunique() < 2:
        raise StudyError(f"{corpus.name}: the test images have fewer than two groups to compare")
    return Roles(np.sort(np.array(chosen, dtype=np.int64)), np.sort(validation), pool, test)


def faults_of(settings: Settings) -> Faults:
    """What is planted in the pool."""
    s = settings
    return Faults(s["imbalance"], s["copies"], s["poor"], s["least_noise"], s["most_noise"], s["one_sided_noise"])


def groups_ranked(corpus: Corpus) -> list[str]:
    """Groups from the commonest to the rarest: tones from the lightest, others by training images."""
    train = corpus.rows("train")
    order = TONES if set(corpus.table["group"]) <= set(TONES) else ()
    return ranked_groups(corpus.table["group"].to_numpy()[train], order)


@lru_cache(maxsize=2)
def _pool(key: str, seed: int) -> Corpus:
    import json

    settings = json.loads(key)
    corpus = open_faces(settings)
    rows = roles_of(corpus, settings["reference_each"]).pool
    return planted_pool(corpus, rows, groups_ranked(corpus), faults_of(settings), seed, settings["image_size"])


def pool_of(settings: Settings, seed: int) -> Corpus:
    """The seed's pool with its planted faults."""
    import json

    return _pool(json.dumps(settings, sort_keys=True), seed)


def make_views(settings: Settings) -> ImageViews:
    """The views of every arm: crops, mirror images, strong changes of light and colour, seldom a blur.

    Backgrounds and clothes have colours by which a picture is told from all others without a look at the face; where
    views keep them, that is what methods without labels learn.
    """
    views = ImageViews(settings["image_size"], crop_scale=(0.5, 1.0), brightness=0.4, contrast=0.4, saturation=0.6,
                       hue=0.2, gray=0.2, blur=0.2, blur_sigma=(0.1, 1.0))  # fmt: skip
    strength = settings["augmentation_strength"]
    return views.scaled(strength) if strength != 1 else views


def make_encoder(settings: Settings, seed: int) -> tuple[nn.Module, int]:
    """The encoder at its start, the same for every arm of a seed, and the size of its embedding."""
    torch.manual_seed(seed)
    return image_encoder(settings["encoder"], 3, settings["image_size"])


def training_set(
    settings: Settings, arm: str, seed: int, prepared: dict[str, Any]
) -> tuple[Corpus, np.ndarray, Tensor]:
    """Images of an arm: corpus, rows of it, and the label of each row of the corpus, int64, −1 where unknown."""
    recipe, corpus = RECIPES[arm], open_faces(settings)
    names, truth = classes_of(corpus)
    if recipe.pool == "reference":
        return corpus, roles_of(corpus, settings["reference_each"]).reference, torch.from_numpy(truth)
    pool = pool_of(settings, seed)
    rows = np.arange(len(pool)) if recipe.pool == "all" else prepared["kept"][recipe.pool].numpy()
    if recipe.labels == "pseudo":
        return pool, rows, prepared["pseudo"].long()
    web = np.array([names.index(label) for label in pool.table["web_label"]])
    return pool, rows, torch.from_numpy(web)


def pretraining(settings: Settings, arm: str, seed: int, prepared: dict[str, Any]) -> Job:
    """The recipe of one arm: every arm takes as many steps of as many images."""
    corpus, rows, labels = training_set(settings, arm, seed, prepared)
    load, epochs, batch = corpus.load, settings["epochs"], settings["batch_size"]

    def both(at: np.ndarray) -> dict[str, Tensor]:
        images = load(at)
        assert isinstance(images, Tensor)
        return {"input": images, "label": labels[torch.as_tensor(at)]}

    steps = -(-settings["train_steps"] // epochs) * epochs
    plan = TrainingPlan(epochs, batch, settings["learning_rate"], weight_decay=settings["weight_decay"],
                        warmup_epochs=0.5, seed=seed)  # fmt: skip
    method = _method(settings, RECIPES[arm].loss, steps, seed)
    return Job(method, replace(corpus, load=both), repeated(rows, steps // epochs * batch, seed), plan,
               device=settings["device"])  # fmt: skip


def _method(settings: Settings, loss: str, steps: int, seed: int) -> Method:
    network, features = make_encoder(settings, seed)
    views, size = make_views(settings), {"hidden": settings["hidden"], "projection": settings["projection"]}
    if loss == "simclr":
        return SimCLR(network, features, views, settings["temperature"], **size)
    if loss == "byol":
        return BYOL(network, features, views, settings["momentum"], steps, **size)
    if loss == "supcon":
        return SupCon(network, features, views, settings["temperature"], **size)
    corpus = open_faces(settings)
    names, truth = classes_of(corpus)
    if loss == "cross_entropy":
        return Classifier(Augmented(network, views), features, len(names))
    clean = roles_of(corpus, settings["reference_each"]).reference
    return WeightedSupCon(
        network, features, views, pixels(corpus, clean), torch.from_numpy(truth[clean]), settings["temperature"],
        meta_batch=settings["meta_batch"], meta_every=settings["meta_every"], meta_rate=settings["meta_rate"],
        virtual_rate=settings["virtual_rate"], **size,
    )  # fmt: skip


def encoder_of(method: Method) -> nn.Module:
    """The trained encoder, without the views that a classifier wraps it in."""
    return method.encoder.encoder if isinstance(method.encoder, Augmented) else method.encoder
