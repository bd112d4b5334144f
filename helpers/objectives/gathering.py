"""Looking across processes: losses that compare samples gather them first, with gradients."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor


def processes() -> int:
    """Number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Number of this process among them, from 0."""
    return dist.get_rank() if processes() > 1 else 0


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, local: Tensor) -> Tensor:
        parts = [torch.empty_like(local) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, local.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: object, *gradients: Tensor) -> Tensor:
        whole = gradients[0].clone(memory_format=torch.contiguous_format)  # others may hold the same gradient
        dist.all_reduce(whole)
        return whole.chunk(dist.get_world_size())[dist.get_rank()]


def gather(local: Tensor) -> Tensor:
    """Concatenate every process's rows, with gradients.

    The backward pass sums the gradients of all processes' losses, so that after DistributedDataParallel has averaged
    over processes the gradient equals that of one process with the whole batch, wherever every process computes the
    loss of the whole batch.

    Args:
        local: (b, ...), the same shape in every process.

    Returns:
        (processes·b, ...), in rank order; ``local`` itself in a single process.
    """
    return local if processes() == 1 else _Gather.apply(local)


@torch.no_grad()
def mean_over_processes(value: Tensor) -> Tensor:
    """The mean of a tensor over processes, without gradient."""
    if processes() == 1:
        return value
    total = value.clone()
    dist.all_reduce(total)
    return total / processes()
