"""Sinkhorn's balance, swapped prediction, cluster prediction and spherical k-means."""

import math

import pytest
import torch
from torch.nn import functional as F

from helpers.errors import StudyError
from helpers.objectives.prototypes import cluster_prediction, sinkhorn, spherical_k_means, swapped_prediction


def scores(rows: int = 12, prototypes: int = 4, seed: int = 0) -> torch.Tensor:
    source = torch.Generator().manual_seed(seed)
    return torch.tanh(torch.randn(rows, prototypes, generator=source, dtype=torch.float64))


def test_sinkhorn_gives_every_image_one_unit_and_every_prototype_its_share():
    codes = sinkhorn(scores(), epsilon=0.5, iterations=200)
    torch.testing.assert_close(codes.sum(1), torch.ones(12, dtype=torch.float64))
    torch.testing.assert_close(codes.sum(0), torch.full((4,), 3.0, dtype=torch.float64))


def test_sinkhorn_keeps_even_a_lopsided_batch_balanced_where_a_softmax_would_not():
    lopsided = scores() + torch.tensor([5.0, 0, 0, 0])
    assert F.softmax(lopsided / 0.5, 1).sum(0)[0] > 11
    assert sinkhorn(lopsided, 0.5, 200).sum(0).max() == pytest.approx(3.0, rel=1e-6)


def test_sinkhorn_does_not_change_when_a_constant_is_added_to_a_row_or_a_column():
    moved = scores() + torch.arange(12.0)[:, None] + torch.arange(4.0)
    torch.testing.assert_close(sinkhorn(moved, 0.3, 500), sinkhorn(scores(), 0.3, 500), atol=1e-8, rtol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sinkhorn_of_half_precision_scores_is_finite_float32(dtype):
    """exp(1/0.01) is infinite in every half and single precision."""
    codes = sinkhorn(scores().to(dtype), epsilon=0.01)
    assert codes.dtype == torch.float32
    assert torch.isfinite(codes).all()
    torch.testing.assert_close(codes.sum(1), torch.ones(12))


@pytest.mark.parametrize("spread", [0.5, 1.0, 1.01, 4.0])
def test_sinkhorn_is_the_textbook_s_in_double_whichever_way_it_is_computed(spread: float) -> None:
    """Scores of ±1 over ε = 0.05 are the widest that cosines give; beyond, float32 needs logarithms."""
    wide = spread * scores(200, 30)
    wide[0, 0], wide[0, 1] = spread, -spread
    logarithms = wide / 0.05
    for _ in range(3):
        logarithms = logarithms - logarithms.logsumexp(0, keepdim=True)
        logarithms = logarithms - logarithms.logsumexp(1, keepdim=True)
    found = sinkhorn(wide.float())
    torch.testing.assert_close(found.double(), logarithms.exp(), atol=2e-6, rtol=2e-4)


def test_queued_images_change_the_balance_and_are_not_returned():
    alone, queued = sinkhorn(scores()), sinkhorn(scores(), queued=scores(20, 4, 3))
    assert queued.shape == alone.shape
    assert not torch.allclose(queued, alone)
    together = sinkhorn(torch.cat([scores(), scores(20, 4, 3)]))
    torch.testing.assert_close(queued, together[:12])


def test_no_gradient_flows_through_the_assignments():
    a, b = scores().requires_grad_(), scores(seed=1).requires_grad_()
    loss = swapped_prediction([a, b])
    codes = sinkhorn(a.detach()), sinkhorn(b.detach())
    expected = (
        -((codes[0] * F.log_softmax(b / 0.1, 1)).sum(1) + (codes[1] * F.log_softmax(a / 0.1, 1)).sum(1)).mean() / 2
    )
    torch.testing.assert_close(loss, expected)
    gradients = torch.autograd.grad(loss, [a, b])
    for mine, theirs in zip(gradients, torch.autograd.grad(expected, [a, b]), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_cluster_prediction_is_log_k_for_scores_that_say_nothing_and_0_for_certain_ones():
    assignments = torch.tensor([0, 1, 2, 3])
    assert cluster_prediction([torch.zeros(4, 4)] * 3, assignments).item() == pytest.approx(math.log(4))
    assert cluster_prediction([torch.eye(4)], assignments, temperature=0.01).item() == pytest.approx(0, abs=1e-6)


def test_cluster_prediction_has_the_gradient_of_finite_differences():
    crops = [scores(5, 3, seed).requires_grad_() for seed in range(3)]
    assert torch.autograd.gradcheck(lambda *s: cluster_prediction(s, torch.tensor([0, 2, 1, 1, 0])), crops)


def test_spherical_k_means_finds_separate_directions_whatever_their_lengths():
    source = torch.Generator().manual_seed(0)
    direction = torch.arange(60) % 3
    rows = torch.eye(3).repeat(20, 2) + 0.05 * torch.randn(60, 6, generator=source)
    rows = rows * (0.1 + 9 * torch.rand(60, 1, generator=source))
    centroids, nearest = spherical_k_means(rows, 3, generator=source)
    torch.testing.assert_close(centroids.norm(dim=1), torch.ones(3))
    assert all(len(set(nearest[direction == k].tolist())) == 1 for k in range(3))
    assert len(set(nearest.tolist())) == 3


def test_spherical_k_means_never_gets_worse_with_iterations_and_leaves_no_cluster_empty():
    rows = torch.randn(80, 5, generator=torch.Generator().manual_seed(1))
    quality = []
    for iterations in (1, 3, 30):
        centroids, nearest = spherical_k_means(rows, 12, iterations, torch.Generator().manual_seed(2))
        quality.append((F.normalize(rows, dim=1) * centroids[nearest]).sum(1).mean().item())
        assert torch.bincount(nearest, minlength=12).min() > 0
    assert quality == sorted(quality)


def test_impossible_requests_are_one_clear_line():
    with pytest.raises(StudyError, match="5 clusters of 3"):
        spherical_k_means(torch.randn(3, 2), 5)
    with pytest.raises(StudyError, match="another crop"):
        swapped_prediction([scores()])
    with pytest.raises(StudyError, match="epsilon"):
        sinkhorn(scores(), epsilon=0.0)


def test_k_means_from_the_same_start_ends_where_scikit_learns_does():
    from sklearn.cluster import KMeans

    from helpers.objectives.prototypes import k_means, nearest_centre

    torch.manual_seed(0)
    x = torch.cat([torch.randn(60, 5) + 4 * torch.randn(1, 5) for _ in range(4)])
    start = x[torch.randperm(len(x), generator=torch.Generator().manual_seed(3))[:4]]
    centres, nearest = k_means(x, 4, 100, torch.Generator().manual_seed(3))
    theirs = KMeans(4, init=start.numpy(), n_init=1, max_iter=100, tol=0, algorithm="lloyd").fit(x.numpy())
    assert torch.allclose(centres, torch.tensor(theirs.cluster_centers_), atol=1e-4)
    assert nearest.tolist() == theirs.labels_.tolist()
    assert torch.equal(nearest_centre(x, centres), nearest)


def test_k_means_leaves_no_cluster_empty_where_samples_differ_and_refuses_more_clusters_than_samples():
    from helpers.objectives.prototypes import k_means

    x = torch.cat([torch.zeros(50, 2), torch.tensor([[9.0, 0.0], [0.0, 9.0]])])
    for seed in range(5):
        _, nearest = k_means(x, 3, 20, torch.Generator().manual_seed(seed))
        assert set(nearest.tolist()) == {0, 1, 2}
    with pytest.raises(StudyError, match="3 clusters of 2 samples"):
        k_means(x[:2], 3)
