"""What every joint-embedding method must do: teach all of its weights, learn, hold its state, leave targets alone."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from helpers.data.corpus import Corpus
from helpers.errors import StudyError
from helpers.methods.barlow_twins import BarlowTwins
from helpers.methods.byol import BYOL
from helpers.methods.deep_cluster import DeepClusterV2
from helpers.methods.method import Method
from helpers.methods.moco import MoCo
from helpers.methods.nnclr import NNCLR
from helpers.methods.simclr import SimCLR
from helpers.methods.ssole import SSOLE, NaiveOLE
from helpers.methods.supcon import SupCon
from helpers.methods.swav import SwAV
from helpers.methods.vicreg import VICReg
from helpers.objectives.nt_xent import neighbour_contrast, nt_xent, queue_contrast
from helpers.training import TrainingPlan, train
from helpers.views.images import ImageViews
from helpers.views.multi_crop import multi_crop

ROWS = np.arange(48)
VIEWS = ImageViews(8, blur=0.0)
CROPS = multi_crop(VIEWS, (8, 6), (2, 1), ((0.5, 1.0), (0.2, 0.5)))
SIZES = {"hidden": 12, "projection": 6}
METHODS: dict[str, Callable[[nn.Module], Method]] = {
    "simclr": lambda e: SimCLR(e, 16, VIEWS, **SIZES),
    "nnclr": lambda e: NNCLR(e, 16, VIEWS, queue=40, **SIZES),
    "byol": lambda e: BYOL(e, 16, VIEWS, momentum=0.9, steps=9, **SIZES),
    "barlow_twins": lambda e: BarlowTwins(e, 16, VIEWS, **SIZES),
    "vicreg": lambda e: VICReg(e, 16, VIEWS, **SIZES),
    "swav": lambda e: SwAV(e, 16, CROPS, prototypes=5, queue=24, queue_from_epoch=1, **SIZES),
    "deep_cluster": lambda e: DeepClusterV2(e, 16, CROPS, len(ROWS), (4, 5), **SIZES),
    "moco": lambda e: MoCo(e, 16, VIEWS, momentum=0.9, queue=40, **SIZES),
    "supcon": lambda e: SupCon(e, 16, VIEWS, **SIZES),
    "ssole": lambda e: SSOLE(e, 16, VIEWS, count=3, **SIZES),
    "naive_ole": lambda e: NaiveOLE(e, 16, VIEWS, count=3, **SIZES),
}
STATEFUL = ("nnclr", "byol", "swav", "deep_cluster", "moco")
PLAN = TrainingPlan(epochs=3, batch_size=16, learning_rate=0.05, optimiser="sgd", weight_decay=4e-4)


def method(name: str, seed: int = 0) -> Method:
    torch.manual_seed(seed)
    encoder = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16, 16), nn.BatchNorm1d(16), nn.ReLU())
    return METHODS[name](encoder)


def corpus() -> Corpus:
    source = torch.Generator().manual_seed(1)
    images = torch.rand(len(ROWS), 1, 8, 8, generator=source)
    labels = torch.arange(len(ROWS)) % 4
    names = [str(i) for i in ROWS]
    table = pd.DataFrame({"sample_id": names, "subject": names})

    def load(rows: np.ndarray) -> torch.Tensor:
        return images[torch.as_tensor(rows)]

    return Corpus("dots", table, load, (), "none", f"a test of {len(labels)}", True, "0")


def labelled() -> Corpus:
    plain = corpus()
    return dataclasses.replace(plain, load=lambda rows: {"input": plain.load(rows), "label": torch.as_tensor(rows) % 4})


def data_for(name: str) -> Corpus:
    return labelled() if name == "supcon" else corpus()


@pytest.mark.parametrize("name", METHODS)
def test_every_trained_weight_gets_a_gradient_and_the_collapse_watch_sees_the_projections(name):
    m = method(name)
    m.on_epoch_start(torch.randn(len(ROWS), 16) if m.wants_features() else None)
    m.on_epoch_start(torch.randn(len(ROWS), 16) if m.wants_features() else None)  # SwAV's prototypes have thawed
    batch = {"input": torch.rand(16, 1, 8, 8), "label": torch.arange(16) % 4, "position": torch.arange(16)}
    m.training_step(batch)  # MoCo's first step has no negatives
    m.after_step()
    out = m.training_step(batch)
    out["loss"].backward()
    for parameter_name, parameter in m.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, parameter_name
            assert parameter.grad.abs().sum() > 0, parameter_name
            assert torch.isfinite(parameter.grad).all(), parameter_name
    assert out["embedding"].shape[1] == 6
    assert not out["embedding"].requires_grad


@pytest.mark.parametrize("name", METHODS)
def test_the_loss_falls_over_training(name):
    history = train(method(name), data_for(name), ROWS, dataclasses.replace(PLAN, epochs=8, learning_rate=0.1))
    losses = [epoch["loss"] for epoch in history.epochs]
    first = losses[1] if name in ("moco", "nnclr") else losses[0]  # their question grows harder as the queue fills
    assert losses[-1] < first


class _BrokenOff(Exception):
    pass


@pytest.mark.parametrize("name", STATEFUL)
def test_a_resumed_run_equals_an_uninterrupted_one(name, tmp_path: Path):
    whole, broken, resumed = method(name), method(name), method(name, seed=9)
    train(whole, corpus(), ROWS, PLAN)
    steps, after_step = [], broken.after_step

    def breaking() -> None:
        if len(steps) == 5:
            raise _BrokenOff
        after_step()
        steps.append(1)

    broken.after_step = breaking  # type: ignore[method-assign]
    often = dataclasses.replace(PLAN, checkpoint_seconds=0.0)
    with pytest.raises(_BrokenOff):
        train(broken, corpus(), ROWS, often, checkpoint=tmp_path / "c.pt")
    train(resumed, corpus(), ROWS, often, checkpoint=tmp_path / "c.pt")
    for key, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[key]), key


@pytest.mark.parametrize("name", ["byol", "moco"])
def test_the_target_starts_as_the_online_network_moves_towards_it_and_gets_no_gradient(name):
    m = method(name)
    online = [*m.encoder.parameters(), *m.projector.parameters()]
    for slow, fast in zip(m.target.parameters(), online, strict=True):
        assert torch.equal(slow, fast)
    for _ in range(2):
        m.training_step({"input": torch.rand(8, 1, 8, 8)})["loss"].backward()
    assert all(p.grad is None and not p.requires_grad for p in m.target.parameters())
    with torch.no_grad():
        for parameter in online:
            parameter += 0.1
    before = [p.clone() for p in m.target.parameters()]
    m.after_step()
    for slow, was, fast in zip(m.target.parameters(), before, online, strict=True):
        torch.testing.assert_close(slow, 0.9 * was + 0.1 * fast)


def test_byols_momentum_rises_to_1_along_a_cosine():
    m = method("byol")
    found = []
    for _ in range(10):
        found.append(m.momentum_now())
        m.after_step()
    assert found[0] == pytest.approx(0.9)
    assert found[9] == pytest.approx(1.0)
    assert found == sorted(found)
    assert found[3] == pytest.approx(1 - 0.1 * (np.cos(np.pi * 3 / 9) + 1) / 2)


def test_nnclr_searches_earlier_steps_only_and_then_enqueues_the_first_view():
    m = method("nnclr").eval()  # batch norms on fixed statistics, so that projections can be made again
    two = torch.rand(2, 8, 1, 8, 8)
    m.views = [lambda _images: two[0], lambda _images: two[1]]
    z = [nn.functional.normalize(m.project(view), dim=1) for view in two]
    p = [m.predictor(m.project(view)) for view in two]
    alone = (neighbour_contrast(z[0], p[1], 0.1) + neighbour_contrast(z[1], p[0], 0.1)) / 2
    torch.testing.assert_close(m.training_step({"input": two[0]})["loss"], alone)
    assert len(m.queue) == 0
    m.after_step()
    torch.testing.assert_close(m.queue.content(), z[0])
    nearest = m.queue.nearest(z[1])
    expected = (neighbour_contrast(z[0], p[1], 0.1) + neighbour_contrast(nearest, p[0], 0.1)) / 2
    torch.testing.assert_close(m.training_step({"input": two[0]})["loss"], expected)


def test_moco_asks_against_the_keys_of_earlier_steps():
    m = method("moco").eval()
    two = torch.rand(2, 8, 1, 8, 8)
    m.views = [lambda _images: two[0], lambda _images: two[1]]
    assert m.training_step({"input": two[0]})["loss"].item() == 0
    keys = nn.functional.normalize(m.target(two[1]), dim=1)
    m.queue.push(keys)
    expected = queue_contrast(m.project(two[0]), keys, keys, 0.2)
    torch.testing.assert_close(m.training_step({"input": two[0]})["loss"], expected)


def test_views_go_together_or_one_by_one_as_the_method_says():
    for name, forwards in (("simclr", 1), ("ssole", 1), ("barlow_twins", 2), ("byol", 2)):
        m, seen = method(name), []
        m.projector.register_forward_hook(lambda _m, _i, out, seen=seen: seen.append(len(out)))
        m.training_step({"input": torch.rand(8, 1, 8, 8)})
        assert len(seen) == forwards, name
        assert sum(seen) == 8 * len(m.views), name


def test_views_of_two_kinds_are_taken_in_turn():
    torch.manual_seed(0)
    m = SimCLR(nn.Flatten(), 4, [lambda x: x, lambda x: x.square()], hidden=5, projection=3)
    x = torch.rand(6, 1, 2, 2)
    loss = m.training_step({"input": x})["loss"]
    torch.testing.assert_close(loss, nt_xent(m.project(torch.cat([x, x.square()])).chunk(2), 0.2))


def test_swavs_prototypes_stay_while_frozen_and_have_length_1_always():
    m = method("swav")
    start = m.prototypes.detach().clone()
    optimiser = torch.optim.SGD(m.parameters(), 1.0, weight_decay=0.1)
    for epoch in range(2):
        m.on_epoch_start(None)
        optimiser.zero_grad()
        m.training_step({"input": torch.rand(16, 1, 8, 8)})["loss"].backward()
        optimiser.step()
        m.after_step()
        torch.testing.assert_close(m.prototypes.norm(dim=1), torch.ones(5))
        assert torch.allclose(m.prototypes, start, atol=1e-6) == (epoch == 0)


def test_swavs_queues_set_in_once_full_and_after_their_epoch():
    m, seen = method("swav"), []
    for _ in range(2):
        m.on_epoch_start(None)
        for _ in range(2):
            seen.append(m._queued(m.prototypes) is not None)
            m.training_step({"input": torch.rand(16, 1, 8, 8)})
            m.after_step()
    assert seen == [False, False, True, True]
    assert all(len(queue) == 24 for queue in m.queues)


def test_deep_cluster_learns_each_images_own_cluster():
    m = method("deep_cluster")
    m.on_epoch_start(torch.randn(len(ROWS), 16))
    assert m.assignments.min() >= 0
    assert m.assignments.max(1).values.tolist() == [3, 4]
    seen: list[torch.Tensor] = []
    step = m.training_step
    m.training_step = lambda batch: (seen.append(batch["position"]), step(batch))[1]  # type: ignore[method-assign]
    order: list[np.ndarray] = []
    plain = corpus()
    spying = dataclasses.replace(plain, load=lambda rows: (order.append(rows), plain.load(rows))[1])
    rows = ROWS[::-1].copy()
    train(m, spying, rows, dataclasses.replace(PLAN, epochs=1))
    batches = order[-len(seen) :]
    for position, loaded in zip(seen, batches, strict=True):
        assert (rows[position.numpy()] == loaded).all()
    with pytest.raises(StudyError, match="made for 48"):
        m.on_epoch_start(torch.randn(5, 16))


def test_a_single_view_and_impossible_momenta_are_refused():
    with pytest.raises(StudyError, match="too few"):
        SimCLR(nn.Flatten(), 4, VIEWS, count=1)
    for kind in (BYOL, MoCo):
        with pytest.raises(StudyError, match="momentum"):
            kind(nn.Flatten(), 4, VIEWS, momentum=1.0)
    with pytest.raises(StudyError, match="2 to 3"):
        DeepClusterV2(nn.Flatten(), 4, CROPS, 3, (5,))
