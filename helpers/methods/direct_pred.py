"""DirectPred: non-contrastive learning whose linear predictor is set from statistics (Tian, Chen & Ganguli 2021)."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from helpers.errors import StudyError
from helpers.methods.method import Method, update_average
from helpers.networks.heads import LinearPredictor, Projector, TwoLayerPredictor
from helpers.objectives.gathering import mean_over_processes
from helpers.objectives.similarity import symmetric_cosine_regression
from helpers.views.images import ImageViews

PredictorKind = Literal["two_layer", "linear", "direct_pred", "direct_copy", "none"]


def direct_pred_weight(moment: Tensor, epsilon: float) -> Tensor:
    r"""DirectPred's predictor (Tian et al., ICML 2021, arXiv 2102.06810, §5).

    .. math::
        F = U\,\mathrm{diag}(s)\,U^\top,\quad p_j=\sqrt{s_j}+\epsilon\max_k\sqrt{s_k},\quad
        W_p=U\,\mathrm{diag}(p)\,U^\top

    Args:
        moment: F, symmetric positive semi-definite (d, d); eigenvalues that rounding made negative count as 0.
        epsilon: ε ≥ 0; how much of the largest eigenvalue's root every direction gets.

    Returns:
        W_p, symmetric (d, d), with F's eigenvectors.
    """
    s, u = torch.linalg.eigh(moment)
    root = s.clamp(min=0).sqrt()
    weight = (u * (root + epsilon * root.max())) @ u.mT
    return (weight + weight.mT) / 2


def direct_copy_weight(moment: Tensor, epsilon: float) -> Tensor:
    """DirectCopy's predictor `F/‖F‖ + εI`, with the spectral norm (Wang et al. 2021, arXiv 2110.04947).

    DirectPred's paper writes `F + εI`; dividing by the norm makes ε relative, as it is in DirectPred.

    Args:
        moment: F, symmetric positive semi-definite (d, d).
        epsilon: ε ≥ 0.

    Returns:
        W_p, symmetric (d, d).
    """
    scale = torch.linalg.matrix_norm(moment, 2).clamp(min=torch.finfo(moment.dtype).tiny)
    return moment / scale + epsilon * torch.eye(len(moment), dtype=moment.dtype, device=moment.device)


def alignment(weight: Tensor, moment: Tensor) -> float:
    """How far the eigenspaces of W_p and F agree: `1 − ‖FW − WF‖ / (√2 ‖F‖ ‖W‖)` with Frobenius norms.

    Two symmetric matrices share their eigenvectors exactly where they commute; `‖FW − WF‖ ≤ √2 ‖F‖ ‖W‖` for any two
    (Böttcher & Wenzel 2008), so the value is in [0, 1] and 1 means aligned. W_p enters with its symmetric part.
    """
    w = (weight + weight.mT) / 2
    scale = 2**0.5 * torch.linalg.matrix_norm(moment) * torch.linalg.matrix_norm(w)
    if scale == 0:
        return 1.0
    return float(1 - torch.linalg.matrix_norm(moment @ w - w @ moment) / scale)


def matched_eigenvectors(weight: Tensor, moment: Tensor) -> Tensor:
    """Cosine between each eigenvector u_j of F and `W_p u_j`, strongest eigenvalue of F first, (d,) in [−1, 1].

    1 means that u_j is an eigenvector of W_p too (with a positive eigenvalue); it is the measure of the paper's figure.
    """
    _, u = torch.linalg.eigh(moment)
    image = weight @ u
    return nn.functional.cosine_similarity(image, u, dim=0).flip(0)


@dataclass(frozen=True)
class Arm:
    """One cell of the paper's ablation.

    Attributes:
        predictor: ``"two_layer"``, ``"linear"`` (both by gradient), ``"direct_pred"``, ``"direct_copy"`` or ``"none"``.
        ema: momentum of the target network in [0, 1); None: the target is the online network itself.
        stop_gradient: whether the target branch is cut off from the gradient. False asks for ``ema`` None: a moving
            average is not the outcome of a computation that a gradient could flow through.
        rho: ρ in [0, 1), memory of F.
        epsilon: ε ≥ 0 of the closed-form predictors.
        every: steps between two settings of W_p, ≥ 1; above 1 gradient descent moves W_p in between.
    """

    predictor: PredictorKind = "direct_pred"
    ema: float | None = 0.996
    stop_gradient: bool = True
    rho: float = 0.3
    epsilon: float = 0.1
    every: int = 1

    def __post_init__(self) -> None:
        if self.predictor not in get_args(PredictorKind):
            allowed = ", ".join(get_args(PredictorKind))
            raise StudyError(f"predictor: {self.predictor!r} is unknown; allowed: {allowed}")
        if self.ema is not None and not 0 <= self.ema < 1:
            raise StudyError(f"ema is {self.ema}; it must be in [0, 1), or absent for no moving average")
        if self.ema is not None and not self.stop_gradient:
            raise StudyError("without stop-gradient there is no moving-average target; leave ema out")
        if not 0 <= self.rho < 1 or self.epsilon < 0 or self.every < 1:
            raise StudyError(
                f"rho ({self.rho}) must be in [0, 1), epsilon ({self.epsilon}) >= 0 and every ({self.every}) >= 1"
            )

    @property
    def closed_form(self) -> bool:
        """Whether W_p is set from F."""
        return self.predictor in ("direct_pred", "direct_copy")


class DirectPred(Method):
    """Online network, predictor and target: BYOL, SimSiam, DirectPred and DirectCopy as arms of one method.

    The loss is `2 − 2cos` of the predictor's output for one view and the target's projection of the other, over both
    directions. F is the uncentred second moment E[f fᵀ] of the online projections f before the predictor, as they
    come (not normalised), over both views and all processes; it starts at 0 and W_p as the identity. It is updated
    in every arm, so that the arms' eigenspaces can be compared, and sets W_p in the closed-form ones.

    Args:
        encoder: images (B, C, H, W) to embeddings (B, embedding_size).
        embedding_size: of the encoder.
        views: makes one random view of a batch.
        arm: what is compared.
        hidden: width of the hidden layer of projector and two-layer predictor.
        projection: d, size of the projection.
    """

    moment: Tensor
    steps: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        embedding_size: int,
        views: ImageViews,
        arm: Arm,
        hidden: int = 512,
        projection: int = 128,
    ) -> None:
        super().__init__()
        self.views, self.arm = views, arm
        self.encoder = encoder
        self.projector = Projector(embedding_size, hidden, projection)
        self.predictor = _predictor(arm, projection, hidden)
        self.register_buffer("moment", torch.zeros(projection, projection))  # F
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self.target: nn.Module | None = None
        if arm.ema is not None:
            self.target = copy.deepcopy(nn.Sequential(self.encoder, self.projector)).requires_grad_(False)
        self._batch_moment: list[Tensor] = []  # parts of the batch under way; empty between steps

    def project(self, images: Tensor) -> Tensor:
        """Online projections f, (B, d)."""
        return self.projector(self.encoder(images))

    def training_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        first, second = self.views(batch["input"]), self.views(batch["input"])
        online = self.project(first), self.project(second)  # (B, d) each
        loss = symmetric_cosine_regression(
            (self.predictor(online[0]), self.predictor(online[1])), self._targets(first, second, online)
        )
        f = torch.cat(online).detach().float()  # (2B, d)
        self._batch_moment.append(f.mT @ f / len(f))
        return {"loss": loss, "embedding": f}

    def _targets(self, first: Tensor, second: Tensor, online: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        if self.target is not None:
            with torch.no_grad():
                return self.target(first), self.target(second)
        if self.arm.stop_gradient:
            return online[0].detach(), online[1].detach()
        return online

    @torch.no_grad()
    def after_step(self) -> None:
        """F, then W_p, then the target: the paper's order."""
        if self._batch_moment:
            batch_moment = mean_over_processes(torch.stack(self._batch_moment).mean(0))
            self.moment.mul_(self.arm.rho).add_(batch_moment, alpha=1 - self.arm.rho)
            self._batch_moment.clear()
        self.steps += 1
        due = self.arm.closed_form and int(self.steps) % self.arm.every == 0
        if due and isinstance(self.predictor, LinearPredictor):
            formula = direct_pred_weight if self.arm.predictor == "direct_pred" else direct_copy_weight
            self.predictor.set_weight(formula(self.moment, self.arm.epsilon))
        if self.target is not None and self.arm.ema is not None:
            update_average(self.target, nn.Sequential(self.encoder, self.projector), self.arm.ema)


def _predictor(arm: Arm, features: int, hidden: int) -> nn.Module:
    if arm.predictor == "two_layer":
        return TwoLayerPredictor(features, hidden)
    if arm.predictor == "linear":
        return LinearPredictor(features)
    if arm.predictor == "none":
        return nn.Identity()
    predictor = LinearPredictor(features, trained=arm.every > 1)
    predictor.set_weight(torch.eye(features))
    return predictor
