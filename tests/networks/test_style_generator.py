"""The style-based generator's parts are StyleGAN2's formulas."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from helpers.errors import StudyError
from helpers.networks.style_generator import EqualLinear, Mapping, ModulatedConvolution, StyleGenerator, doubled


def by_hand(layer: ModulatedConvolution, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """Equations 1 and 3, sample by sample, with the sample's own weights."""
    made = []
    for sample, style in zip(x, w, strict=True):
        s = layer.affine.weight @ style / math.sqrt(len(style)) + layer.affine.bias
        weight = layer.weight / math.sqrt(layer.weight[0].numel())
        weight = weight * s[None, :, None, None]
        if layer.demodulate:
            weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if layer.up:  # zeros in between, then the flipped kernel, then the filter
            spaced = torch.zeros(len(sample), 2 * sample.shape[1] - 1, 2 * sample.shape[2] - 1, dtype=x.dtype)
            spaced[:, ::2, ::2] = sample
            out = F.conv2d(spaced[None], weight.flip(2, 3), padding=2)
            line = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=x.dtype) / 4
            fir = torch.outer(line, line).expand(out.shape[1], 1, 4, 4)
            made.append(F.conv2d(out, fir, padding=1, groups=out.shape[1])[0])
        else:
            made.append(F.conv2d(sample[None], weight, padding=weight.shape[-1] // 2)[0])
    return torch.stack(made)


@pytest.mark.parametrize(("kernel", "demodulate", "up"), [(3, True, False), (3, True, True), (1, False, False)])
def test_modulated_convolution_is_the_formula_with_weights_made_for_each_sample(kernel, demodulate, up):
    torch.manual_seed(0)
    layer = ModulatedConvolution(5, 7, kernel, 6, demodulate, up).double()
    x = torch.randn(3, 5, 8, 8, dtype=torch.double, requires_grad=True)
    w = torch.randn(3, 6, dtype=torch.double, requires_grad=True)
    mine, theirs = layer(x, w), by_hand(layer, x, w)
    assert mine.shape == (3, 7, 16 if up else 8, 16 if up else 8)
    torch.testing.assert_close(mine, theirs)
    for a, b in zip(torch.autograd.grad(mine.sin().sum(), (x, w, layer.weight), retain_graph=True),
                    torch.autograd.grad(theirs.sin().sum(), (x, w, layer.weight)), strict=True):  # fmt: skip
        torch.testing.assert_close(a, b)


def test_demodulation_keeps_the_scale_whatever_the_style():
    torch.manual_seed(0)
    layer = ModulatedConvolution(16, 16, 3, 4)
    x = torch.randn(2, 16, 32, 32)
    small, large = layer(x, torch.full((2, 4), 0.3)), layer(x, torch.full((2, 4), 30.0))
    assert small.std().item() == pytest.approx(1, abs=0.15)
    assert large.std().item() == pytest.approx(1, abs=0.15)


def test_doubling_keeps_a_flat_picture_away_from_its_edge():
    torch.testing.assert_close(doubled(torch.ones(1, 3, 8, 8))[..., 2:-2, 2:-2], torch.ones(1, 3, 12, 12))


def test_mapping_is_its_formula_and_does_not_see_the_length_of_z():
    torch.manual_seed(0)
    mapping = Mapping(6, layers=2, rate=0.01)
    z = torch.randn(4, 6)
    x = z / (z.square().mean(1, keepdim=True) + 1e-8).sqrt()
    for layer in mapping.layers:
        assert isinstance(layer, EqualLinear)
        x = F.leaky_relu(x @ layer.weight.T * 0.01 / math.sqrt(6) + 0.01 * layer.bias, 0.2) * math.sqrt(2)
    torch.testing.assert_close(mapping(z), x)
    torch.testing.assert_close(mapping(5 * z), mapping(z))


def test_truncation_nought_is_the_mean_face_and_one_the_style_itself():
    torch.manual_seed(0)
    generator = StyleGenerator([8, 8, 8], 5)
    generator.mean_style.copy_(torch.randn(5))
    w = torch.randn(3, 5)
    mean = generator(generator.mean_style[None]).expand(3, -1, -1, -1)
    torch.testing.assert_close(generator(generator.truncated(w, 0.0)), mean)
    torch.testing.assert_close(generator.truncated(w, 1.0), w)
    torch.testing.assert_close(generator.truncated(w, 0.5), (w + generator.mean_style) / 2)


def test_one_style_for_all_layers_is_that_style_at_each_and_late_layers_leave_early_resolutions_alone():
    torch.manual_seed(0)
    generator = StyleGenerator([8, 8, 8, 8], 5)  # 4, 8, 16, 32 pixels
    assert (generator.side, generator.layers) == (32, 8)
    assert generator.layers_up_to(16) == 6
    w = torch.randn(2, 5)
    torch.testing.assert_close(generator(w), generator(w[:, None].expand(-1, 8, -1)))
    each = torch.randn(2, 8, 5, requires_grad=True)
    slopes = torch.autograd.grad(generator(each).square().sum(), each)[0].abs().sum((0, 2))
    assert (slopes > 0).all()


def test_noise_enters_only_with_its_strength_and_only_when_asked_for():
    torch.manual_seed(0)
    generator = StyleGenerator([8, 8], 5)
    w = torch.randn(2, 5)
    assert torch.equal(generator(w), generator(w, random_noise=True))  # strengths start at 0
    nn.init.ones_(generator.first.strength)
    assert torch.equal(generator(w), generator(w))
    assert not torch.equal(generator(w, random_noise=True), generator(w, random_noise=True))


def test_a_generator_of_one_resolution_is_refused():
    with pytest.raises(StudyError, match="at least"):
        StyleGenerator([8], 5)
