"""A first-in, first-out memory of projections that survives a resume."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from helpers.errors import StudyError
from helpers.objectives.gathering import gather


class FeatureQueue(nn.Module):
    """The last ``size`` rows that were pushed; what was never pushed is never seen.

    All of it is in ``state_dict``. Every process pushes the rows of all, so that the queue is the same in each.

    Args:
        size: rows held, >= 1.
        features: d.
    """

    rows: Tensor
    filled: Tensor
    next: Tensor

    def __init__(self, size: int, features: int) -> None:
        super().__init__()
        if size < 1:
            raise StudyError(f"a queue of {size} rows holds nothing; give at least 1")
        self.register_buffer("rows", torch.zeros(size, features))
        self.register_buffer("filled", torch.zeros((), dtype=torch.long))
        self.register_buffer("next", torch.zeros((), dtype=torch.long))  # where the next row goes

    def __len__(self) -> int:
        return int(self.filled)

    def full(self) -> bool:
        """Whether every row has been pushed."""
        return len(self) == len(self.rows)

    def content(self) -> Tensor:
        """All rows that have been pushed and not yet pushed out, (n, d), n may be 0; a copy, in no particular order."""
        return self.rows[: len(self)].clone()

    @torch.no_grad()
    def push(self, rows: Tensor) -> None:
        """Add this step's rows (b, d) of every process, oldest out first."""
        newest = gather(rows.detach()).to(self.rows)[-len(self.rows) :]
        where = (int(self.next) + torch.arange(len(newest), device=self.rows.device)) % len(self.rows)
        self.rows[where] = newest
        self.next.fill_((int(self.next) + len(newest)) % len(self.rows))
        self.filled.fill_(min(len(self) + len(newest), len(self.rows)))

    @torch.no_grad()
    def nearest(self, queries: Tensor) -> Tensor:
        """The row of largest inner product with each query, (b, d); the queries themselves while nothing is held."""
        if len(self) == 0:
            return queries.detach()
        held = self.rows[: len(self)]
        return held[(queries.detach().to(held) @ held.mT).argmax(dim=1)].to(queries)
