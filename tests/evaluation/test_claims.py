"""A verdict is one word, and the word follows from the pairs alone."""

import json
from dataclasses import replace

import numpy as np
import pytest

from helpers.evaluation.claims import Claim, Design, Evidence, judge

CLAIM = Claim("k", "A beats B", "§ 1", "accuracy", "higher", "A", "B")
BASELINE = np.array([0.50, 0.52, 0.48, 0.51, 0.49])
BETTER = BASELINE + np.array([0.10, 0.11, 0.09, 0.10, 0.12])
SAME = BASELINE + np.array([0.10, -0.11, 0.02, -0.05, 0.04])


def word(method: np.ndarray, baseline: np.ndarray, claim: Claim = CLAIM, design: Design = "independent") -> str:
    (verdict,) = judge([Evidence(claim, method, baseline, design)])
    return verdict.word


@pytest.mark.parametrize("design", ["folds", "seeds", "independent"])
def test_the_word_says_on_which_side_of_zero_the_interval_lies(design: Design) -> None:
    assert word(BETTER, BASELINE, design=design) == "supported"
    assert word(BASELINE, BETTER, design=design) == "contradicted"
    assert word(SAME, BASELINE, design=design) == "inconclusive"


def test_where_lower_is_better_the_words_change_places_and_the_effect_speaks_for_the_claim() -> None:
    lower = replace(CLAIM, direction="lower")
    assert word(BASELINE, BETTER, lower) == "supported"
    assert word(BETTER, BASELINE, lower) == "contradicted"
    (verdict,) = judge([Evidence(lower, BASELINE, BETTER, "folds")])
    assert verdict.effect == pytest.approx(0.104)


@pytest.mark.parametrize("design", ["folds", "seeds", "independent"])
@pytest.mark.parametrize("shape", [(5,), (5, 60), (45,)])
def test_the_verdict_changes_sign_when_method_and_baseline_change_places(
    design: Design, shape: tuple[int, ...]
) -> None:
    if len(shape) == 2 and design != "seeds":
        return
    other = {"supported": "contradicted", "contradicted": "supported", "inconclusive": "inconclusive"}
    for seed in range(12):
        rng = np.random.default_rng(seed)
        a, b = rng.normal(0.4, 1.0, shape), rng.normal(size=shape)
        (one,), (two,) = judge([Evidence(CLAIM, a, b, design)]), judge([Evidence(CLAIM, b, a, design)])
        assert one.word == other[two.word]
        assert one.effect == pytest.approx(-two.effect)
        assert one.p_value == pytest.approx(two.p_value)
        tolerance = 0.02 if "BCa" in one.interval else 1e-12
        assert one.low == pytest.approx(-two.high, abs=tolerance)


def test_no_worse_than_is_judged_against_the_margin_stated_beforehand() -> None:
    level = BASELINE + np.array([0.01, -0.02, 0.00, 0.01, -0.01])
    assert word(level, BASELINE) == "inconclusive"
    assert word(level, BASELINE, replace(CLAIM, margin=0.05)) == "supported"
    assert word(level - 0.2, BASELINE, replace(CLAIM, margin=0.05)) == "contradicted"
    assert word(level - 0.05, BASELINE, replace(CLAIM, margin=0.05)) == "inconclusive"


def test_no_worse_than_works_where_lower_is_better() -> None:
    claim = replace(CLAIM, direction="lower", margin=0.05)
    level = BASELINE + np.array([0.01, -0.02, 0.00, 0.01, -0.01])
    assert word(level, BASELINE, claim) == "supported"
    assert word(level + 0.2, BASELINE, claim) == "contradicted"


@pytest.mark.parametrize(("design", "name"), [("folds", "fold"), ("seeds", "seed"), ("independent", "pair")])
def test_a_single_pair_is_always_inconclusive(design: Design, name: str) -> None:
    (verdict,) = judge([Evidence(CLAIM, np.array([0.9]), np.array([0.1]), design)])
    assert (verdict.word, verdict.low, verdict.high, verdict.p_value) == ("inconclusive", None, None, None)
    assert verdict.interval == f"none: a single {name}"
    assert verdict.effect == pytest.approx(0.8)


def test_a_single_seed_is_inconclusive_however_many_test_subjects_there_are() -> None:
    (verdict,) = judge([Evidence(CLAIM, np.ones((1, 500)), np.zeros((1, 500)), "seeds")])
    assert (verdict.word, verdict.pairs) == ("inconclusive", 1)


def test_seeds_with_one_value_each_may_come_as_a_column() -> None:
    column, flat = (judge([Evidence(CLAIM, m, b, "seeds")])[0] for m, b in
                    ((BETTER[:, None], BASELINE[:, None]), (BETTER, BASELINE)))  # fmt: skip
    assert column == flat


def test_a_claim_that_would_stand_alone_does_not_among_several() -> None:
    noisy = BASELINE + np.array([0.05, 0.02, 0.06, 0.01, 0.04])
    assert word(noisy, BASELINE) == "supported"
    names = [replace(CLAIM, key=str(i)) for i in range(4)]
    verdicts = judge([Evidence(names[0], noisy, BASELINE, "independent")]
                     + [Evidence(claim, SAME, BASELINE, "independent") for claim in names[1:]])  # fmt: skip
    assert verdicts[0].word == "inconclusive"
    assert verdicts[0].low is not None
    assert verdicts[0].low > 0  # the interval is each claim's own; the word counts all of them
    alone = judge([Evidence(CLAIM, noisy, BASELINE, "independent")])[0]
    assert verdicts[0].p_value == pytest.approx(4 * alone.p_value)


def test_single_pairs_do_not_count_among_the_claims_that_holm_corrects_for() -> None:
    single = Evidence(replace(CLAIM, key="s"), np.array([1.0]), np.array([0.0]), "seeds")
    alone, beside = judge([Evidence(CLAIM, BETTER, BASELINE, "folds")]), judge(
        [single, Evidence(CLAIM, BETTER, BASELINE, "folds")])  # fmt: skip
    assert alone[0] == beside[1]


def test_what_is_not_a_number_or_does_not_pair_is_refused_by_the_claims_name() -> None:
    with pytest.raises(ValueError, match="k: a value of the metric is not a finite number"):
        word(np.array([1.0, np.nan]), np.array([0.0, 0.0]))
    with pytest.raises(ValueError, match="k: a value of the metric is not a finite number"):
        word(np.array([1.0, 1.0]), np.array([0.0, np.inf]))
    with pytest.raises(ValueError, match=r"k: method \(2,\) and baseline \(3,\) do not pair"):
        word(np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match="do not pair"):
        word(np.zeros(0), np.zeros(0))


def test_the_interval_named_is_the_one_that_fits_the_design() -> None:
    rng = np.random.default_rng(0)
    named = {
        "corrected resampled t": (rng.normal(size=5), "folds"),
        "crossed seeds": (rng.normal(size=(5, 30)), "seeds"),
        "t over independent": (rng.normal(size=5), "seeds"),
        "BCa": (rng.normal(size=50), "independent"),
    }
    for name, (values, design) in named.items():
        (verdict,) = judge([Evidence(CLAIM, values, np.zeros_like(values), design)])  # type: ignore[arg-type]
        assert name in verdict.interval


def test_a_verdict_is_plain_json() -> None:
    for values in (BETTER, BETTER[:1]):
        (verdict,) = judge([Evidence(CLAIM, values, BASELINE[: len(values)], "folds")])
        assert json.loads(json.dumps(verdict.as_dict(), allow_nan=False))["claim"] == "k"
