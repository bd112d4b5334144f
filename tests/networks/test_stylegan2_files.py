"""Weights in the one layout that is read give the generator that they were made with; everything else is refused."""

import math

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from helpers.errors import StudyError
from helpers.networks.stylegan2_files import stylegan2

STYLE, CHANNELS = 6, [8, 8, 4]  # 4, 8, 16 pixels


def a_file(seed: int = 0) -> dict[str, torch.Tensor]:
    """A state dict in the layout, of random numbers."""
    g = torch.Generator().manual_seed(seed)

    def r(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=g)

    def convolution(name: str, before: int, after: int, kernel: int) -> dict[str, torch.Tensor]:
        affine = f"{name}.conv.modulation"
        return {f"{name}.conv.weight": r(1, after, before, kernel, kernel), f"{affine}.weight": r(before, STYLE),
                f"{affine}.bias": r(before)}  # fmt: skip

    def layer(name: str, before: int, after: int) -> dict[str, torch.Tensor]:
        return convolution(name, before, after, 3) | {f"{name}.noise.weight": r(1), f"{name}.activate.bias": r(after)}

    state = {"input.input": r(1, 8, 4, 4)}
    for i in range(1, 3):
        state |= {f"style.{i}.weight": 100 * r(STYLE, STYLE), f"style.{i}.bias": r(STYLE)}
    state |= layer("conv1", 8, 8) | convolution("to_rgb1", 8, 3, 1) | {"to_rgb1.bias": r(1, 3, 1, 1)}
    state["noises.noise_0"] = r(1, 1, 4, 4)
    for i, (before, after) in enumerate([(8, 8), (8, 4)]):
        side = 8 * 2**i
        state |= layer(f"convs.{2 * i}", before, after) | layer(f"convs.{2 * i + 1}", after, after)
        state |= convolution(f"to_rgbs.{i}", after, 3, 1) | {f"to_rgbs.{i}.bias": r(1, 3, 1, 1)}
        state[f"convs.{2 * i}.conv.blur.kernel"] = r(4, 4)  # fixed, and not read
        state |= {f"noises.noise_{2 * i + 1}": r(1, 1, side, side), f"noises.noise_{2 * i + 2}": r(1, 1, side, side)}
    return state


def drawn(state: dict[str, torch.Tensor], z: torch.Tensor) -> torch.Tensor:
    """One picture from the state dict alone, in [−1, 1], by the paper's equations."""
    w = z / (z.square().mean() + 1e-8).sqrt()
    for i in (1, 2):
        w = state[f"style.{i}.weight"] @ w * 0.01 / math.sqrt(STYLE) + 0.01 * state[f"style.{i}.bias"]
        w = F.leaky_relu(w, 0.2) * math.sqrt(2)
    line = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
    fir = torch.outer(line, line)

    def convolved(x: torch.Tensor, name: str, up: bool = False, demodulate: bool = True) -> torch.Tensor:
        s = state[f"{name}.conv.modulation.weight"] @ w / math.sqrt(STYLE) + state[f"{name}.conv.modulation.bias"]
        weight = state[f"{name}.conv.weight"][0]
        weight = weight / math.sqrt(weight[0].numel()) * s[None, :, None, None]
        if demodulate:
            weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if not up:
            return F.conv2d(x, weight, padding=weight.shape[-1] // 2)
        x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
        return F.conv2d(x, fir.expand(x.shape[1], 1, 4, 4), padding=1, groups=x.shape[1])

    def layer(x: torch.Tensor, name: str, noise: int, up: bool = False) -> torch.Tensor:
        x = convolved(x, name, up) + state[f"{name}.noise.weight"] * state[f"noises.noise_{noise}"]
        return F.leaky_relu(x + state[f"{name}.activate.bias"][:, None, None], 0.2) * math.sqrt(2)

    def larger(rgb: torch.Tensor) -> torch.Tensor:
        side = rgb.shape[-1]
        spaced = torch.zeros(1, 3, 2 * side, 2 * side)
        spaced[..., ::2, ::2] = rgb
        return F.conv2d(F.pad(spaced, (2, 1, 2, 1)), fir.expand(3, 1, 4, 4), groups=3)

    x = layer(state["input.input"], "conv1", 0)
    rgb = convolved(x, "to_rgb1", demodulate=False) + state["to_rgb1.bias"]
    for i in range(2):
        x = layer(x, f"convs.{2 * i}", 2 * i + 1, up=True)
        x = layer(x, f"convs.{2 * i + 1}", 2 * i + 2)
        rgb = larger(rgb) + convolved(x, f"to_rgbs.{i}", demodulate=False) + state[f"to_rgbs.{i}.bias"]
    return rgb[0]


@pytest.mark.parametrize("kind", ["safetensors", "torch", "g_ema"])
def test_a_file_draws_what_the_equations_draw_from_its_numbers(tmp_path, kind):
    state = a_file()
    file = tmp_path / ("weights.safetensors" if kind == "safetensors" else "weights.pt")
    if kind == "safetensors":
        save_file(state, file)
    else:
        torch.save(state if kind == "torch" else {"g_ema": state, "latent_avg": torch.arange(6.0)}, file)
    mapping, generator = stylegan2(file)
    assert generator.side == 16
    z = torch.randn(2, STYLE, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        made = generator(mapping(z))
    for mine, its in zip(made, z, strict=True):
        torch.testing.assert_close(2 * mine - 1, drawn(state, its), rtol=1e-4, atol=1e-4)
    if kind == "g_ema":
        assert torch.equal(generator.mean_style, torch.arange(6.0))


@pytest.mark.parametrize("damage", ["missing", "shape", "other", "text", "absent"])
def test_any_other_file_is_refused_in_one_line_that_says_what_is_read(tmp_path, damage):
    state, file = a_file(), tmp_path / "weights.pt"
    if damage == "missing":
        del state["convs.1.conv.weight"]
    elif damage == "shape":
        state["style.1.bias"] = torch.zeros(3)
    elif damage == "other":
        state = {"synthesis.b4.const": torch.zeros(8, 4, 4)}
    if damage == "text":
        file.write_text("not weights")
    elif damage != "absent":
        torch.save(state, file)
    with pytest.raises(StudyError, match="prior_weights") as caught:
        stylegan2(file)
    assert "\n" not in str(caught.value)
    if damage in ("missing", "other", "shape"):
        assert "style.1.weight" in str(caught.value)
