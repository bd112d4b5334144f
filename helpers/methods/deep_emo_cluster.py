"""DeepEmoCluster: chunks of speech classified into clusters of themselves while attributes are regressed.

Lin, Sridhar & Busso, *DeepEmoCluster: a semi-supervised framework for latent cluster representation of speech
emotions*, ICASSP 2021.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from helpers.errors import StudyError
from helpers.methods.chunk_regression import ChunkRegressor
from helpers.methods.method import ParameterGroup
from helpers.networks.chunk_networks import ChunkEncoder
from helpers.objectives.prototypes import k_means


def balanced_order(clusters: np.ndarray, batch_size: int, rng: np.random.Generator) -> np.ndarray:
    """An epoch in which every batch holds each cluster equally often, to within one.

    A cluster's samples take turns in random order and start again when all have had theirs, so that small clusters are
    repeated and of large ones a part is left for later epochs. Which clusters get the places that are left over changes
    from batch to batch.

    Args:
        clusters: of the samples, int (n,); numbers that no sample has do not count.
        batch_size: samples a batch; more than there are becomes one batch of all places.
        rng: source of randomness.

    Returns:
        Places among the samples, int64 (batches · batch_size,), as many whole batches as there are in n samples.
    """
    members = [rng.permutation(np.flatnonzero(clusters == k)) for k in np.unique(clusters)]
    size = min(batch_size, len(clusters))
    batches = max(1, len(clusters) // size)
    taken = [0] * len(members)
    order = []
    spare = rng.permutation(len(members))
    for _ in range(batches):
        share = np.full(len(members), size // len(members))
        extra = size - int(share.sum())
        share[spare[:extra]] += 1
        spare = np.roll(spare, -extra)
        batch = []
        for k, count in enumerate(share):
            for _ in range(count):
                if taken[k] == len(members[k]):
                    members[k], taken[k] = rng.permutation(members[k]), 0
                batch.append(members[k][taken[k]])
                taken[k] += 1
        order.append(rng.permutation(np.array(batch, dtype=np.int64)))
    return np.concatenate(order)


class DeepEmoCluster(ChunkRegressor):
    """k-means of the chunks at every epoch's start, separate for unlabelled and labelled ones; a fresh class layer each
    time; batches that hold every cluster equally often; cross-entropy + (1 − CCC).

    What is clustered is the hidden layer of the class head before its ReLU, as in the released code. That code meant
    its batches to be balanced too, but its sampler's numbers pointed into a list that had been sorted anew.

    Args:
        clusters: K, in the paper 10 for arousal, 30 for dominance and valence; at most the chunks of either kind.
        class_rate: SGD's learning rate of the class layer as a multiple of the plan's; 0.05 / 0.001 in the paper.
        iterations: of k-means, 20 in the released code.
        options: see :class:`helpers.methods.chunk_regression.ChunkRegressor`.

    Attributes:
        assignments: last cluster of every training chunk, int64 (n,); −1 before the first.
        nmi: normalised mutual information of the last two clusterings of the labelled chunks; −1 before there are two.
    """

    assignments: Tensor
    nmi: Tensor

    def __init__(
        self, encoder: ChunkEncoder, attributes: int, labelled: int, unlabelled: int = 0, clusters: int = 10,
        class_rate: float = 50.0, iterations: int = 20, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(encoder, attributes, labelled, unlabelled, **options)
        fewest = min(labelled, unlabelled or labelled)
        if not 2 <= clusters <= fewest:
            raise StudyError(f"clusters ({clusters}) must be in 2 to the {fewest} chunks there are")
        self.clusters, self.class_rate, self.iterations = clusters, class_rate, iterations
        self.hidden = nn.Linear(encoder.features, encoder.features)
        self.class_layer = nn.Linear(encoder.features, clusters)
        self.register_buffer("assignments", torch.full((labelled + unlabelled,), -1, dtype=torch.long))
        self.register_buffer("nmi", torch.tensor(-1.0))

    def wants_features(self) -> bool:
        return True

    @torch.no_grad()
    def on_epoch_start(self, features: Tensor | None) -> None:
        """Cluster the epoch's chunks anew from their embeddings (n, D), and start the class layer afresh."""
        super().on_epoch_start(features)
        first = self.unlabelled if self.labelled_now else 0
        count = self.labelled if self.labelled_now else self.unlabelled
        if features is None or len(features) != count:
            raise StudyError(f"DeepEmoCluster expects embeddings of {count} chunks in this epoch")
        hidden = self.hidden(features.to(self.assignments.device))
        _, nearest = k_means(hidden, self.clusters, self.iterations)
        before = self.assignments[first : first + count].clone()
        self.assignments[first : first + count] = nearest
        if self.labelled_now and int(before.min()) >= 0:
            self.nmi.fill_(agreement(before, nearest))
        nn.init.normal_(self.class_layer.weight, std=0.01)
        nn.init.zeros_(self.class_layer.bias)

    def order(self, positions: np.ndarray, batch_size: int, rng: np.random.Generator) -> np.ndarray:
        clusters = self.assignments[torch.as_tensor(positions)].cpu().numpy()
        return positions[balanced_order(clusters, batch_size, rng)]

    def task(self, batch: dict[str, Tensor], embedding: Tensor) -> dict[str, Tensor]:
        scores = self.class_layer(torch.relu(self.hidden(embedding)))  # (B, K)
        return {"cluster_loss": nn.functional.cross_entropy(scores, self.assignments[batch["position"]])}

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        found = super().training_step(batch)
        return found | {"nmi": self.nmi} if self.labelled_now and float(self.nmi) >= 0 else found

    def task_parameters(self) -> list[nn.Parameter]:
        return list(self.hidden.parameters())

    def parameter_groups(self) -> list[ParameterGroup]:
        return [
            *super().parameter_groups(),
            ParameterGroup(list(self.class_layer.parameters()), "sgd", self.class_rate),
        ]


def agreement(first: Tensor, second: Tensor) -> float:
    """Normalised mutual information of two clusterings of the same samples, in [0, 1]; 1 where they are the same."""
    from sklearn.metrics import normalized_mutual_info_score

    return float(normalized_mutual_info_score(first.cpu().numpy(), second.cpu().numpy()))
