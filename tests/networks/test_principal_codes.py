"""Principal codes are scikit-learn's whitened components, and a linear base from them is the least-squares picture."""

import torch
from sklearn.decomposition import PCA

from helpers.networks.principal_codes import PrincipalCodes
from helpers.networks.style_generator import StyleGenerator


def pictures(n: int = 40, side: int = 16) -> torch.Tensor:
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(0))


def test_codes_are_sklearns_up_to_sign_and_of_unit_variance():
    shown = pictures()
    codes = PrincipalCodes(5, side=16).fit(shown)(shown)
    theirs = torch.from_numpy(PCA(5, whiten=True, svd_solver="full").fit_transform(shown.flatten(1).numpy()))
    theirs = theirs * (40 / 39) ** 0.5  # it divides by n − 1
    torch.testing.assert_close(codes.abs(), theirs.abs(), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(codes.var(0, unbiased=False), torch.ones(5), rtol=1e-3, atol=0)


def test_components_without_variance_give_nought_and_no_nan():
    shown = pictures(4)
    codes = PrincipalCodes(6, side=16).fit(shown)(shown)
    assert torch.isfinite(codes).all()
    assert codes[:, 3:].abs().max() < 1e-2


def test_a_generators_base_is_the_least_squares_picture_of_the_first_style_at_every_resolution():
    shown = pictures()
    codes = PrincipalCodes(5, side=16).fit(shown)
    generator = StyleGenerator([4, 4, 4], 5, base=True)
    generator.set_base(codes(shown), shown)
    w = codes(shown)
    with_one = torch.cat([torch.ones(len(w), 1), w], 1)
    fitted = (with_one @ torch.linalg.lstsq(with_one, shown.flatten(1)).solution).view_as(shown)
    plain = StyleGenerator([4, 4, 4], 5)
    plain.load_state_dict({k: t for k, t in generator.state_dict().items() if not k.startswith("base_")}, strict=False)
    added = generator(w) - (plain(w) - 0.5)
    torch.testing.assert_close(added, fitted, rtol=1e-3, atol=1e-3)
    small = generator(w, side=8) - (plain(w, side=8) - 0.5)
    torch.testing.assert_close(small, torch.nn.functional.avg_pool2d(fitted, 2), rtol=1e-3, atol=1e-3)
