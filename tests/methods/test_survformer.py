"""SSL-SurvFormer: pretexts that never see an outcome, a model whose predictions are its averaged weights'."""

import copy

import numpy as np
import pytest
import torch

from helpers.methods.survformer import PretextTask, SurvFormer, SurvFormerPretext, SurvFormerSize
from helpers.networks.monotone import HazardClock
from helpers.views.tables import RowCorruption

SIZE = SurvFormerSize(width=16, heads=2, feed_forward=16, hidden=8, windows=3)


def batch(rows: int = 64) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    shared = torch.randn(rows, 1)
    values = torch.cat([shared + 0.3 * torch.randn(rows, 3), (shared > 0).float()], dim=1)
    time = torch.exp(-shared[:, 0]) * torch.empty(rows).exponential_() * 10
    return {"values": values, "present": torch.rand(rows, 4) < 0.85, "time": time, "event": torch.rand(rows) < 0.7}


def pretext(task: PretextTask) -> SurvFormerPretext:
    torch.manual_seed(0)
    rows = batch()
    corruption = RowCorruption(rows["values"], rows["present"], 0.3, SurvFormerPretext.filled_share(task))
    return SurvFormerPretext(SIZE.encoder(3, [2]), corruption, task)


def survformer() -> SurvFormer:
    torch.manual_seed(0)
    rows = batch()
    clock = HazardClock.fit(rows["time"].numpy(), rows["event"].numpy())
    return SurvFormer(SIZE.encoder(3, [2]), clock, SIZE)


@pytest.mark.parametrize("task", ["mask", "reconstruct", "both"])
def test_each_pretext_learns_and_needs_no_outcome(task: PretextTask) -> None:
    method = pretext(task)
    rows = {key: value for key, value in batch(512).items() if key in ("values", "present")}
    optimiser = torch.optim.Adam(method.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        loss = method.training_step(rows)["loss"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.85 * np.mean(losses[:5])


@pytest.mark.parametrize(
    ("task", "logged"),
    [("mask", {"mask_loss"}), ("reconstruct", {"reconstruction_loss"}), ("both", {"mask_loss", "reconstruction_loss"})],
)
def test_a_pretext_logs_the_losses_it_adds(task: PretextTask, logged: set[str]) -> None:
    out = pretext(task).training_step(batch())
    assert set(out) - {"loss"} == logged
    torch.testing.assert_close(out["loss"], sum(out[name] for name in logged))


def test_every_encoder_weight_is_trained_by_both_tasks() -> None:
    method = pretext("both")
    method.training_step(batch())["loss"].backward()
    for name, parameter in method.encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_predictions_start_at_one_and_fall() -> None:
    model, rows = survformer().eval(), batch()
    with torch.no_grad():
        for parameter in model.average.parameters():
            parameter.add_(torch.randn_like(parameter))
    times = torch.linspace(0, float(rows["time"].max()) * 3, 100)
    survival = model.survival(rows["values"], rows["present"], times)
    assert survival.shape == (64, 100)
    assert (survival[:, 0] == 1).all()
    assert (survival.diff(dim=1) <= 1e-9).all()


def test_an_untrained_model_draws_the_population_s_curve() -> None:
    model, rows = survformer().eval(), batch()
    survival = model.survival(rows["values"], rows["present"], torch.tensor([1.0, 5.0, 10.0]))
    torch.testing.assert_close(survival, survival[:1].expand_as(survival))


def test_training_lowers_the_likelihood_loss_and_ranks_by_risk() -> None:
    model, rows = survformer(), batch(512)
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    before = model.likelihood_loss(rows)
    model.train()
    for _ in range(60):
        loss = model.training_step(rows)["loss"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        model.after_step()
    assert model.likelihood_loss(rows) < before - 0.1
    low, high = torch.full((1, 4), -1.5), torch.full((1, 4), 1.5)
    low[0, 3], high[0, 3] = 0, 1
    curves = model.survival(torch.cat([low, high]), torch.ones(2, 4, dtype=torch.bool), torch.tensor([5.0]))
    assert curves[0] > curves[1] + 0.2


def test_the_average_follows_the_weights_and_gets_no_gradient() -> None:
    model = survformer()
    start = copy.deepcopy(model.average.state_dict())
    model.train().training_step(batch())["loss"].backward()
    assert all(parameter.grad is None for parameter in model.average.parameters())
    with torch.no_grad():
        for parameter in model.head.parameters():
            parameter.add_(1.0)
    model.after_step()
    moved = model.average["head"].risk.bias - start["head.risk.bias"]
    assert float(moved) == pytest.approx(1 - 2 / 11)  # in the first step the average is short


def test_all_state_is_in_the_state_dict() -> None:
    first, second = survformer(), survformer()
    first.train()
    first.training_step(batch())["loss"].backward()
    torch.optim.SGD([p for p in first.parameters() if p.requires_grad], lr=0.1).step()
    first.after_step()
    second.load_state_dict(first.state_dict())
    rows = batch()
    times = torch.tensor([2.0, 4.0])
    torch.testing.assert_close(
        first.survival(rows["values"], rows["present"], times), second.survival(rows["values"], rows["present"], times)
    )
    assert int(second.steps_taken) == 1
