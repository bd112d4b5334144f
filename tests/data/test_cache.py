"""The cache gives what was built, or builds it anew; it never gives anything else and never fails a run."""

import multiprocessing
import resource
from pathlib import Path

import pytest
import torch

from helpers.data.cache import Tensors, cached


class Builder:
    """Counts how often it was asked."""

    def __init__(self, value: float = 1.0) -> None:
        self.calls, self.value = 0, value

    def __call__(self) -> Tensors:
        self.calls += 1
        return {"x": torch.full((64, 8), self.value), "kind": torch.arange(5), "flag": torch.tensor([True, False])}


def same(a: Tensors, b: Tensors) -> bool:
    return a.keys() == b.keys() and all(a[k].dtype == b[k].dtype and torch.equal(a[k], b[k]) for k in a)


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_what_was_built_once_is_read_again(tmp_path: Path) -> None:
    build = Builder()
    first, second = cached({"a": 1}, build, tmp_path), cached({"a": 1}, build, tmp_path)
    assert build.calls == 1
    assert same(first, second)
    assert same(second, Builder()())


def test_another_key_is_built_for_itself(tmp_path: Path) -> None:
    cached({"a": 1}, Builder(1.0), tmp_path)
    assert cached({"a": 2}, Builder(2.0), tmp_path)["x"][0, 0] == 2.0
    assert cached({"a": 1}, Builder(3.0), tmp_path)["x"][0, 0] == 1.0


def test_the_order_of_a_keys_entries_does_not_matter(tmp_path: Path) -> None:
    build = Builder()
    cached({"a": 1, "b": 2}, build, tmp_path)
    cached({"b": 2, "a": 1}, build, tmp_path)
    assert build.calls == 1


@pytest.mark.parametrize("kept", [0, 5, 100, 0.5, 0.999])
def test_a_file_cut_short_is_built_anew(tmp_path: Path, kept: float) -> None:
    cached({"a": 1}, Builder(), tmp_path)
    path = only_file(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    again = Builder()
    assert same(cached({"a": 1}, again, tmp_path), Builder()())
    cached({"a": 1}, again, tmp_path)
    assert again.calls == 1


def test_a_flipped_bit_anywhere_is_noticed(tmp_path: Path) -> None:
    cached({"a": 1}, Builder(), tmp_path)
    path = only_file(tmp_path)
    content = path.read_bytes()
    for position in range(0, len(content), 41):
        path.write_bytes(content[:position] + bytes([content[position] ^ 4]) + content[position + 1 :])
        assert same(cached({"a": 1}, Builder(), tmp_path), Builder()()), position


def test_the_file_of_another_key_under_this_name_is_not_taken(tmp_path: Path) -> None:
    cached({"a": 1}, Builder(1.0), tmp_path / "one")
    cached({"a": 2}, Builder(2.0), tmp_path / "two")
    only_file(tmp_path / "one").write_bytes(only_file(tmp_path / "two").read_bytes())
    assert cached({"a": 1}, Builder(1.0), tmp_path / "one")["x"][0, 0] == 1.0


def test_views_of_one_memory_and_empty_tensors_are_kept(tmp_path: Path) -> None:
    whole = torch.arange(12.0).reshape(3, 4)
    built = {"a": whole, "b": whole[1:], "c": whole, "t": whole.T, "none": torch.empty(0, 3), "scalar": torch.tensor(2)}
    cached({"a": 1}, lambda: built, tmp_path)
    assert same(cached({"a": 1}, Builder(), tmp_path), built)


def _write(folder: Path, number: int) -> None:
    for _ in range(10):
        found = cached({"a": 1}, Builder(), folder)
        assert same(found, Builder()())
        for path in folder.glob("*.safetensors"):
            damaged = folder / f"damaged{number}"
            damaged.write_bytes(path.read_bytes()[: 100 * number])
            damaged.replace(path)


def test_writers_that_race_and_destroy_never_give_wrong_tensors(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_write, args=(tmp_path, number)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert not list(tmp_path.glob("*.partial"))


def _on_a_full_disk(folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # every write past 1000 bytes fails, as on a full disk
    assert same(cached({"a": 1}, Builder(), folder), Builder()())


def test_a_full_disk_costs_the_cache_and_not_the_run(tmp_path: Path) -> None:
    worker = multiprocessing.get_context("fork").Process(target=_on_a_full_disk, args=(tmp_path,))
    worker.start()
    worker.join(60)
    assert worker.exitcode == 0
    assert list(tmp_path.iterdir()) == []
    again = Builder()
    cached({"a": 1}, again, tmp_path)
    assert again.calls == 1


def test_a_folder_that_cannot_be_made_costs_the_cache_and_not_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert same(cached({"a": 1}, Builder(), tmp_path / "file" / "cache"), Builder()())
