"""Segmentation of volumes: scores equal MONAI's and known values; windows; fine-tuning learns."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch

from helpers.data.corpus import Corpus
from helpers.evaluation.volume_segmentation import (
    VolumeSegmenter,
    Window,
    fine_tune_volumes,
    predict_volumes,
    volume_scores,
)
from helpers.networks.image_encoders import image_encoder
from helpers.networks.slice_transformer import SliceTokens, SliceTransformer, VolumeEncoder
from helpers.networks.volume_unet import VolumeUNet
from helpers.training import TrainingPlan
from helpers.views.volumes import VolumeViews


def boxes(n: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise with one bright and one dark box, classes 1 and 2."""
    torch.manual_seed(0)
    volumes = 0.5 + 0.05 * torch.randn(n, 1, 8, 32, 32)
    masks = torch.zeros(n, 8, 32, 32, dtype=torch.long)
    for i in range(n):
        a, b = 2 + 2 * (i % 4), 3 + i % 3
        masks[i, 2:6, a : a + 12, b : b + 10], masks[i, 2:6, a : a + 12, b + 12 : b + 22] = 1, 2
    volumes += 0.4 * (masks == 1)[:, None] - 0.4 * (masks == 2)[:, None]
    return volumes.clamp(0, 1), masks


def corpus() -> Corpus:
    volumes, masks = boxes()
    table = pd.DataFrame({"sample_id": list("abcdef"), "subject": list("abcdef"), "has_mask": [True] * 5 + [False]})
    return Corpus("boxes", table, lambda rows: {"input": volumes[rows], "mask": masks[rows]}, (), "none", "a test",
                  True, "0")  # fmt: skip


def encoder() -> VolumeEncoder:
    torch.manual_seed(0)
    slices, features = image_encoder("small_stages", 1, 32)
    return VolumeEncoder(SliceTokens(slices, 1, 32, features, 16), SliceTransformer(16, 1, 4, 16))


def test_dice_and_iou_equal_monais():
    from monai.metrics import compute_dice, compute_iou

    torch.manual_seed(0)
    predicted, truth = torch.randint(0, 3, (4, 6, 8, 8)), torch.randint(0, 3, (4, 6, 8, 8))
    found = volume_scores(predicted, truth, 3, 1.0)
    hot = [torch.nn.functional.one_hot(x, 3).movedim(-1, 1) for x in (predicted, truth)]
    torch.testing.assert_close(found["dice"].float(), compute_dice(*hot, include_background=False))
    torch.testing.assert_close(found["iou"].float(), compute_iou(*hot, include_background=False))


def test_surface_distance_of_a_moved_plane_is_the_move_in_millimetres():
    truth = torch.zeros(1, 12, 12, 12, dtype=torch.long)
    truth[:, 4:6] = 1
    predicted = truth.roll(2, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = volume_scores(predicted, truth, 2, 1.5)["surface_mm"]
    assert 0 < float(found) <= 3.0 + 1e-6
    assert float(volume_scores(truth, truth, 2, 1.5)["surface_mm"]) == 0
    doubled = volume_scores(predicted, truth, 2, 3.0)["surface_mm"]
    assert float(doubled) == pytest.approx(2 * float(found))


def test_a_class_that_is_missing_has_no_surface_distance_and_counts_as_missed_or_right():
    truth = torch.zeros(3, 4, 6, 6, dtype=torch.long)
    predicted = truth.clone()
    truth[0, 1:3, 1:3, 1:3] = 1  # missed
    predicted[1, 1:3, 1:3, 1:3] = 1  # invented
    found = volume_scores(predicted, truth, 2, 1.0)
    assert found["dice"][:, 0].tolist() == [0, 0, 1]
    assert found["surface_mm"].isnan().all()


def test_fine_tuning_learns_to_mark_and_leaves_the_encoder_as_it_was():
    made = encoder()
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    rows = {"train": np.tile(np.arange(4), 25), "test": np.array([4])}
    plan = TrainingPlan(1, 2, 1e-2, seed=0)
    predicted = fine_tune_volumes(made, corpus(), rows, 3, plan, Window(4))
    assert predicted.dtype == torch.uint8
    truth = corpus().load(np.array([4]))["mask"]
    assert volume_scores(predicted, truth, 3, 1.0)["dice"].mean() > 0.8
    assert all(torch.equal(before[name], tensor) for name, tensor in made.state_dict().items())


def test_a_training_row_without_a_mask_is_refused():
    rows = {"train": np.array([5]), "test": np.array([0])}
    with pytest.raises(ValueError, match="no mask"):
        fine_tune_volumes(encoder(), corpus(), rows, 3, TrainingPlan(1, 2, 1e-3), Window(4))


def test_one_window_over_all_slices_equals_the_network_itself():
    made = encoder()
    network = VolumeUNet(made.tokens, made.transformer, 1, 32, 3).eval()
    torch.nn.init.normal_(network.slices.head.weight)
    volumes = corpus().load(np.arange(3))["input"]
    with torch.no_grad():
        whole = network(volumes).argmax(1).to(torch.uint8)
    found = predict_volumes(network, corpus(), np.arange(3), Window(8, 0.0))
    assert (found == whole).double().mean() > 0.999  # MONAI weighs and divides again: ties may fall otherwise


def test_the_loss_is_smallest_at_the_truth_and_reaches_the_encoder():
    made = encoder()
    segmenter = VolumeSegmenter(VolumeUNet(made.tokens, made.transformer, 1, 32, 3), 3, VolumeViews(32, 4))
    batch = corpus().load(np.arange(2))
    loss = segmenter.training_step(batch)["loss"]
    loss.backward()
    assert next(made.tokens.encoder.parameters()).grad.abs().sum() > 0
    hot = torch.nn.functional.one_hot(batch["mask"], 3).movedim(-1, 1).float()
    assert segmenter.criterion(20 * hot, hot) < 0.01 < segmenter.criterion(torch.zeros_like(hot), hot)


@pytest.mark.parametrize("foreground", [1.0, 3.0])
def test_the_loss_is_weighted_dice_plus_weighted_cross_entropy(foreground: float):
    made = encoder()
    segmenter = VolumeSegmenter(VolumeUNet(made.tokens, made.transformer, 1, 32, 3), 3, foreground=foreground)
    _, masks = boxes(2)
    hot = torch.nn.functional.one_hot(masks, 3).movedim(-1, 1).float()
    logits = torch.randn(hot.shape, generator=torch.Generator().manual_seed(1), requires_grad=True)
    p, axes = logits.softmax(1)[:, 1:], (0, 2, 3, 4)
    lost = 1 - (2 * (p * hot[:, 1:]).sum(axes)) / (p.sum(axes) + hot[:, 1:].sum(axes))  # (2,), a class each
    weights = torch.tensor([1.0, foreground, foreground])
    cross = -(weights[:, None, None, None] * hot * logits.log_softmax(1)).sum(1).mean()
    expected = foreground * lost.mean() + cross
    loss = segmenter.criterion(logits, hot)
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-5)
    slopes = [torch.autograd.grad(one, logits, retain_graph=True)[0] for one in (loss, expected)]
    torch.testing.assert_close(*slopes, rtol=1e-3, atol=1e-7)
