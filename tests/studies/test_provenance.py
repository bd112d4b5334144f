"""Provenance says where a number comes from, in plain values."""

import json
import multiprocessing
import time
from multiprocessing.synchronize import Event

import pytest

from helpers.studies import provenance as module
from helpers.studies.provenance import Stopwatch, provenance


def test_it_names_code_packages_machine_and_data_and_is_json() -> None:
    told = json.loads(json.dumps({**provenance("stub", "abc", 1, 2), **Stopwatch().read()}, allow_nan=False))
    assert {"study", "code", "packages", "python", "system", "processor", "threads", "workers", "data_fingerprint",
            "started", "wall_seconds", "peak_memory_mib"} == set(told)  # fmt: skip
    assert set(told["code"]) == {"version", "commit", "dirty"}
    assert told["packages"]["torch"]
    assert told["data_fingerprint"] == "abc"
    assert (told["threads"], told["workers"]) == (1, 2)
    assert told["processor"]


def test_without_git_or_a_package_it_says_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert module._git() == {"commit": None, "dirty": None}
    assert module._version("no-such-package") is None


def _hog(ready: Event, leave: Event) -> None:
    filled = bytearray(b"x" * (600 * 2**20))
    ready.set()
    leave.wait(30)
    assert filled


def test_peak_memory_counts_a_child_that_still_lives_and_time_passes() -> None:
    watch, before = Stopwatch(), Stopwatch().read()
    context = multiprocessing.get_context("fork")
    ready, leave = context.Event(), context.Event()
    child = context.Process(target=_hog, args=(ready, leave))
    child.start()
    assert ready.wait(30)
    time.sleep(0.02)
    told = watch.read()
    leave.set()
    child.join(30)
    assert told["peak_memory_mib"] >= 600
    assert told["peak_memory_mib"] >= before["peak_memory_mib"]
    assert told["wall_seconds"] >= 0.02
