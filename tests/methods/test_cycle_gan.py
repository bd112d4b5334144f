"""CycleGAN's losses reach their own side, its pool returns older pictures, and it learns a camera unpaired."""

import numpy as np
import torch

from helpers.methods.cycle_gan import CycleGAN
from helpers.methods.one_step import OneStep
from helpers.networks.picture_translation import Enlarger
from helpers.views.degradation import enlarged, shrunk


def batch(n: int = 6, seed: int = 0) -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    coarse = torch.rand(2, n, 3, 3, 3, generator=g)
    x, y = (torch.nn.functional.interpolate(c, (16, 16), mode="bilinear") for c in coarse)
    return {"low": shrunk(0.6 * x, 4), "middle": y}


def test_at_the_start_it_is_bicubic_and_plain_averaging():
    method = CycleGAN(4, 16)
    b = batch()
    torch.testing.assert_close(method.lifted(b["low"]), enlarged(b["low"], 16))
    torch.testing.assert_close(method.degraded(b["middle"]), shrunk(b["middle"], 4))


def test_each_sides_loss_moves_that_side_alone():
    torch.manual_seed(0)
    method = CycleGAN(4, 16, cycle=0.0)
    b = batch()
    for judge in (method.judge_low, method.judge_middle):  # a judge that is fooled by anything has no loss of its own
        assert all(p.requires_grad for p in judge.parameters())
    method.training_step(b)["loss"].backward()
    both = [p.grad.clone() for p in method.judge_middle.parameters()]
    drawn = [p.grad.clone() for p in method.encoder.parameters()]
    made = method.lifted(b["low"]).detach()
    method.zero_grad()
    told = 0.5 * ((method.judge_middle(b["middle"]) - 1) ** 2).mean() + 0.5 * (method.judge_middle(made) ** 2).mean()
    told.backward()
    for mine, theirs in zip(both, method.judge_middle.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs.grad)
    assert any(g.abs().sum() > 0 for g in drawn)


def test_the_pool_gives_back_older_pictures_and_keeps_new_ones():
    torch.manual_seed(0)
    method = CycleGAN(4, 16, pool=32)
    first = torch.full((32, 3, 16, 16), 1.0)
    assert torch.equal(method._from_pools(first, first)[0], first)
    second = torch.full((32, 3, 16, 16), 2.0)
    shown = method._from_pools(second, second)[0]
    assert set(shown.unique().tolist()) == {1.0, 2.0}
    assert 2.0 in method.get_buffer("pool_low")


def test_it_learns_a_darker_camera_without_a_pair():
    torch.manual_seed(0)
    method = CycleGAN(4, 16, width=12, blocks=1, cycle=2.0, identity=0.1)
    groups = [torch.optim.Adam(g.parameters, lr=3e-3) for g in method.parameter_groups()]
    for step in range(80):
        for one in groups:
            one.zero_grad()
        method.training_step(batch(seed=step))["loss"].backward()
        for one in groups:
            one.step()
    held = batch(n=16, seed=999)["middle"]
    with torch.no_grad():
        seen, plain = method.degraded(held), shrunk(held, 4)
    true = shrunk(0.6 * held, 4)
    assert (seen - true).abs().mean() < 0.7 * (plain - true).abs().mean()


def test_one_step_learns_from_its_own_guess_at_the_degradation():
    torch.manual_seed(0)
    method = OneStep(Enlarger(4, 16, 1), blur=0.0, noise=0.0)
    pictures = batch()["middle"]
    torch.testing.assert_close(method.guessed(pictures), shrunk(pictures, 4), atol=1e-3, rtol=0)
    noisy = OneStep(Enlarger(4, 16, 1)).guessed(pictures)
    assert noisy.shape == (6, 3, 4, 4)
    assert 0 < (noisy - shrunk(pictures, 4)).abs().mean() < 0.1
    adam = torch.optim.Adam(method.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        adam.zero_grad()
        loss = method.training_step({"input": pictures})["loss"]
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.6 * losses[0]
