"""Jackknife shares of a CCC: their mean is the CCC, and their spread is what speakers do to it."""

import numpy as np
import pytest

from helpers.evaluation.concordance import ccc, speaker_shares


def test_it_equals_the_loss_modules_form():
    import torch

    from helpers.objectives.concordance import concordance

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=30), rng.normal(size=30)
    assert ccc(y, x) == pytest.approx(float(concordance(torch.tensor(x), torch.tensor(y))))
    assert ccc(np.ones(3), np.ones(3)) == 0


def test_shares_average_to_the_ccc_less_its_bias_and_predict_its_standard_error():
    rng = np.random.default_rng(1)

    def sample() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        speakers = np.repeat(np.arange(30), 8)
        truth = rng.normal(size=240) + 0.3 * rng.normal(size=30)[speakers]
        predicted = 0.7 * truth + 0.5 * rng.normal(size=240) + 0.4 * rng.normal(size=30)[speakers]
        return truth, predicted, speakers

    drawn = [sample() for _ in range(150)]
    values = [ccc(t, p) for t, p, _ in drawn]
    shares = [speaker_shares(*one) for one in drawn]
    assert np.mean([s.mean() for s in shares]) == pytest.approx(np.mean(values), abs=0.01)
    told = np.mean([s.std(ddof=1) / np.sqrt(len(s)) for s in shares])
    assert told == pytest.approx(np.std(values, ddof=1), rel=0.2)


def test_one_speaker_is_refused():
    with pytest.raises(ValueError, match="at least two"):
        speaker_shares(np.arange(3.0), np.arange(3.0), np.zeros(3))
