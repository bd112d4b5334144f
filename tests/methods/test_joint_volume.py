"""Joint learning: what each task sees, which loss reaches what, clusters from the right features."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from helpers.data.corpus import Corpus
from helpers.errors import StudyError
from helpers.methods.deep_cluster import DeepClusterV2
from helpers.methods.joint_volume import GivenViews, JointEncoder, JointImageVolume, VolumeTask
from helpers.methods.swav import SwAV
from helpers.networks.image_encoders import image_encoder
from helpers.networks.slice_transformer import SliceTokens, SliceTransformer, VolumeEncoder
from helpers.training import TrainingPlan, train
from helpers.views.images import ImageViews
from helpers.views.multi_crop import MultiCrop
from helpers.views.volumes import VolumeViews

N, EACH = 8, 3


def made(image: str = "deepcluster", agreement: str = "deepcluster", masked: float = 0.2) -> JointImageVolume:
    torch.manual_seed(0)
    slices, features = image_encoder("small_stages", 1, 32)
    encoder = VolumeEncoder(SliceTokens(slices, 1, 32, features, 16), SliceTransformer(16, 1, 4, 16))
    crops = MultiCrop((ImageViews(32, saturation=0, hue=0, gray=0),), (2,))
    heads = {"hidden": 8, "projection": 8}
    tasks = {
        "": None,
        "deepcluster": DeepClusterV2(slices, features, crops, N * EACH, (4, 4), **heads),
        "swav": SwAV(slices, features, crops, prototypes=6, **heads),
    }
    agreements = {
        "": None,
        "deepcluster": DeepClusterV2(nn.Identity(), 16, GivenViews(), N, (2, 2), **heads),
        "swav": SwAV(nn.Identity(), 16, GivenViews(), prototypes=4, **heads),
    }
    volumes = VolumeTask(encoder, VolumeViews(32, 8), agreements[agreement], masked) if agreement or masked else None
    return JointImageVolume(JointEncoder(slices, encoder if volumes else None), tasks[image], volumes)


def corpus() -> Corpus:
    torch.manual_seed(1)
    volumes, slices = torch.rand(N, 1, 10, 32, 32), torch.rand(N, EACH, 1, 32, 32)
    table = pd.DataFrame({"sample_id": [f"p{i}" for i in range(N)], "subject": [f"p{i}" for i in range(N)]})
    return Corpus("portions", table, lambda rows: {"volume": volumes[rows], "slices": slices[rows]}, (), "none",
                  "a test", True, "0")  # fmt: skip


@pytest.mark.parametrize("image", ["", "deepcluster", "swav"])
@pytest.mark.parametrize("agreement", ["deepcluster", "swav"])
def test_every_combination_of_tasks_trains_and_the_encoder_moves(image, agreement):
    method = made(image, agreement)
    before = method.encoder.slices.state_dict()
    before = {name: tensor.clone() for name, tensor in before.items()}
    history = train(method, corpus(), np.arange(N), TrainingPlan(2, 4, 1e-3))
    assert {"loss", "masked", "agreement"} <= history.epochs[0].keys()
    assert ("slices" in history.epochs[0]) == bool(image)
    assert any(not torch.equal(before[name], tensor) for name, tensor in method.encoder.slices.state_dict().items())
    assert history.spread is not None


def test_slices_alone_train_without_volumes():
    method = made("deepcluster", "", 0.0)
    history = train(method, corpus(), np.arange(N), TrainingPlan(1, 4, 1e-3))
    assert set(history.epochs[0]) == {"epoch", "loss", "slices", "relative_std", "effective_rank"}


def test_the_loss_is_the_weighted_sum_of_its_parts():
    method = made()
    method.image_weight, method.volume_task.masked_weight = 0.5, 3.0
    method.on_epoch_start(torch.randn(N, 16 + EACH * 128))
    batch = corpus().load(np.arange(4)) | {"position": torch.arange(4)}
    out = method.training_step(batch)
    total = 0.5 * out["slices"] + 3.0 * out["masked"] + out["agreement"]
    assert out["loss"].item() == pytest.approx(total.item())


def test_the_slices_of_a_portion_are_clustered_in_their_own_places():
    method = made()
    features = torch.randn(N, 16 + EACH * 128)
    method.on_epoch_start(features)
    seen = {}

    def step(batch):
        seen.update(batch)
        return {"loss": torch.zeros(()), "embedding": torch.zeros(2, 2)}

    method.image_task.training_step = step
    batch = corpus().load(np.array([5, 2])) | {"position": torch.tensor([5, 2])}
    method.training_step(batch)
    assert seen["position"].tolist() == [15, 16, 17, 6, 7, 8]
    torch.testing.assert_close(seen["input"][4], batch["slices"][1, 1])
    own = features[:, 16:].reshape(N * EACH, 128)
    assert method.image_task.assignments.shape == (2, N * EACH)
    method.image_task.projector.eval()
    z = nn.functional.normalize(method.image_task.projector(own), dim=1)
    nearest = (z @ method.image_task.centroids0.mT).argmax(1)
    assert torch.equal(nearest, method.image_task.assignments[0])


def test_features_for_clustering_are_those_of_volumes_and_slices_side_by_side():
    method = made().eval()
    batch = corpus().load(np.arange(N))
    with torch.no_grad():
        found = method.encoder(batch)
        torch.testing.assert_close(found[:, :16], method.encoder.volumes(batch["volume"]), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(found[3, 16 + 128 : 16 + 256], method.encoder.slices(batch["slices"][3, 1:2])[0],
                                   atol=1e-5, rtol=1e-4)  # fmt: skip


def test_only_hidden_tokens_carry_the_prediction_loss():
    task = made(agreement="", masked=0.25).volume_task
    tokens = torch.randn(2, 8, 16, requires_grad=True)
    hidden = torch.zeros(2, 8, dtype=torch.bool)
    hidden[:, 2] = True
    import helpers.methods.joint_volume as module

    original = module.token_mask
    module.token_mask = lambda *_: hidden
    try:
        loss = task.prediction_loss(tokens)
        loss.backward()
        with torch.no_grad():
            other = tokens.detach().clone()
            other[:, 2] += torch.randn(2, 16)
            moved = task.encoder.transformer(torch.where(hidden[..., None], task.hidden_token, other))
            same = task.encoder.transformer(torch.where(hidden[..., None], task.hidden_token, tokens))
    finally:
        module.token_mask = original
    assert torch.equal(moved, same)  # what is hidden is not seen
    assert tokens.grad[:, 2].abs().sum() == 0  # and as a target has no gradient
    assert tokens.grad[:, 3].abs().sum() > 0


def test_no_view_is_kept_from_one_step_to_the_next():
    method = made("", "swav")
    batch = corpus().load(np.arange(4)) | {"position": torch.arange(4)}
    seen = []
    method.volume_task.encoder.tokens.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    method.training_step(batch)
    method.training_step(batch)
    assert not torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0][:4], seen[0][4:])


def test_nothing_to_learn_is_refused():
    with pytest.raises(StudyError, match="2-D task, a 3-D task"):
        JointImageVolume(JointEncoder(nn.Identity(), None), None, None)
    with pytest.raises(StudyError, match="agreement, masked prediction"):
        VolumeTask(made().encoder.volumes, VolumeViews(32, 8), None, 0.0)
