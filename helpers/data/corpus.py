"""The contract of every reader and generator: a table with one row a sample, and a batched ``load``."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import torch

from helpers.errors import StudyError

Batch = torch.Tensor | dict[str, torch.Tensor]
SPLITS = ("train", "validation", "test", "unlabelled")


@dataclass(frozen=True)
class Corpus:
    """Samples with their subjects, groups, labels and splits, and how to decode a batch of them.

    Args:
        name: the corpus's own name, such as ``"flchain"``.
        table: one row a sample, index 0..n-1, with columns ``sample_id`` (unique str), ``subject`` (who or what the
            sample comes from: speaker, patient, plant, slide, video), optional ``group``, the label columns named
            in ``labels`` and optional ``split`` (one of :data:`SPLITS`). Rows with split ``"unlabelled"`` have no
            label.
        load: ``load(rows)`` decodes the samples at integer positions ``rows``, an int64 array (B,), as one tensor
            (B, ...) or a dict of such tensors.
        labels: names of the label columns.
        licence: of the data, as its source words it.
        source: where the data come from: a citation, a package or a generator.
        simulated: True where a generator made it; shown on every figure, table and verdict.
        fingerprint: hash of the content; equal fingerprints mean equal samples.
        notices: what the reader left out or repaired, one line each.

    Raises:
        StudyError: a required column is missing, an id stands twice, a split is unknown, an unlabelled row has a
            label, or a subject stands in more than one split.
    """

    name: str
    table: pd.DataFrame
    load: Callable[[np.ndarray], Batch]
    labels: tuple[str, ...]
    licence: str
    source: str
    simulated: bool
    fingerprint: str
    notices: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        missing = [c for c in ("sample_id", "subject", *self.labels) if c not in self.table.columns]
        if missing:
            raise StudyError(f"{self.name}: the table has no column {', '.join(missing)}")
        if self.table.empty:
            raise StudyError(f"{self.name}: the corpus has no samples")
        object.__setattr__(self, "table", self.table.reset_index(drop=True))
        for column in ("sample_id", "subject"):
            blank = self.table[column].isna()
            if blank.any():
                row = int(blank.to_numpy().argmax())
                raise StudyError(f"{self.name}: {column} is empty in row {row}; every sample needs one")
        twice = self.table.loc[self.table["sample_id"].duplicated(), "sample_id"]
        if len(twice):
            raise StudyError(f"{self.name}: sample_id {twice.iloc[0]!r} stands more than once; ids must be unique")
        if "split" in self.table.columns:
            self._check_splits()

    def _check_splits(self) -> None:
        split = self.table["split"]
        unknown = sorted(set(split) - set(SPLITS), key=str)
        if unknown:
            raise StudyError(f"{self.name}: unknown split {unknown[0]!r}; allowed: {', '.join(SPLITS)}")
        labelled = self.table.loc[split == "unlabelled", list(self.labels)].notna().any(axis=None)
        if labelled:
            raise StudyError(f"{self.name}: rows of the split 'unlabelled' carry labels; leave them empty")
        per_subject = self.table.groupby("subject")["split"].nunique()
        leaks = per_subject[per_subject > 1]
        if len(leaks):
            where = sorted(set(split[self.table["subject"] == leaks.index[0]]))
            raise StudyError(
                f"{self.name}: subject {leaks.index[0]!r} stands in the splits {' and '.join(where)} ({len(leaks)} "
                "such subjects); a subject belongs to one split"
            )

    def __len__(self) -> int:
        return len(self.table)

    def rows(self, split: str | Sequence[str]) -> np.ndarray:
        """Positions of a split's samples, int64 (n,), in table order."""
        wanted = [split] if isinstance(split, str) else list(split)
        unknown = [name for name in wanted if name not in SPLITS]
        if unknown:
            raise StudyError(f"{self.name}: unknown split {unknown[0]!r}; allowed: {', '.join(SPLITS)}")
        if "split" not in self.table.columns:
            raise StudyError(f"{self.name}: the corpus has no splits yet; call with_split first")
        return np.flatnonzero(self.table["split"].isin(wanted).to_numpy())

    def with_split(self, split: Sequence[str] | np.ndarray) -> Corpus:
        """The same corpus under another split, one name a row; refuses one that leaks a subject."""
        if len(split) != len(self):
            raise StudyError(f"{self.name}: {len(split)} split names for {len(self)} samples; give one a sample")
        return replace(self, table=self.table.assign(split=np.asarray(split, dtype=object)))

    def select(self, rows: np.ndarray) -> Corpus:
        """The corpus of the samples at ``rows``, in that order."""
        chosen = np.asarray(rows, dtype=np.int64)
        load = self.load
        return replace(self, table=self.table.iloc[chosen], load=lambda r: load(chosen[np.asarray(r)]))

    def card(self) -> pd.DataFrame:
        """What a notebook's data section shows: facts as (fact, value) rows of text."""
        facts: list[tuple[str, str]] = [
            ("corpus", self.name),
            ("data", "simulated" if self.simulated else "real"),
            ("samples", f"{len(self):,}"),
            ("subjects", f"{self.table['subject'].nunique():,}"),
        ]
        if "group" in self.table.columns:
            facts.append(("groups", _counts(self.table["group"])))
        for label in self.labels:
            column = self.table[label]
            if pd.api.types.is_float_dtype(column) or column.nunique() > 30:
                numbers = pd.to_numeric(column, errors="coerce")
                if numbers.isna().all() and column.notna().any():  # texts
                    facts.append((label, f"{column.notna().sum():,} known, {column.nunique():,} different"))
                    continue
                facts.append((label, f"{numbers.min():.4g} to {numbers.max():.4g}, median {numbers.median():.4g}"))
            else:
                facts.append((label, _counts(column)))
        if "split" in self.table.columns:
            facts.append(("split", _counts(self.table["split"])))
        facts += [("licence", self.licence), ("source", self.source)]
        facts += [("notice", notice) for notice in self.notices]
        return pd.DataFrame(facts, columns=["fact", "value"])


def _counts(column: pd.Series) -> str:
    counts = column.value_counts(dropna=True).sort_index()
    shown = ", ".join(f"{value}: {count:,}" for value, count in counts.iloc[:12].items())
    return shown + (f" … ({len(counts)} in all)" if len(counts) > 12 else "")


def split_by_subject(
    table: pd.DataFrame, fractions: dict[str, float], seed: int, stratify: str | None = None
) -> np.ndarray:
    """Draw a split that keeps every subject whole.

    Args:
        table: with a ``subject`` column.
        fractions: split name -> share of the *subjects*, in (0, 1]; they sum to 1.
        seed: of the draw.
        stratify: column whose classes (a subject's most frequent one) each split gets in equal shares.

    Returns:
        Split names, one a row of ``table``, an object array (n,). Each split's number of subjects is within one of its
        share; a share below one subject gets one, at the cost of the largest.

    Raises:
        StudyError: shares that do not sum to 1, or fewer subjects than splits.
    """
    if abs(sum(fractions.values()) - 1) > 1e-6 or min(fractions.values()) <= 0:
        raise StudyError(f"split fractions must be positive and sum to 1, not {fractions}")
    subjects = table["subject"].drop_duplicates().to_numpy()
    if len(subjects) < len(fractions):
        raise StudyError(
            f"{len(subjects)} subject(s) cannot fill {len(fractions)} splits ({', '.join(fractions)}): a subject "
            "belongs to one split; give more subjects"
        )
    rng = np.random.default_rng(seed)
    if stratify is None:
        stratum = np.zeros(len(subjects), dtype=int)
    else:
        classes = pd.DataFrame({"subject": table["subject"], "class": pd.factorize(table[stratify])[0]})
        counts = classes.value_counts(sort=False).reset_index(name="samples")
        usual = counts.sort_values(["samples", "class"], ascending=[False, True]).drop_duplicates("subject")
        stratum = usual.set_index("subject")["class"].loc[subjects].to_numpy()
    names = list(fractions)
    shares = np.array([fractions[name] for name in names])
    # Subjects in random order, stratum after stratum, dealt to whichever split is furthest behind its share.
    order = np.concatenate([rng.permutation(np.flatnonzero(stratum == s)) for s in pd.unique(stratum)])
    dealt = np.zeros(len(subjects), dtype=int)
    given = np.zeros(len(names), dtype=int)
    for count, position in enumerate(order, start=1):
        behind = int(np.argmax(shares * count - given + 1e-9 * shares))
        given[behind] += 1
        dealt[position] = behind
    for empty in np.flatnonzero(given == 0):  # so small a share that it got no subject: it takes one from the largest
        rich = int(np.argmax(given))
        dealt[order[np.flatnonzero(dealt[order] == rich)[-1]]] = empty
        given[rich], given[empty] = given[rich] - 1, 1
    split_of = pd.Series(np.array(names, dtype=object)[dealt], index=subjects)
    return table["subject"].map(split_of).to_numpy(dtype=object)


def folds_by_subject(
    table: pd.DataFrame, folds: int, seed: int, stratify: np.ndarray | None = None
) -> list[np.ndarray]:
    """``folds`` disjoint test sets that cover all rows and keep every subject whole.

    Args:
        table: with a ``subject`` column.
        folds: number of folds, >= 2.
        seed: of the shuffle.
        stratify: class of each row, (n,); folds get the classes in about equal shares.

    Returns:
        Test rows of each fold, int64 arrays.

    Raises:
        StudyError: fewer subjects than folds, or classes too small for them.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    subjects = table["subject"].to_numpy()
    distinct = len(pd.unique(subjects))
    if folds < 2 or distinct < folds:
        raise StudyError(f"{folds} folds need at least 2 folds and as many subjects; there are {distinct} subject(s)")
    classes = np.zeros(len(table), dtype=int) if stratify is None else np.asarray(stratify)
    if np.unique(classes, return_counts=True)[1].max() < folds:
        raise StudyError(f"every class has fewer samples than the {folds} folds; ask for fewer folds")
    whole = distinct < len(table)
    splitter = (StratifiedGroupKFold if whole else StratifiedKFold)(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        found = [test for _, test in splitter.split(np.zeros(len(table)), classes, subjects if whole else None)]
    if min(len(test) for test in found) == 0:
        raise StudyError(f"{distinct} subject(s) of these classes cannot fill {folds} folds; ask for fewer folds")
    return found
