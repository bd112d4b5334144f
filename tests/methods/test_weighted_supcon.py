"""Meta-learned weights: the second-order gradient, what becomes of planted noise, and a state that can be resumed."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from helpers.methods.meta_weighting import meta_gradient, weighted_mean
from helpers.methods.weighted_supcon import WeightedSupCon, _Adam, relative
from helpers.networks.weight_net import WeightNet
from helpers.objectives.supervised_contrastive import supervised_contrastive_each


def problem(seed: int = 0, n: int = 12):
    """A small classifier with batch statistics: losses and clean loss as pure functions of its parameters."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 3)).double()
    x, y = torch.randn(n, 4, dtype=torch.double), torch.randint(0, 3, (n,))
    clean_x, clean_y = torch.randn(9, 4, dtype=torch.double), torch.randint(0, 3, (9,))

    def call(parameters, inputs):
        buffers = {name: b.clone() for name, b in network.named_buffers()}
        return torch.func.functional_call(network, (parameters, buffers), (inputs,))

    def losses(parameters):
        return F.cross_entropy(call(parameters, x), y, reduction="none")

    def clean(parameters):
        return F.cross_entropy(call(parameters, clean_x), clean_y)

    return dict(network.named_parameters()), losses, clean


def test_the_weights_gradient_equals_a_finite_difference_and_differentiation_through_the_virtual_step():
    parameters, losses, clean = problem()
    weights = torch.rand(12, dtype=torch.double, requires_grad=True)
    rate = 0.3

    def after_virtual_step(w):
        total = weighted_mean(w, losses(parameters))
        steps = torch.autograd.grad(total, list(parameters.values()), create_graph=True)
        return clean({name: p - rate * g for (name, p), g in zip(parameters.items(), steps, strict=True)})

    (through,) = torch.autograd.grad(after_virtual_step(weights), weights)
    gradient = torch.autograd.grad(weighted_mean(weights, losses(parameters)), list(parameters.values()))
    found = meta_gradient(losses, clean, parameters, dict(zip(parameters, gradient, strict=True)), rate, 12)
    torch.testing.assert_close(found.weights, through, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(found.meta_loss, after_virtual_step(weights).detach())
    for i in (0, 5, 11):
        nudge = torch.zeros(12, dtype=torch.double)
        nudge[i] = 1e-5
        higher, lower = after_virtual_step(weights + nudge), after_virtual_step(weights - nudge)
        assert float((higher - lower).detach() / 2e-5) == pytest.approx(float(found.weights[i]), rel=1e-5, abs=1e-10)


def test_its_adam_takes_the_steps_of_torchs():
    torch.manual_seed(1)
    network, twin = WeightNet(10), WeightNet(10)
    twin.load_state_dict(network.state_dict())
    theirs, ours = torch.optim.Adam(twin.parameters(), lr=0.01), _Adam(network, 0.01)
    for _ in range(5):
        losses, gradient = torch.rand(8) * 4, torch.randn(8)
        ours.step(network.requires_grad_(False), losses, gradient)
        theirs.zero_grad()
        (relative(twin(losses)) * gradient).sum().backward()
        theirs.step()
    for a, b in zip(network.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def embedded(count: int, rng: np.random.Generator, noise: float):
    """'Images' (n, 1, 1, 12) of two well separated classes, true classes, and classes of which a share is flipped."""
    truth = torch.from_numpy(rng.integers(0, 2, count))
    x = torch.from_numpy(rng.normal(0, 0.35, (count, 1, 1, 12))).float()
    x[..., :6] += (2.0 * truth - 1)[:, None, None, None]
    flipped = torch.from_numpy(rng.random(count) < noise)
    return x, truth, torch.where(flipped, 1 - truth, truth), flipped


def test_weights_of_planted_label_noise_go_to_nearly_zero_and_those_of_the_rest_do_not():
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    x, _, given, flipped = embedded(512, rng, 0.12)
    clean_x, clean_y, _, _ = embedded(64, rng, 0.0)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(12, 16), nn.ReLU())
    method = WeightedSupCon(
        encoder, 16, lambda images: images + 0.05 * torch.randn_like(images), clean_x, clean_y, 0.5, 32, 8,
        meta_batch=64, meta_rate=3e-3, virtual_rate=0.1,
    )  # fmt: skip
    optimiser = torch.optim.Adam([*method.encoder.parameters(), *method.projector.parameters()], lr=3e-3)
    for _ in range(90):
        rows = torch.randperm(len(x))[:96]
        optimiser.zero_grad()
        method.training_step({"input": x[rows], "label": given[rows]})["loss"].backward()
        optimiser.step()
        method.after_step()
    with torch.no_grad():
        z = method.projections(method.make_views(x))
        weights = method.weights_of(supervised_contrastive_each(z, given, 0.5))
    assert weights[flipped].mean() < 0.1
    assert weights[~flipped].mean() > 5 * weights[flipped].mean()


def test_a_training_step_moves_the_weight_network_down_the_clean_loss_after_the_papers_one_step_lookahead():
    """The whole path, signs included, against automatic differentiation through an explicit virtual step."""
    torch.manual_seed(4)
    encoder = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 8))
    method = WeightedSupCon(encoder, 8, lambda x: x.clone(), torch.rand(10, 3, 8, 8), torch.arange(10) % 2, 0.2, 8, 4,
                            meta_batch=10, virtual_rate=0.5).double()  # fmt: skip
    images, labels = torch.rand(12, 3, 8, 8).double(), torch.arange(12) % 2
    before = copy.deepcopy(method)
    method.training_step({"input": images, "label": labels})

    network = before.weight_net.requires_grad_(True)
    parameters = {n: p for n, p in before.named_parameters() if n.startswith(("encoder", "projector"))}

    def projected(at, x):
        buffers = {n: b.clone() for n, b in before.named_buffers()}
        return list(torch.func.functional_call(_Projected(before), (_inside(at), _inside(buffers)), (x,)).chunk(2))

    losses = supervised_contrastive_each(projected(parameters, torch.cat([images, images])), labels, 0.2)
    total = weighted_mean(relative(network(losses.detach() - np.log(23))), losses)
    steps = torch.autograd.grad(total, list(parameters.values()), create_graph=True)
    virtual = {name: p - 0.5 * g for (name, p), g in zip(parameters.items(), steps, strict=True)}
    clean = torch.cat([before.meta_images, before.meta_images])
    ahead = supervised_contrastive_each(projected(virtual, clean), before.meta_labels, 0.2).mean()
    through = torch.autograd.grad(ahead, list(network.parameters()))
    torch.testing.assert_close(method.meta_loss, ahead.detach())
    moved = [a - b for a, b in zip(method.weight_net.parameters(), network.parameters(), strict=True)]
    for change, gradient in zip(moved, through, strict=True):
        told = gradient.abs() > 1e-5 * torch.cat([g.flatten() for g in through]).abs().max()
        assert told.any()
        assert torch.equal(change.detach().sign()[told], -gradient.sign()[told])  # Adam's first step is the sign


class _Projected(nn.Module):
    """A method's projections as a module's output."""

    def __init__(self, method: nn.Module) -> None:
        super().__init__()
        self.method = method

    def forward(self, images):
        return self.method.project(images)


def _inside(state):
    return {f"method.{name}": value for name, value in state.items()}


def small_method(seed: int = 0) -> WeightedSupCon:
    torch.manual_seed(seed)
    encoder = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Flatten(), nn.LazyLinear(8)
    )
    encoder(torch.zeros(2, 3, 8, 8))
    return WeightedSupCon(encoder, 8, lambda x: x + 0.1 * torch.randn_like(x), torch.rand(12, 3, 8, 8),
                          torch.arange(12) % 2, hidden=8, projection=4, meta_batch=6, meta_every=2)  # fmt: skip


def test_the_virtual_step_leaves_parameters_and_running_statistics_as_the_real_pass_left_them():
    method, plain = small_method(), small_method()
    plain.meta_every = 10**9
    plain.steps_taken += 1  # never a virtual step
    batch = {"input": torch.rand(8, 3, 8, 8), "label": torch.arange(8) % 2}
    outs = []
    for m in (method, plain):
        torch.manual_seed(3)
        outs.append(m.training_step(batch))
    for (name, a), (_, b) in zip(method.encoder.state_dict().items(), plain.encoder.state_dict().items(), strict=True):
        torch.testing.assert_close(a, b, msg=name)
    assert outs[0]["meta_loss"].isfinite()
    assert outs[1]["meta_loss"].isnan()
    assert not torch.equal(method.weight_net.layers[0].weight, plain.weight_net.layers[0].weight)


def test_weights_are_no_path_for_the_encoders_gradient():
    method = small_method()
    batch = {"input": torch.rand(8, 3, 8, 8), "label": torch.arange(8) % 2}
    out = method.training_step(batch)
    out["loss"].backward()
    assert all(p.grad is None for p in method.weight_net.parameters())
    assert all(p.grad is not None for p in method.encoder.parameters())


def test_a_method_taken_up_from_its_state_goes_on_alike():
    one, batch = small_method(), {"input": torch.rand(8, 3, 8, 8), "label": torch.arange(8) % 2}
    one.training_step(batch)
    one.after_step()
    one.after_step()
    other = small_method(seed=9)
    other.meta_images.copy_(one.meta_images)
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    losses = []
    for m in (one, other):
        torch.manual_seed(5)
        for _ in range(3):
            losses.append(float(m.training_step(batch)["loss"].detach()))
            m.after_step()
    assert losses[:3] == losses[3:]
