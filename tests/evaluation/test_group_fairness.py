"""Fairness over groups: fairlearn's numbers, permuted groups, and shares of the spread by test sample."""

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import equalized_odds_difference

from helpers.evaluation.group_fairness import fairness_report, spread_shares


def predictions(seed: int = 0, n: int = 300, classes: int = 2):
    rng = np.random.default_rng(seed)
    truth, groups = rng.integers(0, classes, n), rng.choice(np.array(["a", "b", "c", "d"]), n)
    wrong = rng.random(n) < np.array([0.1, 0.2, 0.3, 0.45])[np.searchsorted(list("abcd"), groups)]
    return truth, np.where(wrong, (truth + 1) % classes, truth), groups


def test_a_report_has_the_numbers_that_can_be_counted_by_hand():
    truth, predicted = np.array([0, 0, 1, 1, 0, 1, 0, 1]), np.array([0, 0, 1, 0, 1, 0, 0, 1])
    report = fairness_report(truth, predicted, np.array(list("aaaabbbb")))
    assert report.accuracy == 5 / 8
    assert report.by_group.to_dict() == {"a": 0.75, "b": 0.5}
    assert report.counts.to_dict() == {"a": 4, "b": 4}
    assert (report.std, report.ratio, report.worst) == (0.125, 1.5, 0.5)
    assert report.equalised_odds == 0.5  # class 0: all of a's are found, half of b's


@pytest.mark.parametrize("seed", range(3))
def test_equalised_odds_are_fairlearns_for_two_classes(seed: int):
    truth, predicted, groups = predictions(seed)
    own = fairness_report(truth, predicted, groups).equalised_odds
    assert own == pytest.approx(equalized_odds_difference(truth, predicted, sensitive_features=groups))


def test_permuting_the_groups_permutes_the_report():
    truth, predicted, groups = predictions()
    names = {"a": "z", "b": "a", "c": "b", "d": "c"}
    one = fairness_report(truth, predicted, groups)
    other = fairness_report(truth, predicted, np.array([names[g] for g in groups]))
    pd.testing.assert_series_equal(one.by_group.rename(index=names).sort_index(), other.by_group)
    pd.testing.assert_series_equal(one.counts.rename(index=names).sort_index(), other.counts)
    assert one.numbers() == pytest.approx(other.numbers())


def test_shares_of_the_spread_are_the_jackknife_done_the_long_way():
    truth, predicted, groups = predictions(4, 60)
    correct = truth == predicted

    def spread(keep):
        return np.array([correct[keep & (groups == g)].mean() for g in "abcd"]).std()

    everything = np.ones(60, dtype=bool)
    expected = [60 * spread(everything) - 59 * spread(everything & (np.arange(60) != i)) for i in range(60)]
    np.testing.assert_allclose(spread_shares(correct, groups), expected, rtol=1e-9)


def test_the_mean_share_takes_away_most_of_the_bias_by_chance():
    """Four groups of one true accuracy: their spread in a sample is chance, which the jackknife brings down."""
    rng = np.random.default_rng(0)
    groups = np.repeat(list("abcd"), 40)
    raw, corrected = [], []
    for _ in range(200):
        correct = rng.random(160) < np.repeat([0.6, 0.7, 0.8, 0.9], 40)
        raw.append(np.array([correct[groups == g].mean() for g in "abcd"]).std())
        corrected.append(spread_shares(correct, groups).mean())
    true = np.std([0.6, 0.7, 0.8, 0.9])
    assert abs(np.mean(corrected) - true) < abs(np.mean(raw) - true)


def test_a_group_of_one_and_a_single_group_are_refused():
    with pytest.raises(ValueError, match="group 'b' has one sample"):
        spread_shares(np.array([True, False, True]), np.array(["a", "a", "b"]))
    with pytest.raises(ValueError, match="at least two"):
        fairness_report(np.array([0, 1]), np.array([0, 1]), np.array(["a", "a"]))
