"""Two processes that gather see the whole batch, and their averaged gradient is that of one process with all of it."""

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn

from helpers.objectives.gathering import gather, mean_over_processes, processes


def data() -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3)), torch.randn(12, 5)


def across(z: Tensor) -> Tensor:
    """A loss that looks across the batch, and uses its gradient twice (z stands on both sides of a sum)."""
    similarity = (z @ z.T / 0.5).log_softmax(dim=1)
    covariance = torch.cov(z.T)
    return -similarity.diagonal(1).mean() + (covariance - torch.eye(3)).square().sum()


def twice(z: Tensor, w: Tensor) -> Tensor:
    """Two gathered tensors whose incoming gradients are one and the same tensor."""
    return (z + w).pow(3).sum() / 100


def whole_batch() -> dict[str, Tensor]:
    network, x = data()
    z = network(x)
    (across(z) + twice(z, 2 * z)).backward()
    return {name: p.grad for name, p in network.named_parameters() if p.grad is not None}


def _worker(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    network, x = data()
    wrapped = nn.parallel.DistributedDataParallel(network)
    mine = wrapped(x.chunk(2)[rank])
    z, w = gather(mine), gather(2 * mine)
    loss = across(z) + twice(z, w)
    loss.backward()
    labels = gather(torch.arange(3) + 10 * rank)
    half = gather(torch.full((2, 2), float(rank), dtype=torch.bfloat16))
    found = {name: p.grad for name, p in network.named_parameters()}
    extra = {"z": z.detach(), "labels": labels, "half": half, "mean": mean_over_processes(torch.tensor([1.0 + rank]))}
    torch.save({"gradients": found, "processes": processes(), **extra}, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    folder = tmp_path_factory.mktemp("gloo")
    mp.start_processes(_worker, args=(str(folder),), nprocs=2, start_method="spawn")
    return [torch.load(Path(folder) / f"{rank}.pt", weights_only=True) for rank in range(2)]


def test_the_gradient_of_two_processes_is_that_of_one_with_the_whole_batch(two: list[dict]) -> None:
    expected = whole_batch()
    for found in two:
        assert found["processes"] == 2
        for name, gradient in expected.items():
            torch.testing.assert_close(found["gradients"][name], gradient, rtol=1e-5, atol=1e-6)


def test_gathered_rows_stand_in_the_order_of_the_whole_batch_in_any_dtype(two: list[dict]) -> None:
    network, x = data()
    for found in two:
        torch.testing.assert_close(found["z"], network(x).detach())
        assert found["labels"].tolist() == [0, 1, 2, 10, 11, 12]
        assert found["half"].dtype == torch.bfloat16
        assert found["half"][:, 0].tolist() == [0.0, 0.0, 1.0, 1.0]


def test_the_mean_over_processes_is_the_same_in_each(two: list[dict]) -> None:
    assert [found["mean"].item() for found in two] == [1.5, 1.5]


def test_a_single_process_gathers_itself_without_a_copy() -> None:
    z = torch.randn(3, 2, requires_grad=True)
    assert gather(z) is z
    assert mean_over_processes(z) is z
    assert processes() == 1
