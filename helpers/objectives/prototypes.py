"""Losses that compare images with prototypes instead of one another: SwAV's and DeepCluster-v2's."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.errors import StudyError
from helpers.objectives.gathering import gather, rank

_REACH = 40.5  # of all scores over ε, within which their exponentials and the scalings stay in float32's range


@torch.no_grad()
def sinkhorn(scores: Tensor, epsilon: float = 0.05, iterations: int = 3, queued: Tensor | None = None) -> Tensor:
    r"""Soft assignments that use every prototype equally often (Caron et al., NeurIPS 2020, arXiv 2006.09882, eq. 5).

    .. math:: Q^* = \mathrm{Diag}(u)\exp(C^\top Z/\epsilon)\,\mathrm{Diag}(v)

    In at least float32 whatever the scores are in: `exp(score/0.05)` overflows float16 and loses small assignments in
    bfloat16. Where scores lie so far apart that float32 would lose some, in logarithms; else the two scalings alone are
    iterated, which gives the same. Under several processes the batch of all of them is balanced.

    Args:
        scores: similarities of images and prototypes, (B, K) float.
        epsilon: ε > 0; smaller is harder.
        iterations: of normalising prototypes, then images, >= 1.
        queued: scores of earlier images, the same in every process, (M, K): they are balanced too and not returned.

    Returns:
        (B, K) float32 (float64 for float64 scores) without gradient; rows sum to 1.
    """
    if epsilon <= 0 or iterations < 1:
        raise StudyError(f"sinkhorn: epsilon ({epsilon}) must be > 0 and iterations ({iterations}) >= 1")
    wide = torch.float64 if scores.dtype == torch.float64 else torch.float32
    whole = gather(scores.to(wide)) / epsilon  # (PB, K)
    if queued is not None:
        whole = torch.cat([whole, queued.to(wide) / epsilon])
    whole = whole - whole.amax()
    near = float(whole.min()) > -_REACH
    balanced = (_scaled if near else _scaled_in_logarithms)(whole, iterations)
    return balanced[rank() * len(scores) :][: len(scores)]


def _scaled(logarithms: Tensor, iterations: int) -> Tensor:
    kernel = logarithms.exp()
    rows = kernel.new_ones(len(kernel))
    for _ in range(iterations):
        columns = 1 / (kernel.mT @ rows)
        rows = 1 / (kernel @ columns)
    return kernel.mul_(rows[:, None]).mul_(columns)


def _scaled_in_logarithms(logarithms: Tensor, iterations: int) -> Tensor:
    for _ in range(iterations):
        logarithms = logarithms - logarithms.logsumexp(dim=0, keepdim=True)
        logarithms = logarithms - logarithms.logsumexp(dim=1, keepdim=True)
    return logarithms.exp()


def swapped_prediction(
    large: Sequence[Tensor],
    small: Sequence[Tensor] = (),
    queued: Sequence[Tensor] | None = None,
    temperature: float = 0.1,
    epsilon: float = 0.05,
    iterations: int = 3,
) -> Tensor:
    r"""SwAV's loss: from one crop's scores predict the assignment of another (eq. 2 and 6).

    .. math:: \ell(z_t, q_s) = -\sum_k q_s^{(k)}\log\mathrm{softmax}(z_t^\top C/\tau)^{(k)}

    averaged over the large crops s, which alone are assigned, and all other crops t.

    Args:
        large: scores of the large crops, (B, K) float each, at least one; with one, `small` must not be empty.
        small: scores of the small crops, (B, K) each.
        queued: for each large crop the scores of queued projections, (M, K), which take part in the balancing alone.
        temperature: τ > 0 of the prediction.
        epsilon, iterations: of :func:`sinkhorn`.

    Returns:
        Mean over rows and pairs of crops, a scalar >= 0.
    """
    crops = [*large, *small]
    if not large or len(crops) < 2:
        raise StudyError("swapped_prediction needs a large crop and another crop of the same images")
    log_p = [F.log_softmax(scores / temperature, dim=1) for scores in crops]
    total = log_p[0].new_zeros(())
    for s, scores in enumerate(large):
        codes = sinkhorn(scores.detach(), epsilon, iterations, queued[s].detach() if queued else None).to(scores.dtype)
        for t in range(len(crops)):
            if t != s:
                total = total - (codes * log_p[t]).sum() / len(scores)
    return total / (len(large) * (len(crops) - 1))


def cluster_prediction(scores: Sequence[Tensor], assignments: Tensor, temperature: float = 0.1) -> Tensor:
    """DeepCluster-v2's loss: cross-entropy of every crop's scores with its image's cluster (arXiv 2006.09882, app. A).

    Args:
        scores: of each crop, similarities of normalised projections and centroids, (B, K) float each.
        assignments: clusters of the images, int64 (B,).
        temperature: τ > 0.

    Returns:
        Mean over crops and rows, a scalar >= 0; log K for scores that say nothing.
    """
    if not scores:
        raise StudyError("cluster_prediction needs at least one crop")
    return torch.stack([F.cross_entropy(each / temperature, assignments) for each in scores]).mean()


@torch.no_grad()
def spherical_k_means(
    features: Tensor, clusters: int, iterations: int = 10, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Cluster directions: cosine k-means (Dhillon & Modha, Machine Learning 42, 2001).

    Starts from distinct samples at random; a cluster that has lost all its samples restarts at the sample that is
    worst served.

    Args:
        features: (n, d) float, normalised here; n >= clusters.
        clusters: K >= 1.
        iterations: >= 1.
        generator: source of randomness, on the CPU; the global one if None.

    Returns:
        Centroids (K, d) of length 1, and the nearest centroid of every sample, int64 (n,).

    Raises:
        StudyError: more clusters than samples.
    """
    if not 1 <= clusters <= len(features):
        raise StudyError(f"spherical_k_means: {clusters} clusters of {len(features)} samples; give 1 to that many")
    z = F.normalize(features if features.dtype == torch.float64 else features.float(), dim=1)
    centroids = z[torch.randperm(len(z), generator=generator)[:clusters].to(z.device)].clone()
    for _ in range(iterations):
        similarity, nearest = (z @ centroids.mT).max(dim=1)
        sums = torch.zeros_like(centroids).index_add_(0, nearest, z)
        empty = torch.bincount(nearest, minlength=clusters) == 0
        if empty.any():
            sums[empty] = z[similarity.argsort()[: int(empty.sum())]]
        centroids = F.normalize(sums, dim=1)
    return centroids, (z @ centroids.mT).argmax(dim=1)


@torch.no_grad()
def k_means(
    features: Tensor, clusters: int, iterations: int = 20, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Lloyd's k-means by squared distance, from distinct samples at random.

    A cluster that has lost all its samples restarts at the sample that is farthest from its centre.

    Args:
        features: (n, d) float; n >= clusters.
        clusters: K >= 1.
        iterations: >= 1; it stops earlier where no sample changes its cluster.
        generator: source of randomness, on the CPU; the global one if None.

    Returns:
        Centres (K, d), and the nearest centre of every sample, int64 (n,).

    Raises:
        StudyError: more clusters than samples.
    """
    if not 1 <= clusters <= len(features):
        raise StudyError(f"k_means: {clusters} clusters of {len(features)} samples; give 1 to that many")
    x = features if features.dtype == torch.float64 else features.float()
    centres = x[torch.randperm(len(x), generator=generator)[:clusters].to(x.device)].clone()
    nearest = nearest_centre(x, centres)
    for _ in range(iterations):
        counts = torch.bincount(nearest, minlength=clusters)
        sums = torch.zeros_like(centres).index_add_(0, nearest, x)
        empty = counts == 0
        if empty.any():
            far = (x - centres[nearest]).square().sum(dim=1).argsort(descending=True)
            sums[empty], counts[empty] = x[far[: int(empty.sum())]], 1
        centres = sums / counts[:, None]
        before, nearest = nearest, nearest_centre(x, centres)
        if torch.equal(before, nearest):
            break
    return centres, nearest


def nearest_centre(features: Tensor, centres: Tensor) -> Tensor:
    """Which centre (K, d) is nearest to each sample (n, d), int64 (n,)."""
    return (features @ centres.mT - 0.5 * centres.square().sum(dim=1)).argmax(dim=1)
