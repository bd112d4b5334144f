"""Alignment and the counts of mispronunciation detection, on hand-made alignments, and the phone error rate."""

import math

import pytest
import torchaudio

from helpers.evaluation.mispronunciation import Counts, align, count, edits, judge_phones, predicted_error_rate


def tally(canonical: str, human: str, hypothesis: str) -> str:
    """Outcomes that are not TA, in order, after how many TA there are."""
    outcomes = [unit.outcome for unit in judge_phones(canonical.split(), human.split(), hypothesis.split())]
    return " ".join([str(outcomes.count("TA")), *(o for o in outcomes if o != "TA")])


# (canonical, human, hypothesis, expected): every cell of the hierarchy, each made by hand
CASES = {
    "all right and found right": ("DH IH S", "DH IH S", "DH IH S", "3"),
    "said right, found substituted": ("DH IH S", "DH IH S", "D IH S", "2 FR"),
    "said right, found missing": ("DH IH S", "DH IH S", "DH IH", "2 FR"),
    "substituted, not found": ("DH IH S", "D IH S", "DH IH S", "2 FA"),
    "substituted, found and named": ("DH IH S", "D IH S", "D IH S", "2 CD"),
    "substituted, found, misnamed": ("DH IH S", "D IH S", "Z IH S", "2 ED"),
    "substituted, found missing": ("DH IH S", "D IH S", "IH S", "2 ED"),
    "deleted, not found": ("DH IH S", "DH IH", "DH IH S", "2 FA"),
    "deleted, found and named": ("DH IH S", "DH IH", "DH IH", "2 CD"),
    "deleted, found substituted": ("DH IH S", "DH IH", "DH IH Z", "2 ED"),
    "inserted, not found": ("S T AA P", "EH S T AA P", "S T AA P", "4 FA"),
    "inserted, found and named": ("S T AA P", "EH S T AA P", "EH S T AA P", "4 CD"),
    "inserted, found, misnamed": ("S T AA P", "EH S T AA P", "IH S T AA P", "4 ED"),
    "nothing inserted, but found": ("S T AA P", "S T AA P", "EH S T AA P", "4 FR"),
    "two errors, one found": ("DH IH S", "D IY S", "D IH S", "1 CD FA"),
    "nothing written at all": ("DH IH S", "DH IH S", "", "0 FR FR FR"),
    "nothing said at all": ("DH IH", "", "DH IH", "0 FA FA"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_cell_of_the_hierarchy_on_hand_made_alignments(case):
    canonical, human, hypothesis, expected = CASES[case]
    assert tally(canonical, human, hypothesis) == expected


def test_counts_of_an_utterance_add_up_to_its_units_and_phones():
    canonical, human, hypothesis = (
        ["DH", "AH", "B", "OY", "S", "IY", "Z"],
        ["D", "AH", "B", "OY", "S", "IH"],
        ["D", "AH", "P", "OY", "S", "IY", "Z", "AH"],
    )
    found = count(canonical, human, hypothesis)
    # DH→D named; AH, OY, S right; B right but found P; IY→IH not found; Z deleted, not found; AH inserted by the system
    assert found == Counts(3, 2, 2, 1, 0, phone_errors=4, human_phones=6)
    assert found.true_rejections == 1


def test_scores_are_those_of_the_formulas():
    scores = Counts(80, 8, 6, 10, 4, phone_errors=20, human_phones=100).scores()
    assert scores["phone_error_rate"] == pytest.approx(0.20)
    assert scores["precision"] == pytest.approx(14 / 22)
    assert scores["recall"] == pytest.approx(14 / 20)
    assert scores["f1"] == pytest.approx(2 * (14 / 22) * (14 / 20) / (14 / 22 + 14 / 20))
    assert scores["false_acceptance_rate"] == pytest.approx(6 / 20)
    assert scores["false_rejection_rate"] == pytest.approx(8 / 88)
    assert scores["diagnostic_error_rate"] == pytest.approx(4 / 14)


def test_scores_without_anything_to_divide_by_are_not_a_number():
    scores = Counts(true_acceptances=5, human_phones=5).scores()
    assert math.isnan(scores["recall"])
    assert math.isnan(scores["f1"])
    assert math.isnan(scores["diagnostic_error_rate"])
    assert scores["false_rejection_rate"] == 0


def test_counts_add_up():
    one, two = count(["S"], ["S"], ["S"]), count(["S"], ["Z"], ["Z"])
    assert one + two == Counts(1, 0, 0, 1, 0, 0, 2)


@pytest.mark.parametrize("seed", range(20))
def test_edits_are_those_of_torchaudio_and_alignments_cover_both_sides(seed):
    import random

    rng = random.Random(seed)
    a, b = ([rng.choice("SZTD") for _ in range(rng.randrange(9))] for _ in range(2))
    assert edits(a, b) == torchaudio.functional.edit_distance(a, b)
    pairs = align(a, b)
    assert [i for i, _ in pairs if i is not None] == list(range(len(a)))
    assert [j for _, j in pairs if j is not None] == list(range(len(b)))


@pytest.mark.parametrize("seed", range(20))
def test_every_canonical_phone_is_one_unit_and_no_hypothesis_phone_counts_twice(seed):
    import random

    rng = random.Random(100 + seed)
    canonical, human, hypothesis = ([rng.choice("SZTDN") for _ in range(rng.randrange(1, 9))] for _ in range(3))
    units = judge_phones(canonical, human, hypothesis)
    assert [unit.canonical for unit in units if unit.canonical is not None] == list(range(len(canonical)))
    written = [unit.hypothesis for unit in units if unit.hypothesis is not None and unit.canonical is not None]
    assert len(written) == len(set(written))
    wrong = sum(unit.outcome in ("FA", "CD", "ED") for unit in units)
    assert wrong == edits(canonical, human)


def test_a_perfect_recogniser_has_no_false_decision_and_names_every_error():
    canonical, human = ["S", "T", "R", "IY", "T", "L", "AY", "T"], ["EH", "S", "T", "R", "IH", "T", "R", "AY"]
    scores = count(canonical, human, human).scores()
    assert scores["f1"] == 1
    assert scores["diagnostic_error_rate"] == 0
    assert scores["phone_error_rate"] == 0


def test_predicted_error_rate_is_edits_a_canonical_phone():
    assert predicted_error_rate(["S", "T", "AA", "P"], ["EH", "S", "T", "AA"]) == pytest.approx(2 / 4)
