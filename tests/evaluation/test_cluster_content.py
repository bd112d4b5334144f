"""Clusters that say nothing have no share of the variance, clusters that say all have all of it."""

import numpy as np
import pytest

from helpers.evaluation.cluster_content import cluster_content, variance_between


def test_random_clusters_have_no_share_on_average_however_many_there_are():
    rng = np.random.default_rng(0)
    for many in (2, 10, 30):
        found = [variance_between(rng.integers(many, size=120), rng.normal(size=120)) for _ in range(300)]
        assert np.mean(found) == pytest.approx(0, abs=0.01)


def test_clusters_that_are_the_quantity_have_all_of_it():
    values = np.repeat([0.0, 1.0, 5.0], 20)
    assert variance_between(values.astype(int), values) == 1.0
    assert variance_between(np.zeros(60, int), values) == 0.0


def test_it_is_epsilon_squared_of_a_one_way_analysis_of_variance():
    from scipy.stats import f_oneway

    rng = np.random.default_rng(3)
    groups = [rng.normal(i, 1, 15) for i in range(4)]
    statistic = f_oneway(*groups).statistic
    clusters, values = np.repeat(np.arange(4), 15), np.concatenate(groups)
    epsilon = (statistic - 1) / (statistic + 56 / 3)
    assert variance_between(clusters, values) == pytest.approx(epsilon)


def test_the_interval_over_speakers_holds_the_share_and_is_wider_for_fewer_speakers():
    rng = np.random.default_rng(4)

    def found(speakers: int):
        who = np.repeat(np.arange(speakers), 10)
        clusters = rng.integers(4, size=len(who))
        return cluster_content(clusters, clusters + rng.normal(size=len(who)) + rng.normal(size=speakers)[who], who)

    few, many = found(6), found(60)
    assert few.low <= few.share <= few.high
    assert many.high - many.low < few.high - few.low


def test_the_interval_of_clusters_at_random_holds_zero_most_of_the_time():
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(60):
        who = np.repeat(np.arange(12), 9)
        values = rng.normal(size=len(who)) + 0.5 * rng.normal(size=12)[who]
        found = cluster_content(rng.integers(8, size=len(who)), values, who)
        held += found.low <= 0 <= found.high
    assert held >= 52
