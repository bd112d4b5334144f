"""The generator's training: growth, each loss on its own side, the average, the discriminator's hour."""

import pytest
import torch

from helpers.methods.style_prior import StylePrior, reconstruction
from helpers.networks.picture_judges import PictureJudge
from helpers.networks.principal_codes import PrincipalCodes
from helpers.networks.style_generator import Mapping, StyleGenerator


def faces(n: int = 12) -> torch.Tensor:
    g = torch.Generator().manual_seed(1)
    return torch.nn.functional.interpolate(torch.rand(n, 3, 4, 4, generator=g), (32, 32), mode="bilinear")


def prior(steps: int = 1, weight: float = 0.1, **options) -> StylePrior:
    torch.manual_seed(0)
    parts = (Mapping(8, 2), StyleGenerator([8, 8, 8, 4], 8), PictureJudge(32, 4))
    codes = PrincipalCodes(8).fit(faces())
    options = {"grown": (0.0, 0.0), "adversarial_share": 1.0} | options
    return StylePrior(codes, *parts, steps=steps, adversarial_weight=weight, **options)


def test_the_resolution_doubles_twice_and_the_discriminator_rests_until_its_hour():
    method = prior(steps=10, grown=(0.2, 0.5), adversarial_share=0.3)
    judging = method.parameter_groups()[1].active
    assert judging is not None
    sides = []
    for step in range(10):
        out = method.training_step({"input": faces()})
        assert ("told" in out) == judging() == (step >= 7)
        sides.append(int(out["side"]))
        method.after_step()
    assert sides == [8, 8, 16, 16, 16, 32, 32, 32, 32, 32]


def test_every_parameter_has_a_gradient_at_every_step_and_the_codes_have_none():
    method = prior(steps=10, grown=(0.2, 0.5))
    method.training_step({"input": faces()})["loss"].backward()
    trained = [p for p in method.parameters() if p.requires_grad]
    assert trained
    assert all(p.grad is not None for p in trained)
    assert not list(method.encoder.parameters())


def test_the_adversarial_weight_scales_the_generators_side_and_not_the_discriminators():
    grads = {}
    for weight in (0.1, 10.0):
        method = prior(weight=weight)
        torch.manual_seed(3)
        method.training_step({"input": faces()})["loss"].backward()
        grads[weight] = {name: p.grad.clone() for name, p in method.named_parameters() if p.grad is not None}
    judged = [name for name in grads[0.1] if name.startswith("judge")]
    assert judged
    for name in judged:
        torch.testing.assert_close(grads[0.1][name], grads[10.0][name])
    drawn = "generator.constant"
    assert not torch.allclose(grads[0.1][drawn], grads[10.0][drawn])


def test_the_mapping_is_pulled_to_the_styles_that_pictures_have():
    method = prior(adversarial_share=0.0)
    out = method.training_step({"input": faces()})
    out["loss"].backward()
    assert all(p.grad.abs().sum() > 0 for p in method.mapping.parameters())
    torch.testing.assert_close(method.get_buffer("styles")[:12], method.encoder(faces()))


def test_the_average_follows_and_the_mean_style_is_that_of_the_styles_seen():
    method = prior()
    method.training_step({"input": faces()})
    before = method.average.constant.clone()
    with torch.no_grad():
        method.generator.constant += 1
    method.after_step()
    moved = (method.average.constant - before) / (method.generator.constant - before)
    torch.testing.assert_close(moved, torch.full_like(moved, 1 - 2 / 11), rtol=1e-3, atol=0)  # (1 + step) / (10 + step)
    torch.testing.assert_close(method.average.get_buffer("mean_style"), method.get_buffer("styles").mean(0))


def test_reconstruction_is_nought_for_the_picture_itself_and_sees_a_shift_of_all_pixels():
    pictures = faces()
    assert reconstruction(pictures, pictures).item() == 0
    assert reconstruction(pictures + 0.1, pictures).item() == pytest.approx(0.3, rel=1e-4)  # three scales, no slope
