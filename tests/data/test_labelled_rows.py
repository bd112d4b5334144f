"""Rows by what they are for: nothing that is tested on is trained on, in any corpus."""

import numpy as np
import pandas as pd
import pytest
import torch

from helpers.data.corpus import Corpus
from helpers.data.labelled_rows import classes_of, image_shape, labelled_rows, one_a_class
from helpers.errors import StudyError


def corpus(splits: list[str], labels: list[str | None]) -> Corpus:
    names = [f"s{i}" for i in range(len(splits))]
    table = pd.DataFrame({"sample_id": names, "subject": names, "label": labels, "split": splits})
    images = torch.rand(len(splits), 3, 5, 5)
    return Corpus("made", table, lambda rows: images[torch.as_tensor(rows)], ("label",), "none", "a test", True, "0")


def test_parts_do_not_meet_and_unlabelled_images_are_for_pretraining_alone():
    made = corpus(["train"] * 20 + ["test"] * 6 + ["unlabelled"] * 4, ["b", "a"] * 13 + [None] * 4)
    rows = labelled_rows(made)
    parts = [set(part) for part in (rows.train, rows.validation, rows.test)]
    assert len(parts[0] | parts[1] | parts[2]) == sum(map(len, parts)) == 26
    assert len(rows.validation) == 4
    assert set(rows.pretrain) == parts[0] | parts[1] | {26, 27, 28, 29}
    names, classes = classes_of(made)
    assert names == ["a", "b"]
    assert classes[:2].tolist() == [1, 0]
    assert classes[-1] == -1
    assert sorted(classes[one_a_class(made, rows.train)]) == [0, 1]
    assert image_shape(made) == (3, 5)


def test_a_validation_part_of_the_corpuss_own_is_kept_and_a_limit_is_stratified():
    made = corpus(["train"] * 40 + ["validation"] * 6 + ["test"] * 4, ["a", "b"] * 25)
    rows = labelled_rows(made, limit=10)
    assert rows.validation.tolist() == list(range(40, 46))
    assert np.bincount(classes_of(made)[1][rows.train]).tolist() == [5, 5]


def test_what_cannot_be_probed_is_one_clear_line():
    with pytest.raises(StudyError, match="two classes"):
        labelled_rows(corpus(["train"] * 5 + ["test"], ["a"] * 6))
    with pytest.raises(StudyError, match="no test split"):
        labelled_rows(corpus(["train"] * 10, ["a", "b"] * 5))
