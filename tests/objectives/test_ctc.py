"""CTC: the loss against enumeration of all paths, its gradient, and the collapse of greedy decoding."""

import itertools
import math

import torch

from helpers.objectives.ctc import ctc_loss, greedy_decode, needed_frames, token_frames


def collapsed(path: tuple[int, ...]) -> tuple[int, ...]:
    merged = [token for token, _ in itertools.groupby(path)]
    return tuple(token for token in merged if token != 0)


def by_enumeration(log_probs: torch.Tensor, target: tuple[int, ...]) -> torch.Tensor:
    frames, tokens = log_probs.shape
    paths = [p for p in itertools.product(range(tokens), repeat=frames) if collapsed(p) == target]
    each = torch.stack([torch.stack([log_probs[t, k] for t, k in enumerate(p)]).sum() for p in paths])
    return -each.logsumexp(0)


def test_the_loss_is_minus_the_log_of_all_paths_that_collapse_to_the_target_and_so_is_its_gradient():
    torch.manual_seed(0)
    scores = torch.randn(2, 4, 3, dtype=torch.double, requires_grad=True)
    targets, lengths, frames = torch.tensor([[1, 1], [2, -1]]), torch.tensor([2, 1]), torch.tensor([4, 3])
    found = ctc_loss(scores.log_softmax(2), frames, targets, lengths)
    expected = (
        by_enumeration(scores.log_softmax(2)[0], (1, 1)) / 2 + by_enumeration(scores.log_softmax(2)[1, :3], (2,))
    ) / 2
    assert math.isclose(found.item(), expected.item(), rel_tol=1e-9)
    (mine,) = torch.autograd.grad(found, scores)
    (theirs,) = torch.autograd.grad(expected, scores)
    assert torch.allclose(mine, theirs, atol=1e-9)


def test_utterances_that_are_unlabelled_empty_or_too_short_for_their_target_do_not_count():
    torch.manual_seed(0)
    log_probs = torch.randn(4, 3, 5).log_softmax(2).requires_grad_()
    targets = torch.tensor([[1, 2], [-1, -1], [-1, -1], [3, 3]])
    loss = ctc_loss(log_probs, torch.tensor([3, 3, 3, 2]), targets, torch.tensor([2, -1, 0, 2]))
    alone = ctc_loss(log_probs[:1], torch.tensor([3]), targets[:1], torch.tensor([2]))
    assert torch.isclose(loss, alone)
    loss.backward()
    assert log_probs.grad is not None
    assert (log_probs.grad[1:] == 0).all()
    nothing = ctc_loss(log_probs[1:2], torch.tensor([3]), targets[1:2], torch.tensor([-1]))
    assert nothing.item() == 0


def test_a_token_said_twice_needs_a_blank_between():
    found = needed_frames(torch.tensor([[1, 1, 2], [1, 2, 2], [2, 2, 2]]), torch.tensor([3, 2, 3]))
    assert found.tolist() == [4, 2, 5]


def test_greedy_decoding_merges_repeats_drops_blanks_and_stops_at_the_last_frame():
    path = torch.tensor([[0, 1, 1, 0, 1, 2, 2, 0], [3, 3, 0, 0, 1, 1, 1, 1]])
    log_probs = torch.nn.functional.one_hot(path, 4).float().log()
    tokens, lengths = greedy_decode(log_probs, torch.tensor([8, 4]))
    assert lengths.tolist() == [3, 1]
    assert tokens[0, :4].tolist() == [1, 1, 2, -1]
    assert tokens[1, :2].tolist() == [3, -1]
    assert token_frames(log_probs, torch.tensor([8, 4])) == [[(1, 1, 3), (1, 4, 5), (2, 5, 7)], [(3, 0, 2)]]
