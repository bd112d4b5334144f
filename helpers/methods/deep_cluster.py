"""DeepCluster-v2: classify images into clusters of their own features (Caron et al., NeurIPS 2020, app. A)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from helpers.errors import StudyError
from helpers.methods.joint_embedding import apply_to_views, shown
from helpers.methods.method import Method
from helpers.networks.heads import Projector
from helpers.objectives.prototypes import cluster_prediction, spherical_k_means
from helpers.views.multi_crop import MultiCrop


class DeepClusterV2(Method):
    """Spherical k-means of all projections at every epoch's start; its centroids are the classifier's weights.

    Centroids are set, not trained. Crops of one size go through the encoder together, as in the authors' code. The
    paper clusters what the last epoch's crops gave; here it is what the encoder gives the images themselves, without
    augmentation, at the start of the epoch.

    Batches carry ``"input"`` (B, C, H, W) and ``"position"`` int64 (B,), where each sample stands among the training
    rows; the training loop adds it.

    Args:
        encoder: images of every crop's size (B, C, H, W) to embeddings (B, embedding_size).
        embedding_size: of the encoder.
        crops: of the images.
        samples: n, training rows.
        clusters: K of each of several k-means, <= n; three of 3000 in the paper.
        temperature: τ > 0; 0.1 in the paper.
        iterations: of k-means, 10 in the paper.
        hidden, projection: sizes of the projector, 2048 and 128 in the paper.
    """

    assignments: Tensor

    def __init__(
        self, encoder: nn.Module, embedding_size: int, crops: MultiCrop, samples: int,
        clusters: Sequence[int] = (64, 64, 64), temperature: float = 0.1, iterations: int = 10, hidden: int = 512,
        projection: int = 128,
    ) -> None:  # fmt: skip
        super().__init__()
        if not clusters or min(clusters) < 2 or max(clusters) > samples:
            raise StudyError(f"clusters {list(clusters)} of {samples} samples: each must be in 2 to {samples}")
        self.encoder, self.crops = encoder, crops
        self.projector = Projector(embedding_size, hidden, projection)
        self.temperature, self.iterations = temperature, iterations
        self.clusters = tuple(clusters)
        for head, count in enumerate(clusters):
            self.register_buffer(f"centroids{head}", nn.functional.normalize(torch.randn(count, projection), dim=1))
        self.register_buffer("assignments", torch.full((len(clusters), samples), -1, dtype=torch.long))

    def wants_features(self) -> bool:
        return True

    @torch.no_grad()
    def on_epoch_start(self, features: Tensor | None) -> None:
        """Cluster anew from the encoder's features (n, D)."""
        if features is None or len(features) != self.assignments.shape[1]:
            given = "none" if features is None else str(len(features))
            raise StudyError(
                f"DeepClusterV2 was made for {self.assignments.shape[1]} samples; features of {given} came"
            )
        modes = [(module, module.training) for module in self.projector.modules()]
        self.projector.eval()
        projected = self.projector(features.to(self.assignments.device))  # (n, d)
        for module, training in modes:  # parts that were frozen in evaluation mode stay in it
            module.training = training
        for head, count in enumerate(self.clusters):
            centroids, nearest = spherical_k_means(projected, count, self.iterations)
            self.get_buffer(f"centroids{head}").copy_(centroids)
            self.assignments[head] = nearest

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        z = [
            nn.functional.normalize(projection, dim=1)
            for same_size in self.crops(batch["input"])
            for projection in apply_to_views(lambda crop: self.projector(self.encoder(crop)), same_size, together=True)
        ]  # (B, d) each
        losses = []
        for head in range(len(self.clusters)):
            centroids = self.get_buffer(f"centroids{head}")
            scores = [projection @ centroids.mT for projection in z]
            losses.append(cluster_prediction(scores, self.assignments[head, batch["position"]], self.temperature))
        return {"loss": torch.stack(losses).mean(), "embedding": shown(z[: self.crops.counts[0]])}
