"""Drawn people: exact labels, the chain of actions, movement that follows the action, two worlds."""

import numpy as np
import pytest
import torch

from helpers.data.simulated.actions import (
    ACTIONS,
    FRAME_RATE,
    capsule_cover,
    draw_videos,
    same_action_probability,
    skeleton,
)
from helpers.errors import StudyError


def one_action(name: str, frames: int = 40) -> torch.Tensor:
    """Limbs (frames, 12, 2, 3) of two cycles of an action."""
    weight = torch.zeros(frames, len(ACTIONS))
    weight[:, ACTIONS.index(name)] = 1
    return skeleton(weight, torch.linspace(0, 4 * np.pi, frames))


def test_the_same_arguments_draw_the_same_pixels_and_another_seed_does_not() -> None:
    one = draw_videos("studio", 3, 2, 10, 24, 0.5, seed=4)
    two = draw_videos("studio", 3, 2, 10, 24, 0.5, seed=4)
    other = draw_videos("studio", 3, 2, 10, 24, 0.5, seed=5)
    assert one.frames.shape == (6, 10, 3, 24, 24)
    assert one.frames.dtype == torch.uint8
    assert torch.equal(one.frames, two.frames)
    assert torch.equal(one.actions, two.actions)
    assert not torch.equal(one.frames, other.frames)
    assert one.person.tolist() == [0, 0, 1, 1, 2, 2]


def test_actions_change_as_often_as_the_chain_says() -> None:
    from helpers.data.simulated.actions import WORLDS, _Draw

    change = 0.02
    chain = _Draw(torch.Generator().manual_seed(0), WORLDS["studio"]).action_chain(6000, 60, change).numpy()
    for lag in (1, 8, 30, 59):
        same = (chain[:, 0] == chain[:, lag]).mean()
        expected = same_action_probability(lag, change)
        assert same == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / 6000))
    shares = np.bincount(chain[:, -1], minlength=6) / 6000
    np.testing.assert_allclose(shares, 1 / 6, atol=0.02)


def test_same_action_probability_is_the_power_of_the_transition_matrix() -> None:
    change, actions = 0.1, 6
    matrix = np.full((actions, actions), change / (actions - 1))
    np.fill_diagonal(matrix, 1 - change)
    for k in (0, 1, 3, 20):
        assert same_action_probability(k, change) == pytest.approx(np.linalg.matrix_power(matrix, k)[2, 2])


def test_a_video_without_changes_keeps_its_action() -> None:
    drawn = draw_videos("street", 4, 1, 20, 16, 0.0, seed=0)
    assert (drawn.actions == drawn.actions[:, :1]).all()


def test_limbs_keep_their_length_whatever_the_phase_and_action() -> None:
    for name in ACTIONS:
        limbs = one_action(name)
        length = (limbs[:, :, 1] - limbs[:, :, 0]).norm(dim=-1)
        torch.testing.assert_close(length, length[:1].expand_as(length), rtol=1e-4, atol=1e-5)


def test_legs_swing_in_locomotion_alone_and_further_the_faster_it_is() -> None:
    swing = {name: float(one_action(name)[:, 7, 1, 0].std()) for name in ACTIONS}  # right ankle, forwards
    assert swing["walk"] < swing["run"]
    assert swing["jog"] < swing["run"]
    assert max(swing["box"], swing["wave"], swing["clap"]) < 0.3 * swing["walk"]


def test_hands_go_over_the_head_in_waving_together_in_clapping_and_in_turn_in_boxing() -> None:
    head = float(one_action("wave")[:, 1, 1, 1].mean())
    assert float(one_action("wave")[:, 3, 1, 1].max()) > head
    assert float(one_action("clap")[:, 3, 1, 1].max()) < head
    for name, sign in (("clap", 1), ("box", -1)):
        limbs = one_action(name)
        right, left = limbs[:, 3, 1], limbs[:, 5, 1]  # hands
        axis = 2 if name == "clap" else 0
        signals = torch.stack([right[:, axis], -left[:, axis] if name == "clap" else left[:, axis]])
        assert sign * float(torch.corrcoef(signals)[0, 1]) > 0.5
    apart = (one_action("clap")[:, 3, 1] - one_action("clap")[:, 5, 1]).norm(dim=1)
    assert float(apart.min()) < 0.15 < 0.5 < float(apart.max())


def test_feet_stay_near_the_ground() -> None:
    for name in ACTIONS:
        lowest = one_action(name)[:, [7, 9], 1, 1].amin(dim=1)  # ankles
        assert float(lowest.min()) > -0.02
        assert float(lowest.max()) < 0.15


def test_a_capsule_covers_its_area() -> None:
    ends = torch.tensor([[[[10.0, 16.0], [22.0, 16.0]]]])
    cover = capsule_cover(ends, torch.tensor([4.0]), 32)
    assert float(cover.sum()) == pytest.approx(12 * 8 + np.pi * 16, rel=0.02)
    assert float(cover[0, 0, 15, 15]) == 1
    assert float(cover[0, 0, 2, 2]) == 0


def test_the_worlds_differ_in_colour_and_texture() -> None:
    studio = draw_videos("studio", 12, 1, 2, 32, 0.0, seed=0).frames.float() / 255
    street = draw_videos("street", 12, 1, 2, 32, 0.0, seed=0).frames.float() / 255
    assert street.std(dim=2).mean() > 1.5 * studio.std(dim=2).mean()  # between colour channels


def test_something_moves_in_every_action() -> None:
    drawn = draw_videos("studio", 12, 1, int(2 * FRAME_RATE), 32, 0.0, seed=1)
    moved = (drawn.frames[:, 1:].float() - drawn.frames[:, :-1].float()).abs().amax(dim=2).flatten(2)
    still = (moved > 40).float().mean(dim=(1, 2))
    assert (still > 0.002).all()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("moon", 2, 1, 5, 16, 0.1, 0), "no drawn world is called 'moon'; there are: studio, street"),
        (("studio", 0, 1, 5, 16, 0.1, 0), "drawn actions need people"),
        (("studio", 2, 1, 5, 16, -1.0, 0), "change_rate is -1.0"),
    ],
)
def test_impossible_worlds_are_refused(arguments: tuple, line: str) -> None:
    with pytest.raises(StudyError, match=line):
        draw_videos(*arguments)
