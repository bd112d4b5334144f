"""FixMatch's loss on unlabelled samples: what a weak view is sure of, a strong view must say too.

Sohn et al., *FixMatch: Simplifying semi-supervised learning with consistency and confidence*, NeurIPS 2020, eq. 4.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def pseudo_label_loss(weak: Tensor, strong: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    r"""Cross-entropy of strong views under the weak views' pseudo-labels, where those are sure.

    .. math:: \ell_u = \frac{1}{\mu B}\sum_b \mathbb 1[\max q_b \ge \tau]\,H(\hat q_b, p(y\,|\,\mathcal A(u_b)))

    Args:
        weak: logits of the weak views, (n, K); nothing flows back through them.
        strong: logits of the strong views of the same samples, (n, K).
        threshold: τ, least probability of a pseudo-label, in [0, 1].

    Returns:
        The loss, a scalar: the mean over all n samples, those that count for nothing included. And which samples have
        a pseudo-label, bool (n,); the others get no gradient.
    """
    with torch.no_grad():
        confidence, label = weak.softmax(dim=1).max(dim=1)
        sure = confidence >= threshold
    losses = F.cross_entropy(strong, label, reduction="none")
    return torch.where(sure, losses, 0.0).mean(), sure
