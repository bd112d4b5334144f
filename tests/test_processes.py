"""Training under torchrun is training in one process, shared out."""

from pathlib import Path

import pytest
import torch

from helpers.errors import StudyError
from helpers.processes import train_in_processes

RECIPE = "tests.recipes:decorrelation"


def test_two_processes_train_to_the_weights_of_one_process_with_the_whole_batch(tmp_path: Path) -> None:
    one, history_one = train_in_processes(RECIPE, {}, processes=1, checkpoint=tmp_path / "one.pt")
    two, history_two = train_in_processes(RECIPE, {}, processes=2, checkpoint=tmp_path / "two.pt")
    for mine, theirs in zip(one.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)
    assert [row["epoch"] for row in history_two.epochs] == [row["epoch"] for row in history_one.epochs]
    assert history_two.epochs[-1]["loss"] == pytest.approx(history_one.epochs[-1]["loss"], rel=1e-4)


def test_what_a_process_refuses_arrives_as_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"^the recipe refuses: set fail: false$"):
        train_in_processes(RECIPE, {"fail": True}, processes=2, checkpoint=tmp_path / "x.pt")


def test_several_nodes_without_a_rendezvous_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="rendezvous"):
        train_in_processes(RECIPE, {}, processes=1, nodes=2, checkpoint=tmp_path / "x.pt")
