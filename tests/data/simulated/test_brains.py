"""Simulated brains: exact masks, as different as asked for, the same twice, laid where the template lies."""

import numpy as np
import pytest
import torch

from helpers.data.simulated.brains import draw_brains
from helpers.errors import StudyError


@pytest.fixture(scope="module")
def drawn():
    return draw_brains(14, 16, 32, seed=3)


def test_shapes_values_and_tissues(drawn):
    assert drawn.images.shape == (14, 1, 16, 32, 32)
    assert drawn.images.dtype == drawn.masks.dtype == torch.uint8
    assert drawn.spacing == 6.0
    shares = torch.stack([(drawn.masks == c).double().mean(dim=(1, 2, 3)) for c in (0, 1, 2)], 1)
    assert ((shares[:, 1] > 0.1) & (shares[:, 2] > 0.05)).all()
    assert (shares[:, 1] > shares[:, 2]).double().mean() > 0.9  # more grey than white, as in the template


def test_a_seed_draws_the_same_twice_and_another_seed_others(drawn):
    again = draw_brains(14, 16, 32, seed=3)
    assert torch.equal(again.images, drawn.images)
    assert torch.equal(again.masks, drawn.masks)
    assert not torch.equal(draw_brains(14, 16, 32, seed=4).masks, drawn.masks)


def test_the_first_subjects_do_not_depend_on_how_many_follow_them(drawn):
    assert torch.equal(draw_brains(12, 16, 32, seed=3).images, drawn.images[:12])


def test_masks_are_those_of_the_tissues_in_the_picture(drawn):
    for image, mask, contrast in zip(drawn.images[:, 0].float() / 255, drawn.masks, drawn.contrast, strict=True):
        inner = torch.nn.functional.avg_pool3d((mask == 2).float()[None], 3, 1, 1)[0]
        white = image[(mask == 2) & (inner > 0.7)].mean()
        grey = image[(mask == 1) & (inner < 0.3)].mean()
        assert (white > grey) == (contrast > 0)


def test_subjects_differ_and_do_so_more_the_larger_the_deformation():
    def overlap(deformation: float) -> float:
        masks = draw_brains(8, 16, 32, 0, deformation).masks
        pairs = [((masks[i] == 2) & (masks[j] == 2)).sum() / ((masks[i] == 2) | (masks[j] == 2)).sum()
                 for i in range(8) for j in range(i)]  # fmt: skip
        return float(torch.stack(pairs).mean())

    assert 0.1 < overlap(10.0) < overlap(0.0) < 0.9


def test_the_share_of_inverted_contrast_is_the_one_asked_for():
    assert (draw_brains(24, 8, 16, inverted=0.0).contrast > 0).all()
    assert (draw_brains(24, 8, 16, inverted=1.0).contrast < 0).all()
    assert 3 <= int((draw_brains(60, 8, 16, inverted=0.25).contrast < 0).sum()) <= 27


def test_the_affine_lays_an_undeformed_brain_on_the_template():
    """The mean mask's centre in millimetres is the middle of the cerebrum, left and right alike."""
    drawn = draw_brains(24, 32, 48, deformation=0.0)
    at = torch.nonzero(drawn.masks.float().mean(0) > 0.5).double()
    points = torch.cat([at, torch.ones(len(at), 1)], 1) @ drawn.affine.mT
    centre = points.mean(0)[:3]
    assert abs(float(centre[0])) < 5
    assert -30 < float(centre[1]) < 0
    np.testing.assert_allclose(np.linalg.norm(drawn.affine[:3, :3], axis=0), 4.0)
    assert float(drawn.affine[2, 0]) == 4.0


@pytest.mark.parametrize("values", [{"subjects": 0}, {"depth": 2}, {"size": 8}, {"deformation": 50}, {"inverted": 2}])
def test_impossible_sizes_are_one_clear_line(values):
    with pytest.raises(StudyError, match="brains: "):
        draw_brains(**({"subjects": 2} | values))
