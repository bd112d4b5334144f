"""Two processes with half a batch each teach every image method what one process with the whole batch does."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.methods.two_processes import METHODS, one_process, taught


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, dict[str, Tensor]]]:
    folder = tmp_path_factory.mktemp("gloo")
    torch.multiprocessing.spawn(one_process, (2, str(folder / "meet"), str(folder / "rank")), nprocs=2)
    return [torch.load(Path(folder) / f"rank{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.mark.parametrize("name", METHODS)
def test_two_processes_have_the_gradients_and_the_state_of_one_with_the_whole_batch(name, two):
    expected = taught(name)
    assert any(tensor.is_floating_point() and tensor.abs().max() > 0 for tensor in expected.values())
    for found in two:
        assert found[name].keys() == expected.keys()
        for key, tensor in expected.items():
            # DirectPred holds its statistics in float32
            torch.testing.assert_close(found[name][key], tensor, rtol=1e-5, atol=1e-8, msg=lambda m, k=key: f"{k}: {m}")
