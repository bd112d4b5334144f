"""The queue of projections is first in, first out, and nothing that was never pushed is ever found."""

import pytest
import torch

from helpers.errors import StudyError
from helpers.methods.feature_queue import FeatureQueue


def rows(*values: float) -> torch.Tensor:
    return torch.tensor([[value, 1.0] for value in values])


def held(queue: FeatureQueue) -> list[float]:
    return sorted(queue.content()[:, 0].tolist())


def test_the_oldest_rows_leave_first_also_where_a_push_wraps_round():
    queue = FeatureQueue(5, 2)
    seen = []
    for first in range(0, 12, 3):
        queue.push(rows(first, first + 1, first + 2))
        seen.append(held(queue))
    assert seen == [[0, 1, 2], [1, 2, 3, 4, 5], [4, 5, 6, 7, 8], [7, 8, 9, 10, 11]]
    assert queue.full()


def test_a_push_larger_than_the_queue_keeps_the_newest():
    queue = FeatureQueue(2, 2)
    queue.push(rows(1, 2, 3, 4, 5))
    assert held(queue) == [4, 5]


def test_empty_rows_are_never_found_even_where_they_would_be_nearest():
    queue = FeatureQueue(8, 2)
    queue.rows.fill_(1e6)  # what lies in rows that nobody has pushed must not matter
    queue.push(torch.tensor([[-1.0, 0.0], [0.0, -1.0]]))
    assert queue.nearest(torch.tensor([[1.0, 0.1], [0.1, 1.0]])).tolist() == [[0.0, -1.0], [-1.0, 0.0]]
    assert len(queue.content()) == 2
    assert not queue.full()


def test_while_nothing_is_held_a_query_is_its_own_neighbour():
    query = torch.randn(3, 2, requires_grad=True)
    found = FeatureQueue(4, 2).nearest(query)
    assert torch.equal(found, query)
    assert not found.requires_grad


def test_neighbours_are_those_of_largest_inner_product():
    queue, queries = FeatureQueue(30, 6), torch.randn(9, 6)
    stored = torch.nn.functional.normalize(torch.randn(20, 6), dim=1)
    queue.push(stored)
    assert torch.equal(queue.nearest(queries), stored[(queries @ stored.T).argmax(1)])


def test_everything_is_in_the_state():
    queue, other = FeatureQueue(4, 2), FeatureQueue(4, 2)
    queue.push(rows(1, 2, 3))
    other.load_state_dict(queue.state_dict())
    for each in (queue, other):
        each.push(rows(4, 5))
    assert held(queue) == held(other) == [2, 3, 4, 5]


def test_a_queue_that_holds_nothing_is_refused():
    with pytest.raises(StudyError, match="at least 1"):
        FeatureQueue(0, 2)
