"""Jobs side by side give what they give one after another, once each, and their errors arrive as they were raised."""

import os
import pickle
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers.errors import StudyError
from helpers.studies.side_by_side import side_by_side


def draw(seed: int, mark: str = "") -> dict[str, Any]:
    if mark:
        with Path(mark).open("a") as lines:
            lines.write(f"{seed}\n")
    generator = torch.Generator().manual_seed(seed)
    return {"z": torch.randn(3, generator=generator), "seed": seed, "names": ["a"], "threads": torch.get_num_threads()}


def stumble(seed: int, folder: str) -> dict[str, Any]:
    if seed == 1:
        while not (Path(folder) / "second.done").exists():
            time.sleep(0.01)
        raise StudyError("fold 3 has no events;\n use fewer folds")
    if seed == 2:
        (Path(folder) / "second.done").touch()
    return {"seed": seed}


def die(seed: int) -> dict[str, Any]:
    if seed == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"seed": seed}


def unreadable(seed: int) -> dict[str, Any]:
    return {"value": np.float64(seed)}


def same(one: list[dict[str, Any]], two: list[dict[str, Any]]) -> bool:
    return all(torch.equal(a["z"], b["z"]) and a["seed"] == b["seed"] for a, b in zip(one, two, strict=True))


def test_results_do_not_depend_on_the_number_of_workers_and_keep_their_order(tmp_path: Path) -> None:
    jobs = [{"seed": s} for s in (3, 1, 2, 0)]
    one = side_by_side(draw, jobs, workers=1, threads=1, checkpoints=tmp_path / "one", label="draws")
    two = side_by_side(draw, jobs, workers=2, threads=1, checkpoints=tmp_path / "two", label="draws")
    assert [result["seed"] for result in two] == [3, 1, 2, 0]
    assert same(one, two)
    assert {result["threads"] for result in two} == {1}


def test_a_job_that_is_done_is_not_done_again_and_a_damaged_one_is(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    jobs = [{"seed": s, "mark": str(mark)} for s in range(3)]

    def run() -> list[dict[str, Any]]:
        return side_by_side(draw, jobs, workers=1, threads=1, checkpoints=tmp_path / "c", label="draws")

    first = run()
    assert same(run(), first)
    assert mark.read_text() == "0\n1\n2\n"
    damaged = sorted((tmp_path / "c").iterdir())[0]
    damaged.write_bytes(damaged.read_bytes()[:50])
    assert same(run(), first)
    assert len(mark.read_text().split()) == 4


def test_a_bit_that_flips_in_a_finished_job_costs_that_job_and_is_never_read(tmp_path: Path) -> None:
    def run() -> list[dict[str, Any]]:
        return side_by_side(draw, [{"seed": 3}], workers=1, threads=1, checkpoints=tmp_path, label="draws")

    whole = run()
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    for position in range(0, len(content), len(content) // 40):
        file.write_bytes(content[:position] + bytes([content[position] ^ 16]) + content[position + 1 :])
        assert same(run(), whole), position
        assert file.read_bytes() == content


def test_the_one_clear_line_of_a_worker_survives_and_so_do_the_results_of_others(tmp_path: Path) -> None:
    jobs = [{"seed": s, "folder": str(tmp_path)} for s in (1, 2)]
    with pytest.raises(StudyError) as caught:
        side_by_side(stumble, jobs, workers=2, threads=1, checkpoints=tmp_path / "c", label="folds")
    assert str(caught.value) == "fold 3 has no events; use fewer folds"
    assert caught.value._render_traceback_() == ["StudyError: fold 3 has no events; use fewer folds"]
    assert len(list((tmp_path / "c").glob("stumble-*.pt"))) == 1
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_worker_that_is_killed_is_named_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="one of 2 worker processes was killed, most often for want of memory"):
        side_by_side(die, [{"seed": s} for s in range(4)], workers=2, threads=1, checkpoints=tmp_path, label="deaths")


def test_a_result_that_could_not_be_read_back_is_refused_when_it_is_made(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="unreadable must return tensors, numbers"):
        side_by_side(unreadable, [{"seed": 1}], workers=1, threads=1, checkpoints=tmp_path, label="x")
