"""Intervals cover what they say they cover: a true null is called within 95 ± 2 %, by simulation."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from helpers.evaluation.intervals import (
    Interval,
    corrected_resampled_t,
    crossed_seeds_subjects,
    holm,
    independent_pairs,
)

BAND = (0.93, 0.97)


def coverage(draws: np.ndarray, interval: Callable[[np.ndarray], Interval], truth: float = 0.0) -> float:
    found = [interval(d) for d in draws]
    return float(np.mean([i.low <= truth <= i.high for i in found]))


def crossed(
    rng: np.random.Generator, runs: int, seeds: int, subjects: int, sd: tuple[float, float, float]
) -> np.ndarray:
    """Paired differences (runs, S, N) of mean 0 with the given std of seeds, subjects and the rest."""
    by_seed, by_subject, rest = sd
    return (
        by_seed * rng.standard_normal((runs, seeds, 1), dtype=np.float32)
        + by_subject * rng.standard_normal((runs, 1, subjects), dtype=np.float32)
        + rest * rng.standard_normal((runs, seeds, subjects), dtype=np.float32)
    )


@pytest.mark.parametrize("folds", [5, 10])
def test_corrected_t_covers_where_folds_are_as_correlated_as_it_supposes(folds: int) -> None:
    share = 1 / folds  # Nadeau & Bengio: correlation n_test/(n_test + n_train) between folds
    rng = np.random.default_rng(0)
    common, own = rng.standard_normal((3000, 1)), rng.standard_normal((3000, folds))
    draws = np.sqrt(share) * common + np.sqrt(1 - share) * own
    assert BAND[0] <= coverage(draws, lambda d: corrected_resampled_t(d, share)) <= BAND[1]
    assert coverage(draws, independent_pairs) < 0.90  # the plain t interval does not


def test_corrected_t_does_not_under_cover_on_cross_validated_learners() -> None:
    # Two equally good learners: nearest mean on either half of the features. Their true difference is 0 by symmetry.
    rng = np.random.default_rng(1)
    runs, n, half, folds = 600, 100, 4, 5
    y = np.tile(np.arange(n) % 2, (runs, 1))
    x = rng.standard_normal((runs, n, 2 * half)) + 0.5 * (2 * y[..., None] - 1)
    fold = rng.permuted(np.tile(np.arange(n) % folds, (runs, 1)), axis=1)
    differences = np.empty((runs, folds))
    for k in range(folds):
        train = (fold != k)[..., None]
        means = [(x * (train & (y[..., None] == c))).sum(1) / (train & (y[..., None] == c)).sum(1) for c in (0, 1)]
        right = []
        for part in (slice(0, half), slice(half, None)):
            near = [((x[..., part] - m[:, None, part]) ** 2).sum(-1) for m in means]
            right.append((near[1] < near[0]) == y)
        difference = right[0].astype(float) - right[1]
        differences[:, k] = (difference * (fold == k)).sum(1) / (fold == k).sum(1)
    assert coverage(differences, lambda d: corrected_resampled_t(d, 1 / folds)) >= BAND[0]


@pytest.mark.parametrize("subjects", [200, 1000])
@pytest.mark.parametrize(
    "sd",
    [(1.0, 0.5, 1.0), (0.05, 1.0, 1.0), (0.01, 2.0, 1.0), (0.0, 1.0, 1.0), (0.04, 0.2, 1.0)],
    ids=["seeds dominate", "mixed", "subjects dominate", "seeds do not vary", "noise dominates"],
)
def test_crossed_interval_covers_at_five_seeds(subjects: int, sd: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(2)
    hits = [coverage(crossed(rng, 500, 5, subjects, sd), crossed_seeds_subjects) for _ in range(3)]
    assert BAND[0] - 0.002 <= np.mean(hits) <= BAND[1] + 0.002  # 1500 runs: a standard error of 0.6 points


def test_crossed_interval_covers_on_differences_of_right_and_wrong() -> None:
    rng = np.random.default_rng(3)
    draws = np.empty((1500, 5, 300))
    for run in draws:  # both methods right with the same probability, which depends on seed and subject
        skill = 1.0 + 1.5 * rng.standard_normal(300) + 0.1 * rng.standard_normal((2, 5, 1))
        right = rng.random((2, 5, 300)) < 1 / (1 + np.exp(-skill - 0.8 * rng.standard_normal((2, 1, 300))))
        run[:] = right[0].astype(float) - right[1]
    assert BAND[0] <= coverage(draws, crossed_seeds_subjects) <= BAND[1]


def percentile_bootstrap(draws: np.ndarray, rng: np.random.Generator, resamples: int = 500) -> float:
    """Coverage of 0 by drawing seeds and subjects anew with replacement: the mean of the cells where both meet."""
    _, seeds, subjects = draws.shape
    by_seed = rng.multinomial(seeds, np.full(seeds, 1 / seeds), resamples) / seeds  # (B, S)
    by_subject = rng.multinomial(subjects, np.full(subjects, 1 / subjects), resamples) / subjects  # (B, N)
    means = np.einsum("bs,rsn,bn->rb", by_seed, draws, by_subject, optimize=True)
    low, high = np.quantile(means, [0.025, 0.975], axis=1)
    return float(np.mean((low <= 0) & (high >= 0)))


def test_a_percentile_bootstrap_over_five_seeds_and_the_subjects_covers_too_seldom() -> None:
    rng = np.random.default_rng(4)
    draws = crossed(rng, 1500, 5, 200, (1.0, 0.5, 1.0))
    assert percentile_bootstrap(draws, rng) < 0.88
    assert BAND[0] <= coverage(draws, crossed_seeds_subjects) <= BAND[1]


@pytest.mark.parametrize("n", [2, 5, 10, 39])
def test_t_over_few_independent_pairs_covers(n: int) -> None:
    draws = np.random.default_rng(5).standard_normal((3000, n))
    assert BAND[0] <= coverage(draws, independent_pairs) <= BAND[1]


def bca(draws: np.ndarray) -> float:
    found = stats.bootstrap((draws,), np.mean, axis=-1, method="BCa", n_resamples=999, rng=np.random.default_rng(0))
    return float(np.mean((found.confidence_interval.low <= 0) & (found.confidence_interval.high >= 0)))


def test_bca_covers_too_seldom_at_ten_pairs_and_within_two_points_at_the_switch() -> None:
    rng = np.random.default_rng(6)
    assert bca(rng.standard_normal((1500, 10))) < 0.93
    assert bca(rng.standard_normal((2000, 40))) >= BAND[0]


def test_from_forty_pairs_on_the_interval_is_scipys_bca() -> None:
    d = np.random.default_rng(7).standard_exponential(40)
    found = independent_pairs(d)
    assert found.method.startswith("BCa")
    again = stats.bootstrap((d,), np.mean, method="BCa", n_resamples=4999, rng=np.random.default_rng(0))
    assert (found.low, found.high) == (again.confidence_interval.low, again.confidence_interval.high)
    assert independent_pairs(d[:39]).method.startswith("t ")


def test_t_interval_and_p_value_are_scipys() -> None:
    d = np.random.default_rng(8).normal(0.3, 1.0, 12)
    found, oracle = independent_pairs(d, null=0.1), stats.ttest_1samp(d, 0.1)
    limits = oracle.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((limits.low, limits.high))
    assert found.p_value == pytest.approx(oracle.pvalue)


def test_corrected_t_widens_the_plain_one_by_the_factor_of_nadeau_and_bengio() -> None:
    d = np.random.default_rng(9).normal(size=5)
    plain, corrected = independent_pairs(d), corrected_resampled_t(d, 0.2)
    assert (corrected.high - corrected.low) / (plain.high - plain.low) == pytest.approx(((0.2 + 0.25) / 0.2) ** 0.5)


def test_crossed_interval_of_seeds_that_agree_is_the_t_interval_over_subjects() -> None:
    by_subject = np.random.default_rng(10).normal(size=50)
    found, plain = crossed_seeds_subjects(np.tile(by_subject, (5, 1))), stats.ttest_1samp(by_subject, 0)
    assert found.p_value == pytest.approx(plain.pvalue)
    assert found.high == pytest.approx(plain.confidence_interval().high)


def test_crossed_interval_where_subjects_are_alike_is_the_t_interval_over_seeds() -> None:
    by_seed = np.random.default_rng(11).normal(size=5)
    found, plain = crossed_seeds_subjects(np.tile(by_seed[:, None], (1, 60))), stats.ttest_1samp(by_seed, 0)
    assert found.p_value == pytest.approx(plain.pvalue)
    assert found.pairs == 5


@pytest.mark.parametrize("interval", [independent_pairs, lambda d, null=0.0: corrected_resampled_t(d, 0.2, null)])
def test_the_interval_holds_the_null_exactly_where_p_exceeds_five_percent(interval: Callable[..., Interval]) -> None:
    d = np.random.default_rng(12).normal(size=8)
    found = interval(d)
    for edge, sign in ((found.low, 1), (found.high, -1)):
        assert interval(d, null=edge).p_value == pytest.approx(0.05)
        assert interval(d, null=edge + 0.01 * sign).p_value > 0.05


def test_differences_that_are_all_the_same_give_a_point_and_certainty() -> None:
    for found in (
        independent_pairs(np.full(40, 0.5)),
        corrected_resampled_t(np.full(5, 0.5), 0.2),
        crossed_seeds_subjects(np.full((5, 9), 0.5)),
    ):
        assert (found.low, found.high, found.p_value) == (0.5, 0.5, 0.0)
    assert independent_pairs(np.zeros(5)).p_value == 1.0


def test_too_few_pairs_are_refused() -> None:
    for shape in ((1,), (3, 3)):
        with pytest.raises(ValueError, match="at least two paired"):
            independent_pairs(np.zeros(shape))
    with pytest.raises(ValueError, match="at least two of each"):
        crossed_seeds_subjects(np.zeros((1, 10)))


def test_holm_is_the_step_down_of_the_hand_example_in_the_order_given() -> None:
    # sorted .005 .01 .03 .04: 4·.005, 3·.01, 2·.03, then max(.06, 1·.04)
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.9, 0.8])) == pytest.approx([1.0, 1.0])


def test_holm_holds_the_family_wise_error_of_two_true_nulls() -> None:
    p = np.random.default_rng(13).random((4000, 2))
    assert np.mean([(holm(row) < 0.05).any() for row in p]) <= 0.06
    assert np.mean((p < 0.05).any(axis=1)) > 0.085
