"""Discriminative synthesis: what is perturbed and what is not, importance, and what reaches which weights."""

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from helpers.data.corpus import Corpus
from helpers.errors import StudyError
from helpers.methods.discriminative_synthesis import (
    DiscriminativeSynthesis,
    as_many_at_random,
    importance,
    non_discriminative,
    perturbed,
    statistics_kept,
)
from helpers.methods.feature_statistics import FeatureStatistics
from helpers.methods.moco import MoCo
from helpers.methods.simclr import SimCLR
from helpers.networks.image_decoder import ImageDecoder
from helpers.training import TrainingPlan, train

FEATURES = 16


def small_encoder() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, FEATURES, 4, 4, bias=False), nn.BatchNorm2d(FEATURES), nn.ReLU(),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten())  # fmt: skip


def noisy(images: Tensor) -> Tensor:
    return images + 0.05 * torch.randn(images.shape)


def made(base: str = "moco", **options) -> DiscriminativeSynthesis:
    torch.manual_seed(0)
    own = {"temperature": 0.2, "hidden": 8, "projection": 8}
    first: MoCo | SimCLR
    first = MoCo(small_encoder(), FEATURES, noisy, queue=32, **own) if base == "moco" else SimCLR(
        small_encoder(), FEATURES, noisy, **own
    )  # fmt: skip
    return DiscriminativeSynthesis(first, ImageDecoder(FEATURES, 16, width=8, blocks=1), FEATURES, **options)


def images(count: int = 12) -> Tensor:
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def stepped(method: DiscriminativeSynthesis, times: int = 3) -> DiscriminativeSynthesis:
    """A few steps, so that the queue holds keys and the statistics something."""
    method.train()
    optimiser = torch.optim.SGD([p for p in method.parameters() if p.requires_grad], 0.01)
    for _ in range(times):
        optimiser.zero_grad()
        method.training_step({"input": images()})["loss"].backward()
        optimiser.step()
        method.after_step()
    return method


def test_protected_dimensions_are_bit_identical_and_the_others_move():
    torch.manual_seed(0)
    f, changed = torch.randn(50, FEATURES) * 1e-3, torch.rand(50, FEATURES) < 0.3
    moved = perturbed(f, changed, torch.full((FEATURES,), 1e4))
    assert torch.equal(moved[~changed], f[~changed])
    assert (moved[changed] != f[changed]).all()
    assert (moved - f)[changed].std() == pytest.approx(1e4, rel=0.15)


def test_what_the_method_perturbs_is_what_it_says_and_nothing_else(monkeypatch):
    seen = []
    method = stepped(made())
    monkeypatch.setattr(method.decoder, "forward", lambda f: seen.append(f.clone()) or torch.zeros(len(f), 3, 16, 16))
    f = torch.rand(6, FEATURES)
    pair = method.synthesise(f, torch.rand(6, FEATURES))
    assert torch.equal(seen[0], f)
    assert torch.equal(seen[1][~pair.changed], f[~pair.changed])
    assert pair.changed.any()
    assert not pair.changed.all()


def test_a_dimension_that_the_loss_does_not_see_has_importance_zero_and_others_their_gradient_times_value():
    f = torch.rand(5, 6, requires_grad=True)
    weight = torch.tensor([1.0, -2.0, 0.0, 3.0, 0.0, 0.5])
    found = importance((f * weight).sum(), f)
    assert torch.equal(found[:, [2, 4]], torch.zeros(5, 2))
    assert torch.allclose(found, (f * weight).abs().detach())
    assert torch.equal(importance(torch.rand(3, requires_grad=True).sum(), f), torch.zeros(5, 6))


def test_importance_of_a_whole_method_is_zero_where_the_projector_is_blind_and_leaves_the_graph_for_the_step():
    method = stepped(made())
    with torch.no_grad():
        method.base.projector[0].weight[:, 3] = 0
    found = method.base.compare(images(), noisy(images()))
    important = importance(found.loss, found.features)
    assert (important[:, 3] == 0).all()
    assert (important[:, [0, 1, 2, 4]] > 0).any()
    found.loss.backward()
    assert all(p.grad is not None for p in method.encoder.parameters())


def test_low_in_both_is_the_intersection_of_the_two_lower_parts():
    variance = torch.tensor([0.1, 0.2, 0.3, 0.4])
    importances = torch.tensor([[4.0, 1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0]])
    assert non_discriminative(variance, importances, 0.5, 0.5).tolist() == [
        [False, True, False, False],
        [True, True, False, False],
    ]
    assert non_discriminative(variance, importances, 1.0, 1.0).all()
    assert not non_discriminative(variance, importances, 0.0, 1.0).any()
    assert non_discriminative(torch.zeros(4), torch.zeros(1, 4), 0.5, 0.75).sum() == 2  # ties take no more than asked


def test_random_dimensions_are_as_many_for_every_sample_and_not_the_same():
    torch.manual_seed(0)
    chosen = torch.rand(200, FEATURES) < 0.3
    drawn = as_many_at_random(chosen)
    assert torch.equal(drawn.sum(1), chosen.sum(1))
    assert not torch.equal(drawn, chosen)
    assert drawn.float().mean(0).min() > 0.15


@pytest.mark.parametrize("base", ["moco", "simclr"])
def test_without_pairs_and_decoder_it_is_the_base_method(base):
    method = made(base, reconstruction_weight=0.0, pair_weight=0.0)
    alone = copy.deepcopy(method.base)
    for _ in range(2):
        torch.manual_seed(5)
        ours = method.training_step({"input": images()})["loss"]
        torch.manual_seed(5)
        theirs = alone.training_step({"input": images()})["loss"]
        assert ours.item() == pytest.approx(theirs.item(), abs=1e-6)
        method.after_step()
        alone.after_step()


def test_the_loss_is_the_sum_of_its_parts_under_their_weights():
    method = stepped(made(reconstruction_weight=0.05, pair_weight=0.7))
    out = method.training_step({"input": images()})
    parts = out["base_loss"] + 0.05 * out["reconstruction_error"] + 0.7 * out["pair_loss"]
    assert out["loss"].item() == pytest.approx(parts.item(), rel=1e-5)


def test_the_decoder_learns_by_its_error_alone_and_the_error_reaches_the_encoder():
    method = stepped(made(reconstruction_weight=0.05))
    method.zero_grad()
    with_pairs = method.training_step({"input": images()})
    with_pairs["loss"].backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in method.decoder.last.parameters())
    without = stepped(made(reconstruction_weight=0.0))
    without.training_step({"input": images()})["loss"].backward()
    assert all(p.grad is None for p in without.decoder.parameters())
    alone = made(reconstruction_weight=1.0, pair_weight=0.0)
    view = images()
    nn.functional.mse_loss(alone.decoder(alone.encoder(view)), view).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in alone.encoder.parameters())


def test_pairs_wait_for_their_first_step_and_their_keys_never_enter_the_queue():
    method = made(start_step=2)
    for step in range(4):
        out = method.training_step({"input": images()})
        assert ("pair_loss" in out) == (step >= 2)
        method.after_step()
    assert len(method.base.queue) == 32  # 4 batches of 12, of real images alone, in a queue of 32
    one = made()
    one.training_step({"input": images()})
    one.after_step()
    assert len(one.base.queue) == 12


def test_running_statistics_of_the_encoder_are_of_real_images_alone():
    method = stepped(made(pair_weight=1.0, reconstruction_weight=0.0))
    alone = copy.deepcopy(method.base)
    torch.manual_seed(3)
    method.training_step({"input": images()})
    torch.manual_seed(3)
    alone.training_step({"input": images()})
    for ours, theirs in zip(method.encoder.buffers(), alone.encoder.buffers(), strict=True):
        assert torch.equal(ours, theirs)


def test_kept_statistics_return_to_following_batches_also_after_an_error():
    norm = nn.BatchNorm2d(3)
    before = copy.deepcopy(norm.state_dict())

    def broken_off() -> None:
        with statistics_kept(norm):
            norm(torch.rand(4, 3, 2, 2))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken_off()
    assert all(torch.equal(before[key], value) for key, value in norm.state_dict().items())
    norm(torch.rand(4, 3, 2, 2))
    assert not torch.equal(before["running_mean"], norm.running_mean)


def test_variance_is_that_of_the_data_from_the_first_batch_on_and_lives_in_the_state():
    torch.manual_seed(0)
    data = torch.randn(4000, 5) * torch.tensor([0.1, 1.0, 2.0, 0.0, 5.0]) + 3
    statistics = FeatureStatistics(5, 0.98)
    statistics.update(data[:40])
    assert torch.allclose(statistics.variance(), data[:40].var(0, unbiased=False), atol=1e-4)
    for part in data.split(40):
        statistics.update(part)
    assert torch.allclose(statistics.variance(), data.var(0), rtol=0.25, atol=1e-4)
    assert statistics.variance()[3] < 1e-12
    again = FeatureStatistics(5, 0.98)
    again.load_state_dict(statistics.state_dict())
    assert torch.equal(again.variance(), statistics.variance())


def test_base_and_decoder_have_optimisers_of_their_own():
    groups = made(optimiser="sgd", decoder_rate=0.5).parameter_groups()
    assert [group.optimiser for group in groups] == ["sgd", "adam"]
    assert groups[1].rate == 0.5
    ids = [{id(p) for p in group.parameters} for group in groups]
    assert not ids[0] & ids[1]
    assert len(made(reconstruction_weight=0.0).parameter_groups()) == 1


def test_settings_out_of_range_are_refused():
    with pytest.raises(StudyError, match=r"variance_share is 1\.5"):
        made(variance_share=1.5)
    with pytest.raises(StudyError, match="must not be negative"):
        made(noise=-1.0)
    with pytest.raises(StudyError, match="momentum of the statistics"):
        FeatureStatistics(3, 1.0)


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path):
    pictures = images(32)
    table = pd.DataFrame({"sample_id": [str(i) for i in range(32)], "subject": [str(i) for i in range(32)]})
    corpus = Corpus(
        "noise", table, lambda rows: pictures[torch.as_tensor(rows)], (), "none", "made here", True, "noise"
    )
    plan = TrainingPlan(epochs=3, batch_size=8, learning_rate=0.01, optimiser="adamw")
    whole, broken, resumed = made(start_step=2), made(start_step=2), made(start_step=2, noise=1.0)
    train(whole, corpus, np.arange(32), plan)
    steps, after_step = [], broken.after_step

    def breaking() -> None:
        if len(steps) == 6:
            raise KeyboardInterrupt
        after_step()
        steps.append(1)

    broken.after_step = breaking  # type: ignore[method-assign]
    often = dataclasses.replace(plan, checkpoint_seconds=0.0)
    with pytest.raises(KeyboardInterrupt):
        train(broken, corpus, np.arange(32), often, checkpoint=tmp_path / "c.pt")
    train(resumed, corpus, np.arange(32), often, checkpoint=tmp_path / "c.pt")
    for key, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[key]), key
    assert int(resumed.steps_taken) == 12
