"""The collapse watch measures what its closed forms say, and names what it sees."""

import pytest
import torch

from helpers.methods.collapse import Spread, spread


@pytest.mark.parametrize(("n", "d"), [(2000, 16), (64, 256)])
def test_isotropic_directions_have_spread_one_and_nearly_full_rank(n: int, d: int) -> None:
    found = spread(torch.randn(n, d, generator=torch.Generator().manual_seed(0)))
    assert found.relative_std == pytest.approx(1.0, abs=0.05)
    assert 0.85 * min(n, d) < found.effective_rank <= min(n, d)
    assert found.words().startswith("healthy")


def test_one_point_has_spread_zero_whatever_its_length() -> None:
    point = torch.randn(1, 8, generator=torch.Generator().manual_seed(0))
    for embedding in (point.expand(50, 8), point * torch.rand(50, 1) + 0 * point, torch.zeros(50, 8)):
        found = spread(embedding)
        assert found.relative_std == pytest.approx(0.0, abs=1e-3)
        assert found.collapsed()
        assert found.words().startswith("collapsed: all samples map to nearly one point")


@pytest.mark.parametrize("k", [1, 2, 5, 8])
def test_k_equal_orthogonal_directions_have_effective_rank_k(k: int) -> None:
    axes = torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(1)))[0][:k]
    assert spread(torch.cat([axes, -axes]).repeat(10, 1)).effective_rank == pytest.approx(k, rel=1e-3)


def test_unequal_directions_have_the_rank_of_their_entropy() -> None:
    # 8 samples on ± axis one and 2 on ± axis two: singular values in ratio 2 to 1, so p = (2/3, 1/3)
    one, two = torch.eye(4)[:2]
    z = torch.stack([*[one, -one] * 4, *[two, -two]])
    p = torch.tensor([2 / 3, 1 / 3])
    assert spread(z).effective_rank == pytest.approx(float((-(p * p.log()).sum()).exp()), rel=1e-4)


def test_a_line_is_called_a_line_and_few_dimensions_narrow() -> None:
    generator = torch.Generator().manual_seed(2)
    line = torch.randn(200, 1, generator=generator) * torch.eye(64)[:1]
    assert spread(line).words().startswith("collapsed: the embedding has shrunk to a line")
    assert spread(line).collapsed()
    plane = torch.randn(200, 2, generator=generator) @ torch.eye(64)[:2]
    assert spread(plane).words().startswith("narrow")
    assert not spread(plane).collapsed()


def test_scale_of_the_samples_and_precision_do_not_matter() -> None:
    z = torch.randn(100, 8, generator=torch.Generator().manual_seed(3), requires_grad=True)
    whole = spread(z)
    assert spread(z * 100).effective_rank == pytest.approx(whole.effective_rank, rel=1e-4)
    assert spread(z.bfloat16()).relative_std == pytest.approx(whole.relative_std, rel=1e-2)


def test_words_carry_the_numbers() -> None:
    assert Spread(0.5, 3.25, 16).words() == "healthy (relative std 0.50, effective rank 3.2 of 16)"
