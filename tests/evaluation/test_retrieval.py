"""Retrieval: values by hand and by scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from helpers.errors import StudyError
from helpers.evaluation.retrieval import retrieve


def test_ranks_and_precision_are_those_worked_out_by_hand():
    angles = torch.tensor([0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 63.0]) * np.pi / 180
    labels = torch.tensor([0, 1, 0, 1, 2, 1, 2])
    found = retrieve(torch.stack([angles.cos(), angles.sin()], 1), labels)
    # Image 0 sees the others in order 1..6, of its class the second: precision 1/2.
    # Image 1 (1°) sees 0, 2, 3, 4, 5, 6: its class third and fifth: (1/3 + 2/5)/2.
    assert found.average_precision[0] == pytest.approx(1 / 2)
    assert found.average_precision[1] == pytest.approx((1 / 3 + 2 / 5) / 2)
    # Image 6 (63°) sees 5, 4, 3, …: its class second. Image 4 (15°): 3 (8°), 2 (12°), 1 (14°), 0 (15°), 5 (16°), 6.
    assert found.average_precision[6] == pytest.approx(1 / 2)
    assert found.average_precision[4] == pytest.approx(1 / 6)
    assert found.rank1.tolist() == [0, 0, 0, 0, 0, 0, 0]
    assert found.rank5.tolist() == [1, 1, 1, 1, 0, 1, 1]


def test_average_precision_is_that_of_scikit_learn_and_rank1_that_of_a_nearest_neighbour():
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(60, 5)), rng.integers(0, 4, 60)
    features[:, 0] += labels
    found = retrieve(torch.from_numpy(features), torch.from_numpy(labels))
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    for i in range(60):
        others = np.arange(60) != i
        likeness = unit[others] @ unit[i]
        same = labels[others] == labels[i]
        assert float(found.average_precision[i]) == pytest.approx(average_precision_score(same, likeness))
        order = np.argsort(-likeness)
        assert float(found.rank1[i]) == same[order[0]]
        assert float(found.rank5[i]) == same[order[:5]].any()


def test_an_image_never_finds_itself_and_scale_does_not_matter():
    features = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    found = retrieve(features, torch.tensor([0, 1, 0]))
    assert found.rank1[0] == 0
    again = retrieve(features * torch.tensor([[3.0], [0.1], [50.0]]), torch.tensor([0, 1, 0]))
    assert torch.equal(found.average_precision.nan_to_num(-1), again.average_precision.nan_to_num(-1))


def test_a_query_alone_in_its_class_has_no_precision_and_nothing_to_retrieve_is_refused():
    found = retrieve(torch.eye(3), torch.tensor([0, 0, 1]))
    assert torch.isnan(found.average_precision[2])
    assert not torch.isnan(found.average_precision[:2]).any()
    with pytest.raises(StudyError, match="at least two of one class"):
        retrieve(torch.eye(3), torch.arange(3))
