"""Deformable attention is plain attention at the places it looks at, and learns where to look."""

import numpy as np
import pytest
import torch
from scipy.interpolate import interp1d

from helpers.networks.deformable_attention import DeformableAttention, sample_line


def made(**changed) -> DeformableAttention:
    torch.manual_seed(0)
    return DeformableAttention(**({"width": 16, "heads": 4, "groups": 2, "stride": 4} | changed)).double()


def test_with_zero_offsets_it_equals_plain_attention_at_the_sampled_points():
    attention = made(offset_scale=0.0)
    tokens = torch.randn(3, 16, 16, dtype=torch.float64, requires_grad=True)
    at = torch.tensor([1.5, 5.5, 9.5, 13.5], dtype=torch.float64)
    sampled = (tokens[:, [1, 5, 9, 13]] + tokens[:, [2, 6, 10, 14]]) / 2
    torch.testing.assert_close(attention.places(attention.query(tokens)), at.expand(3, 2, 4))
    heads = []
    for head in range(4):
        part = slice(4 * head, 4 * head + 4)
        q, k, v = attention.query(tokens), attention.key(sampled), attention.value(sampled)
        distance = torch.arange(16, dtype=torch.float64)[:, None] - at
        bias = attention.distance_bias((distance.sign() * distance.abs().log1p())[..., None])[..., head % 2]
        weight = (q[..., part] @ k[..., part].mT / 2 + bias).softmax(-1)  # 2 is the root of a head's width
        heads.append(weight @ v[..., part])
    plain = attention.out(torch.cat(heads, -1))
    found = attention(tokens)
    torch.testing.assert_close(found, plain)
    torch.testing.assert_close(
        torch.autograd.grad(found.square().sum(), tokens)[0], torch.autograd.grad(plain.square().sum(), tokens)[0]
    )


def test_offsets_get_gradients_and_stay_within_their_scale():
    attention = made(offset_scale=2.0)
    tokens = torch.randn(2, 16, 16, dtype=torch.float64)
    still = torch.tensor([1.5, 5.5, 9.5, 13.5])
    with torch.no_grad():
        attention.offsets[-1].weight.mul_(1e6)
    assert float((attention.places(attention.query(tokens)).detach() - still).abs().max()) == pytest.approx(8.0)
    attention = made(offset_scale=2.0)
    attention(tokens).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in attention.offsets.parameters())


def test_a_line_is_sampled_as_scipy_interpolates_it_and_gradients_are_right():
    torch.manual_seed(1)
    features = torch.randn(2, 7, 3, dtype=torch.float64, requires_grad=True)
    places = torch.tensor([[-1.0, 0.0, 2.25], [5.9, 6.0, 9.0]], dtype=torch.float64)
    found = sample_line(features, places)
    for b in range(2):
        line = interp1d(np.arange(7), features[b].detach().numpy(), axis=0)
        np.testing.assert_allclose(found[b].detach(), line(places[b].clamp(0, 6).numpy()))
    inner = torch.tensor([[0.3, 1.7], [2.2, 4.9]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(sample_line, (features, inner))


@pytest.mark.parametrize("length", [4, 5, 7, 18, 64])
def test_any_number_of_slices_from_a_stride_on_is_taken(length):
    assert made().float()(torch.randn(2, length, 16)).shape == (2, length, 16)


def test_widths_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="must divide"):
        DeformableAttention(16, heads=3)
