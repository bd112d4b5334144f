"""Views of spectrograms keep what is absent absent, stay inside the clip, and change only what they say."""

import pytest
import torch

from helpers.errors import StudyError
from helpers.views.spectrograms import (
    SpectrogramViews,
    crop_time,
    mask_bands,
    present,
    shift_pitch,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clips(*lengths: int, time: int = 50, mels: int = 16) -> torch.Tensor:
    """Frame t of every clip holds t + 1 in each band; absent beyond its length."""
    x = torch.arange(1.0, time + 1)[None, :, None].repeat(len(lengths), 1, mels)
    return x * (torch.arange(time) < torch.tensor(lengths)[:, None])[..., None]


def test_present_frames_are_those_that_are_not_all_zero() -> None:
    assert present(clips(50, 7, 0)).sum(dim=1).tolist() == [50, 7, 0]


def test_a_crop_is_one_stretch_inside_the_clip_at_every_place() -> None:
    starts = set()
    for seed in range(60):
        crop = crop_time(clips(14, 50), 10, generator=seeded(seed))
        assert crop.shape == (2, 10, 16)
        first = crop[0, :, 0]
        assert torch.equal(first, torch.arange(float(first[0]), float(first[0]) + 10))
        starts.add(int(first[0]))
    assert starts == {1, 2, 3, 4, 5}


def test_a_clip_shorter_than_the_crop_is_whole_and_the_rest_absent() -> None:
    crop = crop_time(clips(6), 10, generator=seeded())
    assert torch.equal(crop[0, :6], clips(6)[0, :6])
    assert not present(crop)[0, 6:].any()
    assert crop_time(clips(6, time=6), 10, generator=seeded()).shape == (1, 10, 16)
    with pytest.raises(StudyError, match="impossible"):
        crop_time(clips(6), 0)


@pytest.mark.parametrize("dim", [1, 2])
def test_masks_are_bands_no_wider_than_asked_and_nothing_else_changes(dim: int) -> None:
    x = clips(50, 50, 50, 50) + 1
    widths = set()
    for seed in range(30):
        masked = mask_bands(x, 1, 5, dim, seeded(seed))
        hidden = masked == 0
        assert torch.equal(masked[~hidden], x[~hidden])
        line = hidden.all(dim=3 - dim)  # (B, steps)
        assert torch.equal(line.unsqueeze(3 - dim).expand_as(hidden), hidden)
        for one in line:
            at = one.nonzero()[:, 0]
            widths.add(len(at))
            assert len(at) == 0 or int(at[-1] - at[0]) + 1 == len(at)
    assert widths == {0, 1, 2, 3, 4, 5}
    assert torch.equal(mask_bands(x, 0, 5, dim, None), x)


def test_a_shift_in_pitch_moves_a_peak_by_at_most_so_many_bands_and_is_linear_between() -> None:
    x = torch.zeros(200, 1, 32)
    x[:, 0, 16] = 1
    moved = shift_pitch(x, 4.0, seeded())
    assert torch.allclose(moved.sum(dim=2), torch.ones(200, 1), atol=1e-5)
    centre = (moved[:, 0] * torch.arange(32)).sum(dim=1)
    assert 12 <= float(centre.min()) < 12.5
    assert 19.5 < float(centre.max()) <= 20
    constant = torch.full((3, 2, 32), 2.0)
    assert torch.allclose(shift_pitch(constant, 4.0, seeded()), constant)
    assert torch.equal(shift_pitch(x, 0.0, None), x)


def test_a_tempo_plays_faster_or_slower_and_invents_no_frame() -> None:
    x = clips(*[50] * 60)
    played = crop_time(x, 20, 0.2, seeded())
    assert set(played.unique().tolist()) <= set(x.unique().tolist())
    speed = (played[:, 19, 0] - played[:, 0, 0]) / 19
    assert 0.75 <= float(speed.min()) < 0.9
    assert 1.1 < float(speed.max()) <= 1.2
    assert present(played).all()
    whole = crop_time(x, 50, 0.2, seeded())
    fast = whole[:, 40, 0] > 44
    assert not present(whole[fast])[:, -2:].any()
    with pytest.raises(StudyError, match="tempo"):
        crop_time(x, 20, 1.0)


def test_views_repeat_with_the_generator_differ_without_and_keep_absent_frames_absent() -> None:
    x = clips(50, 20) / 25 - 1.02
    x = x * (torch.arange(50) < torch.tensor([50, 20])[:, None])[..., None]
    make = SpectrogramViews(pitch=2, tempo=0.1, fade=0.5)
    assert torch.equal(make(x, seeded(3)), make(x, seeded(3)))
    assert not torch.equal(make(x, seeded(3)), make(x, seeded(4)))
    still = SpectrogramViews(tempo=0.0, pitch=2, fade=0.5)
    assert not present(still(x, seeded()))[1, 20:].any()


def test_at_strength_zero_a_view_is_the_clip_itself() -> None:
    x = clips(50, 20)
    make = SpectrogramViews(pitch=2, tempo=0.1, fade=0.5)
    assert torch.equal(make.scaled(0)(x, seeded()), x)
    with pytest.raises(StudyError, match="strength"):
        make.scaled(-1)


def test_volume_moves_a_clip_as_a_whole() -> None:
    x = clips(50, 50)
    moved = SpectrogramViews(volume=1.0, noise=0, time_masks=0, mel_masks=0)(x, seeded()) - x
    assert torch.allclose(moved, moved[:, :1, :1].expand_as(moved), atol=1e-5)
    assert 0 < float(moved.abs().max()) <= 1
