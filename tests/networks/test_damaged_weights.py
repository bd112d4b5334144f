"""A damaged file of weights is refused by name: whatever is wrong with it, and never read in part."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from safetensors.torch import save_file

from helpers.errors import StudyError
from helpers.networks.image_encoders import SmallConvNet, load_weights
from helpers.networks.phone_recognisers import Wav2Vec2Encoder
from helpers.networks.stylegan2_files import stylegan2
from tests.data.corpora.damage import Damage, damages

NAMES = ("a.safetensors", "b.pt", "c.pth")


def _network() -> SmallConvNet:
    torch.manual_seed(0)
    return SmallConvNet(1, 4)


@cache
def _contents() -> dict[str, bytes]:
    state = _network().state_dict()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        save_file(state, root / NAMES[0])
        torch.save(state, root / NAMES[1])
        torch.save({"state_dict": state}, root / NAMES[2], _use_new_zipfile_serialization=False)
        return {name: (root / name).read_bytes() for name in NAMES}


@given(damage=damages)
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@pytest.mark.filterwarnings("ignore")
def test_damaged_weights_are_read_whole_and_finite_or_refused_in_one_line(damage: Damage) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in _contents().items():
            (Path(folder) / name).write_bytes(content)
        file = damage.do(Path(folder))
        network = _network()
        refusal = ""
        try:
            load_weights(network, file)
        except StudyError as error:
            refusal = str(error)
        assert all(bool(torch.isfinite(t).all()) for t in network.state_dict().values())
        assert not refusal or (file.name in refusal and len(refusal) < 500)


ODD: dict[str, Any] = {
    "a list": [1, 2], "a number": 3.0, "nothing": None, "names that are numbers": {0: torch.zeros(2)},
    "lists for tensors": {"0.weight": [1.0]}, "an empty dict": {},
    "a value that is no number": {"0.weight": torch.full((2, 2), float("nan"))},
    "tensors of another kind": {"style.1.weight": torch.zeros(()), "input.input": torch.zeros(1)},
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_a_file_that_holds_something_else_is_refused_in_one_line_by_every_reader(name: str, tmp_path: Path) -> None:
    file = tmp_path / "odd.pt"
    torch.save(ODD[name], file)
    for read in (
        lambda: load_weights(_network(), file),
        lambda: stylegan2(file),
        lambda: Wav2Vec2Encoder(weights=str(file)),
    ):
        with pytest.raises(StudyError, match=r"odd\.pt"):
            read()


def test_a_file_that_would_run_code_runs_none(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "it ran",)

    torch.save({"0.weight": Evil()}, tmp_path / "evil.pt")
    for read in (load_weights,):
        with pytest.raises(StudyError, match=r"evil\.pt cannot be read as tensors"):
            read(_network(), tmp_path / "evil.pt")
    with pytest.raises(StudyError, match=r"evil\.pt cannot be read as tensors"):
        stylegan2(tmp_path / "evil.pt")
    assert not (tmp_path / "it ran").exists()
