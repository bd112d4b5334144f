"""Overlap measures against hand-made masks and scikit-learn; a U-Net that learns to mark a disc."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import f1_score, jaccard_score
from torch import nn

from helpers.data.corpus import Corpus
from helpers.evaluation.segmentation import Segmenter, dice, fine_tune_unet, iou, predict_masks
from helpers.networks.image_encoders import image_encoder
from helpers.networks.unet import UNet
from helpers.training import TrainingPlan
from helpers.views.images import ImageViews


def test_hand_made_masks() -> None:
    a = torch.tensor([[1, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]], dtype=torch.bool)
    b = torch.tensor([[0, 1, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 1]], dtype=torch.bool)
    assert dice(a, b).tolist() == [0.5, 1.0, 1.0, 0.0]
    assert iou(a, b).tolist() == [1 / 3, 1.0, 1.0, 0.0]


def test_they_equal_scikit_learns_f1_and_jaccard_of_the_pixels() -> None:
    rng = np.random.default_rng(0)
    predicted, target = (torch.as_tensor(rng.random((6, 1, 9, 7)) < share) for share in (0.3, 0.6))
    for i in range(6):
        pixels = target[i].flatten().numpy(), predicted[i].flatten().numpy()
        assert float(dice(predicted, target)[i]) == pytest.approx(f1_score(*pixels), abs=1e-12)
        assert float(iou(predicted, target)[i]) == pytest.approx(jaccard_score(*pixels), abs=1e-12)
    d = dice(predicted, target)
    torch.testing.assert_close(iou(predicted, target), d / (2 - d))


def test_probabilities_and_masks_of_another_shape_are_refused() -> None:
    masks = torch.zeros(2, 1, 4, 4)
    with pytest.raises(ValueError, match="cut probabilities at a threshold"):
        dice(masks + 0.3, masks)
    with pytest.raises(ValueError, match="do not pair"):
        iou(masks[:1], masks)


def discs(n: int = 48, size: int = 24) -> Corpus:
    """Bright discs on noise, each with its exact mask."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size]
    centre = rng.uniform(7, size - 7, (n, 2, 1, 1))
    masks = torch.as_tensor((x - centre[:, 0]) ** 2 + (y - centre[:, 1]) ** 2 < 25).float()[:, None]
    images = (0.25 * torch.as_tensor(rng.random((n, 3, size, size))).float() + 0.5 * masks).contiguous()
    table = pd.DataFrame({"sample_id": [str(i) for i in range(n)], "label": "disc", "has_mask": True})
    table["subject"] = table["sample_id"]

    def load(rows: np.ndarray) -> dict[str, torch.Tensor]:
        at = torch.as_tensor(np.array(rows))
        return {"input": images[at], "mask": masks[at]}

    return Corpus("discs", table, load, ("label",), "none", "test", True, "discs")


def test_a_fine_tuned_unet_marks_the_disc_and_leaves_the_encoder_as_it_was() -> None:
    corpus = discs()
    encoder, _ = image_encoder("small_stages", 3, 24)
    before = copy.deepcopy(encoder.state_dict())
    rows = {"train": np.arange(32), "test": np.arange(32, 48)}
    plan = TrainingPlan(14, 8, 1e-2, optimiser="adam", seed=0)
    views = ImageViews(24, (1.0, 1.0), (1.0, 1.0), right_angles=True, jitter=0.0, gray=0.0, blur=0.0)
    probabilities = fine_tune_unet(encoder, corpus, rows, plan, views)
    assert probabilities.shape == (16, 1, 24, 24)
    assert float(dice(probabilities > 0.5, corpus.load(rows["test"])["mask"]).mean()) > 0.9
    assert all(torch.equal(before[key], tensor) for key, tensor in encoder.state_dict().items())
    again = fine_tune_unet(encoder, corpus, rows, plan, views)
    assert torch.equal(again, probabilities)


def test_a_mirrored_mask_is_learnt_from_the_mirrored_image() -> None:
    class Kept(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Conv2d(3, 1, 1)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            self.seen = images
            return 20 * (images.mean(1, keepdim=True) - 0.35)  # right where the disc is bright

    network = Kept()
    views = ImageViews(24, (1.0, 1.0), (1.0, 1.0), flip=1.0, right_angles=True, jitter=0.0, gray=0.0, blur=0.0)
    batch = discs().load(np.arange(16))
    with torch.no_grad():
        moved = float(Segmenter(network, views).training_step(batch)["loss"])
        still = float(Segmenter(network).training_step(batch)["loss"])
    assert moved == pytest.approx(still, rel=1e-4)  # the loss would be large if the mask had stayed behind


def test_rows_without_a_mask_are_refused() -> None:
    corpus = discs()
    corpus.table.loc[3, "has_mask"] = False
    encoder, _ = image_encoder("small_stages", 3, 24)
    with pytest.raises(ValueError, match="has no mask"):
        fine_tune_unet(encoder, corpus, {"train": np.arange(8), "test": np.arange(8)}, TrainingPlan(1, 4, 1e-3))


def test_prediction_is_the_same_in_any_batches() -> None:
    corpus = discs(10)
    unet = UNet(image_encoder("small_stages", 3, 24)[0], 3, 24)
    whole = predict_masks(unet, corpus, np.arange(10))
    torch.testing.assert_close(predict_masks(unet, corpus, np.arange(10), batch_size=3), whole, rtol=1e-5, atol=1e-6)
