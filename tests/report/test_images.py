"""What figures of image studies say in words."""

import numpy as np
import pytest

from helpers.evaluation.intervals import crossed_seeds_subjects
from helpers.report.images import points_above


def answers(share: float, seeds: int = 5) -> np.ndarray:
    return np.random.default_rng(round(100 * share)).random((seeds, 400)) < share


@pytest.mark.parametrize(("share", "said"), [(0.8, "yes"), (0.2, "below it"), (0.5, "not shown")])
def test_features_have_left_their_start_where_the_interval_says_so(share: float, said: str) -> None:
    right, random = answers(share), answers(0.51)
    words, left = points_above(right, random)
    interval = crossed_seeds_subjects(100 * (right.astype(float) - random))
    assert left == said
    assert words == f"{interval.mean:+.1f} ({interval.low:+.1f} to {interval.high:+.1f})"


def test_one_seed_says_nothing_of_the_start() -> None:
    words, left = points_above(answers(0.8, 1), answers(0.5, 1))
    assert left == "one seed: not known"
    assert words == f"{100 * (answers(0.8, 1).mean() - answers(0.5, 1).mean()):+.1f}"
