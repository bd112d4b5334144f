"""A paper's claim, and the verdict that a run's pairs give on it. Light to import."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

    from helpers.evaluation.intervals import Interval

Design = Literal["folds", "seeds", "independent"]
Word = Literal["supported", "contradicted", "inconclusive"]


@dataclass(frozen=True)
class Claim:
    """What a paper says, in a form that pairs of numbers can speak to.

    Attributes:
        key: short name, unique in its study, such as ``"pretraining_helps"``.
        statement: the claim in one sentence.
        citation: where the paper says it.
        metric: name of the metric in the results, with its unit or range.
        direction: whether ``"higher"`` or ``"lower"`` values of the metric are better.
        method, baseline: which two the pairs compare, in words.
        paper_figure: the paper's own number, in words with its corpus; None where it gives none.
        margin: for a claim of "no worse than": the loss, in the metric's unit, that still counts as none. Stated
            before the numbers are seen. 0 for a claim of "better than".
    """

    key: str
    statement: str
    citation: str
    metric: str
    direction: Literal["higher", "lower"]
    method: str
    baseline: str
    paper_figure: str | None = None
    margin: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """One claim, one corpus, one word.

    Attributes:
        claim: key of the claim.
        effect: mean paired difference, signed so that positive speaks for the claim, in the metric's unit.
        low, high: its 95 % confidence interval; None where there are too few pairs.
        p_value: two-sided, Holm-corrected over the study's claims; None where there are too few pairs.
        word: *supported* (interval above −margin, and p < .05 after Holm), *contradicted* (interval below −margin and
            p < .05), else *inconclusive*. A single pair is always *inconclusive*.
        interval: which interval it is, or why there is none.
        pairs: number of pairs (folds or seeds).
    """

    claim: str
    statement: str
    metric: str
    effect: float
    low: float | None
    high: float | None
    p_value: float | None
    word: Word
    interval: str
    pairs: int
    margin: float
    paper_figure: str | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Evidence:
    """The paired numbers on one claim.

    Attributes:
        claim: the claim.
        method, baseline: values of the metric, paired by position. ``design="folds"`` or ``"independent"``: (J,).
            ``design="seeds"``: (S,) or, better, (S seeds, N test subjects).
        design: how the pairs depend on one another: folds of a cross-validation, seeds on one fixed test set, or
            independent units.
        test_fraction: for folds, n_test/(n_test + n_train).
    """

    claim: Claim
    method: np.ndarray
    baseline: np.ndarray
    design: Design
    test_fraction: float = 0.2


def judge(evidence: Sequence[Evidence]) -> list[Verdict]:
    """Verdicts on all claims of one run, Holm-corrected together.

    Raises:
        ValueError: methods and baselines that do not pair, or a value that is not finite.
    """
    import numpy as np

    from helpers.evaluation.intervals import holm

    found = [_interval(item) for item in evidence]
    testable = [i for i, interval in enumerate(found) if interval.pairs > 1]
    adjusted: dict[int, float] = {}
    if testable:
        corrected = holm(np.array([found[i].p_value for i in testable]))
        adjusted = {i: float(p) for i, p in zip(testable, corrected, strict=True)}
    return [_verdict(item.claim, found[i], adjusted.get(i)) for i, item in enumerate(evidence)]


def _interval(item: Evidence) -> Interval:
    import numpy as np

    from helpers.evaluation import intervals

    method, baseline = np.asarray(item.method, dtype=float), np.asarray(item.baseline, dtype=float)
    if method.shape != baseline.shape or method.size == 0:
        raise ValueError(f"{item.claim.key}: method {method.shape} and baseline {baseline.shape} do not pair")
    if not (np.isfinite(method).all() and np.isfinite(baseline).all()):
        raise ValueError(f"{item.claim.key}: a value of the metric is not a finite number")
    differences = (method - baseline) * (1 if item.claim.direction == "higher" else -1)
    if item.design == "seeds" and differences.ndim == 2 and differences.shape[1] == 1:
        differences = differences[:, 0]
    null = -item.claim.margin
    if len(differences) < 2:
        name = {"folds": "fold", "seeds": "seed", "independent": "pair"}[item.design]
        return intervals.Interval(float(differences.mean()), np.nan, np.nan, np.nan, f"none: a single {name}", 1)
    if item.design == "folds":
        return intervals.corrected_resampled_t(differences, item.test_fraction, null)
    if item.design == "seeds" and differences.ndim == 2:
        return intervals.crossed_seeds_subjects(differences, null)
    return intervals.independent_pairs(differences, null)


def _verdict(claim: Claim, interval: Interval, p_value: float | None) -> Verdict:
    word: Word = "inconclusive"
    if p_value is not None and p_value < 0.05:
        if interval.low > -claim.margin:
            word = "supported"
        elif interval.high < -claim.margin:
            word = "contradicted"
    single = p_value is None
    return Verdict(
        claim=claim.key,
        statement=claim.statement,
        metric=claim.metric,
        effect=interval.mean,
        low=None if single else interval.low,
        high=None if single else interval.high,
        p_value=p_value,
        word=word,
        interval=interval.method,
        pairs=interval.pairs,
        margin=claim.margin,
        paper_figure=claim.paper_figure,
    )
