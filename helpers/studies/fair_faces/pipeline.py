"""The curating steps of one seed, and how good each of them is: copies, quality, retrieval, pseudo-labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.data import curation
from helpers.data.corpus import Corpus
from helpers.data.labelled_rows import classes_of
from helpers.data.planted_pool import changed_copies
from helpers.data.simulated.faces import ATTRIBUTES, People, drawn_faces
from helpers.evaluation.fine_tuning import Classifier
from helpers.evaluation.frozen import Augmented
from helpers.evaluation.probes import linear_probe
from helpers.methods.embedding import embed
from helpers.networks.image_encoders import image_encoder
from helpers.studies.fair_faces.arms import Settings, make_views, open_faces, pixels, pool_of, roles_of
from helpers.training import TrainingPlan, train

VARIANTS = ("full", "no_dedup", "no_retrieval", "no_quality")
PENALTIES = (3e-3, 3e-2, 3e-1)


class AttributeClassifier(Classifier):
    """Encoder + linear head under binary cross-entropy; batches carry ``"attributes"`` float (B, A), 0 or 1."""

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"loss": F.binary_cross_entropy_with_logits(self.logits(batch["input"]), batch["attributes"])}


def curating_encoder(settings: Settings) -> tuple[nn.Module, dict[str, float]]:
    """The encoder that curates, before any look at the run's faces: weights of a file, or trained on another style.

    Without a file it learns to tell four attributes of drawn faces in costume, whose hair, clothes and colours no other
    drawn face has.

    Returns:
        The encoder in evaluation mode, and its accuracy on costume faces that it was not trained on (none of a file).
    """
    size, name = settings["image_size"], settings["curating_encoder"]
    torch.manual_seed(5)
    network, features = image_encoder(name, 3, size, settings["curating_weights"])
    if settings["curating_weights"]:
        return network.eval(), {}
    count = settings["source_faces"]
    source = drawn_faces({"train": People(count), "test": People(max(32, count // 5))}, 1, size, "costume", seed=101)
    values = torch.tensor(source.table[list(ATTRIBUTES)].to_numpy(np.float32))  # (n, 4)
    load = source.load

    def both(rows: np.ndarray) -> dict[str, Tensor]:
        images = load(rows)
        assert isinstance(images, Tensor)
        return {"input": images, "attributes": values[torch.as_tensor(rows)]}

    batch = min(64, count)
    plan = TrainingPlan(max(1, round(settings["source_steps"] * batch / count)), batch, 3e-3, weight_decay=1e-3, seed=5)
    classifier = AttributeClassifier(Augmented(network, make_views(settings).scaled(0.5)), features, len(ATTRIBUTES))
    train(classifier, replace(source, load=both), source.rows("train"), plan, label="curating encoder",
          device=settings["device"])  # fmt: skip
    classifier.eval()
    held = source.rows("test")
    with torch.no_grad():
        device = classifier.head.weight.device
        found = (classifier.logits(pixels(source, held).to(device)) > 0).float().cpu()
    right = {a: float((found[:, i] == values[held, i]).double().mean()) for i, a in enumerate(ATTRIBUTES)}
    return network.eval(), right


def prepare(settings: Settings, seed: int, encoder_file: str) -> dict[str, Any]:
    """Curate one seed's pool: one job.

    Args:
        settings: the study's.
        seed: of the pool.
        encoder_file: weights of the curating encoder, ``.safetensors``.

    Returns:
        ``kept``: rows of the pool by variant in :data:`VARIANTS`; ``pseudo``: class of every row, int64; ``stays``,
        ``good``: bool by row; ``threshold``; ``likeness``: of planted pairs, of distinct pairs (a sample);
        ``quality``: (n, 2); ``measured``: how good each step is, numbers by name.
    """
    corpus, pool = open_faces(settings), pool_of(settings, seed)
    roles = roles_of(corpus, settings["reference_each"])
    encoder, _ = image_encoder(settings["curating_encoder"], 3, settings["image_size"])
    encoder.load_state_dict(load_file(encoder_file))
    encoder.eval()
    raw = embed(encoder, pool, np.arange(len(pool)))
    reference = embed(encoder, corpus, roles.reference)
    z, anchors = (curation.centred(x, raw.mean(0)) for x in (raw, reference))
    threshold, fine = copies_told(encoder, corpus, roles.reference, pool)
    stays = curation.without_copies(fine, threshold)
    quality = curation.in_parts(lambda rows: pixels(pool, rows), np.arange(len(pool)), curation.quality_of)
    good = curation.good_enough(quality, curation.quality_of(pixels(corpus, roles.reference)))
    kept = kept_rows(z, anchors, stays, good, settings["neighbours"])
    pseudo = pseudo_labels(corpus, roles.reference, roles.validation, encoder, reference, raw)
    measured = measure(pool, stays, good, kept, pseudo.numpy(), classes_of(corpus)[0])
    return {
        "kept": {name: torch.from_numpy(rows) for name, rows in kept.items()}, "pseudo": pseudo,
        "stays": torch.from_numpy(stays), "good": torch.from_numpy(good), "threshold": threshold,
        "likeness": _likeness(pool, fine), "quality": quality, "measured": measured,
    }  # fmt: skip


def copies_told(encoder: nn.Module, corpus: Corpus, reference: np.ndarray, pool: Corpus) -> tuple[float, Tensor]:
    """The cosine above which two pictures are one, found on the reference, and the pool's embeddings for it.

    An encoder that has learned attributes sees two people of equal attributes as one; so for copies a picture's
    embedding is joined by those of its four overlapping corners, which are alike in copies alone.

    Returns:
        The threshold, and unit vectors (n, 5·D).
    """
    anchors = pixels(corpus, reference)
    changed = _detailed(encoder, changed_copies(anchors, seed=99))
    fine = curation.in_parts(lambda rows: pixels(pool, rows), np.arange(len(pool)), lambda x: _detailed(encoder, x))
    middle = fine.mean(0)
    own, copied = (curation.centred(x, middle) for x in (_detailed(encoder, anchors), changed))
    return curation.duplicate_threshold(own, copied), curation.centred(fine, middle)


@torch.no_grad()
def _detailed(encoder: nn.Module, images: Tensor) -> Tensor:
    """Directions of a picture's embedding and of its corners', each two thirds of its side, (n, 5·D)."""
    side = images.shape[-1]
    part = 2 * side // 3
    views = [images]
    for top in (0, side - part):
        for left in (0, side - part):
            corner = images[..., top : top + part, left : left + part]
            views.append(F.interpolate(corner, (side, side), mode="bilinear"))
    return torch.cat([F.normalize(encoder(view), dim=1) for view in views], dim=1)


def kept_rows(z: Tensor, anchor: Tensor, stays: np.ndarray, good: np.ndarray, m: int) -> dict[str, np.ndarray]:
    """Rows that the steps leave: copies out, the m nearest of each anchor, poor ones out; and with each left out."""
    everything = np.arange(len(z))

    def nearest(rows: np.ndarray) -> np.ndarray:
        return rows[curation.retrieved(anchor, z[torch.from_numpy(rows)], m)]

    near, near_all = nearest(everything[stays]), nearest(everything)
    return {"full": near[good[near]], "no_dedup": near_all[good[near_all]],
            "no_retrieval": everything[stays & good], "no_quality": near}  # fmt: skip


def pseudo_labels(
    corpus: Corpus,
    reference_rows: np.ndarray,
    validation: np.ndarray,
    encoder: nn.Module,
    reference: Tensor,
    pool: Tensor,
) -> Tensor:
    """Classes that a linear probe of the curating encoder, trained on the reference, gives the pool, int64 (n,)."""
    labels = torch.from_numpy(classes_of(corpus)[1])
    held = embed(encoder, corpus, validation), labels[validation]
    return linear_probe((reference, labels[reference_rows]), held, pool, PENALTIES)


def measure(
    pool: Corpus, stays: np.ndarray, good: np.ndarray, kept: dict[str, np.ndarray], pseudo: np.ndarray, names: list[str]
) -> dict[str, float]:
    """How good each step is, by what was planted.

    Of copies: an image is rightly dropped where another of its origin stays (precision); a planted copy is found
    where it and its original do not both stay (recall); poor copies are in neither. Of quality: poor pictures against
    all others. Of retrieval: rarest over commonest group, before and after. Of labels: shares that are right, by group.
    """
    t = pool.table
    origin, kind, group = (t[c].to_numpy() for c in ("origin", "kind", "group"))
    staying = set(origin[stays])
    dropped = ~stays
    found: dict[str, float] = {}
    found["duplicate precision"] = _share(np.array([o in staying for o in origin[dropped]]))
    clean = stays & (kind != "poor")
    both = t[clean].groupby("origin").size()
    copied = origin[kind == "copy"]
    found["duplicate recall"] = _share(both.reindex(copied, fill_value=0).to_numpy() < 2)
    found["quality precision"] = _share(kind[~good] == "poor")
    found["quality recall"] = _share(~good[kind == "poor"])
    truth, web = t["truth"].to_numpy(), t["web_label"].to_numpy()
    guessed = np.array(names, dtype=object)[pseudo]
    chosen = kept["full"]
    found["images before"], found["images after"] = float(len(t)), float(len(chosen))
    for g in sorted(set(group)):
        mine = group == g
        found[f"share before: {g}"], found[f"share after: {g}"] = _share(mine), _share(group[chosen] == g)
        found[f"web labels right: {g}"] = _share(web[mine] == truth[mine])
        found[f"pseudo-labels right: {g}"] = _share(guessed[mine] == truth[mine])
        found[f"good pictures dropped as poor: {g}"] = _share(~good[mine & (kind != "poor")])
    found["web labels right"], found["pseudo-labels right"] = _share(web == truth), _share(guessed == truth)
    return found


def _share(right: np.ndarray) -> float:
    return float(np.mean(right)) if len(right) else float("nan")


def _likeness(pool: Corpus, z: Tensor, pairs: int = 20000) -> dict[str, Tensor]:
    """Cosines of planted copies with their originals, and of random pictures of different origin."""
    origin, kind = pool.table["origin"].to_numpy(), pool.table["kind"].to_numpy()
    place = {o: i for i, o in enumerate(origin) if kind[i] == "original"}
    copies = np.flatnonzero(kind == "copy")
    originals = np.array([place[origin[i]] for i in copies], dtype=np.int64)
    rng = np.random.default_rng(0)
    i, j = rng.integers(0, len(origin), (2, pairs))
    apart = origin[i] != origin[j]
    return {"copies": (z[copies] * z[originals]).sum(1), "distinct": (z[i[apart]] * z[j[apart]]).sum(1)}


def keep_encoder(encoder: nn.Module, file: Path) -> str:
    """Write an encoder's weights where other processes find them; returns the file's name."""
    from safetensors.torch import save_file

    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: t.detach().contiguous().clone() for name, t in encoder.state_dict().items()}, file)
    return str(file)
