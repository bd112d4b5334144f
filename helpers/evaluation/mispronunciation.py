r"""Mispronunciation detection and diagnosis, counted over three alignments, and the phone error rate.

Three phone sequences belong to an utterance: *canonical* (as a dictionary has it), *human* (as an annotator heard it)
and *hypothesis* (as the recogniser wrote it). Aligned by edit distance, the first two say where the speaker erred,
canonical and hypothesis where the system says so, human and hypothesis whether it wrote what was heard (Qian, Meng &
Soong, Interspeech 2010; Leung, Liu & Meng, ICASSP 2019; Yang et al., Interspeech 2022):

======================  ==========================================  =======================================
count                   speaker (canonical–human)                   system (canonical–hypothesis)
======================  ==========================================  =======================================
TA true acceptance      right                                       right
FR false rejection      right                                       wrong
FA false acceptance     wrong                                       right
TR true rejection       wrong                                       wrong; CD if human–hypothesis agree, else ED
======================  ==========================================  =======================================

.. math::
    \text{precision} = \frac{TR}{TR+FR},\quad \text{recall} = \frac{TR}{TR+FA},\quad FAR = \frac{FA}{FA+TR},\quad
    FRR = \frac{FR}{TA+FR},\quad DER = \frac{ED}{CD+ED}

Units are the canonical phones, the phones that the human heard inserted, and those that only the system inserted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Phones = Sequence[str]
Pairs = list[tuple[int | None, int | None]]


def align(reference: Phones, other: Phones) -> Pairs:
    """Align two sequences by least edit distance, all edits costing 1.

    Among equally short ways the one is taken that, from the end, prefers pairing to deleting to inserting, so that the
    result is the same on every call.

    Returns:
        (position in ``reference``, position in ``other``) in order; None for the other side of a deletion or insertion.
    """
    n, m = len(reference), len(other)
    cost = [list(range(m + 1))]
    for i in range(1, n + 1):
        above, row, phone = cost[-1], [i], reference[i - 1]
        for j in range(1, m + 1):
            row.append(min(above[j - 1] + (phone != other[j - 1]), above[j] + 1, row[-1] + 1))
        cost.append(row)
    pairs: Pairs = []
    i, j = n, m
    while i or j:
        if i and j and cost[i][j] == cost[i - 1][j - 1] + (reference[i - 1] != other[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif i and cost[i][j] == cost[i - 1][j] + 1:
            i -= 1
            pairs.append((i, None))
        else:
            j -= 1
            pairs.append((None, j))
    return pairs[::-1]


@dataclass(frozen=True)
class Counts:
    """Counts of one or many utterances; they add up."""

    true_acceptances: int = 0
    false_rejections: int = 0
    false_acceptances: int = 0
    correct_diagnoses: int = 0
    wrong_diagnoses: int = 0
    phone_errors: int = 0
    human_phones: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(mine + its for mine, its in zip(self.as_tuple(), other.as_tuple(), strict=True)))

    def as_tuple(self) -> tuple[int, ...]:
        """The counts in order of declaration."""
        return (self.true_acceptances, self.false_rejections, self.false_acceptances, self.correct_diagnoses,
                self.wrong_diagnoses, self.phone_errors, self.human_phones)  # fmt: skip

    @property
    def true_rejections(self) -> int:
        """TR = CD + ED."""
        return self.correct_diagnoses + self.wrong_diagnoses

    def scores(self) -> dict[str, float]:
        """All rates, in [0, 1] (``phone_error_rate`` can exceed 1); NaN where there is nothing to divide by."""
        rejected, wrong = self.true_rejections, self.true_rejections + self.false_acceptances
        precision = _share(rejected, rejected + self.false_rejections)
        recall = _share(rejected, wrong)
        f1 = _share(2 * rejected, 2 * rejected + self.false_rejections + self.false_acceptances)
        return {
            "phone_error_rate": _share(self.phone_errors, self.human_phones),
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "false_acceptance_rate": _share(self.false_acceptances, wrong),
            "false_rejection_rate": _share(self.false_rejections, self.true_acceptances + self.false_rejections),
            "diagnostic_error_rate": _share(self.wrong_diagnoses, rejected),
        }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


@dataclass(frozen=True)
class Unit:
    """One thing to judge: a canonical phone, or an inserted one.

    Attributes:
        canonical: position of the canonical phone; None for an insertion.
        human: position of what the human heard there; None for nothing.
        hypothesis: position of what the system wrote there; None for nothing.
        outcome: ``"TA"``, ``"FR"``, ``"FA"``, ``"CD"`` or ``"ED"``.
    """

    canonical: int | None
    human: int | None
    hypothesis: int | None
    outcome: str


def judge_phones(canonical: Phones, human: Phones, hypothesis: Phones) -> list[Unit]:
    """Every unit of an utterance with its outcome, canonical phones first, in order, then insertions.

    A canonical phone is right where the aligned phone is the same. A wrong one that the system rejects is correctly
    diagnosed if both deleted it, or if human and hypothesis align with one another there and are the same phone.
    A phone the human heard inserted is rejected if the hypothesis phone aligned with it is not a canonical one; it is
    correctly diagnosed if that phone is the same. A phone inserted by the system alone is a false rejection.

    Args:
        canonical, human, hypothesis: phones of one inventory, silences left out.
    """
    heard, written = _at(align(canonical, human)), _at(align(canonical, hypothesis))
    partner = {h: y for h, y in align(human, hypothesis) if h is not None}
    accepted = {y for c, y in written.items() if y is not None and canonical[c] == hypothesis[y]}
    units, used = [], set()
    for c, phone in enumerate(canonical):
        h, y = heard[c], written[c]
        said_right = h is not None and human[h] == phone
        found_right = y is not None and hypothesis[y] == phone
        if said_right:
            outcome = "TA" if found_right else "FR"
        elif found_right:
            outcome = "FA"
        elif h is None:
            outcome = "CD" if y is None else "ED"
        else:
            same = partner.get(h)
            outcome = "CD" if same is not None and human[h] == hypothesis[same] and same not in accepted else "ED"
            used.add(same)
        used.add(y)
        units.append(Unit(c, h, y, outcome))
    placed = {h for h in heard.values() if h is not None}
    for h in range(len(human)):
        if h not in placed:
            y = partner.get(h)
            if y is None or y in accepted:
                outcome = "FA"
            else:
                outcome = "CD" if human[h] == hypothesis[y] else "ED"
                used.add(y)
            units.append(Unit(None, h, y if outcome != "FA" else None, outcome))
    units += [Unit(None, None, y, "FR") for y in range(len(hypothesis)) if y not in used]
    return units


def _at(pairs: Pairs) -> dict[int, int | None]:
    return {i: j for i, j in pairs if i is not None}


def count(canonical: Phones, human: Phones, hypothesis: Phones) -> Counts:
    """Counts of one utterance."""
    tally = dict.fromkeys(("TA", "FR", "FA", "CD", "ED"), 0)
    for unit in judge_phones(canonical, human, hypothesis):
        tally[unit.outcome] += 1
    return Counts(tally["TA"], tally["FR"], tally["FA"], tally["CD"], tally["ED"], edits(human, hypothesis), len(human))


def edits(reference: Phones, other: Phones) -> int:
    """Least number of substitutions, deletions and insertions that turn one into the other."""
    return sum(i is None or j is None or reference[i] != other[j] for i, j in align(reference, other))


def predicted_error_rate(canonical: Phones, hypothesis: Phones) -> float:
    """Edits between canonical and hypothesis, a canonical phone: how often the system says the speaker erred."""
    return edits(canonical, hypothesis) / len(canonical) if len(canonical) else math.nan
