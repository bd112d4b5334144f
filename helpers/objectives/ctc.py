"""Connectionist temporal classification (Graves et al., ICML 2006): the loss, and greedy decoding."""

from __future__ import annotations

import torch
from torch import Tensor

from helpers.data.phones import BLANK


def ctc_loss(log_probs: Tensor, frames: Tensor, targets: Tensor, target_lengths: Tensor) -> Tensor:
    """Mean over utterances of −ln p(target | frames) / target length.

    Args:
        log_probs: natural logarithms over tokens, frame by frame, (B, T, V).
        frames: that count of each utterance, int64 (B,), <= T.
        targets: token numbers without blanks, int64 (B, L), anything after each length.
        target_lengths: int64 (B,). An utterance whose target is empty, or too long for its frames, adds nothing to the
            sum and is not counted.

    Returns:
        A scalar; 0 (with zero gradients) where no utterance counts.
    """
    each = torch.nn.functional.ctc_loss(
        log_probs.transpose(0, 1), targets, frames, target_lengths.clamp_min(0), BLANK, "none", zero_infinity=True
    )  # (B,)
    counts = (target_lengths > 0) & (needed_frames(targets, target_lengths) <= frames)
    return (each / target_lengths.clamp_min(1) * counts).sum() / counts.sum().clamp_min(1)


def needed_frames(targets: Tensor, target_lengths: Tensor) -> Tensor:
    """Least frames that a target can be written in: one a token, one more between two equal tokens, int64 (B,)."""
    inside = torch.arange(targets.shape[1] - 1, device=targets.device) < target_lengths[:, None] - 1
    twice = (targets[:, 1:] == targets[:, :-1]) & inside
    return target_lengths + twice.sum(dim=1)


def greedy_decode(log_probs: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
    """Best token of every frame, repeats merged, blanks left out.

    Args:
        log_probs: (B, T, V).
        frames: that count of each utterance, int64 (B,).

    Returns:
        Token numbers, int64 (B, T), −1 after each one's last; how many there are, int64 (B,).
    """
    best = log_probs.argmax(dim=2)  # (B, T)
    first = torch.ones_like(best, dtype=torch.bool)
    first[:, 1:] = best[:, 1:] != best[:, :-1]
    inside = torch.arange(best.shape[1], device=best.device) < frames[:, None]
    kept = first & (best != BLANK) & inside
    lengths = kept.sum(dim=1)
    found = torch.full_like(best, -1)
    place = kept.cumsum(dim=1) - 1
    rows = torch.arange(len(best), device=best.device)[:, None].expand_as(best)
    found[rows[kept], place[kept]] = best[kept]
    return found, lengths


def token_frames(log_probs: Tensor, frames: Tensor) -> list[list[tuple[int, int, int]]]:
    """Where greedy decoding found each token: (token, first frame, last frame + 1), a list an utterance."""
    best = log_probs.argmax(dim=2).cpu()
    found = []
    for row, count in zip(best.tolist(), frames.tolist(), strict=True):
        spans: list[tuple[int, int, int]] = []
        for t, token in enumerate(row[:count]):
            if token == BLANK:
                continue
            if spans and spans[-1][0] == token and spans[-1][2] == t:
                spans[-1] = (token, spans[-1][1], t + 1)
            else:
                spans.append((token, t, t + 1))
        found.append(spans)
    return found
