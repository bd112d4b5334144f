"""Joint image-volume learning: clusters of slices, masked slice embeddings, and agreement of volumes.

Nguyen et al., *Joint self-supervised image-volume representation learning with intra-inter contrastive clustering*,
AAAI 2023 (arXiv 2212.01893).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from helpers.errors import StudyError
from helpers.methods.deep_cluster import DeepClusterV2
from helpers.methods.method import Method
from helpers.methods.swav import SwAV
from helpers.networks.slice_transformer import VolumeEncoder
from helpers.objectives.masked_tokens import masked_prediction, token_mask
from helpers.views.volumes import VolumeViews

Clustering = DeepClusterV2 | SwAV
_ROWS = 8  # rows embedded at once: a volume is as large as many images


class GivenViews:
    """Stands for crops where the two views are there already: (B, 2, D) → [[(B, D), (B, D)]]."""

    counts = (2,)

    def __call__(self, views: Tensor, _generator: torch.Generator | None = None) -> list[list[Tensor]]:
        return [list(views.unbind(1))]


class VolumeTask(nn.Module):
    """What is learned from whole volumes: masked embedding prediction, and agreement of two views by clustering.

    Two random views of each volume become slice tokens. A share of them is hidden behind a learned token, and the
    transformer predicts those from the others (mean squared error, :func:`masked_prediction`). With nothing hidden, the
    mean over the transformer's output is the volume's embedding, whose two views must agree by clusters.

    Args:
        encoder: of volumes, with its slice tokens and transformer.
        views: of volumes.
        agreement: clusters the volume's embeddings; its own encoder is the identity and its crops
            :class:`GivenViews`. None to leave it out.
        masked_share: of the tokens, in (0, 1); 0 to leave the prediction out. 0.1 in the paper.
        masked_weight: of the prediction beside the agreement.
    """

    def __init__(
        self, encoder: VolumeEncoder, views: VolumeViews, agreement: Clustering | None, masked_share: float = 0.1,
        masked_weight: float = 1.0,
    ) -> None:  # fmt: skip
        super().__init__()
        if agreement is None and masked_share == 0:
            raise StudyError("a volume task needs agreement, masked prediction, or both")
        width = encoder.tokens.mix.out_channels
        self.encoder, self.views, self.agreement = encoder, views, agreement
        self.masked_share, self.masked_weight = masked_share, masked_weight
        if masked_share:
            self.hidden_token = nn.Parameter(torch.randn(width) * width**-0.5)
            self.predictor = nn.Linear(width, width)

    def losses(self, volumes: Tensor, position: Tensor) -> dict[str, Tensor]:
        """Of volumes (B, C, D, H, W): ``"masked"`` and ``"agreement"``, as far as asked for, and ``"embedding"``,
        the slice tokens that the collapse watch looks at."""
        views = torch.cat([self.views(volumes), self.views(volumes)])  # (2B, C, T, size, size)
        tokens = self.encoder.tokens(views)  # (2B, T, width)
        embedding = self.encoder.transformer(tokens).mean(dim=1)  # (2B, width)
        found = {"embedding": tokens.detach().flatten(0, 1)}
        if self.masked_share:
            found["masked"] = self.prediction_loss(tokens)
        if self.agreement is not None:
            pairs = torch.stack(list(embedding.chunk(2)), dim=1)  # (B, 2, width)
            out = self.agreement.training_step({"input": pairs, "position": position})
            found["agreement"] = out["loss"]
        return found

    def prediction_loss(self, tokens: Tensor) -> Tensor:
        """The error of predicting hidden slice tokens (B, T, width) from the others."""
        hidden = token_mask(len(tokens), tokens.shape[1], self.masked_share).to(tokens.device)
        seen = torch.where(hidden[..., None], self.hidden_token, tokens)
        return masked_prediction(self.predictor(self.encoder.transformer(seen)), tokens, hidden)


class JointEncoder(nn.Module):
    """Features of both kinds for re-clustering: of volumes, and of the slices that come with each.

    Args:
        slices: encoder of slices (B, C, H, W) to (B, E).
        volumes: encoder of volumes on the same slice encoder; None where volumes take no part.
    """

    def __init__(self, slices: nn.Module, volumes: VolumeEncoder | None) -> None:
        super().__init__()
        self.slices, self.volumes = slices, volumes

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """``"volume"`` (B, C, D, H, W) and ``"slices"`` (B, m, C, H, W), as far as there → (B, width + m·E)."""
        count = max(len(tensor) for tensor in batch.values())
        return torch.cat([self._of({k: t[i : i + _ROWS] for k, t in batch.items()}) for i in range(0, count, _ROWS)])

    def _of(self, batch: dict[str, Tensor]) -> Tensor:
        parts = []
        if "volume" in batch and self.volumes is not None:
            parts.append(self.volumes(batch["volume"]))
        if "slices" in batch:
            parts.append(self.slices(batch["slices"].flatten(0, 1)).unflatten(0, batch["slices"].shape[:2]).flatten(1))
        return torch.cat(parts, dim=1)


class JointImageVolume(Method):
    """The 2-D task on slices and the 3-D task on volumes, each where it is given, on one slice encoder.

    Batches carry ``"slices"`` (B, m, C, H, W) for the 2-D task, ``"volume"`` (B, C, D, H, W) for the 3-D task, and
    ``"position"`` int64 (B,). Slices and volumes of a row need not belong together: a row is a portion of each corpus.

    Args:
        encoder: see :class:`JointEncoder`.
        image_task: DeepCluster-v2 or SwAV on the slice encoder; None for 3-D only.
        volume_task: see :class:`VolumeTask`; None for 2-D only.
        image_weight: of the 2-D loss beside the 3-D one.
    """

    encoder: JointEncoder

    def __init__(
        self, encoder: JointEncoder, image_task: Clustering | None, volume_task: VolumeTask | None,
        image_weight: float = 1.0,
    ) -> None:  # fmt: skip
        super().__init__()
        if image_task is None and volume_task is None:
            raise StudyError("joint learning needs a 2-D task, a 3-D task, or both")
        self.encoder, self.image_task, self.volume_task = encoder, image_task, volume_task
        self.image_weight = image_weight

    def clusterings(self) -> dict[str, Clustering]:
        """What clusters, by ``"slices"`` and ``"volume"``."""
        found: dict[str, Clustering] = {}
        if self.volume_task is not None and self.volume_task.agreement is not None:
            found["volume"] = self.volume_task.agreement
        if self.image_task is not None:
            found["slices"] = self.image_task
        return found

    def wants_features(self) -> bool:
        return any(task.wants_features() for task in self.clusterings().values())

    def on_epoch_start(self, features: Tensor | None) -> None:
        """Cluster anew, each task from its own part of the features."""
        given: dict[str, Tensor | None] = {"volume": None, "slices": None}
        if features is not None:
            wide = self.encoder.volumes.tokens.mix.out_channels if self.volume_task and self.encoder.volumes else 0
            given["volume"] = features[:, :wide]
            if self.image_task is not None:
                first = self.image_task.projector[0]
                assert isinstance(first, nn.Linear)
                given["slices"] = features[:, wide:].reshape(-1, first.in_features)
        for kind, task in self.clusterings().items():
            task.on_epoch_start(given[kind] if task.wants_features() else None)

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        total: list[Tensor] = []
        position = batch.get("position", torch.zeros(0, dtype=torch.long))
        if self.volume_task is not None:
            found = self.volume_task.losses(batch["volume"], position)
            if "masked" in found:
                total.append(self.volume_task.masked_weight * found["masked"])
            if "agreement" in found:
                total.append(found["agreement"])
        if self.image_task is not None:
            each = batch["slices"].shape[1]
            at = (position[:, None] * each + torch.arange(each, device=position.device)).flatten()
            out = self.image_task.training_step({"input": batch["slices"].flatten(0, 1), "position": at})
            found |= {"slices": out["loss"], "embedding": out["embedding"]}
            total.append(self.image_weight * out["loss"])
        return found | {"loss": torch.stack(total).sum()}

    def after_step(self) -> None:
        for task in self.clusterings().values():
            task.after_step()
