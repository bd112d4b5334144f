"""DirectPred: its formula, its order of updates, what the gradient reaches, resuming, and several processes."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from helpers.data.corpus import Corpus
from helpers.errors import StudyError
from helpers.methods.collapse import spread
from helpers.methods.direct_pred import (
    Arm,
    DirectPred,
    alignment,
    direct_copy_weight,
    direct_pred_weight,
    matched_eigenvectors,
)
from helpers.training import TrainingPlan, train
from helpers.views.images import ImageViews

CLOSED = ("direct_pred", "direct_copy")


def random_moment(d: int = 6, seed: int = 0) -> torch.Tensor:
    f = torch.randn(50, d, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
    return f.mT @ f / len(f)


def method(arm: Arm, seed: int = 0) -> DirectPred:
    torch.manual_seed(seed)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU())
    return DirectPred(encoder, 16, ImageViews(8), arm, hidden=12, projection=6)


def corpus(n: int = 48) -> Corpus:
    images = torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    names = [str(i) for i in range(n)]
    table = pd.DataFrame({"sample_id": names, "subject": names})
    return Corpus("dots", table, lambda rows: images[torch.as_tensor(rows)], (), "none", "a test", True, "0")


def plan(**changes: object) -> TrainingPlan:
    settings = {"epochs": 3, "batch_size": 16, "learning_rate": 0.05, "optimiser": "sgd", "weight_decay": 4e-4}
    return TrainingPlan(**(settings | changes))


def test_direct_pred_is_symmetric_with_the_moments_eigenvectors_and_the_formulas_eigenvalues():
    moment, epsilon = random_moment(), 0.1
    weight = direct_pred_weight(moment, epsilon)
    assert torch.equal(weight, weight.mT)
    s, u = np.linalg.eigh(moment.numpy())
    p = np.sqrt(s) + epsilon * np.sqrt(s).max()
    np.testing.assert_allclose(weight.numpy() @ u, u * p, atol=1e-12)
    assert alignment(weight, moment) == pytest.approx(1, abs=1e-12)


def test_eigenvalues_that_rounding_made_negative_count_as_zero():
    f = torch.randn(3, 8)
    weight = direct_pred_weight(f.mT @ f / 3, 0.0)  # rank 3 of 8
    assert torch.isfinite(weight).all()
    assert torch.linalg.eigvalsh(weight).min() > -1e-5


def test_direct_copy_is_the_moment_over_its_norm_plus_epsilon():
    moment = random_moment()
    weight = direct_copy_weight(moment, 0.3)
    s = torch.linalg.eigvalsh(moment)
    torch.testing.assert_close(torch.linalg.eigvalsh(weight), s / s.max() + 0.3)
    assert torch.isfinite(direct_copy_weight(torch.zeros(3, 3), 0.3)).all()


def test_alignment_is_1_for_shared_eigenvectors_and_falls_as_they_turn_away():
    values = torch.tensor([3.0, 1.0]).double()
    aligned = []
    for angle in (0.0, 0.3, 0.6, torch.pi / 4):
        c, s = torch.tensor(angle).double().cos(), torch.tensor(angle).double().sin()
        u = torch.stack([torch.stack([c, -s]), torch.stack([s, c])])
        aligned.append(alignment((u * values) @ u.mT, torch.diag(values)))
    assert aligned[0] == pytest.approx(1)
    assert all(a > b for a, b in pairwise(aligned))
    assert aligned[-1] >= 0
    torch.testing.assert_close(matched_eigenvectors(torch.diag(values), torch.diag(values)), torch.ones(2).double())


def test_the_target_starts_as_the_online_network_and_gets_no_gradient():
    m = method(Arm("two_layer"))
    for mine, theirs in zip(m.target.parameters(), [*m.encoder.parameters(), *m.projector.parameters()], strict=True):
        assert torch.equal(mine, theirs)
        assert not mine.requires_grad
    m.training_step({"input": torch.rand(8, 1, 8, 8)})["loss"].backward()
    assert all(p.grad is None for p in m.target.parameters())
    assert all(p.grad is not None for p in m.projector.parameters())


@pytest.mark.parametrize("predictor", CLOSED)
def test_the_gradient_never_reaches_a_closed_form_predictor(predictor):
    m = method(Arm(predictor))
    assert list(m.predictor.parameters()) == []
    before = m.predictor.weight.clone()
    optimiser = torch.optim.SGD(m.parameters(), 1.0, weight_decay=0.1)
    m.training_step({"input": torch.rand(8, 1, 8, 8)})["loss"].backward()
    optimiser.step()
    assert m.predictor.weight.grad is None
    assert torch.equal(m.predictor.weight, before)


def test_after_step_updates_the_moment_then_the_predictor_then_the_target():
    m = method(Arm("direct_pred", ema=0.9, rho=0.3, epsilon=0.1))
    f = []
    m.projector.register_forward_hook(lambda _m, _i, out: f.append(out.detach()))
    expected = torch.zeros(6, 6)
    for _ in range(2):
        f.clear()
        m.training_step({"input": torch.rand(8, 1, 8, 8)})["loss"].backward()
        online = torch.cat(f)  # the target's projector is a copy made before the hook
        assert len(online) == 16
        expected = 0.3 * expected + 0.7 * online.mT @ online / 16
        with torch.no_grad():
            for parameter in m.encoder.parameters():
                parameter += 0.1
        old = [p.clone() for p in m.target.parameters()]
        m.after_step()
        torch.testing.assert_close(m.moment, expected)
        torch.testing.assert_close(m.predictor.weight, direct_pred_weight(expected, 0.1))
        now = [*m.encoder.parameters(), *m.projector.parameters()]
        for target, was, online_now in zip(m.target.parameters(), old, now, strict=True):
            torch.testing.assert_close(target, 0.9 * was + 0.1 * online_now)


def test_every_5_leaves_the_predictor_to_the_gradient_in_between():
    m = method(Arm("direct_pred", every=5))
    assert len(list(m.predictor.parameters())) == 1
    optimiser = torch.optim.SGD(m.parameters(), 0.1)
    set_by_formula = []
    for _ in range(5):
        optimiser.zero_grad()
        m.training_step({"input": torch.rand(8, 1, 8, 8)})["loss"].backward()
        optimiser.step()
        m.after_step()
        set_by_formula.append(torch.allclose(m.predictor.weight, direct_pred_weight(m.moment, 0.1), atol=1e-6))
    assert set_by_formula == [False, False, False, False, True]


def test_stop_gradient_decides_what_the_target_branch_learns():
    images = {"input": torch.rand(8, 1, 8, 8)}
    gradients = {}
    for stop in (True, False):
        m = method(Arm("linear", ema=None, stop_gradient=stop))
        assert m.target is None
        torch.manual_seed(5)
        m.training_step(images)["loss"].backward()
        gradients[stop] = m.projector[-1].weight.grad.clone()
    assert not torch.allclose(gradients[True], gradients[False])
    assert torch.equal(method(Arm("none", ema=None)).predictor(images["input"]), images["input"])


@pytest.mark.parametrize(
    "changes",
    [{"predictor": "three_layer"}, {"ema": 1.0}, {"ema": 0.9, "stop_gradient": False}, {"rho": 1.0}, {"every": 0}],
)
def test_impossible_arms_are_one_clear_line(changes):
    with pytest.raises(StudyError):
        Arm(**changes)


class _BrokenOff(Exception):
    pass


@pytest.mark.parametrize("arm", [Arm("direct_pred"), Arm("two_layer"), Arm("direct_copy", every=3)])
def test_a_resumed_run_equals_an_uninterrupted_one(arm, tmp_path: Path):
    whole, broken, resumed = method(arm), method(arm), method(arm, seed=9)
    data, rows = corpus(), np.arange(48)
    train(whole, data, rows, plan())
    checkpoint, steps = tmp_path / "checkpoint.pt", []
    after_step = broken.after_step

    def breaking() -> None:
        if len(steps) == 5:
            raise _BrokenOff
        after_step()
        steps.append(1)

    broken.after_step = breaking
    often = plan(checkpoint_seconds=0.0)
    with pytest.raises(_BrokenOff):
        train(broken, data, rows, often, checkpoint=checkpoint)
    train(resumed, data, rows, often, checkpoint=checkpoint)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_without_stop_gradient_and_predictor_it_collapses_and_the_watch_says_so():
    settings = plan(epochs=25, learning_rate=0.3, weight_decay=0.0)
    collapsed, kept = method(Arm("none", ema=None, stop_gradient=False)), method(Arm("direct_pred", ema=0.9))
    bad = train(collapsed, corpus(), np.arange(48), settings)
    good = train(kept, corpus(), np.arange(48), settings)
    assert bad.spread.collapsed()
    assert bad.collapse_watch().startswith("collapsed")
    assert not good.spread.collapsed()
    assert spread(torch.randn(40, 6)).relative_std > 0.9
