"""What joint-embedding methods share: views of a batch, encoder, projector, and pairs of views."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor, nn

from helpers.errors import StudyError
from helpers.methods.method import Method

Views = Callable[[Tensor], Tensor]


class Compared(NamedTuple):
    """What came of comparing two views: the loss, the first view's features (B, D), and projections of them (B', d)."""

    loss: Tensor
    features: Tensor
    projections: Tensor


class JointEmbedding(Method):
    """Several random views of a batch through one encoder and projector.

    Args:
        encoder: images (B, C, H, W) to embeddings (B, embedding_size).
        projector: embeddings to projections (B, d).
        views: makes one random view of a batch; or one such maker a view, where the views differ in kind.
        count: views of each image, >= 2; given by ``views`` where that is a sequence.

    A subclass says whether its views go through the encoder in one forward pass (``together``), so that a batch norm
    sees all of them at once, or one after the other, each with statistics of its own.
    """

    together: bool = True

    def __init__(
        self, encoder: nn.Module, projector: nn.Module, views: Views | Sequence[Views], count: int = 2
    ) -> None:
        super().__init__()
        self.encoder, self.projector = encoder, projector
        self.views: list[Views] = list(views) if isinstance(views, Sequence) else [views] * count
        if len(self.views) < 2:
            raise StudyError(f"{type(self).__name__} compares views of an image; {len(self.views)} is too few")

    def make_views(self, images: Tensor) -> list[Tensor]:
        """One random view of the batch from every maker."""
        return [make(images) for make in self.views]

    def project(self, images: Tensor) -> Tensor:
        """Projections of images, (B, d)."""
        return self.projector(self.encoder(images))

    def projections(self, views: Sequence[Tensor]) -> list[Tensor]:
        """Projections of each view, (B, d) each."""
        return apply_to_views(self.project, views, self.together)


def apply_to_views(network: Callable[[Tensor], Tensor], views: Sequence[Tensor], together: bool) -> list[Tensor]:
    """A network's outputs for each view, from one forward pass over all of them or from one each."""
    if together:
        return list(network(torch.cat(list(views))).chunk(len(views)))
    return [network(view) for view in views]


def pairs(count: int) -> Iterator[tuple[int, int]]:
    """All pairs of views, each once."""
    return combinations(range(count), 2)


def frozen_copy(*modules: nn.Module) -> nn.Sequential:
    """A momentum network at its start: the modules in a row, copied, without gradient."""
    return copy.deepcopy(nn.Sequential(*modules)).requires_grad_(False)


def shown(projections: Sequence[Tensor]) -> Tensor:
    """All views' projections for the collapse watch, (V·B, d), without gradient."""
    return torch.cat(list(projections)).detach().float()
