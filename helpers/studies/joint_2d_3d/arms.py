"""One arm of the study: its slices and volumes, networks and tasks, as a recipe that any process can follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from helpers.data.corpora.volumes import VolumeSettings, class_names, volume_corpus
from helpers.data.corpus import Corpus
from helpers.errors import StudyError
from helpers.methods.deep_cluster import DeepClusterV2
from helpers.methods.joint_volume import Clustering, GivenViews, JointEncoder, JointImageVolume, VolumeTask
from helpers.methods.swav import SwAV
from helpers.networks.image_encoders import image_encoder
from helpers.networks.slice_transformer import SliceTokens, SliceTransformer, VolumeEncoder
from helpers.processes import Job
from helpers.training import TrainingPlan
from helpers.views.images import ImageViews
from helpers.views.multi_crop import MultiCrop
from helpers.views.volumes import VolumeViews

Settings = dict[str, Any]  # the study's parameters as plain values, without seeds, workers and the like
_EMPTY = 0.02  # slices with a lower mean intensity show nothing and are not in the 2-D corpus


@dataclass(frozen=True)
class VolumeRows:
    """Who gives what; masks only ever come from ``train`` (and ``validation``, for choosing settings).

    Attributes:
        slices: subjects that give slices alone.
        pretrain: subjects whose volumes, without masks, are pretrained on: training and validation ones.
        train, validation, test: subjects with masks.
    """

    slices: np.ndarray
    pretrain: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def everyone(self) -> np.ndarray:
        """All subjects that any pretraining sees."""
        return np.unique(np.concatenate([self.slices, self.pretrain]))


def volume_settings(settings: Settings) -> VolumeSettings:
    """How the corpus is brought to its grid."""
    return VolumeSettings(
        settings["depth"], settings["image_size"], settings["spacing"], settings["channel"], settings["limit"],
        settings["subjects"], settings["deformation"], settings["inverted"], settings["brain_seed"],
    )  # fmt: skip


@lru_cache(maxsize=2)
def _corpus(name: str, data_root: str, settings: VolumeSettings) -> Corpus:
    return volume_corpus(name, data_root, settings)


def open_corpus(settings: Settings) -> Corpus:
    """The run's volumes."""
    return _corpus(settings["corpus"], settings["data_root"], volume_settings(settings))


def rows_of(corpus: Corpus) -> VolumeRows:
    """Who is pretrained on, fine-tuned with and tested on.

    Raises:
        StudyError: too few volumes with masks to train on or to test on.
    """
    masked = corpus.table["has_mask"].to_numpy()
    train, validation, test = (
        rows[masked[rows]] for rows in (corpus.rows("train"), corpus.rows("validation"), corpus.rows("test"))
    )
    if len(train) < 2 or len(test) < 2:
        raise StudyError(
            f"{corpus.name}: {len(train)} training and {len(test)} test volumes have masks; two of each are the least"
        )
    pretrain = np.sort(np.concatenate([corpus.rows("train"), corpus.rows("validation")]))
    others = corpus.rows("unlabelled")
    return VolumeRows(others if len(others) else pretrain, pretrain, train, validation, test)


def volumes_of(corpus: Corpus, rows: np.ndarray) -> Tensor:
    """Intensities of these rows, float32 (n, 1, D, H, W) in [0, 1]."""
    loaded = corpus.load(rows)
    assert isinstance(loaded, dict)
    return loaded["input"]


def masks_of(corpus: Corpus, rows: np.ndarray) -> Tensor:
    """Classes of these rows' voxels, int64 (n, D, H, W)."""
    loaded = corpus.load(rows)
    assert isinstance(loaded, dict)
    return loaded["mask"]


def slice_places(corpus: Corpus, rows: np.ndarray, count: int) -> np.ndarray:
    """``count`` (row, slice) pairs, spread evenly over the slices of these rows that show something, (count, 2)."""
    bright = np.concatenate([volumes_of(corpus, part).mean(dim=(1, 3, 4)).numpy()
                             for part in np.array_split(rows, -(-len(rows) // 64))])  # fmt: skip  # (n, D)
    at, depth = np.nonzero(bright > _EMPTY)
    if len(at) == 0:
        raise StudyError(f"{corpus.name}: no slice shows anything; are the volumes empty?")
    chosen = np.linspace(0, len(at) - 1, count).round().astype(int)
    return np.stack([rows[at[chosen]], depth[chosen]], axis=1)


def portions(corpus: Corpus, volumes: np.ndarray, slices: np.ndarray, each: int) -> Corpus:
    """What one arm is pretrained on, a row a portion: a volume, ``each`` slices, or both.

    Which slices come with which volume says nothing; it is how two corpora are read in one pass. Nothing that is
    augmented is kept: views are drawn anew in every step.

    Args:
        corpus: of volumes.
        volumes: rows of ``corpus``; none for an arm on slices alone.
        slices: (row, slice) pairs, (portions · each, 2); none for an arm on volumes alone.
        each: slices a portion.
    """
    count = len(volumes) or len(slices) // each
    pairs = slices.reshape(count, each, 2) if len(slices) else None

    def load(rows: np.ndarray) -> dict[str, Tensor]:
        found = {}
        if len(volumes):
            found["volume"] = volumes_of(corpus, volumes[rows])
        if pairs is not None:
            wanted = pairs[rows].reshape(-1, 2)
            distinct, back = np.unique(wanted[:, 0], return_inverse=True)
            taken = volumes_of(corpus, distinct)[torch.as_tensor(back), :, torch.as_tensor(wanted[:, 1])]
            found["slices"] = taken.unflatten(0, (len(rows), each))  # (B, each, 1, H, W)
        return found

    table = pd.DataFrame({"sample_id": [f"portion{i}" for i in range(count)]})
    return Corpus(corpus.name, table.assign(subject=table["sample_id"]), load, (), corpus.licence, corpus.source,
                  corpus.simulated, corpus.fingerprint)  # fmt: skip


def slice_views(settings: Settings) -> ImageViews:
    """The two crops of a slice."""
    views = ImageViews(settings["image_size"], crop_scale=(0.4, 1.0), brightness=0.4, contrast=0.4, saturation=0.0,
                       hue=0.0, gray=0.0, blur=0.3, blur_sigma=(0.1, 1.0))  # fmt: skip
    strength = settings["view_strength"]
    return views.scaled(strength) if strength != 1 else views


def volume_views(settings: Settings) -> VolumeViews:
    """The two views of a volume."""
    views = VolumeViews(settings["image_size"], settings["view_slices"], crop_scale=(0.4, 1.0), depth_scale=(0.5, 1.0))
    strength = settings["view_strength"]
    return views.scaled(strength) if strength != 1 else views


def fine_tune_views(settings: Settings) -> VolumeViews:
    """Mild views for fine-tuning: neighbouring slices at their own distance, little else."""
    slices = min(settings["window_slices"], settings["depth"])
    share = slices / settings["depth"]
    return VolumeViews(settings["image_size"], slices, crop_scale=(0.8, 1.0), depth_scale=(share, share),
                       brightness=0.2, contrast=0.2, gamma=0.2, noise=0.03)  # fmt: skip


def make_encoder(settings: Settings, seed: int) -> tuple[VolumeEncoder, int]:
    """Slice encoder, tokens and transformer at a seed's start, the same for every arm; size of a slice's embedding."""
    torch.manual_seed(seed)
    encoder, features = image_encoder(settings["encoder"], 1, settings["image_size"])
    width = settings["token_width"]
    tokens = SliceTokens(encoder, 1, settings["image_size"], features, width)
    transformer = SliceTransformer(
        width, settings["blocks"], settings["heads"], settings["token_hidden"], settings["attention_stride"],
        settings["offset_scale"], settings["offset_kernel"],
    )  # fmt: skip
    return VolumeEncoder(tokens, transformer), features


def pretraining(settings: Settings, arm: str, seed: int) -> Job:
    """The recipe of one pretrained arm, for any process. Of ``"sequential"`` it is the first half, on slices."""
    encoder, features = make_encoder(settings, seed)
    return job_on(encoder, features, settings, arm if arm != "sequential" else "sequential slices", seed)


def job_on(encoder: VolumeEncoder, features: int, settings: Settings, arm: str, seed: int) -> Job:
    """The pretraining of an encoder that is there.

    Args:
        encoder: is trained.
        features: size of its slice embedding.
        settings: of the run.
        arm: ``"image"``, ``"image_swav"``, ``"volume"``, ``"joint"``, ``"sequential slices"`` or
            ``"sequential volumes"``.
        seed: of everything random.
    """
    corpus = open_corpus(settings)
    volumes, slices = portions_of(settings, arm, seed)
    each = settings["view_slices"]
    torch.manual_seed(seed + 1)
    image_task = volume_task = None
    if len(slices):
        kind = "swav" if arm == "image_swav" else settings["image_task"]
        crops = MultiCrop((slice_views(settings),), (2,))
        image_task = clustering(kind, encoder.tokens.encoder, features, crops, len(slices), settings["image_clusters"],
                                settings)  # fmt: skip
    if len(volumes):
        width = settings["token_width"]
        agreement = clustering(settings["volume_task"], nn.Identity(), width, GivenViews(), len(volumes),
                               settings["volume_clusters"], settings)  # fmt: skip
        volume_task = VolumeTask(encoder, volume_views(settings), agreement, settings["masked_share"],
                                 settings["masked_weight"])  # fmt: skip
    method = JointImageVolume(JointEncoder(encoder.tokens.encoder, encoder if len(volumes) else None), image_task,
                              volume_task, settings["image_weight"])  # fmt: skip
    read = portions(corpus, volumes, slices, each)
    batch = min(settings["batch_size"], len(read))
    plan = TrainingPlan(
        epochs_of(settings, arm, len(read)), batch, settings["learning_rate"], weight_decay=settings["weight_decay"],
        warmup_epochs=settings["warmup_epochs"], clip=5.0, seed=seed,
    )  # fmt: skip
    return Job(method, read, np.arange(len(read)), plan, None, settings["device"])


def clustering(
    kind: str, encoder: nn.Module, features: int, crops: Any, samples: int, clusters: Sequence[int], settings: Settings
) -> Clustering:
    """DeepCluster-v2 or SwAV on embeddings of that size."""
    common = {"temperature": settings["temperature"], "hidden": settings["hidden"],
              "projection": settings["projection"]}  # fmt: skip
    if kind == "swav":
        return SwAV(encoder, features, crops, prototypes=settings["prototypes"], **common)
    return DeepClusterV2(encoder, features, crops, samples, clusters=clusters, **common)


def portions_of(settings: Settings, arm: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Volumes and (row, slice) pairs that an arm is pretrained on; every arm sees the same subjects.

    The joint and sequential arms have slices of the subjects that give slices alone and volumes of the others; 2-D only
    has slices of both, 3-D only volumes of both.
    """
    corpus = open_corpus(settings)
    rows = rows_of(corpus)
    each = settings["view_slices"]
    none = np.zeros((0, 2), dtype=np.int64)
    if arm == "volume":
        return rows.everyone(), none
    if arm == "sequential volumes":
        return rows.pretrain, none
    if arm == "sequential slices":
        return none[:, 0], _shuffled(slice_places(corpus, rows.slices, each * len(rows.pretrain)), seed)
    if arm == "joint":
        return rows.pretrain, _shuffled(slice_places(corpus, rows.slices, each * len(rows.pretrain)), seed)
    everyone = rows.everyone()
    return none[:, 0], _shuffled(slice_places(corpus, everyone, each * len(everyone)), seed)


def epochs_of(settings: Settings, arm: str, portions_read: int) -> int:
    """Epochs that send as many slices through the encoder as the joint arm's; half as many for half of a sequence."""
    volumes = len(rows_of(open_corpus(settings)).pretrain)
    passes = settings["epochs"] * volumes * 2  # portions of view_slices slices, two views each
    if arm == "joint":
        return settings["epochs"]
    if arm.startswith("sequential"):
        passes //= 2
    return max(1, round(passes / portions_read))


def _shuffled(places: np.ndarray, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(places)


def classes(corpus: Corpus) -> int:
    """Classes of voxels, background included."""
    return len(class_names(corpus)) + 1
