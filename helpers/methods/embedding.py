"""Features of whole corpora under an encoder."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from helpers.data.corpus import Corpus


@torch.no_grad()
def embed(encoder: nn.Module, corpus: Corpus, rows: np.ndarray, batch_size: int = 512) -> Tensor:
    """Features of samples under an encoder in evaluation mode, float32 (n, D), on the CPU.

    Args:
        encoder: maps what ``corpus.load`` returns to (B, D).
        corpus: the samples.
        rows: positions, int64 (n,).
        batch_size: samples decoded at once.

    Raises:
        ValueError: no rows.
    """
    if len(rows) == 0:
        raise ValueError("there are no rows to embed")
    modes = [(module, module.training) for module in encoder.modules()]
    encoder.eval()
    first = next(encoder.parameters(), None)
    device = first.device if first is not None else torch.device("cpu")
    parts = []
    try:
        for start in range(0, len(rows), batch_size):
            batch = corpus.load(rows[start : start + batch_size])
            moved = {name: t.to(device) for name, t in batch.items()} if isinstance(batch, dict) else batch.to(device)
            parts.append(encoder(moved).float().cpu())
    finally:  # parts that were frozen in evaluation mode stay in it
        for module, training in modes:
            module.training = training
    return torch.cat(parts)
