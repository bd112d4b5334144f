"""Fine-tuning learns from the labels it is given and leaves the encoder it was given alone."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from helpers.data.corpus import Corpus
from helpers.errors import StudyError
from helpers.evaluation.fine_tuning import Classifier, fine_tune
from helpers.training import TrainingPlan

N = 300
X = torch.randn(N, 6, generator=torch.Generator().manual_seed(0))
LABELS = (X[:, 0] * X[:, 1] > 0).long().numpy()
ROWS = {"train": np.arange(200), "validation": np.arange(200, 250), "test": np.arange(250, 300)}
PLAN = TrainingPlan(epochs=40, batch_size=50, learning_rate=1e-2, patience=10)


def corpus_of(as_dict: bool = False) -> Corpus:
    names = [str(i) for i in range(N)]
    table = pd.DataFrame({"sample_id": names, "subject": names})
    load = (lambda r: {"input": X[r]}) if as_dict else (lambda r: X[r])
    return Corpus("toy", table, load, (), "none", "a test", True, "0")


def encoder() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 32), nn.ReLU())


def test_it_learns_what_a_linear_head_on_the_input_cannot() -> None:
    predicted = fine_tune(encoder(), corpus_of(), LABELS, ROWS, PLAN, features=32)
    assert (predicted == LABELS[250:]).mean() > 0.8
    fixed = fine_tune(nn.Identity(), corpus_of(), LABELS, ROWS, PLAN, features=6)
    assert (fixed == LABELS[250:]).mean() < 0.75


def test_the_encoder_given_is_left_as_it_was() -> None:
    given = encoder()
    before = {name: t.clone() for name, t in given.state_dict().items()}
    fine_tune(given, corpus_of(), LABELS, ROWS, PLAN, features=32)
    assert all(torch.equal(t, before[name]) for name, t in given.state_dict().items())
    assert given.training


def test_labels_of_the_test_rows_change_nothing() -> None:
    hidden = LABELS.copy()
    hidden[ROWS["test"]] = -1
    one, two = (fine_tune(encoder(), corpus_of(), labels, ROWS, PLAN, features=32) for labels in (LABELS, hidden))
    assert (one == two).all()


def test_tensor_and_dict_corpora_and_a_second_run_from_the_checkpoint_give_the_same(tmp_path: Path) -> None:
    one = fine_tune(encoder(), corpus_of(), LABELS, ROWS, PLAN, features=32)
    two = fine_tune(encoder(), corpus_of(as_dict=True), LABELS, ROWS, PLAN, 32, checkpoint=tmp_path / "c.pt")
    again = fine_tune(encoder(), corpus_of(), LABELS, ROWS, PLAN, 32, checkpoint=tmp_path / "c.pt")
    assert (one == two).all()
    assert (one == again).all()


def test_a_training_row_without_a_label_is_refused() -> None:
    labels = LABELS.copy()
    labels[3] = -1
    with pytest.raises(StudyError, match="rows of 'train' have no label"):
        fine_tune(encoder(), corpus_of(), labels, ROWS, PLAN, features=32)


def test_the_classifiers_loss_and_gradient_are_cross_entropys() -> None:
    classifier = Classifier(encoder(), 32, 2)
    batch = {"input": X[:8], "label": torch.as_tensor(LABELS[:8])}
    classifier.training_step(batch)["loss"].backward()
    p = classifier.logits(X[:8]).softmax(1)
    expected = (p - nn.functional.one_hot(batch["label"], 2)).mean(0)
    torch.testing.assert_close(classifier.head.bias.grad, expected)
