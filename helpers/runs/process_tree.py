"""Ending a process with all that it started. Kernels are in sessions of their own, so a process group is not enough."""

from __future__ import annotations

import psutil


def descendants(process: int) -> set[psutil.Process]:
    """All living processes below a process."""
    try:
        return set(psutil.Process(process).children(recursive=True))
    except psutil.NoSuchProcess:
        return set()


def kill_descendants(process: int) -> None:
    """Kill all that a process started, but not the process itself."""
    kill(descendants(process))


def kill_tree(process: int, also: set[psutil.Process] | None = None) -> None:
    """Kill a process and all that it started.

    Args:
        process: its id.
        also: descendants seen earlier, whose own parents may be gone.
    """
    below = descendants(process)
    try:
        own = {psutil.Process(process)}
    except psutil.NoSuchProcess:
        own = set()
    kill(own | below | (also or set()))


def kill(processes: set[psutil.Process]) -> None:
    """Kill processes, children of theirs that appear meanwhile included; returns when they are gone (at most 10 s)."""
    for process in processes:
        try:
            late = process.children(recursive=True)
            process.kill()
        except psutil.Error:
            continue
        for child in late:
            if child not in processes:
                try:
                    child.kill()
                except psutil.Error:
                    continue
    psutil.wait_procs(processes, timeout=10)
