"""Contrastive pretraining on windows."""

import numpy as np
import torch

from helpers.methods.window_contrast import WindowContrast
from helpers.networks.sequence_encoders import WindowEncoder


def method() -> WindowContrast:
    torch.manual_seed(0)
    return WindowContrast(WindowEncoder(torch.zeros(6), torch.ones(6), width=8, features=32), temperature=0.5)


def test_the_loss_is_cross_entropy_over_all_other_views() -> None:
    model, x = method(), torch.randn(5, 64, 6)
    torch.manual_seed(1)
    found = model.training_step({"input": x})["loss"]
    torch.manual_seed(1)
    from helpers.views.windows import random_views

    z = torch.nn.functional.normalize(
        model.projector(model.encoder(torch.cat([random_views(x), random_views(x)]))), dim=1
    )
    z = z.detach().double().numpy()
    total = 0.0
    for i in range(10):
        others = [np.exp(z[i] @ z[j] / 0.5) for j in range(10) if j != i]
        total -= np.log(np.exp(z[i] @ z[(i + 5) % 10] / 0.5) / np.sum(others))
    np.testing.assert_allclose(found.item(), total / 10, rtol=1e-4)


def test_the_loss_is_smallest_where_views_agree_and_windows_differ() -> None:
    model = method()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    x = torch.randn(12, 40, 6).cumsum(dim=1) / 4
    losses = []
    for _ in range(12):
        loss = model.training_step({"input": x})["loss"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.3


def test_every_weight_gets_a_gradient() -> None:
    model = method()
    model.training_step({"input": torch.randn(6, 64, 6)})["loss"].backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
