"""Discriminative features from synthesised pairs (Wang et al., ECCV 2024, 101–117, arXiv 2407.14676)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from helpers.errors import StudyError
from helpers.methods.feature_statistics import FeatureStatistics
from helpers.methods.joint_embedding import shown
from helpers.methods.method import Method, ParameterGroup
from helpers.methods.moco import MoCo
from helpers.methods.simclr import SimCLR

Chosen = Literal["non_discriminative", "all", "random"]


class Synthesised(NamedTuple):
    """Pairs made of a batch's features.

    Attributes:
        original: decoded from the features as they are, (B, C, H, W) in (0, 1).
        perturbed: decoded from the perturbed features.
        changed: which dimensions of which sample were perturbed, bool (B, D).
    """

    original: Tensor
    perturbed: Tensor
    changed: Tensor


class DiscriminativeSynthesis(Method):
    r"""A base method, and the same loss on pairs of decoded images that differ in what does not discriminate.

    .. math:: L = L_{base} + \alpha L_{rec} + \nu L_{pair}

    The features f (B, D) of the first view are decoded twice: as they are, and with noise on those dimensions that
    vary little over the data *and* matter little to the base loss. :math:`L_{rec}` is the mean squared error of the
    first picture against the view. In :math:`L_{pair}` the encoder must find the two pictures alike, by the base's own
    loss.

    The paper leaves open, and here is decided: importance is a sample's own, |∂L/∂f · f|, Grad-CAM's channel weight
    times the pooled channel; "low" is below a quantile of the sample's importances and of the dimensions' variances;
    the noise is normal; the reconstruction's gradient reaches the encoder (else its weight, under Adam, would do
    nothing), the pair's gradient does not reach the decoder; the pair is not augmented, its keys do not enter a queue,
    and batch norms' running statistics are of real images alone; the pair waits until the decoder has had a share of
    the run to learn.

    Args:
        base: the self-supervised method; its encoder is trained.
        decoder: features (B, D) to images like the views.
        features: D.
        variance_share: dimensions that count as of low variance, in [0, 1].
        importance_share: dimensions of a sample that count as of low importance, in [0, 1].
        noise: standard deviation of the noise, in standard deviations of the dimension, >= 0.
        reconstruction_weight: α >= 0; 0.05 in the paper's prototype. At 0 the decoder stays as it starts.
        pair_weight: ν >= 0.
        start_step: steps before the first pair, >= 0.
        perturb: which dimensions: ``"non_discriminative"``, or, for ablation, ``"all"`` or as many at ``"random"``.
        optimiser: of everything but the decoder, which has Adam.
        decoder_rate: the decoder's learning rate as a multiple of the plan's.
    """

    steps_taken: Tensor

    def __init__(
        self, base: MoCo | SimCLR, decoder: nn.Module, features: int, variance_share: float = 0.5,
        importance_share: float = 0.5, noise: float = 1.0, reconstruction_weight: float = 0.05,
        pair_weight: float = 1.0, start_step: int = 0, perturb: Chosen = "non_discriminative",
        optimiser: Literal["sgd", "adam", "adamw"] = "adamw", decoder_rate: float = 1.0,
    ) -> None:  # fmt: skip
        super().__init__()
        for name, share in (("variance_share", variance_share), ("importance_share", importance_share)):
            if not 0 <= share <= 1:
                raise StudyError(f"{name} is {share}; it must be in [0, 1]")
        if min(noise, reconstruction_weight, pair_weight) < 0:
            raise StudyError(
                f"noise ({noise:g}), reconstruction_weight ({reconstruction_weight:g}) and pair_weight "
                f"({pair_weight:g}) must not be negative"
            )
        self.base, self.decoder = base, decoder
        self.statistics = FeatureStatistics(features)
        self.variance_share, self.importance_share, self.noise = variance_share, importance_share, noise
        self.reconstruction_weight, self.pair_weight = reconstruction_weight, pair_weight
        self.start_step, self.perturb = start_step, perturb
        self.optimiser, self.decoder_rate = optimiser, decoder_rate
        self.register_buffer("steps_taken", torch.zeros((), dtype=torch.long))

    @property
    def encoder(self) -> nn.Module:  # type: ignore[override]
        """The base's encoder."""
        return self.base.encoder

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        first, second = self.base.make_views(batch["input"])[:2]
        found = self.base.compare(first, second)
        self.statistics.update(found.features)
        out = {"loss": found.loss, "base_loss": found.loss.detach(), "embedding": shown([found.projections])}
        decoded = None
        if self.reconstruction_weight > 0:
            decoded = self.decoder(found.features)
            error = nn.functional.mse_loss(decoded, first)
            out["loss"] = out["loss"] + self.reconstruction_weight * error
            out["reconstruction_error"] = error.detach()
        if self.pair_weight > 0 and int(self.steps_taken) >= self.start_step:
            pair = self.synthesise(found.features, importance(found.loss, found.features), decoded)
            with statistics_kept(self.base):
                alike = self.base.compare(pair.perturbed, pair.original, remember=False)
            out["loss"] = out["loss"] + self.pair_weight * alike.loss
            out["pair_loss"] = alike.loss.detach()
            out["perturbed_share"] = pair.changed.float().mean()
        return out

    @torch.no_grad()
    def synthesise(self, features: Tensor, importances: Tensor, decoded: Tensor | None = None) -> Synthesised:
        """Decode features as they are and perturbed; nothing of it has a gradient.

        Args:
            features: (B, D).
            importances: of every dimension to every sample's loss, (B, D) >= 0.
            decoded: what the decoder makes of the features, where that is known already.
        """
        variance = self.statistics.variance()
        changed = non_discriminative(variance, importances, self.variance_share, self.importance_share)
        if self.perturb == "all":
            changed = torch.ones_like(changed)
        elif self.perturb == "random":
            changed = as_many_at_random(changed)
        f = features.detach()
        moved = perturbed(f, changed, self.noise * variance.sqrt())
        with statistics_kept(self.decoder):
            original = self.decoder(f) if decoded is None else decoded.detach()
            return Synthesised(original, self.decoder(moved), changed)

    def after_step(self) -> None:
        """The base's own step, and the count of steps."""
        self.base.after_step()
        self.steps_taken += 1

    def parameter_groups(self) -> list[ParameterGroup]:
        """The plan's optimiser for the base, Adam for the decoder."""
        own = [p for p in self.base.parameters() if p.requires_grad]
        groups = [ParameterGroup(own, self.optimiser, momentum=0.9)]
        if self.reconstruction_weight > 0:
            groups.append(ParameterGroup(list(self.decoder.parameters()), "adam", self.decoder_rate))
        return groups


def importance(loss: Tensor, features: Tensor) -> Tensor:
    """How much each feature dimension of each sample matters to a loss: |∂L/∂f · f|, (B, D) >= 0, without gradient.

    Grad-CAM (Selvaraju et al., ICCV 2017, eq. 1) weighs a channel by the mean of the loss's gradient over its map; of
    pooled features that is ∂L/∂f, up to a factor that all dimensions share. Times the pooled channel it is the
    channel's part in the map, summed. The graph is kept for the step's own backward pass.

    Args:
        loss: a scalar.
        features: (B, D), on the way to the loss; a dimension that the loss does not depend on has importance 0.
    """
    (gradient,) = torch.autograd.grad(loss, features, retain_graph=True, allow_unused=True)
    if gradient is None:
        return torch.zeros_like(features)
    return (gradient * features).detach().abs()


def non_discriminative(variance: Tensor, importances: Tensor, variance_share: float, importance_share: float) -> Tensor:
    """Which dimensions of which sample are low in both: bool (B, D).

    Args:
        variance: of every dimension over the data, (D,).
        importances: (B, D).
        variance_share: share of the dimensions that are of low variance; rounded to whole ones.
        importance_share: the same of a sample's importances.
    """
    return _lowest(variance[None], variance_share) & _lowest(importances, importance_share)


def as_many_at_random(chosen: Tensor) -> Tensor:
    """As many dimensions of each sample, drawn at random: bool (B, D)."""
    order = torch.rand(chosen.shape).argsort(dim=1).to(chosen.device)
    return order.argsort(dim=1) < chosen.sum(dim=1, keepdim=True)


def perturbed(features: Tensor, changed: Tensor, scale: Tensor) -> Tensor:
    """Features with normal noise on the chosen dimensions; the others are the same bit for bit.

    Args:
        features: (B, D).
        changed: bool (B, D).
        scale: standard deviation of the noise on each dimension, (D,).
    """
    noise = torch.randn(features.shape).to(features)
    return torch.where(changed, features + noise * scale, features)


def _lowest(values: Tensor, share: float) -> Tensor:
    """The lowest share of each row, bool; ties go to the dimensions that come first."""
    order = values.argsort(dim=1, stable=True).argsort(dim=1)
    return order < round(share * values.shape[1])


@contextmanager
def statistics_kept(module: nn.Module) -> Iterator[None]:
    """Batch norms normalise by the batch as ever, but their running statistics stay as they are."""
    norms: Sequence[nn.modules.batchnorm._BatchNorm] = [
        m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)
    ]
    before = [norm.momentum for norm in norms]
    counts = [None if norm.num_batches_tracked is None else norm.num_batches_tracked.clone() for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum, count in zip(norms, before, counts, strict=True):
            norm.momentum = momentum
            if count is not None and norm.num_batches_tracked is not None:
                norm.num_batches_tracked.copy_(count)
