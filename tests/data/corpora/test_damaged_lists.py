"""Whatever stands in a corpus's lists, its reader names the cause, or reads on and says what it left out."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings

from helpers.data.corpus import Corpus
from helpers.errors import StudyError
from tests.data.corpora.list_damage import HARMLESS, ListDamage, list_damages
from tests.data.corpora.listed_miniatures import LISTED, Listed

LABELS = 0  # in a row: the labels; then who, in which group, in which split


@dataclass(frozen=True)
class Seen:
    """What a reader makes of a tree: (labels, subject, group, split) by sample, and what it says."""

    rows: dict[str, tuple[Any, ...]]
    told: tuple[str, ...]


def _seen(corpus: Corpus, listed: Listed) -> Seen:
    table = corpus.table
    columns = [*corpus.labels, *listed.also]
    labels = list(zip(*(table[c].astype(object).where(table[c].notna(), None) for c in columns), strict=True))
    absent = [""] * len(table)
    others = [list(table[c]) if c in table.columns else absent for c in ("subject", "group")]
    split = list(table["split"]) if listed.own_split else absent
    rows = zip(labels or absent, *others, split, strict=True)
    return Seen(dict(zip(table["sample_id"], rows, strict=True)), corpus.notices)


@cache
def _laid_out(name: str) -> Path:
    root = Path(tempfile.mkdtemp(prefix="corpus-")) / "corpus"
    root.mkdir()
    LISTED[name].write(root)
    return root


@cache
def _whole(name: str) -> Seen:
    return _seen(LISTED[name].read(_laid_out(name)), LISTED[name])


def _unsaid(before: Seen, after: Seen, damage: ListDamage, value: str, file: Path, a_line: int) -> list[str]:
    """Samples that were lost or changed without a word though it could be known."""
    named_anew = not before.rows.keys() & after.rows.keys() and len(before.rows) == len(after.rows)  # no ids any more
    renamed = file.stem == "classes" and damage.kind in ("column dropped", "fields swapped")  # words of a class's name
    shorter = file.name == "00sequences.txt" and damage.kind == "column dropped"  # the last frames of every video
    if after.told != before.told or named_anew or renamed or shorter:
        return []
    lost = before.rows.keys() - after.rows.keys()
    changed = [s for s in before.rows.keys() & after.rows.keys() if before.rows[s] != after.rows[s]]
    taken = damage.kind == "line taken away" or (file.suffix == ".json" and damage.kind == "column dropped")
    if taken or damage.kind == "line repeated":
        lost, changed = set(), changed if len(changed) > a_line else []
    elif damage.kind == "column dropped":  # a column that may be absent
        changed = [s for s in changed if before.rows[s][LABELS] != after.rows[s][LABELS]]
    elif (damage.kind in ("field replaced", "fields swapped") or file.suffix in (".json", ".geojson")) and (
        len(lost) + len(changed) <= a_line or (value and all(value in str(after.rows[s]) for s in changed))
    ):  # one legal value in place of another
        return []
    return sorted([*lost, *changed])


def _names_something(line: str, root: Path, known: Sequence[str]) -> bool:
    files = {word for path in root.rglob("*") for word in (path.name, path.stem)}
    return any(word in line for word in [*files, *known, root.name])


@pytest.mark.parametrize("name", LISTED)
@pytest.mark.filterwarnings("ignore")  # decoders may warn of what they met; what the reader says is looked at
def test_a_list_that_is_wrong_is_named_or_what_it_loses_is_told(name: str) -> None:
    listed, before = LISTED[name], _whole(name)

    @settings(
        max_examples=listed.examples,
        phases=(Phase.explicit, Phase.generate),
        deadline=None,
        derandomize=True,
        database=None,
    )
    @given(list_damages)
    def holds(damage: ListDamage) -> None:
        with tempfile.TemporaryDirectory() as folder:
            if listed.ordered and damage.kind == "lines shuffled":
                return
            root = Path(folder) / "corpus"
            shutil.copytree(_laid_out(name), root)
            file, value = damage.do(root)
            if damage.kind == "fields swapped" and file.suffix == ".csv":
                heads = [path.read_text().splitlines()[0] for path in (file, _laid_out(name) / file.relative_to(root))]
                if heads[0] != heads[1]:  # two columns that carry each other's names: nobody can know
                    return
            refusal, after = "", before
            try:
                corpus = listed.read(root)
                corpus.load(np.arange(min(4, len(corpus))))
                after = _seen(corpus, listed)
            except StudyError as error:
                refusal = str(error)
            if refusal:
                assert damage.kind not in HARMLESS, f"{file.name}: {refusal}"
                assert len(refusal) < 1000
                assert _names_something(refusal, root, list(before.rows)), refusal
            if damage.kind in HARMLESS:
                assert after == before, file.name
            assert _unsaid(before, after, damage, value, file, listed.a_line) == [], f"{file.name}: {after.told}"

    holds()
