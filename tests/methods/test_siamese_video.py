"""The Siamese method: its loss, its state, and that it learns what pairs say."""

import copy

import torch

from helpers.methods.siamese_video import SiameseVideo
from helpers.networks.clip_encoders import Conv3dSmall
from helpers.objectives.contrastive import pair_contrastive
from helpers.views.clips import ClipViews

PLAIN = ClipViews(16, crop_scale=(1, 1), crop_ratio=(1, 1), flip=0, gain=0, contrast=0, grey=0)


def moving_bars(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Clips (count, 3, 8, 16, 16) of a bar that runs across (class 0) or down (class 1), on a random ground."""
    generator = torch.Generator().manual_seed(seed)
    label = torch.arange(count) % 2
    start = torch.randint(0, 16, (count,), generator=generator)
    clips = 0.3 * torch.rand(count, 3, 1, 16, 16, generator=generator).repeat(1, 1, 8, 1, 1)
    for i in range(count):
        for t in range(8):
            at = int(start[i] + 2 * t) % 16
            if label[i] == 0:
                clips[i, :, t, :, at] = 1
            else:
                clips[i, :, t, at, :] = 1
    return clips, label


def test_the_loss_is_the_contrastive_loss_of_the_projections() -> None:
    torch.manual_seed(0)
    method = SiameseVideo(Conv3dSmall((4, 8, 8, 8)), 8, PLAIN, projection=5, margin=0.8).eval()
    first, second = torch.rand(6, 3, 8, 16, 16), torch.rand(6, 3, 8, 16, 16)
    same = torch.tensor([1, 0, 1, 0, 0, 1])
    out = method.training_step({"first": first, "second": second, "same": same})
    expected = pair_contrastive(method.project(first), method.project(second), same, 0.8)
    torch.testing.assert_close(out["loss"], expected)
    torch.testing.assert_close(method.project(first).norm(dim=1), torch.ones(6))


def test_training_on_pairs_separates_what_the_pairs_separate() -> None:
    torch.manual_seed(0)
    method = SiameseVideo(Conv3dSmall((6, 8, 12, 16)), 16, PLAIN, projection=8)
    optimiser = torch.optim.Adam(method.parameters(), lr=5e-3)
    clips, label = moving_bars(64, seed=0)
    for _ in range(40):
        order = torch.randperm(64)
        first, second = order[:32], order[32:]
        batch = {"first": clips[first], "second": clips[second], "same": label[first] == label[second]}
        loss = method.training_step(batch)["loss"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    fresh, truth = moving_bars(40, seed=1)
    with torch.no_grad():
        z = method.eval().project(fresh)
    nearest = (z @ z.T - 2 * torch.eye(40)).argmax(dim=1)
    assert (truth[nearest] == truth).float().mean() > 0.9


def test_all_state_is_in_the_state_dict() -> None:
    torch.manual_seed(0)
    method = SiameseVideo(Conv3dSmall((4, 4, 4, 4)), 4, PLAIN)
    other = copy.deepcopy(method)
    with torch.no_grad():
        for p in other.parameters():
            p.add_(1)
    other.load_state_dict(method.state_dict())
    clips = torch.rand(3, 3, 8, 16, 16)
    torch.testing.assert_close(method.eval().project(clips), other.eval().project(clips))
