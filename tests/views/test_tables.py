"""Views of table rows: scaled on the training fold, gaps nested, corruptions that tell the truth of themselves."""

import numpy as np
import pytest
import torch

from helpers.views.tables import FeatureScaler, RowCorruption, drop_features, missing_completely_at_random


def table(count: int = 400) -> np.ndarray:
    rng = np.random.default_rng(0)
    features = np.stack([np.exp(rng.normal(size=count)), rng.normal(size=count), rng.integers(0, 3, count)], axis=1)
    features[rng.random(features.shape) < 0.1] = np.nan
    return features


def test_the_training_fold_becomes_standard_normal_where_present() -> None:
    features = table()
    values, present = FeatureScaler.fit(features, 2, [3])(features)
    for j in range(2):
        known = values[present[:, j], j]
        assert abs(float(known.mean())) < 1e-5
        assert abs(float(known.std()) - 1) < 0.01
    assert (values[~present] == 0).all()
    np.testing.assert_array_equal(present.numpy(), ~np.isnan(features))


def test_scaling_keeps_order_and_takes_nothing_from_the_rows_it_scales() -> None:
    features = table()
    scaler = FeatureScaler.fit(features[:200], 2, [3])
    values, _ = scaler(features[200:])
    alone, _ = scaler(features[200:201])
    torch.testing.assert_close(values[:1], alone)
    known = ~np.isnan(features[200:, 0])
    order = np.argsort(features[200:, 0][known])
    assert (np.diff(values[:, 0].numpy()[known][order]) >= 0).all()


def test_a_level_or_a_column_that_training_never_shows_is_absent() -> None:
    train = np.array([[np.nan, 0.0], [np.nan, 1.0]])
    values, present = FeatureScaler.fit(train, 1, [3])(np.array([[7.0, 2.0], [7.0, 1.0]]))
    assert present.tolist() == [[False, False], [False, True]]
    assert values.tolist() == [[0, 0], [0, 1]]


def test_a_constant_column_stays_finite() -> None:
    values, _ = FeatureScaler.fit(np.ones((10, 1)), 1, [])(np.array([[1.0], [2.0]]))
    assert torch.isfinite(values).all()


def test_gaps_have_the_asked_share_are_nested_and_repeat() -> None:
    small, large = (missing_completely_at_random((2000, 10), f, seed=3) for f in (0.1, 0.3))
    assert abs(small.mean() - 0.1) < 0.01
    assert abs(large.mean() - 0.3) < 0.01
    assert (large | ~small).all()
    np.testing.assert_array_equal(small, missing_completely_at_random((2000, 10), 0.1, seed=3))
    assert not missing_completely_at_random((50, 5), 0.0, seed=3).any()


def test_a_share_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="in \\[0, 1\\)"):
        missing_completely_at_random((5, 5), 1.0, 0)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_corruption_says_what_it_did(share: float) -> None:
    torch.manual_seed(0)
    features = table(2000)
    values, present = FeatureScaler.fit(features, 2, [3])(features)
    seen = RowCorruption(values, present, 0.3, share)(values, present)
    assert not (seen.hidden & ~present).any()
    assert not (seen.filled & ~seen.hidden).any()
    torch.testing.assert_close(seen.present, present & (~seen.hidden | seen.filled))
    untouched = ~seen.filled
    torch.testing.assert_close(seen.values[untouched], values[untouched])
    assert abs(float(seen.hidden.sum() / present.sum()) - 0.3) < 0.02
    assert abs(float(seen.filled.sum() / seen.hidden.sum()) - share) < 0.03


def test_filling_draws_from_the_present_training_values_of_that_feature() -> None:
    torch.manual_seed(0)
    values = torch.tensor([[1.0, 10.0], [2.0, 0.0], [3.0, 30.0]])
    present = torch.tensor([[True, True], [True, False], [True, True]])
    corruption = RowCorruption(values, present, 0.9, 1.0)
    rows, shown = torch.full((4000, 2), 99.0), torch.ones(4000, 2, dtype=torch.bool)
    seen = corruption(rows, shown)
    first, second = (seen.values[seen.filled[:, j], j] for j in (0, 1))
    assert set(first.tolist()) == {1.0, 2.0, 3.0}
    assert set(second.tolist()) == {10.0, 30.0}
    for value in (1.0, 2.0, 3.0):
        assert abs(float((first == value).float().mean()) - 1 / 3) < 0.03


def test_feature_dropout_takes_the_asked_share_and_adds_nothing() -> None:
    torch.manual_seed(0)
    present = torch.rand(5000, 4) < 0.8
    dropped = drop_features(present, 0.25)
    assert not (dropped & ~present).any()
    assert abs(float(dropped.sum() / present.sum()) - 0.75) < 0.02
    assert drop_features(present, 0.0) is present
