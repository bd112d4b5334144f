"""Freed memory stays with the process."""

import platform
import subprocess
import sys

import pytest

from helpers.places import ROOT

ROUNDS = """
import resource, sys
from helpers.allocation import keep_freed_memory
taken = keep_freed_memory() if sys.argv[1] == "keep" else True
def round_of_blocks():
    blocks = [bytearray(5 * 2**20) for _ in range(8)]
    for block in blocks:
        block[::4096] = b"x" * len(block[::4096])
round_of_blocks()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    round_of_blocks()
print(taken, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_pages_of_freed_blocks_are_not_asked_for_again():
    faults = {}
    for mode in ("plain", "keep"):
        done = subprocess.run(
            [sys.executable, "-c", ROUNDS, mode], cwd=ROOT, capture_output=True, text=True, check=True
        )
        taken, count = done.stdout.split()
        assert taken == "True"
        faults[mode] = int(count)
    assert faults["keep"] < faults["plain"] / 4
