"""A corpus keeps subjects apart, and its splits are what was asked for."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch

from helpers.data.corpus import Corpus, folds_by_subject, split_by_subject
from helpers.errors import StudyError


def samples(subjects: list[str], **columns: object) -> pd.DataFrame:
    ids = [f"s{i}" for i in range(len(subjects))]
    return pd.DataFrame({"sample_id": ids, "subject": subjects, **columns})


def corpus_of(table: pd.DataFrame, labels: tuple[str, ...] = ()) -> Corpus:
    return Corpus("toy", table, lambda r: torch.as_tensor(r), labels, "none", "a test", True, "0")


def test_a_split_that_leaks_a_subject_is_refused_by_name() -> None:
    table = samples(["a", "a", "b"], split=["train", "test", "test"])
    with pytest.raises(StudyError, match=r"toy: subject 'a' stands in the splits test and train \(1 such subjects\)"):
        corpus_of(table)
    whole = corpus_of(samples(["a", "a", "b"]))
    with pytest.raises(StudyError, match="subject 'a'"):
        whole.with_split(["train", "validation", "test"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.assign(sample_id=["x", "x", "y"]), "sample_id 'x' stands more than once"),
        (lambda t: t.assign(split=["train", "train", "dev"]), "unknown split 'dev'; allowed: train, validation, test"),
        (lambda t: t.assign(split=["train", "train", None]), "unknown split (nan|None)"),
        (lambda t: t.assign(split=["unlabelled", "unlabelled", "test"]), "rows of the split 'unlabelled' carry labels"),
        (lambda t: t.assign(subject=["a", None, "b"]), "subject is empty in row 1"),
        (lambda t: t.assign(sample_id=["x", "y", None]), "sample_id is empty in row 2"),
        (lambda t: t.drop(columns="subject"), "no column subject"),
        (lambda t: t.drop(columns="label"), "no column label"),
        (lambda t: t.iloc[:0], "no samples"),
    ],
)
def test_a_table_that_breaks_the_contract_is_refused_in_one_line(
    change: Callable[[pd.DataFrame], pd.DataFrame], said: str
) -> None:
    table = samples(["a", "a", "b"], label=[0, 1, 0])
    with pytest.raises(StudyError, match=said) as caught:
        corpus_of(change(table), ("label",))
    assert "\n" not in str(caught.value)


def test_unlabelled_rows_without_labels_are_welcome() -> None:
    table = samples(["a", "b"], label=[np.nan, 1], split=["unlabelled", "train"])
    assert corpus_of(table, ("label",)).rows("unlabelled").tolist() == [0]


def test_rows_of_a_split_are_positions_in_table_order_whatever_the_index_was() -> None:
    table = samples(["a", "b", "c"], split=["test", "train", "test"]).set_index(pd.Index([7, 7, 9]))
    corpus = corpus_of(table)
    assert corpus.rows("test").tolist() == [0, 2]
    assert corpus.rows(["train", "test"]).tolist() == [0, 1, 2]
    assert corpus.rows("validation").tolist() == []
    with pytest.raises(StudyError, match="unknown split 'valid'"):
        corpus.rows("valid")
    with pytest.raises(StudyError, match="no splits yet"):
        corpus_of(samples(["a"])).rows("train")


def test_selected_rows_load_what_they_loaded_before_also_when_selected_twice() -> None:
    corpus = corpus_of(samples(list("abcdef"))).select(np.array([5, 3, 1])).select(np.array([2, 0]))
    assert corpus.table["sample_id"].tolist() == ["s1", "s5"]
    assert corpus.load(np.array([0, 1])).tolist() == [1, 5]


def test_as_many_split_names_as_samples_are_asked_for() -> None:
    with pytest.raises(StudyError, match="1 split names for 2 samples"):
        corpus_of(samples(["a", "b"])).with_split(["train"])


def test_the_card_counts_labels_that_are_many_different_texts() -> None:
    texts = [f"text {i}" for i in range(40)] + [None, None]
    table = pd.DataFrame({"sample_id": [str(i) for i in range(42)], "subject": "a", "label": texts})
    facts = dict(corpus_of(table, ("label",)).card().itertuples(index=False))
    assert facts["label"] == "40 known, 40 different"


def test_the_card_tells_real_from_simulated_and_counts() -> None:
    table = samples(["a", "a", "b"], label=["x", "y", "x"], group=["g", "g", "h"])
    facts = dict(corpus_of(table, ("label",)).card().itertuples(index=False))
    assert facts["data"] == "simulated"
    assert (facts["samples"], facts["subjects"]) == ("3", "2")
    assert facts["label"] == "x: 2, y: 1"
    assert facts["groups"] == "g: 2, h: 1"


def many(n: int, seed: int, per_subject: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    names = [f"p{s}" for s in range(n) for _ in range(rng.integers(1, per_subject + 1))]
    return samples(names, label=rng.integers(0, 3, len(names)))


@pytest.mark.parametrize("stratify", [None, "label"])
@pytest.mark.parametrize(
    "fractions",
    [
        {"train": 0.6, "validation": 0.2, "test": 0.2},
        {"train": 0.9, "test": 0.1},
        {"train": 0.97, "validation": 0.015, "test": 0.015},
        {"unlabelled": 0.5, "train": 0.1, "validation": 0.1, "test": 0.3},
    ],
)
@pytest.mark.parametrize("n", [4, 5, 17, 100])
def test_shares_of_subjects_are_right_to_within_one_and_no_split_is_empty(
    n: int, fractions: dict[str, float], stratify: str | None
) -> None:
    for seed in range(4):
        table = many(n, seed)
        split = split_by_subject(table, fractions, seed, stratify)
        owners = table.assign(split=split).groupby("subject")["split"].agg(["nunique", "first"])
        assert (owners["nunique"] == 1).all()
        tiny = sum(share * n < 1 for share in fractions.values())  # take the one they must have from the largest
        for name, share in fractions.items():
            got = int((owners["first"] == name).sum())
            assert got >= 1
            assert abs(got - share * n) <= max(1, tiny) + 1e-9, (name, got, share * n)


def test_a_split_repeats_under_its_seed_and_changes_with_it() -> None:
    table = many(60, 0)
    fractions = {"train": 0.5, "test": 0.5}
    first = split_by_subject(table, fractions, 3, "label")
    assert (first == split_by_subject(table, fractions, 3, "label")).all()
    assert (first != split_by_subject(table, fractions, 4, "label")).any()


def test_stratified_splits_share_out_each_class_and_subjects_without_a_class() -> None:
    table = samples([f"p{i}" for i in range(300)], label=[0.0] * 200 + [1.0] * 70 + [np.nan] * 30)
    split = split_by_subject(table, {"train": 0.8, "test": 0.2}, 0, "label")
    assert not pd.isna(split).any()
    test = table[split == "test"]["label"].fillna(-1).value_counts()
    assert abs(test[0.0] - 40) <= 1
    assert abs(test[1.0] - 14) <= 1
    assert abs(test[-1.0] - 6) <= 1


def test_one_subject_cannot_be_split_and_the_error_says_so() -> None:
    with pytest.raises(StudyError, match=r"1 subject\(s\) cannot fill 2 splits \(train, test\)"):
        split_by_subject(samples(["a", "a", "a"]), {"train": 0.5, "test": 0.5}, 0)
    with pytest.raises(StudyError, match="sum to 1"):
        split_by_subject(samples(["a", "b"]), {"train": 0.5, "test": 0.4}, 0)


@pytest.mark.parametrize("per_subject", [1, 5])
@pytest.mark.parametrize("stratified", [False, True])
def test_folds_cover_every_row_once_and_share_no_subject(per_subject: int, stratified: bool) -> None:
    for n, folds in ((3, 3), (7, 5), (40, 5)):
        table = many(n, n, per_subject)
        classes = table["label"].to_numpy() if stratified and n == 40 else None
        tests = folds_by_subject(table, folds, 0, classes)
        assert len(tests) == folds
        assert np.sort(np.concatenate(tests)).tolist() == list(range(len(table)))
        owners = [set(table["subject"].iloc[rows]) for rows in tests]
        assert all(not a & b for i, a in enumerate(owners) for b in owners[:i])
        assert all(len(rows) > 0 for rows in tests)


def test_folds_repeat_under_their_seed_and_get_the_classes_in_equal_shares() -> None:
    table = samples([f"p{i}" for i in range(200)])
    event = np.arange(200) % 10 == 0
    folds = folds_by_subject(table, 5, 1, event)
    assert [int(event[rows].sum()) for rows in folds] == [4] * 5
    assert all((a == b).all() for a, b in zip(folds, folds_by_subject(table, 5, 1, event), strict=True))
    assert any((a != b).any() for a, b in zip(folds, folds_by_subject(table, 5, 2, event), strict=True))


def test_folds_that_cannot_be_filled_are_refused_in_words() -> None:
    with pytest.raises(StudyError, match=r"there are 2 subject\(s\)"):
        folds_by_subject(samples(["a", "a", "b"]), 3, 0)
    with pytest.raises(StudyError, match="fewer samples than the 5 folds"):
        folds_by_subject(samples([f"p{i}" for i in range(8)]), 5, 0, np.arange(8) // 2)
