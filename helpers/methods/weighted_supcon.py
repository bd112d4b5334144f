"""SupCon whose samples are weighted by a Meta-Weight-Net that a small clean set teaches.

Ramachandran & Rattani, IJCB 2024 (arXiv 2407.10104): supervised contrastive learning on pseudo-labels with meta-learned
weights. The paper leaves the meta loss open; here it is SupCon too, on clean images with their true labels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, vjp

from helpers.errors import StudyError
from helpers.methods.joint_embedding import Views, apply_to_views, shown
from helpers.methods.meta_weighting import Parameters, meta_gradient, weighted_mean
from helpers.methods.supcon import SupCon
from helpers.networks.weight_net import WeightNet
from helpers.objectives.gathering import processes
from helpers.objectives.supervised_contrastive import supervised_contrastive, supervised_contrastive_each


def relative(weights: Tensor) -> Tensor:
    """Weights (B,) over their mean: what a batch is told apart by, without how much of it counts."""
    return weights / weights.mean().clamp_min(1e-6)


class _Chain(nn.Module):
    """Encoder and projector in a row, under one set of parameter names."""

    def __init__(self, encoder: nn.Module, projector: nn.Module) -> None:
        super().__init__()
        self.encoder, self.projector = encoder, projector

    def forward(self, images: Tensor) -> Tensor:
        return self.projector(self.encoder(images))


class WeightedSupCon(SupCon):
    """SupCon with w_i = σ(MLP(l_i)) on each image's loss, the MLP learned on a clean meta set.

    A step draws views; the weights of now make a virtual step of the encoder and projector (plain gradient descent);
    the clean loss there moves the weight network (Adam, every ``meta_every``-th step); then the loss (1/B)·Σ w_i·l_i
    with the new weights is returned. One forward pass serves the virtual and the real step.

    Two things that the paper leaves open: weights are divided by their mean over the batch, as the authors of learned
    weights do (Ren et al., ICML 2018, eq. 7), since else all of them rise or fall together with whether the virtual
    step is too short or too long; and the network sees a loss less log(V·B − 1), which is what a representation that
    knows nothing has, so that its input lies about 0.

    Batches carry ``"input"`` (B, C, H, W) and ``"label"`` int64 (B,), negative where unknown.

    Args:
        encoder: images (B, C, H, W) to embeddings (B, embedding_size).
        embedding_size: of the encoder.
        views: makes one random view of a batch, or one maker a view.
        meta_images: clean images, float (m, C, H, W) in [0, 1]; part of the data, not of the state.
        meta_labels: their true classes, int64 (m,).
        temperature, hidden, projection, count: as in :class:`SupCon`.
        meta_batch: clean images a virtual step, at most m.
        meta_every: steps from one update of the weight network to the next, >= 1; 1 in the paper.
        meta_rate: learning rate of Adam for it; 1e-3 in the paper.
        virtual_rate: α of the virtual step.
        weight_hidden: hidden units of the weight network; 100 in the paper.
    """

    meta_images: Tensor
    meta_labels: Tensor
    meta_loss: Tensor
    steps_taken: Tensor

    def __init__(
        self, encoder: nn.Module, embedding_size: int, views: Views | Sequence[Views], meta_images: Tensor,
        meta_labels: Tensor, temperature: float = 0.1, hidden: int = 512, projection: int = 128, count: int = 2,
        meta_batch: int = 64, meta_every: int = 1, meta_rate: float = 1e-3, virtual_rate: float = 0.1,
        weight_hidden: int = 100,
    ) -> None:  # fmt: skip
        super().__init__(encoder, embedding_size, views, temperature, hidden, projection, count)
        self.weight_net = WeightNet(weight_hidden).requires_grad_(False)  # has an optimiser of its own
        self.register_buffer("meta_images", meta_images, persistent=False)
        self.register_buffer("meta_labels", meta_labels, persistent=False)
        self.register_buffer("steps_taken", torch.zeros((), dtype=torch.long))
        self.register_buffer("meta_loss", torch.full((), torch.nan))  # the last one
        self.meta_batch, self.meta_every, self.virtual_rate = (
            min(meta_batch, len(meta_labels)),
            meta_every,
            virtual_rate,
        )
        self.weight_adam = _Adam(self.weight_net, meta_rate)

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        if processes() > 1:
            raise StudyError("a Meta-Weight-Net is taught in one process; set processes: 1")
        views = self.make_views(batch["input"])
        z = self.projections(views)
        losses = supervised_contrastive_each(z, batch["label"], self.temperature)  # (B,)
        if int(self.steps_taken) % self.meta_every == 0:
            self.meta_loss.copy_(self._learn_weights(losses, views, batch["label"]))
        excess = self._excess(losses.detach())
        weights = relative(self.weight_net(excess))
        return {"loss": weighted_mean(weights, losses), "meta_loss": self.meta_loss, "embedding": shown(z)}

    @torch.no_grad()
    def weights_of(self, losses: Tensor) -> Tensor:
        """Weights in (0, 1) that the losses (n,) of one batch of n images get now, (n,), before they are divided."""
        return self.weight_net(self._excess(losses))

    def _excess(self, losses: Tensor) -> Tensor:
        return losses - math.log(len(self.views) * len(losses) - 1)

    def after_step(self) -> None:
        """Count."""
        self.steps_taken += 1

    def _learn_weights(self, losses: Tensor, views: list[Tensor], labels: Tensor) -> Tensor:
        """Move the weight network by the clean loss after the virtual step; returns that loss."""
        chain = _Chain(self.encoder, self.projector)
        parameters: Parameters = {name: p for name, p in chain.named_parameters() if p.requires_grad}
        excess = self._excess(losses.detach())
        weights = relative(self.weight_net(excess))
        gradient = torch.autograd.grad(weighted_mean(weights, losses), list(parameters.values()), retain_graph=True)
        chosen = torch.randperm(len(self.meta_labels))[: self.meta_batch].to(self.meta_labels.device)
        clean_views, clean_labels = self.make_views(self.meta_images[chosen]), self.meta_labels[chosen]

        def projected(at: Parameters, inputs: Sequence[Tensor]) -> list[Tensor]:
            buffers = {
                name: b.clone() for name, b in chain.named_buffers()
            }  # norms' running statistics stay as they are
            return apply_to_views(lambda x: functional_call(chain, (at, buffers), (x,)), inputs, self.together)

        found = meta_gradient(
            lambda at: supervised_contrastive_each(projected(at, views), labels, self.temperature),
            lambda at: supervised_contrastive(projected(at, clean_views), clean_labels, self.temperature),
            parameters,
            dict(zip(parameters, gradient, strict=True)),
            self.virtual_rate,
            len(losses),
        )
        self.weight_adam.step(self.weight_net, excess, found.weights)
        return found.meta_loss


class _Adam(nn.Module):
    """Adam (Kingma & Ba, ICLR 2015) on the weight network, driven by gradients of its outputs; its state is buffers."""

    first: Tensor
    second: Tensor
    count: Tensor

    def __init__(self, network: WeightNet, rate: float) -> None:
        super().__init__()
        self.rate = rate
        size = sum(p.numel() for p in network.parameters())
        self.register_buffer("first", torch.zeros(size))
        self.register_buffer("second", torch.zeros(size))
        self.register_buffer("count", torch.zeros(()))

    def step(self, network: WeightNet, losses: Tensor, of_weights: Tensor) -> None:
        """One step from inputs (B,) and the gradient with respect to the relative weights they get (B,)."""
        at = {name: p.detach() for name, p in network.named_parameters()}
        pullback = vjp(lambda parameters: relative(functional_call(network, parameters, (losses,))), at)[1]
        (gradients,) = pullback(of_weights)
        g = torch.cat([gradients[name].reshape(-1) for name in at])
        self.count += 1
        self.first.lerp_(g, 0.1)  # β₁ = 0.9
        self.second.lerp_(g * g, 1e-3)  # β₂ = 0.999
        away = (self.second / (1 - 0.999**self.count)).sqrt() + 1e-8
        change = -self.rate * self.first / (1 - 0.9**self.count) / away
        for p, part in zip(network.parameters(), change.split([p.numel() for p in at.values()]), strict=True):
            p.data += part.view_as(p)
