"""What a frozen encoder's features are worth: k nearest neighbours and linear probe at label fractions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from helpers.data.labelled_rows import label_subset as label_subset
from helpers.errors import StudyError


@torch.no_grad()
def knn_predict(
    train_features: Tensor, train_labels: Tensor, features: Tensor, k: int = 20, temperature: float = 0.07
) -> Tensor:
    """Classes by a similarity-weighted vote of the k nearest neighbours in cosine similarity.

    Neighbour i votes with weight exp(cos_i/temperature) (Wu et al., *Unsupervised feature learning via
    non-parametric instance discrimination*, CVPR 2018).

    Args:
        train_features: float (n, D).
        train_labels: int64 (n,), classes 0..C-1.
        features: float (m, D).
        k: neighbours, >= 1; at most n are used.
        temperature: > 0.

    Returns:
        Predicted classes, int64 (m,).
    """
    bank = nn.functional.normalize(train_features.float(), dim=1)
    classes = int(train_labels.max()) + 1
    k = min(k, len(bank))
    predicted = []
    for chunk in nn.functional.normalize(features.float(), dim=1).split(1024):
        similarity, nearest = (chunk @ bank.T).topk(k, dim=1)  # (m, k)
        weight = ((similarity - similarity[:, :1]) / temperature).exp()
        votes = torch.zeros(len(chunk), classes).scatter_add_(1, train_labels[nearest], weight)
        predicted.append(votes.argmax(dim=1))
    return torch.cat(predicted)


PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


@dataclass(frozen=True)
class LinearProbe:
    """A fitted classifier of frozen features.

    Attributes:
        mean, std: of the training features, by which features are standardised, (D,) double.
        weight: (D + 1, C) double, the last row the bias.
    """

    mean: Tensor
    std: Tensor
    weight: Tensor

    def logits(self, features: Tensor) -> Tensor:
        """Scores of the classes, double (m, C), for features (m, D) on the CPU."""
        return ((features.double() - self.mean) / self.std) @ self.weight[:-1] + self.weight[-1]


def linear_probe(
    train: tuple[Tensor, Tensor],
    validation: tuple[Tensor, Tensor],
    features: Tensor,
    penalties: Sequence[float] = PENALTIES,
) -> Tensor:
    """Classes by multinomial logistic regression on frozen features; its penalty is chosen on validation.

    Args:
        train, validation, penalties: as of :func:`fitted_probe`.
        features: what to predict, (m, D).

    Returns:
        Predicted classes, int64 (m,).
    """
    return fitted_probe(train, validation, penalties).logits(features).argmax(dim=1)


def fitted_probe(
    train: tuple[Tensor, Tensor], validation: tuple[Tensor, Tensor], penalties: Sequence[float] = PENALTIES
) -> LinearProbe:
    """Multinomial logistic regression on frozen features, its penalty chosen on validation.

    Features are standardised with the training statistics. Each penalty λ minimises mean cross-entropy + λ/2·‖W‖² to
    convergence with L-BFGS, warm-started from the stronger penalty; ties go to the stronger one.

    Args:
        train, validation: features (n, D) float and classes (n,) int64 0..C-1.
        penalties: candidate λ > 0.

    Raises:
        StudyError: fewer than two classes to train on, or nothing to validate on.
    """
    x, y = train[0].double(), train[1]
    if len(validation[1]) == 0:
        raise StudyError("a linear probe needs validation samples to choose its penalty on; there are none")
    if len(torch.unique(y)) < 2:
        raise StudyError("a linear probe needs at least two classes in its training labels; there is one")
    mean, std = x.mean(dim=0), x.std(dim=0, unbiased=False).clamp_min(1e-6)
    classes = int(max(y.max(), validation[1].max())) + 1
    xs = (x - mean) / std
    held = (validation[0].double() - mean) / std
    weight = torch.zeros(x.shape[1] + 1, classes, dtype=torch.double)
    best, best_accuracy = weight, -1.0
    for penalty in sorted(penalties, reverse=True):
        weight = _logistic(xs, y, weight, penalty)
        accuracy = float(((held @ weight[:-1] + weight[-1]).argmax(dim=1) == validation[1]).double().mean())
        if accuracy > best_accuracy:
            best, best_accuracy = weight, accuracy
    return LinearProbe(mean, std, best)


def _logistic(x: Tensor, y: Tensor, start: Tensor, penalty: float) -> Tensor:
    from scipy.optimize import minimize

    n, one_hot = len(x), nn.functional.one_hot(y, start.shape[1]).double()
    shape = start.shape

    def loss_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        w = torch.from_numpy(flat).view(shape)
        logits = x @ w[:-1] + w[-1]
        log_p = logits.log_softmax(dim=1)
        loss = -(one_hot * log_p).sum() / n + penalty / 2 * w[:-1].square().sum()
        residual = (log_p.exp() - one_hot) / n
        gradient = torch.cat([x.T @ residual + penalty * w[:-1], residual.sum(dim=0, keepdim=True)])
        return float(loss), gradient.reshape(-1).numpy()

    found = minimize(loss_and_gradient, start.reshape(-1).numpy().copy(), jac=True, method="L-BFGS-B",
                     options={"maxiter": 1000, "ftol": 1e-12, "gtol": 1e-6})  # fmt: skip
    return torch.from_numpy(found.x).view(shape)
